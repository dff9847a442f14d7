//! Lookup of users by the reference in a request or command.

use uuid::Uuid;

use super::Users;
use crate::domain::{Caller, Error, Result, Role, User, UserId, UserRef};
use crate::store::dynamodb::key;

impl Users {
    /// The integer id of the target, for items that are stored under it. Reads only a name's
    /// marker, so the user need not exist.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`] if the name has no owner.
    pub async fn id_of(&self, target: &UserRef) -> Result<UserId> {
        match target {
            UserRef::Id(id) => Ok(*id),
            name => Ok(self.uuid_of(name).await?.into()),
        }
    }

    /// The target, without a check of the caller's authority. One read by id, else two.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`].
    pub async fn find(&self, target: &UserRef) -> Result<User> {
        let user = match target {
            UserRef::Id(id) => self.by_id(*id).await?,
            name => {
                // The second read follows even without an owner, so that all names take the same time.
                let owner = self.owner_of(name).await?;
                self.by_uuid(owner.unwrap_or_default()).await?
            }
        };
        user.ok_or(Error::NoSuchAccount)
    }

    /// The target, to recover the account. As [`Users::find`], and by a held address, too: the
    /// owner may know no other.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`].
    pub(super) async fn find_to_recover(&self, target: &UserRef) -> Result<User> {
        let UserRef::Email(email) = target else {
            return self.find(target).await;
        };
        let owner = self.owner_or_holder_of_email(email).await?;
        let user = self.by_uuid(owner.unwrap_or_default()).await?;
        user.ok_or(Error::NoSuchAccount)
    }

    async fn uuid_of(&self, target: &UserRef) -> Result<Uuid> {
        self.owner_of(target).await?.ok_or(Error::NoSuchAccount)
    }

    /// The UUID of the target. One read, even for a malformed name, so that all take the same time.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn owner_of(&self, target: &UserRef) -> Result<Option<Uuid>> {
        Ok(match target {
            UserRef::Uuid(uuid) => Some(*uuid),
            UserRef::Username(name) => self.owner_of_username(name).await?,
            UserRef::Email(email) => self.owner_of_email(email).await?,
            UserRef::WechatOpenId(wx) => self.owner_of_wx(wx).await?,
            UserRef::Id(id) => self.by_id(*id).await?.map(|user| user.uuid),
            UserRef::Nobody => self.owner(&key::connection_probe()).await?,
        })
    }

    /// The target, if `caller` may act on it: themselves, or for administrators every user. Checks
    /// the role before the existence, so that other callers cannot learn which users exist.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NoSuchAccount`], for administrators only.
    pub async fn authorize_target(&self, caller: Caller, target: &UserRef) -> Result<User> {
        let caller = caller.user;
        match caller.role {
            _ if target.refers_to(&caller) => Ok(caller),
            Role::Admin => self.find(target).await,
            Role::User | Role::Unregistered => Err(Error::Forbidden),
        }
    }
}
