//! The families' ways of saying the same things: envelope, status, code and words.
//!
//! One file per family. A new [`Error`] does not compile until every family says it; a new
//! family is one more file and one more line in [`FAMILIES`].

mod campus;
mod center;
mod file;
pub mod openapi;
pub mod operator;
mod page;
mod profile;
mod whale;

use std::future::Future;

use serde::Serialize;

use crate::env::Resource;
use crate::{Call, Error, Result, serve};

pub use campus::{Campus, CampusChange, CampusProfile};
pub use center::{Center, Profile as CenterProfile};
pub use file::File;
pub use page::Page;
pub use profile::{Given, Profile, ProfileAuth, ProfileName, ProfileUser};
pub use whale::{Captcha as WhaleCaptcha, Whale, WhaleUser};

/// An answer as it goes out over HTTP.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers beside those that every answer has.
    pub headers: Vec<(&'static str, String)>,
    /// The body, in UTF-8 where it is a text.
    pub body: Vec<u8>,
}

impl Reply {
    /// Sends the client to another path, with the same method and body (RFC 9110, 15.4.9).
    #[must_use]
    pub fn moved(to: String) -> Self {
        Self {
            status: 308,
            headers: vec![("location", to)],
            body: vec![],
        }
    }

    /// A JSON body under a status; a body that cannot be written is a fault of ours.
    fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self {
                status,
                headers: vec![("content-type", "application/json".into())],
                body,
            },
            Err(_) => Self {
                status: 500,
                headers: vec![],
                body: vec![],
            },
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// How a binary speaks: what its endpoint gives, and what goes wrong, as answers.
pub trait Dialect<T> {
    /// The answer for what the endpoint gave. `fields` is the query parameter of that name,
    /// with which clients of some families ask for less.
    fn success(given: T, fields: Option<&str>) -> Reply;

    /// The answer for what went wrong.
    fn failure(error: &Error) -> Reply;

    /// Runs `endpoint` as this Lambda function until Lambda ends it.
    /// `R` is what the endpoint touches, opened once.
    fn serve<R, F, O>(endpoint: F)
    where
        R: Resource,
        F: Fn(&'static R, Call) -> O + Copy + Send + Sync + 'static,
        O: Future<Output = Result<T>> + Send + 'static,
    {
        serve::serve(endpoint, Self::success, Self::failure);
    }
}

/// For functions without a family: what the endpoint gives is the answer already.
pub struct Plain;

impl Dialect<Reply> for Plain {
    fn success(given: Reply, _: Option<&str>) -> Reply {
        given
    }

    fn failure(error: &Error) -> Reply {
        Center::refusal(error)
    }
}

/// A family by the paths it owns.
struct Family {
    owns: fn(&str) -> bool,
    failure: fn(&Error) -> Reply,
}

/// Every family; the first that owns a path speaks for it.
const FAMILIES: [Family; 5] = [
    Family {
        owns: center::owns,
        failure: Center::refusal,
    },
    Family {
        owns: whale::owns,
        failure: Whale::refusal,
    },
    Family {
        owns: profile::owns,
        failure: Profile::refusal,
    },
    Family {
        owns: campus::owns_change,
        failure: CampusChange::refusal,
    },
    Family {
        owns: campus::owns,
        failure: Campus::refusal,
    },
];

/// The answer for what went wrong at `path`, in the words of the family that owns it, or in
/// the center's where none does.
#[must_use]
pub fn failure_at(path: &str, error: &Error) -> Reply {
    let owner = FAMILIES.iter().find(|family| (family.owns)(path));
    owner.map_or(Center::refusal as fn(&Error) -> Reply, |family| {
        family.failure
    })(error)
}
