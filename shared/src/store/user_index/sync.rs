//! Synchronization of the user index with the users table.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::count_tree::CountIncrements;
use super::user_summary::ATTRIBUTES;
use super::{UserIndex, UserSummary};
use crate::domain::{InternalError, UserId, clock};
use crate::store::dynamodb::{Conflict, Item, Key, Write, WriteOutcome, key, number};

/// How often a user is read if they change meanwhile.
const MAX_TRIES: usize = 20;
/// How many users one batch reads.
const BATCH_SIZE: usize = 100;
/// How many writes a transaction has at most
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
const MAX_WRITES: usize = 100;
/// How long a tombstone is kept: longer than the retention of the stream and of the dead-letter
/// queue, which is at most 14 days.
const TOMBSTONE_SECONDS: u64 = 15 * 24 * 60 * 60;

/// The id of the user that a stream record of the users table is about.
///
/// # Errors
/// If the record is not about a user's item.
pub fn user_id_of_record(record: &Value) -> Result<UserId, InternalError> {
    let keys = record.get("dynamodb").and_then(|change| change.get("Keys"));
    let key = keys.and_then(|keys| keys.get("pk")?.get("S")?.as_str());
    key.and_then(key::user_id_from_key)
        .ok_or_else(|| InternalError::new("a record that is of no user"))
}

/// A user in the user index, and as stored.
struct Step {
    id: UserId,
    /// The entry.
    indexed: Option<UserSummary>,
    /// The entry that the stored user should have. `None` if they do not exist.
    current: Option<UserSummary>,
    has_tombstone: bool,
}

impl UserIndex {
    /// Updates the entries of these users and the counts. Idempotent.
    ///
    /// # Errors
    /// Only an internal error. Some of the users may be updated then.
    pub async fn sync(&self, users: impl IntoIterator<Item = UserId>) -> Result<(), InternalError> {
        self.sync_all(users, false).await
    }

    /// As [`UserIndex::sync`]. With `ignore_tombstones`, existing users get an entry despite a
    /// tombstone, because they may have been restored from a backup.
    pub(super) async fn sync_all(
        &self,
        users: impl IntoIterator<Item = UserId>,
        ignore_tombstones: bool,
    ) -> Result<(), InternalError> {
        let all: Vec<UserId> = users
            .into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        for users in all.chunks(BATCH_SIZE) {
            let mut remaining = users.to_vec();
            for _ in 0..MAX_TRIES {
                remaining = self.sync_batch(&remaining, ignore_tombstones).await?;
                if remaining.is_empty() {
                    break;
                }
            }
            if !remaining.is_empty() {
                return Err(InternalError::new(
                    "a user is being changed too often to be listed",
                ));
            }
        }
        Ok(())
    }

    /// Updates these users, and returns those whose entries changed meanwhile.
    async fn sync_batch(
        &self,
        users: &[UserId],
        ignore_tombstones: bool,
    ) -> Result<Vec<UserId>, InternalError> {
        let mut remaining = Vec::new();
        for transaction in transactions(self.steps(users).await?, ignore_tombstones) {
            if let WriteOutcome::ConditionFailed(_) =
                self.database.write(transaction.writes()).await?
            {
                remaining.extend(transaction.users);
            }
        }
        Ok(remaining)
    }

    async fn steps(&self, users: &[UserId]) -> Result<Vec<Step>, InternalError> {
        let keys: Vec<Key> = users
            .iter()
            .flat_map(|id| [key::user_summary(*id), key::tombstone(*id)])
            .collect();
        let indexed = self.database.get_many(&keys, &[]).await?;
        // Read the users last, so that no user is older than their entry.
        let keys: Vec<Key> = users.iter().copied().map(key::user).collect();
        let mut current = summaries_by_id(&self.database.get_many(&keys, &ATTRIBUTES).await?)?;

        let (deleted, indexed): (Vec<Item>, Vec<Item>) = indexed
            .into_iter()
            .partition(|item| item.contains_key("deleted"));
        let deleted: BTreeSet<u64> = deleted.iter().filter_map(key::sort_number).collect();
        let mut indexed = summaries_by_id(&indexed)?;
        let step = |id: &UserId| Step {
            id: *id,
            indexed: indexed.remove(id),
            current: current.remove(id),
            has_tombstone: deleted.contains(&id.get()),
        };
        Ok(users.iter().map(step).collect())
    }
}

pub(super) fn summaries_by_id(
    items: &[Item],
) -> Result<BTreeMap<UserId, UserSummary>, InternalError> {
    items
        .iter()
        .map(|item| UserSummary::from_item(item).map(|entry| (entry.id(), entry)))
        .collect()
}

impl Step {
    /// The writes other than those of the counts. None if the entry is current.
    fn writes(&self, ignore_tombstones: bool) -> Vec<Write> {
        let (entry, tombstone) = (key::user_summary(self.id), key::tombstone(self.id));
        match (&self.indexed, &self.current) {
            (None, Some(current)) if ignore_tombstones => {
                vec![
                    Write::Create(entry, current.to_item(), Conflict::ListItem),
                    Write::Delete(tombstone),
                ]
            }
            (None, Some(_)) if self.has_tombstone => vec![],
            (None, Some(current)) => {
                let absent = Write::AssertAbsent(tombstone, Conflict::ListItem);
                vec![
                    Write::Create(entry, current.to_item(), Conflict::ListItem),
                    absent,
                ]
            }
            (Some(indexed), Some(current)) if indexed == current => vec![],
            (Some(indexed), Some(current)) => {
                vec![Write::ReplaceIfVersion(
                    entry,
                    current.to_item(),
                    indexed.version,
                    Conflict::ListItem,
                )]
            }
            (Some(indexed), None) => {
                vec![
                    Write::DeleteIfVersion(entry, indexed.version, Conflict::ListItem),
                    self.write_tombstone(),
                ]
            }
            (None, None) if self.has_tombstone => vec![],
            (None, None) => vec![self.write_tombstone()],
        }
    }

    /// The write of a tombstone. It keeps a concurrent sync, which read the user before the
    /// deletion, from adding an entry.
    fn write_tombstone(&self) -> Write {
        let until = clock::seconds().saturating_add(TOMBSTONE_SECONDS);
        let item = Item::from([
            ("deleted".into(), number(1)),
            ("expires_at".into(), number(until)),
        ]);
        Write::Put(key::tombstone(self.id), item)
    }
}

/// The writes for several users in one transaction.
#[derive(Default)]
struct Transaction {
    users: Vec<UserId>,
    entries: Vec<Write>,
    counts: CountIncrements,
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

/// The transactions of these steps. Users with adjacent ids share nodes, so their steps are
/// combined up to [`MAX_WRITES`] writes.
fn transactions(steps: Vec<Step>, ignore_tombstones: bool) -> Vec<Transaction> {
    let mut all = vec![Transaction::default()];
    for step in steps {
        let entries = step.writes(ignore_tombstones);
        if entries.is_empty() {
            continue;
        }
        let is_full = |last: &Transaction| {
            last.entries.len() + entries.len() + last.counts.node_count_with(step.id) > MAX_WRITES
        };
        if all.last().is_none_or(is_full) {
            all.push(Transaction::default());
        }
        let Some(last) = all.last_mut() else { continue };
        last.users.push(step.id);
        last.entries.extend(entries);
        let (before, after) = (
            step.indexed.as_ref().map(UserSummary::flags),
            step.current.as_ref().map(UserSummary::flags),
        );
        last.counts.add(step.id, before, after);
    }
    all.retain(|transaction| !transaction.users.is_empty());
    all
}
