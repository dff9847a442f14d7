//! Black-box tests: HTTP against the real function binaries, on an embedded cloud of each
//! test's own. No network, no server to start, no order.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod captchas;
mod center;
mod faults;
mod limits;
mod mails;
mod passwords;
mod races;
mod tidy;
mod tokens;
mod unrouted;
mod whale;
mod world;
