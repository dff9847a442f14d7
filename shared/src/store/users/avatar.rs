//! Avatars of users, and the checkpoint of the avatar cleanup.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Users;
use crate::aws::key_of;
use crate::domain::{Actor, AvatarUrl, Error, InternalError, Result, User, UserId};
use crate::store::dynamodb::{Item, ItemReader, Write, key, text};
use crate::store::outbox;

impl Users {
    /// Sets the user's avatar to `avatar`, which was uploaded for it. If the change certainly
    /// failed, deletes its object through the outbox.
    ///
    /// # Errors
    /// As [`Users::change`].
    pub async fn set_avatar(&self, user: User, actor: &Actor, avatar: &AvatarUrl) -> Result<User> {
        let new = key_of(user.uuid, avatar);
        let outcome = self
            .change(user, actor, |user| user.avatar = Some(avatar.clone()))
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

/// The write that deletes the object of the former avatar, if it is in our bucket and the new avatar
/// is another object. One object can have two URLs.
pub(super) fn delete_former(from: &User, to: &User) -> Result<Option<Write>, InternalError> {
    let object = |user: &User| user.avatar.as_ref().and_then(|url| key_of(user.uuid, url));
    let former = object(from).filter(|former| object(to).as_ref() != Some(former));
    former
        .map(|key| outbox::enqueue_object_deletion(&key))
        .transpose()
}
