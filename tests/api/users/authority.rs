//! Authorization of a write holds until the write is committed.
//!
//! A change is checked on a read of the user and written later. These tests revoke the authority
//! between the two: with a [`Hold`], which stops the write until the authority is revoked, and
//! again in races. The response is the error of a request after the revocation, and nothing is
//! written.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use insta::assert_snapshot;
use local::{Effect, Hold, InjectedFault};
use serde_json::{Value, json};
use shared::{Actor, Password, Role, Users};
use tokio::sync::Notify;

use crate::support::{
    Item, PASSWORD, PNG, Response, TestApp, all, fault_of, in_time, parts, picture, profile_change,
    registration,
};

const NEW: &str = "a new password";
const ROUNDS: usize = 30;
/// Limits that no race reaches.
const UNLIMITED: [(&str, &str); 5] = [
    ("SignUpsPerHour", "100000"),
    ("LoginTries", "100000"),
    ("SourceTries", "100000"),
    ("AccountTries", "100000"),
    ("MailsPerDay", "100000"),
];

/// The functions that count a try before they write a user, in a transaction of its own.
const COUNT_FIRST: [&str; 3] = ["center-login", "whale-login", "whale-change-password"];

/// Sends `request`, and runs `event` while its first write of a user is held.
async fn between_check_and_write(
    app: &TestApp,
    (function, operation): (&str, &str),
    request: impl Future<Output = Response>,
    event: impl Future<Output = ()>,
) -> Response {
    let skip = usize::from(COUNT_FIRST.contains(&function));
    let hold = app.hold(function, operation, skip);
    while_held(&hold, request, event).await
}

/// Sends `request`, and runs `event` while one of its calls is held.
async fn while_held(
    hold: &Hold,
    request: impl Future<Output = Response>,
    event: impl Future<Output = ()>,
) -> Response {
    let mut request = pin!(request);
    tokio::select! {
        response = &mut request => panic!("the request made no call to hold: {response}"),
        () = hold.reached() => {}
    }
    event.await;
    hold.release();
    request.await
}

/// A write of an endpoint that requires authority.
#[derive(Debug, Clone, Copy)]
enum Change {
    UpdateMe,
    LogInToCenter,
    LogOut,
    EndSession,
    EndOtherSessions,
    Refresh,
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
    RestoreEmail,
    Profile,
    ProfileOfAnother,
}

const CENTER: [Change; 6] = [
    Change::UpdateMe,
    Change::LogInToCenter,
    Change::LogOut,
    Change::EndSession,
    Change::EndOtherSessions,
    Change::Refresh,
];
const CENTER_LINKS: [Change; 1] = [Change::RestoreEmail];
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

/// A way to revoke an actor's authority.
#[derive(Debug, Clone, Copy)]
enum Revocation {
    Blocked,
    TokenVersionRaised,
    SessionEnded,
    RoleTaken,
    PasswordChanged,
    AddressChanged,
    Deleted,
    /// The deletion of the user whom an administrator changes.
    TargetDeleted,
}

const REVOCATIONS: [Revocation; 7] = [
    Revocation::Blocked,
    Revocation::TokenVersionRaised,
    Revocation::SessionEnded,
    Revocation::RoleTaken,
    Revocation::PasswordChanged,
    Revocation::AddressChanged,
    Revocation::Deleted,
];

/// An actor, and the input of a change.
struct Scene {
    number: usize,
    actor: Value,
    email: String,
    token: String,
    /// The mailed code, the token of the mailed link, a refresh token, or the id of a session.
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
            Self::LogOut => ("center-logout", transaction),
            Self::EndSession => ("center-end-session", transaction),
            Self::EndOtherSessions => ("center-end-other-sessions", transaction),
            Self::Refresh => ("center-refresh", update),
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
            Self::RestoreEmail => ("center-undo-email-change", transaction),
            Self::Profile | Self::ProfileOfAnother => ("campus-change-profile", transaction),
        }
    }

    fn is_of_another(self) -> bool {
        matches!(
            self,
            Self::RenameAnother | Self::MoveAvatarOfAnother | Self::ProfileOfAnother
        )
    }

    async fn prepare(self, app: &TestApp, number: usize) -> Scene {
        let wx = format!("actor{number}");
        let (actor, token) = app.student(&wx).await;
        let mut email = format!("{wx}@example.com");
        let mut target = Value::Null;
        if self.is_of_another() {
            app.promote(&actor).await;
            target = app.student(&format!("target{number}")).await.0;
        }
        let mailed = match self {
            Self::PasswordByCode => app.code(&email).await,
            Self::VerifyEmail => {
                app.request_verification(&actor).await;
                app.newest_link_token().await
            }
            Self::EndSession | Self::EndOtherSessions => {
                app.login_token(&email, PASSWORD).await;
                let sessions = app.sessions(&token).await;
                sessions[0]["id"].as_str().unwrap().to_owned()
            }
            Self::Refresh => {
                let login = app.login_with_scope(&email, "offline_access").await;
                login.json()["refresh_token"].as_str().unwrap().to_owned()
            }
            Self::RestoreEmail => {
                app.update_directly(&actor, |user| user.verify_email())
                    .await;
                email = format!("thief{number}@example.com");
                app.update_me(&token, &json!({"email": email})).await;
                app.newest_link_token().await
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

    async fn send(self, app: &TestApp, scene: &Scene) -> Response {
        let Scene {
            number,
            actor,
            email,
            token,
            mailed,
            target,
        } = scene;
        let put = async |path: &str, body: Value| app.send_json_as(token, "PUT", path, &body).await;
        let name = "/api/users/name/";
        let avatar = "/api/users/avatar/";
        let url = "https://example.com/a.png";
        match self {
            Self::UpdateMe => app.update_me(token, &json!({"nickname": "changed"})).await,
            Self::LogInToCenter => app.login(email, PASSWORD).await,
            Self::LogOut => app.log_out(token).await,
            Self::EndSession => app.end_session(token, mailed).await,
            Self::EndOtherSessions => app.end_other_sessions(token).await,
            Self::Refresh => app.refresh(mailed).await,
            Self::SetName => put("/users/name", json!({"name": format!("renamed{number}")})).await,
            Self::SaveAuth => {
                let body = json!({"real_name": "张三", "id_card": "110101199003071234"});
                app.send_json_as(token, "POST", "/users/auth", &body).await
            }
            Self::SetAvatar => app.upload(token, &picture(PNG, 20)).await,
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
            Self::PasswordByOld => app.change_password(actor, PASSWORD, NEW).await,
            Self::PasswordByCode => app.reset_password(actor, mailed, NEW).await,
            Self::VerifyEmail => {
                put(
                    "/api/users/email_verified/",
                    json!({"user_uuid": actor["uuid"], "token": mailed}),
                )
                .await
            }
            Self::RestoreEmail => {
                put(
                    "/api/auth/email/undo",
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
                let mut body = profile_change(&format!("{who}{number}"));
                body["phone"] = format!("1390013{number:04}").into();
                app.change_profile(token, &body).await
            }
        }
    }
}

impl Revocation {
    async fn happen(self, app: &TestApp, users: &Users, scene: &Scene) {
        let actor = &scene.actor;
        match self {
            Self::Blocked => app.update_directly(actor, |user| user.blocked = true).await,
            Self::TokenVersionRaised => {
                app.update_directly(actor, |user| user.token_version += 1)
                    .await
            }
            Self::SessionEnded => {
                let other = app.login_token(&scene.email, PASSWORD).await;
                let (_, claims) = parts(&other);
                let other = claims["sid"].as_str().unwrap().parse().unwrap();
                app.update_directly(actor, |user| user.end_other_sessions(&other))
                    .await;
            }
            Self::RoleTaken => {
                let lesser = |access| match access {
                    Role::Admin => Role::User,
                    Role::User | Role::Unregistered => Role::Unregistered,
                };
                app.update_directly(actor, |user| user.role = lesser(user.role))
                    .await;
            }
            Self::PasswordChanged => {
                let other = Password::parse("quite another one")
                    .unwrap()
                    .hash()
                    .unwrap();
                app.update_directly(actor, |user| user.set_password(other.clone()))
                    .await;
            }
            Self::AddressChanged => {
                let email = format!("moved{}@example.com", scene.number);
                app.update_directly(actor, |user| {
                    user.set_email(email.parse().unwrap());
                })
                .await;
            }
            Self::Deleted => users
                .delete(app.stored_user(actor).await, &Actor::operator())
                .await
                .expect("a deletion"),
            Self::TargetDeleted => {
                users
                    .delete(app.stored_user(&scene.target).await, &Actor::operator())
                    .await
                    .expect("a deletion");
            }
        }
    }
}

/// Everything that a change can write: users, markers, e-mails, audit records. Counts of tries are
/// left out.
async fn written(app: &TestApp) -> Vec<String> {
    app.settle().await; // a sent e-mail is deleted
    let tries = |item: &Item| item["pk"].as_s().is_ok_and(|key| key.starts_with("TRIES#"));
    let users = app.items().await.into_iter().filter(|item| !tries(item));
    let mails = app
        .outbox()
        .await
        .into_iter()
        .filter(|item| item.contains_key("to"));
    let audit = app.scan("AuditTable").await.into_iter();
    let all = users.chain(mails).chain(audit);
    let mut all: Vec<String> = all.map(|item| shown(&item)).collect();
    all.sort();
    all
}

/// The attributes of an item, in the order of their names.
fn shown(item: &Item) -> String {
    let value = |value: &AttributeValue| match value.as_m() {
        Ok(members) => shown(members),
        Err(value) => format!("{value:?}"),
    };
    let members = item.iter().map(|(name, member)| (name, value(member)));
    format!("{:?}", members.collect::<BTreeMap<_, _>>())
}

/// A line for each revocation: the response, and whether something was written nevertheless.
async fn table(changes: &[Change]) -> String {
    let app = TestApp::with_parameters(&UNLIMITED).await;
    app.create_administrator("root").await;
    let users = app.users().await;
    let (mut lines, mut number) = (String::new(), 0);
    for change in changes {
        let losses = REVOCATIONS
            .into_iter()
            .chain(change.is_of_another().then_some(Revocation::TargetDeleted));
        for loss in losses {
            number += 1;
            let scene = change.prepare(&app, number).await;
            app.settle().await;
            let before = RefCell::new(vec![]);
            let event = async {
                loss.happen(&app, &users, &scene).await;
                *before.borrow_mut() = written(&app).await;
            };
            let request = change.send(&app, &scene);
            let response = between_check_and_write(&app, change.write(), request, event).await;
            let outcome = match written(&app).await == *before.borrow() {
                true => format!("{} {}", response.status, response.text),
                false => format!("{}, written", response.status),
            };
            lines.push_str(&format!("{change:?}, {loss:?}: {outcome}\n"));
        }
    }
    lines
}

#[tokio::test]
async fn center_refuses_a_write_after_revocation() {
    let table = table(&CENTER).await;
    assert_snapshot!(table, @r#"
    UpdateMe, Blocked: 401 {"detail":"Invalid credentials"}
    UpdateMe, TokenVersionRaised: 401 {"detail":"Invalid credentials"}
    UpdateMe, SessionEnded: 401 {"detail":"Invalid credentials"}
    UpdateMe, RoleTaken: 403 {"detail":"Forbidden"}
    UpdateMe, PasswordChanged: 401 {"detail":"Invalid credentials"}
    UpdateMe, AddressChanged: 200, written
    UpdateMe, Deleted: 401 {"detail":"Invalid credentials"}
    LogInToCenter, Blocked: 401 {"detail":"Invalid username or password"}
    LogInToCenter, TokenVersionRaised: 401 {"detail":"Invalid username or password"}
    LogInToCenter, SessionEnded: 200, written
    LogInToCenter, RoleTaken: 200, written
    LogInToCenter, PasswordChanged: 401 {"detail":"Invalid username or password"}
    LogInToCenter, AddressChanged: 200, written
    LogInToCenter, Deleted: 401 {"detail":"Invalid username or password"}
    LogOut, Blocked: 401 {"detail":"Invalid credentials"}
    LogOut, TokenVersionRaised: 401 {"detail":"Invalid credentials"}
    LogOut, SessionEnded: 401 {"detail":"Invalid credentials"}
    LogOut, RoleTaken: 403 {"detail":"Forbidden"}
    LogOut, PasswordChanged: 401 {"detail":"Invalid credentials"}
    LogOut, AddressChanged: 200, written
    LogOut, Deleted: 401 {"detail":"Invalid credentials"}
    EndSession, Blocked: 401 {"detail":"Invalid credentials"}
    EndSession, TokenVersionRaised: 401 {"detail":"Invalid credentials"}
    EndSession, SessionEnded: 401 {"detail":"Invalid credentials"}
    EndSession, RoleTaken: 403 {"detail":"Forbidden"}
    EndSession, PasswordChanged: 401 {"detail":"Invalid credentials"}
    EndSession, AddressChanged: 200, written
    EndSession, Deleted: 401 {"detail":"Invalid credentials"}
    EndOtherSessions, Blocked: 401 {"detail":"Invalid credentials"}
    EndOtherSessions, TokenVersionRaised: 401 {"detail":"Invalid credentials"}
    EndOtherSessions, SessionEnded: 401 {"detail":"Invalid credentials"}
    EndOtherSessions, RoleTaken: 403 {"detail":"Forbidden"}
    EndOtherSessions, PasswordChanged: 401 {"detail":"Invalid credentials"}
    EndOtherSessions, AddressChanged: 200, written
    EndOtherSessions, Deleted: 401 {"detail":"Invalid credentials"}
    Refresh, Blocked: 401 {"detail":"Invalid credentials"}
    Refresh, TokenVersionRaised: 200, written
    Refresh, SessionEnded: 401 {"detail":"Invalid credentials"}
    Refresh, RoleTaken: 200, written
    Refresh, PasswordChanged: 401 {"detail":"Invalid credentials"}
    Refresh, AddressChanged: 200, written
    Refresh, Deleted: 401 {"detail":"Invalid credentials"}
    "#);
}

#[tokio::test]
async fn an_undo_needs_nothing_but_its_link() {
    let table = table(&CENTER_LINKS).await;
    assert_snapshot!(table, @r#"
    RestoreEmail, Blocked: 200, written
    RestoreEmail, TokenVersionRaised: 200, written
    RestoreEmail, SessionEnded: 200, written
    RestoreEmail, RoleTaken: 200, written
    RestoreEmail, PasswordChanged: 200, written
    RestoreEmail, AddressChanged: 200, written
    RestoreEmail, Deleted: 401 {"detail":"Invalid credentials"}
    "#);
}

#[tokio::test]
async fn profile_refuses_a_write_after_revocation() {
    let table = table(&PROFILE).await;
    assert_snapshot!(table, @r#"
    SetName, Blocked: 200 {"error_code":"4104","message":"Blocked"}
    SetName, TokenVersionRaised: 401 {"error_code":"4101","message":"Not logged in"}
    SetName, SessionEnded: 401 {"error_code":"4101","message":"Not logged in"}
    SetName, RoleTaken: 200 {"error_code":"4104","message":"Blocked"}
    SetName, PasswordChanged: 401 {"error_code":"4101","message":"Not logged in"}
    SetName, AddressChanged: 200, written
    SetName, Deleted: 401 {"error_code":"4101","message":"Not logged in"}
    SaveAuth, Blocked: 200 {"error_code":"4104","message":"Blocked"}
    SaveAuth, TokenVersionRaised: 401 {"error_code":"4101","message":"Not logged in"}
    SaveAuth, SessionEnded: 401 {"error_code":"4101","message":"Not logged in"}
    SaveAuth, RoleTaken: 200 {"error_code":"4104","message":"Blocked"}
    SaveAuth, PasswordChanged: 401 {"error_code":"4101","message":"Not logged in"}
    SaveAuth, AddressChanged: 200, written
    SaveAuth, Deleted: 401 {"error_code":"4101","message":"Not logged in"}
    SetAvatar, Blocked: 200 {"error_code":"4104","message":"Blocked"}
    SetAvatar, TokenVersionRaised: 401 {"error_code":"4101","message":"Not logged in"}
    SetAvatar, SessionEnded: 401 {"error_code":"4101","message":"Not logged in"}
    SetAvatar, RoleTaken: 200 {"error_code":"4104","message":"Blocked"}
    SetAvatar, PasswordChanged: 401 {"error_code":"4101","message":"Not logged in"}
    SetAvatar, AddressChanged: 200, written
    SetAvatar, Deleted: 401 {"error_code":"4101","message":"Not logged in"}
    "#);
}

#[tokio::test]
async fn whale_refuses_a_write_after_revocation() {
    let table = table(&WHALE).await;
    assert_snapshot!(table, @r#"
    Rename, Blocked: 200 {"code":1101,"message":"Unauthorized","data":{}}
    Rename, TokenVersionRaised: 200 {"code":1101,"message":"Unauthorized","data":{}}
    Rename, SessionEnded: 200 {"code":1101,"message":"Unauthorized","data":{}}
    Rename, RoleTaken: 200 {"code":1103,"message":"Forbidden","data":{}}
    Rename, PasswordChanged: 200 {"code":1101,"message":"Unauthorized","data":{}}
    Rename, AddressChanged: 200, written
    Rename, Deleted: 200 {"code":1101,"message":"Unauthorized","data":{}}
    RenameAnother, Blocked: 200 {"code":1101,"message":"Unauthorized","data":{}}
    RenameAnother, TokenVersionRaised: 200 {"code":1101,"message":"Unauthorized","data":{}}
    RenameAnother, SessionEnded: 200 {"code":1101,"message":"Unauthorized","data":{}}
    RenameAnother, RoleTaken: 200 {"code":1103,"message":"Forbidden","data":{}}
    RenameAnother, PasswordChanged: 200 {"code":1101,"message":"Unauthorized","data":{}}
    RenameAnother, AddressChanged: 200, written
    RenameAnother, Deleted: 200 {"code":1101,"message":"Unauthorized","data":{}}
    RenameAnother, TargetDeleted: 200 {"code":1411,"message":"账号不存在","data":{}}
    MoveAvatar, Blocked: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatar, TokenVersionRaised: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatar, SessionEnded: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatar, RoleTaken: 200 {"code":1103,"message":"Forbidden","data":{}}
    MoveAvatar, PasswordChanged: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatar, AddressChanged: 200, written
    MoveAvatar, Deleted: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatarOfAnother, Blocked: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatarOfAnother, TokenVersionRaised: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatarOfAnother, SessionEnded: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatarOfAnother, RoleTaken: 200 {"code":1103,"message":"Forbidden","data":{}}
    MoveAvatarOfAnother, PasswordChanged: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatarOfAnother, AddressChanged: 200, written
    MoveAvatarOfAnother, Deleted: 200 {"code":1101,"message":"Unauthorized","data":{}}
    MoveAvatarOfAnother, TargetDeleted: 200 {"code":1411,"message":"账号不存在","data":{}}
    "#);
}

#[tokio::test]
async fn whale_refuses_a_secret_after_revocation() {
    let table = table(&WHALE_SECRETS).await;
    assert_snapshot!(table, @r#"
    LogInToWhale, Blocked: 200 {"code":1103,"message":"Forbidden","data":{}}
    LogInToWhale, TokenVersionRaised: 200 {"code":1413,"message":"密码错误","data":{}}
    LogInToWhale, SessionEnded: 200, written
    LogInToWhale, RoleTaken: 200, written
    LogInToWhale, PasswordChanged: 200 {"code":1413,"message":"密码错误","data":{}}
    LogInToWhale, AddressChanged: 200, written
    LogInToWhale, Deleted: 200 {"code":1411,"message":"账号不存在","data":{}}
    PasswordByOld, Blocked: 200, written
    PasswordByOld, TokenVersionRaised: 200 {"code":1413,"message":"密码错误","data":{}}
    PasswordByOld, SessionEnded: 200, written
    PasswordByOld, RoleTaken: 200, written
    PasswordByOld, PasswordChanged: 200 {"code":1413,"message":"密码错误","data":{}}
    PasswordByOld, AddressChanged: 200, written
    PasswordByOld, Deleted: 200 {"code":1411,"message":"账号不存在","data":{}}
    PasswordByCode, Blocked: 200, written
    PasswordByCode, TokenVersionRaised: 200 {"code":1415,"message":"验证码错误","data":{}}
    PasswordByCode, SessionEnded: 200, written
    PasswordByCode, RoleTaken: 200, written
    PasswordByCode, PasswordChanged: 200 {"code":1415,"message":"验证码错误","data":{}}
    PasswordByCode, AddressChanged: 200 {"code":1415,"message":"验证码错误","data":{}}
    PasswordByCode, Deleted: 200 {"code":1411,"message":"账号不存在","data":{}}
    VerifyEmail, Blocked: 200, written
    VerifyEmail, TokenVersionRaised: 200, written
    VerifyEmail, SessionEnded: 200, written
    VerifyEmail, RoleTaken: 200, written
    VerifyEmail, PasswordChanged: 200, written
    VerifyEmail, AddressChanged: 200 {"code":1411,"message":"账号不存在","data":{}}
    VerifyEmail, Deleted: 200 {"code":1411,"message":"账号不存在","data":{}}
    "#);
}

#[tokio::test]
async fn campus_refuses_a_write_after_revocation() {
    let table = table(&CAMPUS).await;
    assert_snapshot!(table, @r#"
    Profile, Blocked: 403 {"success":false,"msg":"only active users can access this API","errType":3}
    Profile, TokenVersionRaised: 401 {"success":false,"msg":"invalid token","errType":3}
    Profile, SessionEnded: 401 {"success":false,"msg":"invalid token","errType":3}
    Profile, RoleTaken: 403 {"success":false,"msg":"only active users can access this API","errType":3}
    Profile, PasswordChanged: 401 {"success":false,"msg":"invalid token","errType":3}
    Profile, AddressChanged: 200, written
    Profile, Deleted: 401 {"success":false,"msg":"invalid token","errType":3}
    ProfileOfAnother, Blocked: 403 {"success":false,"msg":"only active users can access this API","errType":3}
    ProfileOfAnother, TokenVersionRaised: 401 {"success":false,"msg":"invalid token","errType":3}
    ProfileOfAnother, SessionEnded: 401 {"success":false,"msg":"invalid token","errType":3}
    ProfileOfAnother, RoleTaken: 403 {"success":false,"msg":"only admins can change other users' profiles","errType":3}
    ProfileOfAnother, PasswordChanged: 401 {"success":false,"msg":"invalid token","errType":3}
    ProfileOfAnother, AddressChanged: 200, written
    ProfileOfAnother, Deleted: 401 {"success":false,"msg":"invalid token","errType":3}
    ProfileOfAnother, TargetDeleted: 400 {"success":false,"msg":"no such user","errType":"logic"}
    "#);
}

/// A function that may update a user's item changes users. IAM authorizes the function `admin`.
#[tokio::test]
async fn every_function_that_changes_users_is_in_the_tables() {
    let app = TestApp::new().await;
    let families = [
        &CENTER[..],
        &CENTER_LINKS,
        &PROFILE,
        &WHALE,
        &WHALE_SECRETS,
        &CAMPUS,
    ];
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
    let functions = app.cloud.template().functions.iter();
    let functions = functions.filter(|function| function.statements.iter().any(updates));
    let granted = functions
        .map(|function| function.name.as_str())
        .filter(|name| *name != "admin");
    let granted: BTreeSet<_> = granted.collect();
    assert_eq!(
        granted.symmetric_difference(&tested).collect::<Vec<_>>(),
        Vec::<&&str>::new(),
        "functions that are either not tested here or may not update users"
    );
}

/// A new user, their token, and a code mailed to them.
async fn user_with_code(app: &TestApp, email: &str) -> (Value, String, String) {
    let (user, token) = app.whale_account(email).await;
    let code = app.code(email).await;
    (user, token, code)
}

#[tokio::test]
async fn a_login_during_a_reset_gets_no_token() {
    let app = TestApp::new().await;
    let (user, _, code) = user_with_code(&app, "a@b.co").await;
    let event = async {
        assert_eq!(
            app.reset_password(&user, &code, NEW).await.json()["code"],
            0
        )
    };
    let login = app.login("a@b.co", PASSWORD);
    let response =
        between_check_and_write(&app, ("center-login", "TransactWriteItems"), login, event).await;
    assert_eq!(
        (response.status, &response.json()["detail"]),
        (401, &json!("Invalid username or password"))
    );
    assert_eq!(app.login("a@b.co", NEW).await.status, 200);
}

#[tokio::test]
async fn a_change_with_the_old_password_does_not_undo_a_reset() {
    let app = TestApp::new().await;
    let (user, _, code) = user_with_code(&app, "a@b.co").await;
    let event = async {
        assert_eq!(
            app.reset_password(&user, &code, NEW).await.json()["code"],
            0
        )
    };
    let change = app.change_password(&user, PASSWORD, "another new password");
    let write = ("whale-change-password", "TransactWriteItems");
    assert_eq!(
        between_check_and_write(&app, write, change, event)
            .await
            .json()["code"],
        1413
    );
    assert_eq!(app.login("a@b.co", NEW).await.status, 200);
}

#[tokio::test]
async fn of_two_changes_with_one_old_password_the_first_wins() {
    let app = TestApp::new().await;
    let (user, _) = app.whale_account("a@b.co").await;
    let event = async {
        assert_eq!(
            app.change_password(&user, PASSWORD, NEW).await.json()["code"],
            0
        )
    };
    let change = app.change_password(&user, PASSWORD, "a second new one");
    let write = ("whale-change-password", "TransactWriteItems");
    assert_eq!(
        between_check_and_write(&app, write, change, event)
            .await
            .json()["code"],
        1413
    );
    assert_eq!(app.login("a@b.co", NEW).await.status, 200);
}

#[tokio::test]
async fn a_renewed_hash_does_not_bring_the_old_password_back() {
    let app = TestApp::new().await;
    let (user, _, code) = user_with_code(&app, "a@b.co").await;
    app.store_outdated_hash("a@b.co").await;
    let event = async {
        assert_eq!(
            app.reset_password(&user, &code, NEW).await.json()["code"],
            0
        )
    };
    let login = app.login("a@b.co", PASSWORD);
    let response =
        between_check_and_write(&app, ("center-login", "TransactWriteItems"), login, event).await;
    assert_eq!(response.status, 401);
    assert_eq!(app.login("a@b.co", PASSWORD).await.status, 401);
    assert_eq!(app.login("a@b.co", NEW).await.status, 200);
}

#[tokio::test]
async fn a_hash_renewed_by_a_parallel_login_is_not_a_failure() {
    let app = TestApp::new().await;
    let (user, _) = app.whale_account("a@b.co").await;
    for change in [Change::LogInToCenter, Change::PasswordByOld] {
        app.store_outdated_hash("a@b.co").await;
        let parallel = async {
            let body = json!({"email": "a@b.co", "password": PASSWORD});
            assert_eq!(
                app.send_json("PUT", "/api/users/login/", &body)
                    .await
                    .json()["code"],
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
        let request = change.send(&app, &scene);
        let response = between_check_and_write(&app, change.write(), request, parallel).await;
        assert_eq!(response.status, 200, "{change:?}: {response}");
        assert!(
            response.json()["code"] == 0 || response.json()["access_token"].is_string(),
            "{response}"
        );
    }
    assert_eq!(app.login("a@b.co", NEW).await.status, 200);
}

#[tokio::test]
async fn a_login_with_a_lost_response_before_a_reset_gets_no_token() {
    let app = TestApp::new().await;
    let (user, _, code) = user_with_code(&app, "a@b.co").await;
    // The login is written and its response is lost. The read that finds it follows the reset.
    let (function, lost) = ("center-login", Effect::LoseAnswer);
    let lost = fault_of(function, "TransactWriteItems", 3, lost);
    app.cloud.inject(InjectedFault { skip: 1, ..lost }); // the first one counts the try
    let hold = Hold::default();
    let held = fault_of(function, "GetItem", usize::MAX, Effect::Hold(hold.clone()));
    // The reads of the marker and the user come before.
    app.cloud.inject(InjectedFault { skip: 3, ..held });
    let event = async {
        assert_eq!(
            app.reset_password(&user, &code, NEW).await.json()["code"],
            0
        )
    };
    let response = while_held(&hold, app.login("a@b.co", PASSWORD), event).await;
    assert_eq!(response.status, 401, "{response}");
}

#[tokio::test]
async fn a_login_cannot_delay_a_reset() {
    let app = TestApp::new().await;
    let (user, _, code) = user_with_code(&app, "a@b.co").await;
    let login = async {
        let login = app.login_from("203.0.113.9", "a@b.co", PASSWORD).await;
        assert_eq!(login.status, 200);
    };
    app.cloud.clear_calls();
    let write = ("whale-change-password", "TransactWriteItems");
    let reset = app.reset_password(&user, &code, NEW);
    let reset = between_check_and_write(&app, write, reset, login).await;
    assert_eq!(reset.json()["code"], 0, "{reset}");
    let calls = app.cloud.calls().into_iter();
    let writes = calls.filter(|call| (call.function.as_str(), call.operation.as_str()) == write);
    assert_eq!(writes.count(), 2, "the count of the try, and the change");
    let stored = app.stored_user(&user).await;
    assert_eq!(stored.known_sources, shared::KnownSources::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_of_the_old_password_survives_a_reset() {
    let app = TestApp::with_parameters(&UNLIMITED).await;
    for (round, outdated) in (0..ROUNDS).map(|round| (round, round % 2 == 1)) {
        let email = format!("user{round}@b.co");
        let (user, _, code) = user_with_code(&app, &email).await;
        if outdated {
            app.store_outdated_hash(&email).await;
        }
        let logins = all((0..4).map(|_| app.login(&email, PASSWORD)));
        let (logins, reset) = tokio::join!(logins, app.reset_password(&user, &code, NEW));
        assert_eq!(reset.json()["code"], 0, "round {round}: {reset}");
        for login in logins {
            assert!([200, 401].contains(&login.status), "round {round}: {login}");
            if login.status == 200 {
                let token = login.json()["access_token"].as_str().unwrap().to_owned();
                assert_eq!(app.me(&token).await.status, 401, "round {round}");
            }
        }
        assert_eq!(
            app.login(&email, PASSWORD).await.status,
            401,
            "round {round}"
        );
        assert_eq!(app.login(&email, NEW).await.status, 200, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_reset_and_concurrent_password_changes_one_wins() {
    let app = TestApp::with_parameters(&UNLIMITED).await;
    for round in 0..ROUNDS {
        let email = format!("user{round}@b.co");
        let (user, _, code) = user_with_code(&app, &email).await;
        let new: Vec<String> = (0..4).map(|at| format!("new password {at}")).collect();
        let changes = all(new
            .iter()
            .map(|new| app.change_password(&user, PASSWORD, new)));
        let (reset, mut responses) = tokio::join!(app.reset_password(&user, &code, NEW), changes);
        responses.push(reset);
        let new: Vec<&str> = new.iter().map(String::as_str).chain([NEW]).collect();
        let codes: Vec<Value> = responses
            .iter()
            .map(|response| response.json()["code"].clone())
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
            app.login(&email, new[won[0]]).await.status,
            200,
            "round {round}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_change_is_written_after_the_revoking_response() {
    let app = TestApp::with_parameters(&UNLIMITED).await;
    for round in 0..ROUNDS {
        for blocks in [true, false] {
            let name = format!("user{round}{blocks}");
            let token = app.register_and_login(&name).await;
            let user = app.show(name.as_str()).await;
            let stored = async || app.stored_user(&user).await;
            let bodies = (0..4).map(|at| match at % 2 {
                0 => json!({"email": format!("{name}x{at}@b.co")}),
                _ => json!({"nickname": format!("nickname {at}")}),
            });
            let changes = all(bodies.map(|body| {
                let (app, token) = (&app, &token);
                async move { app.update_me(token, &body).await }
            }));
            let decision = async {
                if blocks {
                    let response = app
                        .admin(json!({"command": "block", "user": user["id"]}))
                        .await;
                    assert_eq!(
                        response["user"]["blocked"], true,
                        "round {round}: {response}"
                    );
                } else {
                    let response = app.change_password(&user, PASSWORD, NEW).await;
                    assert_eq!(response.json()["code"], 0, "round {round}: {response}");
                }
                stored().await
            };
            let (responses, then) = tokio::join!(changes, decision);
            assert_eq!(stored().await, then, "round {round}");
            for response in responses {
                assert!(
                    [200, 401].contains(&response.status),
                    "round {round}: {response}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_cannot_starve_a_block_or_a_new_password() {
    let app = TestApp::with_parameters(&UNLIMITED).await;
    for round in 0..8 {
        let name = format!("user{round}");
        app.register(&registration(&name)).await;
        let user = app.show(name.as_str()).await;
        for (blocks, password) in [(false, PASSWORD), (true, NEW)] {
            let token = &app.login_token(&name, password).await;
            let (begun, decided) = (Notify::new(), AtomicBool::new(false));
            let changes = all((0..16).map(|thread| {
                let (app, begun, decided, name) = (&app, &begun, &decided, &name);
                async move {
                    for at in 0.. {
                        let body = match (thread + at) % 4 {
                            0 => json!({"email": format!("{name}x{thread}x{at}@b.co")}),
                            _ => json!({"nickname": format!("nickname {thread} {at}")}),
                        };
                        let status = app.update_me(token, &body).await.status;
                        begun.notify_one();
                        if status == 401 || decided.load(Ordering::Relaxed) {
                            return;
                        }
                    }
                }
            }));
            let decision = async {
                in_time("the first change", begun.notified()).await;
                if blocks {
                    let response = app
                        .admin(json!({"command": "block", "user": user["id"]}))
                        .await;
                    assert_eq!(
                        response["user"]["blocked"], true,
                        "round {round}: {response}"
                    );
                } else {
                    let response = app.change_password(&user, PASSWORD, NEW).await;
                    assert_eq!(response.json()["code"], 0, "round {round}: {response}");
                }
                decided.store(true, Ordering::Relaxed);
            };
            tokio::join!(changes, decision);
        }
    }
}
