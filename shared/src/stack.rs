//! The first administrator, as a custom resource of the CloudFormation stack: made when the
//! stack is, with a password that nobody chose. CloudFormation waits until it is told what came
//! of it, so it is told in any case.

mod answer;

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use answer::Courier;

use crate::dialect::operator;
use crate::env::{Env, Resource};
use crate::secrets::Unread;
use crate::users::Administrator;
use crate::{By, Email, Error, Fault, Flaw, Nickname, Password, Result, Username, Users, serve};

/// What CloudFormation calls the resource. The same for ever: another name would be another
/// resource, and the former would be deleted.
const PHYSICAL_ID: &str = "first-administrator";

/// How long the work may take, so that there is time left to tell.
const PATIENCE: Duration = Duration::from_secs(60);

/// A change of the resource, as CloudFormation orders one.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Change {
    /// `Create`, `Update` or `Delete`.
    request_type: String,
    /// Where CloudFormation wants to be told: a URL that holds its own permission.
    #[serde(rename = "ResponseURL")]
    response_url: String,
    #[serde(default)]
    stack_id: String,
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    logical_resource_id: String,
    #[serde(default)]
    resource_properties: Value,
}

/// What it takes to carry such a change out.
pub struct Stack {
    password: Unread,
    courier: Courier,
}

impl Resource for Stack {
    async fn open(env: &Env) -> Result<Self, Fault> {
        Ok(Self {
            password: Unread::of(env, "ADMIN_PASSWORD")?,
            courier: Courier::of(env),
        })
    }
}

impl Stack {
    /// Carries a change out and tells CloudFormation what came of it: what it was told.
    ///
    /// # Errors
    /// Where the change failed, which CloudFormation was told; where it cannot be told.
    pub async fn change(&self, users: &Users, change: &Change) -> Result<Value> {
        let work = serve::guarded(self.carry_out(users, change));
        let in_time = tokio::time::timeout(PATIENCE, work).await;
        let outcome = in_time.unwrap_or_else(|_| Err(Fault::new("the work took too long").into()));
        let (status, reason) = match &outcome {
            Ok(done) => ("SUCCESS", (*done).to_owned()),
            Err(error) => ("FAILED", operator::words(error)),
        };
        let answer = json!({
            "Status": status,
            "Reason": reason,
            "PhysicalResourceId": PHYSICAL_ID,
            "StackId": change.stack_id,
            "RequestId": change.request_id,
            "LogicalResourceId": change.logical_resource_id,
        });
        self.courier.put(&change.response_url, &answer).await?;
        outcome?; // the log is to say so, too
        Ok(answer)
    }

    async fn carry_out(&self, users: &Users, change: &Change) -> Result<&'static str> {
        match change.request_type.as_str() {
            "Create" => self.create(users, &change.resource_properties).await,
            "Update" => Ok("the administrator stays as they are"),
            "Delete" => Ok("the administrator stays, as all users do"),
            _ => Err(Error::Invalid(Flaw::of(
                "RequestType",
                "must be Create, Update or Delete",
            ))),
        }
    }

    /// Makes the administrator, unless that was done before: CloudFormation may ask twice.
    async fn create(&self, users: &Users, properties: &Value) -> Result<&'static str> {
        const THERE: &str = "the administrator is there already";
        let email = properties
            .get("Email")
            .and_then(Value::as_str)
            .ok_or(Error::Missing("Email"))?;
        let email: Email = email.parse().map_err(|_| Error::BadEmail)?;
        if is_there(users, &email).await? {
            return Ok(THERE);
        }
        let flaw = |why| Error::Invalid(Flaw::of("username", why));
        let new = Administrator {
            username: Username::ADMINISTRATOR.parse::<Username>().map_err(flaw)?,
            nickname: Username::ADMINISTRATOR.parse::<Nickname>().map_err(flaw)?,
            email: email.clone(),
            password: Password::parse(&self.password.read().await?)
                .map_err(|_| Error::BadPassword)?,
        };
        match users.make_administrator(new, &By::operator()).await {
            Ok(_) => Ok("the administrator is made"),
            Err(Error::EmailTaken | Error::UsernameTaken) if is_there(users, &email).await? => {
                Ok(THERE)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether an administrator has this address.
async fn is_there(users: &Users, email: &Email) -> Result<bool> {
    match users.owner_of_email(email).await? {
        Some(uuid) => Ok(users
            .by_uuid(uuid)
            .await?
            .is_some_and(|user| user.administers())),
        None => Ok(false),
    }
}
