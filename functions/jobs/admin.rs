//! `aws lambda invoke`: the operator's commands.
//!
//! The function has no route: IAM controls who may invoke it. It also handles the custom resource that
//! creates the first administrator of a stack.
//!
//! A command is `{"command": "…", …}`. Its `user` is `{"id": …}`, `{"uuid": …}`, `{"email": …}`,
//! `{"username": …}` or `{"wx": …}`, or a text of one of these forms.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    Actor, Avatars, CustomResourceRequest, Email, Error, FirstAdminResource, InvalidField, NewUser,
    Nickname, Outbox, Password, PasswordPolicy, Result, Role, User, UserChange, UserIndex, UserRef,
    Username, Users, UsersWithPasswords, WechatOpenId, admin as responses, serve_commands,
};

/// The default and the maximum number of audit records in a response.
const DEFAULT_RECORDS: usize = 100;
const MAX_RECORDS: usize = 1000;
/// The time limit of one run of a long command. The function's timeout is 15 minutes.
const RUN_BUDGET: Duration = Duration::from_secs(10 * 60);
/// The default minimum age of avatars that a cleanup deletes, in seconds. An upload is much faster.
const MIN_AVATAR_AGE: u64 = 60 * 60;

#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
enum Command {
    /// Creates an administrator. Without a `password`, one is generated and returned once.
    CreateAdministrator {
        username: String,
        email: String,
        nickname: Option<String>,
        password: Option<String>,
    },
    /// `admin`, `user` or `unregistered`.
    SetAccess {
        user: UserRef,
        access: String,
    },
    Block {
        user: UserRef,
    },
    Unblock {
        user: UserRef,
    },
    /// Ends all sessions, without a block.
    EndSessions {
        user: UserRef,
    },
    Feature {
        user: UserRef,
    },
    Unfeature {
        user: UserRef,
    },
    /// Binds a WeChat OpenID. Replaces a former one.
    BindWx {
        user: UserRef,
        wx: String,
    },
    UnbindWx {
        user: UserRef,
    },
    /// Creates or updates users. The first line of `csv` names its columns.
    ImportCampus {
        csv: String,
    },
    /// Resets the rate limits of a user, and the tries of their mail code.
    ClearLimits {
        user: UserRef,
    },
    /// The newest audit records of a user. By id or UUID, also of a deleted one.
    Audit {
        user: UserRef,
        limit: Option<usize>,
    },
    Delete {
        user: UserRef,
    },
    /// Deletes unreferenced avatars that are older than `seconds`, by default an hour. Resumes from the
    /// checkpoint of the last run. `force` releases the brake.
    SweepAvatars {
        seconds: Option<u64>,
        #[serde(default)]
        force: bool,
    },
    /// Has the e-mails and deletions in the outbox processed that no function retries any more.
    Redrive {},
    Show {
        user: UserRef,
    },
    /// Compares the user index with the users. `from` is the `next` of an earlier response.
    CompareDirectory {
        from: Option<String>,
    },
    /// Compares the user index with the users, and repairs differences.
    RebuildDirectory {
        from: Option<String>,
    },
}

enum AdminEvent {
    Command { name: String, command: Command },
    CustomResource(CustomResourceRequest),
}

impl shared::Command for AdminEvent {
    fn parse(event: Value) -> Result<Self> {
        let malformed = |error: serde_json::Error| Error::MalformedBody(error.to_string());
        if event.get("RequestType").is_some() {
            return serde_json::from_value(event)
                .map(Self::CustomResource)
                .map_err(malformed);
        }
        let name = event
            .get("command")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let command = serde_json::from_value(event).map_err(malformed)?;
        Ok(Self::Command { name, command }) // a known name, since the command was parsed
    }

    fn name(&self) -> &str {
        match self {
            Self::Command { name, .. } => name,
            Self::CustomResource(_) => "custom-resource",
        }
    }
}

async fn admin(
    resources: &(
        (UsersWithPasswords, PasswordPolicy),
        Avatars,
        (UserIndex, Outbox),
        FirstAdminResource,
    ),
    event: AdminEvent,
) -> Result<Value> {
    let ((users, policy), avatars, (index, outbox), first_admin) = resources;
    match event {
        AdminEvent::Command { command, .. } => {
            execute(users, *policy, avatars, index, outbox, command).await
        }
        AdminEvent::CustomResource(request) => first_admin.handle(users, &request).await,
    }
}

async fn execute(
    users: &UsersWithPasswords,
    policy: PasswordPolicy,
    avatars: &Avatars,
    index: &UserIndex,
    outbox: &Outbox,
    command: Command,
) -> Result<Value> {
    let actor = Actor::operator();
    match command {
        Command::CreateAdministrator {
            username,
            email,
            nickname,
            password,
        } => {
            create_administrator(
                users,
                policy,
                &username,
                &email,
                nickname.as_deref(),
                password.as_deref(),
            )
            .await
        }
        Command::SweepAvatars { seconds, force } => {
            let seconds = seconds.unwrap_or(MIN_AVATAR_AGE);
            let report = users.delete_unreferenced_avatars(avatars, seconds, RUN_BUDGET, force);
            Ok(json!(report.await?))
        }
        Command::Redrive {} => Ok(json!(outbox.redrive(RUN_BUDGET).await?)),
        Command::SetAccess { user, access } => {
            let role: Role = parse_field("access", &access)?;
            let user = users.find(&user).await?;
            Ok(user_response(users.set_role(user, &actor, role).await?))
        }
        Command::Block { user } => Ok(user_response(
            users
                .set_blocked(users.find(&user).await?, &actor, true)
                .await?,
        )),
        Command::Unblock { user } => Ok(user_response(
            users
                .set_blocked(users.find(&user).await?, &actor, false)
                .await?,
        )),
        Command::EndSessions { user } => Ok(user_response(
            users.end_sessions(users.find(&user).await?, &actor).await?,
        )),
        Command::Feature { user } => change(users, &user, |user| user.set_featured(true)).await,
        Command::Unfeature { user } => change(users, &user, |user| user.set_featured(false)).await,
        Command::BindWx { user, wx } => {
            let wx: WechatOpenId = parse_field("wx", &wx)?;
            change(users, &user, |user| {
                user.set_wechat_open_id(Some(wx.clone()))
            })
            .await
        }
        Command::UnbindWx { user } => {
            change(users, &user, |user| user.set_wechat_open_id(None)).await
        }
        Command::ClearLimits { user } => {
            let user = users.find(&user).await?;
            Ok(user_response(users.clear_limits(user, &actor).await?))
        }
        Command::ImportCampus { csv } => Ok(responses::import_report(
            &users.import(&csv, policy, &actor).await?,
        )),
        Command::Audit { user, limit } => {
            audit(users, &user, limit.unwrap_or(DEFAULT_RECORDS)).await
        }
        Command::Delete { user } => {
            let user = users.find(&user).await?;
            let deleted = json!({ "id": user.id().get(), "uuid": user.uuid });
            users.delete(user, &actor).await?;
            Ok(json!({ "deleted": deleted }))
        }
        Command::Show { user } => Ok(user_response(users.find(&user).await?)),
        Command::CompareDirectory { from } => check(index, false, from.as_deref()).await,
        Command::RebuildDirectory { from } => check(index, true, from.as_deref()).await,
    }
}

async fn create_administrator(
    users: &Users,
    policy: PasswordPolicy,
    username: &str,
    email: &str,
    nickname: Option<&str>,
    password: Option<&str>,
) -> Result<Value> {
    let generated = password.is_none();
    let password = match password {
        Some(password) => Password::parse(password).map_err(|_| Error::BadPassword)?,
        None => Password::generate()?,
    };
    let generated_password = generated.then(|| password.expose().to_owned());
    let nickname: Nickname = parse_field("nickname", nickname.unwrap_or(username))?;
    let username: Username = parse_field("username", username)?;
    let email: Email = parse_field("email", email)?;
    let new = NewUser {
        password: policy.hash(&password, &[&username, &nickname, &email])?,
        username: Some(username),
        nickname,
        email,
        role: Role::Admin,
    };
    let mut response = user_response(users.sign_up(new, None, &Actor::operator()).await?);
    if let (Some(password), Some(response)) = (generated_password, response.as_object_mut()) {
        response.insert("password".into(), json!(password));
    }
    Ok(response)
}

async fn change(users: &Users, user: &UserRef, change: impl Fn(&mut UserChange)) -> Result<Value> {
    let user = users.find(user).await?;
    Ok(user_response(
        users.change(user, &Actor::operator(), change).await?,
    ))
}

async fn audit(users: &Users, user: &UserRef, limit: usize) -> Result<Value> {
    if !(1..=MAX_RECORDS).contains(&limit) {
        return Err(Error::Invalid(InvalidField::new(
            "limit",
            "must be 1 to 1000",
        )));
    }
    let records = users.audit_log(users.id_of(user).await?, limit).await?;
    if records.is_empty() {
        users.find(user).await?; // an unknown user is an error
    }
    Ok(json!({ "entries": records.into_iter().map(responses::audit_record).collect::<Vec<_>>() }))
}

async fn check(index: &UserIndex, repair: bool, from: Option<&str>) -> Result<Value> {
    Ok(json!(index.check(repair, from, RUN_BUDGET).await?))
}

fn user_response(user: User) -> Value {
    json!({ "user": responses::user(user) })
}

fn parse_field<T: FromStr<Err = &'static str>>(field: &str, text: &str) -> Result<T> {
    text.parse()
        .map_err(|reason| Error::Invalid(InvalidField::new(field, reason)))
}

/// Serves the function.
pub fn main() {
    serve_commands(admin);
}
