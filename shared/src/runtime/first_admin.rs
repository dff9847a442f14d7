//! The first administrator, as a custom resource of the CloudFormation stack.
//!
//! The account is created together with the stack, with a generated password. CloudFormation blocks
//! until it gets a response, so one is always sent.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::cfn_responder::CfnResponder;
use super::panic_guard::catch_panic;
use crate::api::admin;
use crate::aws::PasswordPolicy;
use crate::aws::SecretRef;
use crate::aws::{Connections, FromConfig};
use crate::domain::{
    Actor, Email, Error, InternalError, InvalidField, NewUser, Nickname, Password, Result, Role,
    Username, clock,
};
use crate::store::Users;
use crate::telemetry::log;

/// The physical id of the resource. It must never change: CloudFormation would treat a new id as a
/// replacement, and delete the former resource.
const PHYSICAL_ID: &str = "first-administrator";

/// The time limit of the work, in seconds. It leaves time for the response within
/// `ServiceTimeout`, which CloudFormation waits for.
const WORK_SECONDS: u64 = 240;

/// How long a refusal of IAM is retried, in seconds.
///
/// IAM is eventually consistent: a policy that the same deployment attached can take effect later
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html>).
const PERMISSION_SECONDS: u64 = 180;

/// The pause before the first retry of a refusal. Each further one is twice as long.
const MIN_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// The reason that CloudFormation gets if IAM refused until the end.
const NO_PERMISSION: &str = "IAM still denies the function its permissions; update the stack again";

/// A request of CloudFormation to create, update or delete the resource.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CustomResourceRequest {
    /// `Create`, `Update` or `Delete`.
    request_type: String,
    /// The presigned URL for the response.
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

/// The handler of the custom resource.
pub struct FirstAdminResource {
    password: SecretRef,
    policy: PasswordPolicy,
    responder: CfnResponder,
}

impl FromConfig for FirstAdminResource {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        Ok(Self {
            password: SecretRef::from_variable(connections, "ADMIN_PASSWORD")?,
            policy: PasswordPolicy::open(connections).await?,
            responder: CfnResponder::new(connections),
        })
    }
}

impl FirstAdminResource {
    /// Handles `request`, and sends the outcome to CloudFormation. Returns the sent response.
    ///
    /// # Errors
    /// If the request failed, after the response was sent; or if it could not be sent.
    pub async fn handle(&self, users: &Users, request: &CustomResourceRequest) -> Result<Value> {
        let work = catch_panic(self.execute(users, request));
        let in_time = tokio::time::timeout(Duration::from_secs(WORK_SECONDS), work).await;
        let outcome =
            in_time.unwrap_or_else(|_| Err(InternalError::new("the work took too long").into()));
        let (status, reason) = match &outcome {
            Ok(result) => ("SUCCESS", (*result).to_owned()),
            Err(Error::Internal(error)) if error.is_access_denied() => {
                ("FAILED", NO_PERMISSION.to_owned())
            }
            Err(error) => ("FAILED", admin::message(error)),
        };
        let response = json!({
            "Status": status,
            "Reason": reason,
            "PhysicalResourceId": PHYSICAL_ID,
            "StackId": request.stack_id,
            "RequestId": request.request_id,
            "LogicalResourceId": request.logical_resource_id,
        });
        self.responder.put(&request.response_url, &response).await?;
        outcome?; // so that the error is logged
        Ok(response)
    }

    async fn execute(
        &self,
        users: &Users,
        request: &CustomResourceRequest,
    ) -> Result<&'static str> {
        match request.request_type.as_str() {
            "Create" => {
                self.create_with_retries(users, &request.resource_properties)
                    .await
            }
            "Update" => Ok("the administrator stays as they are"),
            "Delete" => Ok("the administrator stays, as all users do"),
            _ => Err(Error::Invalid(InvalidField::new(
                "RequestType",
                "must be Create, Update or Delete",
            ))),
        }
    }

    /// Creates the administrator, as soon as IAM allows it.
    async fn create_with_retries(&self, users: &Users, properties: &Value) -> Result<&'static str> {
        let deadline = clock::seconds().saturating_add(PERMISSION_SECONDS);
        let mut pause = MIN_PAUSE;
        loop {
            match self.create(users, properties).await {
                Err(Error::Internal(error))
                    if error.is_access_denied() && clock::seconds() < deadline =>
                {
                    log::warning("IAM does not allow the first administrator yet", &error);
                }
                outcome => return outcome,
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(MAX_PAUSE);
        }
    }

    /// Creates the administrator. Idempotent, since CloudFormation can send a request twice.
    async fn create(&self, users: &Users, properties: &Value) -> Result<&'static str> {
        const EXISTS: &str = "the administrator is there already";
        let email = properties
            .get("Email")
            .and_then(Value::as_str)
            .ok_or(Error::Missing("Email"))?;
        let email: Email = email.parse().map_err(|_| Error::BadEmail)?;
        if is_administrator(users, &email).await? {
            return Ok(EXISTS);
        }
        let invalid = |reason| Error::Invalid(InvalidField::new("username", reason));
        let username: Username = Username::ADMINISTRATOR.parse().map_err(invalid)?;
        let nickname: Nickname = Username::ADMINISTRATOR.parse().map_err(invalid)?;
        let password =
            Password::parse(&self.password.read().await?).map_err(|_| Error::BadPassword)?;
        let new = NewUser {
            password: self
                .policy
                .hash(&password, &[&username, &nickname, &email])?,
            username: Some(username),
            nickname,
            email: email.clone(),
            role: Role::Admin,
        };
        match users.sign_up(new, None, &Actor::operator()).await {
            Ok(_) => Ok("the administrator is made"),
            Err(Error::EmailTaken | Error::UsernameTaken)
                if is_administrator(users, &email).await? =>
            {
                Ok(EXISTS)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether the account with this e-mail address is an active administrator.
async fn is_administrator(users: &Users, email: &Email) -> Result<bool> {
    match users.owner_of_email(email).await? {
        Some(uuid) => Ok(users
            .by_uuid(uuid)
            .await?
            .is_some_and(|user| user.is_active_admin())),
        None => Ok(false),
    }
}
