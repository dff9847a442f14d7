//! Sort orders of the list of users.

use std::cmp::Ordering;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::UserSummary;
use crate::domain::UserId;
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

    /// The position of an entry in this order.
    pub(super) fn key(&self, entry: &UserSummary) -> SortKey {
        let value = |(column, _): &(SortColumn, Direction)| match column {
            SortColumn::Id => SortValue::Number(Some(entry.id().get().cast_signed())),
            SortColumn::CreateTime => SortValue::Number(Some(entry.created_at.as_millisecond())),
            SortColumn::UpdateTime => SortValue::Number(Some(entry.updated_at.as_millisecond())),
            SortColumn::LastLogin => {
                SortValue::Number(entry.last_login.map(|at| at.as_millisecond()))
            }
            SortColumn::Email => SortValue::Text(entry.email.to_string()),
            SortColumn::Name => SortValue::Text(entry.nickname.to_string()),
        };
        SortKey {
            values: self.0.iter().map(value).collect(),
            id: entry.id().get(),
        }
    }

    /// Compares two positions in this order. Strings are compared by code points. Users who never
    /// logged in come first.
    pub(super) fn compare(&self, one: &SortKey, other: &SortKey) -> Ordering {
        let values = one.values.iter().zip(&other.values);
        let compare = |((_, direction), (one, other)): (
            &(SortColumn, Direction),
            (&SortValue, &SortValue),
        )| match direction {
            Direction::Ascending => one.cmp(other),
            Direction::Descending => other.cmp(one),
        };
        let order = self.0.iter().zip(values).map(compare);
        order
            .fold(Ordering::Equal, Ordering::then)
            .then(one.id.cmp(&other.id))
    }
}

/// The position of a user in a sort order: the values of its columns, and finally the id.
///
/// A page that starts after a position shows each user who stays exactly once, whoever is added or
/// deleted meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    values: Vec<SortValue>,
    id: u64,
}

impl SortKey {
    /// The position of an id in an order by id.
    pub(super) fn of_id(id: UserId) -> Self {
        Self {
            values: Vec::new(),
            id: id.get(),
        }
    }

    /// The id.
    pub(super) fn id(&self) -> UserId {
        UserId::at(self.id)
    }
}

/// The value of a column. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
enum SortValue {
    Number(Option<i64>),
    Text(String),
}
