//! Rendering of e-mails: subject, plain text and HTML.
//!
//! `templates` has one file per template and language. Its first line is the subject. The HTML is
//! generated from the same paragraphs.

use askama::Template;

use crate::domain::{InternalError, Language};

/// An e-mail template with its parameters.
#[derive(Debug, Clone, Copy)]
pub enum EmailTemplate<'a> {
    /// Asks the user to verify the e-mail address.
    VerifyEmail {
        /// The verification link, valid for 24 hours.
        link: &'a str,
    },
    /// Contains the code for a password reset.
    ResetCode {
        /// The code, valid for 10 minutes and 5 wrong attempts from one source.
        code: &'a str,
        /// The link to the page that asks for the code.
        link: &'a str,
    },
    /// Notifies the user that somebody signed up with their address.
    AddressInUse {
        /// The link to the page that sets a new password.
        link: &'a str,
    },
    /// Notifies the user of a new password.
    PasswordChanged,
    /// Notifies the former address that the account has a new one, without naming it.
    EmailChanged {
        /// The link that undoes the change, valid for 7 days.
        link: Option<&'a str>,
    },
}

/// A rendered e-mail, without addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedEmail {
    /// The subject, one line. It contains no text chosen by a user.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same text as an HTML document.
    pub html: String,
}

impl EmailTemplate<'_> {
    /// Renders the e-mail for a user with the nickname `name`.
    ///
    /// # Errors
    /// Only an internal error.
    pub fn render(&self, name: &str, language: Language) -> Result<RenderedEmail, InternalError> {
        let rendered = self
            .text_template(&greeting_name(name), language)
            .render()
            .map_err(render_error)?;
        let (subject, text) = rendered.split_once("\n\n").unwrap_or_default();
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
        .map_err(render_error)?;
        Ok(RenderedEmail {
            subject: subject.to_owned(),
            text: format!("{text}\n"),
            html,
        })
    }

    fn text_template<'a>(&'a self, name: &'a str, language: Language) -> TextTemplate<'a> {
        use Language::{En, Zh};
        match (*self, language) {
            (Self::VerifyEmail { link }, En) => TextTemplate::VerifyEmailEn { name, link },
            (Self::VerifyEmail { link }, Zh) => TextTemplate::VerifyEmailZh { name, link },
            (Self::ResetCode { code, link }, En) => TextTemplate::ResetCodeEn { name, code, link },
            (Self::ResetCode { code, link }, Zh) => TextTemplate::ResetCodeZh { name, code, link },
            (Self::AddressInUse { link }, En) => TextTemplate::AddressInUseEn { name, link },
            (Self::AddressInUse { link }, Zh) => TextTemplate::AddressInUseZh { name, link },
            (Self::PasswordChanged, En) => TextTemplate::PasswordChangedEn { name },
            (Self::PasswordChanged, Zh) => TextTemplate::PasswordChangedZh { name },
            (Self::EmailChanged { link }, En) => TextTemplate::EmailChangedEn { name, link },
            (Self::EmailChanged { link }, Zh) => TextTemplate::EmailChangedZh { name, link },
        }
    }

    /// The HTML part for a paragraph of the text.
    ///
    /// The code is a paragraph of its own. A link is the second line, after its label.
    fn part<'a>(&self, paragraph: &'a str, language: Language) -> Part<'a> {
        let (code, link) = match *self {
            Self::VerifyEmail { link } | Self::AddressInUse { link } => (None, Some(link)),
            Self::ResetCode { code, link } => (Some(code), Some(link)),
            Self::EmailChanged { link } => (None, link),
            Self::PasswordChanged => (None, None),
        };
        match paragraph.rsplit_once('\n') {
            None if Some(paragraph) == code => Part::Code(paragraph),
            Some((label, url)) if Some(url) == link => Part::Link {
                label: label.trim_end_matches([':', '：']),
                url,
            },
            _ => {
                Part::Text(paragraph.replace('\n', if language == Language::Zh { "" } else { " " }))
            }
        }
    }
}

/// The nickname for the greeting, on one line. Empty if it is long or could become a link.
///
/// Anyone can cause an e-mail to any address by signing up, so the name could carry spam.
fn greeting_name(name: &str) -> String {
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

fn render_error(error: askama::Error) -> InternalError {
    InternalError::new(format!("e-mail template: {error}")).with_source(error)
}

/// The text templates.
#[derive(Template)]
enum TextTemplate<'a> {
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
    #[template(path = "address_in_use.en.txt")]
    AddressInUseEn { name: &'a str, link: &'a str },
    #[template(path = "address_in_use.zh.txt")]
    AddressInUseZh { name: &'a str, link: &'a str },
    #[template(path = "password_changed.en.txt")]
    PasswordChangedEn { name: &'a str },
    #[template(path = "password_changed.zh.txt")]
    PasswordChangedZh { name: &'a str },
    #[template(path = "email_changed.en.txt")]
    EmailChangedEn {
        name: &'a str,
        link: Option<&'a str>,
    },
    #[template(path = "email_changed.zh.txt")]
    EmailChangedZh {
        name: &'a str,
        link: Option<&'a str>,
    },
}

/// The HTML layout.
#[derive(Template)]
#[template(path = "layout.html")]
struct Layout<'a> {
    subject: &'a str,
    language: Language,
    parts: Vec<Part<'a>>,
}

enum Part<'a> {
    Text(String),
    Code(&'a str),
    Link { label: &'a str, url: &'a str },
}

#[cfg(test)]
mod tests {
    use super::{EmailTemplate, RenderedEmail};
    use crate::domain::Language;

    const LINK: &str = "https://accounts.example.com/verify-email?u=01a1fc45-0db0-765a-84bb-aa0f02322439&t=eyJ0eXAiOiJKV1Qi.eyJ1c2VyX2lk.E5iRmlPpgeoh4";
    const CODE: &str = "7KQ2M9XD";
    const TEMPLATES: [EmailTemplate; 6] = [
        EmailTemplate::AddressInUse { link: LINK },
        EmailTemplate::VerifyEmail { link: LINK },
        EmailTemplate::ResetCode {
            code: CODE,
            link: LINK,
        },
        EmailTemplate::PasswordChanged,
        EmailTemplate::EmailChanged { link: Some(LINK) },
        EmailTemplate::EmailChanged { link: None },
    ];

    fn render_all(name: &str) -> Vec<(EmailTemplate<'static>, Language, RenderedEmail)> {
        let both =
            |template: EmailTemplate<'static>| [(template, Language::Zh), (template, Language::En)];
        let all = TEMPLATES.into_iter().flat_map(both);
        all.map(|(template, language)| {
            (template, language, template.render(name, language).unwrap())
        })
        .collect()
    }

    /// The visible text of an HTML document, without whitespace.
    fn visible_text(html: &str) -> String {
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
    fn an_email_contains_its_link_and_its_code() {
        for (template, _, email) in render_all("测试用户") {
            let (code, link) = match template {
                EmailTemplate::VerifyEmail { .. } | EmailTemplate::AddressInUse { .. } => {
                    (false, true)
                }
                EmailTemplate::ResetCode { .. } => (true, true),
                EmailTemplate::EmailChanged { link } => (false, link.is_some()),
                EmailTemplate::PasswordChanged => (false, false),
            };
            assert_eq!(
                email.text.lines().any(|line| line == LINK),
                link,
                "{email:?}"
            );
            assert_eq!(
                email.html.matches(&LINK.replace('&', "&#38;")).count(),
                if link { 2 } else { 0 }
            );
            assert_eq!(
                email.text.lines().any(|line| line == CODE),
                code,
                "{email:?}"
            );
            assert_eq!(
                email.html.contains(&format!(">{CODE}</p>")),
                code,
                "{email:?}"
            );
            assert!(!email.subject.contains(CODE));
        }
    }

    #[test]
    fn the_html_contains_the_same_text() {
        for (_, language, email) in render_all("Ann") {
            let text: String = email.text.split_whitespace().collect();
            // The button's label has no colon, unlike the line before the URL in the text.
            let text = text
                .replace(":https://", "https://")
                .replace("：https://", "https://");
            assert_eq!(visible_text(&email.html), text);
            assert!(
                email
                    .html
                    .contains(&format!("<html lang=\"{}\">", language.tag()))
            );
        }
    }

    #[test]
    fn an_email_is_well_formed() {
        for (_, _, email) in render_all(&"长".repeat(40)) {
            assert!(
                !email.subject.is_empty() && !email.subject.contains('\n'),
                "{email:?}"
            );
            assert!(
                email.text.ends_with('\n') && !email.text.contains("\n\n\n"),
                "{email:?}"
            );
            for line in email
                .text
                .lines()
                .filter(|line| !line.starts_with("https://"))
            {
                assert!(line.chars().count() <= 78, "{line}");
            }
            for text in [&email.subject, &email.text, &email.html] {
                assert!(!text.contains("{{") && !text.contains("{%"), "{text}");
            }
            for outside in ["<img", "src=", "<link", "url("] {
                assert!(!email.html.contains(outside), "{outside}");
            }
        }
    }

    #[test]
    fn a_nickname_injects_no_markup_header_or_link() {
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
            for (template, language, email) in render_all(name) {
                let hello = match (language, greeting) {
                    (Language::Zh, "") => "您好：".to_owned(),
                    (Language::Zh, name) => format!("您好，{name}："),
                    (Language::En, "") => "Hello,".to_owned(),
                    (Language::En, name) => format!("Hello {name},"),
                };
                assert!(
                    email.html.contains(&format!("\">{hello}</p>")),
                    "{hello}\n{}",
                    email.html
                );
                let plain = template.render("", language).unwrap();
                assert_eq!(email.subject, plain.subject);
                assert_eq!(
                    email.text.lines().count(),
                    plain.text.lines().count(),
                    "{}",
                    email.text
                );
                assert_eq!(
                    email.html.matches('<').count(),
                    plain.html.matches('<').count()
                );
            }
        }
    }
}
