//! The events that the audit log records.

/// The kind of an audit record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditEvent {
    /// The account was created.
    SignUp,
    /// A login succeeded.
    Login,
    /// A login failed.
    FailedLogin,
    /// A change of the password failed, because the old password was wrong.
    WrongPassword,
    /// The password was changed.
    Password,
    /// A mail code was requested.
    CodeRequested,
    /// A mail code was wrong.
    WrongCode,
    /// A rate limit refused a request, for the first time in its window.
    RateLimited,
    /// The operator reset the rate limits.
    LimitsCleared,
    /// The user name was changed.
    Username,
    /// The phone number was changed.
    Phone,
    /// The API key was changed.
    ApiKey,
    /// The e-mail address was changed.
    Email,
    /// The former e-mail address was restored with a mailed link.
    EmailChangeUndone,
    /// The e-mail address was verified.
    EmailVerified,
    /// An account with an unverified address was recovered by a mailed code, and its personal fields
    /// were cleared.
    Recovered,
    /// The role was changed.
    Role,
    /// The user was blocked.
    Blocked,
    /// The user was unblocked.
    Unblocked,
    /// A WeChat OpenID was bound or unbound.
    WechatOpenId,
    /// The user became featured, or is no longer.
    Featured,
    /// The real name was saved.
    RealName,
    /// A real name was submitted again, and ignored.
    RealNameAgain,
    /// One session was ended: by a logout, or by its owner.
    SessionEnded,
    /// Several sessions were ended at once: all, or all but the actor's.
    SessionsEnded,
    /// A refresh token was used again after its rotation, which ended its session.
    RefreshTokenReused,
    /// The account was deleted.
    Deleted,
}

impl AuditEvent {
    /// The name in the audit log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SignUp => "sign-up",
            Self::Login => "login",
            Self::FailedLogin => "failed-login",
            Self::WrongPassword => "wrong-password",
            Self::Password => "password",
            Self::CodeRequested => "code-requested",
            Self::WrongCode => "wrong-code",
            Self::RateLimited => "rate-limited",
            Self::LimitsCleared => "limits-cleared",
            Self::Username => "username",
            Self::Phone => "phone",
            Self::ApiKey => "apikey",
            Self::Email => "email",
            Self::EmailChangeUndone => "email-change-undone",
            Self::EmailVerified => "email-verified",
            Self::Recovered => "recovered",
            Self::Role => "access",
            Self::Blocked => "blocked",
            Self::Unblocked => "unblocked",
            Self::WechatOpenId => "wx",
            Self::Featured => "featured",
            Self::RealName => "real-name",
            Self::RealNameAgain => "real-name-again",
            Self::SessionEnded => "session-ended",
            Self::SessionsEnded => "sessions-ended",
            Self::RefreshTokenReused => "refresh-token-reused",
            Self::Deleted => "deleted",
        }
    }
}
