//! The family `campus`: `{"success": true, "msg": "…", …}`.
//!
//! Errors have `"success": false` and an `errType`. The document for viewing defines it as words,
//! the document for changing as numbers.

use serde::Serialize;
use utoipa::ToSchema;

use super::ApiFamily;
use crate::api::Response;
use crate::domain::{Error, ShortText, User};

/// The family of `/api/v3/…`, as in the document for viewing.
pub struct Campus;

/// The same family, as in the document for changing.
pub struct CampusChange;

impl ApiFamily<CampusProfile> for Campus {
    fn render(profile: CampusProfile, _: Option<&str>) -> Response {
        #[derive(Serialize)]
        struct Envelope {
            success: bool,
            msg: &'static str,
            profile: CampusProfile,
        }
        Response::json(
            200,
            &Envelope {
                success: true,
                msg: "user profile",
                profile,
            },
        )
    }

    fn render_error(error: &Error) -> Response {
        Self::error_response(error)
    }
}

impl ApiFamily<()> for CampusChange {
    fn render((): (), _: Option<&str>) -> Response {
        #[derive(Serialize)]
        struct Envelope {
            success: bool,
            msg: &'static str,
        }
        Response::json(
            200,
            &Envelope {
                success: true,
                msg: "profile change success~",
            },
        )
    }

    fn render_error(error: &Error) -> Response {
        Self::error_response(error)
    }
}

impl Campus {
    /// The response for `error`.
    pub(in crate::api) fn error_response(error: &Error) -> Response {
        VIEW.error_response(error)
    }
}

impl CampusChange {
    /// The response for `error`.
    pub(in crate::api) fn error_response(error: &Error) -> Response {
        CHANGE.error_response(error)
    }
}

/// An `errType`.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum ErrType {
    Word(&'static str),
    Number(u8),
}

/// The `errType` that both documents define alike.
const LOGIC: ErrType = ErrType::Word("logic");

/// The differences between the two documents.
struct Document {
    internal: ErrType,
    request: ErrType,
    auth: ErrType,
    forbidden: &'static str,
    no_such_user: &'static str,
}

const VIEW: Document = Document {
    internal: ErrType::Word("internal"),
    request: LOGIC, // this document has no `errType` for bad requests
    auth: ErrType::Word("auth"),
    forbidden: "only admins can view other users' profiles",
    no_such_user: "无法找到该微信账户所请求的用户",
};

const CHANGE: Document = Document {
    internal: ErrType::Number(1),
    request: ErrType::Number(2),
    auth: ErrType::Number(3),
    forbidden: "only admins can change other users' profiles",
    no_such_user: "no such user",
};

impl Document {
    fn error_response(&self, error: &Error) -> Response {
        let bad = |reason: &str| {
            envelope(
                400,
                &format!("invalid request body: {reason}"),
                self.request,
            )
        };
        let unauthorized = |msg| envelope(401, msg, self.auth).with("www-authenticate", "Bearer");
        match error {
            Error::MalformedBody(reason) => bad(reason),
            Error::Incomplete(fields) => bad(&missing_fields(fields)),
            Error::Missing(field) => bad(&missing_fields(&[field])),
            Error::Invalid(field) => bad(&field.to_string()),
            Error::NoImage => bad("No image uploaded"),
            Error::BadImage(reason) => bad(&format!("the image {reason}")),
            Error::BadEmail => bad("email: is not a valid e-mail address"),
            Error::BadPassword => bad("password: must be 8 to 100 characters"),
            Error::MissingQuery => envelope(400, "missing parameter", self.request),
            Error::InvalidQuery(name) => {
                envelope(400, &format!("bad parameter {name}"), self.request)
            }
            Error::TooLarge => envelope(413, "request body too large", self.request),
            Error::NoSuchPath | Error::NotFound => envelope(404, "not found", self.request),
            Error::WrongMethod => envelope(405, "method not allowed", self.request),
            Error::BadToken => unauthorized("invalid token"),
            Error::ExpiredToken => unauthorized("token expired"),
            Error::WrongPassword => unauthorized("wrong password"),
            Error::Blocked | Error::Inactive => {
                envelope(403, "only active users can access this API", self.auth)
            }
            Error::Forbidden => envelope(403, self.forbidden, self.auth),
            Error::LastAdministrator => {
                envelope(403, "the last administrator must remain", self.auth)
            }
            Error::NoSuchAccount => envelope(400, self.no_such_user, LOGIC),
            Error::PhoneTaken => envelope(400, "phone number has been used", LOGIC),
            Error::EmailTaken => envelope(400, "email has been used", LOGIC),
            Error::UsernameTaken => envelope(400, "user name has been used", LOGIC),
            Error::WechatOpenIdTaken => envelope(400, "wx has been used", LOGIC),
            Error::BadCode | Error::ExpiredCode => envelope(400, "invalid code", LOGIC),
            Error::AlreadyVerified => envelope(400, "email has been verified", LOGIC),
            Error::AlreadyUndone => envelope(400, "email change has been undone", LOGIC),
            Error::RateLimited { retry_after } => envelope(429, "too many requests", self.request)
                .with("retry-after", retry_after.to_string()),
            Error::Internal(_) => envelope(
                500,
                "system met a uncaught error,please view logs.",
                self.internal,
            ),
        }
    }
}

fn envelope(status: u16, msg: &str, err_type: ErrType) -> Response {
    #[derive(Serialize)]
    struct Envelope<'a> {
        success: bool,
        msg: &'a str,
        #[serde(rename = "errType")]
        err_type: ErrType,
    }
    Response::json(
        status,
        &Envelope {
            success: false,
            msg,
            err_type,
        },
    )
}

/// The document's message for missing fields, one line per field.
fn missing_fields(fields: &[&str]) -> String {
    let line = |field: &&str| {
        let name = match *field {
            "isp" => "ISP".to_owned(), // capitalized in the document
            field => field
                .chars()
                .take(1)
                .flat_map(char::to_uppercase)
                .chain(field.chars().skip(1))
                .collect(),
        };
        format!(
            "Key: 'ChangeUserProfileRequest.{name}' Error:Field validation for '{name}' failed on the 'required' tag"
        )
    };
    fields.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Whether a path belongs to this family.
pub(in crate::api) fn owns(path: &str) -> bool {
    path.strip_prefix("/api/v3")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path belongs to the document for changing.
pub(in crate::api) fn owns_change(path: &str) -> bool {
    path == "/api/v3/change_profile"
}

/// A user as this family shows one: texts, which are empty where there is nothing to show.
#[derive(Debug, Serialize, ToSchema)]
pub struct CampusProfile {
    #[schema(examples("20230001001"))]
    sid: String,
    #[schema(examples("张三"))]
    name: String,
    #[schema(examples("XH"))]
    block: String,
    #[schema(examples("user"))]
    access: &'static str,
    #[schema(examples("1501"))]
    room: String,
    #[schema(examples("13800138000"))]
    phone: String,
    #[schema(examples("mobile"))]
    isp: String,
    #[schema(examples("12345678901"))]
    account: String,
    #[schema(examples("hajimihajimihajimi"))]
    wx: String,
}

impl CampusProfile {
    /// The profile of `user`. The name is the real name, if known, else the nickname.
    #[must_use]
    pub fn new(user: User, real_name: Option<String>) -> Self {
        let text = |value: Option<ShortText>| value.map(Into::into).unwrap_or_default();
        Self {
            wx: user.campus_name(),
            access: user.role.as_str(),
            name: real_name.unwrap_or_else(|| user.nickname.into()),
            phone: user.phone.map(Into::into).unwrap_or_default(),
            sid: text(user.sid),
            block: text(user.block),
            room: text(user.room),
            isp: text(user.isp),
            account: text(user.account),
        }
    }
}
