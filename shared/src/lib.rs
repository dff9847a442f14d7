//! User accounts: the domain, and the dialects it is spoken in.
//!
//! A request goes through here from top to bottom. [`serve`](Dialect::serve) runs an endpoint
//! as a Lambda function: it opens the [`Resource`]s that the endpoint's first parameter names
//! ([`Users`], [`Tokens`], [`Seals`], [`Limits`]), hands it each [`Call`], and puts what it
//! gives, or the [`Error`] it ends with, into the words of its family's [`Dialect`].
//!
//! A [`Call`]'s body is parsed into values that cannot be wrong ([`Email`], [`Username`],
//! [`Password`], …). [`Users`] keeps them, one item a user and one marker for each name that
//! must be unique; [`Tokens`] tell who is calling; [`Limits`] count guesses before they are
//! looked at; [`Seals`] encrypt what the store must not show.
//!
//! Status codes stand in [`dialect`] only, key strings in `users/key.rs`, environment
//! variables in [`env`], the clock in `clock.rs`, randomness in `random.rs`.

mod call;
mod clock;
pub mod dialect;
pub mod env;
mod error;
mod limits;
mod log;
mod random;
mod seal;
mod secrets;
mod serve;
mod token;
mod user;
mod users;

pub use call::{Call, present};
pub use dialect::{Center, Dialect, Plain};
pub use env::{Env, Resource};
pub use error::{Error, Fault, Flaw, Result};
pub use limits::{Limit, Limits};
pub use seal::{Sealed, Seals};
pub use token::Tokens;
pub use user::{
    Access, ApiKey, AvatarUrl, Canonical, Email, NewUser, Nickname, Password, PasswordHash, Phone, User,
    UserId, Username,
};
pub use users::Users;
