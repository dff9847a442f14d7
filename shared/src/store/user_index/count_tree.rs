//! Count tree over user ids: the number of users below each prefix.
//!
//! The shape is fixed. A [`Leaf`] covers the ids of 4.096 seconds. A node has 128 children, and the
//! root, which covers all 53 bits of an id, has 256. The children of the deepest nodes are leaves.
//!
//! So no node splits or moves, and the id determines a user's path. A node without users has no
//! counts.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::filter::{Filter, Flags};
use crate::domain::{InternalError, UserId};
use crate::store::dynamodb::{
    AttributeValue, Conflict, Item, Key, Update, Write, key, text, unreadable,
};

/// How many of the lowest bits of an id differ below a leaf: 12 of milliseconds and 12 random ones.
pub(super) const LEAF_BITS: u32 = 24;
/// The depth of the nodes whose children are leaves. The root has depth 0.
pub(super) const DEEPEST: u32 = 3;
/// How many bits of an id select a child of a node below the root.
const CHILD_BITS: u32 = 7;
/// How many children one update changes. DynamoDB limits an expression to 4 KB and 300 operators
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
const MAX_CHANGES: usize = 60;

/// All ids with the same leading 29 bits: those of 4.096 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Leaf(pub(super) u64);

impl Leaf {
    /// All leaves.
    pub(super) const ALL: RangeInclusive<u64> = 0..=(1 << (UserId::BITS - LEAF_BITS)) - 1;

    /// The leaf that contains an id.
    pub(super) fn containing(id: UserId) -> Self {
        Self(id.get() >> LEAF_BITS)
    }

    /// All ids of the leaf.
    pub(super) fn ids(self) -> RangeInclusive<u64> {
        let first = self.0 << LEAF_BITS;
        first..=first | ((1 << LEAF_BITS) - 1)
    }
}

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

    /// The node of this depth that contains a leaf, and the index of the child that does.
    pub(super) fn containing(leaf: Leaf, depth: u32) -> (Self, u64) {
        let child = leaf.0 >> bits_below_child(depth);
        if depth == 0 {
            return (Self::ROOT, child);
        }
        let prefix = child >> CHILD_BITS;
        (Self { depth, prefix }, child & ((1 << CHILD_BITS) - 1))
    }

    /// All nodes that contain a leaf, from the deepest up, each with the index of the child that
    /// does.
    pub(super) fn path(leaf: Leaf) -> impl Iterator<Item = (Self, u64)> {
        let depths = (0..=DEEPEST).rev();
        depths.map(move |depth| Self::containing(leaf, depth))
    }

    /// The child of this index, if it is a node. The children of the deepest nodes are leaves.
    pub(super) fn child_node(self, child: u64) -> Option<Self> {
        (self.depth < DEEPEST).then_some(Self {
            depth: self.depth + 1,
            prefix: self.prefix << CHILD_BITS | child,
        })
    }

    /// The leaves below the child of this index.
    pub(super) fn leaves(self, child: u64) -> RangeInclusive<u64> {
        let bits = bits_below_child(self.depth);
        let first = (self.prefix << CHILD_BITS | child) << bits;
        first..=first | ((1 << bits) - 1)
    }

    pub(super) fn key(self) -> Key {
        key::counts(self.depth, self.prefix)
    }
}

/// The number of bits of a leaf below a child of a node of this depth.
fn bits_below_child(depth: u32) -> u32 {
    CHILD_BITS * DEEPEST.saturating_sub(depth)
}

/// The number of users per combination of flags. A combination without users is absent.
pub(super) type FlagCounts = BTreeMap<Flags, u64>;

/// The number of counted users that match the filter.
pub(super) fn count_matching(counts: &FlagCounts, filter: Filter) -> u64 {
    let matching = counts.iter().filter(|(flags, _)| filter.matches(**flags));
    matching.map(|(_, count)| count).sum()
}

/// Counts as an attribute, for example `000:3 100:12`.
fn to_attribute(counts: &FlagCounts) -> AttributeValue {
    let counts = counts
        .iter()
        .map(|(flags, count)| format!("{}:{count}", flags.digits()));
    text(counts.collect::<Vec<_>>().join(" "))
}

fn from_attribute(value: &str) -> Option<FlagCounts> {
    let counts = value.split(' ').map(|count| {
        let (flags, count) = count.split_once(':')?;
        Some((Flags::parse(flags)?, count.parse().ok()?))
    });
    counts.collect()
}

/// The counts of a node, by the index of the child. A child without users is absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counts(pub(super) BTreeMap<u64, FlagCounts>);

impl Counts {
    /// The counts of an item. An attribute's name is the index of the child.
    pub(super) fn from_item(item: &Item) -> Result<Self, InternalError> {
        let mut counts = Self::default();
        for (name, value) in item {
            let Ok(child) = name.parse() else { continue };
            let value = value.as_s().ok().and_then(|value| from_attribute(value));
            counts
                .0
                .insert(child, value.ok_or_else(|| unreadable(name))?);
        }
        Ok(counts)
    }

    /// The counts of a child.
    pub(super) fn get(&self, child: u64) -> FlagCounts {
        self.0.get(&child).cloned().unwrap_or_default()
    }

    /// Sets the counts of a child.
    pub(super) fn set(&mut self, child: u64, counts: FlagCounts) {
        if counts.is_empty() {
            self.0.remove(&child);
        } else {
            self.0.insert(child, counts);
        }
    }

    /// The number of users below the node, per combination of flags.
    pub(super) fn sum(&self) -> FlagCounts {
        let mut sum = FlagCounts::new();
        for (flags, count) in self.0.values().flatten() {
            *sum.entry(*flags).or_default() += count;
        }
        sum
    }

    /// The number of users below the node that match the filter.
    pub(super) fn total(&self, filter: Filter) -> u64 {
        self.0
            .values()
            .map(|counts| count_matching(counts, filter))
            .sum()
    }
}

/// A count of a node: the node, and the index of the child.
pub(super) type CountPosition = (Node, u64);

/// The change of the counts of a child.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CountChange {
    pub(super) was: FlagCounts,
    pub(super) wanted: FlagCounts,
}

/// The updates that make all changes. Each is on the condition that the counts are as they were.
pub(super) fn updates(changes: &BTreeMap<CountPosition, CountChange>) -> Vec<Write> {
    let changes: Vec<_> = changes.iter().collect();
    let of_nodes = changes.chunk_by(|((one, _), _), ((other, _), _)| one == other);
    of_nodes
        .flat_map(|of_node| of_node.chunks(MAX_CHANGES))
        .filter_map(update)
        .collect()
}

/// The update that makes these changes of one node.
fn update(changes: &[(&CountPosition, &CountChange)]) -> Option<Write> {
    let ((node, _), _) = changes.first()?;
    let (mut set, mut remove, mut conditions) = (Vec::new(), Vec::new(), Vec::new());
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for ((_, child), CountChange { was, wanted }) in changes {
        names.push((format!("#{child}"), child.to_string()));
        if wanted.is_empty() {
            remove.push(format!("#{child}"));
        } else {
            set.push(format!("#{child} = :{child}"));
            values.push((format!(":{child}"), to_attribute(wanted)));
        }
        if was.is_empty() {
            conditions.push(format!("attribute_not_exists(#{child})"));
        } else {
            conditions.push(format!("#{child} = :was{child}"));
            values.push((format!(":was{child}"), to_attribute(was)));
        }
    }
    let clause = |name: &str, terms: &[String]| match terms {
        [] => String::new(),
        terms => format!("{name} {} ", terms.join(", ")),
    };
    let update = Update {
        key: node.key(),
        expression: clause("SET", &set) + &clause("REMOVE", &remove),
        condition: conditions.join(" AND "),
        names,
        values,
    };
    Some(Write::Update(update, Conflict::ListItem))
}

#[cfg(test)]
mod tests {
    use super::{Leaf, Node};
    use crate::domain::UserId;

    #[test]
    fn each_node_of_a_path_contains_the_leaf_and_the_next_node() {
        for id in [0, 4095, 4096, 0x1f_ffff_ffff_ffff, 0x12_3456_789a_bcde].map(UserId::at) {
            let leaf = Leaf::containing(id);
            assert!(leaf.ids().contains(&id.get()));
            let path: Vec<_> = Node::path(leaf).collect();
            assert_eq!(path.last().map(|(node, _)| *node), Some(Node::ROOT));
            for (node, child) in &path {
                assert!(node.leaves(*child).contains(&leaf.0), "{node:?}");
            }
            for ((lower, _), (upper, child)) in path.iter().zip(path.iter().skip(1)) {
                assert_eq!(upper.child_node(*child), Some(*lower));
            }
            let (deepest, child) = path[0];
            assert_eq!(deepest.child_node(child), None);
            assert_eq!(deepest.leaves(child), leaf.0..=leaf.0);
        }
    }
}
