//! Synchronization of the user index with the users table.
//!
//! 1. Each shard of the users' stream reports changed users. [`UserIndex::enqueue_changes`] reads
//!    them, and enqueues those who are not listed as they are. A login ends here.
//! 2. The queue is one partition of the index table. So its stream has one shard, which one instance
//!    reads, in batches. [`UserIndex::sync`] writes each set of ids and each node once per batch.
//!
//! A sync reads the index and the users, and writes the differences, until there are none. So each
//! write is followed by a read of what it was derived from. A writer that was late corrects itself,
//! and a sync that was interrupted is completed by the next delivery of its record.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::UserIndex;
use super::count_tree::{CountChange, CountPosition, Counts, FlagCounts, Leaf, Node, updates};
use super::filter::Flags;
use super::id_set::IdSet;
use super::user_summary::SYNCED_ATTRIBUTES;
use crate::domain::{InternalError, UserId, clock, new_uuid};
use crate::store::dynamodb::{
    Item, ItemReader, Key, Write, WriteOutcome, key, number, numbers, pause,
};

/// How often the differences are written if there are others afterwards.
const MAX_TRIES: usize = 50;
/// How many users one sync reads.
const BATCH_SIZE: usize = 500;
/// How many writes are sent at the same time.
const CONCURRENT_WRITES: usize = 32;
/// How long an enqueued change is kept: longer than its stream record, which Lambda retries for 6
/// hours.
const CHANGE_SECONDS: u64 = 24 * 60 * 60;

/// What a stream record of the users table or of the index table is about.
#[derive(Debug, PartialEq, Eq)]
enum IndexRecord {
    /// The item of this user changed.
    ChangedUser(UserId),
    /// These users were enqueued.
    Enqueued(Vec<UserId>),
}

impl IndexRecord {
    fn parse(record: &Value) -> Result<Self, InternalError> {
        let id = |text: &Value| text.as_str()?.parse().ok();
        let parsed = match record.pointer("/dynamodb/NewImage/users/NS") {
            Some(ids) => ids
                .as_array()
                .and_then(|ids| ids.iter().map(id).collect())
                .map(Self::Enqueued),
            None => record
                .pointer("/dynamodb/Keys/pk/S")
                .and_then(Value::as_str)
                .and_then(key::user_id_from_key)
                .map(Self::ChangedUser),
        };
        parsed.ok_or_else(|| InternalError::new("a record of neither a user nor a change"))
    }
}

/// What to compare: users, and the leaves whose counts are compared.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) users: BTreeSet<UserId>,
    pub(super) leaves: BTreeSet<Leaf>,
}

impl Scope {
    /// These users, and the counts of their leaves.
    pub(super) fn users(users: impl IntoIterator<Item = UserId>) -> Self {
        let users: BTreeSet<_> = users.into_iter().collect();
        let leaves = users.iter().copied().map(Leaf::containing).collect();
        Self { users, leaves }
    }
}

/// The differences between the user index and the users table.
#[derive(Default)]
pub(super) struct Differences {
    /// The users who are not listed as they are.
    pub(super) users: BTreeSet<UserId>,
    /// The writes that correct sets of ids.
    pub(super) sets: Vec<Write>,
    /// The counts that are not those of the sets below them.
    pub(super) counts: BTreeMap<CountPosition, CountChange>,
}

impl Differences {
    /// The writes that correct all differences.
    fn into_writes(self) -> Vec<Write> {
        self.sets.into_iter().chain(updates(&self.counts)).collect()
    }
}

impl UserIndex {
    /// Handles records of the users table's stream or of the index table's stream. Idempotent.
    ///
    /// # Errors
    /// Only an internal error. Some of the records may be handled then.
    pub async fn follow(&self, records: &[Value]) -> Result<(), InternalError> {
        let (mut changed, mut enqueued) = (BTreeSet::new(), BTreeSet::new());
        for record in records {
            match IndexRecord::parse(record)? {
                IndexRecord::ChangedUser(user) => _ = changed.insert(user),
                IndexRecord::Enqueued(users) => enqueued.extend(users),
            }
        }
        self.enqueue_changes(changed).await?;
        self.sync(enqueued).await
    }

    /// Enqueues those of the users who are not listed as they are, with one write.
    async fn enqueue_changes(&self, users: BTreeSet<UserId>) -> Result<(), InternalError> {
        let users = self.not_listed(&users).await?;
        let users: Vec<u64> = users.into_iter().map(UserId::get).collect();
        for users in users.chunks(BATCH_SIZE) {
            let until = clock::seconds().saturating_add(CHANGE_SECONDS);
            let item = Item::from([
                ("users".to_owned(), numbers(users)),
                ("expires_at".to_owned(), number(until)),
            ]);
            let key = key::index_change(new_uuid(clock::now())?);
            self.database.write(vec![Write::Put(key, item)]).await?;
        }
        Ok(())
    }

    /// Those of the users who do not exist, or are not in the set of their flags. Reads one set of
    /// ids per leaf and combination of flags.
    pub(super) async fn not_listed(
        &self,
        users: &BTreeSet<UserId>,
    ) -> Result<BTreeSet<UserId>, InternalError> {
        let current = self.flags_of(users).await?;
        let set_of = |(user, flags): (&UserId, &Flags)| (Leaf::containing(*user), *flags);
        let sets = self.sets(current.iter().map(set_of).collect()).await?;
        let is_listed = |user: &UserId| {
            let flags = current.get(user)?;
            sets.get(&(Leaf::containing(*user), *flags))?.0.get(user)
        };
        let users = users.iter().filter(|user| is_listed(user).is_none());
        Ok(users.copied().collect())
    }

    /// Makes the index list these users as they are, and count them. Idempotent.
    ///
    /// # Errors
    /// Only an internal error. Some of the users may be listed then.
    pub async fn sync(&self, users: impl IntoIterator<Item = UserId>) -> Result<(), InternalError> {
        let users: Vec<_> = users
            .into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        for users in users.chunks(BATCH_SIZE) {
            let scope = Scope::users(users.iter().copied());
            let found = self.differences(&scope).await?;
            self.repair(&scope, found).await?;
        }
        Ok(())
    }

    /// Writes the differences in `scope`, beginning with these, until there are none.
    pub(super) async fn repair(
        &self,
        scope: &Scope,
        mut found: Differences,
    ) -> Result<(), InternalError> {
        for _ in 0..MAX_TRIES {
            let writes = found.into_writes();
            if writes.is_empty() {
                return Ok(());
            }
            let write = |write| self.database.write(vec![write]);
            let outcomes: Vec<_> = stream::iter(writes.into_iter().map(write).collect::<Vec<_>>())
                .buffer_unordered(CONCURRENT_WRITES)
                .try_collect()
                .await?;
            let is_conflict = |outcome| matches!(outcome, WriteOutcome::ConditionFailed(_));
            if outcomes.into_iter().any(is_conflict) {
                pause().await;
            }
            found = self.differences(scope).await?;
        }
        Err(InternalError::new(
            "the user index is being changed too often",
        ))
    }

    /// The differences in `scope`. Reads its users, all sets of ids of their leaves and of its leaves,
    /// and the nodes above its leaves.
    pub(super) async fn differences(&self, scope: &Scope) -> Result<Differences, InternalError> {
        let leaves = scope.users.iter().copied().map(Leaf::containing);
        let leaves = leaves.chain(scope.leaves.iter().copied());
        let keys = leaves.flat_map(|leaf| Flags::all().map(move |flags| (leaf, flags)));
        let paths: BTreeSet<(Node, u64)> =
            scope.leaves.iter().copied().flat_map(Node::path).collect();
        let nodes = paths.iter().map(|(node, _)| *node).collect();
        let sets = self.sets(keys.collect());
        let (sets, nodes) = futures_util::try_join!(sets, self.nodes(nodes))?;
        let current = self.flags_of(&scope.users).await?;

        let mut found = Differences::default();
        let mut wanted = sets.clone();
        for user in &scope.users {
            for flags in Flags::all() {
                let key = (Leaf::containing(*user), flags);
                let is_wanted = current.get(user) == Some(&flags);
                let is_listed = sets.get(&key).is_some_and(|set| set.0.contains(user));
                if is_wanted != is_listed {
                    found.users.insert(*user);
                    let set = wanted.entry(key).or_default();
                    if is_wanted {
                        set.0.insert(*user);
                    } else {
                        set.0.remove(user);
                    }
                }
            }
        }
        let write = |((leaf, flags), wanted): (&(Leaf, Flags), &IdSet)| {
            let was = sets.get(&(*leaf, *flags)).cloned().unwrap_or_default();
            was.write(wanted, *leaf, *flags)
        };
        found.sets = wanted.iter().filter_map(write).collect();

        let (mut counts, none) = (nodes.clone(), Counts::default());
        // The deepest nodes come first.
        for (node, child) in paths.into_iter().rev() {
            let below = match node.child_node(child) {
                Some(child) => counts.get(&child).unwrap_or(&none).sum(),
                None => counts_of_leaf(&wanted, Leaf(*node.leaves(child).start())),
            };
            counts.entry(node).or_default().set(child, below.clone());
            let was = nodes.get(&node).unwrap_or(&none).get(child);
            if was != below {
                let change = CountChange { was, wanted: below };
                found.counts.insert((node, child), change);
            }
        }
        Ok(found)
    }

    /// The flags of those of the users who exist.
    async fn flags_of(
        &self,
        users: &BTreeSet<UserId>,
    ) -> Result<BTreeMap<UserId, Flags>, InternalError> {
        let keys: Vec<Key> = users.iter().copied().map(key::user).collect();
        let items = self.database.get_many(&keys, &SYNCED_ATTRIBUTES).await?;
        items.iter().map(flags_of_item).collect()
    }

    /// The sets of ids that are not empty.
    async fn sets(
        &self,
        keys: BTreeSet<(Leaf, Flags)>,
    ) -> Result<BTreeMap<(Leaf, Flags), IdSet>, InternalError> {
        let key = |(leaf, flags): &(Leaf, Flags)| key::user_ids(flags.digits(), leaf.0);
        let keys: Vec<Key> = keys.iter().map(key).collect();
        let items = self.database.get_many(&keys, &[]).await?;
        let set = |item: &Item| {
            let (flags, leaf) = key::flags_and_leaf(item).ok_or_else(unreadable_key)?;
            let (flags, leaf) = (Flags::parse(flags).ok_or_else(unreadable_key)?, Leaf(leaf));
            Ok(((leaf, flags), IdSet::from_item(leaf, item)?))
        };
        items.iter().map(set).collect()
    }

    /// The counts of the nodes that exist.
    async fn nodes(&self, nodes: BTreeSet<Node>) -> Result<BTreeMap<Node, Counts>, InternalError> {
        let keys: Vec<Key> = nodes.into_iter().map(Node::key).collect();
        let items = self.database.get_many(&keys, &[]).await?;
        let node = |item: &Item| {
            let (depth, prefix) = key::depth_and_prefix(item).ok_or_else(unreadable_key)?;
            Ok((Node { depth, prefix }, Counts::from_item(item)?))
        };
        items.iter().map(node).collect()
    }
}

fn unreadable_key() -> InternalError {
    InternalError::new("an item of the user index has an unknown key")
}

/// The id and the flags of a user's item.
pub(super) fn flags_of_item(item: &Item) -> Result<(UserId, Flags), InternalError> {
    let reader = ItemReader(item);
    let flags = Flags::new(
        reader.flag("email_verified")?,
        reader.flag("blocked")?,
        reader.flag("featured")?,
    );
    Ok((reader.uuid("uuid")?.into(), flags))
}

fn counts_of_leaf(sets: &BTreeMap<(Leaf, Flags), IdSet>, leaf: Leaf) -> FlagCounts {
    let count = |flags| {
        let set = sets.get(&(leaf, flags))?;
        (!set.0.is_empty()).then_some((flags, set.0.len() as u64))
    };
    Flags::all().filter_map(count).collect()
}
