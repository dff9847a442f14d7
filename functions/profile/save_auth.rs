//! `POST /users/auth`: save the caller's real name and ID number, once. A second call succeeds
//! and changes nothing.

use serde::{Deserialize, Serialize};
use shared::dialect::{Given, ProfileAuth};
use shared::{
    Admission, Call, Dialect, Error, Flaw, IdCard, RealName, Result, Seals, Tokens, Users, filled,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Claimed {
    #[serde(default, deserialize_with = "filled")]
    #[schema(value_type = RealName, required = true)]
    real_name: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    #[schema(value_type = IdCard, required = true)]
    id_card: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Saved {}

#[utoipa::path(
    post,
    path = "/users/auth",
    request_body = inline(Claimed),
    responses((status = 200, body = inline(Saved))),
    security(("bearer" = [])),
    extensions(("x-errors" = json!(["blocked", "missing"]))),
)]
pub(crate) async fn save_auth(
    (users, tokens, seals): &(Users, Tokens, Seals),
    call: Call,
) -> Result<Given<Saved>> {
    let caller = tokens
        .authenticate(call.bearer(), users, Admission::Unblocked)
        .await?;
    let claimed: Claimed = call.filled_json()?;
    let told = |value: Option<String>, field| {
        value
            .filter(|value| !value.trim().is_empty())
            .ok_or(Error::Missing(field))
    };
    let (real_name, id_card) = (
        told(claimed.real_name, "real_name")?,
        told(claimed.id_card, "id_card")?,
    );
    let real_name: RealName = real_name
        .parse()
        .map_err(|why| Error::Invalid(Flaw::of("real_name", why)))?;
    let id_card: IdCard = id_card
        .parse()
        .map_err(|why| Error::Invalid(Flaw::of("id_card", why)))?;

    let real_name = seals
        .seal(caller.user.uuid, "real_name", real_name.expose())
        .await?;
    let id_card = seals
        .seal(caller.user.uuid, "id_card", id_card.expose())
        .await?;
    let by = call.by(&caller);
    users
        .verify_real_name(caller.user, &by, &real_name, &id_card)
        .await?;
    Ok(Given {
        message: "Verification information saved",
        data: Saved {},
        beside: None,
    })
}

/// Runs the function.
pub fn main() {
    ProfileAuth::serve(save_auth);
}
