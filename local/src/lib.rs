//! A generic embedded cloud: what a SAM template describes, in one process.
//!
//! It reads a SAM template and nothing else: functions, routes, tables, buckets, secrets, and what
//! each function may do.
//!
//! ```text
//!  HTTP ──▶ gateway ──▶ lambda ──▶ function binary ──▶ aws ──▶ DynamoDB, S3, SES, secrets
//!           routes      instances  (child process)     IAM
//!                         ▲                             │
//!                         └────────── streams ◀─────────┘
//! ```
//!
//! - [`Template`] is the template with every intrinsic function resolved.
//! - `gateway` converts an HTTP request into an event, and the function's response into HTTP.
//! - `lambda` serves the Lambda Runtime API to the real binaries. An instance starts on first use
//!   and handles one invocation at a time; load starts more instances.
//! - `aws` is the endpoint of all AWS services. A function's access key id is its own name, so the
//!   endpoint can check each call against the permissions that the template grants.
//! - `streams` invokes functions with the records of DynamoDB streams.
//! - `secret_rotation` invokes the rotation function of a secret, step by step.
//! - [`Watch`] updates a running cloud when sources or the template change.
//!
//! Each test starts a [`Cloud`] of its own, in memory.

#![allow(
    clippy::indexing_slicing,
    reason = "only `serde_json::Value` is indexed, which returns null for a missing key"
)]

mod aws;
mod clock;
mod cloud;
mod gateway;
mod json_file;
mod lambda;
mod options;
mod ring_buffer;
mod secret_rotation;
mod server;
mod streams;
mod template;
mod watch;
mod workspace;

pub use aws::{AwsCall, CapturedEmail, Effect, Hold, InjectedFault, OPERATOR, SECRET_ACCESS_KEY};
pub use cloud::Cloud;
pub use options::Options;
pub use template::{
    Bucket, Condition, Distribution, FilterPattern, Function, Queue, REGION, RequestContext, Route,
    Secret, StackSettings, Statement, StreamSource, Table, Template,
};
pub use watch::Watch;
pub use workspace::Workspace;

/// Result of starting or using the cloud. The error is a message for a person.
pub type Result<T> = anyhow::Result<T>;
