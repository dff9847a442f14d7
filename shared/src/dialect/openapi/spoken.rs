//! How each family speaks, for its description.

use serde_json::{Value, json};

use crate::Error;
use crate::dialect::{
    Campus, CampusChange, Center, Dialect, Given, Profile, ProfileAuth, ProfileName, Reply, Whale,
    campus, center, profile, whale,
};

/// One way of speaking.
pub(super) struct Spoken {
    /// Where it is spoken.
    owns: fn(&str) -> bool,
    /// What the names of its errors begin with.
    pub prefix: &'static str,
    /// The answer for an error.
    pub failure: fn(&Error) -> Reply,
    /// The schema of a success from that of what is given, and from the name of the field that
    /// stands beside it, too.
    pub envelope: fn(Option<Value>, Option<&str>) -> Value,
    /// Members of an error's body that tell the client's program which it is. The last, where
    /// there is one, is in the name of its schema.
    pub telling: &'static [&'static str],
    /// Errors of every endpoint that takes a body, but `invalid` of a form with a file.
    pub with_body: &'static [&'static str],
    /// Schemas of which clients may ask for less with `fields`.
    pub narrowed: &'static [&'static str],
}

impl Spoken {
    /// How the family that owns `path` speaks there.
    pub(super) fn at(path: &str) -> Option<&'static Self> {
        SPOKEN.iter().find(|spoken| (spoken.owns)(path))
    }
}

const BODY: &[&str] = &["unreadable", "too_large", "invalid"];

const SPOKEN: [Spoken; 7] = [
    Spoken {
        owns: center::owns,
        prefix: "Center",
        failure: Center::refusal,
        envelope: |given, _| given.unwrap_or_default(),
        telling: &[],
        with_body: BODY,
        narrowed: &[],
    },
    Spoken {
        owns: whale::owns,
        prefix: "Whale",
        failure: Whale::refusal,
        envelope: |given, _| {
            object(json!({ "code": is(0), "message": is("Success"), "data": given }))
        },
        telling: &["message", "code"],
        with_body: BODY,
        narrowed: &["WhaleUser", "WhaleCaptcha"],
    },
    Spoken {
        owns: |path| path == "/users/name",
        failure: <ProfileName as Dialect<Given<()>>>::failure,
        ..PROFILE
    },
    Spoken {
        owns: |path| path == "/users/auth",
        failure: <ProfileAuth as Dialect<Given<()>>>::failure,
        ..PROFILE
    },
    PROFILE,
    Spoken {
        owns: campus::owns_change,
        prefix: "CampusChange",
        failure: CampusChange::refusal,
        envelope: |_, _| {
            object(json!({ "success": is(true), "msg": is("profile change success~") }))
        },
        ..CAMPUS
    },
    CAMPUS,
];

const PROFILE: Spoken = Spoken {
    owns: profile::owns,
    prefix: "Profile",
    failure: Profile::refusal,
    envelope: |given, beside| {
        let data = given.unwrap_or_default();
        let mut members = json!({ "error_code": is("0"), "message": { "type": "string", "examples": ["Success"] }, "code": is(200) });
        if let Some(beside) = beside {
            members[beside] = data["properties"][beside].clone();
        }
        members["data"] = data;
        object(members)
    },
    telling: &["error_code"],
    with_body: BODY,
    narrowed: &[],
};

const CAMPUS: Spoken = Spoken {
    owns: campus::owns,
    prefix: "CampusView",
    failure: Campus::refusal,
    envelope: |given, _| {
        object(json!({ "success": is(true), "msg": is("user profile"), "profile": given }))
    },
    telling: &["success", "errType"],
    with_body: BODY,
    narrowed: &[],
};

/// The schema of one value. What its type is follows, but some readers want to be told.
pub(super) fn is(value: impl Into<Value>) -> Value {
    let value = value.into();
    json!({ "type": kind(&value), "const": value })
}

/// The JSON type of a value.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The schema of an object with these members, all of them required.
pub(super) fn object(members: Value) -> Value {
    let required: Vec<&String> = members
        .as_object()
        .into_iter()
        .flat_map(|members| members.keys())
        .collect();
    json!({ "type": "object", "required": required, "properties": members })
}
