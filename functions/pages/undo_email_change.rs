use std::sync::LazyLock;

use shared::Response;
use shared::{HtmlPage, Request, Result, endpoint};

static PAGE: LazyLock<HtmlPage> = LazyLock::new(|| {
    HtmlPage::new(
        include_str!("undo_email_change.html"),
        include_str!("page.css"),
        include_str!("page.js"),
    )
});

/// The page behind the link in the mail about a new e-mail address.
///
/// Opening it changes nothing, since mail scanners open links; its button undoes the change.
#[endpoint(
    GET "/undo-email-change",
    family = RawResponse,
    memory = Constant,
    openapi(
        params(
        ("u" = Option<String>, Query, description = "The user's UUID."),
        ("t" = Option<String>, Query, description = "The token that was mailed.")
    ),
        responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
    ),
)]
pub(crate) async fn undo_email_change((): &(), _: Request) -> Result<Response> {
    Ok(PAGE.response())
}
