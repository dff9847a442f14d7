//! Pages of the list of users.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::count_tree::{Counts, Node};
use super::filter::{Filter, Flags};
use super::partition_reader::IdReader;
use super::user_summary::ATTRIBUTES;
use super::{OrderBy, SortKey, UserIndex, UserSummary};
use crate::domain::{Error, InternalError, Result, UserId};
use crate::store::dynamodb::{Direction, Key, key};

/// How many users are read and sorted at most, for an order other than by id.
const MAX_SORTED: u64 = 5_000;
/// How many sets of ids are read per query to sort the users.
const SORT_READ_SIZE: usize = 1_000;

/// The start of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PagePosition {
    /// After this many users.
    Offset(u64),
    /// After the user at this position.
    After(SortKey),
}

/// A page of the list of users.
#[derive(Debug)]
pub struct ListPage {
    /// The users of the page, as stored, in the requested order. A user who was deleted, or who no
    /// longer matches, is missing until the index follows.
    pub entries: Vec<UserSummary>,
    /// The number of matching users on all pages.
    pub total: u64,
    /// The position after which the next page starts. `None` on the last page.
    pub next: Option<SortKey>,
}

impl ListPage {
    /// The page of `size` users that starts `at`, of `all` matching users in any order.
    pub(super) fn from_unsorted(
        all: Vec<UserSummary>,
        order: &OrderBy,
        at: &PagePosition,
        size: usize,
    ) -> Self {
        let total = all.len() as u64;
        let keyed = all.into_iter().map(|entry| (order.key(&entry), entry));
        let mut keyed: Vec<_> = keyed.collect();
        keyed.sort_by(|(one, _), (other, _)| order.compare(one, other));
        let first = match at {
            PagePosition::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
            PagePosition::After(last) => {
                keyed.partition_point(|(key, _)| order.compare(key, last).is_le())
            }
        };
        let has_more = keyed.len() > first.saturating_add(size);
        let (mut next, mut entries) = (None, Vec::new());
        for (key, entry) in keyed.into_iter().skip(first).take(size) {
            next = Some(key);
            entries.push(entry);
        }
        Self {
            entries,
            total,
            next: next.filter(|_| has_more),
        }
    }
}

impl UserIndex {
    /// The page of `size` users that starts `at`, of those that match the filter.
    ///
    /// An order by id reads at most four nodes, 3 × `size` sets of ids and `size` users. Other orders
    /// read all matching users.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] if an order other than by id would have to sort more than 5,000
    /// users.
    pub async fn page(
        &self,
        filter: Filter,
        order: &OrderBy,
        at: &PagePosition,
        size: usize,
    ) -> Result<ListPage> {
        let root = self.node(Node::ROOT).await?;
        let counts = root.sum().into_iter();
        let counts = counts.filter(|(flags, _)| filter.matches(*flags)).collect();
        if let Some(direction) = order.id_direction() {
            return Ok(self
                .page_by_id(root, counts, filter, direction, at, size)
                .await?);
        }
        if root.total(filter) > MAX_SORTED {
            return Err(Error::InvalidQuery("order_by"));
        }
        let (direction, first) = (Direction::Ascending, UserId::at(0));
        let reader = |(flags, _)| IdReader::new(flags, direction, first, SORT_READ_SIZE);
        let readers = counts.into_iter().map(reader).collect();
        let all = self.merge(readers, direction, usize::MAX).await?;
        let all = self.users(&all, filter).await?;
        Ok(ListPage::from_unsorted(all, order, at, size))
    }

    async fn page_by_id(
        &self,
        root: Counts,
        counts: BTreeMap<Flags, u64>,
        filter: Filter,
        direction: Direction,
        at: &PagePosition,
        size: usize,
    ) -> Result<ListPage, InternalError> {
        let total = root.total(filter);
        let (first, skipped) = match at {
            PagePosition::Offset(offset) if *offset >= total => (None, 0),
            PagePosition::Offset(offset) => {
                let start = self
                    .seek(root, filter, direction, *offset, size as u64)
                    .await?;
                (Some(start.id), start.skipped as usize)
            }
            PagePosition::After(last) => (direction.after(last.id().get()).map(UserId::at), 0),
        };
        let Some(first) = first else {
            return Ok(ListPage {
                entries: Vec::new(),
                total,
                next: None,
            });
        };

        let max = skipped + size + 1; // one more shows whether there is a next page
        // A merge may read sets that it does not use. All partitions together read at most 3 × `size`
        // sets, and split the spare ones in proportion to their counts.
        let (is_single, spare) = (
            counts.len() == 1,
            (3 * size).saturating_sub(max + counts.len()) as u64,
        );
        let share = |count: u64| usize::try_from(spare * count / total.max(1)).unwrap_or(0);
        let chunk = |count: u64| {
            if is_single {
                max
            } else {
                max.min(1 + share(count))
            }
        };
        let reader = |(flags, count)| IdReader::new(flags, direction, first, chunk(count));
        let readers = counts.into_iter().map(reader).collect();
        let mut ids = self.merge(readers, direction, max).await?;
        ids.drain(..skipped.min(ids.len()));
        let has_more = ids.len() > size;
        ids.truncate(size);
        let next = ids.last().filter(|_| has_more).copied();
        Ok(ListPage {
            entries: self.users(&ids, filter).await?,
            total,
            next: next.map(SortKey::of_id),
        })
    }

    /// The first `max` ids of all readers, merged in this order.
    async fn merge(
        &self,
        mut readers: Vec<IdReader>,
        direction: Direction,
        max: usize,
    ) -> Result<Vec<UserId>, InternalError> {
        let mut merged = Vec::new();
        while merged.len() < max {
            let firsts =
                try_join_all(readers.iter_mut().map(|reader| reader.peek(&self.database))).await?;
            let firsts = firsts.into_iter().flatten();
            let first = match direction {
                Direction::Ascending => firsts.min(),
                Direction::Descending => firsts.max(),
            };
            let Some(first) = first else { break };
            // A user whose flags are being changed can be in two sets.
            for reader in &mut readers {
                reader.take(first);
            }
            merged.push(first);
        }
        Ok(merged)
    }

    /// Those of these users who exist and match the filter, as stored and in this order.
    pub(super) async fn users(
        &self,
        ids: &[UserId],
        filter: Filter,
    ) -> Result<Vec<UserSummary>, InternalError> {
        let keys: Vec<Key> = ids.iter().copied().map(key::user).collect();
        let items = self.database.get_many(&keys, &ATTRIBUTES).await?;
        let users = items.iter().map(UserSummary::from_item);
        let mut users = users
            .map(|user| user.map(|user| (user.id(), user)))
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        let found = ids.iter().filter_map(|id| users.remove(id));
        Ok(found.filter(|user| filter.matches(user.flags())).collect())
    }
}
