//! Search of the count tree for the n-th user.

use std::ops::RangeInclusive;

use super::UserIndex;
use super::count_tree::{Counts, Leaf, Node, count_matching};
use super::filter::Filter;
use crate::domain::{InternalError, UserId};
use crate::store::dynamodb::Direction;

/// The position from which to read ids.
pub(super) struct SeekPosition {
    /// The first id to read.
    pub(super) id: UserId,
    /// How many of the matching ids to skip from there.
    pub(super) skipped: u64,
}

impl UserIndex {
    /// The counts of a node. One read.
    pub(super) async fn node(&self, node: Node) -> Result<Counts, InternalError> {
        let item = self.database.get(&node.key()).await?;
        item.as_ref()
            .map_or_else(|| Ok(Counts::default()), Counts::from_item)
    }

    /// The position of the matching user at `offset`. Descends until at most `max_skipped` ids have
    /// to be skipped, at most to a leaf, with one read per level below the root.
    pub(super) async fn seek(
        &self,
        root: Counts,
        filter: Filter,
        direction: Direction,
        mut offset: u64,
        max_skipped: u64,
    ) -> Result<SeekPosition, InternalError> {
        let (mut node, mut counts) = (Node::ROOT, root);
        let mut leaves = Leaf::ALL;
        loop {
            let Some((child, preceding)) = child_containing(&counts, filter, direction, offset)
            else {
                // A user was deleted meanwhile. The following users are after this node.
                return Ok(SeekPosition {
                    id: last_id(direction, leaves),
                    skipped: 0,
                });
            };
            offset -= preceding;
            leaves = node.leaves(child);
            match node.child_node(child) {
                Some(child_node) if offset > max_skipped => {
                    counts = self.node(child_node).await?;
                    node = child_node;
                }
                _ => {
                    return Ok(SeekPosition {
                        id: first_id(direction, leaves),
                        skipped: offset,
                    });
                }
            }
        }
    }
}

/// The index of the child with the matching user at `offset`, and the number of matching users
/// before that child.
fn child_containing(
    counts: &Counts,
    filter: Filter,
    direction: Direction,
    offset: u64,
) -> Option<(u64, u64)> {
    let mut preceding = 0;
    let mut contains_offset = |(child, count): (u64, u64)| {
        if offset < preceding + count {
            return Some((child, preceding));
        }
        preceding += count;
        None
    };
    let mut children = counts
        .0
        .iter()
        .map(|(child, counts)| (*child, count_matching(counts, filter)));
    match direction {
        Direction::Ascending => children.find_map(&mut contains_offset),
        Direction::Descending => children.rev().find_map(&mut contains_offset),
    }
}

/// The first id of these leaves in this order.
fn first_id(direction: Direction, leaves: RangeInclusive<u64>) -> UserId {
    let leaf = Leaf(direction.first(leaves));
    UserId::at(direction.first(leaf.ids()))
}

/// The last id of these leaves in this order.
fn last_id(direction: Direction, leaves: RangeInclusive<u64>) -> UserId {
    let leaf = Leaf(direction.last(leaves));
    UserId::at(direction.last(leaf.ids()))
}
