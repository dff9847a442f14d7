//! Parsed rows of an import. An empty field counts as absent.

use std::str::FromStr;

use csv::StringRecord;

use crate::domain::{
    Email, Error, InvalidField, Nickname, Password, Phone, Result, Role, ShortText, User,
    UserChange, Username, WechatOpenId,
};

/// The names of all allowed columns. `name` is also allowed, for `nickname`.
const COLUMNS: [&str; 12] = [
    "email", "username", "password", "nickname", "phone", "sid", "block", "room", "isp", "account",
    "wx", "access",
];

/// The parsed values of a row.
pub(super) struct Row {
    pub(super) email: Email,
    pub(super) username: Option<Username>,
    pub(super) password: Option<Password>,
    pub(super) nickname: Option<Nickname>,
    phone: Option<Phone>,
    sid: Option<ShortText>,
    block: Option<ShortText>,
    room: Option<ShortText>,
    isp: Option<ShortText>,
    account: Option<ShortText>,
    pub(super) wx: Option<WechatOpenId>,
    pub(super) access: Option<Role>,
}

/// The columns, in the order of the header.
///
/// # Errors
/// If a column is unknown or repeated, or if `email` is missing.
pub(super) fn header(names: &StringRecord) -> Result<Vec<&'static str>> {
    let invalid = |reason: String| Error::Invalid(InvalidField::new("csv", reason));
    // A file without a header begins with personal data, so the error does not quote the field.
    let unknown = |index: usize| {
        invalid(format!(
            "its column {} is none of {}",
            index.saturating_add(1),
            COLUMNS.join(", ")
        ))
    };
    let mut header = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let word = match name.to_lowercase().as_str() {
            "name" => "nickname".to_owned(),
            word => word.to_owned(),
        };
        let column = COLUMNS.into_iter().find(|column| *column == word);
        let column = column.ok_or_else(|| unknown(index))?;
        if header.contains(&column) {
            return Err(invalid(format!("has two columns for one thing: {column}")));
        }
        header.push(column);
    }
    if header.contains(&"email") {
        Ok(header)
    } else {
        Err(invalid("has no column email".into()))
    }
}

impl Row {
    /// # Errors
    /// If the record has another number of fields than the header, or an invalid field.
    pub(super) fn from_record(header: &[&str], record: &StringRecord) -> Result<Self> {
        if record.len() != header.len() {
            let reason = format!(
                "has {} fields where the header has {}",
                record.len(),
                header.len()
            );
            return Err(Error::Invalid(InvalidField::new("", reason)));
        }
        let fields = Fields { header, record };
        Ok(Self {
            email: fields.parsed("email")?.ok_or(Error::Missing("email"))?,
            username: fields.parsed("username")?,
            password: fields
                .raw("password")
                .map(Password::parse)
                .transpose()
                .map_err(|_| Error::BadPassword)?,
            nickname: fields.parsed("nickname")?,
            phone: fields.parsed("phone")?,
            sid: fields.parsed("sid")?,
            block: fields.parsed("block")?,
            room: fields.parsed("room")?,
            isp: fields.parsed("isp")?,
            account: fields.parsed("account")?,
            wx: fields.parsed("wx")?,
            access: fields.parsed("access")?,
        })
    }

    /// Whether the row is certainly about `user`, who has its e-mail or its OpenID.
    ///
    /// One of these is enough:
    /// - The OpenID or the student number is the same. Only the operator sets those.
    /// - The e-mail is the same and verified.
    /// - The e-mail is the same and the user has no password: an import created them, and they have
    ///   never logged in.
    pub(super) fn identifies(&self, user: &User) -> bool {
        fn present_and_equal<T: PartialEq>(in_row: Option<&T>, of_user: Option<&T>) -> bool {
            in_row.is_some() && in_row == of_user
        }
        present_and_equal(self.wx.as_ref(), user.wechat_open_id.as_ref())
            || present_and_equal(self.sid.as_ref(), user.sid.as_ref())
            || (self.email.canonical() == user.email.canonical()
                && (user.email_verified || user.has_no_password()))
    }

    /// Sets the values of the row on `user`.
    pub(super) fn fill(&self, user: &mut UserChange) {
        if self.phone.is_some() {
            user.set_phone(self.phone.clone());
        }
        fill(&mut user.sid, &self.sid);
        fill(&mut user.block, &self.block);
        fill(&mut user.room, &self.room);
        fill(&mut user.isp, &self.isp);
        fill(&mut user.account, &self.account);
        if self.wx.is_some() {
            user.set_wechat_open_id(self.wx.clone());
        }
        user.nickname = self
            .nickname
            .clone()
            .unwrap_or_else(|| user.nickname.clone());
        user.set_role(self.access.unwrap_or(user.role));
    }
}

fn fill<T: Clone>(field: &mut Option<T>, value: &Option<T>) {
    if value.is_some() {
        field.clone_from(value);
    }
}

/// The fields of a record, by column.
struct Fields<'a> {
    header: &'a [&'a str],
    record: &'a StringRecord,
}

impl Fields<'_> {
    /// The field without trimming, as a password needs it. `None` if it is absent or empty.
    fn raw(&self, column: &str) -> Option<&str> {
        let index = self.header.iter().position(|name| *name == column)?;
        self.record.get(index).filter(|text| !text.is_empty())
    }

    fn parsed<T: FromStr<Err = &'static str>>(&self, column: &str) -> Result<Option<T>> {
        let text = self
            .raw(column)
            .map(str::trim)
            .filter(|text| !text.is_empty());
        text.map(str::parse)
            .transpose()
            .map_err(|reason| Error::Invalid(InvalidField::new(column, reason)))
    }
}
