//! The environment of a function: Lambda's variables, and the template's, and nothing else.

use std::collections::BTreeMap;

use super::Surroundings;
use crate::{Function, REGION, SECRET_ACCESS_KEY};

/// The variables of an instance that finds the Runtime API at `runtime_api`.
pub(super) fn of(
    function: &Function,
    surroundings: &Surroundings,
    runtime_api: &str,
) -> BTreeMap<String, String> {
    let lambda = [
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            function.memory.to_string(),
        ),
        (
            "AWS_LAMBDA_LOG_GROUP_NAME",
            format!("/aws/lambda/{}", function.name),
        ),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", function.name.clone()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
        ("AWS_SESSION_TOKEN", "local".to_owned()),
        ("AWS_ENDPOINT_URL", surroundings.aws_url.clone()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ];
    let mut variables: BTreeMap<String, String> = lambda
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    variables.extend(function.variables.clone());
    variables.extend(surroundings.variables.clone());
    variables.extend(backtrace());
    variables
}

/// Whether a panic is to show where it came from is what our own environment says.
#[expect(
    clippy::disallowed_methods,
    reason = "the functions' environment begins here"
)]
fn backtrace() -> Option<(String, String)> {
    let name = "RUST_BACKTRACE".to_owned();
    std::env::var(&name).ok().map(|value| (name, value))
}
