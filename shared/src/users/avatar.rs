//! A user's new picture in place of the one before.

use super::Users;
use crate::avatars::key_of;
use crate::{AvatarUrl, By, Error, Fault, Result, User, clock, outbox};

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
            Ok(old.map(|key| outbox::discard(&key)).transpose()?.into_iter().collect())
        };
        let refused = || Fault::new("an item of the outbox exists").into();
        let outcome = self.write(user, by, change, also, refused).await;
        if let (Err(error), Some(key)) = (&outcome, &new)
            && !matches!(error, Error::Internal(fault) if fault.is_unclear())
        {
            // Where this fails too, the object stays, and nobody points to it.
            let _ = self.database.write(vec![outbox::discard(key)?]).await;
        }
        outcome
    }
}
