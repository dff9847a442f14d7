//! The user index: all users in the order of their ids, with counts and offsets.
//!
//! DynamoDB can neither count items nor start at the n-th item. So a separate table has:
//! - the *ids* of all users ([`id_set`]): an item for each 4.096 seconds of sign-ups and combination
//!   of [flags](filter), which holds the ids in three bytes each,
//! - a *count tree* over the ids ([`count_tree`]). A node is an item with the number of users per
//!   combination of flags below each child,
//! - the queue of *changes* that the index has to follow ([`sync`]).
//!
//! A search from the root finds the n-th user, and the root's sum is the total. So page 5,000 costs
//! the same as page 1, and a total costs one read. The users on a page are read as stored.
//!
//! The index follows the stream of the users table, and then that of its own table. A record only
//! identifies users, who are then read as stored. So a record that arrives twice, late, out of order
//! or at two instances has no effect.
//!
//! Costs: a change that keeps the flags, such as a login, writes nothing. A lone sign-up writes six
//! items: a change, a set of ids and four nodes. Users of one batch share them. `docs/scale.md`
//! derives how many users can change per second.

mod check;
mod count_tree;
mod filter;
mod id_set;
mod list;
mod lookup;
mod order;
mod partition_reader;
mod seek;
mod sync;
mod user_summary;

pub use check::ConsistencyReport;
pub use filter::Filter;
pub use list::{ListPage, PagePosition};
pub use lookup::Lookup;
pub use order::{OrderBy, SortKey};
pub use user_summary::UserSummary;
pub(super) use user_summary::{ATTRIBUTES, SYNCED_ATTRIBUTES};

use crate::aws::{Connections, FromConfig};
use crate::domain::InternalError;
use crate::store::dynamodb::Database;

/// The user index.
pub struct UserIndex {
    database: Database,
}

impl FromConfig for UserIndex {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        Ok(Self {
            database: connections.shared::<Database>().await?,
        })
    }
}
