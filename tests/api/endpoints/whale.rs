//! Family `whale`: every documented response, and validation.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Response, TestApp, system_time};

/// A line for the response to each body.
async fn responses(app: &TestApp, method: &str, path: &str, bodies: &[Value]) -> String {
    let mut lines = String::new();
    for body in bodies {
        lines.push_str(&line(body, &app.send_json(method, path, body).await));
    }
    lines
}

fn line(what: &Value, response: &Response) -> String {
    format!("{what}: {} {}\n", response.status, response.text)
}

#[tokio::test]
async fn create_user_returns_every_documented_code() {
    let app = TestApp::new().await;
    let good = json!({"email": "New@example.com", "password": PASSWORD, "name": "昵称"});
    assert_snapshot!(app.send_json("POST", "/api/users/", &good).await, @r#"
    200 application/json
    {
      "code": 0,
      "data": {
        "token": "[token]",
        "user": {
          "avatar": null,
          "blocked": false,
          "email": "New@example.com",
          "email_verified": false,
          "featured": false,
          "id": [id],
          "iso_create_time": "[time in UTC]",
          "iso_last_login": null,
          "iso_update_time": "[time in UTC]",
          "name": "昵称",
          "uuid": "[uuid]"
        }
      },
      "message": "Success"
    }
    "#);
    let bodies = [
        json!({"password": PASSWORD, "name": "n"}),
        json!({"email": "a@b.co", "name": "n"}),
        json!({"email": 5, "password": "x"}),
        json!({"email": null, "password": PASSWORD, "name": "n"}),
        json!({"email": "nowhere", "password": 12345678, "name": "n"}),
        json!({"email": "nowhere", "password": "short", "name": ""}),
        json!({"email": "nowhere", "password": "short", "name": "n"}),
        json!({"email": "a@b.co\r\nBcc: c@d.ef", "password": PASSWORD, "name": "n"}),
        json!({"email": "new@example.com", "password": "1234567", "name": "n"}),
        json!({"email": "a@b.co", "password": "x".repeat(101), "name": "n"}),
        json!({"email": "NEW@example.com", "password": PASSWORD, "name": "n"}),
        json!([good]),
    ];
    assert_snapshot!(responses(&app, "POST", "/api/users/", &bodies).await, @r#"
    {"name":"n","password":"password123"}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    {"email":"a@b.co","name":"n"}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    {"email":5,"password":"x"}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    {"email":null,"name":"n","password":"password123"}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    {"email":"nowhere","name":"n","password":12345678}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    {"email":"nowhere","name":"","password":"short"}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    {"email":"nowhere","name":"n","password":"short"}: 200 {"code":1410,"message":"邮箱格式错误","data":{}}
    {"email":"a@b.co\r\nBcc: c@d.ef","name":"n","password":"password123"}: 200 {"code":1410,"message":"邮箱格式错误","data":{}}
    {"email":"new@example.com","name":"n","password":"1234567"}: 200 {"code":1414,"message":"密码长度错误","data":{}}
    {"email":"a@b.co","name":"n","password":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}: 200 {"code":1414,"message":"密码长度错误","data":{}}
    {"email":"NEW@example.com","name":"n","password":"password123"}: 200 {"code":1412,"message":"账号已存在","data":{}}
    [{"email":"New@example.com","name":"昵称","password":"password123"}]: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    "#);
    let users = app
        .items()
        .await
        .into_iter()
        .filter(|item| item.contains_key("uuid"));
    assert_eq!(users.count(), 1);
}

#[tokio::test]
async fn login_returns_every_documented_code() {
    let app = TestApp::new().await;
    let (user, _) = app.whale_account("a@b.co").await;
    let good = json!({"email": "A@b.co", "password": PASSWORD});
    assert_snapshot!(app.send_json("PUT", "/api/users/login/", &good).await, @r#"
    200 application/json
    {
      "code": 0,
      "data": {
        "token": "[token]",
        "user": {
          "avatar": null,
          "blocked": false,
          "email": "a@b.co",
          "email_verified": false,
          "featured": false,
          "id": [id],
          "iso_create_time": "[time in UTC]",
          "iso_last_login": "[time in UTC]",
          "iso_update_time": "[time in UTC]",
          "name": "昵称",
          "uuid": "[uuid]"
        }
      },
      "message": "Success"
    }
    "#);
    let bodies = [
        json!({"email": "a@b.co"}),
        json!({"password": 5}),
        json!({"email": "a@b.co", "password": 5}),
        json!({"email": ["a@b.co"], "password": PASSWORD}),
        json!({"email": "other@b.co", "password": PASSWORD}),
        json!({"email": "nowhere", "password": PASSWORD}),
        json!({"email": "a@b.co", "password": "wrong password"}),
    ];
    assert_snapshot!(responses(&app, "PUT", "/api/users/login/", &bodies).await, @r#"
    {"email":"a@b.co"}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    {"password":5}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    {"email":"a@b.co","password":5}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    {"email":["a@b.co"],"password":"password123"}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    {"email":"other@b.co","password":"password123"}: 200 {"code":1411,"message":"账号不存在","data":{}}
    {"email":"nowhere","password":"password123"}: 200 {"code":1411,"message":"账号不存在","data":{}}
    {"email":"a@b.co","password":"wrong password"}: 200 {"code":1413,"message":"密码错误","data":{}}
    "#);

    app.update_directly(&user, |user| user.blocked = true).await;
    let blocked = [
        good,
        json!({"email": "a@b.co", "password": "wrong password"}),
    ];
    assert_snapshot!(responses(&app, "PUT", "/api/users/login/", &blocked).await, @r#"
    {"email":"A@b.co","password":"password123"}: 200 {"code":1103,"message":"Forbidden","data":{}}
    {"email":"a@b.co","password":"wrong password"}: 200 {"code":1413,"message":"密码错误","data":{}}
    "#);
}

#[tokio::test]
async fn too_many_tries_get_a_429_with_retry_after() {
    let app = TestApp::new().await;
    app.whale_account("a@b.co").await;
    let wrong = json!({"email": "a@b.co", "password": "wrong password"});
    for _ in 0..5 {
        app.send_json("PUT", "/api/users/login/", &wrong).await;
    }
    let response = app.send_json("PUT", "/api/users/login/", &wrong).await;
    assert_snapshot!(response, @r#"
    429 application/json
    {
      "code": 1103,
      "data": {},
      "message": "Forbidden"
    }
    "#);
    assert!(response.retry_after.is_some());
    // All families share the limit of an account.
    assert_eq!(app.login("a@b.co", PASSWORD).await.status, 429);
    let old =
        json!({"email": "a@b.co", "password_old": PASSWORD, "password_new": "another password"});
    assert_eq!(
        app.send_json("PUT", "/api/users/password/", &old)
            .await
            .status,
        429
    );
}

#[tokio::test]
async fn current_user_returns_every_documented_code() {
    let app = TestApp::new().await;
    let (_, token) = app.whale_account("a@b.co").await;
    let get = async |query: &str| {
        app.send(app.request("GET", &format!("/api/current_user/{query}")))
            .await
    };
    assert_snapshot!(get(&format!("?token={token}")).await, @r#"
    200 application/json
    {
      "code": 0,
      "data": {
        "user": {
          "avatar": null,
          "blocked": false,
          "email": "a@b.co",
          "email_verified": false,
          "featured": false,
          "id": [id],
          "iso_create_time": "[time in UTC]",
          "iso_last_login": null,
          "iso_update_time": "[time in UTC]",
          "name": "昵称",
          "uuid": "[uuid]"
        }
      },
      "message": "Success"
    }
    "#);
    let mut lines = String::new();
    for query in ["", "?token=", "?token=nonsense", "?tokens=x"] {
        lines.push_str(&line(&json!(query), &get(query).await));
    }
    assert_snapshot!(lines, @r#"
    "": 200 {"code":1201,"message":"GET方法url参数不完整","data":{}}
    "?token=": 200 {"code":1104,"message":"Not Found","data":{}}
    "?token=nonsense": 200 {"code":1104,"message":"Not Found","data":{}}
    "?tokens=x": 200 {"code":1201,"message":"GET方法url参数不完整","data":{}}
    "#);
    let bearer = app
        .send(app.request("GET", "/api/current_user").bearer_auth(&token))
        .await;
    assert_eq!(bearer.json()["code"], 0);

    let (_, another) = app.whale_account("other@b.co").await;
    let both = async |query: &str, bearer: &str| {
        let request = app.request("GET", &format!("/api/current_user/?token={query}"));
        app.send(request.bearer_auth(bearer)).await.json()
    };
    assert_eq!(
        both(&token, &another).await["data"]["user"]["email"],
        "a@b.co",
        "the parameter has priority"
    );
    assert_eq!(both(&token, "nonsense").await["code"], 0);
    assert_eq!(both("nonsense", &token).await["code"], 1104);
}

#[tokio::test]
async fn fields_select_members_and_no_secret() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("a@b.co").await;
    let get = async |fields: &str| {
        let path = format!("/api/current_user/?token={token}&fields={fields}");
        app.send(app.request("GET", &path)).await.json()["data"].clone()
    };
    assert_eq!(
        get("id,%20email").await,
        json!({"user": {"id": user["id"], "email": "a@b.co"}})
    );
    assert_eq!(
        get("password_hash,password,apikey,token_version,phone,unknown").await,
        json!({"user": {}})
    );
    assert_eq!(get("").await, json!({"user": {}}));
    assert_eq!(
        get("uuid,uuid").await,
        json!({"user": {"uuid": user["uuid"]}})
    );

    let login = json!({"email": "a@b.co", "password": PASSWORD});
    let signed_in = app
        .send_json("PUT", "/api/users/login/?fields=name", &login)
        .await
        .json();
    assert_eq!(signed_in["data"]["user"], json!({"name": "昵称"}));
    assert!(
        signed_in["data"]["token"].is_string(),
        "a member that is not an object is kept"
    );
    let captcha = app
        .send_json(
            "POST",
            "/api/captcha/?fields=group",
            &json!({"group": 1, "email": "a@b.co"}),
        )
        .await;
    assert_eq!(captcha.json()["data"], json!({"captcha": {"group": 1}}));
}

#[tokio::test]
async fn email_verification_returns_every_documented_code() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("a@b.co").await;
    let path = "/api/users/verification_email/";
    let bodies = [
        json!({}),
        json!({"user_id": "1"}),
        json!({"user_id": 1}),
        json!({"email": "other@b.co"}),
        json!({"email": "nowhere"}),
        json!({"user_id": user["id"], "email": "other@b.co"}),
        json!({"email": "A@b.co"}),
    ];
    assert_snapshot!(responses(&app, "POST", path, &bodies).await, @r#"
    {}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    {"user_id":"1"}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    {"user_id":1}: 200 {"code":1411,"message":"账号不存在","data":{}}
    {"email":"other@b.co"}: 200 {"code":1411,"message":"账号不存在","data":{}}
    {"email":"nowhere"}: 200 {"code":1411,"message":"账号不存在","data":{}}
    {"email":"other@b.co","user_id":[id]}: 200 {"code":0,"message":"Success","data":{}}
    {"email":"A@b.co"}: 200 {"code":0,"message":"Success","data":{}}
    "#);
    let mail = app.newest_mail().await;
    assert_eq!(app.mails().await.len(), 2);
    let link = mail
        .text
        .split_whitespace()
        .find(|word| word.starts_with("http"))
        .expect("a link");
    let (uuid, mailed) = link
        .split_once("/verify-email?u=")
        .and_then(|(_, query)| query.split_once("&t="))
        .expect("both");
    assert!(link.starts_with(&app.url()), "{link}");
    assert_eq!(uuid, user["uuid"]);

    let path = "/api/users/email_verified/";
    let bodies = [
        json!({"user_uuid": uuid}),
        json!({"token": mailed}),
        json!({"user_uuid": uuid, "token": token}),
        json!({"user_uuid": uuid, "token": ""}),
        json!({"user_uuid": "01941234-5678-7abc-8def-0123456789ab", "token": mailed}),
        json!({"user_uuid": "no uuid", "token": mailed}),
        json!({"user_uuid": 5, "token": mailed}),
    ];
    let mut lines = responses(&app, "PUT", path, &bodies)
        .await
        .replace(mailed, "[mailed]");
    lines = lines.replace(&token, "[login]");
    assert_snapshot!(lines, @r#"
    {"user_uuid":"[uuid]"}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    {"token":"[mailed]"}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    {"token":"[login]","user_uuid":"[uuid]"}: 200 {"code":1411,"message":"账号不存在","data":{}}
    {"token":"","user_uuid":"[uuid]"}: 200 {"code":1411,"message":"账号不存在","data":{}}
    {"token":"[mailed]","user_uuid":"[uuid]"}: 200 {"code":1411,"message":"账号不存在","data":{}}
    {"token":"[mailed]","user_uuid":"no uuid"}: 200 {"code":1411,"message":"账号不存在","data":{}}
    {"token":"[mailed]","user_uuid":5}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    "#);
    assert_eq!(
        app.me(mailed).await.status,
        401,
        "a mailed token is not an access token"
    );
    assert_eq!(app.current_user_code(mailed).await, 1104);

    let verified = json!({"user_uuid": uuid, "token": mailed});
    let response = app.send_json("PUT", path, &verified).await.json();
    assert_eq!(
        (
            &response["code"],
            &response["data"]["user"]["email_verified"]
        ),
        (&json!(0), &json!(true))
    );
    assert_eq!(
        app.send_json("PUT", path, &verified).await.json(),
        json!({"code": 0, "message": "Success", "data": {}}),
        "a repetition succeeds without the user"
    );
    let again = app.request_verification(&user).await;
    assert_snapshot!(again, @r#"
    200 application/json
    {
      "code": 1417,
      "data": {},
      "message": "用户已验证邮箱"
    }
    "#);
}

#[tokio::test]
async fn a_mailed_token_is_valid_only_for_its_address() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("a@b.co").await;
    app.request_verification(&user).await;
    let mailed = app.newest_link_token().await;
    app.update_me(&token, &json!({"email": "b@b.co"})).await;

    assert_eq!(app.verify_email(&user, &mailed).await.json()["code"], 1411);
    app.update_me(&token, &json!({"email": "a@b.co"})).await;
    let back = app.verify_email(&user, &mailed).await;
    assert_eq!(
        back.json()["code"],
        1411,
        "the old address does not make the token valid again"
    );
    app.request_verification(&user).await;
    let mailed = app.newest_link_token().await;

    app.update_me(&token, &json!({"email": "A@b.co"})).await;
    let same = app.verify_email(&user, &mailed).await;
    assert_eq!(
        same.json()["code"],
        0,
        "another spelling is not a new address"
    );
}

#[tokio::test]
async fn change_name_and_avatar_return_every_documented_code() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("a@b.co").await;
    let (other, _) = app.whale_account("other@b.co").await;
    let (admin, admin_token) = app.whale_account("admin@b.co").await;
    app.promote(&admin).await;
    let put = async |path: &str, token: &str, body: &Value| {
        app.send_json_as(token, "PUT", path, body).await
    };
    let own = put(
        "/api/users/name/",
        &token,
        &json!({"user_id": user["id"], "name": "新昵称"}),
    )
    .await;
    assert_snapshot!(own, @r#"
    200 application/json
    {
      "code": 0,
      "data": {
        "user": {
          "avatar": null,
          "blocked": false,
          "email": "a@b.co",
          "email_verified": false,
          "featured": false,
          "id": [id],
          "iso_create_time": "[time in UTC]",
          "iso_last_login": null,
          "iso_update_time": "[time in UTC]",
          "name": "新昵称",
          "uuid": "[uuid]"
        }
      },
      "message": "Success"
    }
    "#);

    let mut lines = String::new();
    let picture = "https://example.com/a.png";
    for (who, token, path, body) in [
        (
            "nobody",
            "",
            "name",
            json!({"user_id": user["id"], "name": "n"}),
        ),
        ("the user", &token, "name", json!({"email": "a@b.co"})),
        ("the user", &token, "name", json!({"user_id": user["id"]})),
        ("the user", &token, "name", json!({"name": 5})),
        (
            "the user",
            &token,
            "name",
            json!({"email": "a@b.co", "name": 5}),
        ),
        (
            "the user",
            &token,
            "name",
            json!({"email": "a@b.co", "name": ""}),
        ),
        (
            "the user",
            &token,
            "name",
            json!({"email": "other@b.co", "name": "n"}),
        ),
        (
            "the user",
            &token,
            "name",
            json!({"email": "unknown@b.co", "name": "n"}),
        ),
        (
            "the user",
            &token,
            "name",
            json!({"email": "nowhere", "name": "n"}),
        ),
        (
            "the user",
            &token,
            "name",
            json!({"user_id": 1, "name": "n"}),
        ),
        (
            "an admin",
            &admin_token,
            "name",
            json!({"user_id": 1, "name": "n"}),
        ),
        (
            "an admin",
            &admin_token,
            "name",
            json!({"email": "unknown@b.co", "name": "n"}),
        ),
        (
            "an admin",
            &admin_token,
            "name",
            json!({"email": "nowhere", "name": "n"}),
        ),
        (
            "nobody",
            "",
            "avatar",
            json!({"email": "a@b.co", "avatar": picture}),
        ),
        ("the user", &token, "avatar", json!({"avatar": 5})),
        (
            "the user",
            &token,
            "avatar",
            json!({"email": "a@b.co", "avatar": "javascript:alert(1)"}),
        ),
        (
            "the user",
            &token,
            "avatar",
            json!({"email": "a@b.co", "avatar": 5}),
        ),
        (
            "the user",
            &token,
            "avatar",
            json!({"email": "other@b.co", "avatar": picture}),
        ),
        (
            "the user",
            &token,
            "avatar",
            json!({"email": "nowhere", "avatar": picture}),
        ),
        (
            "an admin",
            &admin_token,
            "avatar",
            json!({"email": "unknown@b.co", "avatar": picture}),
        ),
        (
            "an admin",
            &admin_token,
            "avatar",
            json!({"email": "nowhere", "avatar": picture}),
        ),
    ] {
        let response = put(&format!("/api/users/{path}/"), token, &body).await;
        lines.push_str(&format!(
            "{path} by {who} {body}: {} {}\n",
            response.status, response.text
        ));
    }
    assert_snapshot!(lines, @r#"
    name by nobody {"name":"n","user_id":[id]}: 200 {"code":1101,"message":"Unauthorized","data":{}}
    name by the user {"email":"a@b.co"}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    name by the user {"user_id":[id]}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    name by the user {"name":5}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    name by the user {"email":"a@b.co","name":5}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    name by the user {"email":"a@b.co","name":""}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    name by the user {"email":"other@b.co","name":"n"}: 200 {"code":1103,"message":"Forbidden","data":{}}
    name by the user {"email":"unknown@b.co","name":"n"}: 200 {"code":1103,"message":"Forbidden","data":{}}
    name by the user {"email":"nowhere","name":"n"}: 200 {"code":1103,"message":"Forbidden","data":{}}
    name by the user {"name":"n","user_id":1}: 200 {"code":1103,"message":"Forbidden","data":{}}
    name by an admin {"name":"n","user_id":1}: 200 {"code":1411,"message":"账号不存在","data":{}}
    name by an admin {"email":"unknown@b.co","name":"n"}: 200 {"code":1411,"message":"账号不存在","data":{}}
    name by an admin {"email":"nowhere","name":"n"}: 200 {"code":1411,"message":"账号不存在","data":{}}
    avatar by nobody {"avatar":"https://example.com/a.png","email":"a@b.co"}: 200 {"code":1101,"message":"Unauthorized","data":{}}
    avatar by the user {"avatar":5}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    avatar by the user {"avatar":"javascript:alert(1)","email":"a@b.co"}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    avatar by the user {"avatar":5,"email":"a@b.co"}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    avatar by the user {"avatar":"https://example.com/a.png","email":"other@b.co"}: 200 {"code":1103,"message":"Forbidden","data":{}}
    avatar by the user {"avatar":"https://example.com/a.png","email":"nowhere"}: 200 {"code":1103,"message":"Forbidden","data":{}}
    avatar by an admin {"avatar":"https://example.com/a.png","email":"unknown@b.co"}: 200 {"code":1411,"message":"账号不存在","data":{}}
    avatar by an admin {"avatar":"https://example.com/a.png","email":"nowhere"}: 200 {"code":1411,"message":"账号不存在","data":{}}
    "#);

    let by_admin = put(
        "/api/users/name/",
        &admin_token,
        &json!({"user_id": other["id"], "name": "renamed"}),
    )
    .await;
    assert_eq!(by_admin.json()["data"]["user"]["name"], "renamed");
    let path = format!("/api/users/avatar/?token={token}");
    let avatar = app
        .send_json("PUT", &path, &json!({"email": "a@b.co", "avatar": picture}))
        .await;
    assert_eq!(avatar.json()["data"]["user"]["avatar"], picture);
    let kept = app
        .send_json("PUT", &path, &json!({"email": "a@b.co"}))
        .await;
    assert_eq!(kept.json()["data"]["user"]["avatar"], picture);
    let cleared = app
        .send_json("PUT", &path, &json!({"email": "a@b.co", "avatar": null}))
        .await;
    assert_eq!(cleared.json()["data"]["user"]["avatar"], Value::Null);
}

#[tokio::test]
async fn name_and_avatar_without_a_subject_are_the_callers() {
    let app = TestApp::new().await;
    let (_, token) = app.whale_account("a@b.co").await;
    let (admin, admin_token) = app.whale_account("admin@b.co").await;
    app.promote(&admin).await;
    let picture = "https://example.com/a.png";
    for (token, email) in [(&token, "a@b.co"), (&admin_token, "admin@b.co")] {
        for (path, field, value) in [("name", "name", "renamed"), ("avatar", "avatar", picture)] {
            let path = format!("/api/users/{path}/");
            let changed = app
                .send_json_as(token, "PUT", &path, &json!({ field: value }))
                .await
                .json();
            let user = &changed["data"]["user"];
            assert_eq!(
                (&user["email"], &user[field]),
                (&json!(email), &json!(value)),
                "{changed}"
            );
        }
    }
    let body = json!({"name": "n"});
    let nobody = app.send_json("PUT", "/api/users/name/", &body).await;
    assert_eq!(nobody.json()["code"], 1101);
}

#[tokio::test]
async fn times_have_three_fraction_digits() {
    let app = TestApp::new().await;
    let (user, _) = app.whale_account("a@b.co").await;
    let token = app.whale_token("a@b.co").await;
    let (first, now) = (user["iso_create_time"].clone(), system_time());
    // The next whole second, so that there is no fraction to show.
    app.advance_clock(Duration::from_nanos(
        1_000_000_000 - u64::from(now.subsec_nanos()),
    ));
    let (whole, _) = app.whale_account("b@b.co").await;
    let captcha = app
        .send_json(
            "POST",
            "/api/captcha/",
            &json!({"group": 1, "email": "a@b.co"}),
        )
        .await
        .json();
    let current = app.get_as(&token, "/api/current_user/").await.json();
    for time in [
        &first,
        &user["iso_update_time"],
        &whole["iso_create_time"],
        &whole["iso_update_time"],
        &current["data"]["user"]["iso_last_login"],
        &captcha["data"]["captcha"]["iso_create_time"],
        &captcha["data"]["captcha"]["expires_at"],
    ] {
        let time = time
            .as_str()
            .unwrap_or_else(|| panic!("{captcha} {current}"));
        assert_eq!(
            (time.len(), &time[19..20], &time[23..]),
            (24, ".", "Z"),
            "{time}"
        );
    }
    assert!(first.as_str() < whole["iso_create_time"].as_str());
}

#[tokio::test]
async fn a_parameter_sets_the_access_of_new_users() {
    let app = TestApp::with_parameters(&[("NewUserAccess", "unregistered")]).await;
    let (_, whale) = app.whale_account("a@b.co").await;
    let center = app.register_and_login("testuser").await;
    for token in [&whale, &center] {
        let response = app.view_profile(token, "").await;
        assert_eq!(response.status, 403, "{response}");
        assert_eq!(app.me(token).await.status, 200);
    }
    let registered = json!({"command": "set-access", "user": "testuser", "access": "user"});
    app.admin(registered).await;
    assert_eq!(app.view_profile(&center, "").await.status, 200);
    let created = app
        .admin(json!({"command": "import-campus", "csv": "email,name,wx\nb@b.co,b,oB\n"}))
        .await;
    assert_eq!(created["created"], 1, "{created}");
    let imported = app
        .admin(json!({"command": "show", "user": "b@b.co"}))
        .await;
    assert_eq!(imported["user"]["access"], "user", "{imported}");
}

#[tokio::test]
async fn the_user_id_has_priority_over_the_email() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("a@b.co").await;
    app.whale_account("other@b.co").await;
    let body = json!({"user_id": user["id"], "email": "other@b.co", "name": "mine"});
    let path = format!("/api/users/name/?token={token}");
    assert_eq!(
        app.send_json("PUT", &path, &body).await.json()["data"]["user"]["email"],
        "a@b.co"
    );
}

#[tokio::test]
async fn an_invalid_user_id_gets_1402_and_sends_no_email() {
    let app = TestApp::new().await;
    app.whale_account("a@b.co").await;
    let mut lines = String::new();
    for id in [
        "\"1\"",
        "1.0",
        "1.5",
        "true",
        "[1]",
        "{}",
        "-1",
        "9223372036854775808",
        "9007199254740992",
        "1e3",
    ] {
        let body = format!(r#"{{"group":1,"user_id":{id},"email":"a@b.co"}}"#);
        let request = app
            .request("POST", "/api/captcha/")
            .header("content-type", "application/json");
        let response = app.send(request.body(body)).await;
        lines.push_str(&format!("{id}: {}\n", response.json()["code"]));
    }
    assert_snapshot!(lines, @r#"
    "1": 1402
    1.0: 1402
    1.5: 1402
    true: 1402
    [1]: 1402
    {}: 1402
    -1: 1402
    9223372036854775808: 1402
    [id]: 1402
    1e3: 1402
    "#);
    app.settle().await;
    assert!(app.mails().await.is_empty());
}

#[tokio::test]
async fn a_malformed_body_is_a_bad_request() {
    let app = TestApp::new().await;
    let mut lines = String::new();
    for (name, body) in [
        ("empty", String::new()),
        ("not JSON", "email=a@b.co".to_owned()),
        ("1 MB", format!(r#"{{"email":"{}"}}"#, "a".repeat(1 << 20))),
        ("a list", "[1,2]".to_owned()),
        (
            "a key twice",
            r#"{"email":"a@b.co","email":"b@b.co","password":"password123"}"#.to_owned(),
        ),
    ] {
        let request = app
            .request("PUT", "/api/users/login/")
            .header("content-type", "application/json");
        let response = app.send(request.body(body)).await;
        lines.push_str(&format!("{name}: {} {}\n", response.status, response.text));
    }
    assert_snapshot!(lines, @r#"
    empty: 200 {"code":1100,"message":"Bad Request","data":{}}
    not JSON: 200 {"code":1100,"message":"Bad Request","data":{}}
    1 MB: 200 {"code":1100,"message":"Bad Request","data":{}}
    a list: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    a key twice: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    "#);
}

#[tokio::test]
async fn every_path_works_with_and_without_a_trailing_slash() {
    let app = TestApp::new().await;
    let paths: Vec<(String, String)> = app
        .routes()
        .into_iter()
        .filter_map(|route| {
            Some((
                route.method,
                route.path.strip_suffix("/{slash+}")?.to_owned(),
            ))
        })
        .collect();
    assert_eq!(paths.len(), 13);
    for (method, path) in &paths {
        let (status, words) = match path.as_str() {
            "/api/users/me" => (401, r#"{"detail":"Not Found"}"#),
            _ => (200, r#"{"code":1104,"message":"Not Found","data":{}}"#),
        };
        let bare = app.send_json(method, path, &json!({})).await;
        let slash = app.send_json(method, &format!("{path}/"), &json!({})).await;
        assert_eq!(bare.to_string(), slash.to_string(), "{method} {path}");
        assert_eq!(bare.status, status, "{method} {path}: {bare}");
        for beyond in ["x", "x/", "/", "%2f"] {
            let response = app
                .send_json(method, &format!("{path}/{beyond}"), &json!({}))
                .await;
            assert_eq!(response.text, words, "{method} {path}/{beyond}");
            assert_eq!(response.status, 404, "{method} {path}/{beyond}");
        }
    }
}

#[tokio::test]
async fn every_shadowed_route_has_a_trailing_slash_route() {
    let routes = TestApp::new().await.routes();
    for route in routes
        .iter()
        .filter(|route| route.method != "ANY" && !route.path.ends_with("{slash+}"))
    {
        let broader = |slash: &local::Route| {
            slash.method == route.method
                && slash
                    .path
                    .strip_suffix("{slash+}")
                    .is_some_and(|broader| route.path.starts_with(broader))
        };
        let own = format!("{}/{{slash+}}", route.path);
        let own = |slash: &local::Route| slash.path == own && slash.function == route.function;
        let both = (routes.iter().any(broader), routes.iter().any(own));
        assert!(
            both != (true, false),
            "a broader route receives {} {}/",
            route.method,
            route.path
        );
    }
}

#[tokio::test]
async fn extra_segments_after_a_trailing_slash_get_a_404() {
    let app = TestApp::new().await;
    for (method, path, words) in [
        (
            "GET",
            "/api/users/17/",
            r#"{"code":1104,"message":"Not Found","data":{}}"#,
        ),
        (
            "POST",
            "/api/users/17/",
            r#"{"code":1104,"message":"Not Found","data":{}}"#,
        ),
        (
            "GET",
            "/api/users/name/",
            r#"{"code":1104,"message":"Not Found","data":{}}"#,
        ),
        (
            "PUT",
            "/api/users/name/x/",
            r#"{"code":1104,"message":"Not Found","data":{}}"#,
        ),
        ("GET", "/api/users/me/x/", r#"{"detail":"Not Found"}"#),
        ("PUT", "/api/users/me//", r#"{"detail":"Not Found"}"#),
        ("POST", "/api/users/me/", r#"{"detail":"Not Found"}"#),
    ] {
        let response = app.request(method, path).send().await.expect("a response");
        assert_eq!(
            (response.status().as_u16(), response.url().path()),
            (404, path),
            "{method} {path}"
        );
        assert_eq!(
            response.text().await.expect("a body"),
            words,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn users_me_accepts_a_trailing_slash_without_a_redirect() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    for (method, body) in [("GET", json!({})), ("PUT", json!({"nickname": "n"}))] {
        let request = app
            .request(method, "/api/users/me/")
            .bearer_auth(&token)
            .json(&body);
        let response = request.send().await.expect("a response");
        assert_eq!(response.url().path(), "/api/users/me/", "no redirect");
        assert_eq!(
            response.json::<Value>().await.expect("JSON")["username"],
            "testuser"
        );
    }
}

#[tokio::test]
async fn each_whale_request_makes_the_fewest_aws_calls() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("a@b.co").await;
    let id = &user["id"];
    let code = app.code("a@b.co").await;
    let check = json!({"group": 1, "user_id": id, "code": code});
    let login = json!({"email": "a@b.co", "password": PASSWORD});
    let current = format!("/api/current_user/?token={token}");
    let captcha = json!({"group": 1, "user_id": id});
    let by_email = json!({"group": 1, "email": "a@b.co"});
    let calls = async |new: &str| {
        let mut calls = Vec::new();
        app.cloud.clear_calls();
        app.whale_account(new).await;
        calls.push(app.dynamodb_calls().join(" "));
        app.send_json("PUT", "/api/users/login/", &login).await;
        calls.push(app.dynamodb_calls().join(" "));
        app.send(app.request("GET", &current)).await;
        calls.push(app.dynamodb_calls().join(" "));
        app.send_json("PUT", "/api/captcha/check/", &check).await;
        calls.push(app.dynamodb_calls().join(" "));
        app.send_json("POST", "/api/captcha/", &by_email).await;
        calls.push(app.dynamodb_calls().join(" "));
        app.send_json("POST", "/api/captcha/", &captcha).await;
        calls.push(app.dynamodb_calls().join(" "));
        calls
    };
    calls("first@b.co").await; // every function is warm
    assert_eq!(
        calls("second@b.co").await,
        [
            "UpdateItem TransactWriteItems",
            "GetItem GetItem TransactWriteItems TransactWriteItems",
            "GetItem",
            "GetItem GetItem TransactWriteItems TransactWriteItems",
            "GetItem GetItem GetItem TransactWriteItems",
            "GetItem GetItem TransactWriteItems",
        ]
    );
}
