//! Online consistency check and repair of the user index.
//!
//! 1. Each user must be listed as they are.
//! 2. Each set of ids must have existing users only, and be counted.
//! 3. Each count must be of something, depth by depth.
//!
//! A difference may only be a change in progress. So a check compares a second time after a delay.
//! A repair writes the differences as a sync does, until there are none.

use std::mem;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::UserIndex;
use super::count_tree::{Counts, DEEPEST, Leaf, Node};
use super::filter::Flags;
use super::id_set::IdSet;
use super::partition_reader::PartitionReader;
use super::sync::{Differences, Scope, flags_of_item};
use super::user_summary::SYNCED_ATTRIBUTES;
use crate::domain::{Error, InternalError, InvalidField, Result, UserId};
use crate::store::dynamodb::{Direction, Table, key};

/// How many sets of ids or nodes are read per page.
const PAGE_SIZE: usize = 500;
/// The delay after which the streams should have brought a change to the user index.
const STREAM_DELAY: Duration = Duration::from_secs(5);
/// How many differences are compared again at the same time.
const MAX_SUSPECTS: usize = 10_000;
/// How many different users the report lists at most.
const MAX_LISTED: usize = 100;

/// The result of a check.
#[derive(Debug, Default, Serialize)]
pub struct ConsistencyReport {
    /// How many users were looked for in the index.
    pub users: u64,
    /// How many ids of the index were looked for among the users.
    pub entries: u64,
    /// How many nodes were compared with what is below them.
    pub counts: u64,
    /// How many users were not listed as they are, plus how many ids had no user.
    pub different_entries: u64,
    /// How many counts were not those of what they count. The counts of the nodes above a difference
    /// differ, too.
    pub different_counts: u64,
    /// The first hundred users whose entries differ.
    pub different_users: Vec<u64>,
    /// Where to resume. `None` if the check is complete.
    pub next: Option<String>,
}

impl ConsistencyReport {
    fn add(&mut self, found: &Differences) {
        self.different_entries += found.users.len() as u64;
        self.different_counts += found.counts.len() as u64;
        let users = found.users.iter().copied().map(UserId::get);
        let spare = MAX_LISTED.saturating_sub(self.different_users.len());
        self.different_users.extend(users.take(spare));
    }
}

/// A phase of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckPhase {
    Users,
    /// The sets of ids of users with these flags.
    Sets(Flags),
    /// The nodes of this depth.
    Nodes(u32),
}

impl CheckPhase {
    /// All phases in order, each with its name.
    fn all() -> Vec<(Self, String)> {
        let sets = Flags::all().map(|flags| (Self::Sets(flags), format!("ids-{}", flags.digits())));
        let nodes = (0..=DEEPEST).rev();
        let nodes = nodes.map(|depth| (Self::Nodes(depth), format!("counts-{depth}")));
        let users = [(Self::Users, "users".to_owned())];
        users.into_iter().chain(sets).chain(nodes).collect()
    }
}

/// One page of a phase.
struct CheckPage {
    scope: Scope,
    /// Where the phase resumes. `None` if it is complete.
    next: Option<String>,
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
        let phases = CheckPhase::all();
        let (name, position) = from.unwrap_or("users/").split_once('/').unwrap_or_default();
        let invalid = || Error::Invalid(InvalidField::new("from", "must be what was told as next"));
        let start = phases.iter().position(|(_, phase)| phase == name);
        let (mut phases, mut position) = (
            phases.into_iter().skip(start.ok_or_else(invalid)?),
            (!position.is_empty()).then(|| position.to_owned()),
        );

        let deadline = Instant::now() + time;
        let (mut report, mut suspects) = (ConsistencyReport::default(), Differences::default());
        let mut phase = phases.next();
        while let Some((current, name)) = phase {
            let page = self
                .check_page(current, position.take(), &mut report)
                .await?;
            let mut found = self.differences(&page.scope).await?;
            if repair {
                report.add(&found);
                self.repair(&page.scope, found).await?;
            } else {
                suspects.users.append(&mut found.users);
                suspects.counts.append(&mut found.counts);
                if suspects.users.len() + suspects.counts.len() > MAX_SUSPECTS {
                    report.add(&self.confirmed(mem::take(&mut suspects)).await?);
                }
            }
            position = page.next;
            phase = match position {
                Some(_) => Some((current, name)),
                None => phases.next(),
            };
            if Instant::now() >= deadline {
                let position = position.as_deref().unwrap_or_default();
                report.next = phase.map(|(_, name)| format!("{name}/{position}"));
                break;
            }
        }
        report.add(&self.confirmed(suspects).await?);
        Ok(report)
    }

    /// Reads one page of what a phase compares.
    async fn check_page(
        &self,
        phase: CheckPhase,
        position: Option<String>,
        report: &mut ConsistencyReport,
    ) -> Result<CheckPage, InternalError> {
        let reader = |partition| {
            let first = position.as_ref().and_then(|position| position.parse().ok());
            PartitionReader::new(
                partition,
                Direction::Ascending,
                first.unwrap_or(0),
                PAGE_SIZE,
            )
        };
        let mut scope = Scope::default();
        let next = match phase {
            CheckPhase::Users => {
                let after = position.as_deref();
                let page = self
                    .database
                    .scan(Table::Users, key::USERS, &SYNCED_ATTRIBUTES, after);
                let (items, next) = page.await?;
                let users = items.iter().map(|item| Ok(flags_of_item(item)?.0));
                let users = users.collect::<Result<_, InternalError>>()?;
                // The users come in no order of ids. Their counts follow with the sets of ids, so that
                // each is written once.
                scope.users = self.not_listed(&users).await?;
                report.users += users.len() as u64;
                next
            }
            CheckPhase::Sets(flags) => {
                let mut sets = reader(key::all_user_ids(flags.digits()));
                for (leaf, item) in sets.read(&self.database).await? {
                    let ids = IdSet::from_item(Leaf(leaf), &item)?.0;
                    report.entries += ids.len() as u64;
                    scope.users.extend(ids);
                    scope.leaves.insert(Leaf(leaf));
                }
                sets.next().map(|next| next.to_string())
            }
            CheckPhase::Nodes(depth) => {
                let mut nodes = reader(key::all_counts(depth));
                for (prefix, item) in nodes.read(&self.database).await? {
                    report.counts += 1;
                    let (node, counts) = (Node { depth, prefix }, Counts::from_item(&item)?);
                    // Any leaf below a child has the node on its path.
                    let children = counts.0.keys().copied().chain([0]);
                    let leaf = |child| Leaf(*node.leaves(child).start());
                    scope.leaves.extend(children.map(leaf));
                }
                nodes.next().map(|next| next.to_string())
            }
        };
        Ok(CheckPage { scope, next })
    }

    /// Those of the suspected differences that are still there after a delay.
    async fn confirmed(&self, suspects: Differences) -> Result<Differences, InternalError> {
        let leaves = suspects.counts.keys();
        let leaves = leaves.map(|(node, child)| Leaf(*node.leaves(*child).start()));
        let mut scope = Scope::users(suspects.users.iter().copied());
        scope.leaves.extend(leaves);
        if scope.leaves.is_empty() {
            return Ok(suspects);
        }
        tokio::time::sleep(STREAM_DELAY).await;
        let mut found = self.differences(&scope).await?;
        found.users.retain(|user| suspects.users.contains(user));
        found.counts.retain(|position, change| {
            let before = suspects.counts.get(position);
            before.is_some_and(|before| before.was == change.was)
        });
        Ok(found)
    }
}
