//! A distribution's part: objects of its bucket, to anyone, with the headers that it adds.

use http::{HeaderName, HeaderValue, Method, header};

use crate::{
    aws::Aws,
    server::{Answer, answer},
    template::Distribution,
};

/// What a distribution hands on of an object's own headers.
const KEPT: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::ETAG,
];

/// The object at this path, or 404 in its place, with the headers of the distribution's policy.
pub(super) async fn show(
    method: &Method,
    path: &str,
    from: Option<&Distribution>,
    aws: &Aws,
) -> Answer {
    let nothing = || answer(404, "application/json", r#"{"message":"Not Found"}"#);
    let Some(distribution) = from.filter(|_| matches!(*method, Method::GET | Method::HEAD)) else {
        return nothing();
    };
    let found = aws
        .object(&distribution.bucket, path.trim_start_matches('/'))
        .await;
    let mut shown = match found {
        Ok(found) if found.status().is_success() => {
            let (head, body) = found.into_parts();
            let mut shown = http::Response::new(body);
            let kept = KEPT
                .into_iter()
                .filter_map(|name| Some((name.clone(), head.headers.get(name)?.clone())));
            shown.headers_mut().extend(kept);
            shown
        }
        _ => nothing(),
    };
    for (name, value) in &distribution.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            shown.headers_mut().insert(name, value);
        }
    }
    shown
}
