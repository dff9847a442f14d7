//! The description of the API, held against the template, against itself, and against every
//! answer of every test.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;
use jsonschema::Validator;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::world::{Answer, World};

/// What is served beside the operations: the pages about them, and files of the local cloud.
const BESIDE: [&str; 5] = ["/docs", "/redoc", "/openapi.json", "/avatars/", "/_local"];

static DESCRIPTION: OnceCell<Description> = OnceCell::const_new();

/// The description as it is served, and the validators that were made of it.
struct Description {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Description {
    /// The description, which is the same in every world: the first that asks fetches it.
    async fn of(world: &World) -> &'static Self {
        DESCRIPTION.get_or_init(|| Self::fetch(world)).await
    }

    async fn fetch(world: &World) -> Self {
        let response = world
            .request("GET", "/openapi.json")
            .send()
            .await
            .expect("an answer");
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

    /// The validator of a schema of the document, in which an object has no other members than
    /// those that are described.
    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().expect("nobody panicked");
        let made = validators.entry(schema.to_string()).or_insert_with(|| {
            let mut whole = schema.clone();
            whole["components"] = json!({ "schemas": self.document["components"]["schemas"] });
            close(&mut whole);
            let options = jsonschema::options().should_validate_formats(true);
            Arc::new(options.build(&whole).expect("a schema"))
        });
        made.clone()
    }
}

/// Forbids every member that is not described.
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

/// Fails where an answer is not one that the description allows. A slash at the path's end, or
/// none, does not matter.
pub async fn check(world: &World, method: &str, path: &str, answer: &Answer) {
    if BESIDE.iter().any(|beside| path.starts_with(beside)) {
        return;
    }
    let description = Description::of(world).await;
    let bare = |name: &str| name.strip_suffix('/').unwrap_or(name).to_owned();
    let asked = bare(&format!("{method} {path}"));
    let operations = description.operations();
    let operation = operations.iter().find(|(name, _)| bare(name) == asked);
    let Some((name, operation)) = operation else {
        return assert!(
            matches!(answer.status, 404 | 405 | 413),
            "{asked} is not described: {answer}"
        );
    };
    let response = &operation["responses"][answer.status.to_string()];
    assert!(response.is_object(), "{name} does not describe {answer}");
    let response = description.resolved(response);

    let headers = [
        ("retry-after", &answer.retry_after),
        ("www-authenticate", &answer.www_authenticate),
    ];
    for (header, given) in headers {
        assert_eq!(
            response["headers"][header].is_object(),
            given.is_some(),
            "{name}, {header}: {answer}"
        );
    }
    let content_type = answer
        .content_type
        .as_deref()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    let content = &response["content"][content_type];
    assert!(
        content.is_object(),
        "{name} does not describe the content type of {answer}"
    );
    if content_type == "application/json" {
        let body = answer.json();
        let validator = description.validator(&content["schema"]);
        let flaws: Vec<_> = validator
            .iter_errors(&body)
            .map(|flaw| flaw.to_string())
            .collect();
        assert!(flaws.is_empty(), "{name}: {answer}\n{flaws:#?}");
    }
}

#[tokio::test]
async fn what_is_described_is_what_the_template_routes() {
    let world = World::new().await;
    let described = Description::of(&world).await.operations().into_iter();
    let described: BTreeSet<_> = described
        .map(|(name, _)| name.trim_end_matches('/').to_owned())
        .collect();
    let routes = world.routes().into_iter();
    let routes = routes.filter(|route| !["docs", "unrouted"].contains(&route.function.as_str()));
    let routes = routes.filter(|route| !route.path.ends_with("{slash+}"));
    let routes: BTreeSet<_> = routes
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(described, routes);
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own_a_summary_a_family_and_its_errors() {
    let description = Description::of(&World::new().await).await;
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
    for internal in ["\"allOf\"", "\"x-errors\"", "\"x-beside\""] {
        assert!(!text.contains(internal), "{internal}");
    }
}

#[tokio::test]
async fn every_example_is_what_its_schema_describes() {
    let description = Description::of(&World::new().await).await;
    let mut examples = 0;
    for (route, operation) in description.operations() {
        let responses = operation["responses"].as_object().expect("responses");
        let answers = responses
            .values()
            .map(|response| description.resolved(response));
        for body in answers.chain([&operation["requestBody"]]) {
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
async fn the_pages_load_nothing_from_elsewhere_and_are_not_sent_twice() {
    let world = World::new().await;
    for path in ["/docs", "/redoc"] {
        let page = world.request("GET", path).send().await.expect("a page");
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
            let file = world.request("GET", file).send().await.expect("a file");
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
        let again = world
            .request("GET", path)
            .header("if-none-match", &headers["etag"])
            .send()
            .await
            .expect("an answer");
        assert_eq!(
            (
                again.status().as_u16(),
                again.text().await.unwrap().as_str()
            ),
            (304, "")
        );
    }
    let unknown = world.send(world.request("GET", "/docs/nothing")).await;
    assert_eq!(
        (unknown.status, unknown.json()),
        (404, json!({ "detail": "Not Found" }))
    );
}

#[tokio::test]
async fn the_pages_are_of_the_versions_that_were_fetched() {
    let world = World::new().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = fs::read_to_string(root.join(".ci/assets")).expect("a script");
    for (variable, file) in [
        ("SWAGGER_UI", "swagger-ui-bundle.js"),
        ("REDOC", "redoc.standalone.js"),
    ] {
        let line = script
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{variable}=")));
        let version = line.expect("a version");
        let answer = world
            .request("GET", &format!("/docs/{file}"))
            .send()
            .await
            .expect("a file");
        assert_eq!(answer.headers()["content-encoding"], "gzip");
        let packed = answer.bytes().await.expect("bytes");
        let mut text = String::new();
        GzDecoder::new(packed.as_ref())
            .read_to_string(&mut text)
            .expect("a gzip file");
        assert!(
            text.contains(&format!("\"{version}\"")),
            "{file} is not of version {version}"
        );
    }
    let licences = world
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
