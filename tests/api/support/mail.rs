//! E-mails, and the secrets in them.

use local::CapturedEmail;
use serde_json::json;

use super::TestApp;

impl TestApp {
    /// The newest e-mail, once the outbox has been sent.
    pub async fn newest_mail(&self) -> CapturedEmail {
        self.settle().await;
        self.mails().await.into_iter().next().expect("an e-mail")
    }

    /// Has a code for a new password sent to `email`, and returns the code.
    pub async fn code(&self, email: &str) -> String {
        let body = json!({"group": 1, "email": email});
        let created = self.send_json("POST", "/api/captcha/", &body).await;
        assert_eq!(created.json()["code"], 0, "{created}");
        self.newest_code(email).await
    }

    /// The code in the newest e-mail, which goes to `email`.
    pub async fn newest_code(&self, email: &str) -> String {
        let mail = self.newest_mail().await;
        assert_eq!(mail.to, [email]);
        let is_code = |word: &&str| {
            let capital = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
            word.len() == 8 && word.chars().all(capital)
        };
        let code = mail.text.split_whitespace().find(is_code);
        code.unwrap_or_else(|| panic!("no code in {}", mail.text))
            .to_owned()
    }

    /// The token in the link of the newest e-mail.
    pub async fn newest_link_token(&self) -> String {
        link_token(&self.newest_mail().await)
    }
}

/// The token in the link of an e-mail.
pub fn link_token(mail: &CapturedEmail) -> String {
    let mut words = mail.text.split_whitespace();
    let token = words.find_map(|word| word.split_once("&t="));
    token
        .unwrap_or_else(|| panic!("no link in {}", mail.text))
        .1
        .to_owned()
}
