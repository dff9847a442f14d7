//! Each node of the counts beside what lies below it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::{AT_ONCE, Check};
use crate::database::{Conflict, Direction, Item, Row, Write, WriteOutcome, integer, key, number};
use crate::directory::counts::{Counts, LEAF, MOST_CHILDREN, Node, Tally, attribute};
use crate::directory::filter::Flags;
use crate::directory::line::Line;
use crate::directory::{Directory, Listed};
use crate::{Fault, UserId};

/// How often a node is read anew that changes while it is looked at.
const MOST_TRIES: usize = 20;

/// What a node should count, by child.
type Children = BTreeMap<u64, Tally>;

impl Directory {
    /// Compares the nodes of this depth, from the prefix `first` on, with what lies below them;
    /// gives where the time was up.
    pub(super) async fn check_nodes(
        &self,
        check: &mut Check,
        depth: u32,
        first: u64,
    ) -> Result<Option<String>, Fault> {
        let (row, within) = below(Node {
            depth,
            prefix: first,
        });
        let mut nodes = Line::of(key::all_counts(depth), Direction::Up, first, AT_ONCE);
        let mut parts = Line::of(row, Direction::Up, *within.start(), AT_ONCE);
        loop {
            let stored = nodes.peek(&self.database).await?;
            let part = parts
                .peek(&self.database)
                .await?
                .map(|number| parent(depth, number).0.prefix);
            let Some(prefix) = stored.into_iter().chain(part).min() else {
                return Ok(None);
            };
            if prefix > first && check.is_over() {
                return Ok(Some(prefix.to_string()));
            }
            let node = Node { depth, prefix };
            let stored = Counts::of(nodes.take_at(prefix).as_ref())?;
            let mut children = Children::new();
            while let Some(number) = parts.peek(&self.database).await?
                && let (above, child) = parent(depth, number)
                && above == node
            {
                add(&mut children, depth, child, parts.take_at(number).as_ref())?;
            }
            check.found.counts += 1;
            if stored.children != children && self.miscounts(node, check.mend).await? {
                check.found.different_counts += 1;
            }
        }
    }

    /// Whether a node counts other than what lies below it at one moment: where its version was
    /// the same before and after, nothing below it changed. Mends it, if asked to.
    async fn miscounts(&self, node: Node, mend: bool) -> Result<bool, Fault> {
        for _ in 0..MOST_TRIES {
            let stored = self.node(node).await?;
            let children = self.children(node).await?;
            if stored.children == children {
                return Ok(false);
            }
            let mended = || {
                self.database
                    .write(vec![write(node, stored.version, &children)])
            };
            let same = match mend {
                true => matches!(mended().await?, WriteOutcome::Committed(_)),
                false => self.node(node).await?.version == stored.version,
            };
            if same {
                return Ok(true);
            }
        }
        Err(Fault::new(
            "a node of the counts is being changed too often",
        ))
    }

    /// What a node should count, by what lies below it.
    async fn children(&self, node: Node) -> Result<Children, Fault> {
        let (row, within) = below(node);
        let mut children = Children::new();
        for item in self
            .database
            .read(&row, within, Direction::Up, MOST_CHILDREN)
            .await?
        {
            let number = key::number_of(&item).unwrap_or_default();
            add(
                &mut children,
                node.depth,
                parent(node.depth, number).1,
                Some(&item),
            )?;
        }
        Ok(children)
    }
}

/// What lies below a node: entries, or nodes; and where.
fn below(node: Node) -> (Row, RangeInclusive<u64>) {
    match (node.below(0), node.all_ids()) {
        (None, ids) => (key::entries(), ids),
        (Some(first), ids) => {
            let last = Node::over(UserId::at(*ids.end()), first.depth);
            (key::all_counts(first.depth), first.prefix..=last.prefix)
        }
    }
}

/// The node of this depth below which the entry or node of this number lies, and as which child.
fn parent(depth: u32, number: u64) -> (Node, u64) {
    if depth == LEAF {
        let (id, leaf) = (UserId::at(number), Node::over(UserId::at(number), LEAF));
        (leaf, leaf.child(id))
    } else {
        Node {
            depth: depth + 1,
            prefix: number,
        }
        .above()
    }
}

/// Adds what an entry or a node says to what its parent should count.
fn add(children: &mut Children, depth: u32, child: u64, item: Option<&Item>) -> Result<(), Fault> {
    let tally = match item {
        Some(item) if depth == LEAF => Tally::from([(Flags::of(&Listed::of(item)?), 1)]),
        item => Counts::of(item)?.sum(),
    };
    if !tally.is_empty() {
        children.insert(child, tally);
    }
    Ok(())
}

/// The write of what a node should count, in the place of its version; of none, where it is new.
fn write(node: Node, version: u64, children: &Children) -> Write {
    let tallies = children
        .iter()
        .flat_map(|(child, tally)| tally.iter().map(move |of| (*child, of)));
    let counts = tallies.map(|(child, (flags, count))| (attribute(child, *flags), integer(*count)));
    let item = counts
        .chain([("version".to_owned(), number(version.saturating_add(1)))])
        .collect();
    match version {
        0 => Write::Create(node.key(), item, Conflict::ListItem),
        version => Write::ReplaceIfVersion(node.key(), item, version, Conflict::ListItem),
    }
}
