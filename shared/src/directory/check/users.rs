//! Each user beside their entry, and each entry beside its user.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{AT_ONCE, Check};
use crate::database::{Direction, Table, key};
use crate::directory::follow::by_id;
use crate::directory::listed::ATTRIBUTES;
use crate::directory::{Directory, Listed};
use crate::{Fault, UserId};

/// How long the stream may take to bring a change to the directory.
const MOMENT: Duration = Duration::from_secs(5);
/// How many users are named who differ.
const MOST_NAMED: usize = 100;

impl Directory {
    /// Compares each user with their entry; gives where the time was up.
    pub(super) async fn check_users(
        &self,
        check: &mut Check,
        mut after: Option<String>,
    ) -> Result<Option<String>, Fault> {
        loop {
            let (users, last) = self
                .database
                .scan(Table::Users, key::USERS, &ATTRIBUTES, after.as_deref())
                .await?;
            let users = users
                .iter()
                .map(Listed::of)
                .collect::<Result<Vec<_>, _>>()?;
            check.found.users += users.len() as u64;
            let ids: Vec<UserId> = users.iter().map(Listed::id).collect();
            let entries = self.entries(&ids).await?;
            let differs = |user: &&Listed| entries.get(&user.id()) != Some(user);
            self.settle(
                check,
                users.iter().filter(differs).map(Listed::id).collect(),
            )
            .await?;
            match last {
                None => return Ok(None),
                last if check.is_over() => return Ok(last),
                last => after = last,
            }
        }
    }

    /// Finds the entries whose user is gone; gives where the time was up.
    pub(super) async fn check_entries(
        &self,
        check: &mut Check,
        first: Option<u64>,
    ) -> Result<Option<String>, Fault> {
        let mut next = first.or(Some(0));
        while let Some(first) = next {
            let up = Direction::Up;
            let items = self
                .database
                .read(&key::entries(), up.from(first), up, AT_ONCE)
                .await?;
            let ids: Vec<UserId> = items
                .iter()
                .filter_map(key::number_of)
                .map(UserId::at)
                .collect();
            check.found.entries += ids.len() as u64;
            let users = self.users(&ids).await?;
            let gone = ids
                .iter()
                .copied()
                .filter(|id| !users.contains_key(id))
                .collect();
            self.settle(check, gone).await?;
            next = ids.last().and_then(|last| up.after(last.get()));
            if let Some(next) = next.filter(|_| check.is_over()) {
                return Ok(Some(next.to_string()));
            }
        }
        Ok(None)
    }

    /// Mends the entries of these users, or waits until what is on its way has come, and counts
    /// those that still differ.
    async fn settle(&self, check: &mut Check, mut users: Vec<UserId>) -> Result<(), Fault> {
        if check.mend {
            self.bring_up_all(users.iter().copied(), true).await?;
        } else if !users.is_empty() {
            let before = self.users(&users).await?;
            tokio::time::sleep(MOMENT).await;
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
        check.found.different_entries += users.len() as u64;
        let room = MOST_NAMED.saturating_sub(check.found.different_users.len());
        check
            .found
            .different_users
            .extend(users.iter().take(room).map(|id| id.get()));
        Ok(())
    }

    async fn entries(&self, ids: &[UserId]) -> Result<BTreeMap<UserId, Listed>, Fault> {
        let keys: Vec<_> = ids.iter().copied().map(key::entry).collect();
        by_id(&self.database.get_many(&keys, &[]).await?)
    }

    async fn users(&self, ids: &[UserId]) -> Result<BTreeMap<UserId, Listed>, Fault> {
        let keys: Vec<_> = ids.iter().copied().map(key::user).collect();
        by_id(&self.database.get_many(&keys, &ATTRIBUTES).await?)
    }
}
