//! What can go wrong, in the words of the domain.
//!
//! Nothing here knows HTTP. Each dialect turns an [`Error`] into its own status, code and
//! words; what the log says of a [`Fault`] is never shown to a client.

use std::fmt;

/// What an endpoint gives, or why it does not.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request was not carried out.
#[derive(Debug)]
pub enum Error {
    /// The body cannot be read at all; the text says why, without quoting it.
    Unreadable(String),
    /// The body is larger than any endpoint takes.
    TooLarge,
    /// A field that must be there is not.
    Missing(&'static str),
    /// Fields that must be there are not: all of them, in the endpoint's order.
    Incomplete(Vec<&'static str>),
    /// A field is of the wrong type or of an impossible value.
    Invalid(Flaw),
    /// No file was sent.
    NoImage,
    /// A file is no picture that we take; the text says why, to be read after "the image".
    BadImage(&'static str),
    /// A text is no e-mail address.
    BadEmail,
    /// A password is too short or too long.
    BadPassword,
    /// A query parameter that must be there is not.
    NoParameter,
    /// A query parameter is of an impossible value: its name.
    BadParameter(&'static str),
    /// No endpoint has this path.
    NoSuchPath,
    /// The path exists, with other methods.
    WrongMethod,
    /// No token was sent, or not one of ours, or its user is blocked or gone.
    BadToken,
    /// The token was good once.
    ExpiredToken,
    /// The caller is known, but blocked or not registered yet.
    Inactive,
    /// The caller may not do this, or not to this user.
    Forbidden,
    /// There is no such account.
    NoSuchAccount,
    /// The password is not the account's.
    WrongPassword,
    /// The account is kept from logging in.
    Blocked,
    /// The code is wrong, was used, or was tried too often; or there is none.
    BadCode,
    /// The code was good once.
    ExpiredCode,
    /// The e-mail is verified already.
    AlreadyVerified,
    /// What is asked for is not there, for this caller.
    NotFound,
    /// Another account has this e-mail.
    EmailTaken,
    /// Another account has this user name.
    UsernameTaken,
    /// Another account has this phone number.
    PhoneTaken,
    /// Another account has this OpenID.
    WxTaken,
    /// Without this user nobody would be left who may do anything.
    LastAdministrator,
    /// A limit is used up.
    TooMany {
        /// Seconds until it is worth trying again.
        retry_after: u64,
    },
    /// Something of ours failed.
    Internal(Fault),
}

impl Error {
    /// A short name for the log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge => "too_large",
            Self::Missing(_) => "missing",
            Self::Incomplete(_) => "incomplete",
            Self::Invalid(_) => "invalid",
            Self::NoImage => "no_image",
            Self::BadImage(_) => "bad_image",
            Self::BadEmail => "bad_email",
            Self::BadPassword => "bad_password",
            Self::NoParameter => "no_parameter",
            Self::BadParameter(_) => "bad_parameter",
            Self::NoSuchPath => "no_such_path",
            Self::WrongMethod => "wrong_method",
            Self::BadToken => "bad_token",
            Self::ExpiredToken => "expired_token",
            Self::Inactive => "inactive",
            Self::Forbidden => "forbidden",
            Self::NoSuchAccount => "no_such_account",
            Self::WrongPassword => "wrong_password",
            Self::Blocked => "blocked",
            Self::BadCode => "bad_code",
            Self::ExpiredCode => "expired_code",
            Self::AlreadyVerified => "already_verified",
            Self::NotFound => "not_found",
            Self::EmailTaken => "email_taken",
            Self::UsernameTaken => "username_taken",
            Self::PhoneTaken => "phone_taken",
            Self::WxTaken => "wx_taken",
            Self::LastAdministrator => "last_administrator",
            Self::TooMany { .. } => "too_many",
            Self::Internal(_) => "internal",
        }
    }
}

impl Error {
    /// The error as a failure of ours, where no client asked.
    #[must_use]
    pub fn into_fault(self) -> Fault {
        match self {
            Self::Internal(fault) => fault,
            other => Fault::new(other.name()),
        }
    }

    /// The error of a further attempt: where one before was unclear, it is unclear, too.
    pub(crate) fn after(self, before: &Fault) -> Self {
        match self {
            Self::Internal(fault) => Self::Internal(fault.after(before)),
            other => other,
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Internal(fault)
    }
}

/// What is wrong with a request's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The field, by its name on the wire; empty where the flaw is not of one field.
    pub field: String,
    /// What is wrong, to be read after the field's name.
    pub why: String,
}

impl Flaw {
    /// A flaw of `field`.
    pub fn of(field: &str, why: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            why: why.into(),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.why),
            field => write!(f, "{field}: {}", self.why),
        }
    }
}

/// A failure of ours, for the log only: what was being done, and what came of it.
/// Holds no value that a client or the store supplied.
#[derive(Debug, Clone)]
pub struct Fault {
    cause: String,
    unclear: bool,
    lasting: bool,
}

impl Fault {
    /// A failure that certainly changed nothing.
    pub fn new(cause: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            unclear: false,
            lasting: false,
        }
    }

    /// A failure that changed nothing, and would be the same however often it is tried.
    pub fn lasting(cause: impl Into<String>) -> Self {
        Self {
            lasting: true,
            ..Self::new(cause)
        }
    }

    /// A failure after which nobody knows whether the change was made.
    pub(crate) fn unclear(cause: impl Into<String>) -> Self {
        Self {
            unclear: true,
            ..Self::new(cause)
        }
    }

    /// The failure of a further attempt: where one before was unclear, it is unclear, too.
    pub(crate) fn after(self, before: &Self) -> Self {
        Self {
            unclear: self.unclear || before.unclear,
            ..self
        }
    }

    /// Whether the change may have been made all the same.
    pub(crate) fn is_unclear(&self) -> bool {
        self.unclear
    }

    /// Whether trying again is of no use.
    pub(crate) fn is_lasting(&self) -> bool {
        self.lasting
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}
