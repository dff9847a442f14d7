//! Avatars of users, and the checkpoint of the avatar cleanup.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Users;
use super::change::Lock;
use crate::aws::key_of;
use crate::domain::{Actor, AvatarUrl, Error, Result, User, UserChange, UserId, clock};
use crate::store::dynamodb::{Item, ItemReader, Write, key, text};
use crate::store::outbox;

impl Users {
    /// Sets the user's avatar. Deletes the object of the former avatar through the outbox, if it is
    /// in our bucket. If the change certainly failed, deletes the object of `avatar` instead.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`] if the user was deleted meanwhile.
    pub async fn set_avatar(&self, user: User, actor: &Actor, avatar: &AvatarUrl) -> Result<User> {
        let id = user.uuid;
        let new = key_of(id, avatar);
        let change = |user: &mut UserChange| {
            if user.avatar.as_ref() != Some(avatar) {
                user.avatar = Some(avatar.clone());
                user.updated_at = clock::now();
            }
        };
        let extra_writes = |before: &User, _: &User| {
            let old = before.avatar.as_ref().and_then(|old| key_of(id, old));
            let old = old.filter(|key| Some(key) != new.as_ref()); // one object can have two URLs
            Ok(old
                .map(|key| outbox::enqueue_object_deletion(&key))
                .transpose()?
                .into_iter()
                .collect())
        };
        let outcome = self
            .write(user, actor, Lock::User, change, extra_writes)
            .await;
        if let (Err(error), Some(key)) = (&outcome, &new)
            && !matches!(error, Error::Internal(error) if error.is_indeterminate())
        {
            // If this fails too, the object stays until the avatar cleanup deletes it.
            let _ = self
                .database
                .write(vec![outbox::enqueue_object_deletion(key)?])
                .await;
        }
        outcome
    }

    /// The keys of the objects in our bucket that these users' avatars refer to. One read for a
    /// hundred users.
    pub(super) async fn referenced_avatars(
        &self,
        users: impl Iterator<Item = Uuid>,
    ) -> Result<BTreeSet<String>> {
        let ids: BTreeSet<UserId> = users.map(UserId::from).collect();
        let keys: Vec<_> = ids.into_iter().map(key::user).collect();
        let items = self.database.get_many(&keys, &["uuid", "avatar"]).await?;
        let object_key = |item: &Item| {
            let uuid = ItemReader(item).uuid("uuid")?;
            let url = ItemReader(item).maybe_text("avatar").map(AvatarUrl::stored);
            Ok(url.and_then(|url| key_of(uuid, &url)))
        };
        items
            .iter()
            .filter_map(|item| object_key(item).transpose())
            .collect()
    }

    /// The key after which the next cleanup resumes. `None` starts at the first object.
    pub(super) async fn cleanup_checkpoint(&self) -> Result<Option<String>> {
        let item = self.database.get(&key::avatar_cleanup()).await?;
        Ok(item.and_then(|item| ItemReader(&item).maybe_text("after")))
    }

    pub(super) async fn save_cleanup_checkpoint(&self, after: Option<&str>) -> Result<()> {
        let item = after
            .map(|key| ("after".to_owned(), text(key)))
            .into_iter()
            .collect();
        self.database
            .write(vec![Write::Put(key::avatar_cleanup(), item)])
            .await?;
        Ok(())
    }
}
