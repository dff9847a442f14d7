//! Sign-up: one transaction that writes the user, the markers of its names, and the count of
//! sign-ups from its source. One that is refused for a name is counted after it, by itself: or
//! else anyone could ask for as many names as they like whether somebody has them.

use super::{Users, administrators, item};
use crate::database::{Conflict, FailedCondition, Write, WriteOutcome, key};
use crate::limits::Limit;
use crate::{By, Error, Event, Fault, NewUser, Result, User, Username};

/// How often a new identity is drawn. Two sign-ups in one millisecond meet once in 4,096 times.
const MOST_IDENTITIES: usize = 5;

impl Users {
    /// Makes a user. `limit` counts the sign-up, unless it is the operator's, who alone may give a
    /// name that is reserved.
    ///
    /// # Errors
    /// [`Error::UsernameTaken`], `EmailTaken`; `TooMany` where the limit is used up.
    pub async fn sign_up(&self, new: NewUser, limit: Option<&Limit>, by: &By) -> Result<User> {
        if let (Some(limit), Some(true)) = (limit, new.username.as_ref().map(Username::is_reserved))
        {
            self.count(limit).await?;
            return Err(Error::UsernameTaken);
        }
        self.sign_up_with(new, limit, by, |_| ()).await
    }

    /// As [`Users::sign_up`], of a user who begins with more than a form asks for.
    pub(super) async fn sign_up_with(
        &self,
        new: NewUser,
        limit: Option<&Limit>,
        by: &By,
        fill: impl Fn(&mut User),
    ) -> Result<User> {
        for _ in 0..MOST_IDENTITIES {
            let mut user = new.clone().into_user()?;
            fill(&mut user);
            if let Some(user) = self.insert(user, limit, by).await? {
                return Ok(user);
            }
        }
        Err(Fault::new("no identity is free").into())
    }

    /// Writes a new user; `None` where its identity is another's.
    async fn insert(&self, user: User, limit: Option<&Limit>, by: &By) -> Result<Option<User>> {
        let markers = key::markers(&user);
        let entry = self.trail.entry(Some(user.id()), Event::SignUp, by)?;
        let writes = || {
            let mut writes = vec![Write::Create(
                key::user(user.id()),
                item::of(&user),
                Conflict::User,
            )];
            writes.extend(markers.iter().map(|(name, marker)| {
                Write::Create(
                    marker.clone(),
                    item::marker(user.uuid),
                    Conflict::Taken(*name),
                )
            }));
            writes.extend(administrators::counted(false, user.administers()));
            writes.push(entry.clone());
            writes
        };
        let failed = match self.database.write_counted(limit, writes).await {
            Ok(WriteOutcome::Committed(_)) => return Ok(Some(user)),
            Ok(WriteOutcome::ConditionFailed(failed)) => failed,
            Err(Error::Internal(fault)) if fault.is_unclear() => {
                return self.settle(user, fault).await.map(Some);
            }
            Err(error) => return Err(error),
        };
        // An earlier attempt may have created this very user, and its response was lost.
        let is_ours = |failed: &FailedCondition| {
            let Some(item) = &failed.item else {
                return false;
            };
            item::uuid(item).or_else(|| item::owner(item)) == Some(user.uuid)
        };
        if failed.iter().any(is_ours) {
            return Ok(Some(user));
        }
        // A name derived from the identity is taken with it. That is no conflict of names.
        if failed
            .iter()
            .any(|failed| failed.conflict == Conflict::User)
        {
            return Ok(None);
        }
        let Some(FailedCondition { conflict, .. }) = failed.first() else {
            return Ok(None);
        };
        if let (Some(limit), Conflict::Taken(_)) = (limit, conflict) {
            self.count(limit).await?;
        }
        Err((*conflict).into())
    }

    /// Nobody said whether the user was made: the owner of its marker tells.
    async fn settle(&self, user: User, fault: Fault) -> Result<User> {
        let owner = self.owner_of_email(&user.email).await?;
        if owner == Some(user.uuid) {
            Ok(user)
        } else {
            Err(fault.into())
        }
    }
}
