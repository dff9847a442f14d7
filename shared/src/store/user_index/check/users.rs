//! Check of the entries: each user against their entry, and the reverse.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Check, PAGE_SIZE};
use crate::domain::{InternalError, UserId};
use crate::store::dynamodb::{Direction, Table, key};
use crate::store::user_index::sync::summaries_by_id;
use crate::store::user_index::user_summary::ATTRIBUTES;
use crate::store::{UserIndex, UserSummary};

/// The delay after which the stream should have brought a change to the user index.
const STREAM_DELAY: Duration = Duration::from_secs(5);
/// How many different users the report lists at most.
const MAX_LISTED: usize = 100;

impl UserIndex {
    /// Compares each user with their entry. Returns the position to resume at, if the time is up.
    pub(super) async fn check_users(
        &self,
        check: &mut Check,
        mut after: Option<String>,
    ) -> Result<Option<String>, InternalError> {
        loop {
            let (users, last) = self
                .database
                .scan(Table::Users, key::USERS, &ATTRIBUTES, after.as_deref())
                .await?;
            let users = users
                .iter()
                .map(UserSummary::from_item)
                .collect::<Result<Vec<_>, _>>()?;
            check.report.users += users.len() as u64;
            let ids: Vec<UserId> = users.iter().map(UserSummary::id).collect();
            let entries = self.entries(&ids).await?;
            let differs = |user: &&UserSummary| entries.get(&user.id()) != Some(user);
            self.count_different(
                check,
                users.iter().filter(differs).map(UserSummary::id).collect(),
            )
            .await?;
            match last {
                None => return Ok(None),
                last if check.is_expired() => return Ok(last),
                last => after = last,
            }
        }
    }

    /// Finds the entries whose user does not exist. Returns the position to resume at, if the time
    /// is up.
    pub(super) async fn check_entries(
        &self,
        check: &mut Check,
        first: Option<u64>,
    ) -> Result<Option<String>, InternalError> {
        let mut next = first.or(Some(0));
        while let Some(first) = next {
            let order = Direction::Ascending;
            let items = self
                .database
                .query(&key::user_summaries(), order.from(first), order, PAGE_SIZE)
                .await?;
            let ids: Vec<UserId> = items
                .iter()
                .filter_map(key::sort_number)
                .map(UserId::at)
                .collect();
            check.report.entries += ids.len() as u64;
            let users = self.users(&ids).await?;
            let without_user = ids
                .iter()
                .copied()
                .filter(|id| !users.contains_key(id))
                .collect();
            self.count_different(check, without_user).await?;
            next = ids.last().and_then(|last| order.after(last.get()));
            if let Some(next) = next.filter(|_| check.is_expired()) {
                return Ok(Some(next.to_string()));
            }
        }
        Ok(None)
    }

    /// Counts the different entries of these users. Repairs them if the check does, or else waits
    /// for the stream and excludes those that no longer differ.
    async fn count_different(
        &self,
        check: &mut Check,
        mut users: Vec<UserId>,
    ) -> Result<(), InternalError> {
        if check.repair {
            self.sync_all(users.iter().copied(), true).await?;
        } else if !users.is_empty() {
            let before = self.users(&users).await?;
            tokio::time::sleep(STREAM_DELAY).await;
            let (entries, after) = (self.entries(&users).await?, self.users(&users).await?);
            users.retain(
                |id| match (entries.get(id), before.get(id), after.get(id)) {
                    (Some(entry), Some(before), Some(after)) => {
                        entry.version < before.version
                            || (entry.version == after.version && entry != after)
                    }
                    (entry, _, user) => entry.is_some() != user.is_some(),
                },
            );
        }
        check.report.different_entries += users.len() as u64;
        let remaining = MAX_LISTED.saturating_sub(check.report.different_users.len());
        check
            .report
            .different_users
            .extend(users.iter().take(remaining).map(|id| id.get()));
        Ok(())
    }

    async fn entries(
        &self,
        ids: &[UserId],
    ) -> Result<BTreeMap<UserId, UserSummary>, InternalError> {
        let keys: Vec<_> = ids.iter().copied().map(key::user_summary).collect();
        summaries_by_id(&self.database.get_many(&keys, &[]).await?)
    }

    async fn users(&self, ids: &[UserId]) -> Result<BTreeMap<UserId, UserSummary>, InternalError> {
        let keys: Vec<_> = ids.iter().copied().map(key::user).collect();
        summaries_by_id(&self.database.get_many(&keys, &ATTRIBUTES).await?)
    }
}
