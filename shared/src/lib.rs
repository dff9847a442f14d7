//! User accounts: the domain, and the dialects it is spoken in.
//!
//! A request goes through here from top to bottom. [`serve`](Dialect::serve) runs an endpoint
//! as a Lambda function: it opens the [`Resource`]s that the endpoint's first parameter names
//! ([`Users`], [`Tokens`], [`Seals`], [`Limits`]), hands it each [`Call`], and puts what it
//! gives, or the [`Error`] it ends with, into the words of its family's [`Dialect`].
//!
//! A [`Call`]'s body is parsed into values that cannot be wrong ([`Email`], [`Username`],
//! [`Password`], …). [`Users`] keeps them, one item a user and one marker for each name that
//! must be unique, and the [`Directory`] lists them at any size; [`Tokens`] authenticate the
//! [`Caller`], whose authority is checked again when a change is written; [`Subject`] is whom a
//! request is about; [`Limits`] count guesses before they are looked at;
//! [`Seals`] encrypt what the store must not show; [`Captchas`] are codes sent by mail;
//! [`Avatars`] keep each [`Picture`] on S3.
//!
//! What a change brings with it is written in the change's own transaction: the mails that
//! tell of it, as [`Post`]s in the outbox, whose stream starts the mailer, and an [`Entry`] of
//! the audit trail, with the [`By`] of whoever asked.
//!
//! Status codes stand in [`dialect`] only, key strings in `database/key.rs`, environment
//! variables in [`env`], the clock in `clock.rs`, randomness in `random.rs`.

mod audit;
mod authority;
mod avatars;
mod call;
mod captchas;
mod clock;
mod cursor;
mod database;
pub mod dialect;
mod directory;
pub mod env;
mod error;
mod language;
mod letter;
mod limits;
mod log;
mod outbox;
mod picture;
mod random;
mod seal;
mod secrets;
mod serve;
mod stack;
mod subject;
mod tally;
mod token;
mod user;
mod users;

pub use audit::{By, Entry, Event};
pub use authority::{Admission, Caller};
pub use avatars::{Avatars, Swept};
pub use call::{Call, filled, present};
pub use captchas::{Captcha, CaptchaGroup, Captchas, Codes};
pub use cursor::Cursors;
pub use dialect::{Campus, CampusChange, Center, Dialect, Page, Plain, Profile, Whale};
pub use directory::{At, Checked, Directory, Filter, ListPage, Listed, Lookup, OrderBy, changed};
pub use env::{Env, Resource};
pub use error::{Error, Fault, Flaw, Result};
pub use language::Language;
pub use letter::{Letter, Mail};
pub use limits::{Limit, Limits};
pub use outbox::{Matter, Post, discarded};
pub use picture::Picture;
pub use seal::{Sealed, Seals};
pub use secrets::{Rotation, Stage};
pub use serve::{Order, serve_batches, serve_event, serve_records};
pub use stack::{Change as StackChange, Stack};
pub use subject::Subject;
pub use token::Tokens;
pub use user::{
    Access, ApiKey, AvatarUrl, Canonical, Detail, Email, IdCard, NewUser, Nickname, OpenId,
    Password, PasswordHash, Phone, RealName, User, UserId, Username,
};
pub use users::{Administrator, Imported, Outcome, Users};
