//! `POST /api/v3/change_profile`: change a user's room, phone and line; one's own, or as
//! administrator anyone's.
//!
//! All fields are required, and all that are missing are told at once.

use std::str::FromStr;

use serde::Deserialize;
use shared::{
    Admission, Call, CampusChange, Detail, Dialect, Error, Flaw, Phone, Result, Subject, Tokens,
    Users,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Given {
    #[schema(value_type = String, pattern = r"\S", required = true, examples("user_openid_123"))]
    who: Option<String>,
    #[schema(value_type = Detail, required = true, examples("15"))]
    block: Option<String>,
    #[schema(value_type = Detail, required = true, examples("202"))]
    room: Option<String>,
    #[schema(value_type = Phone, required = true, examples("13900139000"))]
    phone: Option<String>,
    #[schema(value_type = Detail, required = true, examples("telecom"))]
    isp: Option<String>,
    #[schema(value_type = Detail, required = true, examples("987654321"))]
    account: Option<String>,
}

/// A profile that can be written, of the user whom `who` names.
struct Wanted {
    who: Subject,
    block: Detail,
    room: Detail,
    phone: Phone,
    isp: Detail,
    account: Detail,
}

impl TryFrom<Given> for Wanted {
    type Error = Error;

    fn try_from(given: Given) -> Result<Self> {
        let fields = [
            ("who", given.who),
            ("block", given.block),
            ("room", given.room),
            ("phone", given.phone),
            ("isp", given.isp),
            ("account", given.account),
        ];
        let fields = fields.map(|(name, text)| (name, text.unwrap_or_default()));
        let missing = fields.iter().filter(|(_, text)| text.trim().is_empty());
        let missing: Vec<_> = missing.map(|(name, _)| *name).collect();
        if !missing.is_empty() {
            return Err(Error::Incomplete(missing));
        }
        let [(_, who), block, room, phone, isp, account] = fields;
        Ok(Self {
            who: Subject::who(&who),
            block: parsed(block)?,
            room: parsed(room)?,
            phone: parsed(phone)?,
            isp: parsed(isp)?,
            account: parsed(account)?,
        })
    }
}

fn parsed<T: FromStr<Err = &'static str>>((name, text): (&str, String)) -> Result<T> {
    text.parse()
        .map_err(|why| Error::Invalid(Flaw::of(name, why)))
}

#[utoipa::path(
    post,
    path = "/api/v3/change_profile",
    request_body = inline(Given),
    responses((status = 200)),
    security(("bearer" = [])),
    extensions(("x-errors" = json!(["incomplete", "inactive", "forbidden", "no_such_account", "phone_taken"]))),
)]
pub(crate) async fn change_profile((users, tokens): &(Users, Tokens), call: Call) -> Result<()> {
    let caller = tokens
        .authenticate(call.bearer(), users, Admission::Active)
        .await?;
    let wanted: Wanted = call.json::<Given>()?.try_into()?;
    let by = call.by(&caller);
    let user = users.acted_on(caller, &wanted.who).await?;
    let changed = users.change(user, &by, |user| {
        user.block = Some(wanted.block.clone());
        user.room = Some(wanted.room.clone());
        user.phone = Some(wanted.phone.clone());
        user.isp = Some(wanted.isp.clone());
        user.account = Some(wanted.account.clone());
    });
    changed.await.map(|_| ())
}

/// Runs the function.
pub fn main() {
    CampusChange::serve(change_profile);
}
