//! The family `whale`: `{"code": 0, "message": "Success", "data": {…}}`.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::ApiFamily;
use crate::api::Response;
use crate::domain::{Error, MailCode, User, UserId};
use crate::store::UserSummary;

/// The family of `/api/current_user/`, `/api/users/…` and `/api/captcha/…`.
pub struct Whale;

impl<T: Serialize> ApiFamily<T> for Whale {
    fn render(result: T, fields: Option<&str>) -> Response {
        let data = serde_json::to_value(result).map(|data| match fields {
            Some(fields) => {
                select_fields(&fields.split(',').map(str::trim).collect::<Vec<_>>(), data)
            }
            None => data,
        });
        match data {
            Ok(data) => envelope(200, 0, "Success", data),
            Err(_) => envelope(500, 1000, "Internal Server Error", json!({})),
        }
    }

    fn render_error(error: &Error) -> Response {
        Self::error_response(error)
    }
}

impl Whale {
    /// The response for `error`. Most have status 200: clients read the code in the body.
    pub(in crate::api) fn error_response(error: &Error) -> Response {
        let error_with = |code, message| envelope(200, code, message, json!({}));
        match error {
            Error::Internal(_) => envelope(500, 1000, "Internal Server Error", json!({})),
            Error::MalformedBody(_) | Error::TooLarge => error_with(1100, "Bad Request"),
            Error::BadToken | Error::ExpiredToken => error_with(1101, "Unauthorized"),
            Error::Forbidden | Error::Blocked | Error::Inactive | Error::LastAdministrator => {
                error_with(1103, "Forbidden")
            }
            Error::RateLimited { retry_after } => envelope(429, 1103, "Forbidden", json!({}))
                .with("retry-after", retry_after.to_string()),
            Error::NotFound => error_with(1104, "Not Found"),
            Error::NoSuchPath => envelope(404, 1104, "Not Found", json!({})),
            Error::WrongMethod => envelope(405, 1104, "Not Found", json!({})),
            Error::MissingQuery => error_with(1201, "GET方法url参数不完整"),
            Error::InvalidQuery(_) => error_with(1202, "GET方法url参数值错误"),
            Error::Missing(_) | Error::Incomplete(_) => {
                error_with(1401, "POST/PUT方法json数据不完整")
            }
            Error::NoImage | Error::BadImage(_) | Error::Invalid(_) => {
                error_with(1402, "POST/PUT方法json数据值或类型错误")
            }
            Error::BadEmail => error_with(1410, "邮箱格式错误"),
            Error::NoSuchAccount => error_with(1411, "账号不存在"),
            Error::EmailTaken
            | Error::UsernameTaken
            | Error::PhoneTaken
            | Error::WechatOpenIdTaken => error_with(1412, "账号已存在"),
            Error::WrongPassword => error_with(1413, "密码错误"),
            Error::BadPassword => error_with(1414, "密码长度错误"),
            Error::BadCode => error_with(1415, "验证码错误"),
            Error::ExpiredCode => error_with(1416, "验证码已过期"),
            Error::AlreadyVerified | Error::AlreadyUndone => error_with(1417, "用户已验证邮箱"),
        }
    }
}

fn envelope(status: u16, code: u16, message: &str, data: Value) -> Response {
    #[derive(Serialize)]
    struct Envelope<'a> {
        code: u16,
        message: &'a str,
        data: Value,
    }
    Response::json(
        status,
        &Envelope {
            code,
            message,
            data,
        },
    )
}

/// Removes all fields but `names` from the members of `data` that are objects or lists of objects.
fn select_fields(names: &[&str], data: Value) -> Value {
    let selected = |object: Map<String, Value>| {
        object
            .into_iter()
            .filter(|(name, _)| names.contains(&name.as_str()))
            .collect()
    };
    let select = |value: Value| match value {
        Value::Object(object) => Value::Object(selected(object)),
        other => other,
    };
    let select_all = |value: Value| match value {
        Value::Array(list) => Value::Array(list.into_iter().map(select).collect()),
        other => select(other),
    };
    match data {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, select_all(value)))
            .collect(),
        other => other,
    }
}

/// Whether a path belongs to this family.
pub(in crate::api) fn owns(path: &str) -> bool {
    let below = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    below("/api/current_user") || below("/api/users") || below("/api/captcha")
}

/// A time in UTC (RFC 3339) with three fraction digits, so that times sort as text.
fn iso_time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// A user as the whale's document names the parts of one. Times are RFC 3339, in UTC.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhaleUser {
    #[schema(value_type = UserId)]
    id: u64,
    #[schema(format = "uuid", examples("550e8400-e29b-41d4-a716-446655440000"))]
    uuid: String,
    #[schema(examples("test@example.com"))]
    email: String,
    #[schema(examples("测试用户"))]
    name: String,
    #[schema(examples("https://example.com/avatar.jpg"))]
    avatar: Option<String>,
    #[schema(examples(false))]
    email_verified: bool,
    #[schema(examples(false))]
    blocked: bool,
    #[schema(examples(false))]
    featured: bool,
    #[schema(format = DateTime, pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", examples("2024-12-29T10:00:00.000Z"))]
    iso_create_time: String,
    #[schema(format = DateTime, pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", examples("2024-12-29T12:00:00.000Z"))]
    iso_update_time: String,
    #[schema(format = DateTime, pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", examples("2024-12-29T12:00:00.000Z"))]
    iso_last_login: Option<String>,
}

impl From<User> for WhaleUser {
    fn from(user: User) -> Self {
        UserSummary::from(user).into()
    }
}

impl From<UserSummary> for WhaleUser {
    fn from(entry: UserSummary) -> Self {
        Self {
            id: entry.id().get(),
            uuid: entry.uuid.to_string(),
            email: entry.email.into(),
            name: entry.nickname.into(),
            avatar: entry.avatar.map(Into::into),
            email_verified: entry.email_verified,
            blocked: entry.blocked,
            featured: entry.featured,
            iso_create_time: iso_time(entry.created_at),
            iso_update_time: iso_time(entry.updated_at),
            iso_last_login: entry.last_login.map(iso_time),
        }
    }
}

/// A captcha: all but the code.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WhaleCaptcha)]
pub struct WhaleCaptcha {
    #[schema(value_type = UserId)]
    id: u64,
    #[schema(format = "uuid", examples("550e8400-e29b-41d4-a716-446655440000"))]
    uuid: String,
    #[schema(value_type = UserId)]
    user: u64,
    #[schema(examples(1))]
    group: u64,
    #[schema(format = DateTime, pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", examples("2024-12-29T10:00:00.000Z"))]
    iso_create_time: String,
    #[schema(format = DateTime, pattern = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", examples("2024-12-29T10:10:00.000Z"))]
    expires_at: String,
}

impl WhaleCaptcha {
    /// The captcha with this user id. 0 is the id of no user.
    #[must_use]
    pub fn with_user(self, user: u64) -> Self {
        Self { user, ..self }
    }
}

impl From<MailCode> for WhaleCaptcha {
    fn from(code: MailCode) -> Self {
        Self {
            id: UserId::from(code.uuid).get(),
            uuid: code.uuid.to_string(),
            user: code.user.get(),
            group: code.group.number(),
            iso_create_time: iso_time(code.created_at),
            expires_at: iso_time(code.expires_at),
        }
    }
}
