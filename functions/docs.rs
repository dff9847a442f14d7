//! `GET /docs`: the API to read and to try (Swagger UI), beside `GET /redoc` and
//! `GET /openapi.json`.
//!
//! The description is made of the endpoints' own types and attributes: their files are modules
//! here, and binaries of their own.

use std::sync::LazyLock;

use shared::dialect::openapi::{Source, complete};
use shared::dialect::{File, Reply};
use shared::{Call, Dialect, Error, Plain, Result};
use utoipa::OpenApi;

/// Names all endpoints, family by family.
macro_rules! endpoints {
    ($($family:ident { $($file:ident),* $(,)? })*) => {
        $(
            #[allow(dead_code, private_interfaces, reason = "only its description is used here")]
            mod $family {
                $(pub mod $file;)*
            }
        )*

        /// What the endpoints say of themselves.
        #[derive(OpenApi)]
        #[openapi(
            info(title = "accounts", license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
            tags(
                (name = "profile", description = "Codes are texts, in `error_code`."),
                (name = "whale", description = "The status is 200 for every code in the body. Paths work with and without the slash at their end."),
                (name = "campus", description = "`success` tells, and `errType` of an error."),
                (name = "center", description = "The object itself, or a `detail`."),
                (name = "pages", description = "Where links in mails lead."),
            ),
            paths($($($family::$file::$file),*),*)
        )]
        struct Endpoints;

        /// Their sources.
        const SOURCES: &[Source] = &[$($((
            stringify!($family),
            stringify!($file),
            include_str!(concat!(stringify!($family), "/", stringify!($file), ".rs")),
        )),*),*];
    };
}

endpoints! {
    profile { get_user, set_avatar, set_name, get_auth, save_auth }
    whale {
        current_user, list_users, create_user, login, send_verification, verify_email, change_password, change_name,
        change_avatar, create_captcha, check_captcha,
    }
    campus { view_profile, change_profile }
    center { register, login, get_me, update_me }
    pages { verify_email, reset_password }
}

/// What the pages may do: load what is served here, and call the API beside it. The hashes are
/// those of the styles that ReDoc writes: an empty one that its script then fills, and a fixed one.
const POLICY: &str = "default-src 'none'; connect-src 'self'; script-src 'self'; img-src 'self' data:; \
    style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' \
    'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Every file, by its path.
static FILES: LazyLock<[(&str, File); 9]> = LazyLock::new(|| {
    let page = |html: &'static [u8]| {
        File::of("text/html; charset=utf-8", html).with("content-security-policy", POLICY)
    };
    let packed = |content_type, bytes: &'static [u8]| {
        File::of(content_type, bytes)
            .with("content-encoding", "gzip")
            .with("vary", "accept-encoding")
    };
    [
        ("/openapi.json", File::of("application/json", openapi())),
        ("/docs", page(include_bytes!("docs/swagger.html"))),
        ("/redoc", page(include_bytes!("docs/redoc.html"))),
        (
            "/docs/narrow.css",
            File::of("text/css; charset=utf-8", include_bytes!("docs/narrow.css")),
        ),
        (
            "/docs/start.js",
            File::of(JAVASCRIPT, include_bytes!("docs/start.js")),
        ),
        (
            "/docs/swagger-ui-bundle.js",
            packed(JAVASCRIPT, include_bytes!("docs/swagger-ui-bundle.js.gz")),
        ),
        (
            "/docs/swagger-ui.css",
            packed(
                "text/css; charset=utf-8",
                include_bytes!("docs/swagger-ui.css.gz"),
            ),
        ),
        (
            "/docs/redoc.standalone.js",
            packed(JAVASCRIPT, include_bytes!("docs/redoc.standalone.js.gz")),
        ),
        (
            "/docs/licences.txt",
            File::of(
                "text/plain; charset=utf-8",
                include_bytes!("docs/licences.txt"),
            ),
        ),
    ]
});

fn openapi() -> Vec<u8> {
    let told = serde_json::to_value(Endpoints::openapi()).unwrap_or_default();
    complete(told, SOURCES).to_string().into_bytes()
}

async fn docs((): &(), call: Call) -> Result<Reply> {
    let known = call.header("if-none-match");
    let found = FILES.iter().find(|(path, _)| *path == call.path());
    found
        .map(|(_, file)| file.reply(known))
        .ok_or(Error::NoSuchPath)
}

/// Runs the function.
pub fn main() {
    Plain::serve(docs);
}
