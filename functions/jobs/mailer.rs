//! `OutboxTable`'s stream: delivery of the e-mails in the outbox.
//!
//! A record can arrive twice. Then its e-mail is sent twice, with the same code. A failed record is
//! retried, and finally goes to the dead-letter queue. The log names the reason of SES.
//!
//! If SES rejects the content or the recipient, the record is logged and skipped, since every retry
//! would be rejected. A recipient whom only the sandbox refuses is skipped too, so that others get
//! their e-mails in time; a redrive sends that e-mail later. An e-mail beyond a daily budget is
//! dropped. The message of each e-mail that is not to be sent again is deleted from the outbox.

use serde_json::Value;
use shared::{
    CodeDeriver, Connections, EmailSender, EmailTemplate, Error, FromConfig, InternalError,
    MailBudget, NotificationKind, Outbox, OutboxMessage, SendFailure, Tokens, UserId,
    serve_records,
};

/// The base URL of links in e-mails.
struct BaseUrl(String);

impl FromConfig for BaseUrl {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        Ok(Self(connections.config.required("BASE_URL")?))
    }
}

async fn mailer(
    ((sender, budget, outbox), tokens, codes, BaseUrl(base)): &(
        (EmailSender, MailBudget, Outbox),
        Tokens,
        CodeDeriver,
        BaseUrl,
    ),
    record: &Value,
) -> Result<(), InternalError> {
    let message = OutboxMessage::from_record(record)?;
    if message.kind.is_expired() {
        outbox.complete(record).await; // nobody can use the code
        return Ok(());
    }
    let user = message.user;
    let (code, link);
    let reset_link = format!("{base}/reset-password");
    let template = match &message.kind {
        NotificationKind::VerifyEmail { version } => {
            let token = tokens.issue_for_email(user, *version).await;
            let token = token.map_err(Error::into_internal)?;
            link = format!("{base}/verify-email?u={user}&t={token}");
            EmailTemplate::VerifyEmail { link: &link }
        }
        NotificationKind::ResetCode { mail_code, .. } => {
            code = codes.derive(*mail_code).await;
            link = format!("{base}/reset-password?id={}", UserId::from(user));
            EmailTemplate::ResetCode {
                code: &code,
                link: &link,
            }
        }
        NotificationKind::AddressInUse => EmailTemplate::AddressInUse { link: &reset_link },
        NotificationKind::PasswordChanged => EmailTemplate::PasswordChanged,
        NotificationKind::EmailChanged { hold: Some(hold) } => {
            let token = tokens.issue_to_undo_email(user, *hold).await;
            let token = token.map_err(Error::into_internal)?;
            link = format!("{base}/undo-email-change?u={user}&t={token}");
            EmailTemplate::EmailChanged { link: Some(&link) }
        }
        NotificationKind::EmailChanged { hold: None } => EmailTemplate::EmailChanged { link: None },
    };
    let email = template.render(&message.nickname, message.language)?;
    let sent = match budget.admit(&message).await? {
        true => sender.send(email, &message.to).await?,
        false => Ok(()), // dropped
    };
    if sent.is_ok() || sent.is_err_and(SendFailure::is_final) {
        outbox.complete(record).await;
    }
    sent.map_err(SendFailure::into_internal)
}

/// Serves the function.
pub fn main() {
    serve_records(mailer);
}
