//! The OpenAPI description, compared with the template, its own examples, and every response that
//! a test receives.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;
use jsonschema::Validator;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{Response, TestApp, assert_same_set};

/// Paths that the description leaves out: documentation, avatars, and pages of the local cloud.
const UNDESCRIBED: [&str; 5] = ["/docs", "/redoc", "/openapi.json", "/avatars/", "/_local"];

static DESCRIPTION: OnceCell<Description> = OnceCell::const_new();

/// The description as served, and a cache of validators.
struct Description {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Description {
    /// The description, which is fetched once for all tests.
    async fn get(app: &TestApp) -> &'static Self {
        DESCRIPTION.get_or_init(|| Self::fetch(app)).await
    }

    async fn fetch(app: &TestApp) -> Self {
        let response = app
            .request("GET", "/openapi.json")
            .send()
            .await
            .expect("a response");
        let document = response.json().await.expect("a document");
        Self {
            document,
            validators: Mutex::default(),
        }
    }

    /// Each operation with its method and path, as `GET /users`.
    fn operations(&self) -> Vec<(String, &Value)> {
        let paths = self.document["paths"].as_object().expect("paths").iter();
        let operations = paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").iter();
            methods.map(move |(method, operation)| {
                (format!("{} {path}", method.to_uppercase()), operation)
            })
        });
        operations.collect()
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self
                .document
                .pointer(&reference[1..])
                .expect("a reference that leads somewhere"),
            None => value,
        }
    }

    /// The validator of a schema of the document. It rejects members that are not described.
    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let mut validators = self
            .validators
            .lock()
            .expect("a lock that no panic poisoned");
        let validator = validators.entry(schema.to_string()).or_insert_with(|| {
            let mut whole = schema.clone();
            whole["components"] = json!({ "schemas": self.document["components"]["schemas"] });
            close(&mut whole);
            let options = jsonschema::options().should_validate_formats(true);
            Arc::new(options.build(&whole).expect("a schema"))
        });
        validator.clone()
    }
}

/// Forbids members that are not described.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties")
                && members["properties"].is_object()
                && members.contains_key("type")
            {
                members.insert("additionalProperties".into(), false.into());
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Whether `requested`, such as `GET /a/1`, is a request of `operation`, such as `GET /a/{id}`.
fn is_operation(operation: &str, requested: &str) -> bool {
    let (operation, requested) = (operation.split('/'), requested.split('/'));
    operation.clone().count() == requested.clone().count()
        && operation
            .zip(requested)
            .all(|(pattern, segment)| pattern == segment || pattern.starts_with('{'))
}

/// Fails if the description does not allow the response. A trailing slash does not matter.
pub async fn check(app: &TestApp, method: &str, path: &str, response: &Response) {
    if UNDESCRIBED.iter().any(|prefix| path.starts_with(prefix)) {
        return;
    }
    let description = Description::get(app).await;
    let bare = |name: &str| name.strip_suffix('/').unwrap_or(name).to_owned();
    let requested = bare(&format!("{method} {path}"));
    let operations = description.operations();
    let operation = operations
        .iter()
        .find(|(name, _)| is_operation(&bare(name), &requested));
    let Some((name, operation)) = operation else {
        return assert!(
            matches!(response.status, 404 | 405 | 413),
            "{requested} is not described: {response}"
        );
    };
    let described = &operation["responses"][response.status.to_string()];
    assert!(described.is_object(), "{name} does not describe {response}");
    let described = description.resolved(described);

    let headers = [
        ("retry-after", &response.retry_after),
        ("www-authenticate", &response.www_authenticate),
    ];
    for (header, value) in headers {
        assert_eq!(
            described["headers"][header].is_object(),
            value.is_some(),
            "{name}, {header}: {response}"
        );
    }
    let content_type = response
        .content_type
        .as_deref()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    let content = &described["content"][content_type];
    assert!(
        content.is_object(),
        "{name} does not describe the content type of {response}"
    );
    if content_type == "application/json" {
        let body = response.json();
        let validator = description.validator(&content["schema"]);
        let errors: Vec<_> = validator
            .iter_errors(&body)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{name}: {response}\n{errors:#?}");
    }
}

#[tokio::test]
async fn every_route_is_described_and_no_other_operation() {
    let app = TestApp::new().await;
    let described = Description::get(&app).await.operations().into_iter();
    let described: BTreeSet<_> = described
        .map(|(name, _)| name.trim_end_matches('/').to_owned())
        .collect();
    let routes = app.routes().into_iter();
    let routes = routes.filter(|route| !["docs", "fallback"].contains(&route.function.as_str()));
    let routes = routes.filter(|route| !route.path.ends_with("{slash+}"));
    let routes: BTreeSet<_> = routes
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_same_set("described operations and routes", &described, &routes);
}

#[tokio::test]
async fn every_operation_has_a_unique_name_summary_tag_and_errors() {
    let description = Description::get(&TestApp::new().await).await;
    let mut names = BTreeSet::new();
    for (route, operation) in description.operations() {
        let name = operation["operationId"]
            .as_str()
            .unwrap_or_else(|| panic!("{route} has no name"));
        assert!(names.insert(name), "{name} twice");
        let family = operation["tags"][0].as_str().expect("a family");
        assert!(name.starts_with(family), "{name} is of the family {family}");
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|summary| summary.len() > 10),
            "{route}"
        );
        assert!(
            family == "pages" || operation["responses"]["500"].is_object(),
            "{route} never fails"
        );
    }
    let text = description.document.to_string();
    for internal in ["\"allOf\"", "\"x-errors\"", "\"x-top-level-field\""] {
        assert!(!text.contains(internal), "{internal}");
    }
}

#[tokio::test]
async fn every_example_matches_its_schema() {
    let description = Description::get(&TestApp::new().await).await;
    let mut examples = 0;
    for (route, operation) in description.operations() {
        let responses = operation["responses"].as_object().expect("responses");
        let described = responses
            .values()
            .map(|response| description.resolved(response));
        for body in described.chain([&operation["requestBody"]]) {
            for content in body["content"]
                .as_object()
                .into_iter()
                .flat_map(|contents| contents.values())
            {
                let several = content["examples"].as_object().into_iter().flatten();
                let named = several.map(|(name, example)| (name.as_str(), &example["value"]));
                let one = content.get("example").map(|example| ("example", example));
                for (name, example) in named.chain(one) {
                    let validator = description.validator(&content["schema"]);
                    assert!(
                        validator.is_valid(example),
                        "{route}, {name}: {example:#}\n{content:#}"
                    );
                    examples += 1;
                }
            }
        }
    }
    for (name, schema) in description.document["components"]["schemas"]
        .as_object()
        .expect("schemas")
    {
        for example in schema["examples"].as_array().into_iter().flatten() {
            assert!(
                description.validator(schema).is_valid(example),
                "{name}: {example}"
            );
            examples += 1;
        }
    }
    assert!(examples > 100, "{examples} examples");
}

#[tokio::test]
async fn the_pages_load_nothing_from_other_sites_and_are_cached() {
    let app = TestApp::new().await;
    for path in ["/docs", "/redoc"] {
        let page = app.request("GET", path).send().await.expect("a page");
        let headers: BTreeMap<_, _> = page
            .headers()
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()))
            .collect();
        let policy = &headers["content-security-policy"];
        assert!(
            policy.starts_with("default-src 'none'; connect-src 'self'; script-src 'self';"),
            "{policy}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains("http"),
            "{policy}"
        );
        let html = page.text().await.expect("a text");
        for file in html.split('"').filter(|part| part.starts_with("/docs/")) {
            let file = app.request("GET", file).send().await.expect("a file");
            assert_eq!(file.status(), 200, "{html}");
            assert!(
                file.headers()["content-type"]
                    .to_str()
                    .unwrap()
                    .starts_with("text/"),
                "{html}"
            );
        }
        assert!(!html.contains("//"), "{html}");
        let again = app
            .request("GET", path)
            .header("if-none-match", &headers["etag"])
            .send()
            .await
            .expect("a response");
        assert_eq!(
            (
                again.status().as_u16(),
                again.text().await.unwrap().as_str()
            ),
            (304, "")
        );
    }
    let unknown = app.send(app.request("GET", "/docs/nothing")).await;
    assert_eq!(
        (unknown.status, unknown.json()),
        (404, json!({ "detail": "Not Found" }))
    );
}

#[tokio::test]
async fn the_pages_have_the_pinned_versions() {
    let app = TestApp::new().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = fs::read_to_string(root.join("xtask/src/tools.rs")).expect("the tools' versions");
    for (package, file) in [
        ("swagger-ui-dist", "swagger-ui-bundle.js"),
        ("redoc", "redoc.standalone.js"),
    ] {
        let (_, rest) = tools
            .split_once(&format!("Package::new(\"{package}\", \""))
            .expect("the package");
        let (version, _) = rest.split_once('"').expect("a version");
        let response = app
            .request("GET", &format!("/docs/{file}"))
            .send()
            .await
            .expect("a file");
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let packed = response.bytes().await.expect("bytes");
        let mut text = String::new();
        GzDecoder::new(packed.as_ref())
            .read_to_string(&mut text)
            .expect("a gzip file");
        assert!(
            text.contains(&format!("\"{version}\"")),
            "{file} is not of version {version}"
        );
    }
    let licences = app
        .request("GET", "/docs/licences.txt")
        .send()
        .await
        .expect("a file")
        .text()
        .await
        .unwrap();
    for package in ["swagger-ui-dist/LICENSE", "redoc/LICENSE"] {
        assert!(licences.contains(package), "{package}");
    }
}
