//! The operator's words: plain JSON, and sentences. No client reads them.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{Entry, Error, Imported, Outcome, User};

/// The answer for what went wrong: its words, and its name.
#[must_use]
pub fn refusal(error: &Error) -> Value {
    json!({ "error": words(error), "name": error.name() })
}

/// What went wrong, as a sentence. A fault's cause stands in the log.
#[must_use]
pub fn words(error: &Error) -> String {
    let fixed = match error {
        Error::Unreadable(why) => return why.clone(),
        Error::Invalid(flaw) => return flaw.to_string(),
        Error::Missing(field) => return format!("{field}: must be there"),
        Error::Incomplete(fields) => return format!("{}: must be there", fields.join(", ")),
        Error::BadParameter(name) => return format!("{name}: is not a possible value"),
        Error::NoParameter => "a parameter must be there",
        Error::TooLarge => "the event is too large",
        Error::NoImage => "there is no image",
        Error::BadImage(why) => return format!("the image {why}"),
        Error::BadEmail => "email: is not a valid e-mail address",
        Error::BadPassword => "password: must be 8 to 100 characters",
        Error::NoSuchPath | Error::NotFound => "not found",
        Error::WrongMethod => "wrong method",
        Error::BadToken | Error::ExpiredToken => "the token is not good",
        Error::Inactive | Error::Forbidden => "not allowed",
        Error::NoSuchAccount => "there is no such user",
        Error::WrongPassword => "the password is wrong",
        Error::Blocked => "the user is blocked",
        Error::BadCode | Error::ExpiredCode => "the code is not good",
        Error::AlreadyVerified => "the e-mail is verified already",
        Error::EmailTaken => "another user has this e-mail",
        Error::UsernameTaken => "another user has this user name",
        Error::PhoneTaken => "another user has this phone number",
        Error::WxTaken => "another user has this OpenID",
        Error::LastAdministrator => {
            "this is the last administrator, who must remain: make another first"
        }
        Error::TooMany { .. } => "too many tries",
        Error::Internal(_) => "it failed for a reason that the log tells; it may be tried again",
    };
    fixed.to_owned()
}

/// A user: all but what is sealed or hashed.
#[must_use]
pub fn user(user: User) -> Value {
    #[derive(Serialize)]
    struct Shown {
        id: u64,
        uuid: String,
        username: String,
        nickname: String,
        email: String,
        email_verified: bool,
        phone: Option<String>,
        avatar: Option<String>,
        access: &'static str,
        blocked: bool,
        featured: bool,
        real_name_saved: bool,
        wx: Option<String>,
        sid: Option<String>,
        block: Option<String>,
        room: Option<String>,
        isp: Option<String>,
        account: Option<String>,
        created_at: String,
        updated_at: String,
        last_login: Option<String>,
    }
    json!(Shown {
        id: user.id().get(),
        uuid: user.uuid.to_string(),
        username: user.username.into(),
        nickname: user.nickname.into(),
        email: user.email.into(),
        email_verified: user.email_verified,
        phone: user.phone.map(Into::into),
        avatar: user.avatar.map(Into::into),
        access: user.access.as_str(),
        blocked: user.blocked,
        featured: user.featured,
        real_name_saved: user.real_name.is_some(),
        wx: user.wx.map(Into::into),
        sid: user.sid.map(Into::into),
        block: user.block.map(Into::into),
        room: user.room.map(Into::into),
        isp: user.isp.map(Into::into),
        account: user.account.map(Into::into),
        created_at: user.created_at.to_string(),
        updated_at: user.updated_at.to_string(),
        last_login: user.last_login.map(|at| at.to_string()),
    })
}

/// An entry of the trail.
#[must_use]
pub fn entry(entry: Entry) -> Value {
    json!({
        "event": entry.event,
        "at": entry.at.to_string(),
        "actor": entry.actor,
        "address": entry.address,
    })
}

/// What became of an import: each row, and how many of each outcome.
#[must_use]
pub fn report(rows: &[Imported]) -> Value {
    let word = |row: &Imported| match row.outcome {
        Ok(Outcome::Created) => "created",
        Ok(Outcome::Unchanged) => "unchanged",
        Ok(Outcome::Updated) => "updated",
        Err(_) => "refused",
    };
    let row = |row: &Imported| match &row.outcome {
        Ok(_) => json!({ "row": row.row, "outcome": word(row) }),
        Err(error) => json!({ "row": row.row, "outcome": word(row), "why": words(error) }),
    };
    let count = |outcome: &str| rows.iter().filter(|row| word(row) == outcome).count();
    json!({
        "created": count("created"),
        "unchanged": count("unchanged"),
        "updated": count("updated"),
        "refused": count("refused"),
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    })
}
