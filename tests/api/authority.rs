//! What entitled a change must still hold when it is written.
//!
//! A change is checked on a read of the user and written later. These tests take the authority away
//! between the two: with a [`Hold`], which stops the write until the authority is gone, and again
//! in races. The actor gets the error of a request that comes after the loss, and nothing is written.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_sdk_dynamodb::types::AttributeValue;
use insta::assert_snapshot;
use local::{Effect, Fault, Hold};
use serde_json::{Value, json};
use shared::{Access, By, Password, Users};

use crate::campus::wanted;
use crate::upload::{PNG, picture};
use crate::world::{Answer, Embedded, Item, PASSWORD, World, all, registration};

const NEW: &str = "a new password";
const ROUNDS: usize = 30;
/// So that no limit ends a race.
const UNLIMITED: [(&str, &str); 3] = [
    ("SignUpsPerHour", "100000"),
    ("LoginTries", "100000"),
    ("MailsPerDay", "100000"),
];

/// Sends `request`. While its first write waits, `event` happens.
async fn between_check_and_write(
    world: &Embedded,
    (function, operation): (&str, &str),
    request: impl Future<Output = Answer>,
    event: impl Future<Output = ()>,
) -> Answer {
    let hold = Hold::default();
    let (function, effect) = (Some(function.to_owned()), Effect::Hold(hold.clone()));
    world.cloud.inject(Fault {
        function,
        operation: operation.into(),
        times: 1,
        skip: 0,
        effect,
    });
    while_held(&hold, request, event).await
}

/// Sends `request`. While one of its calls waits at `hold`, `event` happens.
async fn while_held(
    hold: &Hold,
    request: impl Future<Output = Answer>,
    event: impl Future<Output = ()>,
) -> Answer {
    let mut request = pin!(request);
    tokio::select! {
        answer = &mut request => panic!("the call to hold was not made: {answer}"),
        () = hold.reached() => {}
    }
    event.await;
    hold.release();
    request.await
}

/// A write of an endpoint that needs an authority.
#[derive(Debug, Clone, Copy)]
enum Change {
    UpdateMe,
    LogInToCenter,
    SetName,
    SaveAuth,
    SetAvatar,
    LogInToWhale,
    Rename,
    RenameAnother,
    MoveAvatar,
    MoveAvatarOfAnother,
    PasswordByOld,
    PasswordByCode,
    VerifyEmail,
    Profile,
    ProfileOfAnother,
}

const CENTER: [Change; 2] = [Change::UpdateMe, Change::LogInToCenter];
const PROFILE: [Change; 3] = [Change::SetName, Change::SaveAuth, Change::SetAvatar];
const WHALE: [Change; 4] = [
    Change::Rename,
    Change::RenameAnother,
    Change::MoveAvatar,
    Change::MoveAvatarOfAnother,
];
const WHALE_SECRETS: [Change; 4] = [
    Change::LogInToWhale,
    Change::PasswordByOld,
    Change::PasswordByCode,
    Change::VerifyEmail,
];
const CAMPUS: [Change; 2] = [Change::Profile, Change::ProfileOfAnother];

/// How an actor's authority can be lost.
#[derive(Debug, Clone, Copy)]
enum Loss {
    Blocked,
    TokenVersionRaised,
    RoleTaken,
    PasswordChanged,
    AddressChanged,
    Deleted,
    /// Of the user that an administrator changes.
    TargetDeleted,
}

const LOSSES: [Loss; 6] = [
    Loss::Blocked,
    Loss::TokenVersionRaised,
    Loss::RoleTaken,
    Loss::PasswordChanged,
    Loss::AddressChanged,
    Loss::Deleted,
];

/// An actor, and what the change needs.
struct Scene {
    number: usize,
    actor: Value,
    email: String,
    token: String,
    /// The code or the link's token.
    mailed: String,
    target: Value,
}

impl Change {
    /// The function, and the operation of its first write of a user.
    fn write(self) -> (&'static str, &'static str) {
        let (update, transaction) = ("UpdateItem", "TransactWriteItems");
        match self {
            Self::UpdateMe => ("center-update-me", update),
            Self::LogInToCenter => ("center-login", transaction),
            Self::SetName => ("profile-set-name", transaction),
            Self::SaveAuth => ("profile-save-auth", transaction),
            Self::SetAvatar => ("profile-set-avatar", update),
            Self::LogInToWhale => ("whale-login", transaction),
            Self::Rename => ("whale-change-name", update),
            Self::RenameAnother => ("whale-change-name", transaction),
            Self::MoveAvatar => ("whale-change-avatar", update),
            Self::MoveAvatarOfAnother => ("whale-change-avatar", transaction),
            Self::PasswordByOld | Self::PasswordByCode => ("whale-change-password", transaction),
            Self::VerifyEmail => ("whale-verify-email", transaction),
            Self::Profile | Self::ProfileOfAnother => ("campus-change-profile", transaction),
        }
    }

    fn is_of_another(self) -> bool {
        matches!(
            self,
            Self::RenameAnother | Self::MoveAvatarOfAnother | Self::ProfileOfAnother
        )
    }

    async fn prepare(self, world: &Embedded, number: usize) -> Scene {
        let wx = format!("actor{number}");
        let (actor, token) = world.student(&wx).await;
        let email = format!("{wx}@example.com");
        let mut target = Value::Null;
        if self.is_of_another() {
            world.promote(&actor).await;
            target = world.student(&format!("target{number}")).await.0;
        }
        let mailed = match self {
            Self::PasswordByCode => world.code(&email).await,
            Self::VerifyEmail => {
                let body = json!({"user_id": actor["id"]});
                world
                    .whale("POST", "/api/users/verification_email/", &body)
                    .await;
                let mail = world.newest_mail().await;
                let link = mail
                    .text
                    .split_whitespace()
                    .find_map(|word| word.split_once("&t="));
                link.expect("a link").1.to_owned()
            }
            _ => String::new(),
        };
        Scene {
            number,
            actor,
            email,
            token,
            mailed,
            target,
        }
    }

    async fn send(self, world: &World, scene: &Scene) -> Answer {
        let Scene {
            number,
            actor,
            email,
            token,
            mailed,
            target,
        } = scene;
        let put = async |path: &str, body: Value| {
            world
                .send(world.request("PUT", path).bearer_auth(token).json(&body))
                .await
        };
        let name = "/api/users/name/";
        let avatar = "/api/users/avatar/";
        let url = "https://example.com/a.png";
        match self {
            Self::UpdateMe => world.update(token, &json!({"nickname": "changed"})).await,
            Self::LogInToCenter => world.login(email, PASSWORD).await,
            Self::SetName => put("/users/name", json!({"name": format!("renamed{number}")})).await,
            Self::SaveAuth => {
                let body = json!({"real_name": "张三", "id_card": "110101199003071234"});
                world
                    .send(
                        world
                            .request("POST", "/users/auth")
                            .bearer_auth(token)
                            .json(&body),
                    )
                    .await
            }
            Self::SetAvatar => world.upload(token, &picture(PNG, 20)).await,
            Self::LogInToWhale => {
                put(
                    "/api/users/login/",
                    json!({"email": email, "password": PASSWORD}),
                )
                .await
            }
            Self::Rename => put(name, json!({"name": "changed", "user_id": actor["id"]})).await,
            Self::RenameAnother => {
                put(name, json!({"name": "changed", "user_id": target["id"]})).await
            }
            Self::MoveAvatar => put(avatar, json!({"avatar": url, "user_id": actor["id"]})).await,
            Self::MoveAvatarOfAnother => {
                put(avatar, json!({"avatar": url, "user_id": target["id"]})).await
            }
            Self::PasswordByOld => change_password(world, actor, PASSWORD, NEW).await,
            Self::PasswordByCode => reset(world, actor, mailed, NEW).await,
            Self::VerifyEmail => {
                put(
                    "/api/users/email_verified/",
                    json!({"user_uuid": actor["uuid"], "token": mailed}),
                )
                .await
            }
            Self::Profile | Self::ProfileOfAnother => {
                let who = if self.is_of_another() {
                    "target"
                } else {
                    "actor"
                };
                let mut body = wanted(&format!("{who}{number}"));
                body["phone"] = format!("1390013{number:04}").into();
                world.change_profile(token, &body).await
            }
        }
    }
}

impl Loss {
    async fn happen(self, world: &World, users: &Users, scene: &Scene) {
        let of = |user: &Value| {
            user["uuid"]
                .as_str()
                .expect("a uuid")
                .parse()
                .expect("a uuid")
        };
        let stored = async |user: &Value| {
            users
                .by_uuid(of(user))
                .await
                .expect("a read")
                .expect("a stored user")
        };
        let actor = &scene.actor;
        match self {
            Self::Blocked => world.alter(actor, |user| user.blocked = true).await,
            Self::TokenVersionRaised => world.alter(actor, |user| user.token_version += 1).await,
            Self::RoleTaken => {
                let lesser = |access| match access {
                    Access::Admin => Access::User,
                    Access::User | Access::Unregistered => Access::Unregistered,
                };
                world
                    .alter(actor, |user| user.access = lesser(user.access))
                    .await;
            }
            Self::PasswordChanged => {
                let other = Password::parse("quite another one")
                    .unwrap()
                    .hash()
                    .unwrap();
                let change = |user: &mut shared::User| {
                    user.password = other.clone();
                    user.token_version += 1;
                };
                world.alter(actor, change).await;
            }
            Self::AddressChanged => {
                let email = format!("moved{}@example.com", scene.number);
                world
                    .alter(actor, |user| user.set_email(email.parse().unwrap()))
                    .await;
            }
            Self::Deleted => users
                .delete(stored(actor).await, &By::operator())
                .await
                .expect("a deletion"),
            Self::TargetDeleted => {
                users
                    .delete(stored(&scene.target).await, &By::operator())
                    .await
                    .expect("a deletion");
            }
        }
    }
}

async fn change_password(world: &World, user: &Value, old: &str, new: &str) -> Answer {
    let body = json!({"user_id": user["id"], "password_old": old, "password_new": new});
    world.whale("PUT", "/api/users/password/", &body).await
}

async fn reset(world: &World, user: &Value, code: &str, new: &str) -> Answer {
    let body = json!({"user_id": user["id"], "code": code, "password_new": new});
    world.whale("PUT", "/api/users/password/", &body).await
}

/// All that a change could write: users, markers, mails, the audit log. Not the counts of tries.
async fn written(world: &World) -> Vec<String> {
    let tries = |item: &Item| item["pk"].as_s().is_ok_and(|key| key.starts_with("TRIES#"));
    let users = world.items().await.into_iter().filter(|item| !tries(item));
    let mails = world
        .outbox()
        .await
        .into_iter()
        .filter(|item| item.contains_key("to"));
    let audit = world.scan("AuditTable").await.into_iter();
    let sorted = |item: Item| format!("{:?}", item.into_iter().collect::<BTreeMap<_, _>>());
    let mut all: Vec<String> = users.chain(mails).chain(audit).map(sorted).collect();
    all.sort();
    all
}

/// A line for each loss: the answer, and whether something was written all the same.
async fn table(changes: &[Change]) -> Option<String> {
    let world = World::with(&UNLIMITED).await?;
    world.administrator("root").await;
    let users = world.users().await;
    let (mut lines, mut number) = (String::new(), 0);
    for change in changes {
        let losses = LOSSES
            .into_iter()
            .chain(change.is_of_another().then_some(Loss::TargetDeleted));
        for loss in losses {
            number += 1;
            let scene = change.prepare(&world, number).await;
            world.settle().await;
            let before = RefCell::new(vec![]);
            let event = async {
                loss.happen(&world, &users, &scene).await;
                *before.borrow_mut() = written(&world).await;
            };
            let request = change.send(&world, &scene);
            let answer = between_check_and_write(&world, change.write(), request, event).await;
            let outcome = match written(&world).await == *before.borrow() {
                true => format!("{} {}", answer.status, answer.text),
                false => format!("{}, written", answer.status),
            };
            lines.push_str(&format!("{change:?}, {loss:?}: {outcome}\n"));
        }
    }
    Some(lines)
}

#[tokio::test]
async fn center_refuses_a_change_whose_authority_is_lost() {
    let Some(table) = table(&CENTER).await else {
        return;
    };
    assert_snapshot!(table, @r#"
    UpdateMe, Blocked: 401 {"detail":"Invalid credentials"}
    UpdateMe, TokenVersionRaised: 401 {"detail":"Invalid credentials"}
    UpdateMe, RoleTaken: 403 {"detail":"Forbidden"}
    UpdateMe, PasswordChanged: 401 {"detail":"Invalid credentials"}
    UpdateMe, AddressChanged: 200, written
    UpdateMe, Deleted: 401 {"detail":"Invalid credentials"}
    LogInToCenter, Blocked: 401 {"detail":"Invalid username or password"}
    LogInToCenter, TokenVersionRaised: 401 {"detail":"Invalid username or password"}
    LogInToCenter, RoleTaken: 200, written
    LogInToCenter, PasswordChanged: 401 {"detail":"Invalid username or password"}
    LogInToCenter, AddressChanged: 200, written
    LogInToCenter, Deleted: 401 {"detail":"Invalid username or password"}
    "#);
}

#[tokio::test]
async fn profile_refuses_a_change_whose_authority_is_lost() {
    let Some(table) = table(&PROFILE).await else {
        return;
    };
    assert_snapshot!(table, @r#"
    SetName, Blocked: 200 {"error_code":"4104","message":"Blocked"}
    SetName, TokenVersionRaised: 401 {"error_code":"4101","message":"Not logged in"}
    SetName, RoleTaken: 200 {"error_code":"4104","message":"Blocked"}
    SetName, PasswordChanged: 401 {"error_code":"4101","message":"Not logged in"}
    SetName, AddressChanged: 200, written
    SetName, Deleted: 401 {"error_code":"4101","message":"Not logged in"}
    SaveAuth, Blocked: 200 {"error_code":"4104","message":"Blocked"}
    SaveAuth, TokenVersionRaised: 401 {"error_code":"4101","message":"Not logged in"}
    SaveAuth, RoleTaken: 200 {"error_code":"4104","message":"Blocked"}
    SaveAuth, PasswordChanged: 401 {"error_code":"4101","message":"Not logged in"}
    SaveAuth, AddressChanged: 200, written
    SaveAuth, Deleted: 401 {"error_code":"4101","message":"Not logged in"}
    SetAvatar, Blocked: 200 {"error_code":"4104","message":"Blocked"}
    SetAvatar, TokenVersionRaised: 401 {"error_code":"4101","message":"Not logged in"}
    SetAvatar, RoleTaken: 200 {"error_code":"4104","message":"Blocked"}
    SetAvatar, PasswordChanged: 401 {"error_code":"4101","message":"Not logged in"}
    SetAvatar, AddressChanged: 200, written
    SetAvatar, Deleted: 401 {"error_code":"4101","message":"Not logged in"}
    "#);
}

#[tokio::test]
async fn whale_refuses_a_change_whose_authority_is_lost() {
    let Some(table) = table(&WHALE).await else {
        return;
    };
    assert_snapshot!(table, @r#"
    Rename, Blocked: 200 {"code":1101,"message":"Unauthorized","data":{}}
    Rename, TokenVersionRaised: 200 {"code":1101,"message":"Unauthorized","data":{}}
    Rename, RoleTaken: 200 {"code":1103,"message":"Forbidden","data":{}}
    Rename, PasswordChanged: 200 {"code":1101,"message":"Unauthorized","data":{}}
    Rename, AddressChanged: 200, written
    Rename, Deleted: 200 {"code":1101,"message":"Unauthorized","data":{}}
    RenameAnother, Blocked: 200 {"code":1101,"message":"Unauthorized","data":{}}
    RenameAnother, TokenVersionRaised: 200 {"code":1101,"message":"Unauthorized","data":{}}
    RenameAnother, RoleTaken: 200 {"code":1103,"message":"Forbidden","data":{}}
    RenameAnother, PasswordChanged: 200 {"code":1101,"message":"Unauthorized","data":{}}
    RenameAnother, AddressChanged: 200, written
    RenameAnother, Deleted: 200 {"code":1101,"message":"Unauthorized","data":{}}
    RenameAnother, TargetDeleted: 200 {"code":1411,"message":"账号不存在","data":{}}
    MoveAvatar, Blocked: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatar, TokenVersionRaised: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatar, RoleTaken: 200 {"code":1103,"message":"Forbidden","data":{}}
    MoveAvatar, PasswordChanged: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatar, AddressChanged: 200, written
    MoveAvatar, Deleted: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatarOfAnother, Blocked: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatarOfAnother, TokenVersionRaised: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatarOfAnother, RoleTaken: 200 {"code":1103,"message":"Forbidden","data":{}}
    MoveAvatarOfAnother, PasswordChanged: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatarOfAnother, AddressChanged: 200, written
    MoveAvatarOfAnother, Deleted: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatarOfAnother, TargetDeleted: 200 {"code":1411,"message":"账号不存在","data":{}}
    "#);
}

#[tokio::test]
async fn whale_refuses_a_secret_whose_authority_is_lost() {
    let Some(table) = table(&WHALE_SECRETS).await else {
        return;
    };
    assert_snapshot!(table, @r#"
    LogInToWhale, Blocked: 200 {"code":1103,"message":"Forbidden","data":{}}
    LogInToWhale, TokenVersionRaised: 200 {"code":1413,"message":"密码错误","data":{}}
    LogInToWhale, RoleTaken: 200, written
    LogInToWhale, PasswordChanged: 200 {"code":1413,"message":"密码错误","data":{}}
    LogInToWhale, AddressChanged: 200, written
    LogInToWhale, Deleted: 200 {"code":1411,"message":"账号不存在","data":{}}
    PasswordByOld, Blocked: 200, written
    PasswordByOld, TokenVersionRaised: 200 {"code":1413,"message":"密码错误","data":{}}
    PasswordByOld, RoleTaken: 200, written
    PasswordByOld, PasswordChanged: 200 {"code":1413,"message":"密码错误","data":{}}
    PasswordByOld, AddressChanged: 200, written
    PasswordByOld, Deleted: 200 {"code":1411,"message":"账号不存在","data":{}}
    PasswordByCode, Blocked: 200, written
    PasswordByCode, TokenVersionRaised: 200 {"code":1415,"message":"验证码错误","data":{}}
    PasswordByCode, RoleTaken: 200, written
    PasswordByCode, PasswordChanged: 200 {"code":1415,"message":"验证码错误","data":{}}
    PasswordByCode, AddressChanged: 200 {"code":1415,"message":"验证码错误","data":{}}
    PasswordByCode, Deleted: 200 {"code":1411,"message":"账号不存在","data":{}}
    VerifyEmail, Blocked: 200, written
    VerifyEmail, TokenVersionRaised: 200, written
    VerifyEmail, RoleTaken: 200, written
    VerifyEmail, PasswordChanged: 200, written
    VerifyEmail, AddressChanged: 200 {"code":1411,"message":"账号不存在","data":{}}
    VerifyEmail, Deleted: 200 {"code":1411,"message":"账号不存在","data":{}}
    "#);
}

#[tokio::test]
async fn campus_refuses_a_change_whose_authority_is_lost() {
    let Some(table) = table(&CAMPUS).await else {
        return;
    };
    assert_snapshot!(table, @r#"
    Profile, Blocked: 403 {"success":false,"msg":"only active users can access this API","errType":3}
    Profile, TokenVersionRaised: 401 {"success":false,"msg":"invalid token","errType":3}
    Profile, RoleTaken: 403 {"success":false,"msg":"only active users can access this API","errType":3}
    Profile, PasswordChanged: 401 {"success":false,"msg":"invalid token","errType":3}
    Profile, AddressChanged: 200, written
    Profile, Deleted: 401 {"success":false,"msg":"invalid token","errType":3}
    ProfileOfAnother, Blocked: 403 {"success":false,"msg":"only active users can access this API","errType":3}
    ProfileOfAnother, TokenVersionRaised: 401 {"success":false,"msg":"invalid token","errType":3}
    ProfileOfAnother, RoleTaken: 403 {"success":false,"msg":"only admins can change other users' profiles","errType":3}
    ProfileOfAnother, PasswordChanged: 401 {"success":false,"msg":"invalid token","errType":3}
    ProfileOfAnother, AddressChanged: 200, written
    ProfileOfAnother, Deleted: 401 {"success":false,"msg":"invalid token","errType":3}
    ProfileOfAnother, TargetDeleted: 400 {"success":false,"msg":"no such user","errType":"logic"}
    "#);
}

/// A function that may update a user's item changes users. The operator's authority is IAM's.
#[tokio::test]
async fn every_function_that_changes_users_is_in_the_tables() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let families = [&CENTER[..], &PROFILE, &WHALE, &WHALE_SECRETS, &CAMPUS];
    let tested: BTreeSet<_> = families
        .into_iter()
        .flatten()
        .map(|change| change.write().0)
        .collect();
    let updates = |statement: &local::Statement| {
        let users =
            |condition: &local::Condition| condition.values.iter().any(|key| key == "USER#*");
        statement
            .actions
            .iter()
            .any(|action| action == "dynamodb:UpdateItem")
            && statement.conditions.iter().any(users)
    };
    let functions = world.cloud.template().functions.iter();
    let functions = functions.filter(|function| function.statements.iter().any(updates));
    let granted = functions
        .map(|function| function.name.as_str())
        .filter(|name| *name != "admin");
    assert_eq!(granted.collect::<BTreeSet<_>>(), tested);
}

/// A user, and a code mailed to them.
async fn user_with_code(world: &World, email: &str) -> (Value, String, String) {
    let (user, token) = world.whale_account(email).await;
    let code = world.code(email).await;
    (user, token, code)
}

#[tokio::test]
async fn a_login_in_flight_over_a_reset_gets_no_token() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let (user, _, code) = user_with_code(&world, "a@b.co").await;
    let event = async { assert_eq!(reset(&world, &user, &code, NEW).await.json()["code"], 0) };
    let login = world.login("a@b.co", PASSWORD);
    let answer =
        between_check_and_write(&world, ("center-login", "TransactWriteItems"), login, event).await;
    assert_eq!(
        (answer.status, &answer.json()["detail"]),
        (401, &json!("Invalid username or password"))
    );
    assert_eq!(world.login("a@b.co", NEW).await.status, 200);
}

#[tokio::test]
async fn a_change_with_the_old_password_does_not_undo_a_reset() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let (user, _, code) = user_with_code(&world, "a@b.co").await;
    let event = async { assert_eq!(reset(&world, &user, &code, NEW).await.json()["code"], 0) };
    let change = change_password(&world, &user, PASSWORD, "of somebody else");
    let write = ("whale-change-password", "TransactWriteItems");
    assert_eq!(
        between_check_and_write(&world, write, change, event)
            .await
            .json()["code"],
        1413
    );
    assert_eq!(world.login("a@b.co", NEW).await.status, 200);
}

#[tokio::test]
async fn of_two_changes_with_one_old_password_the_first_wins() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let (user, _) = world.whale_account("a@b.co").await;
    let event = async {
        assert_eq!(
            change_password(&world, &user, PASSWORD, NEW).await.json()["code"],
            0
        )
    };
    let change = change_password(&world, &user, PASSWORD, "a second new one");
    let write = ("whale-change-password", "TransactWriteItems");
    assert_eq!(
        between_check_and_write(&world, write, change, event)
            .await
            .json()["code"],
        1413
    );
    assert_eq!(world.login("a@b.co", NEW).await.status, 200);
}

#[tokio::test]
async fn a_renewed_hash_does_not_bring_the_old_password_back() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let (user, _, code) = user_with_code(&world, "a@b.co").await;
    store_outdated_hash(&world, &user).await;
    let event = async { assert_eq!(reset(&world, &user, &code, NEW).await.json()["code"], 0) };
    let login = world.login("a@b.co", PASSWORD);
    let answer =
        between_check_and_write(&world, ("center-login", "TransactWriteItems"), login, event).await;
    assert_eq!(answer.status, 401);
    assert_eq!(world.login("a@b.co", PASSWORD).await.status, 401);
    assert_eq!(world.login("a@b.co", NEW).await.status, 200);
}

#[tokio::test]
async fn a_hash_renewed_by_a_parallel_login_is_no_failure() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let (user, _) = world.whale_account("a@b.co").await;
    for change in [Change::LogInToCenter, Change::PasswordByOld] {
        store_outdated_hash(&world, &user).await;
        let parallel = async {
            let body = json!({"email": "a@b.co", "password": PASSWORD});
            assert_eq!(
                world.whale("PUT", "/api/users/login/", &body).await.json()["code"],
                0
            );
        };
        let (email, number) = ("a@b.co".to_owned(), 0);
        let (token, mailed, target) = (String::new(), String::new(), Value::Null);
        let scene = Scene {
            number,
            actor: user.clone(),
            email,
            token,
            mailed,
            target,
        };
        let request = change.send(&world, &scene);
        let answer = between_check_and_write(&world, change.write(), request, parallel).await;
        assert_eq!(answer.status, 200, "{change:?}: {answer}");
        assert!(
            answer.json()["code"] == 0 || answer.json()["access_token"].is_string(),
            "{answer}"
        );
    }
    assert_eq!(world.login("a@b.co", NEW).await.status, 200);
}

#[tokio::test]
async fn a_login_whose_lost_response_a_reset_follows_gets_no_token() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let (user, _, code) = user_with_code(&world, "a@b.co").await;
    // The login is written, its response is lost, and the read that finds it comes after the reset.
    let lost = |times| Fault {
        function: Some("center-login".into()),
        operation: "TransactWriteItems".into(),
        times,
        skip: 0,
        effect: Effect::LoseAnswer,
    };
    world.cloud.inject(lost(3));
    let hold = Hold::default();
    let effect = Effect::Hold(hold.clone());
    let function = Some("center-login".to_owned());
    // The reads of the marker and the user come before.
    let fault = Fault {
        function,
        operation: "GetItem".into(),
        times: usize::MAX,
        skip: 3,
        effect,
    };
    world.cloud.inject(fault);
    let event = async { assert_eq!(reset(&world, &user, &code, NEW).await.json()["code"], 0) };
    let answer = while_held(&hold, world.login("a@b.co", PASSWORD), event).await;
    assert_eq!(answer.status, 401, "{answer}");
}

/// Stores a hash of the usual password with former parameters, which a login renews.
async fn store_outdated_hash(world: &World, user: &Value) {
    let former = Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        Params::new(8192, 1, 1, None).unwrap(),
    );
    let hash = former
        .hash_password(PASSWORD.as_bytes())
        .unwrap()
        .to_string();
    let key = AttributeValue::S(format!("USER#{}", user["id"]));
    let update = world
        .dynamodb()
        .update_item()
        .table_name(world.table())
        .key("pk", key);
    let update = update.update_expression("SET password = :hash");
    update
        .expression_attribute_values(":hash", AttributeValue::S(hash))
        .send()
        .await
        .expect("an update");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_of_the_old_password_outlives_a_reset() {
    let Some(world) = World::with(&UNLIMITED).await else {
        return;
    };
    for (round, outdated) in (0..ROUNDS).map(|round| (round, round % 2 == 1)) {
        let email = format!("user{round}@b.co");
        let (user, _, code) = user_with_code(&world, &email).await;
        if outdated {
            store_outdated_hash(&world, &user).await;
        }
        let logins = all((0..4).map(|_| world.login(&email, PASSWORD)));
        let (logins, reset) = tokio::join!(logins, reset(&world, &user, &code, NEW));
        assert_eq!(reset.json()["code"], 0, "round {round}: {reset}");
        for login in logins {
            assert!([200, 401].contains(&login.status), "round {round}: {login}");
            if login.status == 200 {
                let token = login.json()["access_token"].as_str().unwrap().to_owned();
                assert_eq!(world.me(&token).await.status, 401, "round {round}");
            }
        }
        assert_eq!(
            world.login(&email, PASSWORD).await.status,
            401,
            "round {round}"
        );
        assert_eq!(world.login(&email, NEW).await.status, 200, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_reset_and_changes_with_one_old_password_one_wins() {
    let Some(world) = World::with(&UNLIMITED).await else {
        return;
    };
    for round in 0..ROUNDS {
        let email = format!("user{round}@b.co");
        let (user, _, code) = user_with_code(&world, &email).await;
        let new: Vec<String> = (0..4).map(|at| format!("new password {at}")).collect();
        let changes = all(new
            .iter()
            .map(|new| change_password(&world, &user, PASSWORD, new)));
        let (reset, mut answers) = tokio::join!(reset(&world, &user, &code, NEW), changes);
        answers.push(reset);
        let new: Vec<&str> = new.iter().map(String::as_str).chain([NEW]).collect();
        let codes: Vec<Value> = answers
            .iter()
            .map(|answer| answer.json()["code"].clone())
            .collect();
        let won: Vec<usize> = (0..5).filter(|at| codes[*at] == 0).collect();
        assert_eq!(won.len(), 1, "round {round}: {codes:?}");
        assert!(
            codes
                .iter()
                .all(|code| [json!(0), json!(1413), json!(1415)].contains(code)),
            "{codes:?}"
        );
        assert_eq!(
            world.login(&email, new[won[0]]).await.status,
            200,
            "round {round}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_is_made_after_the_answer_that_took_its_authority() {
    let Some(world) = World::with(&UNLIMITED).await else {
        return;
    };
    let users = world.users().await;
    for round in 0..ROUNDS {
        for blocks in [true, false] {
            let name = format!("user{round}{blocks}");
            let token = world.token(&name).await;
            let user = world.admin(json!({"command": "show", "user": name})).await["user"].clone();
            let uuid = user["uuid"].as_str().unwrap().parse().unwrap();
            let stored = async || users.by_uuid(uuid).await.unwrap().unwrap();
            let bodies = (0..4).map(|at| match at % 2 {
                0 => json!({"email": format!("{name}x{at}@b.co")}),
                _ => json!({"nickname": format!("nickname {at}")}),
            });
            let changes = all(bodies.map(|body| {
                let (world, token) = (&world, &token);
                async move { world.update(token, &body).await }
            }));
            let decision = async {
                if blocks {
                    let answer = world
                        .admin(json!({"command": "block", "user": user["id"]}))
                        .await;
                    assert_eq!(answer["user"]["blocked"], true, "round {round}: {answer}");
                } else {
                    let answer = change_password(&world, &user, PASSWORD, NEW).await;
                    assert_eq!(answer.json()["code"], 0, "round {round}: {answer}");
                }
                stored().await
            };
            let (answers, then) = tokio::join!(changes, decision);
            assert_eq!(stored().await, then, "round {round}");
            for answer in answers {
                assert!(
                    [200, 401].contains(&answer.status),
                    "round {round}: {answer}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_cannot_starve_a_block_or_a_new_password() {
    let Some(world) = World::with(&UNLIMITED).await else {
        return;
    };
    for round in 0..8 {
        let name = format!("user{round}");
        world.register(&registration(&name)).await;
        let user = world.admin(json!({"command": "show", "user": name})).await["user"].clone();
        for (blocks, password) in [(false, PASSWORD), (true, NEW)] {
            let token = world.login(&name, password).await.json()["access_token"].clone();
            let (token, decided) = (token.as_str().expect("a token"), AtomicBool::new(false));
            let changes = all((0..16).map(|thread| {
                let (world, decided, name) = (&world, &decided, &name);
                async move {
                    for at in 0.. {
                        let body = match (thread + at) % 4 {
                            0 => json!({"email": format!("{name}x{thread}x{at}@b.co")}),
                            _ => json!({"nickname": format!("nickname {thread} {at}")}),
                        };
                        let status = world.update(token, &body).await.status;
                        if status == 401 || decided.load(Ordering::Relaxed) {
                            return;
                        }
                    }
                }
            }));
            let decision = async {
                tokio::time::sleep(Duration::from_millis(100)).await; // let the changes begin
                if blocks {
                    let answer = world
                        .admin(json!({"command": "block", "user": user["id"]}))
                        .await;
                    assert_eq!(answer["user"]["blocked"], true, "round {round}: {answer}");
                } else {
                    let answer = change_password(&world, &user, PASSWORD, NEW).await;
                    assert_eq!(answer.json()["code"], 0, "round {round}: {answer}");
                }
                decided.store(true, Ordering::Relaxed);
            };
            tokio::join!(changes, decision);
        }
    }
}
