//! Lookup of users by id, UUID or e-mail, read as stored.

use uuid::Uuid;

use super::{Filter, ListPage, OrderBy, PagePosition, UserIndex, UserSummary};
use crate::domain::{Email, Result, UserId};
use crate::store::Users;

/// The users to look up: those that match every present field. At least one is present.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lookup {
    /// Their integer ids.
    pub ids: Option<Vec<UserId>>,
    /// Their UUIDs.
    pub uuids: Option<Vec<Uuid>>,
    /// Their e-mail address.
    pub email: Option<Email>,
}

impl Lookup {
    /// Whether no field is present.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn matches(&self, entry: &UserSummary) -> bool {
        let has_id = |ids: &Vec<UserId>| ids.contains(&entry.id());
        let has_uuid = |uuids: &Vec<Uuid>| uuids.contains(&entry.uuid);
        let has_email = |email: &Email| email.canonical() == entry.email.canonical();
        self.ids.as_ref().is_none_or(has_id)
            && self.uuids.as_ref().is_none_or(has_uuid)
            && self.email.as_ref().is_none_or(has_email)
    }
}

impl UserIndex {
    /// The page of `size` users that starts `at`, of those that match `lookup` and the filter.
    /// Reads the marker of the e-mail, if there is one, and the users.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn look_up(
        &self,
        users: &Users,
        lookup: &Lookup,
        filter: Filter,
        order: &OrderBy,
        at: &PagePosition,
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
        let mut found = self.users(&ids, filter).await?;
        found.retain(|entry| lookup.matches(entry));
        Ok(ListPage::from_unsorted(found, order, at, size))
    }
}
