//! `whale`: `{"code": 0, "message": "Success", "data": {…}}`, and the document's table of codes.

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{Dialect, Reply};
use crate::{Error, Listed, User, UserId, captchas};

/// The family of `/api/current_user/`, `/api/users/…` and `/api/captcha/…`.
pub struct Whale;

impl<T: Serialize> Dialect<T> for Whale {
    fn success(given: T, fields: Option<&str>) -> Reply {
        let data = serde_json::to_value(given).map(|data| match fields {
            Some(fields) => only(&fields.split(',').map(str::trim).collect::<Vec<_>>(), data),
            None => data,
        });
        match data {
            Ok(data) => say(200, 0, "Success", data),
            Err(_) => say(500, 1000, "Internal Server Error", json!({})),
        }
    }

    fn failure(error: &Error) -> Reply {
        Self::refusal(error)
    }
}

impl Whale {
    /// The answer for `error`. The code is in the body, where this family's clients look.
    pub(super) fn refusal(error: &Error) -> Reply {
        let told = |code, message| say(200, code, message, json!({}));
        match error {
            Error::Internal(_) => say(500, 1000, "Internal Server Error", json!({})),
            Error::Unreadable(_) | Error::TooLarge => told(1100, "Bad Request"),
            Error::BadToken | Error::ExpiredToken => told(1101, "Unauthorized"),
            Error::Forbidden | Error::Blocked | Error::Inactive | Error::LastAdministrator => {
                told(1103, "Forbidden")
            }
            Error::TooMany { retry_after } => {
                say(429, 1103, "Forbidden", json!({})).with("retry-after", retry_after.to_string())
            }
            Error::NotFound => told(1104, "Not Found"),
            Error::NoSuchPath => say(404, 1104, "Not Found", json!({})),
            Error::WrongMethod => say(405, 1104, "Not Found", json!({})),
            Error::NoParameter => told(1201, "GET方法url参数不完整"),
            Error::BadParameter(_) => told(1202, "GET方法url参数值错误"),
            Error::Missing(_) | Error::Incomplete(_) => told(1401, "POST/PUT方法json数据不完整"),
            Error::NoImage | Error::BadImage(_) | Error::Invalid(_) => {
                told(1402, "POST/PUT方法json数据值或类型错误")
            }
            Error::BadEmail => told(1410, "邮箱格式错误"),
            Error::NoSuchAccount => told(1411, "账号不存在"),
            Error::EmailTaken | Error::UsernameTaken | Error::PhoneTaken | Error::WxTaken => {
                told(1412, "账号已存在")
            }
            Error::WrongPassword => told(1413, "密码错误"),
            Error::BadPassword => told(1414, "密码长度错误"),
            Error::BadCode => told(1415, "验证码错误"),
            Error::ExpiredCode => told(1416, "验证码已过期"),
            Error::AlreadyVerified => told(1417, "用户已验证邮箱"),
        }
    }
}

fn say(status: u16, code: u16, message: &str, data: Value) -> Reply {
    #[derive(Serialize)]
    struct Envelope<'a> {
        code: u16,
        message: &'a str,
        data: Value,
    }
    Reply::json(
        status,
        &Envelope {
            code,
            message,
            data,
        },
    )
}

/// The objects of `data`, alone and in lists, with no other fields than `names`.
fn only(names: &[&str], data: Value) -> Value {
    let kept = |object: Map<String, Value>| {
        object
            .into_iter()
            .filter(|(name, _)| names.contains(&name.as_str()))
            .collect()
    };
    let narrowed = |value: Value| match value {
        Value::Object(object) => Value::Object(kept(object)),
        other => other,
    };
    let narrow = |value: Value| match value {
        Value::Array(list) => Value::Array(list.into_iter().map(narrowed).collect()),
        other => narrowed(other),
    };
    match data {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, narrow(value)))
            .collect(),
        other => other,
    }
}

/// Whether a path is one of the whale's.
pub(super) fn owns(path: &str) -> bool {
    let below = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    below("/api/current_user") || below("/api/users") || below("/api/captcha")
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
    #[schema(format = DateTime, examples("2024-12-29T10:00:00Z"))]
    iso_create_time: String,
    #[schema(format = DateTime, examples("2024-12-29T12:00:00Z"))]
    iso_update_time: String,
    #[schema(format = DateTime, examples("2024-12-29T12:00:00Z"))]
    iso_last_login: Option<String>,
}

impl From<User> for WhaleUser {
    fn from(user: User) -> Self {
        Listed::from(user).into()
    }
}

impl From<Listed> for WhaleUser {
    fn from(entry: Listed) -> Self {
        Self {
            id: entry.id().get(),
            uuid: entry.uuid.to_string(),
            email: entry.email.into(),
            name: entry.nickname.into(),
            avatar: entry.avatar.map(Into::into),
            email_verified: entry.email_verified,
            blocked: entry.blocked,
            featured: entry.featured,
            iso_create_time: entry.created_at.to_string(),
            iso_update_time: entry.updated_at.to_string(),
            iso_last_login: entry.last_login.map(|at| at.to_string()),
        }
    }
}

/// A captcha: all but the code.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WhaleCaptcha)]
pub struct Captcha {
    #[schema(value_type = UserId)]
    id: u64,
    #[schema(format = "uuid", examples("550e8400-e29b-41d4-a716-446655440000"))]
    uuid: String,
    #[schema(value_type = UserId)]
    user: u64,
    #[schema(examples(1))]
    group: u64,
    #[schema(format = DateTime, examples("2024-12-29T10:00:00Z"))]
    iso_create_time: String,
    #[schema(format = DateTime, examples("2024-12-29T10:10:00Z"))]
    expires_at: String,
}

impl From<captchas::Captcha> for Captcha {
    fn from(captcha: captchas::Captcha) -> Self {
        Self {
            id: UserId::from(captcha.uuid).get(),
            uuid: captcha.uuid.to_string(),
            user: captcha.user.get(),
            group: captcha.group.number(),
            iso_create_time: captcha.created_at.to_string(),
            expires_at: captcha.ends_at.to_string(),
        }
    }
}
