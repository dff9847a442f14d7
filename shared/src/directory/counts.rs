//! The counts: a tree over the ids, with 64 children a node.
//!
//! A node is where it is: the root stands over all 53 bits of an id, and each depth below takes
//! six bits away, until at the seventh a node stands over the 4,096 ids of one millisecond, each
//! of which is a child of its own. So no node ever splits or moves, the path of a user is
//! known from the id, and no burst of sign-ups can make a node too large or a child too full.
//! A node where nobody is has no item.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::filter::{Filter, Flags};
use crate::database::{Item, Key, Reading, Write, key};
use crate::{Fault, UserId};

/// The depth of the nodes whose children are users.
pub(super) const LEAF: u32 = 7;
/// How many children a leaf can have; other nodes have fewer.
pub(super) const MOST_CHILDREN: usize = 4096;

/// A node, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    /// How many nodes stand above it.
    pub(super) depth: u32,
    /// The bits that all ids below it begin with.
    pub(super) prefix: u64,
}

impl Node {
    pub(super) const ROOT: Self = Self {
        depth: 0,
        prefix: 0,
    };

    /// The node of this depth that stands over an id.
    pub(super) fn over(id: UserId, depth: u32) -> Self {
        Self {
            depth,
            prefix: id.get() >> high(depth),
        }
    }

    /// All that stand over an id, from the root down.
    pub(super) fn path(id: UserId) -> impl Iterator<Item = Self> {
        (0..=LEAF).map(move |depth| Self::over(id, depth))
    }

    /// Which of its children stands over an id.
    pub(super) fn child(self, id: UserId) -> u64 {
        id.get() >> low(self.depth) & ((1 << (high(self.depth) - low(self.depth))) - 1)
    }

    /// A child that is a node.
    pub(super) fn below(self, child: u64) -> Option<Self> {
        let prefix = self.prefix << (high(self.depth) - low(self.depth)) | child;
        (self.depth < LEAF).then_some(Self {
            depth: self.depth + 1,
            prefix,
        })
    }

    /// The node that it is a child of, and which; the root is its own.
    pub(super) fn above(self) -> (Self, u64) {
        let id = UserId::at(self.prefix << high(self.depth));
        let above = Self::over(id, self.depth.saturating_sub(1));
        (above, above.child(id))
    }

    /// The ids below a child.
    pub(super) fn ids(self, child: u64) -> RangeInclusive<u64> {
        let bits = low(self.depth);
        let first = (self.prefix << high(self.depth)) | child << bits;
        first..=first | ((1 << bits) - 1)
    }

    /// All ids below it.
    pub(super) fn all_ids(self) -> RangeInclusive<u64> {
        let first = self.prefix << high(self.depth);
        first..=first | ((1 << high(self.depth)) - 1)
    }

    pub(super) fn key(self) -> Key {
        key::counts(self.depth, self.prefix)
    }
}

/// The lowest of the bits in which the children of a node of this depth differ.
fn low(depth: u32) -> u32 {
    if depth >= LEAF { 0 } else { 48 - 6 * depth }
}

/// The lowest of the bits that they have in common.
fn high(depth: u32) -> u32 {
    depth.checked_sub(1).map_or(UserId::BITS, low)
}

/// How many users of each kind there are somewhere. A kind of which there are none is absent;
/// there are fewer than none only where an entry was written past its counts.
pub(super) type Tally = BTreeMap<Flags, i64>;

/// What a node counts: by child, how many of each kind are below it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) children: BTreeMap<u64, Tally>,
    /// Raised by every change of the node.
    pub(super) version: u64,
}

impl Counts {
    /// What an item says; nothing where there is none.
    pub(super) fn of(item: Option<&Item>) -> Result<Self, Fault> {
        let mut counts = Self::default();
        let Some(item) = item else { return Ok(counts) };
        counts.version = Reading(item).number("version")?;
        for name in item.keys() {
            let Some((child, flags)) = name.split_once('.') else {
                continue;
            };
            let (Ok(child), Some(flags)) = (child.parse(), Flags::parse(flags)) else {
                continue;
            };
            let count = Reading(item).integer(name)?;
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

    /// How many of each kind there are below the node.
    pub(super) fn sum(&self) -> Tally {
        let mut sum = Tally::new();
        for (flags, count) in self.children.values().flatten() {
            *sum.entry(*flags).or_default() += count;
        }
        sum
    }

    /// How many the filter admits.
    pub(super) fn total(&self, filter: Filter) -> u64 {
        self.children
            .values()
            .map(|tally| admitted(tally, filter))
            .sum()
    }
}

/// How many of a tally the filter admits.
pub(super) fn admitted(tally: &Tally, filter: Filter) -> u64 {
    let counts = tally.iter().filter(|(flags, _)| filter.admits(**flags));
    counts
        .filter_map(|(_, count)| u64::try_from(*count).ok())
        .sum()
}

/// The attribute that counts the users of a kind below a child.
pub(super) fn attribute(child: u64, flags: Flags) -> String {
    format!("{child}.{}", flags.digits())
}

/// Changes of counts to come.
#[derive(Default)]
pub(super) struct Changes(BTreeMap<Node, BTreeMap<String, i64>>);

impl Changes {
    /// Counts a user who was of one kind, or not there, and is now of another, or gone.
    pub(super) fn count(&mut self, id: UserId, before: Option<Flags>, after: Option<Flags>) {
        if before == after {
            return;
        }
        for node in Node::path(id) {
            let counts = self.0.entry(node).or_default();
            for (flags, by) in before
                .map(|flags| (flags, -1))
                .into_iter()
                .chain(after.map(|flags| (flags, 1)))
            {
                *counts.entry(attribute(node.child(id), flags)).or_default() += by;
            }
        }
    }

    /// How many nodes there would be with those over `id`, too.
    pub(super) fn nodes_with(&self, id: UserId) -> usize {
        self.0.len()
            + Node::path(id)
                .filter(|node| !self.0.contains_key(node))
                .count()
    }

    /// One write a node.
    pub(super) fn writes(&self) -> impl Iterator<Item = Write> {
        self.0.iter().map(|(node, counts)| {
            let version = ("version".to_owned(), 1);
            let changed = counts
                .iter()
                .filter(|(_, by)| **by != 0)
                .map(|(name, by)| (name.clone(), *by));
            Write::Increment(node.key(), changed.chain([version]).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{LEAF, Node};
    use crate::UserId;

    #[test]
    fn every_id_is_below_each_node_of_its_path_and_the_last_has_it_as_a_child() {
        for id in [0, 1, 4095, 4096, 0x1f_ffff_ffff_ffff, 0x12_3456_789a_bcde].map(UserId::at) {
            assert_eq!(Node::path(id).next(), Some(Node::ROOT));
            for node in Node::path(id) {
                assert!(node.all_ids().contains(&id.get()), "{node:?}");
                assert!(node.ids(node.child(id)).contains(&id.get()), "{node:?}");
                if let Some(below) = node.below(node.child(id)) {
                    assert_eq!(below, Node::over(id, node.depth + 1));
                    assert_eq!(below.above(), (node, node.child(id)));
                    assert_eq!(below.all_ids(), node.ids(node.child(id)));
                }
            }
            let leaf = Node::over(id, LEAF);
            assert_eq!(leaf.ids(leaf.child(id)), id.get()..=id.get());
        }
    }
}
