//! A buffer of the newest values.
//!
//! It bounds the memory of a long-running cloud.

use std::collections::VecDeque;

/// Number of values that the buffer holds; more than any test produces.
const CAPACITY: usize = 20_000;

/// The newest values, oldest first. Each has a sequence number.
#[derive(Debug)]
pub(crate) struct RingBuffer<T> {
    /// Sequence number of the oldest value in the buffer.
    first: usize,
    values: VecDeque<T>,
}

impl<T> Default for RingBuffer<T> {
    fn default() -> RingBuffer<T> {
        RingBuffer {
            first: 0,
            values: VecDeque::new(),
        }
    }
}

impl<T: Clone> RingBuffer<T> {
    /// Appends a value and returns its sequence number. Evicts the oldest value if it is full.
    pub(crate) fn push(&mut self, value: T) -> usize {
        if self.values.len() == CAPACITY {
            self.values.pop_front();
            self.first += 1;
        }
        self.values.push_back(value);
        self.first + self.values.len() - 1
    }

    /// The value with this sequence number, unless it was evicted or cleared.
    pub(crate) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        self.values.get_mut(number.checked_sub(self.first)?)
    }

    /// All values in the buffer.
    pub(crate) fn to_vec(&self) -> Vec<T> {
        self.values.iter().cloned().collect()
    }

    /// Removes all values. Sequence numbers go on.
    pub(crate) fn clear(&mut self) {
        self.first += self.values.len();
        self.values.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_values_are_found_by_their_sequence_numbers() {
        let mut buffer = RingBuffer::default();
        let numbers: Vec<_> = (0..CAPACITY + 2).map(|value| buffer.push(value)).collect();
        assert_eq!(buffer.to_vec(), (2..CAPACITY + 2).collect::<Vec<_>>());
        assert_eq!(buffer.get_mut(numbers[1]), None);
        assert_eq!(buffer.get_mut(numbers[2]), Some(&mut 2));
        buffer.clear();
        let next = buffer.push(7);
        assert_eq!(buffer.get_mut(numbers[2]), None);
        assert_eq!(buffer.get_mut(next), Some(&mut 7));
        assert_eq!(buffer.to_vec(), [7]);
    }
}
