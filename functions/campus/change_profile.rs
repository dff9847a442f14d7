use std::str::FromStr;

use serde::Deserialize;
use shared::{
    Admission, Error, InvalidField, Phone, Request, Result, ShortText, Tokens, UserRef, Users,
    endpoint,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Body {
    #[schema(value_type = String, pattern = r"\S", required = true, examples("user_openid_123"))]
    who: Option<String>,
    #[schema(value_type = ShortText, required = true, examples("15"))]
    block: Option<String>,
    #[schema(value_type = ShortText, required = true, examples("202"))]
    room: Option<String>,
    #[schema(value_type = Phone, required = true, examples("13900139000"))]
    phone: Option<String>,
    #[schema(value_type = ShortText, required = true, examples("telecom"))]
    isp: Option<String>,
    #[schema(value_type = ShortText, required = true, examples("987654321"))]
    account: Option<String>,
}

/// The parsed body.
struct ProfileUpdate {
    target: UserRef,
    block: ShortText,
    room: ShortText,
    phone: Phone,
    isp: ShortText,
    account: ShortText,
}

impl TryFrom<Body> for ProfileUpdate {
    type Error = Error;

    fn try_from(body: Body) -> Result<Self> {
        let fields = [
            ("who", body.who),
            ("block", body.block),
            ("room", body.room),
            ("phone", body.phone),
            ("isp", body.isp),
            ("account", body.account),
        ];
        let fields = fields.map(|(name, text)| (name, text.unwrap_or_default()));
        let missing = fields.iter().filter(|(_, text)| text.trim().is_empty());
        let missing: Vec<_> = missing.map(|(name, _)| *name).collect();
        if !missing.is_empty() {
            return Err(Error::Incomplete(missing));
        }
        let [(_, who), block, room, phone, isp, account] = fields;
        Ok(Self {
            target: UserRef::from_campus_name(&who),
            block: parse_field(block)?,
            room: parse_field(room)?,
            phone: parse_field(phone)?,
            isp: parse_field(isp)?,
            account: parse_field(account)?,
        })
    }
}

fn parse_field<T: FromStr<Err = &'static str>>((name, text): (&str, String)) -> Result<T> {
    text.parse()
        .map_err(|reason| Error::Invalid(InvalidField::new(name, reason)))
}

/// Change a user's room, phone and line; one's own, or as
/// administrator anyone's.
///
/// All fields are required, and all that are missing are told at once.
#[endpoint(
    POST "/api/v3/change_profile",
    family = CampusChange,
    errors = [Incomplete, Inactive, Forbidden, NoSuchAccount, PhoneTaken, RateLimited],
    grants = [
        MayUseTokenKey,
        MayReadUsers,
        MayFindByOpenId,
        MayChangeUsers,
        MaySetPhones,
        MayWriteAuditLog,
    ],
    openapi(
        request_body = inline(Body),
        responses((status = 200)),
        security(("bearer" = [])),
    ),
)]
pub(crate) async fn change_profile(
    (users, tokens): &(Users, Tokens),
    request: Request,
) -> Result<()> {
    let caller = tokens
        .authenticate(request.bearer(), users, Admission::Active)
        .await?;
    let update: ProfileUpdate = request.json::<Body>()?.try_into()?;
    let actor = request.actor(&caller);
    let user = users.authorize_target(caller, &update.target).await?;
    let changed = users.change(user, &actor, |user| {
        user.block = Some(update.block.clone());
        user.room = Some(update.room.clone());
        user.set_phone(Some(update.phone.clone()));
        user.isp = Some(update.isp.clone());
        user.account = Some(update.account.clone());
    });
    changed.await.map(|_| ())
}
