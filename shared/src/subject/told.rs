//! A subject as operators write it: `{"email": "…"}`, or a plain text that shows what it is.

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use uuid::Uuid;

use super::Subject;
use crate::{Email, OpenId, UserId, Username};

/// Says which name it is.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Told {
    Id(UserId),
    Uuid(Uuid),
    Email(Email),
    Username(Username),
    Wx(OpenId),
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value.as_str() {
            Some(text) => plain(text).map_err(de::Error::custom),
            None if value.is_u64() => UserId::deserialize(value)
                .map(Self::Id)
                .map_err(de::Error::custom),
            None => {
                match Told::deserialize(value)
                    .map_err(|why| de::Error::custom(format!("user: {why}")))?
                {
                    Told::Id(id) => Ok(Self::Id(id)),
                    Told::Uuid(uuid) => Ok(Self::Uuid(uuid)),
                    Told::Email(email) => Ok(Self::Email(email)),
                    Told::Username(name) => Ok(Self::Username(name)),
                    Told::Wx(wx) => Ok(Self::Wx(wx)),
                }
            }
        }
    }
}

/// What holds an `@` is an e-mail, a UUID a UUID, digits an id, anything else a user name.
fn plain(text: &str) -> Result<Subject, String> {
    let flaw = |why: &str| format!("user: {why}");
    let text = text.trim();
    if text.contains('@') {
        return text.parse().map(Subject::Email).map_err(flaw);
    }
    if let Ok(uuid) = text.parse() {
        return Ok(Subject::Uuid(uuid));
    }
    if let Ok(id) = text.parse::<u64>() {
        return UserId::deserialize(Value::from(id))
            .map(Subject::Id)
            .map_err(|why| flaw(&why.to_string()));
    }
    text.parse().map(Subject::Username).map_err(flaw)
}
