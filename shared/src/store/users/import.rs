//! Import of users from CSV. Idempotent.
//!
//! Each row is written separately. A row creates a user, or updates an existing one. It never
//! changes the user name, password or e-mail of an existing user, because those belong to the user.
//!
//! A row that matches only by an unverified e-mail is rejected. Otherwise whoever signed up first
//! with someone else's address would receive their data.

mod row;

use std::fmt::Display;

use super::UsersWithPasswords;
use crate::aws::PasswordPolicy;
use crate::domain::{
    Actor, Error, InvalidField, NewUser, Nickname, PasswordHash, Result, Role, User, UserChange,
};
use row::Row;

/// The outcome of a row without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOutcome {
    /// The user was created.
    Created,
    /// The user already had all values of the row.
    Unchanged,
    /// The user has new values of the row.
    Updated,
}

/// A row and its outcome.
pub struct ImportedRow {
    /// The number of the row, as in a spreadsheet: the header is row 1.
    pub row: usize,
    /// The outcome, or the error that kept the row from being imported.
    pub outcome: Result<RowOutcome>,
}

impl UsersWithPasswords {
    /// Creates or updates the users of `csv`. The error of an invalid row is part of the report,
    /// and the import continues. Passwords must meet `policy`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the header is invalid. An internal error ends the import, which can be
    /// repeated.
    pub async fn import(
        &self,
        csv: &str,
        policy: PasswordPolicy,
        actor: &Actor,
    ) -> Result<Vec<ImportedRow>> {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::Headers)
            .from_reader(csv.as_bytes());
        let unreadable = |_| Error::Invalid(InvalidField::new("csv", "cannot be read"));
        let header = row::header(reader.headers().map_err(unreadable)?)?;
        let mut report = Vec::new();
        for (number, record) in reader.records().enumerate() {
            let outcome = match record
                .map_err(unreadable)
                .and_then(|record| Row::from_record(&header, &record))
            {
                Ok(row) => self.import_row(&row, policy, actor).await,
                Err(error) => Err(error),
            };
            if let Err(Error::Internal(error)) = outcome {
                return Err(error.into());
            }
            report.push(ImportedRow {
                row: number.saturating_add(2),
                outcome,
            });
        }
        Ok(report)
    }

    async fn import_row(
        &self,
        row: &Row,
        policy: PasswordPolicy,
        actor: &Actor,
    ) -> Result<RowOutcome> {
        let Some(user) = self.find_match(row).await? else {
            let nickname = row
                .nickname
                .clone()
                .map_or_else(|| default_nickname(row), Ok)?;
            let new = NewUser {
                username: row.username.clone(),
                password: hash_password(row, &nickname, policy)?,
                nickname,
                email: row.email.clone(),
                role: row.access.unwrap_or(Role::User),
            };
            self.sign_up_with(new, actor, |user| row.fill(user)).await?;
            return Ok(RowOutcome::Created);
        };
        let mut filled = UserChange::new(user.clone());
        row.fill(&mut filled);
        if *filled == user {
            return Ok(RowOutcome::Unchanged);
        }
        let unverified = || {
            let reason =
                "the account with this address has not verified it, nor the row's wx or sid";
            Error::Invalid(InvalidField::new("email", reason))
        };
        if !row.identifies(&user) {
            return Err(unverified());
        }
        let fill = |user: &mut UserChange| {
            // The user may have changed since the first check.
            if row.identifies(user) {
                row.fill(user);
            }
        };
        let changed = self.change(user, actor, fill).await?;
        let mut filled = UserChange::new(changed.clone());
        row.fill(&mut filled);
        if *filled == changed {
            Ok(RowOutcome::Updated)
        } else {
            Err(unverified())
        }
    }

    /// The user with the row's OpenID, or else with its e-mail.
    ///
    /// # Errors
    /// [`Error::WechatOpenIdTaken`] if these are two users.
    async fn find_match(&self, row: &Row) -> Result<Option<User>> {
        let by_email = self.owner_of_email(&row.email).await?;
        let by_wx = match &row.wx {
            Some(wx) => self.owner_of_wx(wx).await?,
            None => None,
        };
        match (by_email, by_wx) {
            (Some(email_owner), Some(wx_owner)) if email_owner != wx_owner => {
                Err(Error::WechatOpenIdTaken)
            }
            (email_owner, wx_owner) => match wx_owner.or(email_owner) {
                Some(uuid) => self.by_uuid(uuid).await,
                None => Ok(None),
            },
        }
    }
}

/// The default nickname: the user name, or the part of the e-mail before the `@`.
fn default_nickname(row: &Row) -> Result<Nickname> {
    let email = row.email.to_string();
    let name = row.username.as_ref().map(ToString::to_string);
    let name = name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
    name.parse()
        .map_err(|reason| Error::Invalid(InvalidField::new("nickname", reason)))
}

/// The hash of the row's password. A user without a password sets one with a mail code.
fn hash_password(row: &Row, nickname: &Nickname, policy: PasswordPolicy) -> Result<PasswordHash> {
    let Some(password) = &row.password else {
        return Ok(PasswordHash::of_nobody());
    };
    let mut names: Vec<&dyn Display> = vec![nickname, &row.email];
    names.extend(row.username.iter().map(|name| name as &dyn Display));
    policy.hash(password, &names)
}
