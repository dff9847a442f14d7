use std::sync::LazyLock;

use shared::Response;
use shared::{HtmlPage, Request, Result, endpoint};

static PAGE: LazyLock<HtmlPage> = LazyLock::new(|| {
    HtmlPage::new(
        include_str!("verify_email.html"),
        include_str!("page.css"),
        include_str!("page.js"),
    )
});

/// The page behind the link in the verification mail.
///
/// Opening it changes nothing, since mail scanners open links; its button confirms the
/// address.
#[endpoint(
    GET "/verify-email",
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
pub(crate) async fn verify_email((): &(), _: Request) -> Result<Response> {
    Ok(PAGE.response())
}
