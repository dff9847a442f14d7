//! Black-box tests: HTTP requests to the real function binaries.
//!
//! Each test starts an embedded cloud of its own: no network, no server, no order.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod support;

/// The API: requests and responses of every family.
mod endpoints {
    mod campus;
    mod campus_validation;
    mod center;
    mod fallback;
    mod mass_assignment;
    pub mod openapi;
    mod profile;
    mod whale;
}

/// User accounts in the store, whatever the family.
mod users {
    mod audit_log;
    mod authority;
    mod email_change;
    mod enumeration;
    mod lifecycle;
    mod passwords;
    mod rate_limits;
    mod recovery;
    mod unique_names;
}

/// Uploaded pictures.
mod avatars {
    mod failures;
    mod upload;
}

/// E-mails, and the codes in them.
mod mail {
    mod budget;
    mod codes;
    mod delivery;
    mod redrive;
}

/// The list of users.
mod user_index {
    mod figures;
    mod list;
    mod property;
    mod races;
    mod repair;
    mod scale;
}

/// Access tokens, and the rotation of their key.
mod tokens {
    mod access;
    mod rotation;
    mod sessions;
}

/// The function `admin`.
mod admin {
    mod commands;
    mod first_administrator;
    mod import;
    mod last_administrator;
}

/// The function runtime: logs, metrics, failures of AWS, cold starts.
mod runtime {
    mod aws_failures;
    mod cold_starts;
    mod logs;
    mod units;
}

/// The template, and rules that no compiler checks.
mod deployment {
    mod attributes;
    mod conventions;
    mod template;
}

/// The local cloud, as developers use it.
mod dev_tools {
    mod invoke;
    mod restart;
    mod seed;
    mod watch;
}

mod events;
