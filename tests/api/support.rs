//! Shared helpers: the application under test, requests to it, and its store.

mod admin;
mod avatars;
mod callback_server;
mod clock;
mod faults;
mod jwt;
mod mail;
mod requests;
mod response;
mod rng;
mod sets;
mod source;
mod store;
mod test_app;
mod user_index;
mod wait;

pub use avatars::{FORM_END, PNG, file, part, picture};
pub use callback_server::CallbackServer;
pub use clock::system_time;
pub use faults::{fault, fault_of, refuse, ses_error};
pub use jwt::{encode, encode_text, key_id, parts, sign, sign_text};
pub use mail::link_token;
pub use requests::{profile_change, registration};
pub use response::{Response, filters};
pub use rng::TestRng;
pub use sets::assert_same_set;
pub use store::{Item, sorted};
pub use test_app::{ROTATOR, TestApp, half_rotated, local_options, no_proxy_client, template};
pub use user_index::emails;
pub use wait::{eventually, in_time};

/// The password of every user, unless a test sets another.
pub const PASSWORD: &str = "password123";

/// Runs all futures concurrently and returns their outputs in order.
pub async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    futures_util::future::join_all(futures).await
}
