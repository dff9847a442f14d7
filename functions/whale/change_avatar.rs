use serde::{Deserialize, Serialize};
use shared::WhaleUser;
use shared::{
    Admission, AvatarUrl, Email, Request, Result, Tokens, UserId, UserRef, Users, double_option,
    endpoint,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Body {
    user_id: Option<UserId>,
    #[schema(value_type = Option<Email>)]
    email: Option<String>,
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Option<AvatarUrl>)]
    avatar: Option<Option<AvatarUrl>>,
}

#[derive(Serialize, ToSchema)]
struct Changed {
    user: WhaleUser,
}

/// Change where a user's picture is; one's own, or as administrator anyone's.
///
/// Without `user_id` and `email` it is the caller. An absent `avatar` stays as it is, `null` clears
/// it.
#[endpoint(
    PUT "/api/users/avatar/",
    family = Whale,
    errors = [NoSuchAccount, Forbidden],
    grants = [
        MayUseTokenKey,
        MayReadUsers,
        MayFindByEmail,
        MayChangeUsers,
        MayActForOthers,
        MayEnqueueMessages,
    ],
    openapi(
        request_body = inline(Body),
        responses((status = 200, body = inline(Changed))),
        security(("bearer" = []), ("token" = [])),
    ),
)]
pub(crate) async fn change_avatar(
    (users, tokens): &(Users, Tokens),
    request: Request,
) -> Result<Changed> {
    let caller = tokens
        .authenticate(request.bearer_or_query(), users, Admission::ValidToken)
        .await?;
    let body: Body = request.json()?;
    let target = match (body.user_id, &body.email) {
        (None, None) => UserRef::Uuid(caller.user.uuid),
        (id, email) => UserRef::from_id_or_email(id, email.as_deref())?,
    };
    let actor = request.actor(&caller);
    let user = users.authorize_target(caller, &target).await?;
    let changed = users.change(user, &actor, |user| {
        body.avatar
            .iter()
            .for_each(|avatar| user.avatar = avatar.clone());
    });
    Ok(Changed {
        user: changed.await?.into(),
    })
}
