//! The services that are here, and how each of them words an error.

use serde_json::json;

use crate::server::{Answer, answer};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    DynamoDb,
    S3,
    Ses,
    SecretsManager,
}

impl Service {
    /// The service of this name in a signature.
    pub(super) fn named(name: &str) -> Option<Service> {
        use Service::{DynamoDb, S3, SecretsManager, Ses};
        [DynamoDb, S3, Ses, SecretsManager]
            .into_iter()
            .find(|service| service.name() == name)
    }

    /// Its name, in signatures and before the colon of its actions.
    pub(super) fn name(self) -> &'static str {
        match self {
            Service::DynamoDb => "dynamodb",
            Service::S3 => "s3",
            Service::Ses => "ses",
            Service::SecretsManager => "secretsmanager",
        }
    }

    /// An error in this service's format. `kind` is its name, as `InternalServerError`.
    pub(super) fn error(self, status: u16, kind: &str, message: &str) -> Answer {
        let (kind_xml, message_xml) = (escape(kind), escape(message));
        match self {
            Service::DynamoDb => {
                let namespace = match kind {
                    "AccessDeniedException" | "ValidationException" | "ThrottlingException" => {
                        "com.amazon.coral.service"
                    }
                    _ => "com.amazonaws.dynamodb.v20120810",
                };
                let body = json!({ "__type": format!("{namespace}#{kind}"), "Message": message, "message": message });
                answer(status, "application/x-amz-json-1.0", body.to_string())
            }
            Service::SecretsManager => {
                let body = json!({ "__type": kind, "Message": message, "message": message });
                answer(status, "application/x-amz-json-1.1", body.to_string())
            }
            Service::S3 => answer(
                status,
                "application/xml",
                format!(
                    "<Error><Code>{kind_xml}</Code><Message>{message_xml}</Message><RequestId>local</RequestId></Error>"
                ),
            ),
            Service::Ses => answer(
                status,
                "text/xml",
                format!(
                    "<ErrorResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><Error><Type>Sender</Type>\
                     <Code>{kind_xml}</Code><Message>{message_xml}</Message></Error><RequestId>local</RequestId></ErrorResponse>"
                ),
            ),
        }
    }

    /// The error for a call that is not granted.
    pub(super) fn refuse(self, message: String) -> Answer {
        match self {
            Service::DynamoDb | Service::SecretsManager => {
                self.error(400, "AccessDeniedException", &message)
            }
            Service::Ses | Service::S3 => self.error(403, "AccessDenied", &message),
        }
    }
}

/// The answer to a request that no one has signed, or for a service that is not here.
pub(super) fn unsigned() -> Answer {
    let body = json!({
        "__type": "com.amazon.coral.service#MissingAuthenticationTokenException",
        "message": "Request is missing Authentication Token",
    });
    answer(403, "application/x-amz-json-1.0", body.to_string())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
