//! Distributions: public objects of a bucket.

use http::{HeaderName, HeaderValue, Method, Response, header};

use crate::{
    aws::Aws,
    server::{HttpResponse, message},
    template::Distribution,
};

/// Headers of an object that a distribution passes on.
const OBJECT_HEADERS: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::ETAG,
];

/// The distribution that serves this path, if any.
pub(super) fn find<'a>(distributions: &'a [Distribution], path: &str) -> Option<&'a Distribution> {
    let key = object_key(path);
    distributions.iter().find(|distribution| {
        let mut prefixes = distribution.prefixes.iter();
        prefixes.any(|prefix| key.starts_with(prefix.as_str()))
    })
}

/// Serves the object at this path, or 404. Adds the headers of the distribution's policy.
pub(super) async fn serve(
    distribution: &Distribution,
    method: &Method,
    path: &str,
    aws: &Aws,
) -> HttpResponse {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return message(404, "Not Found");
    }
    let object = aws.object(&distribution.bucket, object_key(path)).await;
    let mut response = match object {
        Ok(object) if object.status().is_success() => {
            let (head, body) = object.into_parts();
            let mut response = Response::new(body);
            let headers = OBJECT_HEADERS
                .into_iter()
                .filter_map(|name| Some((name.clone(), head.headers.get(name)?.clone())));
            response.headers_mut().extend(headers);
            response
        }
        _ => message(404, "Not Found"),
    };
    for (name, value) in &distribution.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn object_key(path: &str) -> &str {
    path.trim_start_matches('/')
}
