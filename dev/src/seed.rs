//! The default administrator of the specification, created in the local cloud only.

use anyhow::anyhow;
use local::{Cloud, Result};
use shared::{Actor, Connections, Error, FieldCipher, FromConfig, NewUser, Password, Role, Users};

/// The account as the specification prints it.
const USERNAME: &str = "admin";
const PASSWORD: &str = "admin123";
const EMAIL: &str = "wxcz@wxcz.com";
const APIKEY: &str = "sk-db36651a5e";

/// Creates the administrator, unless the user name or e-mail is taken. Idempotent.
///
/// # Errors
/// If the store cannot be reached.
pub async fn seed(cloud: &Cloud) -> Result<()> {
    let env =
        Connections::from_variables(cloud.operator_env()).map_err(|error| anyhow!("{error}"))?;
    match create_administrator(&env).await {
        Ok(()) | Err(Error::UsernameTaken | Error::EmailTaken) => Ok(()),
        Err(Error::Internal(error)) => Err(anyhow!("creating the administrator: {error}")),
        Err(error) => Err(anyhow!("creating the administrator: {}", error.code())),
    }
}

async fn create_administrator(env: &Connections) -> shared::Result<()> {
    let (users, seals) = <(Users, FieldCipher)>::open(env).await?;
    let invalid = |_| Error::MalformedBody("the default administrator".into());
    let new = NewUser {
        username: Some(USERNAME.parse().map_err(invalid)?),
        nickname: USERNAME.parse().map_err(invalid)?,
        email: EMAIL.parse().map_err(invalid)?,
        // A stack refuses this password twice: it is common, and too short for an administrator.
        password: Password::parse(PASSWORD)
            .map_err(invalid)?
            .hash()?
            .exempt_from_admin_length(),
        role: Role::Admin,
    };
    let admin = users.sign_up(new, None, &Actor::operator()).await?;
    let apikey = seals.seal(admin.uuid, "apikey", APIKEY).await?;
    users
        .change(admin, &Actor::operator(), |admin| {
            admin.apikey = Some(apikey.clone())
        })
        .await?;
    Ok(())
}
