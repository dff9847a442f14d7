//! Error responses in the OpenAPI description, from rendered examples.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::family_spec::{FamilySpec, const_schema, json_type, object};
use super::{camel, capital};
use crate::api::Response;
use crate::domain::{Error, ErrorCode, InternalError, InvalidField};

/// Errors of a family rather than of an endpoint. If all errors of a status are among these, the
/// response is a component that operations share.
const COMMON: [ErrorCode; 7] = [
    ErrorCode::MalformedBody,
    ErrorCode::Invalid,
    ErrorCode::TooLarge,
    ErrorCode::BadToken,
    ErrorCode::ExpiredToken,
    ErrorCode::RateLimited,
    ErrorCode::Internal,
];

/// Adds to the operation the responses for `errors`.
pub(super) fn error_responses(
    operation: &mut Value,
    spec: &FamilySpec,
    errors: &[ErrorCode],
    components: &mut Value,
) {
    let mut by_status: BTreeMap<u16, Vec<(ErrorCode, Response)>> = BTreeMap::new();
    for code in errors {
        let response = (spec.render_error)(&example_error(*code));
        by_status
            .entry(response.status)
            .or_default()
            .push((*code, response));
    }
    for (status, rendered) in by_status {
        let described = response(&rendered, spec, &mut components["schemas"]);
        let common = rendered.iter().all(|(code, _)| COMMON.contains(code));
        let responses = &mut operation["responses"][status.to_string()];
        *responses = match (status, rendered.first()) {
            (200, _) => merge_with_success(responses.take(), described),
            (_, Some((code, _))) if common => {
                let name = format!("{}{}", spec.prefix, camel(code.as_str()));
                components["responses"][&name] = described;
                json!({ "$ref": format!("#/components/responses/{name}") })
            }
            _ => described,
        };
    }
}

/// An error of this kind, to render as an example.
fn example_error(code: ErrorCode) -> Error {
    match code {
        ErrorCode::MalformedBody => Error::MalformedBody("the body is not valid JSON".into()),
        ErrorCode::TooLarge => Error::TooLarge,
        ErrorCode::Missing => Error::Missing("name"),
        ErrorCode::Incomplete => Error::Incomplete(vec!["phone"]),
        ErrorCode::Invalid => {
            Error::Invalid(InvalidField::new("email", "is not a valid e-mail address"))
        }
        ErrorCode::NoImage => Error::NoImage,
        ErrorCode::BadImage => Error::BadImage("is not a PNG, JPEG, WebP or GIF image"),
        ErrorCode::BadEmail => Error::BadEmail,
        ErrorCode::BadPassword => Error::BadPassword,
        ErrorCode::MissingQuery => Error::MissingQuery,
        ErrorCode::InvalidQuery => Error::InvalidQuery("page"),
        ErrorCode::NoSuchPath => Error::NoSuchPath,
        ErrorCode::WrongMethod => Error::WrongMethod,
        ErrorCode::BadToken => Error::BadToken,
        ErrorCode::ExpiredToken => Error::ExpiredToken,
        ErrorCode::Inactive => Error::Inactive,
        ErrorCode::Forbidden => Error::Forbidden,
        ErrorCode::NoSuchAccount => Error::NoSuchAccount,
        ErrorCode::WrongPassword => Error::WrongPassword,
        ErrorCode::Blocked => Error::Blocked,
        ErrorCode::BadCode => Error::BadCode,
        ErrorCode::ExpiredCode => Error::ExpiredCode,
        ErrorCode::AlreadyVerified => Error::AlreadyVerified,
        ErrorCode::AlreadyUndone => Error::AlreadyUndone,
        ErrorCode::NotFound => Error::NotFound,
        ErrorCode::EmailTaken => Error::EmailTaken,
        ErrorCode::UsernameTaken => Error::UsernameTaken,
        ErrorCode::PhoneTaken => Error::PhoneTaken,
        ErrorCode::WechatOpenIdTaken => Error::WechatOpenIdTaken,
        ErrorCode::LastAdministrator => Error::LastAdministrator,
        ErrorCode::RateLimited => Error::RateLimited { retry_after: 60 },
        ErrorCode::Internal => Error::Internal(InternalError::new("an example")),
    }
}

/// The description of all error responses with one status.
fn response(rendered: &[(ErrorCode, Response)], spec: &FamilySpec, schemas: &mut Value) -> Value {
    let (mut shapes, mut titles) = (Vec::new(), Vec::new());
    let (mut examples, mut headers) = (Map::new(), Map::new());
    for (code, response) in rendered {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let (name, shape) = shape(&body, spec);
        schemas[&name] = shape;
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        if !shapes.contains(&reference) {
            shapes.push(reference);
        }
        titles.push(capital(&code.as_str().replace('_', " ")));
        examples.insert(code.as_str().to_owned(), json!({ "value": body }));
        for (name, _) in response
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
    json!({ "description": titles.join(", "), "headers": headers, "content": content })
}

/// The name and the schema of such a body.
fn shape(body: &Value, spec: &FamilySpec) -> (String, Value) {
    let member = |(name, value): (&String, &Value)| {
        let schema = match value {
            Value::Object(_) => json!({ "type": "object", "maxProperties": 0 }),
            value if spec.discriminators.contains(&name.as_str()) => const_schema(value.clone()),
            value => json!({ "type": json_type(value) }),
        };
        (name.clone(), schema)
    };
    let members: Map<String, Value> = body.as_object().into_iter().flatten().map(member).collect();
    let discriminator = spec
        .discriminators
        .last()
        .and_then(|member| body.get(member));
    let suffix = discriminator.map(|value| {
        capital(
            &value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        )
    });
    (
        format!("{}Error{}", spec.prefix, suffix.unwrap_or_default()),
        object(members.into()),
    )
}

/// The success response, with the errors of the same status as variants of its body.
fn merge_with_success(mut success: Value, failure: Value) -> Value {
    let body = &mut success["content"]["application/json"];
    let errors = &failure["content"]["application/json"];
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
