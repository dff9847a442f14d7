//! Deletion of a user and of all items about them, in one transaction.
//!
//! Only the audit log stays. It holds the time and the actor of the deletion.

use super::change::MAX_TRIES;
use super::{Users, administrators};
use crate::aws::key_of;
use crate::domain::MailCodeGroup;
use crate::domain::{Actor, AuditEvent, Error, InternalError, Result, User};
use crate::store::dynamodb::{Check, Conflict, Write, WriteOutcome, key};
use crate::store::{outbox, rate_limits};

impl Users {
    /// Deletes a user, their unique names and held address, rate limits and mail codes, and the
    /// messages to them in the outbox. Counters by account and source stay until they expire, within
    /// a day. Their tokens become invalid. The avatar's object is deleted through the outbox.
    /// Does nothing if the user is deleted already.
    ///
    /// # Errors
    /// [`Error::LastAdministrator`].
    pub async fn delete(&self, mut user: User, actor: &Actor) -> Result<()> {
        let messages = outbox::messages_to(&self.database, &user).await?;
        let mut last = InternalError::new("a user is being changed too often");
        for _ in 0..MAX_TRIES {
            let count = administrators::update_count(user.is_active_admin(), false);
            let unchanged = Check::version(key::user(user.id()), user.version);
            let mut writes = vec![Write::DeleteIf(unchanged, Conflict::User)];
            writes.extend(count);
            let markers = key::markers(&user, self.phone_region)
                .into_iter()
                .map(|(_, marker)| marker);
            writes.extend(
                markers
                    .chain(key::held_marker(&user))
                    .map(|marker| Write::DeleteIfOwner(marker, user.uuid, Conflict::User)),
            );
            writes.extend(
                rate_limits::keys_of(&user)
                    .into_iter()
                    .chain([key::mail_code(user.id(), MailCodeGroup::Password.number())])
                    .chain(messages.clone())
                    .map(Write::Delete),
            );
            let avatar = user.avatar.as_ref().and_then(|url| key_of(user.uuid, url));
            writes.extend(
                avatar
                    .map(|key| outbox::enqueue_object_deletion(&key))
                    .transpose()?,
            );
            writes.push(
                self.audit_log
                    .record(Some(user.id()), AuditEvent::Deleted, actor)?,
            );

            let failed = match self.database.write(writes).await {
                Ok(WriteOutcome::Committed) => return Ok(()),
                Ok(WriteOutcome::ConditionFailed(failed)) => failed,
                Err(error) if error.is_indeterminate() => {
                    last = error;
                    Vec::new()
                }
                Err(error) => return Err(error.into()),
            };
            let Some(latest) = self.by_uuid(user.uuid).await? else {
                return Ok(());
            };
            let is_last = failed.contains(&Conflict::LastAdministrator);
            if is_last && latest.version == user.version {
                return Err(Error::LastAdministrator);
            }
            user = latest;
        }
        Err(last.into())
    }
}
