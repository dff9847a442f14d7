//! Buffered reader of a partition.

use std::collections::VecDeque;

use crate::domain::InternalError;
use crate::store::dynamodb::{Database, Direction, Item, Partition, key};

/// Reads the items of a partition in order, some at a time.
pub(super) struct PartitionReader {
    partition: Partition,
    direction: Direction,
    /// How many items one query reads.
    chunk: usize,
    /// The number from which the next query reads. `None` if there are no more items.
    next: Option<u64>,
    buffer: VecDeque<(u64, Item)>,
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
            buffer: VecDeque::new(),
        }
    }

    /// The number of the next item. `None` after the last. Queries if the buffer is empty.
    pub(super) async fn peek(&mut self, database: &Database) -> Result<Option<u64>, InternalError> {
        if let (true, Some(next)) = (self.buffer.is_empty(), self.next) {
            let range = self.direction.from(next);
            let items = database
                .query(&self.partition, range, self.direction, self.chunk)
                .await?;
            let is_full = items.len() == self.chunk;
            self.buffer = items
                .into_iter()
                .filter_map(|item| Some((key::sort_number(&item)?, item)))
                .collect();
            let last = self.buffer.back().filter(|_| is_full);
            self.next = last.and_then(|(last, _)| self.direction.after(*last));
        }
        Ok(self.buffer.front().map(|(number, _)| *number))
    }

    /// Takes the item at the front of the buffer, if it has this number.
    pub(super) fn take_at(&mut self, number: u64) -> Option<Item> {
        self.buffer
            .pop_front_if(|(next, _)| *next == number)
            .map(|(_, item)| item)
    }
}
