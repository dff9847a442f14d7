//! The way back to CloudFormation: one `PUT` to the address that it gave.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde_json::Value;

use crate::env::Env;
use crate::{Error, Fault, Flaw, Result};

const MOST_TRIES: usize = 4;
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(1);

/// Brings answers.
pub(super) struct Courier {
    connector: Connector,
}

impl Courier {
    pub(super) fn of(env: &Env) -> Self {
        Self {
            connector: env.connector(),
        }
    }

    /// Puts `answer` to `url`, in a few tries: nobody else will tell.
    ///
    /// # Errors
    /// [`Error::Invalid`] where no secret may go to that address; else a fault.
    pub(super) async fn put(&self, url: &str, answer: &Value) -> Result<()> {
        if !is_confidential(url) {
            return Err(Error::Invalid(Flaw::of(
                "ResponseURL",
                "must be an https URL",
            )));
        }
        let mut last = Fault::new("CloudFormation was not told");
        for _ in 0..MOST_TRIES {
            match tokio::time::timeout(PATIENCE, self.put_once(url, answer)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(fault)) => last = fault,
                Err(_) => last = Fault::new("CloudFormation's address: no answer in time"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(last.into())
    }

    async fn put_once(&self, url: &str, answer: &Value) -> Result<(), Fault> {
        let unbuilt = |_| Fault::new("the answer to CloudFormation could not be built");
        let mut request = HttpRequest::new(answer.to_string().into());
        request.set_method("PUT").map_err(unbuilt)?;
        request.set_uri(url).map_err(unbuilt)?;
        // The address is signed for a request whose content type is empty.
        request
            .headers_mut()
            .try_insert("content-type", "")
            .map_err(unbuilt)?;
        let answered = self.connector.call(request).await;
        let status = answered
            .map_err(|_| Fault::new("CloudFormation's address: no connection"))?
            .status();
        if status.is_success() {
            return Ok(());
        }
        Err(Fault::new(format!(
            "CloudFormation's address: {}",
            status.as_u16()
        )))
    }
}

/// Whether nobody can read on the way: by TLS, or because there is no way.
fn is_confidential(url: &str) -> bool {
    let here = ["http://127.0.0.1:", "http://localhost:"]
        .into_iter()
        .find_map(|host| url.strip_prefix(host));
    let on_this_machine = here.is_some_and(|rest| {
        let port = rest.split('/').next().unwrap_or_default();
        port.bytes().all(|byte| byte.is_ascii_digit())
    });
    url.starts_with("https://") || on_this_machine
}

#[cfg(test)]
mod tests {
    use super::is_confidential;

    #[test]
    fn an_answer_goes_over_tls_or_stays_on_the_machine() {
        for good in [
            "https://bucket.s3.amazonaws.com/a?b=c",
            "http://127.0.0.1:8080/a",
            "http://localhost:8080/a",
        ] {
            assert!(is_confidential(good), "{good}");
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
