//! Errors, independent of HTTP: each family renders an [`Error`] in its own format.
//!
//! A client never sees the cause of an [`InternalError`]. The log does.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// The result of an endpoint.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason for an error response.
#[derive(Debug)]
pub enum Error {
    /// The body cannot be parsed. Holds the reason, without quoting the body.
    MalformedBody(String),
    /// The body is larger than any endpoint accepts.
    TooLarge,
    /// A required field is missing.
    Missing(&'static str),
    /// Required fields are missing. Holds all of them, in the endpoint's order.
    Incomplete(Vec<&'static str>),
    /// A field has the wrong type or an invalid value.
    Invalid(InvalidField),
    /// The form has no file.
    NoImage,
    /// The file is not an acceptable image. The text is worded to follow "the image".
    BadImage(&'static str),
    /// The text is not an e-mail address.
    BadEmail,
    /// The password is too short or too long.
    BadPassword,
    /// A required query parameter is missing.
    MissingQuery,
    /// A query parameter has an invalid value. Holds its name.
    InvalidQuery(&'static str),
    /// No endpoint has this path.
    NoSuchPath,
    /// The path exists, with other methods.
    WrongMethod,
    /// The token is missing or invalid, or its user is blocked or deleted.
    BadToken,
    /// The token has expired.
    ExpiredToken,
    /// The caller is blocked or not registered yet.
    Inactive,
    /// The caller may not do this, or not to this user.
    Forbidden,
    /// The account does not exist.
    NoSuchAccount,
    /// The password is not the account's.
    WrongPassword,
    /// The account is blocked.
    Blocked,
    /// The mail code is wrong, was used, or was tried too often; or there is none.
    BadCode,
    /// The mail code has expired.
    ExpiredCode,
    /// The e-mail address is already verified.
    AlreadyVerified,
    /// The change of the e-mail address is already undone.
    AlreadyUndone,
    /// The requested resource does not exist.
    NotFound,
    /// Another account has this e-mail address.
    EmailTaken,
    /// Another account has this user name.
    UsernameTaken,
    /// Another account has this phone number.
    PhoneTaken,
    /// Another account has this WeChat OpenID.
    WechatOpenIdTaken,
    /// The change would leave no administrator.
    LastAdministrator,
    /// A rate limit is used up.
    RateLimited {
        /// Seconds until a retry can succeed.
        retry_after: u64,
    },
    /// An internal error.
    Internal(InternalError),
}

/// Declares [`ErrorCode`]: each variant with its text.
macro_rules! error_codes {
    ($($variant:ident = $text:literal),* $(,)?) => {
        /// The kind of an [`Error`] without its details, for the log, operators and OpenAPI.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(
                #[doc = concat!("`", $text, "`: [`Error::", stringify!($variant), "`].")]
                $variant,
            )*
        }

        impl ErrorCode {
            /// The code as a text.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

error_codes! {
    MalformedBody = "unreadable",
    TooLarge = "too_large",
    Missing = "missing",
    Incomplete = "incomplete",
    Invalid = "invalid",
    NoImage = "no_image",
    BadImage = "bad_image",
    BadEmail = "bad_email",
    BadPassword = "bad_password",
    MissingQuery = "no_parameter",
    InvalidQuery = "bad_parameter",
    NoSuchPath = "no_such_path",
    WrongMethod = "wrong_method",
    BadToken = "bad_token",
    ExpiredToken = "expired_token",
    Inactive = "inactive",
    Forbidden = "forbidden",
    NoSuchAccount = "no_such_account",
    WrongPassword = "wrong_password",
    Blocked = "blocked",
    BadCode = "bad_code",
    ExpiredCode = "expired_code",
    AlreadyVerified = "already_verified",
    AlreadyUndone = "already_undone",
    NotFound = "not_found",
    EmailTaken = "email_taken",
    UsernameTaken = "username_taken",
    PhoneTaken = "phone_taken",
    WechatOpenIdTaken = "wx_taken",
    LastAdministrator = "last_administrator",
    RateLimited = "too_many",
    Internal = "internal",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// The kind of the error.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::MalformedBody(_) => ErrorCode::MalformedBody,
            Self::TooLarge => ErrorCode::TooLarge,
            Self::Missing(_) => ErrorCode::Missing,
            Self::Incomplete(_) => ErrorCode::Incomplete,
            Self::Invalid(_) => ErrorCode::Invalid,
            Self::NoImage => ErrorCode::NoImage,
            Self::BadImage(_) => ErrorCode::BadImage,
            Self::BadEmail => ErrorCode::BadEmail,
            Self::BadPassword => ErrorCode::BadPassword,
            Self::MissingQuery => ErrorCode::MissingQuery,
            Self::InvalidQuery(_) => ErrorCode::InvalidQuery,
            Self::NoSuchPath => ErrorCode::NoSuchPath,
            Self::WrongMethod => ErrorCode::WrongMethod,
            Self::BadToken => ErrorCode::BadToken,
            Self::ExpiredToken => ErrorCode::ExpiredToken,
            Self::Inactive => ErrorCode::Inactive,
            Self::Forbidden => ErrorCode::Forbidden,
            Self::NoSuchAccount => ErrorCode::NoSuchAccount,
            Self::WrongPassword => ErrorCode::WrongPassword,
            Self::Blocked => ErrorCode::Blocked,
            Self::BadCode => ErrorCode::BadCode,
            Self::ExpiredCode => ErrorCode::ExpiredCode,
            Self::AlreadyVerified => ErrorCode::AlreadyVerified,
            Self::AlreadyUndone => ErrorCode::AlreadyUndone,
            Self::NotFound => ErrorCode::NotFound,
            Self::EmailTaken => ErrorCode::EmailTaken,
            Self::UsernameTaken => ErrorCode::UsernameTaken,
            Self::PhoneTaken => ErrorCode::PhoneTaken,
            Self::WechatOpenIdTaken => ErrorCode::WechatOpenIdTaken,
            Self::LastAdministrator => ErrorCode::LastAdministrator,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::Internal(_) => ErrorCode::Internal,
        }
    }

    /// The error as an [`InternalError`], for callers without a client.
    #[must_use]
    pub fn into_internal(self) -> InternalError {
        match self {
            Self::Internal(error) => error,
            other => InternalError::new(other.code().as_str()),
        }
    }

    /// The error of a retry after `previous`: indeterminate if that was.
    pub(crate) fn following(self, previous: &InternalError) -> Self {
        match self {
            Self::Internal(error) => Self::Internal(error.following(previous)),
            other => other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MalformedBody(reason) => f.write_str(reason),
            Self::Invalid(field) => field.fmt(f),
            Self::Internal(error) => error.fmt(f),
            other => f.write_str(other.code().as_str()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Internal(error) => error.source(),
            _ => None,
        }
    }
}

impl From<InternalError> for Error {
    fn from(error: InternalError) -> Self {
        Self::Internal(error)
    }
}

/// A field with an invalid value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidField {
    /// The field, by its name on the wire. Empty if the whole body is invalid.
    pub field: String,
    /// The reason, worded to follow the field's name.
    pub reason: String,
}

impl InvalidField {
    /// An error of `field`. The `reason` is worded to follow the field's name.
    pub fn new(field: &str, reason: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.reason),
            field => write!(f, "{field}: {}", self.reason),
        }
    }
}

/// An internal error, for the log only: the failed operation and its cause.
///
/// The text holds no value that a client or the store supplied. The source can hold one, so it is
/// not logged.
#[derive(Debug, Clone)]
pub struct InternalError {
    cause: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    indeterminate: bool,
    permanent: bool,
}

impl InternalError {
    /// A failure that certainly changed nothing.
    pub fn new(cause: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            source: None,
            indeterminate: false,
            permanent: false,
        }
    }

    /// A failure that changed nothing, and that every retry would repeat.
    pub fn permanent(cause: impl Into<String>) -> Self {
        Self {
            permanent: true,
            ..Self::new(cause)
        }
    }

    /// A failure after which the change may have been made.
    pub(crate) fn indeterminate(cause: impl Into<String>) -> Self {
        Self {
            indeterminate: true,
            ..Self::new(cause)
        }
    }

    /// The failure with the error that caused it.
    #[must_use]
    pub fn with_source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Arc::new(source)),
            ..self
        }
    }

    /// The failure of a retry after `previous`: indeterminate if that was.
    pub(crate) fn following(self, previous: &Self) -> Self {
        Self {
            indeterminate: self.indeterminate || previous.indeterminate,
            ..self
        }
    }

    /// Whether the change may have been made.
    pub(crate) fn is_indeterminate(&self) -> bool {
        self.indeterminate
    }

    /// Whether IAM denied the call. A cause is `<operation>: <error code of the service>`.
    pub(crate) fn is_access_denied(&self) -> bool {
        self.cause.ends_with(": AccessDeniedException")
    }

    /// Whether every retry would fail.
    pub(crate) fn is_permanent(&self) -> bool {
        self.permanent
    }
}

impl fmt::Display for InternalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl StdError for InternalError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
