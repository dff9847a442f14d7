//! A user's new picture in place of the one before, and which pictures users show.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Users;
use super::change::Lock;
use crate::avatars::key_of;
use crate::database::{Item, Reading, Write, key, text};
use crate::{AvatarUrl, By, Error, Result, User, UserId, clock, outbox};

impl Users {
    /// Makes `avatar` the user's picture. The one before, if it is one of ours, is deleted once
    /// nobody points to it; `avatar` itself is, where it certainly did not become theirs.
    ///
    /// # Errors
    /// Only a fault of ours; [`Error::NoSuchAccount`] where the user was deleted meanwhile.
    pub async fn set_avatar(&self, user: User, by: &By, avatar: &AvatarUrl) -> Result<User> {
        let id = user.uuid;
        let new = key_of(id, avatar);
        let change = |user: &mut User| {
            if user.avatar.as_ref() != Some(avatar) {
                user.avatar = Some(avatar.clone());
                user.updated_at = clock::now();
            }
        };
        let also = |before: &User, _: &User| {
            let old = before.avatar.as_ref().and_then(|old| key_of(id, old));
            let old = old.filter(|key| Some(key) != new.as_ref()); // the same one, at another host
            Ok(old
                .map(|key| outbox::discard(&key))
                .transpose()?
                .into_iter()
                .collect())
        };
        let outcome = self.write(user, by, Lock::User, change, also).await;
        if let (Err(error), Some(key)) = (&outcome, &new)
            && !matches!(error, Error::Internal(fault) if fault.is_unclear())
        {
            // Where this fails too, the object stays, and nobody points to it.
            let _ = self.database.write(vec![outbox::discard(key)?]).await;
        }
        outcome
    }

    /// The keys of the pictures of ours that these users show. One read for a hundred users.
    pub(crate) async fn pictures_of(
        &self,
        users: impl Iterator<Item = Uuid>,
    ) -> Result<BTreeSet<String>> {
        let ids: BTreeSet<UserId> = users.map(UserId::from).collect();
        let keys: Vec<_> = ids.into_iter().map(key::user).collect();
        let items = self.database.get_many(&keys, &["uuid", "avatar"]).await?;
        let picture = |item: &Item| {
            let uuid = Reading(item).uuid("uuid")?;
            let url = Reading(item).maybe_text("avatar").map(AvatarUrl::stored);
            Ok(url.and_then(|url| key_of(uuid, &url)))
        };
        items
            .iter()
            .filter_map(|item| picture(item).transpose())
            .collect()
    }

    /// Behind which picture the next sweep goes on; nothing where it begins with the first.
    pub(crate) async fn swept_to(&self) -> Result<Option<String>> {
        let item = self.database.get(&key::sweep()).await?;
        Ok(item.and_then(|item| Reading(&item).maybe_text("after")))
    }

    pub(crate) async fn keep_swept_to(&self, place: Option<&str>) -> Result<()> {
        let item = place
            .map(|place| ("after".to_owned(), text(place)))
            .into_iter()
            .collect();
        self.database
            .write(vec![Write::Put(key::sweep(), item)])
            .await?;
        Ok(())
    }
}
