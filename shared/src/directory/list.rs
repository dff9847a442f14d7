//! A page of the list.

use futures_util::future::try_join_all;

use super::counts::{Counts, Node};
use super::filter::Filter;
use super::line::Line;
use super::{Directory, Listed, OrderBy};
use crate::database::{Direction, Row, key};
use crate::{Error, Fault, Result, UserId};

/// How many entries are read at most to be put into an order that is not the ids'.
const MOST_SORTED: u64 = 5_000;
/// How many of them are read at once.
const SORTED_AT_ONCE: usize = 1_000;

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// After so many others.
    Offset(u64),
    /// After this user, in the order of ids.
    After(UserId),
}

/// Some of the users that match.
#[derive(Debug)]
pub struct ListPage {
    /// These, in the order asked for.
    pub entries: Vec<Listed>,
    /// How many match, on this page or not.
    pub total: u64,
    /// Where the next page begins, if there is more.
    pub next: Option<At>,
}

impl ListPage {
    /// The page of `size` that begins `at`, of all that match.
    pub(super) fn of(mut all: Vec<Listed>, order: &OrderBy, at: At, size: usize) -> Result<Self> {
        let At::Offset(offset) = at else {
            return Err(Error::BadParameter("cursor"));
        };
        all.sort_by(|one, other| order.compare(one, other));
        let (total, offset) = (all.len(), usize::try_from(offset).unwrap_or(usize::MAX));
        let entries: Vec<_> = all.into_iter().skip(offset).take(size).collect();
        let end = offset.saturating_add(entries.len());
        let next = (end < total && !entries.is_empty()).then_some(At::Offset(end as u64));
        Ok(Self {
            entries,
            total: total as u64,
            next,
        })
    }
}

impl Directory {
    /// The page of `size` that begins `at`, of the users that the filter admits.
    ///
    /// In the order of ids this reads at most eight items of counts, and three times `size`
    /// entries. In other orders it reads the entries of all who match.
    ///
    /// # Errors
    /// [`Error::BadParameter`] where more than 5,000 users would have to be put in order.
    pub async fn page(
        &self,
        filter: Filter,
        order: &OrderBy,
        at: At,
        size: usize,
    ) -> Result<ListPage> {
        let root = self.node(Node::ROOT).await?;
        let rows = rows(&root, filter);
        if let Some(direction) = order.of_ids() {
            return Ok(self
                .page_by_id(root, rows, filter, direction, at, size)
                .await?);
        }
        if root.total(filter) > MOST_SORTED {
            return Err(Error::BadParameter("order_by"));
        }
        let line = |(row, _)| Line::of(row, Direction::Up, 0, SORTED_AT_ONCE);
        let lines = rows.into_iter().map(line).collect();
        let all = self.merged(lines, Direction::Up, usize::MAX).await?;
        ListPage::of(all, order, at, size)
    }

    async fn page_by_id(
        &self,
        root: Counts,
        rows: Vec<(Row, u64)>,
        filter: Filter,
        direction: Direction,
        at: At,
        size: usize,
    ) -> Result<ListPage, Fault> {
        let total = root.total(filter);
        let (first, skipped) = match at {
            At::Offset(offset) if offset >= total => (None, 0),
            At::Offset(offset) => {
                let start = self
                    .start(root, filter, direction, offset, size as u64)
                    .await?;
                (Some(start.id), start.skipped as usize)
            }
            At::After(id) => (direction.after(id.get()), 0),
        };
        let Some(first) = first else {
            return Ok(ListPage {
                entries: Vec::new(),
                total,
                next: None,
            });
        };

        let most = skipped + size + 1; // one more, which says that there is more
        // What is read at once of a line may be for nothing; all lines together may so read what
        // is left of three times the size, each by its share of those who match.
        let (alone, spare) = (
            rows.len() == 1,
            (3 * size).saturating_sub(most + rows.len()) as u64,
        );
        let share = |count: u64| usize::try_from(spare * count / total.max(1)).unwrap_or(0);
        let chunk = |count: u64| {
            if alone {
                most
            } else {
                most.min(1 + share(count))
            }
        };
        let line = |(row, count)| Line::of(row, direction, first, chunk(count));
        let lines = rows.into_iter().map(line).collect();
        let mut entries = self.merged(lines, direction, most).await?;
        entries.drain(..skipped.min(entries.len()));
        let more = entries.len() > size;
        entries.truncate(size);
        let next = entries
            .last()
            .filter(|_| more)
            .map(|last| At::After(last.id()));
        Ok(ListPage {
            entries,
            total,
            next,
        })
    }

    /// The first `most` entries of all lines together, which lie in the direction.
    async fn merged(
        &self,
        mut lines: Vec<Line>,
        direction: Direction,
        most: usize,
    ) -> Result<Vec<Listed>, Fault> {
        let mut merged = Vec::new();
        while merged.len() < most {
            let firsts =
                try_join_all(lines.iter_mut().map(|line| line.peek(&self.database))).await?;
            let first = lines
                .iter_mut()
                .zip(firsts)
                .filter_map(|(line, first)| Some((first?, line)));
            let first = match direction {
                Direction::Up => first.min_by_key(|(id, _)| *id),
                Direction::Down => first.max_by_key(|(id, _)| *id),
            };
            let Some(item) = first.and_then(|(id, line)| line.take_at(id)) else {
                break;
            };
            merged.push(Listed::of(&item)?);
        }
        Ok(merged)
    }
}

/// The rows that hold what the filter admits, and how many each: all entries where that is
/// everyone, or else one row for each kind of which there are any.
fn rows(root: &Counts, filter: Filter) -> Vec<(Row, u64)> {
    if filter.admits_all() {
        return vec![(key::entries(), root.total(filter))];
    }
    let kinds = root
        .sum()
        .into_iter()
        .filter(|(flags, _)| filter.admits(*flags));
    kinds
        .map(|(flags, count)| (key::entries_with(flags.digits()), count.unsigned_abs()))
        .collect()
}
