//! Changing a user: one write, conditional on the version that was read; a transaction where
//! a unique name changes or something else must change with it.

use std::time::Instant;

use super::{Users, administrators, item, taken};
use crate::captchas::Claim;
use crate::database::{Change, Key, PATIENCE, Write, Written, key, number};
use crate::limits::Limit;
use crate::outbox::{self, Matter};
use crate::seal::Sealed;
use crate::{By, Error, Event, Fault, PasswordHash, Result, User, clock};

/// How often a change is made anew on a user that others change at the same time.
pub(super) const MOST_TRIES: usize = 20;

impl Users {
    /// Makes a change of `user`, as read before, and gives the user as it is then. A change
    /// that changes nothing writes nothing. A new e-mail is told to the old address, and what
    /// matters is kept in the trail, as done `by` whoever asked.
    ///
    /// # Errors
    /// [`Error::UsernameTaken`], `EmailTaken`, `PhoneTaken`, `WxTaken`; `LastAdministrator`;
    /// `NoSuchAccount` where the user was deleted meanwhile.
    pub async fn change(&self, user: User, by: &By, change: impl Fn(&mut User)) -> Result<User> {
        let change = |user: &mut User| {
            let before = user.clone();
            change(user);
            if *user != before {
                user.updated_at = clock::now();
            }
        };
        let told = |before: &User, after: &User| {
            let moved = before.email.canonical() != after.email.canonical();
            Ok(moved
                .then(|| outbox::post(&Matter::EmailChanged, before, by.language))
                .transpose()?
                .into_iter()
                .collect())
        };
        self.write(user, by, change, told, || Error::EmailTaken).await
    }

    /// Sets a new password, which ends every token issued before and is told by mail. What
    /// entitled to it ends with it: the code is used up, the count of `tries` begins anew.
    ///
    /// # Errors
    /// [`Error::BadCode`] where the code was used or made void meanwhile.
    pub async fn change_password(
        &self,
        user: User,
        hash: &PasswordHash,
        claim: Option<&Claim>,
        tries: &Limit,
        by: &By,
    ) -> Result<User> {
        let version = user.token_version.saturating_add(1);
        let change = |user: &mut User| {
            if user.password != *hash {
                user.password = hash.clone();
                user.token_version = version.max(user.token_version.saturating_add(1));
                user.updated_at = clock::now();
            }
        };
        let also = |before: &User, after: &User| {
            let mut writes = vec![outbox::post(&Matter::PasswordChanged, after, by.language)?, tries.end()];
            writes.extend(claim.map(|claim| claim.consume(before)));
            Ok(writes)
        };
        self.write(user, by, change, also, || Error::BadCode).await
    }

    /// Saves a real name and an ID number, sealed, where there are none yet. Where there are, that
    /// it was tried is kept in the trail, and nothing else changes. One write.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn verify_real_name(&self, user: User, by: &By, name: &Sealed, id_card: &Sealed) -> Result<()> {
        let fill = |user: &mut User| {
            if user.real_name.is_none() && user.id_card.is_none() {
                user.real_name = Some(name.clone());
                user.id_card = Some(id_card.clone());
            }
        };
        let id = user.id();
        let saved = self.change(user, by, fill).await?;
        if saved.real_name.as_ref() != Some(name) {
            self.database.write(vec![self.trail.entry(Some(id), Event::RealNameAgain, by)?]).await?;
        }
        Ok(())
    }

    /// Writes what `change` makes of `user`, together with what `also` gives for the user
    /// before and after, and with what the trail keeps of it. Where one of the others is
    /// refused, the error is `refused`.
    pub(super) async fn write(
        &self,
        mut user: User,
        by: &By,
        change: impl Fn(&mut User),
        also: impl Fn(&User, &User) -> Result<Vec<Write>, Fault>,
        refused: impl Fn() -> Error,
    ) -> Result<User> {
        let (mut last, started) = (Fault::new("a user is being changed too often"), Instant::now());
        for _ in 0..MOST_TRIES {
            let mut changed = user.clone();
            change(&mut changed);
            if changed == user {
                return Ok(user);
            }
            changed.version = user.version.saturating_add(1);

            let (gone, new) = moved(&user, &changed);
            let mut writes = vec![Write::Change(difference(&user, &changed))];
            let counted = administrators::counted(user.administers(), changed.administers());
            let names = 1 + usize::from(counted.is_some()); // where the names begin among the writes
            writes.extend(counted);
            writes.extend(new.iter().map(|marker| Write::New(marker.clone(), item::marker(user.uuid))));
            writes.extend(gone.into_iter().map(|marker| Write::Release(marker, user.uuid)));
            let others = writes.len();
            writes.extend(also(&user, &changed)?);
            for event in Event::between(&user, &changed) {
                writes.push(self.trail.entry(Some(user.id()), event, by)?);
            }

            let refusals = match self.database.write(writes).await {
                Ok(Written::Done(_)) => return Ok(changed),
                Ok(Written::Refused(refusals)) => refusals,
                Err(fault) if fault.is_unclear() => {
                    last = fault;
                    Vec::new()
                }
                Err(fault) => return Err(fault.after(&last).into()),
            };
            // Whatever came of it, the user as stored now tells: it may already be as wished,
            // or another change may have come between, or the name belongs to someone else.
            let fresh = self.by_uuid(user.uuid).await.map_err(|error| error.after(&last))?;
            let fresh = fresh.ok_or(Error::NoSuchAccount)?;
            let mut wished = fresh.clone();
            change(&mut wished);
            if wished == fresh {
                return Ok(fresh);
            }
            if refusals.iter().skip(others).any(Option::is_some) {
                return Err(refused().after(&last));
            }
            if fresh.version == user.version {
                if refusals.iter().take(names).skip(1).any(Option::is_some) {
                    return Err(Error::LastAdministrator);
                }
                let mut markers = new.iter().zip(refusals.iter().skip(names));
                if let Some((marker, _)) = markers.find(|(_, refusal)| refusal.is_some()) {
                    return Err(taken(marker));
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

/// The markers that the change gives up, and those it takes.
fn moved(from: &User, to: &User) -> (Vec<Key>, Vec<Key>) {
    let (before, after) = (key::markers(from), key::markers(to));
    let gone = before.iter().filter(|marker| !after.contains(marker)).cloned().collect();
    let new = after.into_iter().filter(|marker| !before.contains(marker)).collect();
    (gone, new)
}

/// The attributes in which the two differ, as an update of the first.
fn difference(from: &User, to: &User) -> Change {
    let (before, after) = (item::of(from), item::of(to));
    let mut changed: Vec<_> = after.iter().filter(|(name, value)| before.get(*name) != Some(value)).collect();
    changed.sort_by_key(|(name, _)| *name);
    let gone: Vec<&String> = before.keys().filter(|name| !after.contains_key(*name)).collect();

    let set: Vec<String> = changed.iter().map(|(name, _)| format!("#{name} = :{name}")).collect();
    let remove: Vec<String> = gone.iter().map(|name| format!("#{name}")).collect();
    let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
    let named = changed.iter().map(|(name, _)| *name).chain(gone);
    let names = named.map(|name| (format!("#{name}"), name.clone())).collect();
    let values = changed.iter().map(|(name, value)| (format!(":{name}"), (*value).clone()));
    Change {
        key: key::user(from.id()),
        expression: format!("SET {}{remove}", set.join(", ")),
        condition: "#version = :was".into(),
        names,
        values: values.chain([(":was".into(), number(from.version))]).collect(),
    }
}
