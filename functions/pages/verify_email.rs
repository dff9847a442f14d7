//! `GET /verify-email`: the page behind the link in the verification mail.
//!
//! Opening it changes nothing, since mail scanners open links; its button confirms the
//! address.

use std::sync::LazyLock;

use shared::dialect::Reply;
use shared::{Call, Dialect, Page, Plain, Result};

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    Page::of(
        include_str!("verify_email.html"),
        include_str!("page.css"),
        include_str!("page.js"),
    )
});

#[utoipa::path(
    get,
    path = "/verify-email",
    params(
        ("u" = Option<String>, Query, description = "The user's UUID."),
        ("t" = Option<String>, Query, description = "The token that was mailed.")
    ),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
pub(crate) async fn verify_email((): &(), _: Call) -> Result<Reply> {
    Ok(PAGE.reply())
}

/// Runs the function.
pub fn main() {
    Plain::serve(verify_email);
}
