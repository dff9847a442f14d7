//! The document's default administrator, who exists here and nowhere else.

use anyhow::anyhow;
use local::{Cloud, Result};
use shared::{Access, By, Env, Error, NewUser, Password, Resource, Seals, Users};

/// The account as the document prints it.
const USERNAME: &str = "admin";
const PASSWORD: &str = "admin123";
const EMAIL: &str = "wxcz@wxcz.com";
const APIKEY: &str = "sk-db36651a5e";

/// Makes the administrator, unless there is one already.
///
/// # Errors
/// Where the store cannot be reached.
pub async fn seed(cloud: &Cloud) -> Result<()> {
    let env = Env::of(cloud.operator()).map_err(|fault| anyhow!("{fault}"))?;
    match make_administrator(&env).await {
        Ok(()) | Err(Error::UsernameTaken | Error::EmailTaken) => Ok(()),
        Err(Error::Internal(fault)) => Err(anyhow!("making the administrator: {fault}")),
        Err(error) => Err(anyhow!("making the administrator: {}", error.name())),
    }
}

async fn make_administrator(env: &Env) -> shared::Result<()> {
    let (users, seals) = <(Users, Seals)>::open(env).await?;
    let flaw = |_| Error::Unreadable("the default administrator".into());
    let new = NewUser {
        username: Some(USERNAME.parse().map_err(flaw)?),
        nickname: USERNAME.parse().map_err(flaw)?,
        email: EMAIL.parse().map_err(flaw)?,
        password: Password::parse(PASSWORD).map_err(flaw)?.hash()?,
        access: Access::Admin,
    };
    let admin = users.sign_up(new, None, &By::operator()).await?;
    let apikey = seals.seal(admin.uuid, "apikey", APIKEY).await?;
    users
        .change(admin, &By::operator(), |admin| {
            admin.apikey = Some(apikey.clone())
        })
        .await?;
    Ok(())
}
