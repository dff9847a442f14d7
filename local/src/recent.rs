//! The newest of many: what nobody reads is not kept for ever.

use std::collections::VecDeque;

/// How many are kept: more than any test makes.
const MOST: usize = 20_000;

/// The newest values, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    /// The number of the oldest that is kept.
    first: usize,
    kept: VecDeque<T>,
}

impl<T> Default for Recent<T> {
    fn default() -> Recent<T> {
        Recent {
            first: 0,
            kept: VecDeque::new(),
        }
    }
}

impl<T: Clone> Recent<T> {
    /// Adds a value: its number.
    pub(crate) fn push(&mut self, value: T) -> usize {
        if self.kept.len() == MOST {
            self.kept.pop_front();
            self.first += 1;
        }
        self.kept.push_back(value);
        self.first + self.kept.len() - 1
    }

    /// The value of this number, if it is still kept.
    pub(crate) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        self.kept.get_mut(number.checked_sub(self.first)?)
    }

    /// All that are kept.
    pub(crate) fn to_vec(&self) -> Vec<T> {
        self.kept.iter().cloned().collect()
    }

    /// Keeps none of those so far.
    pub(crate) fn clear(&mut self) {
        self.first += self.kept.len();
        self.kept.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_found_by_their_numbers() {
        let mut recent = Recent::default();
        let numbers: Vec<_> = (0..MOST + 2).map(|value| recent.push(value)).collect();
        assert_eq!(recent.to_vec(), (2..MOST + 2).collect::<Vec<_>>());
        assert_eq!(recent.get_mut(numbers[1]), None);
        assert_eq!(recent.get_mut(numbers[2]), Some(&mut 2));
        recent.clear();
        let next = recent.push(7);
        assert_eq!(recent.get_mut(numbers[2]), None);
        assert_eq!(recent.get_mut(next), Some(&mut 7));
        assert_eq!(recent.to_vec(), [7]);
    }
}
