//! The orders that the list can be in.

use std::cmp::Ordering;
use std::str::FromStr;

use super::Listed;
use crate::database::Direction;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Id,
    CreateTime,
    UpdateTime,
    LastLogin,
    Email,
    Name,
}

/// An order: by the first, where that is the same by the next, and at last by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderBy(Vec<(By, Direction)>);

impl Default for OrderBy {
    /// By id.
    fn default() -> Self {
        Self(vec![(By::Id, Direction::Up)])
    }
}

impl FromStr for OrderBy {
    type Err = ();

    /// A list with commas of `id`, `create_time`, `update_time`, `last_login`, `email` and
    /// `name`, each once, with a `-` before it for the other way.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut order: Vec<(By, Direction)> = Vec::new();
        for word in text.split(',') {
            let (name, direction) = match word.strip_prefix('-') {
                Some(name) => (name, Direction::Down),
                None => (word, Direction::Up),
            };
            let by = match name {
                "id" => By::Id,
                "create_time" => By::CreateTime,
                "update_time" => By::UpdateTime,
                "last_login" => By::LastLogin,
                "email" => By::Email,
                "name" => By::Name,
                _ => return Err(()),
            };
            if order.iter().any(|(given, _)| *given == by) {
                return Err(());
            }
            order.push((by, direction));
        }
        Ok(Self(order))
    }
}

impl OrderBy {
    /// Which way, where the order is that of the ids. An id begins with the time it was made
    /// at, so the order of `create_time` is the same as long as nothing else decides in a
    /// millisecond.
    pub(super) fn of_ids(&self) -> Option<Direction> {
        match *self.0.as_slice() {
            [(By::Id, direction), ..] | [(By::CreateTime, direction)] => Some(direction),
            [(By::CreateTime, first), (By::Id, second), ..] if first == second => Some(first),
            _ => None,
        }
    }

    /// How two entries lie. Texts go by their code points; whoever never logged in comes before
    /// all others.
    pub(super) fn compare(&self, one: &Listed, other: &Listed) -> Ordering {
        let by = |(by, direction): &(By, Direction)| {
            let order = match by {
                By::Id => one.id().cmp(&other.id()),
                By::CreateTime => one.created_at.cmp(&other.created_at),
                By::UpdateTime => one.updated_at.cmp(&other.updated_at),
                By::LastLogin => one.last_login.cmp(&other.last_login),
                By::Email => one.email.cmp(&other.email),
                By::Name => one.nickname.cmp(&other.nickname),
            };
            if *direction == Direction::Up {
                order
            } else {
                order.reverse()
            }
        };
        let order = self.0.iter().map(by).find(|order| order.is_ne());
        order.unwrap_or_else(|| one.id().cmp(&other.id()))
    }
}
