//! `aws lambda invoke`: the operator's commands. It has no route; who may invoke it is IAM's to
//! say. It is also what makes the stack's first administrator.
//!
//! A command is `{"command": "…", …}`, and `user` names a user by `{"id": …}`, `{"uuid": …}`,
//! `{"email": …}`, `{"username": …}` or `{"wx": …}`, or by a plain text that shows which it is.

use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use shared::dialect::operator;
use shared::{
    Access, Administrator, Avatars, By, Directory, Error, Flaw, OpenId, Order, Password, Result,
    Stack, StackChange, Subject, User, Users, serve_event,
};

/// How many entries of the trail are read where the command does not say.
const ENTRIES: usize = 100;
const MOST_ENTRIES: usize = 1000;
/// How long the directory is checked, or pictures are swept, in one go: well within the function's
/// fifteen minutes.
const ONE_GO: Duration = Duration::from_secs(10 * 60);
/// How old a picture must be to be swept, in seconds: no upload takes as long.
const AN_HOUR: u64 = 60 * 60;

#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
enum Command {
    /// Makes an administrator, with a password of their own or one that is told once.
    CreateAdministrator {
        username: String,
        email: String,
        nickname: Option<String>,
        password: Option<String>,
    },
    /// `admin`, `user` or `unregistered`.
    SetAccess {
        user: Subject,
        access: String,
    },
    Block {
        user: Subject,
    },
    Unblock {
        user: Subject,
    },
    Feature {
        user: Subject,
    },
    Unfeature {
        user: Subject,
    },
    /// Binds a WeChat OpenID in the place of any before.
    BindWx {
        user: Subject,
        wx: String,
    },
    UnbindWx {
        user: Subject,
    },
    /// Makes or updates users; the first line of `csv` names its columns.
    ImportCampus {
        csv: String,
    },
    /// The newest entries about a user; by id or UUID, also about one who is gone.
    Audit {
        user: Subject,
        limit: Option<usize>,
    },
    Delete {
        user: Subject,
    },
    /// Deletes pictures that nobody points to any more, where they are an hour old or as said; goes
    /// on where the one before ended.
    SweepAvatars {
        seconds: Option<u64>,
    },
    Show {
        user: Subject,
    },
    /// Compares the directory with the users; goes on from what an earlier one told as `next`.
    CompareDirectory {
        from: Option<String>,
    },
    /// As before, and mends what differs.
    RebuildDirectory {
        from: Option<String>,
    },
}

enum Event {
    Command { name: String, command: Command },
    Stack(StackChange),
}

impl Order for Event {
    fn read(event: Value) -> Result<Self> {
        let unreadable = |why: serde_json::Error| Error::Unreadable(why.to_string());
        if event.get("RequestType").is_some() {
            return serde_json::from_value(event)
                .map(Self::Stack)
                .map_err(unreadable);
        }
        let name = event
            .get("command")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let command = serde_json::from_value(event).map_err(unreadable)?;
        Ok(Self::Command { name, command }) // the name of a command, since it was read as one
    }

    fn name(&self) -> &str {
        match self {
            Self::Command { name, .. } => name,
            Self::Stack(_) => "custom-resource",
        }
    }
}

async fn admin(resources: &(Users, Avatars, Directory, Stack), event: Event) -> Result<Value> {
    let (users, avatars, directory, stack) = resources;
    match event {
        Event::Command { command, .. } => carry_out(users, avatars, directory, command).await,
        Event::Stack(change) => stack.change(users, &change).await,
    }
}

async fn carry_out(
    users: &Users,
    avatars: &Avatars,
    directory: &Directory,
    command: Command,
) -> Result<Value> {
    let by = By::operator();
    match command {
        Command::CreateAdministrator {
            username,
            email,
            nickname,
            password,
        } => {
            create_administrator(
                users,
                &username,
                &email,
                nickname.as_deref(),
                password.as_deref(),
            )
            .await
        }
        Command::SweepAvatars { seconds } => Ok(json!(
            avatars
                .sweep(users, seconds.unwrap_or(AN_HOUR), ONE_GO)
                .await?
        )),
        Command::SetAccess { user, access } => {
            let access: Access = parsed("access", &access)?;
            let user = users.find(&user).await?;
            Ok(shown(users.set_access(user, &by, access).await?))
        }
        Command::Block { user } => Ok(shown(
            users
                .set_blocked(users.find(&user).await?, &by, true)
                .await?,
        )),
        Command::Unblock { user } => Ok(shown(
            users
                .set_blocked(users.find(&user).await?, &by, false)
                .await?,
        )),
        Command::Feature { user } => change(users, &user, |user| user.featured = true).await,
        Command::Unfeature { user } => change(users, &user, |user| user.featured = false).await,
        Command::BindWx { user, wx } => {
            let wx: OpenId = parsed("wx", &wx)?;
            change(users, &user, |user| user.wx = Some(wx.clone())).await
        }
        Command::UnbindWx { user } => change(users, &user, |user| user.wx = None).await,
        Command::ImportCampus { csv } => Ok(operator::report(&users.import(&csv, &by).await?)),
        Command::Audit { user, limit } => audit(users, &user, limit.unwrap_or(ENTRIES)).await,
        Command::Delete { user } => {
            let user = users.find(&user).await?;
            let deleted = json!({ "id": user.id().get(), "uuid": user.uuid });
            users.delete(user, &by).await?;
            Ok(json!({ "deleted": deleted }))
        }
        Command::Show { user } => Ok(shown(users.find(&user).await?)),
        Command::CompareDirectory { from } => check(directory, false, from.as_deref()).await,
        Command::RebuildDirectory { from } => check(directory, true, from.as_deref()).await,
    }
}

async fn create_administrator(
    users: &Users,
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
    let told = generated.then(|| password.expose().to_owned());
    let new = Administrator {
        username: parsed("username", username)?,
        nickname: parsed("nickname", nickname.unwrap_or(username))?,
        email: parsed("email", email)?,
        password,
    };
    let mut answer = shown(users.make_administrator(new, &By::operator()).await?);
    if let (Some(password), Some(answer)) = (told, answer.as_object_mut()) {
        answer.insert("password".into(), json!(password));
    }
    Ok(answer)
}

async fn change(users: &Users, user: &Subject, change: impl Fn(&mut User)) -> Result<Value> {
    let user = users.find(user).await?;
    Ok(shown(users.change(user, &By::operator(), change).await?))
}

async fn audit(users: &Users, user: &Subject, limit: usize) -> Result<Value> {
    if !(1..=MOST_ENTRIES).contains(&limit) {
        return Err(Error::Invalid(Flaw::of("limit", "must be 1 to 1000")));
    }
    let entries = users.history(users.id_of(user).await?, limit).await?;
    if entries.is_empty() {
        users.find(user).await?; // of nobody there is nothing to tell
    }
    Ok(json!({ "entries": entries.into_iter().map(operator::entry).collect::<Vec<_>>() }))
}

async fn check(directory: &Directory, mend: bool, from: Option<&str>) -> Result<Value> {
    Ok(json!(directory.check(mend, from, ONE_GO).await?))
}

fn shown(user: User) -> Value {
    json!({ "user": operator::user(user) })
}

fn parsed<T: FromStr<Err = &'static str>>(field: &str, text: &str) -> Result<T> {
    text.parse()
        .map_err(|why| Error::Invalid(Flaw::of(field, why)))
}

/// Runs the function.
pub fn main() {
    serve_event(admin);
}
