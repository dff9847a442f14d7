//! Sort orders of the list of users.

use std::cmp::Ordering;
use std::str::FromStr;

use super::UserSummary;
use crate::store::dynamodb::Direction;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SortColumn {
    Id,
    CreateTime,
    UpdateTime,
    LastLogin,
    Email,
    Name,
}

/// A sort order: by these columns, and finally by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderBy(Vec<(SortColumn, Direction)>);

impl Default for OrderBy {
    /// By id.
    fn default() -> Self {
        Self(vec![(SortColumn::Id, Direction::Ascending)])
    }
}

impl FromStr for OrderBy {
    type Err = ();

    /// Parses a comma-separated list of `id`, `create_time`, `update_time`, `last_login`, `email`
    /// and `name`, each at most once. A leading `-` means descending.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut order: Vec<(SortColumn, Direction)> = Vec::new();
        for word in text.split(',') {
            let (name, direction) = match word.strip_prefix('-') {
                Some(name) => (name, Direction::Descending),
                None => (word, Direction::Ascending),
            };
            let column = match name {
                "id" => SortColumn::Id,
                "create_time" => SortColumn::CreateTime,
                "update_time" => SortColumn::UpdateTime,
                "last_login" => SortColumn::LastLogin,
                "email" => SortColumn::Email,
                "name" => SortColumn::Name,
                _ => return Err(()),
            };
            if order.iter().any(|(other, _)| *other == column) {
                return Err(());
            }
            order.push((column, direction));
        }
        Ok(Self(order))
    }
}

impl OrderBy {
    /// The direction, if this is an order by id. An id begins with the creation time. So
    /// `create_time` is an order by id, unless another column decides within a millisecond.
    pub(super) fn id_direction(&self) -> Option<Direction> {
        match *self.0.as_slice() {
            [(SortColumn::Id, direction), ..] | [(SortColumn::CreateTime, direction)] => {
                Some(direction)
            }
            [
                (SortColumn::CreateTime, first),
                (SortColumn::Id, second),
                ..,
            ] if first == second => Some(first),
            _ => None,
        }
    }

    /// Compares two entries. Strings are compared by code points. Users who never logged in come
    /// first.
    pub(super) fn compare(&self, one: &UserSummary, other: &UserSummary) -> Ordering {
        let compare = |(column, direction): &(SortColumn, Direction)| {
            let order = match column {
                SortColumn::Id => one.id().cmp(&other.id()),
                SortColumn::CreateTime => one.created_at.cmp(&other.created_at),
                SortColumn::UpdateTime => one.updated_at.cmp(&other.updated_at),
                SortColumn::LastLogin => one.last_login.cmp(&other.last_login),
                SortColumn::Email => one.email.cmp(&other.email),
                SortColumn::Name => one.nickname.cmp(&other.nickname),
            };
            if *direction == Direction::Ascending {
                order
            } else {
                order.reverse()
            }
        };
        let order = self.0.iter().map(compare).find(|order| order.is_ne());
        order.unwrap_or_else(|| one.id().cmp(&other.id()))
    }
}
