//! Keeping up with the users.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::counts::Changes;
use super::filter::Flags;
use super::listed::ATTRIBUTES;
use super::{Directory, Listed};
use crate::database::{Conflict, Item, Key, Write, WriteOutcome, key, number};
use crate::{Fault, UserId, clock};

/// How often a user is read anew who changes meanwhile.
const MOST_TRIES: usize = 20;
/// How many users are read at once.
const MOST_READ: usize = 100;
/// How many writes a transaction takes.
const MOST_WRITES: usize = 100;
/// How long a tombstone stays: longer than a stream keeps its records, and a queue its letters.
const TOMBSTONE_SECONDS: u64 = 15 * 24 * 60 * 60;

/// The user of whom a record of the users table's stream says that something changed.
///
/// # Errors
/// Where the record is of no user.
pub fn changed(record: &Value) -> Result<UserId, Fault> {
    let keys = record.get("dynamodb").and_then(|change| change.get("Keys"));
    let key = keys.and_then(|keys| keys.get("pk")?.get("S")?.as_str());
    key.and_then(key::user_of)
        .ok_or_else(|| Fault::new("a record that is of no user"))
}

/// A user as the directory has them, and as they are.
struct Step {
    id: UserId,
    listed: Option<Listed>,
    is: Option<Listed>,
    /// Whether a tombstone says that they are gone.
    buried: bool,
}

impl Directory {
    /// Brings the entries of these users up to date, and the counts with them.
    ///
    /// # Errors
    /// A fault of ours, after which some are up to date; it may be done again.
    pub async fn follow(&self, users: impl IntoIterator<Item = UserId>) -> Result<(), Fault> {
        self.bring_up_all(users, false).await
    }

    /// As [`Directory::follow`]; with `exhume`, users who are there are listed whatever a tombstone
    /// says, since they may come from a backup.
    pub(super) async fn bring_up_all(
        &self,
        users: impl IntoIterator<Item = UserId>,
        exhume: bool,
    ) -> Result<(), Fault> {
        let all: Vec<UserId> = users
            .into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        for users in all.chunks(MOST_READ) {
            let mut left = users.to_vec();
            for _ in 0..MOST_TRIES {
                left = self.bring_up(&left, exhume).await?;
                if left.is_empty() {
                    break;
                }
            }
            if !left.is_empty() {
                return Err(Fault::new("a user is being changed too often to be listed"));
            }
        }
        Ok(())
    }

    /// Brings up to date whom it can: gives those whose entries changed meanwhile.
    async fn bring_up(&self, users: &[UserId], exhume: bool) -> Result<Vec<UserId>, Fault> {
        let mut left = Vec::new();
        for transaction in transactions(self.steps(users).await?, exhume) {
            if let WriteOutcome::ConditionFailed(_) =
                self.database.write(transaction.writes()).await?
            {
                left.extend(transaction.users);
            }
        }
        Ok(left)
    }

    async fn steps(&self, users: &[UserId]) -> Result<Vec<Step>, Fault> {
        let keys: Vec<Key> = users
            .iter()
            .flat_map(|id| [key::entry(*id), key::tombstone(*id)])
            .collect();
        let listed = self.database.get_many(&keys, &[]).await?;
        // The users last: then none is older than the entry, which was made of them earlier.
        let keys: Vec<Key> = users.iter().copied().map(key::user).collect();
        let mut now = by_id(&self.database.get_many(&keys, &ATTRIBUTES).await?)?;

        let (gone, listed): (Vec<Item>, Vec<Item>) = listed
            .into_iter()
            .partition(|item| item.contains_key("gone"));
        let gone: BTreeSet<u64> = gone.iter().filter_map(key::number_of).collect();
        let mut listed = by_id(&listed)?;
        let step = |id: &UserId| Step {
            id: *id,
            listed: listed.remove(id),
            is: now.remove(id),
            buried: gone.contains(&id.get()),
        };
        Ok(users.iter().map(step).collect())
    }
}

pub(super) fn by_id(items: &[Item]) -> Result<BTreeMap<UserId, Listed>, Fault> {
    items
        .iter()
        .map(|item| Listed::of(item).map(|entry| (entry.id(), entry)))
        .collect()
}

impl Step {
    /// What is to be written beside the counts: nothing where the entry is up to date.
    fn writes(&self, exhume: bool) -> Vec<Write> {
        let (entry, tombstone) = (key::entry(self.id), key::tombstone(self.id));
        match (&self.listed, &self.is) {
            (None, Some(is)) if exhume => {
                vec![
                    Write::Create(entry, is.item(), Conflict::ListItem),
                    Write::Delete(tombstone),
                ]
            }
            (None, Some(_)) if self.buried => vec![],
            (None, Some(is)) => {
                let absent = Write::AssertAbsent(tombstone, Conflict::ListItem);
                vec![Write::Create(entry, is.item(), Conflict::ListItem), absent]
            }
            (Some(listed), Some(is)) if listed == is => vec![],
            (Some(listed), Some(is)) => {
                vec![Write::ReplaceIfVersion(
                    entry,
                    is.item(),
                    listed.version,
                    Conflict::ListItem,
                )]
            }
            (Some(listed), None) => {
                vec![
                    Write::DeleteIfVersion(entry, listed.version, Conflict::ListItem),
                    self.bury(),
                ]
            }
            (None, None) if self.buried => vec![],
            (None, None) => vec![self.bury()],
        }
    }

    /// The write of a tombstone, which keeps whoever read the user before from listing them.
    fn bury(&self) -> Write {
        let until = clock::seconds().saturating_add(TOMBSTONE_SECONDS);
        let item = Item::from([
            ("gone".into(), number(1)),
            ("expires_at".into(), number(until)),
        ]);
        Write::Put(key::tombstone(self.id), item)
    }
}

/// Changes of several users that are made together.
#[derive(Default)]
struct Transaction {
    users: Vec<UserId>,
    entries: Vec<Write>,
    counts: Changes,
}

impl Transaction {
    fn writes(&self) -> Vec<Write> {
        self.entries
            .iter()
            .cloned()
            .chain(self.counts.writes())
            .collect()
    }
}

/// The transactions that take these steps: as few as can be, since those of users who are near
/// to each other share their counts.
fn transactions(steps: Vec<Step>, exhume: bool) -> Vec<Transaction> {
    let mut all = vec![Transaction::default()];
    for step in steps {
        let entries = step.writes(exhume);
        if entries.is_empty() {
            continue;
        }
        let is_full = |last: &Transaction| {
            last.entries.len() + entries.len() + last.counts.nodes_with(step.id) > MOST_WRITES
        };
        if all.last().is_none_or(is_full) {
            all.push(Transaction::default());
        }
        let Some(last) = all.last_mut() else { continue };
        last.users.push(step.id);
        last.entries.extend(entries);
        let (before, after) = (
            step.listed.as_ref().map(Flags::of),
            step.is.as_ref().map(Flags::of),
        );
        last.counts.count(step.id, before, after);
    }
    all.retain(|transaction| !transaction.users.is_empty());
    all
}
