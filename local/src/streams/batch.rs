//! A batch on its way: what is invoked with next, and what becomes of it when that fails.

use std::{collections::VecDeque, time::Duration};

use crate::{StreamSource, aws::Record};

/// The pause before the first repetition. Every further one doubles it.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The records of one batch that are neither delivered nor given up, in order.
#[derive(Debug)]
pub(super) struct Batch {
    parts: VecDeque<Part>,
}

/// Records that go into one invocation.
#[derive(Debug)]
struct Part {
    records: Vec<Record>,
    /// How often the very same records, or their end, were tried again.
    retries: u32,
    /// How often they were in an invocation.
    invocations: u32,
}

/// Records that were given up: at least one.
#[derive(Debug, PartialEq)]
pub(super) struct Loss {
    pub(super) records: Vec<Record>,
    pub(super) reason: Reason,
    /// How often they were in an invocation.
    pub(super) invocations: u32,
}

/// Why records were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    Retries,
    Age,
}

impl Batch {
    pub(super) fn new(records: Vec<Record>) -> Batch {
        Batch {
            parts: VecDeque::from([Part {
                records,
                retries: 0,
                invocations: 0,
            }]),
        }
    }

    /// The records for the next invocation: at least one, or nothing if there is none left.
    pub(super) fn next(&self) -> Option<&[Record]> {
        self.parts
            .front()
            .map(|part| part.records.as_slice())
            .filter(|records| !records.is_empty())
    }

    /// How long to wait before that invocation.
    pub(super) fn pause(&self) -> Duration {
        match self.parts.front().map_or(0, |part| part.retries) {
            0 => Duration::ZERO,
            n => SHORTEST_PAUSE
                .saturating_mul(1 << (n - 1).min(16))
                .min(LONGEST_PAUSE),
        }
    }

    /// Gives up those of the next records that were written before `oldest`, in seconds since
    /// 1970.
    pub(super) fn expire(&mut self, oldest: i64) -> Option<Loss> {
        let part = self.parts.front_mut()?;
        let expired = part
            .records
            .iter()
            .take_while(|record| record.at < oldest)
            .count();
        let records: Vec<_> = part.records.drain(..expired).collect();
        let loss = Loss {
            records,
            reason: Reason::Age,
            invocations: part.invocations,
        };
        self.parts.pop_front_if(|part| part.records.is_empty());
        Some(loss).filter(|loss| !loss.records.is_empty())
    }

    /// The invocation is over, and the first `done` of its records are delivered. What is
    /// left is tried again, in two halves where `source` says so; or it is given up.
    ///
    /// As on AWS, a split is no retry.
    pub(super) fn invoked(&mut self, done: usize, source: &StreamSource) -> Option<Loss> {
        let mut part = self.parts.pop_front()?;
        part.invocations += 1;
        part.records.drain(..done.min(part.records.len()));
        let left = part.records.len();
        match source.retries {
            _ if left == 0 => return None,
            _ if source.bisect && done > 0 => {} // split where it failed
            _ if source.bisect && left > 1 => {
                let records = part.records.split_off(left / 2);
                self.parts.push_front(Part { records, ..part });
            }
            Some(most) if part.retries >= most => {
                let Part {
                    records,
                    invocations,
                    ..
                } = part;
                return Some(Loss {
                    records,
                    reason: Reason::Retries,
                    invocations,
                });
            }
            _ => part.retries += 1,
        }
        self.parts.push_front(part);
        None
    }
}
