//! Changing a user: one write, conditional on the version that was read; a transaction where
//! a unique name changes or something else must change with it.

use super::{Users, item, taken};
use crate::captchas::Claim;
use crate::database::{Change, Key, Write, Written, key, number};
use crate::limits::Limit;
use crate::outbox::{self, Matter};
use crate::{Error, Fault, Language, PasswordHash, Result, User, clock};

/// How often a change is made anew on a user that others change at the same time.
const MOST_TRIES: usize = 20;

impl Users {
    /// Makes a change of `user`, as read before, and gives the user as it is then. A change
    /// that changes nothing writes nothing. A new e-mail is told to the old address, in the
    /// `language` of whoever asked.
    ///
    /// # Errors
    /// [`Error::UsernameTaken`], `EmailTaken`, `PhoneTaken`.
    pub async fn change(&self, user: User, language: Language, change: impl Fn(&mut User)) -> Result<User> {
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
                .then(|| outbox::post(&Matter::EmailChanged, before, language))
                .transpose()?
                .into_iter()
                .collect())
        };
        self.write(user, change, told, || Error::EmailTaken).await
    }

    /// Sets a new password, which ends every token issued before and is told by mail. What
    /// entitled to it ends with it: the code is used up, the count of `tries` begins anew.
    ///
    /// # Errors
    /// [`Error::BadCode`] where the code was used meanwhile.
    pub async fn change_password(
        &self,
        user: User,
        hash: &PasswordHash,
        claim: Option<&Claim>,
        tries: &Limit,
        language: Language,
    ) -> Result<User> {
        let version = user.token_version.saturating_add(1);
        let change = |user: &mut User| {
            if user.password != *hash {
                user.password = hash.clone();
                user.token_version = version.max(user.token_version.saturating_add(1));
                user.updated_at = clock::now();
            }
        };
        let also = |_: &User, after: &User| {
            let mut writes = vec![outbox::post(&Matter::PasswordChanged, after, language)?, tries.end()];
            writes.extend(claim.map(Claim::consume));
            Ok(writes)
        };
        self.write(user, change, also, || Error::BadCode).await
    }

    /// Writes what `change` makes of `user`, together with what `also` gives for the user
    /// before and after. Where one of those is refused, the error is `refused`.
    pub(super) async fn write(
        &self,
        mut user: User,
        change: impl Fn(&mut User),
        also: impl Fn(&User, &User) -> Result<Vec<Write>, Fault>,
        refused: impl Fn() -> Error,
    ) -> Result<User> {
        let mut last = Fault::new("a user is being changed too often");
        for _ in 0..MOST_TRIES {
            let mut changed = user.clone();
            change(&mut changed);
            if changed == user {
                return Ok(user);
            }
            changed.version = user.version.saturating_add(1);

            let (gone, new) = moved(&user, &changed);
            let mut writes = vec![Write::Change(difference(&user, &changed))];
            writes.extend(new.iter().map(|marker| Write::New(marker.clone(), item::marker(user.uuid))));
            writes.extend(gone.into_iter().map(|marker| Write::Release(marker, user.uuid)));
            writes.extend(also(&user, &changed)?);

            let refusals = match self.database.write(writes).await {
                Ok(Written::Done(_)) => return Ok(changed),
                Ok(Written::Refused(refusals)) => refusals,
                Err(fault) if fault.is_unclear() => {
                    last = fault;
                    Vec::new()
                }
                Err(fault) => return Err(fault.into()),
            };
            // Whatever came of it, the user as stored now tells: it may already be as wished,
            // or another change may have come between, or the name belongs to someone else.
            let fresh = self.by_uuid(user.uuid).await?.ok_or_else(|| Fault::new("the user is gone"))?;
            let mut wished = fresh.clone();
            change(&mut wished);
            if wished == fresh {
                return Ok(fresh);
            }
            let at = refusals.iter().skip(1).position(Option::is_some);
            match at.map(|at| new.get(at)) {
                Some(Some(marker)) if fresh.version == user.version => return Err(taken(marker)),
                Some(None) => return Err(refused()),
                _ => (), // something came between, or nobody knows: once more
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
