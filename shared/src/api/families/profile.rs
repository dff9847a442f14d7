//! The family `profile`: `{"error_code": "0", "message": "…", "code": 200, "data": {…}}`.
//!
//! Codes are strings. Some responses repeat a field of `data` at the top level.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::ApiFamily;
use crate::api::Response;
use crate::domain::{Error, InvalidField, User, UserId};

/// The family of `/users…`.
pub struct Profile;

/// The same family for user names, with its own messages for incomplete requests.
pub struct ProfileName;

/// The same family for real names, with its own messages for incomplete requests.
pub struct ProfileAuth;

/// The result of an endpoint of this family.
pub struct ProfileResponse<T> {
    /// The document's message for a success.
    pub message: &'static str,
    /// The data.
    pub data: T,
    /// A field of the data that is repeated at the top level.
    pub top_level_field: Option<(&'static str, Value)>,
}

impl<T: Serialize> ProfileResponse<T> {
    /// A result with the message `Success`.
    pub fn success(data: T) -> Self {
        Self {
            message: "Success",
            data,
            top_level_field: None,
        }
    }

    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body<T> {
            error_code: &'static str,
            message: &'static str,
            code: u16,
            data: T,
            #[serde(flatten)]
            top_level_field: BTreeMap<&'static str, Value>,
        }
        let top_level_field = self.top_level_field.into_iter().collect();
        Response::json(
            200,
            &Body {
                error_code: "0",
                message: self.message,
                code: 200,
                data: self.data,
                top_level_field,
            },
        )
    }
}

impl<T: Serialize> ApiFamily<ProfileResponse<T>> for Profile {
    fn render(response: ProfileResponse<T>, _: Option<&str>) -> Response {
        response.into_response()
    }

    fn render_error(error: &Error) -> Response {
        Self::error_response(error)
    }
}

impl<T: Serialize> ApiFamily<ProfileResponse<T>> for ProfileName {
    fn render(response: ProfileResponse<T>, _: Option<&str>) -> Response {
        response.into_response()
    }

    fn render_error(error: &Error) -> Response {
        match error {
            Error::MalformedBody(_) => envelope(200, "4103", "Incomplete parameters"),
            Error::Missing(_) => envelope(200, "4103", "Username cannot be empty"),
            Error::Invalid(InvalidField { field, reason }) => {
                let rule = format!("{field} {reason}");
                let message = format!("Invalid parameters: {}", rule.trim_start());
                envelope(200, "4103", &message)
            }
            error => Profile::error_response(error),
        }
    }
}

impl<T: Serialize> ApiFamily<ProfileResponse<T>> for ProfileAuth {
    fn render(response: ProfileResponse<T>, _: Option<&str>) -> Response {
        response.into_response()
    }

    fn render_error(error: &Error) -> Response {
        match error {
            Error::MalformedBody(_) => envelope(200, "4103", "Invalid parameters"),
            Error::Missing(_) => envelope(200, "4103", "Missing required parameters"),
            error => Profile::error_response(error),
        }
    }
}

impl Profile {
    /// The response for `error`. Most have status 200: clients read the code in the body.
    pub(in crate::api) fn error_response(error: &Error) -> Response {
        match error {
            Error::MalformedBody(reason) => envelope(200, "4103", reason),
            Error::TooLarge => envelope(200, "4103", "Request body too large"),
            Error::Missing(_) | Error::Incomplete(_) | Error::MissingQuery => {
                envelope(200, "4103", "Missing required parameters")
            }
            Error::NoImage => envelope(200, "4103", "No image uploaded"),
            Error::BadImage(reason) => envelope(200, "4103", &format!("The image {reason}")),
            Error::Invalid(_)
            | Error::BadEmail
            | Error::BadPassword
            | Error::BadCode
            | Error::ExpiredCode
            | Error::InvalidQuery(_) => envelope(200, "4103", "Invalid parameters"),
            Error::UsernameTaken => envelope(200, "4001", "Username update failed"),
            Error::NoSuchAccount | Error::NotFound => envelope(200, "4002", "Invalid operation"),
            Error::EmailTaken
            | Error::PhoneTaken
            | Error::WechatOpenIdTaken
            | Error::AlreadyVerified
            | Error::AlreadyUndone => envelope(200, "4003", "Data exists"),
            Error::BadToken | Error::ExpiredToken | Error::WrongPassword => {
                envelope(401, "4101", "Not logged in")
            }
            Error::Blocked | Error::Inactive | Error::Forbidden | Error::LastAdministrator => {
                envelope(200, "4104", "Blocked")
            }
            Error::RateLimited { retry_after } => envelope(429, "4201", "Too many requests")
                .with("retry-after", retry_after.to_string()),
            Error::NoSuchPath => envelope(404, "4002", "Not found"),
            Error::WrongMethod => envelope(405, "4103", "Method not allowed"),
            Error::Internal(_) => envelope(500, "4500", "Internal error"),
        }
    }
}

fn envelope(status: u16, error_code: &str, message: &str) -> Response {
    #[derive(Serialize)]
    struct Body<'a> {
        error_code: &'a str,
        message: &'a str,
    }
    Response::json(
        status,
        &Body {
            error_code,
            message,
        },
    )
}

/// Whether a path belongs to this family.
pub(in crate::api) fn owns(path: &str) -> bool {
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
    #[schema(examples("test@example.com"))]
    email: String,
    #[schema(required = true, examples("https://example.com/avatar.jpg"))]
    avatar: Option<String>,
    /// The same as `avatar`.
    #[schema(required = true, examples("https://example.com/avatar.jpg"))]
    avatar_url: Option<String>,
    #[schema(
        pattern = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$",
        examples("2024-12-29 10:00:00")
    )]
    create_time: String,
}

impl From<User> for ProfileUser {
    fn from(user: User) -> Self {
        let avatar = user.avatar.as_ref().map(ToString::to_string);
        Self {
            user_id: user.id().get(),
            name: user.username.into(),
            mobile: user.phone.map(Into::into),
            email: user.email.into(),
            avatar_url: avatar.clone(),
            avatar,
            create_time: user.created_at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        }
    }
}
