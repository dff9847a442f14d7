//! `PUT /api/users/name`: change a user's name to be shown; one's own, or as administrator anyone's.

use serde::{Deserialize, Serialize};
use shared::dialect::WhaleUser;
use shared::{
    Admission, Call, Dialect, Email, Nickname, Result, Subject, Tokens, UserId, Users, Whale,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Given {
    name: Nickname,
    user_id: Option<UserId>,
    #[schema(value_type = Option<Email>)]
    email: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Changed {
    user: WhaleUser,
}

#[utoipa::path(
    put,
    path = "/api/users/name/",
    request_body = inline(Given),
    responses((status = 200, body = inline(Changed))),
    security(("bearer" = []), ("token" = [])),
    extensions(("x-errors" = json!(["missing", "no_such_account", "forbidden"]))),
)]
pub(crate) async fn change_name((users, tokens): &(Users, Tokens), call: Call) -> Result<Changed> {
    let caller = tokens
        .authenticate(call.bearer_or_query(), users, Admission::ValidToken)
        .await?;
    let given: Given = call.json_with(&["name", "user_id|email"])?;
    let subject = Subject::of(given.user_id, given.email.as_deref())?;
    let by = call.by(&caller);
    let user = users.acted_on(caller, &subject).await?;
    let changed = users.change(user, &by, |user| user.nickname = given.name.clone());
    Ok(Changed {
        user: changed.await?.into(),
    })
}

/// Runs the function.
pub fn main() {
    Whale::serve(change_name);
}
