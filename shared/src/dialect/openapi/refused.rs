//! Errors, described by the answers that are given for them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::spoken::{Spoken, is, kind, object};
use super::{camel, capital};
use crate::dialect::Reply;
use crate::{Error, Fault, Flaw};

/// Errors of a family rather than of an endpoint: where a status has no others, its answer is
/// described once.
const COMMON: [&str; 7] = [
    "unreadable",
    "invalid",
    "too_large",
    "bad_token",
    "expired_token",
    "too_many",
    "internal",
];

/// Adds to the operation how it answers the `errors` of these names.
pub(super) fn refused(
    operation: &mut Value,
    spoken: &Spoken,
    errors: &[String],
    components: &mut Value,
) {
    let mut by_status: BTreeMap<u16, Vec<(&str, Reply)>> = BTreeMap::new();
    for error in errors {
        let reply = (spoken.failure)(&example(error));
        by_status
            .entry(reply.status)
            .or_default()
            .push((error, reply));
    }
    for (status, refused) in by_status {
        let described = response(&refused, spoken, &mut components["schemas"]);
        let common = refused.iter().all(|(error, _)| COMMON.contains(error));
        let responses = &mut operation["responses"][status.to_string()];
        *responses = match (status, refused.first()) {
            (200, _) => beside_success(responses.take(), described),
            (_, Some((error, _))) if common => {
                let name = format!("{}{}", spoken.prefix, camel(error));
                components["responses"][&name] = described;
                json!({ "$ref": format!("#/components/responses/{name}") })
            }
            _ => described,
        };
    }
}

/// An error of this name, of those that endpoints end with.
fn example(name: &str) -> Error {
    let known = [
        Error::Unreadable("the body is not valid JSON".into()),
        Error::TooLarge,
        Error::Missing("name"),
        Error::Incomplete(vec!["phone"]),
        Error::Invalid(Flaw {
            field: "email".into(),
            why: "is not a valid e-mail address".into(),
        }),
        Error::NoImage,
        Error::BadImage("is not a PNG, JPEG, WebP or GIF image"),
        Error::BadEmail,
        Error::BadPassword,
        Error::NoParameter,
        Error::BadParameter("page"),
        Error::BadToken,
        Error::ExpiredToken,
        Error::Inactive,
        Error::Forbidden,
        Error::NoSuchAccount,
        Error::WrongPassword,
        Error::Blocked,
        Error::BadCode,
        Error::ExpiredCode,
        Error::AlreadyVerified,
        Error::NotFound,
        Error::EmailTaken,
        Error::UsernameTaken,
        Error::PhoneTaken,
        Error::TooMany { retry_after: 60 },
    ];
    let found = known.into_iter().find(|error| error.name() == name);
    found.unwrap_or_else(|| Error::Internal(Fault::new("an example")))
}

/// The response that stands for all of these answers of one status.
fn response(refused: &[(&str, Reply)], spoken: &Spoken, schemas: &mut Value) -> Value {
    let (mut shapes, mut words) = (Vec::new(), Vec::new());
    let (mut examples, mut headers) = (Map::new(), Map::new());
    for (error, reply) in refused {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let (name, shape) = shape(&body, spoken);
        schemas[&name] = shape;
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        if !shapes.contains(&reference) {
            shapes.push(reference);
        }
        words.push(capital(&error.replace('_', " ")));
        examples.insert((*error).to_owned(), json!({ "value": body }));
        for (name, _) in reply
            .headers
            .iter()
            .filter(|(name, _)| *name != "content-type")
        {
            headers.insert(
                (*name).to_owned(),
                json!({ "$ref": format!("#/components/headers/{name}") }),
            );
        }
    }
    let schema = match shapes.as_slice() {
        [one] => one.clone(),
        several => json!({ "oneOf": several }),
    };
    let content = json!({ "application/json": { "schema": schema, "examples": examples } });
    json!({ "description": words.join(", "), "headers": headers, "content": content })
}

/// The schema of a body like this one, and its name.
fn shape(body: &Value, spoken: &Spoken) -> (String, Value) {
    let member = |(name, value): (&String, &Value)| {
        let schema = match value {
            Value::Object(_) => json!({ "type": "object", "maxProperties": 0 }),
            value if spoken.telling.contains(&name.as_str()) => is(value.clone()),
            value => json!({ "type": kind(value) }),
        };
        (name.clone(), schema)
    };
    let members: Map<String, Value> = body.as_object().into_iter().flatten().map(member).collect();
    let told = spoken.telling.last().and_then(|member| body.get(member));
    let told = told.map(|told| {
        capital(
            &told
                .as_str()
                .map_or_else(|| told.to_string(), str::to_owned),
        )
    });
    (
        format!("{}Error{}", spoken.prefix, told.unwrap_or_default()),
        object(members.into()),
    )
}

/// The response of a success, with the errors of the same status as variants of its body.
fn beside_success(mut success: Value, refused: Value) -> Value {
    let body = &mut success["content"]["application/json"];
    let errors = &refused["content"]["application/json"];
    let variants = match errors["schema"].get("oneOf").and_then(Value::as_array) {
        Some(several) => several.clone(),
        None => vec![errors["schema"].clone()],
    };
    let variants = [vec![body["schema"].take()], variants].concat();
    body["schema"] = json!({ "oneOf": variants });
    for (name, example) in errors["examples"].as_object().into_iter().flatten() {
        body["examples"][name] = example.clone();
    }
    success["description"] = "Success, or an error, which the body tells.".into();
    success
}
