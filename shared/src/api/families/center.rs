//! The family `center`: the object without an envelope. Errors are `{"detail": "…"}`.

use serde::Serialize;
use utoipa::ToSchema;

use super::ApiFamily;
use crate::api::Response;
use crate::domain::{Error, Session, SessionId, User};

/// The family of `/api/auth/…` and `/api/users/me`.
pub struct Center;

impl<T: Serialize> ApiFamily<T> for Center {
    fn render(result: T, _: Option<&str>) -> Response {
        Response::json(200, &result)
    }

    fn render_error(error: &Error) -> Response {
        Self::error_response(error)
    }
}

impl Center {
    /// The response for `error`.
    pub(in crate::api) fn error_response(error: &Error) -> Response {
        #[derive(Serialize)]
        struct Detail<'a> {
            detail: &'a str,
        }
        let envelope = |status, detail: &str| Response::json(status, &Detail { detail });
        match error {
            Error::MalformedBody(reason) => envelope(422, reason),
            Error::Invalid(field) => envelope(422, &field.to_string()),
            Error::Missing(field) => envelope(422, &format!("missing field `{field}`")),
            Error::Incomplete(fields) => {
                envelope(422, &format!("missing fields {}", fields.join(", ")))
            }
            Error::MissingQuery => envelope(422, "missing parameter"),
            Error::InvalidQuery(name) => envelope(422, &format!("{name}: is not a possible value")),
            Error::NoImage => envelope(422, "No image uploaded"),
            Error::BadImage(reason) => envelope(422, &format!("The image {reason}")),
            Error::BadEmail => envelope(422, "email: is not a valid e-mail address"),
            Error::BadPassword => envelope(422, "password: must be 8 to 100 characters"),
            Error::TooLarge => envelope(413, "Request body too large"),
            Error::NoSuchPath | Error::NotFound => envelope(404, "Not Found"),
            Error::WrongMethod => envelope(405, "Method Not Allowed"),
            Error::BadToken => {
                envelope(401, "Invalid credentials").with("www-authenticate", "Bearer")
            }
            Error::ExpiredToken => {
                envelope(401, "Token expired").with("www-authenticate", "Bearer")
            }
            Error::NoSuchAccount | Error::WrongPassword | Error::Blocked => {
                envelope(401, "Invalid username or password").with("www-authenticate", "Bearer")
            }
            Error::Inactive | Error::Forbidden => envelope(403, "Forbidden"),
            Error::BadCode | Error::ExpiredCode => envelope(400, "Invalid code"),
            Error::AlreadyVerified => envelope(409, "Email already verified"),
            Error::AlreadyUndone => envelope(409, "Email change already undone"),
            Error::UsernameTaken => envelope(409, "Username already exists"),
            Error::EmailTaken => envelope(409, "Email already exists"),
            Error::PhoneTaken => envelope(409, "Phone already exists"),
            Error::WechatOpenIdTaken => envelope(409, "OpenID already exists"),
            Error::LastAdministrator => envelope(403, "The last administrator must remain"),
            Error::RateLimited { retry_after } => {
                envelope(429, "Too many requests").with("retry-after", retry_after.to_string())
            }
            Error::Internal(_) => envelope(500, "Internal Server Error"),
        }
    }
}

/// Whether a path belongs to this family.
pub(in crate::api) fn owns(path: &str) -> bool {
    path.starts_with("/api/auth/") || path == "/api/users/me" || path.starts_with("/api/users/me/")
}

/// A user as the center's document shows one. Times are UTC, without zone or fraction.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CenterProfile)]
pub struct CenterProfile {
    #[schema(format = "uuid", examples("550e8400-e29b-41d4-a716-446655440000"))]
    id: String,
    #[schema(examples("testuser"))]
    username: String,
    #[schema(examples("测试用户"))]
    nickname: String,
    #[schema(required = true, examples("13800138000"))]
    phone: Option<String>,
    #[schema(examples("test@example.com"))]
    email: String,
    #[schema(required = true, examples("https://example.com/avatar.jpg"))]
    avatar: Option<String>,
    #[schema(format = Date, examples("2024-12-29"))]
    registration_date: String,
    #[schema(
        pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$",
        examples("2024-12-29T10:00:00")
    )]
    created_at: String,
    #[schema(
        pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$",
        examples("2024-12-29T12:00:00")
    )]
    updated_at: String,
}

impl From<User> for CenterProfile {
    fn from(user: User) -> Self {
        Self {
            id: user.uuid.to_string(),
            username: user.username.to_string(),
            nickname: user.nickname.to_string(),
            phone: user.phone.map(Into::into),
            email: user.email.to_string(),
            avatar: user.avatar.map(Into::into),
            registration_date: user.created_at.strftime("%Y-%m-%d").to_string(),
            created_at: time(user.created_at),
            updated_at: time(user.updated_at),
        }
    }
}

/// A session as its owner sees it. Times are UTC, without zone or fraction.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CenterSession)]
pub struct CenterSession {
    #[schema(examples("rB0vDx3sQyKq1p7m8hT2Zg"))]
    id: String,
    #[schema(
        pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$",
        examples("2024-12-29T10:00:00")
    )]
    created_at: String,
    #[schema(
        pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$",
        examples("2024-12-30T10:00:00")
    )]
    expires_at: String,
    #[schema(examples("203.0.113.0/24"))]
    address: String,
    #[schema(examples("curl/8.0"))]
    user_agent: String,
    #[schema(examples(true))]
    current: bool,
}

impl CenterSession {
    /// The session `id`, for a caller whose own session is `current`.
    #[must_use]
    pub fn new(id: &SessionId, session: &Session, current: &SessionId) -> Self {
        Self {
            id: id.to_string(),
            created_at: time(session.created_at),
            expires_at: time(session.expires_at),
            address: session.address().to_owned(),
            user_agent: session.user_agent().to_owned(),
            current: id == current,
        }
    }
}

fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
