//! Sign-up: one transaction that writes the user, the markers of its names, and the count of
//! sign-ups from its source. One that is refused for a name is counted after it, by itself: or
//! else anyone could ask for as many names as they like whether somebody has them.

use super::{Users, administrators, item, taken};
use crate::database::{Write, Written, key};
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
        if let (Some(limit), Some(true)) = (limit, new.username.as_ref().map(Username::is_reserved)) {
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
            let mut writes = vec![Write::New(key::user(user.id()), item::of(&user))];
            writes.extend(markers.iter().map(|marker| Write::New(marker.clone(), item::marker(user.uuid))));
            writes.extend(administrators::counted(false, user.administers()));
            writes.push(entry.clone());
            writes
        };
        let refusals = match self.database.write_counted(limit, writes).await {
            Ok(Written::Done(_)) => return Ok(Some(user)),
            Ok(Written::Refused(refusals)) => refusals,
            Err(Error::Internal(fault)) if fault.is_unclear() => {
                return self.settle(user, fault).await.map(Some);
            }
            Err(error) => return Err(error),
        };
        // An earlier attempt, whose answer was lost, may have made this very user.
        let mut refusals = refusals.into_iter();
        if let Some(Some(held)) = refusals.next() {
            // A name that comes of the identity is then taken with it, and says nothing.
            let ours = held.as_ref().and_then(item::uuid) == Some(user.uuid);
            return Ok(ours.then_some(user));
        }
        for (marker, refusal) in markers.iter().zip(refusals) {
            let Some(held) = refusal else { continue };
            let ours = held.as_ref().and_then(item::owner) == Some(user.uuid);
            if ours {
                return Ok(Some(user));
            }
            if let Some(limit) = limit {
                self.count(limit).await?;
            }
            return Err(taken(marker));
        }
        Ok(None)
    }

    /// Nobody said whether the user was made: the owner of its marker tells.
    async fn settle(&self, user: User, fault: Fault) -> Result<User> {
        let owner = self.owner_of_email(&user.email).await?;
        if owner == Some(user.uuid) { Ok(user) } else { Err(fault.into()) }
    }
}
