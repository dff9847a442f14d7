//! The rotation of `TokenKey` and `CodeKey`: one step per invocation by Secrets Manager.
//!
//! Each step is idempotent. Nothing else stores the keys, so `setSecret` does nothing. Tokens and
//! codes of the former key stay valid until the next rotation of that key.

use serde::Deserialize;
use serde_json::Value;
use shared::{Command, Error, Result, SecretRotation, Stage, serve_commands};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RotationStep {
    step: Step,
    secret_id: String,
    /// The id of the version to create.
    client_request_token: String,
}

#[derive(Deserialize, Clone, Copy)]
enum Step {
    #[serde(rename = "createSecret")]
    Create,
    #[serde(rename = "setSecret")]
    Set,
    #[serde(rename = "testSecret")]
    Test,
    #[serde(rename = "finishSecret")]
    Finish,
}

impl Command for RotationStep {
    // Secrets Manager ignores the response. A step fails if its invocation does.
    const FAILS: bool = true;

    fn parse(event: Value) -> Result<Self> {
        serde_json::from_value(event).map_err(|error| Error::MalformedBody(error.to_string()))
    }

    fn name(&self) -> &str {
        match self.step {
            Step::Create => "createSecret",
            Step::Set => "setSecret",
            Step::Test => "testSecret",
            Step::Finish => "finishSecret",
        }
    }
}

async fn rotate(rotation: &SecretRotation, request: RotationStep) -> Result<Value> {
    let version = &request.client_request_token;
    let secret = rotation.secret(&request.secret_id)?;
    let Stage::Pending { current } = secret.stage(version).await? else {
        return Ok(Value::Null); // the version is current: every step is done
    };
    match request.step {
        Step::Create => secret.create(version).await?,
        Step::Set => {}
        Step::Test => secret.test(version).await?,
        Step::Finish => secret.finish(version, &current).await?,
    }
    Ok(Value::Null)
}

/// Serves the function.
pub fn main() {
    serve_commands(rotate);
}
