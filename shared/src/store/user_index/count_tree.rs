//! Count tree over user ids, with a fan-out of at most 64 above the leaves.
//!
//! The shape is fixed: a node covers all ids with one prefix. The root covers all 53 bits of an id.
//! The upper nodes divide the ids by 5 or 6 bits each. A leaf, at depth 7, covers the 4,096 ids of
//! one millisecond, and each id is a child.
//!
//! So no node splits or moves, and the id determines a user's path. No burst of sign-ups can make a
//! node too large. A node without users has no item.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::filter::{Filter, Flags};
use crate::domain::{InternalError, UserId};
use crate::store::dynamodb::{Item, ItemReader, Key, Write, key};

/// The depth of the leaves, whose children are users.
pub(super) const LEAF: u32 = 7;
/// How many children a leaf can have. Other nodes have fewer.
pub(super) const MAX_CHILDREN: usize = 4096;

/// The position of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    /// The distance from the root.
    pub(super) depth: u32,
    /// The leading bits of all ids below it.
    pub(super) prefix: u64,
}

impl Node {
    pub(super) const ROOT: Self = Self {
        depth: 0,
        prefix: 0,
    };

    /// The node of this depth that contains an id.
    pub(super) fn containing(id: UserId, depth: u32) -> Self {
        Self {
            depth,
            prefix: id.get() >> high(depth),
        }
    }

    /// All nodes that contain an id, from the root down.
    pub(super) fn path(id: UserId) -> impl Iterator<Item = Self> {
        (0..=LEAF).map(move |depth| Self::containing(id, depth))
    }

    /// The index of the child that contains an id.
    pub(super) fn child_index(self, id: UserId) -> u64 {
        id.get() >> low(self.depth) & ((1 << (high(self.depth) - low(self.depth))) - 1)
    }

    /// The child of this index. `None` below a leaf.
    pub(super) fn child_node(self, child: u64) -> Option<Self> {
        let prefix = self.prefix << (high(self.depth) - low(self.depth)) | child;
        (self.depth < LEAF).then_some(Self {
            depth: self.depth + 1,
            prefix,
        })
    }

    /// The parent, and the index of this node in it. The root is its own parent.
    pub(super) fn parent(self) -> (Self, u64) {
        let id = UserId::at(self.prefix << high(self.depth));
        let parent = Self::containing(id, self.depth.saturating_sub(1));
        (parent, parent.child_index(id))
    }

    /// The ids below the child of this index.
    pub(super) fn child_ids(self, child: u64) -> RangeInclusive<u64> {
        let bits = low(self.depth);
        let first = (self.prefix << high(self.depth)) | child << bits;
        first..=first | ((1 << bits) - 1)
    }

    /// All ids below the node.
    pub(super) fn all_ids(self) -> RangeInclusive<u64> {
        let first = self.prefix << high(self.depth);
        first..=first | ((1 << high(self.depth)) - 1)
    }

    pub(super) fn key(self) -> Key {
        key::counts(self.depth, self.prefix)
    }
}

/// The number of id bits below a child of a node of this depth.
fn low(depth: u32) -> u32 {
    if depth >= LEAF { 0 } else { 48 - 6 * depth }
}

/// The number of id bits below a node of this depth.
fn high(depth: u32) -> u32 {
    depth.checked_sub(1).map_or(UserId::BITS, low)
}

/// The number of users per combination of flags. A combination without users is absent. A count is
/// negative only if an entry was written without its counts.
pub(super) type FlagCounts = BTreeMap<Flags, i64>;

/// The counts of a node, by the index of the child.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) children: BTreeMap<u64, FlagCounts>,
    /// Incremented by every change of the node. 0 if the node has no item.
    pub(super) version: u64,
}

impl Counts {
    /// The counts of an item. Empty without an item.
    pub(super) fn from_item(item: Option<&Item>) -> Result<Self, InternalError> {
        let mut counts = Self::default();
        let Some(item) = item else { return Ok(counts) };
        counts.version = ItemReader(item).number("version")?;
        for name in item.keys() {
            let Some((child, flags)) = name.split_once('.') else {
                continue;
            };
            let (Ok(child), Some(flags)) = (child.parse(), Flags::parse(flags)) else {
                continue;
            };
            let count = ItemReader(item).integer(name)?;
            if count != 0 {
                counts
                    .children
                    .entry(child)
                    .or_default()
                    .insert(flags, count);
            }
        }
        Ok(counts)
    }

    /// The number of users below the node, per combination of flags.
    pub(super) fn sum(&self) -> FlagCounts {
        let mut sum = FlagCounts::new();
        for (flags, count) in self.children.values().flatten() {
            *sum.entry(*flags).or_default() += count;
        }
        sum
    }

    /// The number of users below the node that match the filter.
    pub(super) fn total(&self, filter: Filter) -> u64 {
        self.children
            .values()
            .map(|counts| count_matching(counts, filter))
            .sum()
    }
}

/// The number of counted users that match the filter.
pub(super) fn count_matching(counts: &FlagCounts, filter: Filter) -> u64 {
    let counts = counts.iter().filter(|(flags, _)| filter.matches(**flags));
    counts
        .filter_map(|(_, count)| u64::try_from(*count).ok())
        .sum()
}

/// The name of the attribute with the number of users of these flags below a child.
pub(super) fn attribute(child: u64, flags: Flags) -> String {
    format!("{child}.{}", flags.digits())
}

/// Increments of counts that are to be written: by node, then by attribute.
#[derive(Default)]
pub(super) struct CountIncrements(BTreeMap<Node, BTreeMap<String, i64>>);

impl CountIncrements {
    /// Adds the change of a user's flags. `None` stands for a user without an entry.
    pub(super) fn add(&mut self, id: UserId, before: Option<Flags>, after: Option<Flags>) {
        if before == after {
            return;
        }
        for node in Node::path(id) {
            let counts = self.0.entry(node).or_default();
            for (flags, amount) in before
                .map(|flags| (flags, -1))
                .into_iter()
                .chain(after.map(|flags| (flags, 1)))
            {
                *counts
                    .entry(attribute(node.child_index(id), flags))
                    .or_default() += amount;
            }
        }
    }

    /// How many nodes would change after a further change of the flags of `id`.
    pub(super) fn node_count_with(&self, id: UserId) -> usize {
        self.0.len()
            + Node::path(id)
                .filter(|node| !self.0.contains_key(node))
                .count()
    }

    /// One write for each node.
    pub(super) fn writes(&self) -> impl Iterator<Item = Write> {
        self.0.iter().map(|(node, counts)| {
            let version = ("version".to_owned(), 1);
            let increments = counts
                .iter()
                .filter(|(_, amount)| **amount != 0)
                .map(|(name, amount)| (name.clone(), *amount));
            Write::Increment(node.key(), increments.chain([version]).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{LEAF, Node};
    use crate::domain::UserId;

    #[test]
    fn each_node_of_a_path_contains_the_id_and_the_leaf_has_it() {
        for id in [0, 1, 4095, 4096, 0x1f_ffff_ffff_ffff, 0x12_3456_789a_bcde].map(UserId::at) {
            assert_eq!(Node::path(id).next(), Some(Node::ROOT));
            for node in Node::path(id) {
                assert!(node.all_ids().contains(&id.get()), "{node:?}");
                assert!(
                    node.child_ids(node.child_index(id)).contains(&id.get()),
                    "{node:?}"
                );
                if let Some(child_node) = node.child_node(node.child_index(id)) {
                    assert_eq!(child_node, Node::containing(id, node.depth + 1));
                    assert_eq!(child_node.parent(), (node, node.child_index(id)));
                    assert_eq!(child_node.all_ids(), node.child_ids(node.child_index(id)));
                }
            }
            let leaf = Node::containing(id, LEAF);
            assert_eq!(leaf.child_ids(leaf.child_index(id)), id.get()..=id.get());
        }
    }
}
