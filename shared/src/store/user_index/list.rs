//! Pages of the list of users.

use futures_util::future::try_join_all;

use super::count_tree::{Counts, Node};
use super::filter::Filter;
use super::partition_reader::PartitionReader;
use super::{OrderBy, UserIndex, UserSummary};
use crate::domain::{Error, InternalError, Result, UserId};
use crate::store::dynamodb::{Direction, Partition, key};

/// How many entries are sorted in memory at most, for an order other than by id.
const MAX_SORTED: u64 = 5_000;
/// How many entries are read per query to sort them.
const SORT_READ_SIZE: usize = 1_000;

/// The start of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagePosition {
    /// After this many users.
    Offset(u64),
    /// After this user, in an order by id.
    After(UserId),
}

/// A page of the list of users.
#[derive(Debug)]
pub struct ListPage {
    /// The users of the page, in the requested order.
    pub entries: Vec<UserSummary>,
    /// The number of matching users on all pages.
    pub total: u64,
    /// The start of the next page. `None` on the last page.
    pub next: Option<PagePosition>,
}

impl ListPage {
    /// The page of `size` users that starts `at`, of `all` matching users in any order.
    pub(super) fn from_unsorted(
        mut all: Vec<UserSummary>,
        order: &OrderBy,
        at: PagePosition,
        size: usize,
    ) -> Result<Self> {
        let PagePosition::Offset(offset) = at else {
            return Err(Error::InvalidQuery("cursor"));
        };
        all.sort_by(|one, other| order.compare(one, other));
        let (total, offset) = (all.len(), usize::try_from(offset).unwrap_or(usize::MAX));
        let entries: Vec<_> = all.into_iter().skip(offset).take(size).collect();
        let end = offset.saturating_add(entries.len());
        let next = (end < total && !entries.is_empty()).then_some(PagePosition::Offset(end as u64));
        Ok(Self {
            entries,
            total: total as u64,
            next,
        })
    }
}

impl UserIndex {
    /// The page of `size` users that starts `at`, of those that match the filter.
    ///
    /// An order by id reads at most twelve nodes and 3 × `size` entries. Other orders read the
    /// entries of all matching users.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] if an order other than by id would have to sort more than 5,000
    /// users.
    pub async fn page(
        &self,
        filter: Filter,
        order: &OrderBy,
        at: PagePosition,
        size: usize,
    ) -> Result<ListPage> {
        let root = self.node(Node::ROOT).await?;
        let partitions = partitions(&root, filter);
        if let Some(direction) = order.id_direction() {
            return Ok(self
                .page_by_id(root, partitions, filter, direction, at, size)
                .await?);
        }
        if root.total(filter) > MAX_SORTED {
            return Err(Error::InvalidQuery("order_by"));
        }
        let reader = |(partition, _)| {
            PartitionReader::new(partition, Direction::Ascending, 0, SORT_READ_SIZE)
        };
        let readers = partitions.into_iter().map(reader).collect();
        let all = self
            .merge(readers, Direction::Ascending, usize::MAX)
            .await?;
        ListPage::from_unsorted(all, order, at, size)
    }

    async fn page_by_id(
        &self,
        root: Counts,
        partitions: Vec<(Partition, u64)>,
        filter: Filter,
        direction: Direction,
        at: PagePosition,
        size: usize,
    ) -> Result<ListPage, InternalError> {
        let total = root.total(filter);
        let (first, skipped) = match at {
            PagePosition::Offset(offset) if offset >= total => (None, 0),
            PagePosition::Offset(offset) => {
                let start = self
                    .seek(root, filter, direction, offset, size as u64)
                    .await?;
                (Some(start.id), start.skipped as usize)
            }
            PagePosition::After(id) => (direction.after(id.get()), 0),
        };
        let Some(first) = first else {
            return Ok(ListPage {
                entries: Vec::new(),
                total,
                next: None,
            });
        };

        let max = skipped + size + 1; // one more shows whether there is a next page
        // A merge may read entries that it does not use. All partitions together read at most
        // 3 × `size` entries, and split the spare ones in proportion to their counts.
        let (is_single, spare) = (
            partitions.len() == 1,
            (3 * size).saturating_sub(max + partitions.len()) as u64,
        );
        let share = |count: u64| usize::try_from(spare * count / total.max(1)).unwrap_or(0);
        let chunk = |count: u64| {
            if is_single {
                max
            } else {
                max.min(1 + share(count))
            }
        };
        let reader =
            |(partition, count)| PartitionReader::new(partition, direction, first, chunk(count));
        let readers = partitions.into_iter().map(reader).collect();
        let mut entries = self.merge(readers, direction, max).await?;
        entries.drain(..skipped.min(entries.len()));
        let has_more = entries.len() > size;
        entries.truncate(size);
        let next = entries
            .last()
            .filter(|_| has_more)
            .map(|last| PagePosition::After(last.id()));
        Ok(ListPage {
            entries,
            total,
            next,
        })
    }

    /// The first `max` entries of all readers, merged in this order of ids.
    async fn merge(
        &self,
        mut readers: Vec<PartitionReader>,
        direction: Direction,
        max: usize,
    ) -> Result<Vec<UserSummary>, InternalError> {
        let mut merged = Vec::new();
        while merged.len() < max {
            let firsts =
                try_join_all(readers.iter_mut().map(|reader| reader.peek(&self.database))).await?;
            let first = readers
                .iter_mut()
                .zip(firsts)
                .filter_map(|(reader, first)| Some((first?, reader)));
            let first = match direction {
                Direction::Ascending => first.min_by_key(|(id, _)| *id),
                Direction::Descending => first.max_by_key(|(id, _)| *id),
            };
            let Some(item) = first.and_then(|(id, reader)| reader.take_at(id)) else {
                break;
            };
            merged.push(UserSummary::from_item(&item)?);
        }
        Ok(merged)
    }
}

/// The partitions with the entries that match the filter, and the number of entries in each: the
/// table itself if all users match, or else one index partition per combination of flags.
fn partitions(root: &Counts, filter: Filter) -> Vec<(Partition, u64)> {
    if filter.matches_all() {
        return vec![(key::user_summaries(), root.total(filter))];
    }
    let combinations = root
        .sum()
        .into_iter()
        .filter(|(flags, _)| filter.matches(*flags));
    combinations
        .map(|(flags, count)| {
            (
                key::user_summaries_with(flags.digits()),
                count.unsigned_abs(),
            )
        })
        .collect()
}
