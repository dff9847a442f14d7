//! Authority: what entitles an actor to change a user, checked again when the change is written.
//!
//! A check that was made on a read says nothing about the user that a later write meets. So an
//! [`Authority`] keeps what was checked. The store checks it on every read that a write is based on,
//! and the write itself is conditional on that read.

use uuid::Uuid;

use crate::database::{Check, Item, flag, key, number, text};
use crate::{Access, Error, Result, User, users};

/// Which callers an endpoint admits, and the error for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// All but blocked users, whose token counts as invalid: [`Error::BadToken`].
    ValidToken,
    /// All but blocked users: [`Error::Blocked`].
    Unblocked,
    /// All but blocked and unregistered users: [`Error::Inactive`].
    Active,
}

impl Admission {
    /// Whether `user` is admitted.
    ///
    /// # Errors
    /// [`Error::BadToken`], [`Error::Blocked`] or [`Error::Inactive`], as the variants describe.
    pub(crate) fn check(self, user: &User) -> Result<()> {
        match self {
            Self::ValidToken if user.blocked => Err(Error::BadToken),
            Self::Unblocked if user.blocked => Err(Error::Blocked),
            Self::Active if user.blocked || user.access == Access::Unregistered => {
                Err(Error::Inactive)
            }
            _ => Ok(()),
        }
    }
}

/// The user that makes a request, as an access token proved, and the rule that admitted them.
#[derive(Debug)]
pub struct Caller {
    /// The user, as stored when the token was checked.
    pub user: User,
    pub(crate) admission: Admission,
}

impl Caller {
    pub(crate) fn authority(&self) -> Authority {
        let user = &self.user;
        Authority::Token(AccessToken {
            holder: user.uuid,
            token_version: user.token_version,
            access: user.access,
            admission: self.admission,
        })
    }
}

/// What entitles an actor to change a user.
#[derive(Debug, Clone)]
pub(crate) enum Authority {
    /// Nothing. The actor can create an account, and change none.
    Nothing,
    /// IAM. The operator can change every user.
    Operator,
    /// An access token. Its holder can change themselves, and as administrator every user.
    Token(AccessToken),
    /// The user's password.
    Password {
        /// The token version of the user whose password hash was verified. A new password raises
        /// it. A renewed hash of the same password does not.
        token_version: u64,
        /// Who may use a password for this. `None` if everyone may.
        admission: Option<Admission>,
    },
    /// A code mailed to the user.
    MailedCode {
        /// The token version of the user that the code was verified for.
        token_version: u64,
        /// The version of the user's address.
        email_version: u64,
    },
    /// A link mailed to the user.
    MailedLink {
        /// The version of the address that the link went to.
        email_version: u64,
    },
}

/// A verified access token, and what its holder could do when it was verified.
#[derive(Debug, Clone)]
pub(crate) struct AccessToken {
    holder: Uuid,
    token_version: u64,
    access: Access,
    admission: Admission,
}

impl Authority {
    /// Whether this entitles to a change of `user`, as stored now.
    ///
    /// # Errors
    /// The error of a request that comes now: [`Error::BadToken`], `Blocked` or `Inactive` for a
    /// token, [`Error::WrongPassword`] for a password, [`Error::BadCode`] for a code,
    /// [`Error::NoSuchAccount`] for a link. [`Error::Forbidden`] if the user's role was taken.
    pub(crate) fn check(&self, user: &User) -> Result<()> {
        let holds = |condition: bool, error: Error| if condition { Ok(()) } else { Err(error) };
        match self {
            Self::Nothing => Err(Error::Forbidden),
            Self::Operator => Ok(()),
            Self::Token(token) if token.holder == user.uuid => token.check(user),
            Self::Token(token) => holds(token.access == Access::Admin, Error::Forbidden),
            Self::Password {
                token_version,
                admission,
            } => {
                holds(user.token_version == *token_version, Error::WrongPassword)?;
                admission.map_or(Ok(()), |admission| admission.check(user))
            }
            Self::MailedCode {
                token_version,
                email_version,
            } => {
                let same =
                    user.token_version == *token_version && user.email_version == *email_version;
                holds(same, Error::BadCode)
            }
            Self::MailedLink { email_version } => {
                holds(user.email_version == *email_version, Error::NoSuchAccount)
            }
        }
    }

    /// The condition to write a change of `user` under, if the authority is another user's:
    /// an administrator's role can be taken without a change of `user`.
    pub(crate) fn condition(&self, user: &User) -> Option<Check> {
        match self {
            Self::Token(token) if token.holder != user.uuid => Some(token.still_administers()),
            _ => None,
        }
    }

    /// The error if that condition failed on `item`.
    pub(crate) fn lost(&self, item: Option<&Item>) -> Error {
        let Self::Token(token) = self else {
            return Error::Forbidden;
        };
        match item.map(users::user_of_item).transpose() {
            Ok(Some(holder)) if holder.uuid == token.holder => {
                token.check(&holder).err().unwrap_or(Error::Forbidden)
            }
            Ok(_) => Error::BadToken,
            Err(fault) => fault.into(),
        }
    }

    /// The error if the user `uuid` was deleted.
    pub(crate) fn deleted(&self, uuid: Uuid) -> Error {
        match self {
            Self::Token(token) if token.holder == uuid => Error::BadToken,
            _ => Error::NoSuchAccount,
        }
    }
}

impl AccessToken {
    /// Whether the token and the role are still the holder's.
    fn check(&self, holder: &User) -> Result<()> {
        if holder.token_version != self.token_version {
            return Err(Error::BadToken);
        }
        self.admission.check(holder)?;
        if holder.access < self.access {
            Err(Error::Forbidden)
        } else {
            Ok(())
        }
    }

    fn still_administers(&self) -> Check {
        const CONDITION: &str = "#uuid = :uuid AND #token_version = :token_version AND #blocked = :no AND #access = :admin";
        Check {
            key: key::user(self.holder.into()),
            condition: CONDITION.into(),
            names: ["uuid", "token_version", "blocked", "access"]
                .map(|name| (format!("#{name}"), name.to_owned()))
                .into(),
            values: vec![
                (":uuid".into(), text(self.holder)),
                (":token_version".into(), number(self.token_version)),
                (":no".into(), flag(false)),
                (":admin".into(), text(Access::Admin.as_str())),
            ],
        }
    }
}
