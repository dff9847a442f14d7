//! Check of the count tree: each node against its children.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::{Check, PAGE_SIZE};
use crate::domain::{InternalError, UserId};
use crate::store::dynamodb::{
    Conflict, Direction, Item, Partition, Write, WriteOutcome, integer, key, number,
};
use crate::store::user_index::count_tree::{
    Counts, FlagCounts, LEAF, MAX_CHILDREN, Node, attribute,
};
use crate::store::user_index::partition_reader::PartitionReader;
use crate::store::{UserIndex, UserSummary};

/// How often a node is read if it changes during its check.
const MAX_TRIES: usize = 20;

/// The counts that a node should have, by child.
type Children = BTreeMap<u64, FlagCounts>;

impl UserIndex {
    /// Compares the nodes of this depth with their children, from the prefix `first` on. Returns
    /// the position to resume at, if the time is up.
    pub(super) async fn check_nodes(
        &self,
        check: &mut Check,
        depth: u32,
        first: u64,
    ) -> Result<Option<String>, InternalError> {
        let (partition, range) = children_range(Node {
            depth,
            prefix: first,
        });
        let mut nodes = PartitionReader::new(
            key::all_counts(depth),
            Direction::Ascending,
            first,
            PAGE_SIZE,
        );
        let mut lower =
            PartitionReader::new(partition, Direction::Ascending, *range.start(), PAGE_SIZE);
        loop {
            let stored = nodes.peek(&self.database).await?;
            let parent = lower
                .peek(&self.database)
                .await?
                .map(|number| parent_of(depth, number).0.prefix);
            let Some(prefix) = stored.into_iter().chain(parent).min() else {
                return Ok(None);
            };
            if prefix > first && check.is_expired() {
                return Ok(Some(prefix.to_string()));
            }
            let node = Node { depth, prefix };
            let stored = Counts::from_item(nodes.take_at(prefix).as_ref())?;
            let mut children = Children::new();
            while let Some(number) = lower.peek(&self.database).await?
                && let (parent, child) = parent_of(depth, number)
                && parent == node
            {
                add(&mut children, depth, child, lower.take_at(number).as_ref())?;
            }
            check.report.counts += 1;
            if stored.children != children && self.is_wrong(node, check.repair).await? {
                check.report.different_counts += 1;
            }
        }
    }

    /// Whether the counts of a node differ from its children. Repairs the node if `repair` is set.
    ///
    /// The comparison is valid if the version of the node is the same before and after: then no
    /// child changed meanwhile.
    async fn is_wrong(&self, node: Node, repair: bool) -> Result<bool, InternalError> {
        for _ in 0..MAX_TRIES {
            let stored = self.node(node).await?;
            let children = self.children(node).await?;
            if stored.children == children {
                return Ok(false);
            }
            let replaced = || {
                self.database
                    .write(vec![replace(node, stored.version, &children)])
            };
            let is_unchanged = match repair {
                true => matches!(replaced().await?, WriteOutcome::Committed),
                false => self.node(node).await?.version == stored.version,
            };
            if is_unchanged {
                return Ok(true);
            }
        }
        Err(InternalError::new(
            "a node of the counts is being changed too often",
        ))
    }

    /// The counts that a node should have, computed from its children.
    async fn children(&self, node: Node) -> Result<Children, InternalError> {
        let (partition, range) = children_range(node);
        let mut children = Children::new();
        for item in self
            .database
            .query(&partition, range, Direction::Ascending, MAX_CHILDREN)
            .await?
        {
            let number = key::sort_number(&item).unwrap_or_default();
            add(
                &mut children,
                node.depth,
                parent_of(node.depth, number).1,
                Some(&item),
            )?;
        }
        Ok(children)
    }
}

/// The partition and the range of a node's children: entries below a leaf, or else nodes.
fn children_range(node: Node) -> (Partition, RangeInclusive<u64>) {
    match (node.child_node(0), node.all_ids()) {
        (None, ids) => (key::user_summaries(), ids),
        (Some(first), ids) => {
            let last = Node::containing(UserId::at(*ids.end()), first.depth);
            (key::all_counts(first.depth), first.prefix..=last.prefix)
        }
    }
}

/// The node of this depth that is the parent of the entry or node of this number, and the index of
/// the child in it.
fn parent_of(depth: u32, number: u64) -> (Node, u64) {
    if depth == LEAF {
        let (id, leaf) = (
            UserId::at(number),
            Node::containing(UserId::at(number), LEAF),
        );
        (leaf, leaf.child_index(id))
    } else {
        Node {
            depth: depth + 1,
            prefix: number,
        }
        .parent()
    }
}

/// Adds the counts of an entry or a node to those that its parent should have.
fn add(
    children: &mut Children,
    depth: u32,
    child: u64,
    item: Option<&Item>,
) -> Result<(), InternalError> {
    let counts = match item {
        Some(item) if depth == LEAF => {
            FlagCounts::from([(UserSummary::from_item(item)?.flags(), 1)])
        }
        item => Counts::from_item(item)?.sum(),
    };
    if !counts.is_empty() {
        children.insert(child, counts);
    }
    Ok(())
}

/// The write that replaces this version of a node. Version 0 creates the node.
fn replace(node: Node, version: u64, children: &Children) -> Write {
    let pairs = children
        .iter()
        .flat_map(|(child, counts)| counts.iter().map(move |count| (*child, count)));
    let attributes =
        pairs.map(|(child, (flags, count))| (attribute(child, *flags), integer(*count)));
    let item = attributes
        .chain([("version".to_owned(), number(version.saturating_add(1)))])
        .collect();
    match version {
        0 => Write::Create(node.key(), item, Conflict::ListItem),
        version => Write::ReplaceIfVersion(node.key(), item, version, Conflict::ListItem),
    }
}
