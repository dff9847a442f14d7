//! Responses to operators: plain JSON with English messages. No client gets them.

use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::{Error, FormerEmail, User};
use crate::store::{AuditRecord, ImportedRow, RowOutcome};

/// The response for an error: its message and its code.
#[must_use]
pub fn error_response(error: &Error) -> Value {
    json!({ "error": message(error), "name": error.code().as_str() })
}

/// The message of an error. The cause of an internal error is in the log only.
#[must_use]
pub fn message(error: &Error) -> String {
    let fixed = match error {
        Error::MalformedBody(reason) => return reason.clone(),
        Error::Invalid(field) => return field.to_string(),
        Error::Missing(field) => return format!("{field}: must be there"),
        Error::Incomplete(fields) => return format!("{}: must be there", fields.join(", ")),
        Error::InvalidQuery(name) => return format!("{name}: is not a possible value"),
        Error::MissingQuery => "a parameter must be there",
        Error::TooLarge => "the event is too large",
        Error::NoImage => "there is no image",
        Error::BadImage(reason) => return format!("the image {reason}"),
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
        Error::AlreadyUndone => "the change of the e-mail is undone already",
        Error::EmailTaken => "another user has this e-mail",
        Error::UsernameTaken => "another user has this user name",
        Error::PhoneTaken => "another user has this phone number",
        Error::WechatOpenIdTaken => "another user has this OpenID",
        Error::LastAdministrator => {
            "this is the last administrator, who must remain: make another first"
        }
        Error::RateLimited { .. } => "too many tries",
        Error::Internal(_) => "it failed for a reason that the log tells; it may be tried again",
    };
    fixed.to_owned()
}

/// A user, without hashed and encrypted fields.
///
/// It names every field of [`User`]. So a new field does not compile until it is added or excluded
/// here.
#[must_use]
pub fn user(user: User) -> Value {
    let id = user.id().get();
    let User {
        uuid,
        username,
        nickname,
        email,
        email_verified,
        former_email,
        phone,
        avatar,
        apikey: _,
        real_name,
        id_card: _,
        wechat_open_id,
        sid,
        block,
        room,
        isp,
        account,
        role,
        blocked,
        featured,
        password: _,
        token_version: _,
        sessions: _,
        email_version: _,
        limit_epoch: _,
        known_sources: _,
        version: _,
        created_at,
        updated_at,
        last_login,
    } = user;
    #[derive(Serialize)]
    struct AdminUser {
        id: u64,
        uuid: String,
        username: String,
        nickname: String,
        email: String,
        email_verified: bool,
        held_email: Option<String>,
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
    json!(AdminUser {
        id,
        uuid: uuid.to_string(),
        username: username.into(),
        nickname: nickname.into(),
        email: email.into(),
        email_verified,
        held_email: former_email
            .filter(FormerEmail::is_held)
            .map(|held| held.email.into()),
        phone: phone.map(Into::into),
        avatar: avatar.map(Into::into),
        access: role.as_str(),
        blocked,
        featured,
        real_name_saved: real_name.is_some(),
        wx: wechat_open_id.map(Into::into),
        sid: sid.map(Into::into),
        block: block.map(Into::into),
        room: room.map(Into::into),
        isp: isp.map(Into::into),
        account: account.map(Into::into),
        created_at: created_at.to_string(),
        updated_at: updated_at.to_string(),
        last_login: last_login.map(|at| at.to_string()),
    })
}

/// A record of the audit log.
#[must_use]
pub fn audit_record(record: AuditRecord) -> Value {
    json!({
        "event": record.event,
        "at": record.at.to_string(),
        "actor": record.actor,
        "address": record.address,
    })
}

/// The result of an import: each row, and the number of rows per outcome.
#[must_use]
pub fn import_report(rows: &[ImportedRow]) -> Value {
    let outcome = |row: &ImportedRow| match row.outcome {
        Ok(RowOutcome::Created) => "created",
        Ok(RowOutcome::Unchanged) => "unchanged",
        Ok(RowOutcome::Updated) => "updated",
        Err(_) => "refused",
    };
    let row = |row: &ImportedRow| match &row.outcome {
        Ok(_) => json!({ "row": row.row, "outcome": outcome(row) }),
        Err(error) => json!({ "row": row.row, "outcome": outcome(row), "why": message(error) }),
    };
    let count = |name: &str| rows.iter().filter(|row| outcome(row) == name).count();
    json!({
        "created": count("created"),
        "unchanged": count("unchanged"),
        "updated": count("updated"),
        "refused": count("refused"),
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    })
}
