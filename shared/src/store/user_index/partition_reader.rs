//! Buffered readers of partitions: of items, and of the ids in them.

use std::collections::VecDeque;

use super::count_tree::Leaf;
use super::filter::Flags;
use super::id_set::IdSet;
use crate::domain::{InternalError, UserId};
use crate::store::dynamodb::{Database, Direction, Item, Partition, key};

/// Reads the items of a partition in order, some at a time.
pub(super) struct PartitionReader {
    partition: Partition,
    pub(super) direction: Direction,
    /// How many items one query reads.
    chunk: usize,
    /// The number from which the next query reads. `None` if there are no more items.
    next: Option<u64>,
}

impl PartitionReader {
    /// A reader of `partition` from the number `first` on.
    pub(super) fn new(
        partition: Partition,
        direction: Direction,
        first: u64,
        chunk: usize,
    ) -> Self {
        Self {
            partition,
            direction,
            chunk,
            next: Some(first),
        }
    }

    /// The number from which the next query reads. `None` if there are no more items.
    pub(super) fn next(&self) -> Option<u64> {
        self.next
    }

    /// The next items, with their numbers. Empty at the end of the partition.
    pub(super) async fn read(
        &mut self,
        database: &Database,
    ) -> Result<Vec<(u64, Item)>, InternalError> {
        let Some(next) = self.next else {
            return Ok(Vec::new());
        };
        let range = self.direction.from(next);
        let items = database
            .query(&self.partition, range, self.direction, self.chunk)
            .await?;
        let is_full = items.len() == self.chunk;
        let numbered = |item: Item| Some((key::sort_number(&item)?, item));
        let items: Vec<_> = items.into_iter().filter_map(numbered).collect();
        let last = items.last().filter(|_| is_full);
        self.next = last.and_then(|(last, _)| self.direction.after(*last));
        Ok(items)
    }
}

/// Reads the ids of all users with the same flags in order.
pub(super) struct IdReader {
    sets: PartitionReader,
    first: UserId,
    buffer: VecDeque<UserId>,
}

impl IdReader {
    /// A reader from the id `first` on. One query reads at most `chunk` sets of ids.
    pub(super) fn new(flags: Flags, direction: Direction, first: UserId, chunk: usize) -> Self {
        let (partition, leaf) = (key::all_user_ids(flags.digits()), Leaf::containing(first));
        Self {
            sets: PartitionReader::new(partition, direction, leaf.0, chunk),
            first,
            buffer: VecDeque::new(),
        }
    }

    /// The next id. `None` after the last. Queries if the buffer is empty.
    pub(super) async fn peek(
        &mut self,
        database: &Database,
    ) -> Result<Option<UserId>, InternalError> {
        while self.buffer.is_empty() {
            let items = self.sets.read(database).await?;
            if items.is_empty() {
                return Ok(None);
            }
            for (leaf, item) in items {
                let ids = IdSet::from_item(Leaf(leaf), &item)?.0;
                match self.sets.direction {
                    Direction::Ascending => self.buffer.extend(ids.range(self.first..)),
                    Direction::Descending => self.buffer.extend(ids.range(..=self.first).rev()),
                }
            }
        }
        Ok(self.buffer.front().copied())
    }

    /// Removes this id from the front of the buffer. Does nothing if it is not there.
    pub(super) fn take(&mut self, id: UserId) -> Option<UserId> {
        self.buffer.pop_front_if(|next| *next == id)
    }
}
