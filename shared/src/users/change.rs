//! Changes of a user: optimistic writes that are retried, and checked before each try.
//!
//! A change is a function of the user as stored. It is written on the condition that the user is
//! still as read. It is a transaction if a unique name changes, or if something else must change
//! with it. After a conflict the user is read again, and so the actor's authority is checked again:
//! what entitled them to the change may be gone.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{Users, administrators, item};
use crate::authority::{Admission, Authority};
use crate::captchas::Claim;
use crate::database::{
    AttributeValue, Conflict, FailedCondition, Key, PATIENCE, Update, Write, WriteOutcome, key,
    number,
};
use crate::limits::Limit;
use crate::outbox::{self, Matter};
use crate::seal::Sealed;
use crate::{Access, By, Error, Event, Fault, PasswordHash, Result, User, clock};

/// How often a change is tried on a user that others change at the same time.
pub(super) const MOST_TRIES: usize = 20;

/// The attribute that every write of a user raises.
const VERSION: &str = "version";

/// What must be as read when a change is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lock {
    /// The whole user, by its version: optimistic locking.
    User,
    /// These attributes, and those that the change sets. Changes of other attributes cannot make
    /// the write fail, however many there are. It raises the version all the same, so that they
    /// see it.
    Attributes(&'static [&'static str]),
}

impl Users {
    /// Changes `user`, as read before, and returns the user after the change. A change without
    /// effect writes nothing. A new e-mail is notified to the former address, and events are
    /// recorded in the audit log.
    ///
    /// # Errors
    /// [`Error::UsernameTaken`], `EmailTaken`, `PhoneTaken`, `WxTaken`; `LastAdministrator`;
    /// `NoSuchAccount` if the user was deleted meanwhile; the error of `by`'s authority if that was
    /// lost meanwhile. Nothing is written then.
    pub async fn change(&self, user: User, by: &By, change: impl Fn(&mut User)) -> Result<User> {
        let notices = |before: &User, after: &User| {
            let moved = before.email.canonical() != after.email.canonical();
            Ok(moved
                .then(|| outbox::post(&Matter::EmailChanged, before, by.language))
                .transpose()?
                .into_iter()
                .collect())
        };
        self.write(user, by, Lock::User, dated(change), notices)
            .await
    }

    /// Blocks or unblocks `user`. Concurrent changes by others cannot make it fail.
    ///
    /// # Errors
    /// [`Error::LastAdministrator`]; as [`Users::change`].
    pub async fn set_blocked(&self, user: User, by: &By, blocked: bool) -> Result<User> {
        self.set_role(user, by, |user| user.blocked = blocked).await
    }

    /// Sets what `user` may do. Concurrent changes by others cannot make it fail.
    ///
    /// # Errors
    /// [`Error::LastAdministrator`]; as [`Users::change`].
    pub async fn set_access(&self, user: User, by: &By, access: Access) -> Result<User> {
        self.set_role(user, by, |user| user.access = access).await
    }

    async fn set_role(&self, user: User, by: &By, change: impl Fn(&mut User)) -> Result<User> {
        // The count of administrators depends on both, whichever of them changes.
        let lock = Lock::Attributes(&["access", "blocked"]);
        self.write(user, by, lock, dated(change), |_, _| Ok(vec![]))
            .await
    }

    /// Marks as verified the address of `user` that a mailed link was verified for.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`] if the address is another meanwhile, or the user was deleted.
    pub async fn verify_email(&self, user: User, by: &By) -> Result<User> {
        let authority = Authority::MailedLink {
            email_version: user.email_version,
        };
        let by = By {
            actor: Some(user.uuid),
            authority,
            ..by.clone()
        };
        self.change(user, &by, |user| user.email_verified = true)
            .await
    }

    /// Sets a new password for `user`, whose old password was verified, or whose mailed code is
    /// `claim`. Ends every token issued before and notifies the user by mail. Uses up the code and
    /// resets the count of `tries`. Concurrent changes of other attributes cannot make it fail.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] if the password is another meanwhile; [`Error::BadCode`] if the code
    /// was used or voided meanwhile; [`Error::NoSuchAccount`] if the user was deleted.
    pub async fn change_password(
        &self,
        user: User,
        hash: &PasswordHash,
        claim: Option<&Claim>,
        tries: &Limit,
        by: &By,
    ) -> Result<User> {
        let (token_version, email_version) = (user.token_version, user.email_version);
        let (authority, lock) = match claim {
            None => (
                Authority::Password {
                    token_version,
                    admission: None,
                },
                Lock::Attributes(&["access"]),
            ),
            Some(_) => (
                Authority::MailedCode {
                    token_version,
                    email_version,
                },
                Lock::Attributes(&["access", "email_version"]),
            ),
        };
        let by = By {
            authority,
            ..by.clone()
        };
        let change = |user: &mut User| {
            if user.password != *hash {
                user.password = hash.clone();
                user.token_version = user.token_version.saturating_add(1);
            }
        };
        let also = |before: &User, after: &User| {
            let mut writes = vec![
                outbox::post(&Matter::PasswordChanged, after, by.language)?,
                tries.end(),
            ];
            writes.extend(claim.map(|claim| claim.consume(before)));
            Ok(writes)
        };
        self.write(user, &by, lock, dated(change), also).await
    }

    /// Records a login of `user`, whose password was verified: its time, and a `renewed` hash of
    /// the same password where one is due. Resets the count of `tries`.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] if the password is another meanwhile; [`Error::Blocked`];
    /// [`Error::NoSuchAccount`] if the user was deleted.
    pub(super) async fn record_login(
        &self,
        user: User,
        renewed: Option<&PasswordHash>,
        tries: &Limit,
        by: &By,
    ) -> Result<User> {
        let authority = Authority::Password {
            token_version: user.token_version,
            admission: Some(Admission::Unblocked),
        };
        let by = By {
            actor: Some(user.uuid),
            authority,
            ..by.clone()
        };
        let now = clock::now();
        let change = |user: &mut User| {
            user.last_login = Some(now);
            user.password = renewed.unwrap_or(&user.password).clone();
        };
        let also = |_: &User, after: &User| {
            Ok(vec![
                tries.end(),
                self.trail.entry(Some(after.id()), Event::Login, &by)?,
            ])
        };
        let user = self.write(user, &by, Lock::User, change, also).await?;
        // After a lost response, `user` is a later read, possibly with a new password. The caller
        // issues a token for what this returns.
        by.authority.check(&user)?;
        Ok(user)
    }

    /// Saves a real name and an ID number, sealed, where there are none yet. Where there are, that
    /// it was tried is kept in the trail, and nothing else changes. One write.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn verify_real_name(
        &self,
        user: User,
        by: &By,
        name: &Sealed,
        id_card: &Sealed,
    ) -> Result<()> {
        let fill = |user: &mut User| {
            if user.real_name.is_none() && user.id_card.is_none() {
                user.real_name = Some(name.clone());
                user.id_card = Some(id_card.clone());
            }
        };
        let id = user.id();
        let saved = self.change(user, by, fill).await?;
        if saved.real_name.as_ref() != Some(name) {
            self.database
                .write(vec![self.trail.entry(
                    Some(id),
                    Event::RealNameAgain,
                    by,
                )?])
                .await?;
        }
        Ok(())
    }

    /// Writes what `change` makes of `user`, together with what `also` returns for the user before
    /// and after, and with the audit records. Retries on a conflict, at most [`MOST_TRIES`] times.
    ///
    /// # Errors
    /// As [`Users::change`], and the error that the conflict of an `also` write means.
    pub(super) async fn write(
        &self,
        mut user: User,
        by: &By,
        lock: Lock,
        change: impl Fn(&mut User),
        also: impl Fn(&User, &User) -> Result<Vec<Write>, Fault>,
    ) -> Result<User> {
        let (mut last, started) = (
            Fault::new("a user is being changed too often"),
            Instant::now(),
        );
        for _ in 0..MOST_TRIES {
            let mut changed = user.clone();
            change(&mut changed);
            // True also after a try that was made, but whose response was lost.
            if changed == user {
                return Ok(user);
            }
            by.authority
                .check(&user)
                .map_err(|error| error.after(&last))?;
            changed.version = user.version.saturating_add(1);

            let locked = locked(&user, &changed, lock);
            let mut writes = vec![Write::Update(
                update(&user, &changed, &locked),
                Conflict::User,
            )];
            writes.extend(
                by.authority
                    .condition(&user)
                    .map(|check| Write::Check(check, Conflict::Authority)),
            );
            writes.extend(administrators::counted(
                user.administers(),
                changed.administers(),
            ));
            writes.extend(moved_markers(&user, &changed));
            writes.extend(also(&user, &changed)?);
            for event in Event::between(&user, &changed) {
                writes.push(self.trail.entry(Some(user.id()), event, by)?);
            }

            let failed = match self.database.write(writes).await {
                Ok(WriteOutcome::Committed(_)) => return Ok(changed),
                Ok(WriteOutcome::ConditionFailed(failed)) => failed,
                Err(fault) if fault.is_unclear() => {
                    last = fault;
                    Vec::new()
                }
                Err(fault) => return Err(fault.after(&last).into()),
            };
            let fresh = self
                .by_uuid(user.uuid)
                .await
                .map_err(|error| error.after(&last))?;
            let fresh = fresh.ok_or_else(|| by.authority.deleted(user.uuid))?;
            // After a change of a locked attribute, the other conflicts may be outdated: try again.
            let item = item::of(&fresh);
            if locked
                .iter()
                .all(|(name, value)| item.get(name) == value.as_ref())
            {
                for FailedCondition { conflict, item } in failed {
                    match conflict {
                        Conflict::User => {}
                        Conflict::Authority => return Err(by.authority.lost(item.as_ref())),
                        conflict => return Err(Error::from(conflict).after(&last)),
                    }
                }
            }
            if last.is_unclear() && started.elapsed() > PATIENCE {
                break;
            }
            user = fresh;
        }
        Err(last.into())
    }
}

/// `change`, with the time of the change in `updated_at` if it has an effect.
fn dated(change: impl Fn(&mut User)) -> impl Fn(&mut User) {
    move |user| {
        let before = user.clone();
        change(user);
        if *user != before {
            user.updated_at = clock::now();
        }
    }
}

/// The writes that release the markers of former names and create those of new ones.
fn moved_markers(from: &User, to: &User) -> Vec<Write> {
    let (before, after) = (key::markers(from), key::markers(to));
    let release =
        |(_, marker): &(_, Key)| Write::DeleteIfOwner(marker.clone(), from.uuid, Conflict::User);
    let create = |(name, marker): &(_, Key)| {
        Write::Create(
            marker.clone(),
            item::marker(from.uuid),
            Conflict::Taken(*name),
        )
    };
    let new = after
        .iter()
        .filter(|marker| !before.contains(marker))
        .map(create);
    let former = before
        .iter()
        .filter(|marker| !after.contains(marker))
        .map(release);
    new.chain(former).collect()
}

/// An attribute, and its value; `None` if there is none.
type Attribute = (String, Option<AttributeValue>);

/// The attributes that must be as read when the change is written.
fn locked(from: &User, to: &User, lock: Lock) -> Vec<Attribute> {
    let (before, after) = (item::of(from), item::of(to));
    let names: BTreeSet<&str> = match lock {
        Lock::User => [VERSION].into(),
        Lock::Attributes(names) => {
            let set = before.keys().chain(after.keys()).map(String::as_str);
            let set = set.filter(|name| before.get(*name) != after.get(*name));
            let set = set.filter(|name| ![VERSION, "updated_at"].contains(name));
            set.chain(names.iter().copied()).chain(["uuid"]).collect()
        }
    };
    names
        .into_iter()
        .map(|name| (name.to_owned(), before.get(name).cloned()))
        .collect()
}

/// The update of the attributes in which the two users differ, if the `locked` ones are as read.
fn update(from: &User, to: &User, locked: &[Attribute]) -> Update {
    let (before, after) = (item::of(from), item::of(to));
    let mut set: Vec<_> = after
        .iter()
        .filter(|(name, value)| *name != VERSION && before.get(*name) != Some(value))
        .collect();
    set.sort_by_key(|(name, _)| *name);
    let removed: Vec<&String> = before
        .keys()
        .filter(|name| !after.contains_key(*name))
        .collect();

    let assignments = set.iter().map(|(name, _)| format!("#{name} = :{name}"));
    let raise = format!("#{VERSION} = #{VERSION} + :one");
    let assignments: Vec<String> = assignments.chain([raise]).collect();
    let remove: Vec<String> = removed.iter().map(|name| format!("#{name}")).collect();
    let remove = if remove.is_empty() {
        String::new()
    } else {
        format!(" REMOVE {}", remove.join(", "))
    };
    let conditions = locked.iter().map(|(name, value)| match value {
        Some(_) => format!("#{name} = :was_{name}"),
        None => format!("attribute_not_exists(#{name})"),
    });
    let conditions: Vec<String> = conditions.collect();

    let written = set
        .iter()
        .map(|(name, _)| name.as_str())
        .chain(removed.iter().map(|name| name.as_str()));
    let names: BTreeSet<&str> = written
        .chain(locked.iter().map(|(name, _)| name.as_str()))
        .chain([VERSION])
        .collect();
    let new = set
        .iter()
        .map(|(name, value)| (format!(":{name}"), (*value).clone()));
    let former = locked
        .iter()
        .filter_map(|(name, value)| Some((format!(":was_{name}"), value.clone()?)));
    Update {
        key: key::user(from.id()),
        expression: format!("SET {}{remove}", assignments.join(", ")),
        condition: conditions.join(" AND "),
        names: names
            .into_iter()
            .map(|name| (format!("#{name}"), name.to_owned()))
            .collect(),
        values: new
            .chain(former)
            .chain([(":one".to_owned(), number(1))])
            .collect(),
    }
}
