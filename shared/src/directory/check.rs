//! Comparing the directory with the users, and mending it: while both are in use.
//!
//! Three things are compared: each user with their entry, each entry with its user, and, from the
//! leaves up, each node of the counts with what lies below it. Whatever differs is looked at
//! again, since it may only be on its way: an entry differs where it still does a moment later, a
//! node where its version did not change while what is below it was read.

mod nodes;
mod users;

use std::time::{Duration, Instant};

use serde::Serialize;

use super::Directory;
use super::counts::LEAF;
use crate::{Error, Flaw, Result};

/// How many entries or counts are read at once.
const AT_ONCE: usize = 1_000;

/// What came of a comparison.
#[derive(Debug, Default, Serialize)]
pub struct Checked {
    /// How many users were compared with their entries.
    pub users: u64,
    /// How many entries were compared with their users.
    pub entries: u64,
    /// How many nodes were compared with what is below them.
    pub counts: u64,
    /// How many users had no entry, or another than theirs; and entries no user.
    pub different_entries: u64,
    /// How many nodes counted wrong.
    pub different_counts: u64,
    /// The first hundred users whose entries differ.
    pub different_users: Vec<u64>,
    /// Where to go on, where the time was up.
    pub next: Option<String>,
}

/// A comparison under way.
struct Check {
    /// Whether to mend what differs.
    mend: bool,
    /// When the time is up.
    until: Instant,
    found: Checked,
}

/// The three comparisons; of the counts, depth by depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Users,
    Entries,
    Counts(u32),
}

impl Part {
    fn next(self) -> Option<Self> {
        match self {
            Self::Users => Some(Self::Entries),
            Self::Entries => Some(Self::Counts(LEAF)),
            Self::Counts(depth) => depth.checked_sub(1).map(Self::Counts),
        }
    }

    /// The part, and the place in it, of a text as [`Checked::next`] gives it.
    fn parse(text: &str) -> Option<(Self, Option<String>)> {
        let (part, place) = text.split_once('/')?;
        let part = match part.split_once('-') {
            None if part == "users" => Self::Users,
            None if part == "entries" => Self::Entries,
            Some(("counts", depth)) => {
                Self::Counts(depth.parse().ok().filter(|depth| *depth <= LEAF)?)
            }
            _ => return None,
        };
        Some((part, (!place.is_empty()).then(|| place.to_owned())))
    }

    fn at(self, place: &str) -> String {
        match self {
            Self::Users => format!("users/{place}"),
            Self::Entries => format!("entries/{place}"),
            Self::Counts(depth) => format!("counts-{depth}/{place}"),
        }
    }
}

impl Check {
    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

impl Directory {
    /// Compares the directory with the users, or mends it, for at most so long: what was found.
    ///
    /// # Errors
    /// [`Error::Invalid`] where `from` is not what an earlier one gave as `next`.
    pub async fn check(&self, mend: bool, from: Option<&str>, time: Duration) -> Result<Checked> {
        let start = from.map_or(Some((Part::Users, None)), Part::parse);
        let flaw = || Error::Invalid(Flaw::of("from", "must be what was told as next"));
        let (mut part, mut place) = start.ok_or_else(flaw)?;
        let mut check = Check {
            mend,
            until: Instant::now() + time,
            found: Checked::default(),
        };
        loop {
            place = match part {
                Part::Users => self.check_users(&mut check, place).await?,
                Part::Entries => {
                    self.check_entries(&mut check, place.and_then(|id| id.parse().ok()))
                        .await?
                }
                Part::Counts(depth) => {
                    let first = place.and_then(|prefix| prefix.parse().ok());
                    self.check_nodes(&mut check, depth, first.unwrap_or_default())
                        .await?
                }
            };
            if let Some(place) = place {
                check.found.next = Some(part.at(&place));
                return Ok(check.found);
            }
            let Some(next) = part.next() else {
                return Ok(check.found);
            };
            part = next;
        }
    }
}
