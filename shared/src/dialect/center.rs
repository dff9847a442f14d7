//! `center`: the object itself, or `{"detail": "…"}`.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Dialect, Reply};
use crate::{Error, User};

/// The family of `/api/auth/…` and `/api/users/me`.
pub struct Center;

impl<T: Serialize> Dialect<T> for Center {
    fn success(given: T, _: Option<&str>) -> Reply {
        Reply::json(200, &given)
    }

    fn failure(error: &Error) -> Reply {
        Self::refusal(error)
    }
}

impl Center {
    /// The answer for `error`.
    pub(super) fn refusal(error: &Error) -> Reply {
        #[derive(Serialize)]
        struct Detail<'a> {
            detail: &'a str,
        }
        let say = |status, detail: &str| Reply::json(status, &Detail { detail });
        match error {
            Error::Unreadable(why) => say(422, why),
            Error::Invalid(flaw) => say(422, &flaw.to_string()),
            Error::Missing(field) => say(422, &format!("missing field `{field}`")),
            Error::Incomplete(fields) => say(422, &format!("missing fields {}", fields.join(", "))),
            Error::NoParameter => say(422, "missing parameter"),
            Error::BadParameter(name) => say(422, &format!("{name}: is not a possible value")),
            Error::NoImage => say(422, "No image uploaded"),
            Error::BadImage(why) => say(422, &format!("The image {why}")),
            Error::BadEmail => say(422, "email: is not a valid e-mail address"),
            Error::BadPassword => say(422, "password: must be 8 to 100 characters"),
            Error::TooLarge => say(413, "Request body too large"),
            Error::NoSuchPath | Error::NotFound => say(404, "Not Found"),
            Error::WrongMethod => say(405, "Method Not Allowed"),
            Error::BadToken => say(401, "Invalid credentials").with("www-authenticate", "Bearer"),
            Error::ExpiredToken => say(401, "Token expired").with("www-authenticate", "Bearer"),
            Error::NoSuchAccount | Error::WrongPassword | Error::Blocked => {
                say(401, "Invalid username or password").with("www-authenticate", "Bearer")
            }
            Error::Inactive | Error::Forbidden => say(403, "Forbidden"),
            Error::BadCode | Error::ExpiredCode => say(400, "Invalid code"),
            Error::AlreadyVerified => say(409, "Email already verified"),
            Error::UsernameTaken => say(409, "Username already exists"),
            Error::EmailTaken => say(409, "Email already exists"),
            Error::PhoneTaken => say(409, "Phone already exists"),
            Error::WxTaken => say(409, "OpenID already exists"),
            Error::LastAdministrator => say(403, "The last administrator must remain"),
            Error::TooMany { retry_after } => {
                say(429, "Too many requests").with("retry-after", retry_after.to_string())
            }
            Error::Internal(_) => say(500, "Internal Server Error"),
        }
    }
}

/// Whether a path is one of the center's.
pub(super) fn owns(path: &str) -> bool {
    path.starts_with("/api/auth/") || path == "/api/users/me" || path.starts_with("/api/users/me/")
}

/// A user as the center's document shows one. Times are UTC, without zone or fraction.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CenterProfile)]
pub struct Profile {
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

impl From<User> for Profile {
    fn from(user: User) -> Self {
        let time = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
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
