//! The families' envelopes and errors, for the OpenAPI description.

use serde_json::{Value, json};

use crate::api::families::{campus, center, profile, whale};
use crate::api::{
    ApiFamily, Campus, CampusChange, Center, Endpoint, Profile, ProfileAuth, ProfileName,
    ProfileResponse, Response, Whale,
};
use crate::domain::{Error, ErrorCode};

/// The description of a family, or of a variant of one.
pub(super) struct FamilySpec {
    /// Whether a path belongs to it.
    owns: fn(&str) -> bool,
    /// The prefix of the names of its error schemas.
    pub prefix: &'static str,
    /// Renders an error.
    pub render_error: fn(&Error) -> Response,
    /// The schema of an endpoint's success, from the schema of its result.
    pub envelope: fn(Option<Value>, &Endpoint) -> Value,
    /// The fields that discriminate error variants. The last one names the schema.
    pub discriminators: &'static [&'static str],
    /// The errors of every endpoint with a body, except `Invalid` for uploads.
    pub with_body: &'static [ErrorCode],
    /// The schemas whose fields clients can select with `fields`.
    pub sparse_schemas: &'static [&'static str],
}

impl FamilySpec {
    /// The description of the family that owns `path`.
    pub(super) fn at(path: &str) -> Option<&'static Self> {
        FAMILY_SPECS.iter().find(|spec| (spec.owns)(path))
    }
}

const BODY: &[ErrorCode] = &[
    ErrorCode::MalformedBody,
    ErrorCode::TooLarge,
    ErrorCode::Invalid,
];

const FAMILY_SPECS: [FamilySpec; 7] = [
    FamilySpec {
        owns: center::owns,
        prefix: "Center",
        render_error: Center::error_response,
        envelope: |result, _| result.unwrap_or_default(),
        discriminators: &[],
        with_body: BODY,
        sparse_schemas: &[],
    },
    FamilySpec {
        owns: whale::owns,
        prefix: "Whale",
        render_error: Whale::error_response,
        envelope: |result, _| {
            object(
                json!({ "code": const_schema(0), "message": const_schema("Success"), "data": result }),
            )
        },
        discriminators: &["message", "code"],
        with_body: BODY,
        sparse_schemas: &["WhaleUser", "WhaleCaptcha"],
    },
    FamilySpec {
        owns: |path| path == "/users/name",
        render_error: <ProfileName as ApiFamily<ProfileResponse<()>>>::render_error,
        ..PROFILE
    },
    FamilySpec {
        owns: |path| path == "/users/auth",
        render_error: <ProfileAuth as ApiFamily<ProfileResponse<()>>>::render_error,
        ..PROFILE
    },
    PROFILE,
    FamilySpec {
        owns: campus::owns_change,
        prefix: "CampusChange",
        render_error: CampusChange::error_response,
        envelope: |_, _| {
            object(
                json!({ "success": const_schema(true), "msg": const_schema("profile change success~") }),
            )
        },
        ..CAMPUS
    },
    CAMPUS,
];

const PROFILE: FamilySpec = FamilySpec {
    owns: profile::owns,
    prefix: "Profile",
    render_error: Profile::error_response,
    envelope: |result, endpoint| {
        let data = result.unwrap_or_default();
        let mut members = json!({ "error_code": const_schema("0"), "message": const_schema(endpoint.message), "code": const_schema(200) });
        if let Some(top_level_field) = endpoint.top_level_field {
            members[top_level_field] = data["properties"][top_level_field].clone();
        }
        members["data"] = data;
        object(members)
    },
    discriminators: &["error_code"],
    with_body: BODY,
    sparse_schemas: &[],
};

const CAMPUS: FamilySpec = FamilySpec {
    owns: campus::owns,
    prefix: "CampusView",
    render_error: Campus::error_response,
    envelope: |result, _| {
        object(
            json!({ "success": const_schema(true), "msg": const_schema("user profile"), "profile": result }),
        )
    },
    discriminators: &["success", "errType"],
    with_body: BODY,
    sparse_schemas: &[],
};

/// The schema of a constant. The type is redundant, but some tools need it.
pub(super) fn const_schema(value: impl Into<Value>) -> Value {
    let value = value.into();
    json!({ "type": json_type(&value), "const": value })
}

/// The JSON type of a value.
pub(super) fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The schema of an object whose members are all required.
pub(super) fn object(members: Value) -> Value {
    let required: Vec<&String> = members
        .as_object()
        .into_iter()
        .flat_map(|members| members.keys())
        .collect();
    json!({ "type": "object", "required": required, "properties": members })
}
