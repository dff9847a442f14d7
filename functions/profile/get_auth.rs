//! `GET /users/auth`: the caller's own real name and ID number, as verified; to nobody else.

use serde::Serialize;
use shared::dialect::Given;
use shared::{Admission, Call, Dialect, Profile, Result, Sealed, Seals, Tokens, UserId, Users};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct Verified {
    #[schema(value_type = UserId)]
    user_id: u64,
    #[schema(required = true, examples("张三"))]
    real_name: Option<String>,
    #[schema(required = true, examples("110101199003071234"))]
    id_card: Option<String>,
}

#[utoipa::path(
    get,
    path = "/users/auth",
    responses((status = 200, body = inline(Verified))),
    security(("bearer" = [])),
    extensions(("x-errors" = json!(["blocked"]))),
)]
pub(crate) async fn get_auth(
    (users, tokens, seals): &(Users, Tokens, Seals),
    call: Call,
) -> Result<Given<Verified>> {
    let caller = tokens
        .authenticate(call.bearer(), users, Admission::Unblocked)
        .await?
        .user;
    let unseal = async |field: &str, sealed: &Option<Sealed>| match sealed {
        Some(sealed) => seals.unseal(caller.uuid, field, sealed).await.map(Some),
        None => Ok(None),
    };
    Ok(Given::success(Verified {
        user_id: caller.id().get(),
        real_name: unseal("real_name", &caller.real_name).await?,
        id_card: unseal("id_card", &caller.id_card).await?,
    }))
}

/// Runs the function.
pub fn main() {
    Profile::serve(get_auth);
}
