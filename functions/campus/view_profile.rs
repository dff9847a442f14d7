use shared::CampusProfile;
use shared::{Admission, FieldCipher, Request, Result, Tokens, UserRef, Users, endpoint};

/// A user's profile; one's own, or as administrator anyone's.
#[endpoint(
    GET "/api/v3/view_profile",
    family = Campus,
    errors = [Inactive, Forbidden, NoSuchAccount],
    grants = [MayUseTokenKey, MayReadUsers, MayFindByOpenId, MayUseDataKey],
    openapi(
        params(("who" = Option<String>, Query, description = "Whose profile, by OpenID; the caller's own where it is empty.", example = "hajimihajimihajimi")),
        responses((status = 200, body = CampusProfile)),
        security(("bearer" = [])),
    ),
)]
pub(crate) async fn view_profile(
    (users, tokens, cipher): &(Users, Tokens, FieldCipher),
    request: Request,
) -> Result<CampusProfile> {
    let caller = tokens
        .authenticate(request.bearer(), users, Admission::Active)
        .await?;
    let who = request
        .query("who")
        .map(str::trim)
        .filter(|who| !who.is_empty());
    let target = who.map_or(UserRef::Uuid(caller.user.uuid), UserRef::from_campus_name);
    let user = users.authorize_target(caller, &target).await?;
    let real_name = match &user.real_name {
        Some(encrypted) => Some(cipher.open(user.uuid, "real_name", encrypted).await?),
        None => None,
    };
    Ok(CampusProfile::new(user, real_name))
}
