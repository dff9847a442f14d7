//! `PUT /api/users/avatar`: change where a user's picture is; one's own, or as administrator anyone's.
//!
//! An absent `avatar` stays as it is, `null` clears it.

use serde::{Deserialize, Serialize};
use shared::dialect::WhaleUser;
use shared::{
    Admission, AvatarUrl, Call, Dialect, Email, Result, Subject, Tokens, UserId, Users, Whale,
    present,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Given {
    user_id: Option<UserId>,
    #[schema(value_type = Option<Email>)]
    email: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<AvatarUrl>)]
    avatar: Option<Option<AvatarUrl>>,
}

#[derive(Serialize, ToSchema)]
struct Changed {
    user: WhaleUser,
}

#[utoipa::path(
    put,
    path = "/api/users/avatar/",
    request_body = inline(Given),
    responses((status = 200, body = inline(Changed))),
    security(("bearer" = []), ("token" = [])),
    extensions(("x-errors" = json!(["missing", "no_such_account", "forbidden"]))),
)]
pub(crate) async fn change_avatar(
    (users, tokens): &(Users, Tokens),
    call: Call,
) -> Result<Changed> {
    let caller = tokens
        .authenticate(call.bearer_or_query(), users, Admission::ValidToken)
        .await?;
    let given: Given = call.json_with(&["user_id|email"])?;
    let subject = Subject::of(given.user_id, given.email.as_deref())?;
    let by = call.by(&caller);
    let user = users.acted_on(caller, &subject).await?;
    let changed = users.change(user, &by, |user| {
        given
            .avatar
            .iter()
            .for_each(|avatar| user.avatar = avatar.clone());
    });
    Ok(Changed {
        user: changed.await?.into(),
    })
}

/// Runs the function.
pub fn main() {
    Whale::serve(change_avatar);
}
