//! Reading along a row of items, some at a time.

use std::collections::VecDeque;

use crate::Fault;
use crate::database::{Database, Direction, Item, Row, key};

/// Items that lie in the order of numbers, of which some are read.
pub(super) struct Line {
    row: Row,
    direction: Direction,
    /// How many are read at once.
    chunk: usize,
    /// Where to read on, if there may be more.
    next: Option<u64>,
    read: VecDeque<(u64, Item)>,
}

impl Line {
    /// The items of `row` from the number `first` on.
    pub(super) fn of(row: Row, direction: Direction, first: u64, chunk: usize) -> Self {
        Self {
            row,
            direction,
            chunk,
            next: Some(first),
            read: VecDeque::new(),
        }
    }

    /// The number of the next item; none after the last. Reads where all that was read is taken.
    pub(super) async fn peek(&mut self, database: &Database) -> Result<Option<u64>, Fault> {
        if let (true, Some(next)) = (self.read.is_empty(), self.next) {
            let within = self.direction.from(next);
            let items = database
                .read(&self.row, within, self.direction, self.chunk)
                .await?;
            let full = items.len() == self.chunk;
            self.read = items
                .into_iter()
                .filter_map(|item| Some((key::number_of(&item)?, item)))
                .collect();
            let last = self.read.back().filter(|_| full);
            self.next = last.and_then(|(last, _)| self.direction.after(*last));
        }
        Ok(self.read.front().map(|(number, _)| *number))
    }

    /// Takes the item that [`Line::peek`] told of, if it has this number.
    pub(super) fn take_at(&mut self, number: u64) -> Option<Item> {
        self.read
            .pop_front_if(|(next, _)| *next == number)
            .map(|(_, item)| item)
    }
}
