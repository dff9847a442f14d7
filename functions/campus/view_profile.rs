//! `GET /api/v3/view_profile`: a user's profile; one's own, or as administrator anyone's.

use shared::dialect::CampusProfile;
use shared::{Admission, Call, Campus, Dialect, Result, Seals, Subject, Tokens, Users};

#[utoipa::path(
    get,
    path = "/api/v3/view_profile",
    params(("who" = Option<String>, Query, description = "Whose profile, by OpenID; the caller's own where it is empty.", example = "hajimihajimihajimi")),
    responses((status = 200, body = CampusProfile)),
    security(("bearer" = [])),
    extensions(("x-errors" = json!(["inactive", "forbidden", "no_such_account"]))),
)]
pub(crate) async fn view_profile(
    (users, tokens, seals): &(Users, Tokens, Seals),
    call: Call,
) -> Result<CampusProfile> {
    let caller = tokens
        .authenticate(call.bearer(), users, Admission::Active)
        .await?;
    let who = call
        .query("who")
        .map(str::trim)
        .filter(|who| !who.is_empty());
    let subject = who.map_or(Subject::Uuid(caller.user.uuid), Subject::who);
    let user = users.acted_on(caller, &subject).await?;
    let real_name = match &user.real_name {
        Some(sealed) => Some(seals.unseal(user.uuid, "real_name", sealed).await?),
        None => None,
    };
    Ok(CampusProfile::of(user, real_name))
}

/// Runs the function.
pub fn main() {
    Campus::serve(view_profile);
}
