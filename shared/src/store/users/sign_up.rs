//! Sign-up: one transaction of the user and their markers.
//!
//! The caller counts the sign-up first ([`RateLimits::consume_sign_up`]), whatever its outcome.
//! Otherwise a client could test any number of names.
//!
//! [`RateLimits::consume_sign_up`]: crate::store::RateLimits::consume_sign_up

use super::{Users, administrators, item};
use crate::aws::{Connections, FromConfig};
use crate::domain::{
    Actor, AuditEvent, Authority, Error, InternalError, NewSession, NewUser, Result, Role, User,
    UserChange, Username,
};
use crate::store::dynamodb::{Conflict, Marker, Write, WriteOutcome, key};
use crate::store::{NotificationKind, outbox};
use crate::telemetry::log;

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
    /// Creates a user, with a `session` if they are logged in at once. Only the operator may use a
    /// reserved name.
    ///
    /// If responses must not reveal which accounts exist, a taken e-mail gets the same response: a
    /// user that is not stored. The owner of the e-mail is notified.
    ///
    /// # Errors
    /// [`Error::UsernameTaken`], `EmailTaken`; `Invalid` if the password is too short for an
    /// administrator.
    pub async fn sign_up(
        &self,
        new: NewUser,
        session: Option<&NewSession>,
        actor: &Actor,
    ) -> Result<User> {
        if matches!(actor.authority, Authority::Operator) {
            return self.sign_up_with(new, actor, |_| ()).await;
        }
        if new.username.as_ref().is_some_and(Username::is_reserved) {
            return Err(Error::UsernameTaken);
        }
        let source = actor.source();
        let fill = |user: &mut UserChange| {
            user.add_source(&source);
            session
                .into_iter()
                .for_each(|session| user.start_session(session));
        };
        let outcome = self.sign_up_with(new.clone(), actor, fill).await;
        if !self.is_strict() {
            return outcome;
        }
        // Both outcomes take the same calls and get the same response.
        let user = match outcome {
            Ok(user) => user,
            Err(Error::EmailTaken) => new.into_user()?,
            Err(error) => return Err(error),
        };
        // The user may exist, so no error may reach the client.
        if let Err(error) = self.notify_owner(&user, actor).await {
            log::warning(
                "the owner of an address was not notified",
                &error.into_internal(),
            );
        }
        Ok(user)
    }

    /// Notifies the owner of the e-mail of `user`, unless they are the owner. Two reads and a write
    /// in both cases.
    async fn notify_owner(&self, user: &User, actor: &Actor) -> Result<()> {
        let owner = self.owner_of_email(&user.email).await?.unwrap_or_default();
        let message = match self.by_uuid(owner).await? {
            Some(owner) if owner.uuid != user.uuid => {
                outbox::enqueue(&NotificationKind::AddressInUse, &owner, actor.language)?
            }
            _ => outbox::enqueue_nothing()?,
        };
        self.database.write(vec![message]).await?;
        Ok(())
    }

    /// As [`Users::sign_up`], with further fields that `fill` sets.
    pub(super) async fn sign_up_with(
        &self,
        new: NewUser,
        actor: &Actor,
        fill: impl Fn(&mut UserChange),
    ) -> Result<User> {
        for _ in 0..MAX_IDENTITIES {
            let mut user = UserChange::new(new.clone().into_user()?);
            fill(&mut user);
            let (user, _) = user.finish(); // a sign-up is one event
            administrators::check_password(&user, AuditEvent::SignUp)?;
            if let Some(user) = self.insert(user, actor).await? {
                return Ok(user);
            }
        }
        Err(InternalError::new("no identity is free").into())
    }

    /// Writes a new user. `None` if another user has the same id.
    async fn insert(&self, user: User, actor: &Actor) -> Result<Option<User>> {
        let markers = key::markers(&user, self.phone_region);
        let record = self
            .audit_log
            .record(Some(user.id()), AuditEvent::SignUp, actor)?;
        let mut writes = vec![Write::Create(
            key::user(user.id()),
            item::from_user(&user),
            Conflict::User,
        )];
        writes.extend(markers.iter().map(|(name, marker)| {
            let marker = Marker {
                key: marker.clone(),
                owner: user.uuid,
                expires_at: None,
            };
            Write::Claim(marker, Conflict::Taken(*name))
        }));
        writes.extend(administrators::update_count(false, user.is_active_admin()));
        writes.push(record);
        let failed = match self.database.write(writes).await {
            Ok(WriteOutcome::Committed) => return Ok(Some(user)),
            Ok(WriteOutcome::ConditionFailed(failed)) => failed,
            Err(error) if error.is_indeterminate() => {
                return self.confirm_created(user, error).await.map(Some);
            }
            Err(error) => return Err(error.into()),
        };
        // The default user name is derived from the id, so both conflict together. Report the id.
        if failed.contains(&Conflict::User) {
            // An earlier attempt may have created this user, with its response lost.
            let owner = self.owner_of_email(&user.email).await?;
            return Ok((owner == Some(user.uuid)).then_some(user));
        }
        match failed.first() {
            None => Ok(None),
            Some(conflict) => Err(conflict.into_error()),
        }
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
