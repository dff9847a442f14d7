//! Users who are asked for by name: read by their keys, as they are now.

use uuid::Uuid;

use super::filter::Flags;
use super::listed::ATTRIBUTES;
use super::{At, Directory, Filter, ListPage, Listed, OrderBy};
use crate::database::key;
use crate::{Email, Result, UserId, Users};

/// Whom to look up: users who are named in all that is given. Something is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lookup {
    /// By their integers.
    pub ids: Option<Vec<UserId>>,
    /// By their UUIDs.
    pub uuids: Option<Vec<Uuid>>,
    /// By the address.
    pub email: Option<Email>,
}

impl Lookup {
    /// Whether nobody is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn names(&self, entry: &Listed) -> bool {
        let among = |ids: &Vec<UserId>| ids.contains(&entry.id());
        let named = |uuids: &Vec<Uuid>| uuids.contains(&entry.uuid);
        let has = |email: &Email| email.canonical() == entry.email.canonical();
        self.ids.as_ref().is_none_or(among)
            && self.uuids.as_ref().is_none_or(named)
            && self.email.as_ref().is_none_or(has)
    }
}

impl Directory {
    /// The page of `size` that begins `at`, of the users who are looked up and whom the filter
    /// admits. Reads the address's owner, where one is given, and the users.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn look_up(
        &self,
        users: &Users,
        lookup: &Lookup,
        filter: Filter,
        order: &OrderBy,
        at: At,
        size: usize,
    ) -> Result<ListPage> {
        let mut ids: Vec<UserId> = match lookup {
            Lookup {
                email: Some(email), ..
            } => users
                .owner_of_email(email)
                .await?
                .into_iter()
                .map(UserId::from)
                .collect(),
            Lookup {
                uuids: Some(uuids), ..
            } => uuids.iter().copied().map(UserId::from).collect(),
            Lookup { ids, .. } => ids.clone().unwrap_or_default(),
        };
        ids.sort_unstable();
        ids.dedup();
        let keys: Vec<_> = ids.into_iter().map(key::user).collect();
        let found = self.database.get_many(&keys, &ATTRIBUTES).await?;
        let mut found = found
            .iter()
            .map(Listed::of)
            .collect::<Result<Vec<_>, _>>()?;
        found.retain(|entry| lookup.names(entry) && filter.admits(Flags::of(entry)));
        ListPage::of(found, order, at, size)
    }
}
