//! A small cloud in one process.
//!
//! It reads `template.yaml`, and that file only: which functions there are, which routes
//! lead to them, which tables, buckets and secrets they find, and what each of them may do.
//!
//! ```text
//!  HTTP ──▶ gateway ──▶ lambda ──▶ a function's binary ──▶ aws ──▶ DynamoDB, S3, SES, secrets
//!           routes      instances  (a child process)       grants
//!                         ▲                                  │
//!                         └─────────── streams ◀─────────────┘
//! ```
//!
//! - [`Template`] is the template, resolved: no `!Ref` is left in it.
//! - `gateway` turns an HTTP request into an event, and the answer back into HTTP.
//! - `lambda` speaks the Lambda Runtime API to the real binaries: started on first use, one
//!   request at a time each, more of them under load.
//! - `aws` is the one door to all AWS services. A function signs with its own name as access
//!   key id, so the door knows who asks, and refuses what the template does not grant.
//! - `streams` hands what is written to a table on to the functions that follow its stream.
//! - `rotations` calls the function that the template has for rotating a secret, step by step.
//! - [`Watch`] follows what is saved: new binaries and a new template, in a cloud that runs.
//!
//! Tests start one [`Cloud`] each, in memory. `cargo run -p local` starts one that stays.

#![allow(
    clippy::indexing_slicing,
    reason = "only JSON is indexed, and gives null for what is not there"
)]

mod aws;
mod clock;
mod cloud;
mod file;
mod gateway;
mod lambda;
mod live;
mod mail;
mod operator;
mod options;
mod recent;
mod rotations;
mod server;
mod streams;
mod template;
mod watch;
mod workspace;

pub use aws::{AwsCall, Effect, Fault, Hold, OPERATOR, SECRET_ACCESS_KEY};
pub use cloud::Cloud;
pub use mail::Mail;
pub use options::Options;
pub use template::{
    Bucket, Condition, Distribution, Function, Pattern, Queue, REGION, RequestContext, Route,
    Secret, Statement, StreamSource, Table, Template,
};
pub use watch::Watch;
pub use workspace::Workspace;

/// What can go wrong while starting or using the cloud, in words for a person.
pub type Result<T> = anyhow::Result<T>;
