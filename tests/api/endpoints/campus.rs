//! Family `campus`: every documented response, and the permissions.

use insta::assert_snapshot;

use serde_json::json;
use shared::error_response_for_path;
use shared::{Actor, Error, Role};

use crate::support::{TestApp, fault, profile_change, refuse};

#[tokio::test]
async fn without_a_target_the_caller_sees_their_own_profile() {
    let app = TestApp::new().await;
    let (user, token) = app.student("hajimihajimihajimi").await;
    app.update_directly(&user, |user| {
        user.nickname = "张三".parse().unwrap();
        user.sid = Some("20230001001".parse().unwrap());
        user.block = Some("XH".parse().unwrap());
        user.room = Some("1501".parse().unwrap());
        user.phone = Some("13800138000".parse().unwrap());
        user.isp = Some("mobile".parse().unwrap());
        user.account = Some("12345678901".parse().unwrap());
    })
    .await;
    let own = app.view_profile(&token, "").await;
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
        assert_eq!(
            app.view_profile(&token, query).await.text,
            own.text,
            "{query}"
        );
    }
}

#[tokio::test]
async fn an_unknown_attribute_is_an_empty_string() {
    let app = TestApp::new().await;
    let (_, token) = app.whale_account("a@b.co").await;
    assert_snapshot!(app.view_profile(&token, "").await, @r#"
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
async fn a_profile_is_changed_as_a_whole() {
    let app = TestApp::new().await;
    let (_, token) = app.student("user_openid_123").await;
    assert_snapshot!(app.change_profile(&token, &profile_change("user_openid_123")).await, @r#"
    200 application/json
    {
      "msg": "profile change success~",
      "success": true
    }
    "#);
    assert_snapshot!(app.view_profile(&token, "").await, @r#"
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
    let again = app
        .change_profile(&token, &profile_change("user_openid_123"))
        .await;
    assert_eq!(
        again.status, 200,
        "one's own phone number does not conflict: {again}"
    );
}

#[tokio::test]
async fn an_admin_sees_and_changes_another() {
    let app = TestApp::new().await;
    let (_, token) = app.student("another_user_openid_456").await;
    let admin = app.campus_admin_token().await;
    let changed = app
        .change_profile(&admin, &profile_change("another_user_openid_456"))
        .await;
    assert_eq!(
        changed.text,
        r#"{"success":true,"msg":"profile change success~"}"#
    );
    let (own, seen) = (
        app.view_profile(&token, "").await,
        app.view_profile(&admin, "?who=another_user_openid_456")
            .await,
    );
    assert_eq!(own.to_string(), seen.to_string());
    assert_eq!(own.json()["profile"]["phone"], "13900139000");
}

#[tokio::test]
async fn a_taken_phone_number_is_refused_in_every_spelling() {
    let app = TestApp::new().await;
    let (_, token) = app.student("student").await;
    let other = app.register_and_login("testuser").await;
    app.update_me(&other, &json!({"phone": "13900139000"}))
        .await;
    assert_snapshot!(app.change_profile(&token, &profile_change("student")).await, @r#"
    400 application/json
    {
      "errType": "logic",
      "msg": "phone number has been used",
      "success": false
    }
    "#);
    let mut wide = profile_change("student");
    wide["phone"] = json!("１３９００１３９０００");
    assert_eq!(
        app.change_profile(&token, &wide).await.json()["errType"],
        "logic"
    );
    assert_eq!(
        app.view_profile(&token, "").await.json()["profile"]["block"],
        "",
        "a refused change writes nothing"
    );
}

/// A line for each caller, operation and target.
async fn lines(app: &TestApp, callers: &[(&str, &str, &str)]) -> String {
    let mut lines = String::new();
    for (caller, token, own) in callers {
        for (target, who) in [
            ("self", *own),
            ("other", "other"),
            ("unknown", "unknown"),
            ("no name", "local:x"),
        ] {
            let mut body = profile_change(who);
            body["phone"] = json!(format!("1390013{:04}", lines.len() % 10_000));
            let viewed = app.view_profile(token, &format!("?who={who}")).await;
            let changed = app.change_profile(token, &body).await;
            for (operation, response) in [("views", viewed), ("changes", changed)] {
                let body = response.json();
                let kind = body
                    .get("errType")
                    .map(|kind| format!(" {kind}"))
                    .unwrap_or_default();
                lines.push_str(&format!(
                    "{caller} {operation} {target}: {} {}{kind}\n",
                    response.status, body["msg"]
                ));
            }
        }
    }
    lines
}

#[tokio::test]
async fn permissions_by_role_and_target() {
    let app = TestApp::new().await;
    app.student("other").await;
    let (unregistered, new_token) = app.student("unregistered").await;
    app.update_directly(&unregistered, |user| user.role = Role::Unregistered)
        .await;
    let (blocked, blocked_token) = app.student("blocked").await;
    app.update_directly(&blocked, |user| user.blocked = true)
        .await;
    let (chief, chief_token) = app.student("chief").await;
    app.update_directly(&chief, |user| {
        (user.role, user.blocked) = (Role::Admin, true)
    })
    .await;
    let (_, user_token) = app.student("user").await;
    let admin_token = app.campus_admin_token().await;
    let callers = [
        ("nobody", "", "user"),
        ("a bad token", "nonsense", "user"),
        ("an unregistered", &*new_token, "unregistered"),
        ("a blocked", &*blocked_token, "blocked"),
        ("a blocked admin", &*chief_token, "chief"),
        ("a user", &*user_token, "user"),
        ("an admin", &*admin_token, "admin"),
    ];
    assert_snapshot!(lines(&app, &callers).await, @r#"
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
async fn every_error_is_in_the_format_of_the_family() {
    let app = TestApp::new().await;
    let (_, token) = app.student("student").await;
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
        let response = app.send(app.request(method, path)).await;
        lines.push_str(&format!(
            "{method} {path}: {} {}\n",
            response.status, response.text
        ));
        assert_eq!(response.www_authenticate.is_some(), response.status == 401);
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
        let limited = error_response_for_path(path, &Error::RateLimited { retry_after: 7 });
        let body = format!(r#"{{"success":false,"msg":"too many requests","errType":{kind}}}"#);
        assert_eq!(
            (limited.status, limited.body.as_slice()),
            (429, body.as_bytes())
        );
        assert!(limited.headers.contains(&("retry-after", "7".into())));
    }

    let refused = refuse(400, "ResourceNotFoundException");
    app.cloud.inject(fault("GetItem", usize::MAX, refused));
    assert_snapshot!(app.view_profile(&token, "").await, @r#"
    500 application/json
    {
      "errType": "internal",
      "msg": "system met a uncaught error,please view logs.",
      "success": false
    }
    "#);
    assert_snapshot!(app.change_profile(&token, &profile_change("student")).await, @r#"
    500 application/json
    {
      "errType": 1,
      "msg": "system met a uncaught error,please view logs.",
      "success": false
    }
    "#);
}

#[tokio::test]
async fn a_wechat_openid_is_unique_and_case_sensitive() {
    let app = TestApp::new().await;
    app.student("oAbC").await;
    let (lower, _) = app.whale_account("a@b.co").await;
    app.update_directly(&lower, |user| {
        user.wechat_open_id = Some("oabc".parse().unwrap())
    })
    .await;
    let users = app.users().await;
    let stored = app.stored_user(&lower).await;
    let taken = users
        .change(stored, &Actor::operator(), |user| {
            user.wechat_open_id = Some("oAbC".parse().unwrap())
        })
        .await;
    assert!(matches!(taken, Err(Error::WechatOpenIdTaken)), "{taken:?}");
    let admin = app.campus_admin_token().await;
    for wx in ["oAbC", "oabc"] {
        assert_eq!(
            app.view_profile(&admin, &format!("?who={wx}")).await.json()["profile"]["wx"],
            wx
        );
    }
    assert_eq!(app.view_profile(&admin, "?who=OABC").await.status, 400);

    app.update_directly(&lower, |user| user.wechat_open_id = None)
        .await;
    assert_eq!(
        app.view_profile(&admin, "?who=oabc").await.status,
        400,
        "an unbound OpenID refers to no user"
    );
    app.student("third").await;
    let local = format!("?who=local:{}", lower["uuid"].as_str().unwrap());
    assert_eq!(
        app.view_profile(&admin, &local).await.json()["profile"]["wx"],
        local["?who=".len()..]
    );
}

#[tokio::test]
async fn a_verified_real_name_is_the_name_in_the_profile() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let view = async || app.view_profile(&token, "").await.json();
    assert_eq!(view().await["profile"]["name"], "测试用户");
    let real = json!({"real_name": "测试实名", "id_card": "11010119900307001X"});
    app.send_json_as(&token, "POST", "/users/auth", &real).await;
    let shown = view().await;
    assert_eq!(shown["profile"]["name"], "测试实名");
    assert!(!shown.to_string().contains("11010119900307001X"));
}
