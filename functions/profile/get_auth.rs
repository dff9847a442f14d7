//! `GET /users/auth`: the caller's own real name and ID number, as verified; to nobody else.

use serde::Serialize;
use shared::dialect::Given;
use shared::{Call, Dialect, Profile, Result, Sealed, Seals, Tokens, Users};

#[derive(Serialize)]
struct Verified {
    user_id: u64,
    real_name: Option<String>,
    id_card: Option<String>,
}

async fn get_auth((users, tokens, seals): &(Users, Tokens, Seals), call: Call) -> Result<Given<Verified>> {
    let caller = tokens.caller(call.bearer(), users).await?;
    let unseal = |field: &str, sealed: &Option<Sealed>| {
        sealed.as_ref().map(|sealed| seals.unseal(caller.uuid, field, sealed)).transpose()
    };
    Ok(Given::success(Verified {
        user_id: caller.id().get(),
        real_name: unseal("real_name", &caller.real_name)?,
        id_card: unseal("id_card", &caller.id_card)?,
    }))
}

/// Runs the function.
pub fn main() {
    Profile::serve(get_auth);
}
