//! `profile`: `{"error_code": "0", "message": "…", "code": 200, "data": {…}}`, with the field
//! that the document promises beside it; codes are texts.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Dialect, Reply};
use crate::{Error, User, UserId};

/// The family of `/users…`.
pub struct Profile;

/// The same family where a name is changed: its words for an incomplete request differ.
pub struct ProfileName;

/// The same family where a real name is verified.
pub struct ProfileAuth;

/// What an endpoint of this family gives.
pub struct Given<T> {
    /// The document's words for it.
    pub message: &'static str,
    /// What it is about.
    pub data: T,
    /// A field that the document promises beside the data, too.
    pub beside: Option<(&'static str, Value)>,
}

impl<T: Serialize> Given<T> {
    /// `data`, in the document's most common word.
    pub fn success(data: T) -> Self {
        Self {
            message: "Success",
            data,
            beside: None,
        }
    }

    fn reply(self) -> Reply {
        #[derive(Serialize)]
        struct Body<T> {
            error_code: &'static str,
            message: &'static str,
            code: u16,
            data: T,
            #[serde(flatten)]
            beside: BTreeMap<&'static str, Value>,
        }
        let beside = self.beside.into_iter().collect();
        Reply::json(
            200,
            &Body {
                error_code: "0",
                message: self.message,
                code: 200,
                data: self.data,
                beside,
            },
        )
    }
}

impl<T: Serialize> Dialect<Given<T>> for Profile {
    fn success(given: Given<T>, _: Option<&str>) -> Reply {
        given.reply()
    }

    fn failure(error: &Error) -> Reply {
        Self::refusal(error)
    }
}

impl<T: Serialize> Dialect<Given<T>> for ProfileName {
    fn success(given: Given<T>, _: Option<&str>) -> Reply {
        given.reply()
    }

    fn failure(error: &Error) -> Reply {
        match error {
            Error::Unreadable(_) => say(200, "4103", "Incomplete parameters"),
            Error::Missing(_) => say(200, "4103", "Username cannot be empty"),
            error => Profile::refusal(error),
        }
    }
}

impl<T: Serialize> Dialect<Given<T>> for ProfileAuth {
    fn success(given: Given<T>, _: Option<&str>) -> Reply {
        given.reply()
    }

    fn failure(error: &Error) -> Reply {
        match error {
            Error::Unreadable(_) => say(200, "4103", "Invalid parameters"),
            Error::Missing(_) => say(200, "4103", "Missing required parameters"),
            error => Profile::refusal(error),
        }
    }
}

impl Profile {
    /// The answer for `error`. The code is in the body, where this family's clients look.
    pub(super) fn refusal(error: &Error) -> Reply {
        match error {
            Error::Unreadable(why) => say(200, "4103", why),
            Error::TooLarge => say(200, "4103", "Request body too large"),
            Error::Missing(_) | Error::Incomplete(_) | Error::NoParameter => {
                say(200, "4103", "Missing required parameters")
            }
            Error::NoImage => say(200, "4103", "No image uploaded"),
            Error::BadImage(why) => say(200, "4103", &format!("The image {why}")),
            Error::Invalid(_)
            | Error::BadEmail
            | Error::BadPassword
            | Error::BadCode
            | Error::ExpiredCode
            | Error::BadParameter(_) => say(200, "4103", "Invalid parameters"),
            Error::UsernameTaken => say(200, "4001", "Username update failed"),
            Error::NoSuchAccount | Error::NotFound => say(200, "4002", "Invalid operation"),
            Error::EmailTaken | Error::PhoneTaken | Error::WxTaken | Error::AlreadyVerified => {
                say(200, "4003", "Data exists")
            }
            Error::BadToken | Error::ExpiredToken | Error::WrongPassword => {
                say(401, "4101", "Not logged in")
            }
            Error::Blocked | Error::Inactive | Error::Forbidden | Error::LastAdministrator => {
                say(200, "4104", "Blocked")
            }
            Error::TooMany { retry_after } => {
                say(429, "4201", "Too many requests").with("retry-after", retry_after.to_string())
            }
            Error::NoSuchPath => say(404, "4002", "Not found"),
            Error::WrongMethod => say(405, "4103", "Method not allowed"),
            Error::Internal(_) => say(500, "4500", "Internal error"),
        }
    }
}

fn say(status: u16, error_code: &str, message: &str) -> Reply {
    #[derive(Serialize)]
    struct Body<'a> {
        error_code: &'a str,
        message: &'a str,
    }
    Reply::json(
        status,
        &Body {
            error_code,
            message,
        },
    )
}

/// Whether a path is one of this family's.
pub(super) fn owns(path: &str) -> bool {
    path.strip_prefix("/users")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A user as this family shows one. "All user data" never meant the password or the ID number.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileUser {
    #[schema(value_type = UserId)]
    user_id: u64,
    #[schema(examples("testuser"))]
    name: String,
    #[schema(required = true, examples("13800138000"))]
    mobile: Option<String>,
    #[schema(required = true, examples("https://example.com/avatar.jpg"))]
    avatar: Option<String>,
    #[schema(
        pattern = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$",
        examples("2024-12-29 10:00:00")
    )]
    create_time: String,
}

impl From<User> for ProfileUser {
    fn from(user: User) -> Self {
        Self {
            user_id: user.id().get(),
            name: user.username.into(),
            mobile: user.phone.map(Into::into),
            avatar: user.avatar.map(Into::into),
            create_time: user.created_at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        }
    }
}
