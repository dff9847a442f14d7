//! An actor's entitlement to change a user, checked again at the write.
//!
//! The user can change between a check and a later write. So an [`Authority`] keeps the values that
//! were checked. The store checks it on every read that a write is based on, and the write is
//! conditional on that read.

use uuid::Uuid;

use crate::domain::{Error, RefreshState, RefreshToken, Result, Role, SessionId, User};

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
    /// `Ok` if `user` is admitted.
    ///
    /// # Errors
    /// [`Error::BadToken`], [`Error::Blocked`] or [`Error::Inactive`], as the variants describe.
    pub(crate) fn check(self, user: &User) -> Result<()> {
        match self {
            Self::ValidToken if user.blocked => Err(Error::BadToken),
            Self::Unblocked if user.blocked => Err(Error::Blocked),
            Self::Active if user.blocked || user.role == Role::Unregistered => Err(Error::Inactive),
            _ => Ok(()),
        }
    }
}

/// The user of a verified access token, and the rule that admitted them.
#[derive(Debug)]
pub struct Caller {
    /// The user, as stored when the token was checked.
    pub user: User,
    /// The session of the token.
    pub session: SessionId,
    admission: Admission,
}

impl Caller {
    /// The holder of an access token with these claims, if the token is valid and `admission`
    /// admits the holder.
    ///
    /// # Errors
    /// [`Error::BadToken`]; the error of `admission`.
    pub(crate) fn admit(
        user: User,
        token_version: u64,
        session: SessionId,
        admission: Admission,
    ) -> Result<Self> {
        let caller = Self {
            user,
            session,
            admission,
        };
        let token = AccessToken {
            token_version,
            ..caller.access_token()
        };
        token.check(&caller.user)?;
        Ok(caller)
    }

    pub(crate) fn authority(&self) -> Authority {
        Authority::Token(self.access_token())
    }

    fn access_token(&self) -> AccessToken {
        AccessToken {
            holder: self.user.uuid,
            token_version: self.user.token_version,
            session: self.session,
            role: self.user.role,
            admission: self.admission,
        }
    }
}

/// An actor's entitlement to change a user.
#[derive(Debug, Clone)]
pub(crate) enum Authority {
    /// Nothing. The actor can create an account, and change none.
    Nothing,
    /// IAM. The operator can change every user.
    Operator,
    /// An access token. Its holder can change themselves, and as administrator every user.
    Token(AccessToken),
    /// A refresh token, of this state when it was checked. It can be used only once.
    RefreshToken(RefreshToken, RefreshState),
    /// The user's password.
    Password {
        /// The token version of the user whose password hash was verified. A new password raises
        /// it. A renewed hash of the same password does not.
        token_version: u64,
        /// The users who may use a password for this. `None` for all.
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
    /// A link mailed to the user's former address, which undoes the change.
    UndoLink {
        /// The hold that the link is for: the version of the address that replaced the former one.
        hold: u64,
    },
}

/// A verified access token, with its holder's rights at that time.
#[derive(Debug, Clone)]
pub(crate) struct AccessToken {
    pub(crate) holder: Uuid,
    pub(crate) token_version: u64,
    pub(crate) session: SessionId,
    role: Role,
    admission: Admission,
}

impl Authority {
    /// `Ok` if this entitles to a change of `user`, as stored now.
    ///
    /// # Errors
    /// The same as for a new request: [`Error::BadToken`], `Blocked` or `Inactive` for a token,
    /// [`Error::BadToken`] for a refresh token,
    /// [`Error::WrongPassword`] for a password, [`Error::BadCode`] for a code,
    /// [`Error::NoSuchAccount`] or `AlreadyUndone` for a link. [`Error::Forbidden`] if the role is
    /// insufficient.
    pub(crate) fn check(&self, user: &User) -> Result<()> {
        let ensure = |condition: bool, error: Error| if condition { Ok(()) } else { Err(error) };
        match self {
            Self::Nothing => Err(Error::Forbidden),
            Self::Operator => Ok(()),
            Self::Token(token) if token.holder == user.uuid => token.check(user),
            Self::Token(token) => ensure(token.role == Role::Admin, Error::Forbidden),
            Self::RefreshToken(token, state) => {
                let same = user.sessions.refresh_state(token) == *state;
                ensure(same && !user.blocked, Error::BadToken)
            }
            Self::Password {
                token_version,
                admission,
            } => {
                ensure(user.token_version == *token_version, Error::WrongPassword)?;
                admission.map_or(Ok(()), |admission| admission.check(user))
            }
            Self::MailedCode {
                token_version,
                email_version,
            } => {
                let same =
                    user.token_version == *token_version && user.email_version == *email_version;
                ensure(same, Error::BadCode)
            }
            Self::MailedLink { email_version } => {
                ensure(user.email_version == *email_version, Error::NoSuchAccount)
            }
            Self::UndoLink { hold } => {
                // With another hold, the change of a later address is still in effect.
                let held = user.held_email().ok_or(Error::AlreadyUndone)?;
                ensure(held.version == *hold, Error::BadToken)
            }
        }
    }

    /// The error if the user `uuid` was deleted.
    pub(crate) fn deleted(&self, uuid: Uuid) -> Error {
        match self {
            Self::Token(token) if token.holder == uuid => Error::BadToken,
            Self::RefreshToken(..) => Error::BadToken,
            _ => Error::NoSuchAccount,
        }
    }
}

impl AccessToken {
    /// `Ok` if the token is still valid and the holder's role was not lowered.
    ///
    /// A block ends all sessions. So a blocked holder gets the error of the admission, which may be
    /// [`Error::Blocked`], whether or not the session is left.
    pub(crate) fn check(&self, holder: &User) -> Result<()> {
        let has_session = holder.blocked || holder.sessions.is_live(&self.session);
        if holder.token_version != self.token_version || !has_session {
            return Err(Error::BadToken);
        }
        self.admission.check(holder)?;
        if holder.role < self.role {
            Err(Error::Forbidden)
        } else {
            Ok(())
        }
    }
}
