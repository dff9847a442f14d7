//! A row: texts by the names of their columns, parsed. What is empty says nothing.

use std::str::FromStr;

use csv::StringRecord;

use crate::{
    Access, Detail, Email, Error, Flaw, Nickname, OpenId, Password, PasswordHash, Phone, Result,
    User, Username,
};

/// Every column there may be.
const COLUMNS: [&str; 12] = [
    "email", "username", "password", "nickname", "phone", "sid", "block", "room", "isp", "account",
    "wx", "access",
];

/// What a row says.
pub(super) struct Row {
    pub(super) email: Email,
    pub(super) username: Option<Username>,
    pub(super) password: Option<Password>,
    pub(super) nickname: Option<Nickname>,
    phone: Option<Phone>,
    sid: Option<Detail>,
    block: Option<Detail>,
    room: Option<Detail>,
    isp: Option<Detail>,
    account: Option<Detail>,
    pub(super) wx: Option<OpenId>,
    pub(super) access: Option<Access>,
}

/// The column of each field of a row.
pub(super) fn header(names: &StringRecord) -> Result<Vec<&'static str>> {
    let flaw = |why: String| Error::Invalid(Flaw::of("csv", why));
    // A table without a header begins with somebody's data, so the name is not repeated.
    let unknown = |at: usize| {
        flaw(format!(
            "its column {} is none of {}",
            at.saturating_add(1),
            COLUMNS.join(", ")
        ))
    };
    let mut header = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let word = match name.to_lowercase().as_str() {
            "name" => "nickname".to_owned(),
            word => word.to_owned(),
        };
        let column = COLUMNS.into_iter().find(|column| *column == word);
        let column = column.ok_or_else(|| unknown(at))?;
        if header.contains(&column) {
            return Err(flaw(format!("has two columns for one thing: {column}")));
        }
        header.push(column);
    }
    if header.contains(&"email") {
        Ok(header)
    } else {
        Err(flaw("has no column email".into()))
    }
}

impl Row {
    pub(super) fn of(header: &[&str], record: &StringRecord) -> Result<Self> {
        if record.len() != header.len() {
            let why = format!(
                "has {} fields where the header has {}",
                record.len(),
                header.len()
            );
            return Err(Error::Invalid(Flaw::of("", why)));
        }
        let fields = Fields { header, record };
        Ok(Self {
            email: fields.parsed("email")?.ok_or(Error::Missing("email"))?,
            username: fields.parsed("username")?,
            password: fields
                .given("password")
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

    /// Whether it is certain that the row is about `user`, who has its address or its OpenID: they
    /// have the OpenID or the student number, which only an operator gives; or they verified the
    /// address; or there is no password yet, so that an import made them, and nobody else came in.
    pub(super) fn is_about(&self, user: &User) -> bool {
        fn same<T: PartialEq>(given: Option<&T>, own: Option<&T>) -> bool {
            given.is_some() && given == own
        }
        same(self.wx.as_ref(), user.wx.as_ref())
            || same(self.sid.as_ref(), user.sid.as_ref())
            || user.email_verified
            || user.password == PasswordHash::of_nobody()
    }

    /// Gives `user` what the row says of them.
    pub(super) fn fill(&self, user: &mut User) {
        fill(&mut user.phone, &self.phone);
        fill(&mut user.sid, &self.sid);
        fill(&mut user.block, &self.block);
        fill(&mut user.room, &self.room);
        fill(&mut user.isp, &self.isp);
        fill(&mut user.account, &self.account);
        fill(&mut user.wx, &self.wx);
        user.nickname = self
            .nickname
            .clone()
            .unwrap_or_else(|| user.nickname.clone());
        user.access = self.access.unwrap_or(user.access);
    }
}

fn fill<T: Clone>(field: &mut Option<T>, given: &Option<T>) {
    if given.is_some() {
        field.clone_from(given);
    }
}

/// A record's fields by their columns.
struct Fields<'a> {
    header: &'a [&'a str],
    record: &'a StringRecord,
}

impl Fields<'_> {
    /// The field as it stands, which a password is taken as.
    fn given(&self, column: &str) -> Option<&str> {
        let at = self.header.iter().position(|name| *name == column)?;
        self.record.get(at).filter(|text| !text.is_empty())
    }

    fn parsed<T: FromStr<Err = &'static str>>(&self, column: &str) -> Result<Option<T>> {
        let text = self
            .given(column)
            .map(str::trim)
            .filter(|text| !text.is_empty());
        text.map(str::parse)
            .transpose()
            .map_err(|why| Error::Invalid(Flaw::of(column, why)))
    }
}
