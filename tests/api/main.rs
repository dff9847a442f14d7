//! Black-box tests: HTTP against the real function binaries, on an embedded cloud of each
//! test's own. No network, no server to start, no order. `.ci/deploy` runs the same tests
//! against a deployed stack.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod admin;
mod administrators;
mod assignment;
mod authority;
mod avatar_faults;
mod avatars;
mod campus;
mod campus_bounds;
mod captchas;
mod center;
mod cold_starts;
mod directory;
mod directory_figures;
mod directory_property;
mod directory_races;
mod directory_repair;
mod ear;
mod events;
mod faults;
mod imports;
mod invoke;
mod life;
mod limits;
mod logs;
mod mails;
mod openapi;
mod passwords;
mod profile;
mod races;
mod restart;
mod rotation;
mod stack;
mod template;
mod tidy;
mod tokens;
mod unrouted;
mod upload;
mod watch;
mod whale;
mod world;
