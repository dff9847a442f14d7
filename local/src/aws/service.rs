//! The supported services and their error formats.

use serde_json::json;

use crate::server::{HttpResponse, response};

/// A supported AWS service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    DynamoDb,
    S3,
    Ses,
    SecretsManager,
}

impl Service {
    /// Looks up a service by its name in a signature.
    pub(super) fn from_name(name: &str) -> Option<Service> {
        use Service::{DynamoDb, S3, SecretsManager, Ses};
        [DynamoDb, S3, Ses, SecretsManager]
            .into_iter()
            .find(|service| service.name() == name)
    }

    /// Name in signatures, and prefix of IAM actions.
    pub(super) fn name(self) -> &'static str {
        match self {
            Service::DynamoDb => "dynamodb",
            Service::S3 => "s3",
            Service::Ses => "ses",
            Service::SecretsManager => "secretsmanager",
        }
    }

    /// An error in this service's format. `code` is e.g. `InternalServerError`.
    pub(super) fn error(self, status: u16, code: &str, message: &str) -> HttpResponse {
        let (code_xml, message_xml) = (escape_xml(code), escape_xml(message));
        match self {
            Service::DynamoDb => {
                let namespace = match code {
                    "AccessDeniedException" | "ValidationException" | "ThrottlingException" => {
                        "com.amazon.coral.service"
                    }
                    _ => "com.amazonaws.dynamodb.v20120810",
                };
                let body = json!({ "__type": format!("{namespace}#{code}"), "Message": message, "message": message });
                response(status, "application/x-amz-json-1.0", body.to_string())
            }
            Service::SecretsManager => {
                let body = json!({ "__type": code, "Message": message, "message": message });
                response(status, "application/x-amz-json-1.1", body.to_string())
            }
            Service::S3 => response(
                status,
                "application/xml",
                format!(
                    "<Error><Code>{code_xml}</Code><Message>{message_xml}</Message><RequestId>local</RequestId></Error>"
                ),
            ),
            Service::Ses => response(
                status,
                "text/xml",
                format!(
                    "<ErrorResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><Error><Type>Sender</Type>\
                     <Code>{code_xml}</Code><Message>{message_xml}</Message></Error><RequestId>local</RequestId></ErrorResponse>"
                ),
            ),
        }
    }

    /// The error for a request that lacks a permission.
    pub(super) fn access_denied(self, message: &str) -> HttpResponse {
        match self {
            Service::DynamoDb | Service::SecretsManager => {
                self.error(400, "AccessDeniedException", message)
            }
            Service::Ses | Service::S3 => self.error(403, "AccessDenied", message),
        }
    }
}

/// The error for a request without a signature for a supported service.
pub(super) fn missing_signature() -> HttpResponse {
    let body = json!({
        "__type": "com.amazon.coral.service#MissingAuthenticationTokenException",
        "message": "Request is missing Authentication Token",
    });
    response(403, "application/x-amz-json-1.0", body.to_string())
}

fn escape_xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
