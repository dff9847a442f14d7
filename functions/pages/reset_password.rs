use std::sync::LazyLock;

use shared::Response;
use shared::{HtmlPage, Request, Result, endpoint};

static PAGE: LazyLock<HtmlPage> = LazyLock::new(|| {
    HtmlPage::new(
        include_str!("reset_password.html"),
        include_str!("page.css"),
        include_str!("page.js"),
    )
});

/// The page behind the link in the mail that brings a code.
///
/// It asks for the code and the new password; without `id`, first for the address that a code
/// is to be sent to.
#[endpoint(
    GET "/reset-password",
    family = RawResponse,
    memory = Constant,
    openapi(
        params(("id" = Option<String>, Query, description = "The user's integer id.")),
        responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
    ),
)]
pub(crate) async fn reset_password((): &(), _: Request) -> Result<Response> {
    Ok(PAGE.response())
}
