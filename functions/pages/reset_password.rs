//! `GET /reset-password`: the page behind the link in the mail that brings a code.
//!
//! It asks for the code and the new password; without `id`, first for the address that a code
//! is to be sent to.

use std::sync::LazyLock;

use shared::dialect::Reply;
use shared::{Call, Dialect, Page, Plain, Result};

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    Page::of(
        include_str!("reset_password.html"),
        include_str!("page.css"),
        include_str!("page.js"),
    )
});

#[utoipa::path(
    get,
    path = "/reset-password",
    params(("id" = Option<String>, Query, description = "The user's integer id.")),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
pub(crate) async fn reset_password((): &(), _: Call) -> Result<Reply> {
    Ok(PAGE.reply())
}

/// Runs the function.
pub fn main() {
    Plain::serve(reset_password);
}
