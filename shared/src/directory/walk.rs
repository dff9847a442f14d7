//! The way down the counts to the n-th user.

use super::Directory;
use super::counts::{Counts, Node, admitted};
use super::filter::Filter;
use crate::Fault;
use crate::database::Direction;

/// Where to begin to read entries.
pub(super) struct Start {
    /// The first id that may be wanted.
    pub(super) id: u64,
    /// How many of those from there on are not.
    pub(super) skipped: u64,
}

impl Directory {
    /// What a node counts. One read.
    pub(super) async fn node(&self, node: Node) -> Result<Counts, Fault> {
        Counts::of(self.database.get(&node.key()).await?.as_ref())
    }

    /// Where to begin so as to find the user who has `before` others before them, of those that
    /// the filter admits. Goes down only until at most `most` would have to be skipped: one read
    /// for each step below the root.
    pub(super) async fn start(
        &self,
        root: Counts,
        filter: Filter,
        direction: Direction,
        mut before: u64,
        most: u64,
    ) -> Result<Start, Fault> {
        let (mut node, mut counts) = (Node::ROOT, root);
        loop {
            let Some((child, passed)) = child_with(&counts, filter, direction, before) else {
                // A user went while we did; those who follow lie beyond this node.
                return Ok(Start {
                    id: direction.last(node.all_ids()),
                    skipped: 0,
                });
            };
            before -= passed;
            match node.below(child) {
                Some(below) if before > most => {
                    counts = self.node(below).await?;
                    node = below;
                }
                _ => {
                    return Ok(Start {
                        id: direction.first(node.ids(child)),
                        skipped: before,
                    });
                }
            }
        }
    }
}

/// The child that has the user with `before` others before them, and how many of those come
/// before the child.
fn child_with(
    counts: &Counts,
    filter: Filter,
    direction: Direction,
    before: u64,
) -> Option<(u64, u64)> {
    let mut passed = 0;
    let mut holds = |(child, count): (u64, u64)| {
        if before < passed + count {
            return Some((child, passed));
        }
        passed += count;
        None
    };
    let mut children = counts
        .children
        .iter()
        .map(|(child, tally)| (*child, admitted(tally, filter)));
    match direction {
        Direction::Up => children.find_map(&mut holds),
        Direction::Down => children.rev().find_map(&mut holds),
    }
}
