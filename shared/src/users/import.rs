//! Users from a table, as CSV: row by row, each on its own, and safe to run twice. A row whose
//! user is there already changes what it says otherwise; never the user name, the password or
//! the address, which are the user's own from the day the account was made. And never anyone of whom
//! only the address says that the row is about them, where that was not verified: whoever signs up
//! first with another's address would get what is meant for the other.

mod row;

use super::{Users, administrators};
use crate::{Access, By, Error, Flaw, NewUser, Nickname, PasswordHash, Result, User};
use row::Row;

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There was no such user; now there is.
    Created,
    /// The user was so already.
    Unchanged,
    /// The user is now as the row says.
    Updated,
}

/// A row, and what became of it.
pub struct Imported {
    /// Its number, as a spreadsheet counts: the header is row 1.
    pub row: usize,
    /// What became of it, or why nothing did.
    pub outcome: Result<Outcome>,
}

impl Users {
    /// Makes the users of `csv`, or brings them up to date. A bad row is told and passed over.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the header is of no use. A fault of ours ends the import; it can
    /// be run again.
    pub async fn import(&self, csv: &str, by: &By) -> Result<Vec<Imported>> {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::Headers)
            .from_reader(csv.as_bytes());
        let unreadable = |_| Error::Invalid(Flaw::of("csv", "cannot be read"));
        let header = row::header(reader.headers().map_err(unreadable)?)?;
        let mut report = Vec::new();
        for (number, record) in reader.records().enumerate() {
            let outcome = match record
                .map_err(unreadable)
                .and_then(|record| Row::of(&header, &record))
            {
                Ok(row) => self.import_row(&row, by).await,
                Err(error) => Err(error),
            };
            if let Err(Error::Internal(fault)) = outcome {
                return Err(fault.into());
            }
            report.push(Imported {
                row: number.saturating_add(2),
                outcome,
            });
        }
        Ok(report)
    }

    async fn import_row(&self, row: &Row, by: &By) -> Result<Outcome> {
        let Some(user) = self.known(row).await? else {
            let new = NewUser {
                username: row.username.clone(),
                nickname: row.nickname.clone().map_or_else(|| nickname(row), Ok)?,
                email: row.email.clone(),
                password: password(row)?,
                access: row.access.unwrap_or(Access::User),
            };
            self.sign_up_with(new, None, by, |user| row.fill(user))
                .await?;
            return Ok(Outcome::Created);
        };
        let mut wished = user.clone();
        row.fill(&mut wished);
        if wished == user {
            return Ok(Outcome::Unchanged);
        }
        if !row.is_about(&user) {
            let why = "the account with this address has not verified it, nor the row's wx or sid";
            return Err(Error::Invalid(Flaw::of("email", why)));
        }
        self.change(user, by, |user| row.fill(user)).await?;
        Ok(Outcome::Updated)
    }

    /// Whom the row is about: who has its OpenID, or else its address.
    async fn known(&self, row: &Row) -> Result<Option<User>> {
        let by_email = self.owner_of_email(&row.email).await?;
        let by_wx = match &row.wx {
            Some(wx) => self.owner_of_wx(wx).await?,
            None => None,
        };
        match (by_email, by_wx) {
            (Some(one), Some(other)) if one != other => Err(Error::WxTaken),
            (one, other) => match other.or(one) {
                Some(uuid) => self.by_uuid(uuid).await,
                None => Ok(None),
            },
        }
    }
}

/// The name to show of someone who is given none: the user name, or what is before the `@`.
fn nickname(row: &Row) -> Result<Nickname> {
    let email = row.email.to_string();
    let name = row.username.as_ref().map(ToString::to_string);
    let name = name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
    name.parse()
        .map_err(|why| Error::Invalid(Flaw::of("nickname", why)))
}

/// Who is given no password sets one by mail.
fn password(row: &Row) -> Result<PasswordHash> {
    let Some(password) = &row.password else {
        return Ok(PasswordHash::of_nobody());
    };
    if row.access == Some(Access::Admin) {
        administrators::strong(password)?;
    }
    Ok(password.hash()?)
}
