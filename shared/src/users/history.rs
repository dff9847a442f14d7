//! What the trail keeps of a user.

use super::Users;
use crate::database::key;
use crate::{Entry, Fault, Result, UserId};

impl Users {
    /// The newest entries about a user, who may be gone, from the newest to the oldest.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn history(&self, user: UserId, most: usize) -> Result<Vec<Entry>> {
        let items = self.database.newest(&key::trail_of(user), most).await?;
        Ok(items.iter().map(Entry::of).collect::<Result<_, Fault>>()?)
    }
}
