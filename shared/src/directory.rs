//! The directory: every user in the order of their ids, at any size.
//!
//! DynamoDB can neither count nor begin at the n-th item, and the users' items hold more than a
//! list should read. So a table of its own keeps, of every user, a small [entry](Listed) with what the
//! list shows, and beside the entries **counts**: a tree over the ids ([`counts`]), each of
//! whose nodes is an item that says how many users of each kind ([`Flags`]) lie below each of
//! its children. The n-th user is found by walking down from the root, and how many there are
//! is what the root adds up to: page 5,000 costs what page 1 costs, and a total is one read.
//!
//! It follows the users table through its stream ([`Directory::follow`]). A record says only
//! that a user changed; the user is then read as stored. An entry and the counts on its path are
//! written in one transaction, on the condition that the entry is still the one that the change
//! was reckoned from, and only ever by a newer version of the user; one who is gone leaves a
//! tombstone for longer than a record can live. So a record delivered twice, late, out of order or
//! to two instances at once changes nothing.
//!
//! What it costs: of a change that leaves the flags as they are, such as a login, one entry;
//! of a sign-up, a deletion or a new flag, an entry and eight counts, of which users of one
//! batch share the upper ones. The entries lie under one key, so that no more than some 400
//! users can change in a second, ten times the load that the limits are made for.

mod check;
mod counts;
mod filter;
mod follow;
mod line;
mod list;
mod listed;
mod lookup;
mod order;
mod walk;

pub use check::Checked;
pub use filter::Filter;
pub use follow::changed;
pub use list::{At, ListPage};
pub use listed::Listed;
pub use lookup::Lookup;
pub use order::OrderBy;

use crate::Fault;
use crate::database::Database;
use crate::env::{Env, Resource};

/// The directory of users.
pub struct Directory {
    database: Database,
}

impl Resource for Directory {
    async fn open(env: &Env) -> Result<Self, Fault> {
        Ok(Self {
            database: env.database().await?,
        })
    }
}
