//! Sending e-mail through SES.

use aws_sdk_ses::Client;
use aws_sdk_ses::error::ProvideErrorMetadata;
use aws_sdk_ses::types::{Body, Content, Destination, Message};

use crate::aws::{Connections, FromConfig, RenderedEmail};
use crate::domain::{Email, InternalError};

/// SES's errors about the e-mail itself or its recipient
/// (<https://docs.aws.amazon.com/ses/latest/APIReference/API_SendEmail.html>). A retry would get the
/// same one. All other errors are transient: sending is paused, or the sending rate is exceeded.
const PERMANENT_ERRORS: [&str; 3] = [
    "InvalidParameterValue",
    "MessageRejected",
    "ValidationError",
];

/// Sends e-mails from one address, under one configuration set.
pub struct EmailSender {
    ses: Client,
    configuration_set: String,
    from: String,
}

impl FromConfig for EmailSender {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        Ok(Self {
            ses: connections.clients.ses(),
            configuration_set: connections.config.required("CONFIGURATION_SET")?,
            from: connections.config.required("MAIL_FROM")?,
        })
    }
}

impl EmailSender {
    /// Sends `email` to the address `to`.
    ///
    /// # Errors
    /// A permanent error if SES rejects the e-mail or the recipient; else a transient one.
    pub async fn send(&self, email: RenderedEmail, to: &Email) -> Result<(), InternalError> {
        let content = |text: String| {
            let content = Content::builder().data(text).charset("UTF-8").build();
            content.map_err(|error| {
                InternalError::new(format!("an e-mail could not be built: {error}"))
                    .with_source(error)
            })
        };
        let body = Body::builder()
            .text(content(email.text)?)
            .html(content(email.html)?)
            .build();
        let message = Message::builder()
            .subject(content(email.subject)?)
            .body(body)
            .build();
        let to = Destination::builder().to_addresses(to.to_string()).build();
        let sent = self
            .ses
            .send_email()
            .configuration_set_name(&self.configuration_set)
            .source(&self.from)
            .destination(to)
            .message(message)
            .send()
            .await;
        sent.map_err(|error| send_error(error.code()).with_source(error))?;
        Ok(())
    }
}

fn send_error(code: Option<&str>) -> InternalError {
    let cause = format!("SendEmail: {}", code.unwrap_or("no answer"));
    if code.is_some_and(|code| PERMANENT_ERRORS.contains(&code)) {
        InternalError::permanent(cause)
    } else {
        InternalError::new(cause)
    }
}
