//! `TokenKey`'s rotation: one step of it, as Secrets Manager asks for them one after another.
//!
//! A step that is asked for twice is done once. Nothing else knows the key, so there is nothing
//! to set it in; what was signed with the key before stays good until the next rotation.

use serde::Deserialize;
use serde_json::Value;
use shared::{Error, Order, Result, Rotation, Stage, serve_event};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    step: Step,
    secret_id: String,
    /// The id of the version to come.
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

impl Order for Asked {
    // Secrets Manager reads no answer: a step has failed when its invocation has.
    const FAILS: bool = true;

    fn read(event: Value) -> Result<Self> {
        serde_json::from_value(event).map_err(|why| Error::Unreadable(why.to_string()))
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

async fn rotator(rotation: &Rotation, asked: Asked) -> Result<Value> {
    let version = &asked.client_request_token;
    let Stage::Pending { current } = rotation.stage(&asked.secret_id, version).await? else {
        return Ok(Value::Null); // all of it is done
    };
    match asked.step {
        Step::Create => rotation.create(version).await?,
        Step::Set => {}
        Step::Test => rotation.test(version).await?,
        Step::Finish => rotation.finish(version, &current).await?,
    }
    Ok(Value::Null)
}

/// Runs the function.
pub fn main() {
    serve_event(rotator);
}
