//! Sign-up: one transaction of the user, their markers, and the rate limit.
//!
//! The limit is per client IP address. A sign-up that fails because a name is taken is counted in
//! a separate write. Otherwise a client could test any number of names.

use super::{Users, administrators, item};
use crate::aws::{Connections, FromConfig};
use crate::domain::{
    Actor, AuditEvent, Error, InternalError, NewUser, Result, Role, User, UserChange, Username,
};
use crate::store::dynamodb::{Conflict, FailedCondition, Write, WriteOutcome, key};
use crate::store::{RateLimit, rate_limits};

/// How many UUIDs are tried. Two sign-ups in the same millisecond get the same id with a
/// probability of 1 in 4,096.
const MAX_IDENTITIES: usize = 5;

/// The access of accounts made by sign-up.
pub struct NewUserAccess(Role);

impl NewUserAccess {
    /// The role of a new account.
    #[must_use]
    pub fn role(&self) -> Role {
        self.0
    }
}

impl FromConfig for NewUserAccess {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        match connections.config.required("NEW_USER_ACCESS")?.as_str() {
            "user" => Ok(Self(Role::User)),
            "unregistered" => Ok(Self(Role::Unregistered)),
            _ => Err(InternalError::new(
                "the variable NEW_USER_ACCESS is neither user nor unregistered",
            )),
        }
    }
}

impl Users {
    /// Creates a user. The operator passes no `limit`, and is the only one who may use a reserved
    /// name.
    ///
    /// # Errors
    /// [`Error::UsernameTaken`], `EmailTaken`; `RateLimited` if the limit is used up.
    pub async fn sign_up(
        &self,
        new: NewUser,
        limit: Option<&RateLimit>,
        actor: &Actor,
    ) -> Result<User> {
        if let (Some(limit), Some(true)) = (limit, new.username.as_ref().map(Username::is_reserved))
        {
            rate_limits::consume(&self.database, limit).await?;
            return Err(Error::UsernameTaken);
        }
        self.sign_up_with(new, limit, actor, |_| ()).await
    }

    /// As [`Users::sign_up`], with further fields that `fill` sets.
    pub(super) async fn sign_up_with(
        &self,
        new: NewUser,
        limit: Option<&RateLimit>,
        actor: &Actor,
        fill: impl Fn(&mut UserChange),
    ) -> Result<User> {
        for _ in 0..MAX_IDENTITIES {
            let mut user = UserChange::new(new.clone().into_user()?);
            fill(&mut user);
            let (user, _) = user.finish(); // a sign-up is one event
            if let Some(user) = self.insert(user, limit, actor).await? {
                return Ok(user);
            }
        }
        Err(InternalError::new("no identity is free").into())
    }

    /// Writes a new user. `None` if another user has the same id.
    async fn insert(
        &self,
        user: User,
        limit: Option<&RateLimit>,
        actor: &Actor,
    ) -> Result<Option<User>> {
        let markers = key::markers(&user, self.phone_region);
        let record = self
            .audit_log
            .record(Some(user.id()), AuditEvent::SignUp, actor)?;
        let writes = || {
            let mut writes = vec![Write::Create(
                key::user(user.id()),
                item::from_user(&user),
                Conflict::User,
            )];
            writes.extend(markers.iter().map(|(name, marker)| {
                Write::Create(
                    marker.clone(),
                    item::marker(user.uuid),
                    Conflict::Taken(*name),
                )
            }));
            writes.extend(administrators::update_count(false, user.is_active_admin()));
            writes.push(record.clone());
            writes
        };
        let failed = match rate_limits::write_counted(&self.database, limit, writes).await {
            Ok(WriteOutcome::Committed(_)) => return Ok(Some(user)),
            Ok(WriteOutcome::ConditionFailed(failed)) => failed,
            Err(Error::Internal(error)) if error.is_indeterminate() => {
                return self.confirm_created(user, error).await.map(Some);
            }
            Err(error) => return Err(error),
        };
        // An earlier attempt may have created this user, with its response lost.
        let is_this_user = |failed: &FailedCondition| {
            let Some(item) = &failed.item else {
                return false;
            };
            item::uuid(item).or_else(|| item::owner(item)) == Some(user.uuid)
        };
        if failed.iter().any(is_this_user) {
            return Ok(Some(user));
        }
        // The default user name is derived from the id, so both conflict together. Report the id.
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
            rate_limits::consume(&self.database, limit).await?;
        }
        Err(conflict.into_error())
    }

    /// Finds out whether an indeterminate write created the user: if so, they own their e-mail.
    ///
    /// # Errors
    /// `error`, if they do not.
    async fn confirm_created(&self, user: User, error: InternalError) -> Result<User> {
        let owner = self.owner_of_email(&user.email).await?;
        if owner == Some(user.uuid) {
            Ok(user)
        } else {
            Err(error.into())
        }
    }
}
