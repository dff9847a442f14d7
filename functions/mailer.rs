//! `OutboxTable`'s stream: sends the mails that were written to the outbox.
//!
//! A record may come twice, and a mail with it; it is the same mail, with the same code. What
//! fails is tried again, and in the end kept in the dead-letter queue; but what SES refuses for what
//! the mail is, or to whom, it would refuse again: that is told in the log, and the next mail sent.

use aws_sdk_ses::Client;
use aws_sdk_ses::error::ProvideErrorMetadata;
use aws_sdk_ses::types::{Body, Content, Destination, Message};
use serde_json::Value;
use shared::{Codes, Env, Error, Fault, Letter, Matter, Post, Resource, Tokens, serve_records};

/// SES's refusals of a mail for what it is, or to whom
/// (<https://docs.aws.amazon.com/ses/latest/APIReference/API_SendEmail.html>). Its others are about
/// all mails alike, as where sending is paused, or it is too much at once: those pass.
const FOR_GOOD: [&str; 3] = [
    "InvalidParameterValue",
    "MessageRejected",
    "ValidationError",
];

/// The post office: how to send, under which of SES's sets of rules, from whom, and where links
/// lead.
struct Office {
    ses: Client,
    configuration_set: String,
    from: String,
    base_url: String,
}

impl Resource for Office {
    async fn open(env: &Env) -> Result<Self, Fault> {
        Ok(Self {
            ses: env.ses(),
            configuration_set: env.text("CONFIGURATION_SET")?,
            from: env.text("MAIL_FROM")?,
            base_url: env.text("BASE_URL")?,
        })
    }
}

async fn mailer(
    (office, tokens, codes): &(Office, Tokens, Codes),
    record: &Value,
) -> Result<(), Fault> {
    let post = Post::of_record(record)?;
    let (base, user) = (&office.base_url, post.user);
    let (code, link);
    let letter = match &post.matter {
        Matter::VerifyEmail { version } => {
            let token = tokens
                .issue_for_email(user, *version)
                .await
                .map_err(Error::into_fault)?;
            link = format!("{base}/verify-email?u={user}&t={token}");
            Letter::VerifyEmail { link: &link }
        }
        Matter::ResetCode { captcha, key_id } => {
            code = codes
                .of(*captcha, key_id)
                .await?
                .ok_or_else(|| gone(&post.matter))?;
            link = format!("{base}/reset-password?id={}", shared::UserId::from(user));
            Letter::ResetCode {
                code: &code,
                link: &link,
            }
        }
        Matter::PasswordChanged => Letter::PasswordChanged,
        Matter::EmailChanged => Letter::EmailChanged,
    };
    office.send(&post, letter).await
}

impl Office {
    async fn send(&self, post: &Post, letter: Letter<'_>) -> Result<(), Fault> {
        let mail = letter.write(&post.nickname, post.language)?;
        let part = |text: String| {
            let part = Content::builder().data(text).charset("UTF-8").build();
            part.map_err(|error| Fault::new(format!("a mail could not be built: {error}")))
        };
        let body = Body::builder()
            .text(part(mail.text)?)
            .html(part(mail.html)?)
            .build();
        let message = Message::builder()
            .subject(part(mail.subject)?)
            .body(body)
            .build();
        let to = Destination::builder()
            .to_addresses(post.to.to_string())
            .build();
        let request = self
            .ses
            .send_email()
            .configuration_set_name(&self.configuration_set);
        let sent = request
            .source(&self.from)
            .destination(to)
            .message(message)
            .send()
            .await;
        sent.map_err(|error| refusal(error.code()))?;
        Ok(())
    }
}

fn refusal(code: Option<&str>) -> Fault {
    let cause = format!("SendEmail: {}", code.unwrap_or("no answer"));
    let lasting = code.is_some_and(|code| FOR_GOOD.contains(&code));
    if lasting {
        Fault::lasting(cause)
    } else {
        Fault::new(cause)
    }
}

/// Of a key that is not there: it may have been made a moment ago, but while the code was good it
/// would have been found.
fn gone(matter: &Matter) -> Fault {
    let cause = "the key of a code is gone";
    if matter.is_over() {
        Fault::lasting(cause)
    } else {
        Fault::new(cause)
    }
}

/// Runs the function.
pub fn main() {
    serve_records(mailer);
}
