//! `PUT /users/name`: change the caller's user name, which is unique.

use serde::{Deserialize, Serialize};
use shared::dialect::{Given, ProfileName};
use shared::{Admission, Call, Dialect, Error, Flaw, Result, Tokens, Username, Users, filled};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Wanted {
    #[serde(default, deserialize_with = "filled")]
    #[schema(value_type = Username, required = true)]
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Named {
    #[schema(examples("testuser"))]
    name: String,
}

#[utoipa::path(
    put,
    path = "/users/name",
    request_body = inline(Wanted),
    responses((status = 200, body = inline(Named))),
    security(("bearer" = [])),
    extensions(("x-errors" = json!(["blocked", "missing", "username_taken"])), ("x-beside" = json!("name"))),
)]
pub(crate) async fn set_name(
    (users, tokens): &(Users, Tokens),
    call: Call,
) -> Result<Given<Named>> {
    let caller = tokens
        .authenticate(call.bearer(), users, Admission::Unblocked)
        .await?;
    let wanted: Wanted = call.filled_json()?;
    let name = wanted
        .name
        .filter(|name| !name.trim().is_empty())
        .ok_or(Error::Missing("name"))?;
    let name: Username = name
        .parse()
        .map_err(|why| Error::Invalid(Flaw::of("name", why)))?;

    if name.is_reserved() && name.canonical() != caller.user.username.canonical() {
        return Err(Error::UsernameTaken);
    }

    let by = call.by(&caller);
    let named = users
        .change(caller.user, &by, |user| user.username = name.clone())
        .await?;
    let name = String::from(named.username);
    Ok(Given {
        message: "Success",
        beside: Some(("name", name.clone().into())),
        data: Named { name },
    })
}

/// Runs the function.
pub fn main() {
    ProfileName::serve(set_name);
}
