//! What the mails say: one file a letter and language in `templates`, its first line the
//! subject. The HTML is laid out from the same paragraphs.

use askama::Template;

use crate::{Fault, Language};

/// A mail's occasion.
#[derive(Debug, Clone, Copy)]
pub enum Letter<'a> {
    /// Asks whether the address is theirs.
    VerifyEmail {
        /// Where they say so; good for 24 hours.
        link: &'a str,
    },
    /// Brings the code for a new password.
    ResetCode {
        /// The code; good for 10 minutes and 5 tries.
        code: &'a str,
        /// Where it is entered.
        link: &'a str,
    },
    /// Tells that the password is another one now.
    PasswordChanged,
    /// Tells the old address that it is no longer the account's; does not name the new one.
    EmailChanged,
}

/// A letter as it is sent, without its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The subject: one line, with nothing in it that a user chose.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as an HTML document.
    pub html: String,
}

impl Letter<'_> {
    /// Writes the letter to the user with the nickname `name`.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub fn write(&self, name: &str, language: Language) -> Result<Mail, Fault> {
        let written = self
            .words(&greeted(name), language)
            .render()
            .map_err(unwritten)?;
        let (subject, text) = written.split_once("\n\n").unwrap_or_default();
        let parts = text
            .split("\n\n")
            .map(|paragraph| self.part(paragraph.trim_end(), language))
            .collect();
        let html = Layout {
            subject,
            language,
            parts,
        }
        .render()
        .map_err(unwritten)?;
        Ok(Mail {
            subject: subject.to_owned(),
            text: format!("{text}\n"),
            html,
        })
    }

    fn words<'a>(&'a self, name: &'a str, language: Language) -> Words<'a> {
        use Language::{En, Zh};
        match (*self, language) {
            (Self::VerifyEmail { link }, En) => Words::VerifyEmailEn { name, link },
            (Self::VerifyEmail { link }, Zh) => Words::VerifyEmailZh { name, link },
            (Self::ResetCode { code, link }, En) => Words::ResetCodeEn { name, code, link },
            (Self::ResetCode { code, link }, Zh) => Words::ResetCodeZh { name, code, link },
            (Self::PasswordChanged, En) => Words::PasswordChangedEn { name },
            (Self::PasswordChanged, Zh) => Words::PasswordChangedZh { name },
            (Self::EmailChanged, En) => Words::EmailChangedEn { name },
            (Self::EmailChanged, Zh) => Words::EmailChangedZh { name },
        }
    }

    /// What a paragraph of the text is in HTML: the code stands alone in its paragraph, the
    /// link under the line that says what it does.
    fn part<'a>(&self, paragraph: &'a str, language: Language) -> Part<'a> {
        let (code, link) = match *self {
            Self::VerifyEmail { link } => (None, Some(link)),
            Self::ResetCode { code, link } => (Some(code), Some(link)),
            Self::PasswordChanged | Self::EmailChanged => (None, None),
        };
        match paragraph.rsplit_once('\n') {
            None if Some(paragraph) == code => Part::Code(paragraph),
            Some((label, url)) if Some(url) == link => Part::Link {
                label: label.trim_end_matches([':', '：']),
                url,
            },
            _ => Part::Words(
                paragraph.replace('\n', if language == Language::Zh { "" } else { " " }),
            ),
        }
    }
}

/// The nickname as a letter greets it: on one line. Anyone can have us write to anyone by
/// signing up, so a name that is long or that a mail reader would make a link of is left out.
fn greeted(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let link = name.contains(['/', '@', ':', '．', '。'])
        || name
            .split('.')
            .skip(1)
            .any(|after| after.starts_with(char::is_alphanumeric));
    if link || name.chars().count() > 40 {
        String::new()
    } else {
        name
    }
}

fn unwritten(error: askama::Error) -> Fault {
    Fault::new(format!("letter: {error}"))
}

/// The letters' texts.
#[derive(Template)]
enum Words<'a> {
    #[template(path = "verify_email.en.txt")]
    VerifyEmailEn { name: &'a str, link: &'a str },
    #[template(path = "verify_email.zh.txt")]
    VerifyEmailZh { name: &'a str, link: &'a str },
    #[template(path = "reset_code.en.txt")]
    ResetCodeEn {
        name: &'a str,
        code: &'a str,
        link: &'a str,
    },
    #[template(path = "reset_code.zh.txt")]
    ResetCodeZh {
        name: &'a str,
        code: &'a str,
        link: &'a str,
    },
    #[template(path = "password_changed.en.txt")]
    PasswordChangedEn { name: &'a str },
    #[template(path = "password_changed.zh.txt")]
    PasswordChangedZh { name: &'a str },
    #[template(path = "email_changed.en.txt")]
    EmailChangedEn { name: &'a str },
    #[template(path = "email_changed.zh.txt")]
    EmailChangedZh { name: &'a str },
}

/// A letter in HTML.
#[derive(Template)]
#[template(path = "layout.html")]
struct Layout<'a> {
    subject: &'a str,
    language: Language,
    parts: Vec<Part<'a>>,
}

enum Part<'a> {
    Words(String),
    Code(&'a str),
    Link { label: &'a str, url: &'a str },
}

#[cfg(test)]
mod tests {
    use super::{Letter, Mail};
    use crate::Language;

    const LINK: &str = "https://accounts.example.com/verify-email?u=01a1fc45-0db0-765a-84bb-aa0f02322439&t=eyJ0eXAiOiJKV1Qi.eyJ1c2VyX2lk.E5iRmlPpgeoh4";
    const CODE: &str = "7KQ2M9XD";
    const LETTERS: [Letter; 4] = [
        Letter::VerifyEmail { link: LINK },
        Letter::ResetCode {
            code: CODE,
            link: LINK,
        },
        Letter::PasswordChanged,
        Letter::EmailChanged,
    ];

    fn every_letter_to(name: &str) -> Vec<(Letter<'static>, Language, Mail)> {
        let both = |letter: Letter<'static>| [(letter, Language::Zh), (letter, Language::En)];
        let all = LETTERS.into_iter().flat_map(both);
        all.map(|(letter, language)| (letter, language, letter.write(name, language).unwrap()))
            .collect()
    }

    /// What a reader sees of an HTML document, without any white space.
    fn seen(html: &str) -> String {
        let body = html
            .split_once("<body")
            .unwrap()
            .1
            .split_once('>')
            .unwrap()
            .1;
        let text: String = body
            .split('<')
            .map(|tag| tag.rsplit_once('>').map_or(tag, |(_, text)| text))
            .collect();
        let text = text.replace("&#38;", "&").replace("&#34;", "\"");
        text.split_whitespace().collect()
    }

    #[test]
    fn a_letter_brings_its_link_and_its_code() {
        for (letter, _, mail) in every_letter_to("测试用户") {
            let (code, link) = match letter {
                Letter::VerifyEmail { .. } => (false, true),
                Letter::ResetCode { .. } => (true, true),
                Letter::PasswordChanged | Letter::EmailChanged => (false, false),
            };
            assert_eq!(mail.text.lines().any(|line| line == LINK), link, "{mail:?}");
            assert_eq!(
                mail.html.matches(&LINK.replace('&', "&#38;")).count(),
                if link { 2 } else { 0 }
            );
            assert_eq!(mail.text.lines().any(|line| line == CODE), code, "{mail:?}");
            assert_eq!(
                mail.html.contains(&format!(">{CODE}</p>")),
                code,
                "{mail:?}"
            );
            assert!(!mail.subject.contains(CODE));
        }
    }

    #[test]
    fn the_html_says_what_the_text_says() {
        for (_, language, mail) in every_letter_to("Ann") {
            let text: String = mail.text.split_whitespace().collect();
            // The button does without the colon that leads to the URL in the text.
            let text = text
                .replace(":https://", "https://")
                .replace("：https://", "https://");
            assert_eq!(seen(&mail.html), text);
            assert!(
                mail.html
                    .contains(&format!("<html lang=\"{}\">", language.tag()))
            );
        }
    }

    #[test]
    fn a_mail_fits_its_reader() {
        for (_, _, mail) in every_letter_to(&"长".repeat(40)) {
            assert!(
                !mail.subject.is_empty() && !mail.subject.contains('\n'),
                "{mail:?}"
            );
            assert!(
                mail.text.ends_with('\n') && !mail.text.contains("\n\n\n"),
                "{mail:?}"
            );
            for line in mail
                .text
                .lines()
                .filter(|line| !line.starts_with("https://"))
            {
                assert!(line.chars().count() <= 78, "{line}");
            }
            for text in [&mail.subject, &mail.text, &mail.html] {
                assert!(!text.contains("{{") && !text.contains("{%"), "{text}");
            }
            for outside in ["<img", "src=", "<link", "url("] {
                assert!(!mail.html.contains(outside), "{outside}");
            }
        }
    }

    #[test]
    fn a_nickname_is_words_and_nothing_else() {
        for (name, greeting) in [
            ("<script>alert(1)", "&#60;script&#62;alert(1)"),
            ("<b>\"&'", "&#60;b&#62;&#34;&#38;&#39;"),
            ("{{ link }}", "{{ link }}"),
            ("A\r\nBcc: x", ""), // a colon
            ("A\r\n\r\nB\u{2028}C", "A B C"),
            ("J. Smith", "J. Smith"),
            ("</b>", ""),
            ("win.example.com", ""),
            ("https://example.com", ""),
            ("x@example.com", ""),
            (&"a".repeat(41), ""),
        ] {
            for (letter, language, mail) in every_letter_to(name) {
                let hello = match (language, greeting) {
                    (Language::Zh, "") => "您好：".to_owned(),
                    (Language::Zh, name) => format!("您好，{name}："),
                    (Language::En, "") => "Hello,".to_owned(),
                    (Language::En, name) => format!("Hello {name},"),
                };
                assert!(
                    mail.html.contains(&format!("\">{hello}</p>")),
                    "{hello}\n{}",
                    mail.html
                );
                let plain = letter.write("", language).unwrap();
                assert_eq!(mail.subject, plain.subject);
                assert_eq!(
                    mail.text.lines().count(),
                    plain.text.lines().count(),
                    "{}",
                    mail.text
                );
                assert_eq!(
                    mail.html.matches('<').count(),
                    plain.html.matches('<').count()
                );
            }
        }
    }
}
