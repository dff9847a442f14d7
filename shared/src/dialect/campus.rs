//! `campus`: `{"success": true, "msg": "…", …}`, or with `false` and an `errType`, which the
//! document on viewing spells as words and the one on changing as numbers.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Dialect, Reply};
use crate::{Detail, Error, User};

/// The family of `/api/v3/…`, in the words of the document on viewing.
pub struct Campus;

/// The same family where a profile is changed.
pub struct CampusChange;

impl Dialect<CampusProfile> for Campus {
    fn success(profile: CampusProfile, _: Option<&str>) -> Reply {
        #[derive(Serialize)]
        struct Envelope {
            success: bool,
            msg: &'static str,
            profile: CampusProfile,
        }
        Reply::json(
            200,
            &Envelope {
                success: true,
                msg: "user profile",
                profile,
            },
        )
    }

    fn failure(error: &Error) -> Reply {
        Self::refusal(error)
    }
}

impl Dialect<()> for CampusChange {
    fn success((): (), _: Option<&str>) -> Reply {
        #[derive(Serialize)]
        struct Envelope {
            success: bool,
            msg: &'static str,
        }
        Reply::json(
            200,
            &Envelope {
                success: true,
                msg: "profile change success~",
            },
        )
    }

    fn failure(error: &Error) -> Reply {
        Self::refusal(error)
    }
}

impl Campus {
    /// The answer for `error`.
    pub(super) fn refusal(error: &Error) -> Reply {
        VIEW.refusal(error)
    }
}

impl CampusChange {
    /// The answer for `error`.
    pub(super) fn refusal(error: &Error) -> Reply {
        CHANGE.refusal(error)
    }
}

/// An `errType`.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum ErrType {
    Word(&'static str),
    Number(u8),
}

/// The one that both documents spell alike.
const LOGIC: ErrType = ErrType::Word("logic");

/// In what the two documents differ.
struct Document {
    internal: ErrType,
    request: ErrType,
    auth: ErrType,
    forbidden: &'static str,
    no_such_user: &'static str,
}

const VIEW: Document = Document {
    internal: ErrType::Word("internal"),
    request: LOGIC, // this document has three words, and none for a bad request
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
    fn refusal(&self, error: &Error) -> Reply {
        let bad = |why: &str| say(400, &format!("invalid request body: {why}"), self.request);
        let unproved = |msg| say(401, msg, self.auth).with("www-authenticate", "Bearer");
        match error {
            Error::Unreadable(why) => bad(why),
            Error::Incomplete(fields) => bad(&required(fields)),
            Error::Missing(field) => bad(&required(&[field])),
            Error::Invalid(flaw) => bad(&flaw.to_string()),
            Error::NoImage => bad("No image uploaded"),
            Error::BadImage(why) => bad(&format!("the image {why}")),
            Error::BadEmail => bad("email: is not a valid e-mail address"),
            Error::BadPassword => bad("password: must be 8 to 100 characters"),
            Error::NoParameter => say(400, "missing parameter", self.request),
            Error::BadParameter(name) => say(400, &format!("bad parameter {name}"), self.request),
            Error::TooLarge => say(413, "request body too large", self.request),
            Error::NoSuchPath | Error::NotFound => say(404, "not found", self.request),
            Error::WrongMethod => say(405, "method not allowed", self.request),
            Error::BadToken => unproved("invalid token"),
            Error::ExpiredToken => unproved("token expired"),
            Error::WrongPassword => unproved("wrong password"),
            Error::Blocked | Error::Inactive => {
                say(403, "only active users can access this API", self.auth)
            }
            Error::Forbidden => say(403, self.forbidden, self.auth),
            Error::LastAdministrator => say(403, "the last administrator must remain", self.auth),
            Error::NoSuchAccount => say(400, self.no_such_user, LOGIC),
            Error::PhoneTaken => say(400, "phone number has been used", LOGIC),
            Error::EmailTaken => say(400, "email has been used", LOGIC),
            Error::UsernameTaken => say(400, "user name has been used", LOGIC),
            Error::WxTaken => say(400, "wx has been used", LOGIC),
            Error::BadCode | Error::ExpiredCode => say(400, "invalid code", LOGIC),
            Error::AlreadyVerified => say(400, "email has been verified", LOGIC),
            Error::TooMany { retry_after } => say(429, "too many requests", self.request)
                .with("retry-after", retry_after.to_string()),
            Error::Internal(_) => say(
                500,
                "system met a uncaught error,please view logs.",
                self.internal,
            ),
        }
    }
}

fn say(status: u16, msg: &str, err_type: ErrType) -> Reply {
    #[derive(Serialize)]
    struct Envelope<'a> {
        success: bool,
        msg: &'a str,
        #[serde(rename = "errType")]
        err_type: ErrType,
    }
    Reply::json(
        status,
        &Envelope {
            success: false,
            msg,
            err_type,
        },
    )
}

/// The document's words for fields that are missing, a line each.
fn required(fields: &[&str]) -> String {
    let line = |field: &&str| {
        let name = match *field {
            "isp" => "ISP".to_owned(), // an abbreviation, as the contract lists it
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

/// Whether a path is one of this family's.
pub(super) fn owns(path: &str) -> bool {
    path.strip_prefix("/api/v3")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a path is the one of the document on changing.
pub(super) fn owns_change(path: &str) -> bool {
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
    /// The profile of `user`, under the real name where one is known.
    #[must_use]
    pub fn of(user: User, real_name: Option<String>) -> Self {
        let shown = |value: Option<Detail>| value.map(Into::into).unwrap_or_default();
        Self {
            wx: user.campus_name(),
            access: user.access.as_str(),
            name: real_name.unwrap_or_else(|| user.nickname.into()),
            phone: user.phone.map(Into::into).unwrap_or_default(),
            sid: shown(user.sid),
            block: shown(user.block),
            room: shown(user.room),
            isp: shown(user.isp),
            account: shown(user.account),
        }
    }
}
