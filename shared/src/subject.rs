//! Whom a request is about, and who may do it: the only place that decides either.

mod told;

use uuid::Uuid;

use crate::{Access, Caller, Email, Error, OpenId, Result, User, UserId, Username, Users};

/// Whom a request is about, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// By the integer.
    Id(UserId),
    /// By the e-mail.
    Email(Email),
    /// By the user name.
    Username(Username),
    /// By the UUID.
    Uuid(Uuid),
    /// By the OpenID.
    Wx(OpenId),
    /// By a name that nobody can have. Who it is comes after who may ask, so this is no error.
    Nobody,
}

impl Subject {
    /// The subject of a body that names one by `user_id` or `email`. The first wins.
    ///
    /// # Errors
    /// [`Error::Missing`] where it names none.
    pub fn of(user_id: Option<UserId>, email: Option<&str>) -> Result<Self> {
        match (user_id, email) {
            (Some(id), _) => Ok(Self::Id(id)),
            (None, Some(email)) => Ok(email.parse().map_or(Self::Nobody, Self::Email)),
            (None, None) => Err(Error::Missing("user_id")),
        }
    }

    /// The subject that the campus calls by an OpenID, or by [`User::campus_name`].
    #[must_use]
    pub fn who(who: &str) -> Self {
        match who.trim().strip_prefix(OpenId::LOCAL) {
            Some(uuid) => uuid.parse().map_or(Self::Nobody, Self::Uuid),
            None => who.parse().map_or(Self::Nobody, Self::Wx),
        }
    }

    fn is(&self, user: &User) -> bool {
        match self {
            Self::Id(id) => user.id() == *id,
            Self::Email(email) => user.email.canonical() == email.canonical(),
            Self::Username(name) => user.username.canonical() == name.canonical(),
            Self::Uuid(uuid) => user.uuid == *uuid,
            Self::Wx(wx) => user.wx.as_ref() == Some(wx),
            Self::Nobody => false,
        }
    }
}

impl User {
    /// The name by which the campus can always address the user: the OpenID, or where none is
    /// bound the UUID, marked as ours.
    #[must_use]
    pub fn campus_name(&self) -> String {
        match &self.wx {
            Some(wx) => wx.to_string(),
            None => format!("{}{}", OpenId::LOCAL, self.uuid),
        }
    }
}

impl Users {
    /// The subject's integer, for what is kept under it. Reads only to look up a name, so there
    /// may be no such user.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`] where nobody has the name.
    pub async fn id_of(&self, subject: &Subject) -> Result<UserId> {
        match subject {
            Subject::Id(id) => Ok(*id),
            named => Ok(self.uuid_of(named).await?.into()),
        }
    }

    /// The user that a request is about, whoever makes it. At most two reads.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`].
    pub async fn find(&self, subject: &Subject) -> Result<User> {
        let user = match subject {
            Subject::Id(id) => self.by_id(*id).await?,
            named => self.by_uuid(self.uuid_of(named).await?).await?,
        };
        user.ok_or(Error::NoSuchAccount)
    }

    async fn uuid_of(&self, subject: &Subject) -> Result<Uuid> {
        let uuid = match subject {
            Subject::Uuid(uuid) => Some(*uuid),
            Subject::Username(name) => self.owner_of_username(name).await?,
            Subject::Email(email) => self.owner_of_email(email).await?,
            Subject::Wx(wx) => self.owner_of_wx(wx).await?,
            Subject::Id(id) => self.by_id(*id).await?.map(|user| user.uuid),
            Subject::Nobody => None,
        };
        uuid.ok_or(Error::NoSuchAccount)
    }

    /// The user that `caller` acts on: themselves, or for administrators anyone. What the
    /// caller may is asked before who exists, so that nobody can probe.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NoSuchAccount`], to administrators only.
    pub async fn acted_on(&self, caller: Caller, subject: &Subject) -> Result<User> {
        let caller = caller.user;
        match caller.access {
            _ if subject.is(&caller) => Ok(caller),
            Access::Admin => self.find(subject).await,
            Access::User | Access::Unregistered => Err(Error::Forbidden),
        }
    }
}
