//! `campus-view-profile.txt` and `campus-change-profile.txt`: every row they document, whole
//! bodies, and who may see and change whom.

use insta::assert_snapshot;
use local::{Effect, Fault};
use serde_json::{Value, json};
use shared::dialect::failure_at;
use shared::{Access, By, Error};

use crate::world::{Answer, World};

impl World {
    pub async fn view(&self, token: &str, query: &str) -> Answer {
        self.send(
            self.request("GET", &format!("/api/v3/view_profile{query}"))
                .bearer_auth(token),
        )
        .await
    }

    pub async fn change_profile(&self, token: &str, body: &Value) -> Answer {
        self.send(
            self.request("POST", "/api/v3/change_profile")
                .bearer_auth(token)
                .json(body),
        )
        .await
    }

    /// A user bound to the OpenID `wx`: the user and a token.
    pub async fn student(&self, wx: &str) -> (Value, String) {
        let (user, token) = self.whale_account(&format!("{wx}@example.com")).await;
        self.alter(&user, |user| user.wx = Some(wx.parse().unwrap()))
            .await;
        (user, token)
    }

    pub async fn campus_admin(&self) -> String {
        let (admin, token) = self.student("admin").await;
        self.promote(&admin).await;
        token
    }
}

/// A change as the document shows one.
pub fn wanted(who: &str) -> Value {
    json!({
        "who": who, "block": "15", "room": "202", "phone": "13900139000", "isp": "telecom", "account": "987654321",
    })
}

#[tokio::test]
async fn one_sees_oneself_without_saying_so() {
    let world = World::new().await;
    let (user, token) = world.student("hajimihajimihajimi").await;
    world
        .alter(&user, |user| {
            user.nickname = "张三".parse().unwrap();
            user.sid = Some("20230001001".parse().unwrap());
            user.block = Some("XH".parse().unwrap());
            user.room = Some("1501".parse().unwrap());
            user.phone = Some("13800138000".parse().unwrap());
            user.isp = Some("mobile".parse().unwrap());
            user.account = Some("12345678901".parse().unwrap());
        })
        .await;
    let own = world.view(&token, "").await;
    assert_eq!(
        own.text,
        r#"{"success":true,"msg":"user profile","profile":{"sid":"20230001001","name":"张三","block":"XH","access":"user","room":"1501","phone":"13800138000","isp":"mobile","account":"12345678901","wx":"hajimihajimihajimi"}}"#
    );
    assert_eq!(
        (own.status, own.content_type.as_deref()),
        (200, Some("application/json"))
    );
    let uuid = user["uuid"].as_str().unwrap();
    for query in [
        "?who=",
        "?who=%20",
        "?who=hajimihajimihajimi",
        &format!("?who=local:{uuid}"),
    ] {
        assert_eq!(world.view(&token, query).await.text, own.text, "{query}");
    }
}

#[tokio::test]
async fn what_is_not_known_of_a_user_is_an_empty_text() {
    let world = World::new().await;
    let (_, token) = world.whale_account("a@b.co").await;
    assert_snapshot!(world.view(&token, "").await, @r#"
    200 application/json
    {
      "msg": "user profile",
      "profile": {
        "access": "user",
        "account": "",
        "block": "",
        "isp": "",
        "name": "昵称",
        "phone": "",
        "room": "",
        "sid": "",
        "wx": "local:[uuid]"
      },
      "success": true
    }
    "#);
}

#[tokio::test]
async fn a_profile_is_changed_as_a_whole_and_shown_so() {
    let world = World::new().await;
    let (_, token) = world.student("user_openid_123").await;
    assert_snapshot!(world.change_profile(&token, &wanted("user_openid_123")).await, @r#"
    200 application/json
    {
      "msg": "profile change success~",
      "success": true
    }
    "#);
    assert_snapshot!(world.view(&token, "").await, @r#"
    200 application/json
    {
      "msg": "user profile",
      "profile": {
        "access": "user",
        "account": "987654321",
        "block": "15",
        "isp": "telecom",
        "name": "昵称",
        "phone": "13900139000",
        "room": "202",
        "sid": "",
        "wx": "user_openid_123"
      },
      "success": true
    }
    "#);
    let again = world
        .change_profile(&token, &wanted("user_openid_123"))
        .await;
    assert_eq!(
        again.status, 200,
        "one's own phone number is no conflict: {again}"
    );
}

#[tokio::test]
async fn an_admin_sees_and_changes_another() {
    let world = World::new().await;
    let (_, token) = world.student("another_user_openid_456").await;
    let admin = world.campus_admin().await;
    let changed = world
        .change_profile(&admin, &wanted("another_user_openid_456"))
        .await;
    assert_eq!(
        changed.text,
        r#"{"success":true,"msg":"profile change success~"}"#
    );
    let (own, seen) = (
        world.view(&token, "").await,
        world.view(&admin, "?who=another_user_openid_456").await,
    );
    assert_eq!(own.to_string(), seen.to_string());
    assert_eq!(own.json()["profile"]["phone"], "13900139000");
}

#[tokio::test]
async fn a_phone_number_of_anothers_is_refused_however_it_is_written() {
    let world = World::new().await;
    let (_, token) = world.student("student").await;
    let other = world.token("testuser").await;
    world.update(&other, &json!({"phone": "13900139000"})).await;
    assert_snapshot!(world.change_profile(&token, &wanted("student")).await, @r#"
    400 application/json
    {
      "errType": "logic",
      "msg": "phone number has been used",
      "success": false
    }
    "#);
    let mut wide = wanted("student");
    wide["phone"] = json!("１３９００１３９０００");
    assert_eq!(
        world.change_profile(&token, &wide).await.json()["errType"],
        "logic"
    );
    assert_eq!(
        world.view(&token, "").await.json()["profile"]["block"],
        "",
        "all or nothing"
    );
}

/// What a caller gets for every target, a line each.
async fn lines(world: &World, callers: &[(&str, &str, &str)]) -> String {
    let mut lines = String::new();
    for (caller, token, own) in callers {
        for (target, who) in [
            ("self", *own),
            ("other", "other"),
            ("unknown", "unknown"),
            ("no name", "local:x"),
        ] {
            let mut body = wanted(who);
            body["phone"] = json!(format!("1390013{:04}", lines.len() % 10_000));
            let viewed = world.view(token, &format!("?who={who}")).await;
            let changed = world.change_profile(token, &body).await;
            for (deed, answer) in [("views", viewed), ("changes", changed)] {
                let told = answer.json();
                let kind = told
                    .get("errType")
                    .map(|kind| format!(" {kind}"))
                    .unwrap_or_default();
                lines.push_str(&format!(
                    "{caller} {deed} {target}: {} {}{kind}\n",
                    answer.status, told["msg"]
                ));
            }
        }
    }
    lines
}

#[tokio::test]
async fn who_may_do_what_to_whom() {
    let world = World::new().await;
    world.student("other").await;
    let (unregistered, new_token) = world.student("unregistered").await;
    world
        .alter(&unregistered, |user| user.access = Access::Unregistered)
        .await;
    let (blocked, blocked_token) = world.student("blocked").await;
    world.alter(&blocked, |user| user.blocked = true).await;
    let (chief, chief_token) = world.student("chief").await;
    world
        .alter(&chief, |user| {
            (user.access, user.blocked) = (Access::Admin, true)
        })
        .await;
    let (_, user_token) = world.student("user").await;
    let admin_token = world.campus_admin().await;
    let callers = [
        ("nobody", "", "user"),
        ("a bad token", "nonsense", "user"),
        ("an unregistered", &*new_token, "unregistered"),
        ("a blocked", &*blocked_token, "blocked"),
        ("a blocked admin", &*chief_token, "chief"),
        ("a user", &*user_token, "user"),
        ("an admin", &*admin_token, "admin"),
    ];
    assert_snapshot!(lines(&world, &callers).await, @r#"
    nobody views self: 401 "invalid token" "auth"
    nobody changes self: 401 "invalid token" 3
    nobody views other: 401 "invalid token" "auth"
    nobody changes other: 401 "invalid token" 3
    nobody views unknown: 401 "invalid token" "auth"
    nobody changes unknown: 401 "invalid token" 3
    nobody views no name: 401 "invalid token" "auth"
    nobody changes no name: 401 "invalid token" 3
    a bad token views self: 401 "invalid token" "auth"
    a bad token changes self: 401 "invalid token" 3
    a bad token views other: 401 "invalid token" "auth"
    a bad token changes other: 401 "invalid token" 3
    a bad token views unknown: 401 "invalid token" "auth"
    a bad token changes unknown: 401 "invalid token" 3
    a bad token views no name: 401 "invalid token" "auth"
    a bad token changes no name: 401 "invalid token" 3
    an unregistered views self: 403 "only active users can access this API" "auth"
    an unregistered changes self: 403 "only active users can access this API" 3
    an unregistered views other: 403 "only active users can access this API" "auth"
    an unregistered changes other: 403 "only active users can access this API" 3
    an unregistered views unknown: 403 "only active users can access this API" "auth"
    an unregistered changes unknown: 403 "only active users can access this API" 3
    an unregistered views no name: 403 "only active users can access this API" "auth"
    an unregistered changes no name: 403 "only active users can access this API" 3
    a blocked views self: 403 "only active users can access this API" "auth"
    a blocked changes self: 403 "only active users can access this API" 3
    a blocked views other: 403 "only active users can access this API" "auth"
    a blocked changes other: 403 "only active users can access this API" 3
    a blocked views unknown: 403 "only active users can access this API" "auth"
    a blocked changes unknown: 403 "only active users can access this API" 3
    a blocked views no name: 403 "only active users can access this API" "auth"
    a blocked changes no name: 403 "only active users can access this API" 3
    a blocked admin views self: 403 "only active users can access this API" "auth"
    a blocked admin changes self: 403 "only active users can access this API" 3
    a blocked admin views other: 403 "only active users can access this API" "auth"
    a blocked admin changes other: 403 "only active users can access this API" 3
    a blocked admin views unknown: 403 "only active users can access this API" "auth"
    a blocked admin changes unknown: 403 "only active users can access this API" 3
    a blocked admin views no name: 403 "only active users can access this API" "auth"
    a blocked admin changes no name: 403 "only active users can access this API" 3
    a user views self: 200 "user profile"
    a user changes self: 200 "profile change success~"
    a user views other: 403 "only admins can view other users' profiles" "auth"
    a user changes other: 403 "only admins can change other users' profiles" 3
    a user views unknown: 403 "only admins can view other users' profiles" "auth"
    a user changes unknown: 403 "only admins can change other users' profiles" 3
    a user views no name: 403 "only admins can view other users' profiles" "auth"
    a user changes no name: 403 "only admins can change other users' profiles" 3
    an admin views self: 200 "user profile"
    an admin changes self: 200 "profile change success~"
    an admin views other: 200 "user profile"
    an admin changes other: 200 "profile change success~"
    an admin views unknown: 400 "无法找到该微信账户所请求的用户" "logic"
    an admin changes unknown: 400 "no such user" "logic"
    an admin views no name: 400 "无法找到该微信账户所请求的用户" "logic"
    an admin changes no name: 400 "no such user" "logic"
    "#);
}

#[tokio::test]
async fn every_refusal_is_in_the_familys_envelope() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let (_, token) = world.student("student").await;
    let mut lines = String::new();
    for (method, path) in [
        ("GET", "/api/v3/view_profile"),
        ("POST", "/api/v3/change_profile"),
        ("POST", "/api/v3/view_profile"),
        ("GET", "/api/v3/change_profile"),
        ("GET", "/api/v3/view_profile/"),
        ("GET", "/api/v3"),
        ("GET", "/api/v3/nothing"),
        ("GET", "/api/v3x"),
    ] {
        let answer = world.send(world.request(method, path)).await;
        lines.push_str(&format!(
            "{method} {path}: {} {}\n",
            answer.status, answer.text
        ));
        assert_eq!(answer.www_authenticate.is_some(), answer.status == 401);
    }
    assert_snapshot!(lines, @r#"
    GET /api/v3/view_profile: 401 {"success":false,"msg":"invalid token","errType":"auth"}
    POST /api/v3/change_profile: 401 {"success":false,"msg":"invalid token","errType":3}
    POST /api/v3/view_profile: 405 {"success":false,"msg":"method not allowed","errType":"logic"}
    GET /api/v3/change_profile: 405 {"success":false,"msg":"method not allowed","errType":2}
    GET /api/v3/view_profile/: 401 {"success":false,"msg":"invalid token","errType":"auth"}
    GET /api/v3: 404 {"success":false,"msg":"not found","errType":"logic"}
    GET /api/v3/nothing: 404 {"success":false,"msg":"not found","errType":"logic"}
    GET /api/v3x: 404 {"detail":"Not Found"}
    "#);

    for (path, kind) in [
        ("/api/v3/view_profile", "\"logic\""),
        ("/api/v3/change_profile", "2"),
    ] {
        let limited = failure_at(path, &Error::TooMany { retry_after: 7 });
        let told = format!(r#"{{"success":false,"msg":"too many requests","errType":{kind}}}"#);
        assert_eq!(
            (limited.status, limited.body.as_slice()),
            (429, told.as_bytes())
        );
        assert!(limited.headers.contains(&("retry-after", "7".into())));
    }

    let effect = Effect::Refuse {
        status: 400,
        kind: "ResourceNotFoundException".into(),
        message: String::new(),
    };
    world.cloud.inject(Fault {
        function: None,
        operation: "GetItem".into(),
        times: usize::MAX,
        skip: 0,
        effect,
    });
    assert_snapshot!(world.view(&token, "").await, @r#"
    500 application/json
    {
      "errType": "internal",
      "msg": "system met a uncaught error,please view logs.",
      "success": false
    }
    "#);
    assert_snapshot!(world.change_profile(&token, &wanted("student")).await, @r#"
    500 application/json
    {
      "errType": 1,
      "msg": "system met a uncaught error,please view logs.",
      "success": false
    }
    "#);
}

#[tokio::test]
async fn an_open_id_is_one_users_and_told_apart_by_case() {
    let world = World::new().await;
    world.student("oAbC").await;
    let (lower, _) = world.whale_account("a@b.co").await;
    world
        .alter(&lower, |user| user.wx = Some("oabc".parse().unwrap()))
        .await;
    let users = world.users().await;
    let stored = users
        .by_uuid(lower["uuid"].as_str().unwrap().parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let taken = users
        .change(stored, &By::operator(), |user| {
            user.wx = Some("oAbC".parse().unwrap())
        })
        .await;
    assert!(matches!(taken, Err(Error::WxTaken)), "{taken:?}");
    let admin = world.campus_admin().await;
    for wx in ["oAbC", "oabc"] {
        assert_eq!(
            world.view(&admin, &format!("?who={wx}")).await.json()["profile"]["wx"],
            wx
        );
    }
    assert_eq!(world.view(&admin, "?who=OABC").await.status, 400);

    world.alter(&lower, |user| user.wx = None).await;
    assert_eq!(
        world.view(&admin, "?who=oabc").await.status,
        400,
        "unbound, it names nobody"
    );
    world.student("third").await;
    let local = format!("?who=local:{}", lower["uuid"].as_str().unwrap());
    assert_eq!(
        world.view(&admin, &local).await.json()["profile"]["wx"],
        local["?who=".len()..]
    );
}

#[tokio::test]
async fn a_verified_real_name_is_the_name_of_a_profile() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    let view = async || {
        world
            .send(
                world
                    .request("GET", "/api/v3/view_profile")
                    .bearer_auth(&token),
            )
            .await
            .json()
    };
    assert_eq!(view().await["profile"]["name"], "测试用户");
    let real = serde_json::json!({"real_name": "测试实名", "id_card": "11010119900307001X"});
    world
        .send(
            world
                .request("POST", "/users/auth")
                .bearer_auth(&token)
                .json(&real),
        )
        .await;
    let shown = view().await;
    assert_eq!(shown["profile"]["name"], "测试实名");
    assert!(!shown.to_string().contains("11010119900307001X"));
}
