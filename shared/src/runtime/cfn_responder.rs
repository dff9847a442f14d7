//! Responses to CloudFormation: a `PUT` to the URL in its request.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde_json::Value;

use crate::aws::{Connections, PooledClient};
use crate::domain::{Error, InternalError, InvalidField, Result};

const MAX_TRIES: usize = 4;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(1);

/// Sends responses to CloudFormation.
pub(super) struct CfnResponder {
    client: PooledClient,
}

impl CfnResponder {
    pub(super) fn new(connections: &Connections) -> Self {
        Self {
            client: connections.clients.http_client(),
        }
    }

    /// Sends `response` to `url`, with up to four attempts.
    ///
    /// CloudFormation does not ask again: without a response, the stack operation hangs until its
    /// timeout.
    ///
    /// # Errors
    /// [`Error::Invalid`] if `url` is not confidential; else an internal error.
    pub(super) async fn put(&self, url: &str, response: &Value) -> Result<()> {
        if !is_confidential(url) {
            return Err(Error::Invalid(InvalidField::new(
                "ResponseURL",
                "must be an https URL",
            )));
        }
        let mut last = InternalError::new("CloudFormation got no response");
        for _ in 0..MAX_TRIES {
            match tokio::time::timeout(ATTEMPT_TIMEOUT, self.put_once(url, response)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => last = error,
                Err(_) => last = InternalError::new("CloudFormation's address: no answer in time"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(last.into())
    }

    async fn put_once(&self, url: &str, response: &Value) -> Result<(), InternalError> {
        let unbuilt = |_| InternalError::new("the answer to CloudFormation could not be built");
        let mut request = HttpRequest::new(response.to_string().into());
        request.set_method("PUT").map_err(unbuilt)?;
        request.set_uri(url).map_err(unbuilt)?;
        // The URL is presigned for an empty content type.
        request
            .headers_mut()
            .try_insert("content-type", "")
            .map_err(unbuilt)?;
        let response = self.client.call(request).await;
        let status = response
            .map_err(|_| InternalError::new("CloudFormation's address: no connection"))?
            .status();
        if status.is_success() {
            return Ok(());
        }
        Err(InternalError::new(format!(
            "CloudFormation's address: {}",
            status.as_u16()
        )))
    }
}

/// Whether the URL uses TLS, or stays on this machine.
fn is_confidential(url: &str) -> bool {
    let loopback = ["http://127.0.0.1:", "http://localhost:"]
        .into_iter()
        .find_map(|host| url.strip_prefix(host));
    let is_local = loopback.is_some_and(|rest| {
        let port = rest.split('/').next().unwrap_or_default();
        port.bytes().all(|byte| byte.is_ascii_digit())
    });
    url.starts_with("https://") || is_local
}

#[cfg(test)]
mod tests {
    use super::is_confidential;

    #[test]
    fn a_response_is_sent_over_tls_or_stays_on_the_machine() {
        for valid in [
            "https://bucket.s3.amazonaws.com/a?b=c",
            "http://127.0.0.1:8080/a",
            "http://localhost:8080/a",
        ] {
            assert!(is_confidential(valid), "{valid}");
        }
        for bad in [
            "http://example.com/",
            "http://127.0.0.1:80@example.com/",
            "http://127.0.0.1.example.com/",
            "http://localhost:80@example.com/",
            "ftp://a",
            "",
        ] {
            assert!(!is_confidential(bad), "{bad}");
        }
    }
}
