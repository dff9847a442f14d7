//! Changes of a user, with optimistic locking and retries.
//!
//! A change is a function of the user as stored. It is written on the condition that the user is
//! still as read. It is a transaction if other items must change too, such as a unique name's
//! marker. After a conflict the user is read again and the actor's authority is checked again,
//! because the actor may have lost it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::item::{self, VERSION};
use super::{Users, UsersWithPasswords, administrators, authority, avatar};
use crate::domain::{
    Actor, Admission, AuditEvent, Authority, EncryptedField, InternalError, MailCodeGroup,
    NewSession, PasswordHash, PhoneRegion, Result, Role, User, UserChange, clock,
};
use crate::store::dynamodb::{
    AttributeValue, Conflict, Key, Marker, RETRY_BUDGET, Update, Write, WriteOutcome, key, number,
    pause,
};
use crate::store::{
    EmailHold, NotificationKind, PasswordTries, RateLimit, VerifiedCode, mail_codes, outbox,
    rate_limits,
};

/// How often a change is tried while others change the same user.
pub(super) const MAX_TRIES: usize = 40;

/// The number of tries without a pause. Of concurrent changes one succeeds at each try, so few need
/// more. Pauses of random length then keep many changes from colliding again.
const TRIES_WITHOUT_PAUSE: usize = 3;

/// What entitles to a new password.
pub enum PasswordChangeProof {
    /// The old password was right, in these tries.
    OldPassword(PasswordTries),
    /// A mail code was right.
    Code(VerifiedCode),
}

/// The attributes that must be unchanged since the read when a change is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lock {
    /// The whole user, by its version: optimistic locking.
    User,
    /// These attributes, and those that the change sets. Concurrent changes of other attributes
    /// cannot make the write fail. The write increments the version nevertheless, so that those
    /// changes detect it.
    Attributes(&'static [&'static str]),
    /// The same for a change that ends all sessions, and may forget the known sources. It removes
    /// them whichever they are, so no login can delay it. They are locked only if there are none.
    AllButSessions(&'static [&'static str]),
}

impl Users {
    /// Changes `user`, as read before, and returns the user after the change. A change without
    /// effect writes nothing. A former address is notified of a new one, if it was verified: whoever
    /// reads an unverified one may have nothing to do with the account. The object of a former
    /// avatar is deleted. Events are recorded in the audit log. A new address is counted first.
    ///
    /// # Errors
    /// [`Error::RateLimited`] after too many addresses in a day; [`Error::UsernameTaken`],
    /// `EmailTaken`, `PhoneTaken`, `WechatOpenIdTaken`; `LastAdministrator`;
    /// `NoSuchAccount` if the user was deleted meanwhile; the authority's error if the actor lost
    /// it meanwhile. Nothing is written then.
    pub async fn change(
        &self,
        user: User,
        actor: &Actor,
        change: impl Fn(&mut UserChange),
    ) -> Result<User> {
        let mut preview = UserChange::new(user.clone());
        change(&mut preview);
        if preview.email_version != user.email_version {
            let limit = rate_limits::email_changes(&user);
            self.limiter
                .consume(&[limit], Some(user.id()), actor)
                .await?;
        }
        let notices = |before: &User, after: &User| {
            let notify = before.email_verified && before.email_version != after.email_version;
            let hold = after
                .held_email()
                .filter(|held| held.version == after.email_version)
                .map(|held| EmailHold {
                    version: held.version,
                    until: held.until,
                });
            let kind = NotificationKind::EmailChanged { hold };
            Ok(notify
                .then(|| outbox::enqueue(&kind, before, actor.language))
                .transpose()?
                .into_iter()
                .collect())
        };
        self.write(user, actor, Lock::User, dated(change), notices)
            .await
    }

    /// Blocks or unblocks `user`. Concurrent changes by others cannot make it fail.
    ///
    /// # Errors
    /// [`Error::LastAdministrator`]; as [`Users::change`].
    pub async fn set_blocked(&self, user: User, actor: &Actor, blocked: bool) -> Result<User> {
        // A session that starts before the block must end with it.
        let lock = Lock::AllButSessions(&["role", "blocked"]);
        let change = |user: &mut UserChange| user.set_blocked(blocked);
        self.write(user, actor, lock, dated(change), |_, _| Ok(vec![]))
            .await
    }

    /// Marks the e-mail address of `user` as verified, after a mailed link was verified for it.
    /// `None` if it was verified already: only the first use of a link may show the user.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`] if the address was changed or the user was deleted meanwhile.
    pub async fn verify_email(&self, user: User, actor: &Actor) -> Result<Option<User>> {
        let authority = Authority::MailedLink {
            email_version: user.email_version,
        };
        let actor = Actor {
            user: Some(user.uuid),
            authority,
            ..actor.clone()
        };
        let is_first = AtomicBool::new(false);
        let verified = self.change(user, &actor, |user| {
            is_first.store(!user.email_verified, Ordering::Relaxed);
            user.verify_email();
        });
        let verified = verified.await?;
        Ok(is_first.load(Ordering::Relaxed).then_some(verified))
    }

    /// Restores the former e-mail address of `user`, whose link for the `hold` was verified. Ends all
    /// sessions, and mails a code for a new password to the restored address. Concurrent changes of
    /// other attributes cannot make it fail.
    ///
    /// # Errors
    /// [`Error::AlreadyUndone`] if the hold is no longer; [`Error::NoSuchAccount`] if the user was
    /// deleted.
    pub async fn undo_email_change(&self, user: User, hold: u64, actor: &Actor) -> Result<User> {
        let authority = Authority::UndoLink { hold };
        authority.check(&user)?;
        let actor = Actor {
            user: Some(user.uuid),
            authority,
            ..actor.clone()
        };
        let change = |user: &mut UserChange| user.undo_email_change(hold);
        let extra_writes = |_: &User, after: &User| {
            let group = MailCodeGroup::Password;
            mail_codes::issue(after, group, actor.language)
        };
        let lock = Lock::AllButSessions(&[]);
        self.write(user, &actor, lock, dated(change), extra_writes)
            .await
    }

    /// Records a login of `user`, whose password was verified: its time, the new `session`, and a
    /// `renewed` hash of the same password if there is one. Remembers the source, and takes the try
    /// back.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] if the password was changed meanwhile; [`Error::Blocked`];
    /// [`Error::NoSuchAccount`] if the user was deleted.
    pub(super) async fn record_login(
        &self,
        user: User,
        session: &NewSession,
        renewed: Option<&PasswordHash>,
        tries: &PasswordTries,
        actor: &Actor,
    ) -> Result<User> {
        let authority = Authority::Password {
            token_version: user.token_version,
            admission: Some(Admission::Unblocked),
        };
        let actor = Actor {
            user: Some(user.uuid),
            authority,
            ..actor.clone()
        };
        let (now, source) = (clock::now(), actor.source());
        let change = |user: &mut UserChange| {
            user.add_source(&source);
            user.last_login = Some(now);
            if let Some(renewed) = renewed {
                user.password = Some(renewed.clone());
            }
            user.start_session(session);
        };
        let extra_writes = |_: &User, after: &User| {
            let record = self
                .audit_log
                .record(Some(after.id()), AuditEvent::Login, &actor)?;
            let mut writes = tries.succeed();
            writes.push(record);
            Ok(writes)
        };
        let user = self
            .write(user, &actor, Lock::User, change, extra_writes)
            .await?;
        // After a lost response, `user` is a later read, possibly with a new password. The caller
        // issues a token for the returned user.
        actor.authority.check(&user)?;
        Ok(user)
    }

    /// Saves an encrypted real name and ID number if there are none. Otherwise writes only an audit
    /// record.
    ///
    /// # Errors
    /// As [`Users::change`].
    pub async fn verify_real_name(
        &self,
        user: User,
        actor: &Actor,
        name: &EncryptedField,
        id_card: &EncryptedField,
    ) -> Result<()> {
        let id = user.id();
        let saved = self
            .change(user, actor, |user| {
                user.save_real_name(name.clone(), id_card.clone());
            })
            .await?;
        if saved.real_name.as_ref() != Some(name) {
            let event = AuditEvent::RealNameAgain;
            let record = self.audit_log.record(Some(id), event, actor)?;
            self.database.write(vec![record]).await?;
        }
        Ok(())
    }

    /// Writes `change` of `user`, its audit records, and the `extra_writes` for the user before and
    /// after. Retries on a conflict, at most [`MAX_TRIES`] times.
    ///
    /// # Errors
    /// As [`Users::change`], and the error that the conflict of an extra write means.
    pub(super) async fn write(
        &self,
        mut user: User,
        actor: &Actor,
        lock: Lock,
        change: impl Fn(&mut UserChange),
        extra_writes: impl Fn(&User, &User) -> Result<Vec<Write>, InternalError>,
    ) -> Result<User> {
        let (mut last, started) = (
            InternalError::new("a user is being changed too often"),
            Instant::now(),
        );
        let mut first = true;
        for attempt in 0..MAX_TRIES {
            let mut changed = UserChange::new(user.clone());
            change(&mut changed);
            let (mut changed, events) = changed.finish();
            // An indeterminate try may have applied the change. Its authority was checked then.
            let applied = changed == user;
            if applied && (first || last.is_indeterminate()) {
                return Ok(user);
            }
            actor
                .authority
                .check(&user)
                .map_err(|error| error.following(&last))?;
            if applied {
                return Ok(user);
            }
            let mut set = events
                .iter()
                .filter(|event| matches!(event, AuditEvent::Password | AuditEvent::Role));
            set.try_for_each(|event| administrators::check_password(&changed, *event))
                .map_err(|error| error.following(&last))?;
            first = false;
            changed.version = user.version.saturating_add(1);

            let locked = locked(&user, &changed, lock);
            let mut writes = vec![Write::Update(
                update(&user, &changed, &locked),
                Conflict::User,
            )];
            let condition = authority::condition(&actor.authority, &user);
            writes.extend(condition.map(|check| Write::Check(check, Conflict::Authority)));
            writes.extend(administrators::update_count(
                user.is_active_admin(),
                changed.is_active_admin(),
            ));
            let names = changed_markers(&user, &changed, self.phone_region);
            let conflicts = conflict_limit(actor).filter(|_| !names.is_empty());
            writes.extend(names);
            writes.extend(
                conflicts
                    .clone()
                    .map(|limit| limit.only_checked().write(0, None)),
            );
            writes.extend(avatar::delete_former(&user, &changed)?);
            writes.extend(extra_writes(&user, &changed)?);
            for event in events {
                writes.push(self.audit_log.record(Some(user.id()), event, actor)?);
            }

            let failed = match self.database.write(writes).await {
                Ok(WriteOutcome::Committed) => return Ok(changed),
                Ok(WriteOutcome::ConditionFailed(failed)) => failed,
                Err(error) if error.is_indeterminate() => {
                    last = error;
                    Vec::new()
                }
                Err(error) => return Err(error.following(&last).into()),
            };
            if attempt >= TRIES_WITHOUT_PAUSE {
                pause().await;
            }
            let latest = self
                .by_uuid(user.uuid)
                .await
                .map_err(|error| error.following(&last))?;
            let latest = latest.ok_or_else(|| actor.authority.deleted(user.uuid))?;
            // If a locked attribute changed, the other conflicts may be outdated, so retry.
            let item = item::from_user(&latest);
            if locked
                .iter()
                .all(|(name, value)| item.get(name) == value.as_ref())
            {
                let is_limited = |conflict: &Conflict| matches!(conflict, Conflict::RateLimit(_));
                if let Some(limit) = conflicts.as_ref()
                    && failed.iter().any(is_limited)
                {
                    self.limiter
                        .refuse_if_used_up(limit, Some(user.id()), actor)
                        .await?;
                }
                for conflict in failed {
                    match conflict {
                        // The window of a limit that is not used up any more has just ended.
                        Conflict::User | Conflict::RateLimit(_) => {}
                        // If it succeeds, the holder has lost and regained the authority.
                        Conflict::Authority => self.check_holder(&actor.authority).await?,
                        conflict => {
                            if matches!(conflict, Conflict::Taken(_))
                                && let Some(limit) = conflicts
                            {
                                let limits = [limit];
                                self.limiter
                                    .consume(&limits, Some(user.id()), actor)
                                    .await?;
                            }
                            return Err(conflict.into_error().following(&last));
                        }
                    }
                }
            }
            if last.is_indeterminate() && started.elapsed() > RETRY_BUDGET {
                break;
            }
            user = latest;
        }
        Err(last.into())
    }
}

impl UsersWithPasswords {
    /// Sets the role of `user`. Concurrent changes by others cannot make it fail.
    ///
    /// # Errors
    /// [`Error::LastAdministrator`]; [`Error::Invalid`] if the password is too short for an
    /// administrator; as [`Users::change`].
    pub async fn set_role(&self, user: User, actor: &Actor, role: Role) -> Result<User> {
        // The count of administrators depends on role and block, whichever of them changes. An
        // administrator's password must be long.
        let lock = Lock::Attributes(&["role", "blocked", "password_fits_admin"]);
        let change = |user: &mut UserChange| user.set_role(role);
        self.write(user, actor, lock, dated(change), |_, _| Ok(vec![]))
            .await
    }

    /// Sets a new password for `user`. Revokes all earlier tokens and notifies the user by e-mail.
    /// Consumes the code of `proof`, and takes the try back. A code that went to the current address
    /// also verifies it, and clears what a stranger may have saved. Concurrent changes of other
    /// attributes cannot make it fail.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] if the password was changed meanwhile; [`Error::BadCode`] if the
    /// code was used or revoked meanwhile; [`Error::NoSuchAccount`] if the user was deleted;
    /// [`Error::Invalid`] if the password is too short for an administrator.
    pub async fn change_password(
        &self,
        user: User,
        hash: &PasswordHash,
        proof: &PasswordChangeProof,
        actor: &Actor,
    ) -> Result<User> {
        let (token_version, email_version) = (user.token_version, user.email_version);
        let (authority, lock) = match proof {
            PasswordChangeProof::OldPassword(_) => (
                Authority::Password {
                    token_version,
                    admission: None,
                },
                Lock::AllButSessions(&["role"]),
            ),
            PasswordChangeProof::Code(_) => (
                Authority::MailedCode {
                    token_version,
                    email_version,
                },
                // The rest is what a recovery clears: none of it may be saved meanwhile.
                Lock::AllButSessions(&[
                    "role",
                    "email_version",
                    "email_verified",
                    "phone",
                    "real_name",
                    "id_card",
                ]),
            ),
        };
        let actor = Actor {
            authority,
            ..actor.clone()
        };
        let change = |user: &mut UserChange| {
            if let PasswordChangeProof::Code(code) = proof {
                user.forget_sources();
                if code.proves_address {
                    user.recover();
                }
            }
            user.set_password(hash.clone());
        };
        let extra_writes = |before: &User, after: &User| {
            let mut writes = match proof {
                PasswordChangeProof::OldPassword(tries) => tries.succeed(),
                PasswordChangeProof::Code(code) => code.consume(before),
            };
            let kind = NotificationKind::PasswordChanged;
            writes.push(outbox::enqueue(&kind, after, actor.language)?);
            Ok(writes)
        };
        self.write(user, &actor, lock, dated(change), extra_writes)
            .await
    }
}

/// The limit of refusals that reveal another account. `None` for the operator.
fn conflict_limit(actor: &Actor) -> Option<RateLimit> {
    match &actor.authority {
        Authority::Token(token) => Some(rate_limits::name_conflicts(token.holder)),
        _ => None,
    }
}

/// `change`, with the time of the change in `updated_at` if it has an effect.
pub(super) fn dated(change: impl Fn(&mut UserChange)) -> impl Fn(&mut UserChange) {
    move |user| {
        let before = User::clone(user);
        change(user);
        if **user != before {
            user.updated_at = clock::now();
        }
    }
}

/// The writes that delete the markers of former names and create those of new names. The marker of
/// a held address stays, with the end of its hold.
fn changed_markers(from: &User, to: &User, region: PhoneRegion) -> Vec<Write> {
    let (before, after) = (key::markers(from, region), key::markers(to, region));
    let (was_held, held) = (key::held_marker(from), key::held_marker(to));
    let release =
        |(_, marker): &(_, Key)| Write::DeleteIfOwner(marker.clone(), from.uuid, Conflict::User);
    let claim = |key: &Key, expires_at, conflict| {
        let marker = Marker {
            key: key.clone(),
            owner: from.uuid,
            expires_at,
        };
        Write::Claim(marker, conflict)
    };
    let create = |(name, marker): &(_, Key)| claim(marker, None, Conflict::Taken(*name));
    let hold = held
        .iter()
        .filter(|marker| was_held.as_ref() != Some(*marker));
    let until = to.former_email.as_ref().map(|former| former.until);
    let hold = hold.map(|marker| claim(marker, until, Conflict::User));
    let new = after
        .iter()
        .filter(|marker| !before.contains(marker))
        .map(create);
    let former = before
        .iter()
        .filter(|marker| !after.contains(marker) && held.as_ref() != Some(&marker.1))
        .map(release);
    new.chain(former).chain(hold).collect()
}

/// The name and the value of an attribute. `None` if the item has no such attribute.
type Attribute = (String, Option<AttributeValue>);

/// The attributes that must be as read when the change is written.
fn locked(from: &User, to: &User, lock: Lock) -> Vec<Attribute> {
    let (before, after) = (item::from_user(from), item::from_user(to));
    let attributes = |names: &'static [&'static str]| {
        let set = before.keys().chain(after.keys()).map(String::as_str);
        let set = set.filter(|name| before.get(*name) != after.get(*name));
        let set = set.filter(|name| ![VERSION, "updated_at"].contains(name));
        set.chain(names.iter().copied()).collect::<BTreeSet<_>>()
    };
    let names = match lock {
        Lock::User => [VERSION].into(),
        Lock::Attributes(names) => attributes(names),
        Lock::AllButSessions(names) => {
            let mut names = attributes(names);
            for name in [item::SESSIONS, item::KNOWN_SOURCES] {
                if before.contains_key(name) {
                    names.remove(name);
                } else {
                    names.insert(name);
                }
            }
            names
        }
    };
    names
        .into_iter()
        .map(|name| (name.to_owned(), before.get(name).cloned()))
        .collect()
}

/// The update of the attributes in which the two users differ, if the user still exists and the
/// `locked` attributes are as read.
///
/// The key identifies the user: it holds the millisecond of the creation, so no later user has it.
fn update(from: &User, to: &User, locked: &[Attribute]) -> Update {
    let (before, after) = (item::from_user(from), item::from_user(to));
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
    let increment = format!("#{VERSION} = #{VERSION} + :one");
    let assignments: Vec<String> = assignments.chain([increment]).collect();
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
    let conditions: Vec<String> = ["attribute_exists(pk)".to_owned()]
        .into_iter()
        .chain(conditions)
        .collect();

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
