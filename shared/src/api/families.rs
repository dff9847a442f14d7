//! The five API families, and how each renders results and errors.
//!
//! A family is a group of endpoints from one document, with its own envelope, status codes, error
//! codes and messages. Each family has a file here and an entry in [`FAMILIES`]. A new [`Error`]
//! does not compile until every family renders it.

pub(super) mod campus;
pub(super) mod center;
pub(super) mod profile;
pub(super) mod whale;

use crate::api::Response;
use crate::domain::Error;

pub use campus::{Campus, CampusChange, CampusProfile};
pub use center::{Center, CenterProfile, CenterSession};
pub use profile::{Profile, ProfileAuth, ProfileName, ProfileResponse, ProfileUser};
pub use whale::{Whale, WhaleCaptcha, WhaleUser};

/// A family's rendering of an endpoint's results of type `T`, and of errors.
pub trait ApiFamily<T> {
    /// Renders a result. `fields` is the query parameter with which clients of some families select
    /// fields.
    fn render(result: T, fields: Option<&str>) -> Response;

    /// Renders an error.
    fn render_error(error: &Error) -> Response;
}

/// The rendering for functions without a family, which return a [`Response`].
pub struct RawResponse;

impl ApiFamily<Response> for RawResponse {
    fn render(response: Response, _: Option<&str>) -> Response {
        response
    }

    fn render_error(error: &Error) -> Response {
        Center::error_response(error)
    }
}

/// A family, with the paths that it owns.
struct Family {
    owns: fn(&str) -> bool,
    render_error: fn(&Error) -> Response,
}

/// All families. The first that owns a path renders its errors.
const FAMILIES: [Family; 5] = [
    Family {
        owns: center::owns,
        render_error: Center::error_response,
    },
    Family {
        owns: whale::owns,
        render_error: Whale::error_response,
    },
    Family {
        owns: profile::owns,
        render_error: Profile::error_response,
    },
    Family {
        owns: campus::owns_change,
        render_error: CampusChange::error_response,
    },
    Family {
        owns: campus::owns,
        render_error: Campus::error_response,
    },
];

/// The response for an error at `path`, rendered by the family that owns the path, else by `center`.
#[must_use]
pub fn error_response_for_path(path: &str, error: &Error) -> Response {
    let owner = FAMILIES.iter().find(|family| (family.owns)(path));
    owner.map_or(Center::error_response as fn(&Error) -> Response, |family| {
        family.render_error
    })(error)
}
