//! Mails that the functions sent. None of them leaves this process.

use serde::Serialize;

/// One mail that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// The addresses it goes to.
    pub to: Vec<String>,
    /// The subject; empty for a raw mail.
    pub subject: String,
    /// The body as plain text, or a raw mail as it was sent.
    pub text: String,
    /// The body as HTML, or nothing.
    pub html: String,
    /// When it was sent, as RFC 3339 has it.
    pub at: String,
}
