use serde::{Deserialize, Serialize};
use shared::WhaleUser;
use shared::{
    Admission, Email, Nickname, Request, Result, Tokens, UserId, UserRef, Users, endpoint,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Body {
    name: Nickname,
    user_id: Option<UserId>,
    #[schema(value_type = Option<Email>)]
    email: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Changed {
    user: WhaleUser,
}

/// Change a user's name to be shown; one's own, or as administrator anyone's.
///
/// Without `user_id` and `email` it is the caller.
#[endpoint(
    PUT "/api/users/name/",
    family = Whale,
    errors = [Missing, NoSuchAccount, Forbidden],
    grants = [MayUseTokenKey, MayReadUsers, MayFindByEmail, MayChangeUsers, MayActForOthers],
    openapi(
        request_body = inline(Body),
        responses((status = 200, body = inline(Changed))),
        security(("bearer" = []), ("token" = [])),
    ),
)]
pub(crate) async fn change_name(
    (users, tokens): &(Users, Tokens),
    request: Request,
) -> Result<Changed> {
    let caller = tokens
        .authenticate(request.bearer_or_query(), users, Admission::ValidToken)
        .await?;
    let body: Body = request.json_requiring(&["name"])?;
    let target = match (body.user_id, &body.email) {
        (None, None) => UserRef::Uuid(caller.user.uuid),
        (id, email) => UserRef::from_id_or_email(id, email.as_deref())?,
    };
    let actor = request.actor(&caller);
    let user = users.authorize_target(caller, &target).await?;
    let changed = users.change(user, &actor, |user| user.nickname = body.name.clone());
    Ok(Changed {
        user: changed.await?.into(),
    })
}
