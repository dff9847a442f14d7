//! The user index: all users sorted by id, with counts and offsets.
//!
//! DynamoDB can neither count items nor start at the n-th item, and a user's item is larger than a
//! list needs. So a separate table keeps:
//! - an *entry* for each user ([`UserSummary`]) with the fields of the list,
//! - a *count tree* over the ids ([`count_tree`]). A node is an item with the number of users per
//!   combination of [flags](filter) below each child.
//!
//! A search from the root finds the n-th user, and the root's sum is the total. So page 5,000 costs
//! the same as page 1, and a total costs one read.
//!
//! The index follows the stream of the users table ([`UserIndex::sync`]). A record only identifies
//! the changed user, who is then read as stored. One transaction writes the entry and the counts on
//! its path. It is conditional on the entry's version, which never decreases. A deleted user leaves
//! a tombstone that outlives the stream's retention. So a record that arrives twice, late, out of
//! order or at two instances has no effect.
//!
//! Costs: a change that keeps the flags, such as a login, writes one entry. A sign-up, a deletion
//! or a changed flag writes an entry and eight nodes. Users of one batch share the upper nodes. All
//! entries are in one partition, so at most about 400 users can change per second: ten times the
//! load that the rate limits are designed for.

mod check;
mod count_tree;
mod filter;
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
pub use order::OrderBy;
pub use sync::user_id_of_record;
pub(super) use user_summary::ATTRIBUTES;
pub use user_summary::UserSummary;

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
