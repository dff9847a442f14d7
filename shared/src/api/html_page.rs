//! HTML pages that load no other resource and run only inline scripts.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};

use crate::api::Response;

/// A page, and a Content Security Policy that allows only its own styles and scripts.
#[derive(Debug)]
pub struct HtmlPage {
    html: String,
    policy: String,
}

impl HtmlPage {
    /// The page `html`, with `style` in its empty `<style>` and `script` in its empty `<script>`.
    #[must_use]
    pub fn new(html: &'static str, style: &'static str, script: &'static str) -> Self {
        let html = html
            .replacen("<style></style>", &format!("<style>\n{style}</style>"), 1)
            .replacen(
                "<script></script>",
                &format!("<script>\n{script}</script>"),
                1,
            );
        let policy = format!(
            "default-src 'none'; connect-src 'self'; style-src{}; script-src{}; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            hashes(&html, "style"),
            hashes(&html, "script"),
        );
        Self { html, policy }
    }

    /// The response with the page. Its URL can hold a secret, so the page sends no `Referer`.
    #[must_use]
    pub fn response(&self) -> Response {
        let headers = vec![
            ("content-type", "text/html; charset=utf-8".to_owned()),
            ("content-security-policy", self.policy.clone()),
            ("referrer-policy", "no-referrer".to_owned()),
        ];
        Response {
            status: 200,
            headers,
            body: self.html.clone().into_bytes(),
        }
    }
}

/// The hash sources (Content Security Policy Level 3, section 2.3.1) of all inline `element`s.
fn hashes(html: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let inline = html
        .split(&open)
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(&close)?.0));
    let hash = |text: &str| BASE64_STANDARD.encode(digest(&SHA256, text.as_bytes()));
    inline
        .map(|text| format!(" 'sha256-{}'", hash(text)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::HtmlPage;

    #[test]
    fn the_policy_names_each_style_and_script_by_its_hash() {
        let html =
            "<style></style><p>Hello</p><script></script><script>alert('Hello, world.');</script>";
        let page = HtmlPage::new(html, "", "").response();
        let shared = "AbpHGcgLb+kRsJGnwFEktk7uzpZOCcBY74+YBdrKVGs="; // the hash of a line break
        let own = "qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=";
        let policy = format!(
            "default-src 'none'; connect-src 'self'; style-src 'sha256-{shared}'; \
             script-src 'sha256-{shared}' 'sha256-{own}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        assert!(
            page.headers.contains(&("content-security-policy", policy)),
            "{:?}",
            page.headers
        );
        assert!(
            page.headers
                .contains(&("referrer-policy", "no-referrer".to_owned()))
        );
        let html = String::from_utf8(page.body).unwrap();
        assert!(html.contains("<style>\n</style>") && html.contains("<script>\n</script>"));
    }
}
