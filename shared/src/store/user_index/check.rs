//! Online consistency check and repair of the user index.
//!
//! The check compares each user with their entry, and each entry with its user. Then it compares
//! each node of the count tree with its children, from the leaves up. A difference may only be a
//! change in progress, so it is checked again. An entry differs if it still does after a delay. A
//! node differs if its version did not change while its children were read.

mod nodes;
mod users;

use std::time::{Duration, Instant};

use serde::Serialize;

use super::UserIndex;
use super::count_tree::LEAF;
use crate::domain::{Error, InvalidField, Result};

/// How many entries or nodes are read per page.
const PAGE_SIZE: usize = 1_000;

/// The result of a check.
#[derive(Debug, Default, Serialize)]
pub struct ConsistencyReport {
    /// How many users were compared with their entries.
    pub users: u64,
    /// How many entries were compared with their users.
    pub entries: u64,
    /// How many nodes were compared with their children.
    pub counts: u64,
    /// How many users had no entry or a different one, plus how many entries had no user.
    pub different_entries: u64,
    /// How many nodes had wrong counts.
    pub different_counts: u64,
    /// The first hundred users whose entries differ.
    pub different_users: Vec<u64>,
    /// Where to resume. `None` if the check is complete.
    pub next: Option<String>,
}

/// A running check.
struct Check {
    /// Whether to repair differences.
    repair: bool,
    deadline: Instant,
    report: ConsistencyReport,
}

/// A phase of the check. The nodes of each depth are a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckPhase {
    Users,
    Entries,
    Counts(u32),
}

impl CheckPhase {
    fn next(self) -> Option<Self> {
        match self {
            Self::Users => Some(Self::Entries),
            Self::Entries => Some(Self::Counts(LEAF)),
            Self::Counts(depth) => depth.checked_sub(1).map(Self::Counts),
        }
    }

    /// The phase, and the position in it, of a [`ConsistencyReport::next`].
    fn parse(text: &str) -> Option<(Self, Option<String>)> {
        let (phase, position) = text.split_once('/')?;
        let phase = match phase.split_once('-') {
            None if phase == "users" => Self::Users,
            None if phase == "entries" => Self::Entries,
            Some(("counts", depth)) => {
                Self::Counts(depth.parse().ok().filter(|depth| *depth <= LEAF)?)
            }
            _ => return None,
        };
        Some((phase, (!position.is_empty()).then(|| position.to_owned())))
    }

    fn format(self, position: &str) -> String {
        match self {
            Self::Users => format!("users/{position}"),
            Self::Entries => format!("entries/{position}"),
            Self::Counts(depth) => format!("counts-{depth}/{position}"),
        }
    }
}

impl Check {
    fn is_expired(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

impl UserIndex {
    /// Checks the user index, and repairs it if `repair` is set. Stops after about `time`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if `from` is not the `next` of an earlier report.
    pub async fn check(
        &self,
        repair: bool,
        from: Option<&str>,
        time: Duration,
    ) -> Result<ConsistencyReport> {
        let start = from.map_or(Some((CheckPhase::Users, None)), CheckPhase::parse);
        let invalid = || Error::Invalid(InvalidField::new("from", "must be what was told as next"));
        let (mut phase, mut position) = start.ok_or_else(invalid)?;
        let mut check = Check {
            repair,
            deadline: Instant::now() + time,
            report: ConsistencyReport::default(),
        };
        loop {
            position = match phase {
                CheckPhase::Users => self.check_users(&mut check, position).await?,
                CheckPhase::Entries => {
                    self.check_entries(&mut check, position.and_then(|id| id.parse().ok()))
                        .await?
                }
                CheckPhase::Counts(depth) => {
                    let first = position.and_then(|prefix| prefix.parse().ok());
                    self.check_nodes(&mut check, depth, first.unwrap_or_default())
                        .await?
                }
            };
            if let Some(position) = position {
                check.report.next = Some(phase.format(&position));
                return Ok(check.report);
            }
            let Some(next) = phase.next() else {
                return Ok(check.report);
            };
            phase = next;
        }
    }
}
