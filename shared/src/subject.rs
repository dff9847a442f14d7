//! Whom a request is about, and who may do it: the only place that decides either.

use uuid::Uuid;

use crate::{Access, Email, Error, Result, User, UserId, Users};

/// Whom a request is about, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// By the integer.
    Id(UserId),
    /// By the e-mail.
    Email(Email),
    /// By the UUID.
    Uuid(Uuid),
}

impl Subject {
    /// The subject of a body that names one by `user_id` or `email`. The first wins.
    ///
    /// # Errors
    /// [`Error::Missing`] where it names none; [`Error::NoSuchAccount`] where nobody can have
    /// that e-mail.
    pub fn of(user_id: Option<UserId>, email: Option<&str>) -> Result<Self> {
        match (user_id, email) {
            (Some(id), _) => Ok(Self::Id(id)),
            (None, Some(email)) => email.parse().map(Self::Email).map_err(|_| Error::NoSuchAccount),
            (None, None) => Err(Error::Missing("user_id")),
        }
    }

    fn is(&self, user: &User) -> bool {
        match self {
            Self::Id(id) => user.id() == *id,
            Self::Email(email) => user.email.canonical() == email.canonical(),
            Self::Uuid(uuid) => user.uuid == *uuid,
        }
    }
}

impl Users {
    /// The subject's integer, for what is kept under it. Reads only to look up an e-mail, so
    /// there may be no such user.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`] where nobody has the e-mail.
    pub async fn id_of(&self, subject: &Subject) -> Result<UserId> {
        match subject {
            Subject::Id(id) => Ok(*id),
            Subject::Uuid(uuid) => Ok((*uuid).into()),
            Subject::Email(email) => {
                Ok(self.owner_of_email(email).await?.ok_or(Error::NoSuchAccount)?.into())
            }
        }
    }

    /// The user that a request is about, whoever makes it. At most two reads.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`].
    pub async fn find(&self, subject: &Subject) -> Result<User> {
        let user = match subject {
            Subject::Id(id) => self.by_id(*id).await?,
            Subject::Uuid(uuid) => self.by_uuid(*uuid).await?,
            Subject::Email(email) => match self.owner_of_email(email).await? {
                Some(uuid) => self.by_uuid(uuid).await?,
                None => None,
            },
        };
        user.ok_or(Error::NoSuchAccount)
    }

    /// The user that `caller` acts on: themselves, or for administrators anyone. What the
    /// caller may is asked before who exists, so that nobody can probe.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NoSuchAccount`], to administrators only.
    pub async fn acted_on(&self, caller: User, subject: &Subject) -> Result<User> {
        match caller.access {
            _ if subject.is(&caller) => Ok(caller),
            Access::Admin => self.find(subject).await,
            Access::User | Access::Unregistered => Err(Error::Forbidden),
        }
    }
}
