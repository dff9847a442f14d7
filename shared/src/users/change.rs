//! Changing a user: one write, conditional on the version that was read; a transaction where
//! a unique name changes or something else must change with it.

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{self, Item};
use super::table::{Change, Write, Written};
use super::{Users, key, taken};
use crate::limits::Limit;
use crate::{Fault, PasswordHash, Result, User, clock};

/// How often a change is made anew on a user that others change at the same time.
const MOST_TRIES: usize = 20;

impl Users {
    /// Makes a change of `user`, as read before, and gives the user as it is then. A change
    /// that changes nothing writes nothing.
    ///
    /// # Errors
    /// [`Error::UsernameTaken`](crate::Error), `EmailTaken`, `PhoneTaken`.
    pub async fn change(&self, user: User, change: impl Fn(&mut User)) -> Result<User> {
        let change = |user: &mut User| {
            let before = user.clone();
            change(user);
            if *user != before {
                user.updated_at = clock::now();
            }
        };
        self.write(user, change, &[]).await
    }

    /// Notes a login: its time, a hash with today's parameters where one is due, and the end
    /// of the count of failed tries.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn signed_in(&self, user: User, rehash: Option<PasswordHash>, tries: &Limit) -> Result<User> {
        let now = clock::now();
        let change = |user: &mut User| {
            user.last_login = Some(now);
            if let Some(hash) = &rehash {
                user.password = hash.clone();
            }
        };
        self.write(user, change, &[tries.key()]).await
    }

    async fn write(&self, mut user: User, change: impl Fn(&mut User), remove: &[&str]) -> Result<User> {
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
            let owner = user.uuid.to_string();
            writes.extend(new.iter().map(|marker| Write::New(item::marker(marker, user.uuid))));
            writes.extend(gone.into_iter().map(|marker| Write::Release { marker, owner: owner.clone() }));
            writes.extend(remove.iter().map(|key| Write::Remove((*key).to_owned())));

            let refusals = match self.table.write(writes).await {
                Ok(Written::Done) => return Ok(changed),
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
            let unchanged = fresh.version == user.version;
            let refused = new.iter().zip(refusals.iter().skip(1)).find(|(_, refusal)| refusal.is_some());
            if let (true, Some((marker, _))) = (unchanged, refused) {
                return Err(taken(marker));
            }
            user = fresh;
        }
        Err(last.into())
    }
}

/// The markers that the change gives up, and those it takes.
fn moved(from: &User, to: &User) -> (Vec<String>, Vec<String>) {
    let (before, after) = (key::markers(from), key::markers(to));
    let gone = before.iter().filter(|marker| !after.contains(marker)).cloned().collect();
    let new = after.into_iter().filter(|marker| !before.contains(marker)).collect();
    (gone, new)
}

/// The attributes in which the two differ, as an update of the first.
fn difference(from: &User, to: &User) -> Change {
    let (before, after): (Item, Item) = (item::of(from), item::of(to));
    let mut names: Vec<&String> =
        after.iter().filter(|(name, value)| before.get(*name) != Some(value)).map(|(name, _)| name).collect();
    names.sort();
    let mut gone: Vec<&String> = before.keys().filter(|name| !after.contains_key(*name)).collect();
    gone.sort();

    let set: Vec<String> = names.iter().map(|name| format!("#{name} = :{name}")).collect();
    let remove: Vec<String> = gone.iter().map(|name| format!("#{name}")).collect();
    let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
    let mut values: Vec<(String, AttributeValue)> =
        names.iter().filter_map(|name| Some((format!(":{name}"), after.get(*name)?.clone()))).collect();
    values.push((":was".into(), AttributeValue::N(from.version.to_string())));
    Change {
        key: key::user(from.id()),
        expression: format!("SET {}{remove}", set.join(", ")),
        condition: "#version = :was".into(),
        names: names.into_iter().chain(gone).map(|name| (format!("#{name}"), name.clone())).collect(),
        values,
    }
}
