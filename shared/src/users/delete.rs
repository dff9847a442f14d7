//! Deleting a user: one transaction that ends the item and all that hangs on it. What stays is
//! the trail, which says when and by whom.

use super::change::MOST_TRIES;
use super::{Users, administrators};
use crate::avatars::key_of;
use crate::captchas::CaptchaGroup;
use crate::database::{Conflict, Key, Write, WriteOutcome, key};
use crate::{By, Error, Event, Fault, Result, User, outbox};

impl Users {
    /// Deletes a user: the names are free again, every token is void, and no table but the trail
    /// knows of them. The picture goes through the outbox. A user who is gone already stays so.
    ///
    /// # Errors
    /// [`Error::LastAdministrator`].
    pub async fn delete(&self, mut user: User, by: &By) -> Result<()> {
        let mails = outbox::mails_to(&self.database, &user).await?;
        let mut last = Fault::new("a user is being changed too often");
        for _ in 0..MOST_TRIES {
            let counted = administrators::counted(user.administers(), false);
            let mut writes = vec![Write::DeleteIfVersion(
                key::user(user.id()),
                user.version,
                Conflict::User,
            )];
            writes.extend(counted);
            let markers = key::markers(&user).into_iter();
            writes.extend(
                markers.map(|(_, marker)| Write::DeleteIfOwner(marker, user.uuid, Conflict::User)),
            );
            writes.extend(
                kept(&user)
                    .into_iter()
                    .chain(mails.clone())
                    .map(Write::Delete),
            );
            let picture = user.avatar.as_ref().and_then(|url| key_of(user.uuid, url));
            writes.extend(picture.map(|key| outbox::discard(&key)).transpose()?);
            writes.push(self.trail.entry(Some(user.id()), Event::Deleted, by)?);

            let failed = match self.database.write(writes).await {
                Ok(WriteOutcome::Committed(_)) => return Ok(()),
                Ok(WriteOutcome::ConditionFailed(failed)) => failed,
                Err(fault) if fault.is_unclear() => {
                    last = fault;
                    Vec::new()
                }
                Err(fault) => return Err(fault.into()),
            };
            let Some(fresh) = self.by_uuid(user.uuid).await? else {
                return Ok(());
            };
            let is_last = failed
                .iter()
                .any(|failed| failed.conflict == Conflict::LastAdministrator);
            if is_last && fresh.version == user.version {
                return Err(Error::LastAdministrator);
            }
            user = fresh;
        }
        Err(last.into())
    }
}

/// What is kept under the user's identity elsewhere: counts of tries, and codes.
fn kept(user: &User) -> [Key; 4] {
    [
        key::login_tries(&user.uuid.to_string()),
        key::mails("captcha", user.id()),
        key::mails("verify", user.id()),
        key::captcha(user.id(), CaptchaGroup::Password.number()),
    ]
}
