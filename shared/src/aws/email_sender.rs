//! Sending e-mail through SES.

use aws_sdk_ses::Client;
use aws_sdk_ses::error::ProvideErrorMetadata;
use aws_sdk_ses::types::{Body, Content, Destination, Message};

use crate::aws::{Connections, FromConfig, RenderedEmail};
use crate::domain::{Email, InternalError};

/// The reason for which SES did not send an e-mail. Its name is all that the log holds.
///
/// The message of SES can name an address, so it is matched here and never logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendFailure {
    /// Sending is paused, for the account or the configuration set.
    SendingPaused,
    /// The sender's address, its domain or its MAIL FROM domain is not verified.
    SenderNotVerified,
    /// Only the recipient is not verified, as the sandbox of a new account requires.
    RecipientNotVerified,
    /// The configuration set does not exist.
    NoConfigurationSet,
    /// The recipient's address is malformed, or on SES's block list.
    RecipientRejected,
    /// The e-mail is too long, or SES takes it for malware.
    ContentRejected,
    /// The rate or the daily quota is used up.
    Throttled,
    /// The role may not send.
    AccessDenied,
    /// SES failed, or its response was lost. The e-mail may have been sent.
    Unavailable,
    /// Any other reason.
    Unknown,
}

impl SendFailure {
    /// The name in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendingPaused => "sending_paused",
            Self::SenderNotVerified => "sender_not_verified",
            Self::RecipientNotVerified => "recipient_not_verified",
            Self::NoConfigurationSet => "no_configuration_set",
            Self::RecipientRejected => "recipient_rejected",
            Self::ContentRejected => "content_rejected",
            Self::Throttled => "throttled",
            Self::AccessDenied => "access_denied",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
        }
    }

    /// Whether every later attempt would fail, whatever the operator changes.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::RecipientRejected | Self::ContentRejected)
    }

    /// The failure as an error: permanent if retries for hours would fail, and delay all later
    /// e-mails.
    #[must_use]
    pub fn into_internal(self) -> InternalError {
        let cause = format!("SendEmail: {}", self.as_str());
        if self.is_final() || self == Self::RecipientNotVerified {
            InternalError::permanent(cause)
        } else {
            InternalError::new(cause)
        }
    }

    /// The reason for an error of SES with this code and message, for an e-mail to `to`.
    ///
    /// Codes: <https://docs.aws.amazon.com/ses/latest/APIReference/API_SendEmail.html>. Messages:
    /// <https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html>. An unknown
    /// `MessageRejected` counts as transient, so that no e-mail is lost.
    fn of(code: &str, message: &str, status: u16, to: &Email) -> Self {
        let message = message.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
        match code {
            "AccountSendingPausedException" | "ConfigurationSetSendingPausedException" => {
                Self::SendingPaused
            }
            "MailFromDomainNotVerifiedException" => Self::SenderNotVerified,
            "ConfigurationSetDoesNotExistException" | "ConfigurationSetDoesNotExist" => {
                Self::NoConfigurationSet
            }
            // The sender is checked at the start, so only the recipient's address can be malformed.
            "InvalidParameterValue" if has(&["length"]) => Self::ContentRejected,
            "InvalidParameterValue" => Self::RecipientRejected,
            "MessageRejected" if has(&["not verified"]) => {
                // "The following identities failed the check in region …: a@b.co, c@d.co"
                let failed = message.rsplit_once(": ").map_or("", |(_, failed)| failed);
                let to = to.to_string().to_lowercase();
                let mut failed = failed.split(", ").map(|one| one.trim_end_matches('.'));
                if failed.all(|one| one == to) {
                    Self::RecipientNotVerified
                } else {
                    Self::SenderNotVerified
                }
            }
            "MessageRejected" if has(&["paused", "suspended", "disabled"]) => Self::SendingPaused,
            "MessageRejected" if has(&["quota", "rate exceeded"]) => Self::Throttled,
            "MessageRejected" if has(&["blacklisted", "blocklisted", "suppression list"]) => {
                Self::RecipientRejected
            }
            "MessageRejected" if has(&["virus", "malicious", "length"]) => Self::ContentRejected,
            "Throttling"
            | "ThrottlingException"
            | "TooManyRequestsException"
            | "LimitExceededException" => Self::Throttled,
            "AccessDenied" | "AccessDeniedException" => Self::AccessDenied,
            _ if status >= 500 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }
}

/// The outcome of an e-mail that was rendered and handed to SES.
pub type Sent = Result<(), SendFailure>;

/// Sends e-mails from one address, under one configuration set.
pub struct EmailSender {
    ses: Client,
    configuration_set: String,
    from: String,
}

impl FromConfig for EmailSender {
    /// # Errors
    /// Also if the sender is no ASCII address, so that SES rejects no address but the recipient's.
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        let from = connections.config.required("MAIL_FROM")?;
        if !from.is_ascii() || from.parse::<Email>().is_err() {
            return Err(InternalError::new(
                "MAIL_FROM is not an e-mail address in ASCII",
            ));
        }
        Ok(Self {
            ses: connections.clients.ses(),
            configuration_set: connections.config.required("CONFIGURATION_SET")?,
            from,
        })
    }
}

impl EmailSender {
    /// Sends `email` to the address `to`. The result holds the reason if SES did not send it.
    ///
    /// # Errors
    /// If the request could not be built.
    pub async fn send(&self, email: RenderedEmail, to: &Email) -> Result<Sent, InternalError> {
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
        let destination = Destination::builder().to_addresses(to.to_string()).build();
        let sent = self
            .ses
            .send_email()
            .configuration_set_name(&self.configuration_set)
            .source(&self.from)
            .destination(destination)
            .message(message)
            .send()
            .await;
        let Err(error) = sent else { return Ok(Ok(())) };
        let status = error
            .raw_response()
            .map(|response| response.status().as_u16());
        Ok(Err(match (error.code(), status) {
            (Some(code), Some(status)) => {
                SendFailure::of(code, error.message().unwrap_or_default(), status, to)
            }
            _ => SendFailure::Unavailable,
        }))
    }
}
