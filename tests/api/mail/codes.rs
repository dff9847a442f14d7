//! Mailed codes, and the passwords that they reset.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};
use shared::{
    Account, Actor, CodeDeriver, Error, FromConfig, MailCodeGroup, MailCodes, Password,
    PasswordChangeProof, RateLimits, User, UserId, UsersWithPasswords, VerifiedCode,
};

use crate::support::{PASSWORD, TestApp, all};

const CHECK: &str = "/api/captcha/check/";
const CODE_LIFETIME: Duration = Duration::from_secs(10 * 60);

async fn code_of(app: &TestApp, method: &str, path: &str, body: &Value) -> Value {
    app.send_json(method, path, body).await.json()["code"].clone()
}

#[tokio::test]
async fn the_response_shows_everything_but_the_code() {
    let app = TestApp::new().await;
    app.whale_account("a@b.co").await;
    let created = app
        .send_json(
            "POST",
            "/api/captcha/",
            &json!({"group": 1, "email": "a@b.co"}),
        )
        .await;
    assert_snapshot!(created, @r#"
    200 application/json
    {
      "code": 0,
      "data": {
        "captcha": {
          "expires_at": "[time in UTC]",
          "group": 1,
          "id": [id],
          "iso_create_time": "[time in UTC]",
          "user": [id],
          "uuid": "[uuid]"
        }
      },
      "message": "Success"
    }
    "#);
}

#[tokio::test]
async fn every_documented_error_of_codes_and_passwords_is_returned() {
    let app = TestApp::new().await;
    let (user, _) = app.whale_account("a@b.co").await;
    let id = &user["id"];
    let mut lines = String::new();
    let mut send = async |method: &str, path: &str, body: Value| {
        let response = app.send_json(method, path, &body).await;
        lines.push_str(&format!(
            "{method} {path} {body}: {} {}\n",
            response.status, response.text
        ));
    };
    for body in [
        json!({"email": "a@b.co"}),
        json!({"group": 1}),
        json!({"group": "1"}),
        json!({"group": "1", "email": "a@b.co"}),
        json!({"group": 2, "email": "a@b.co"}),
        json!({"group": 1, "email": "other@b.co"}),
        json!({"group": 1, "user_id": 1}),
    ] {
        send("POST", "/api/captcha/", body).await;
    }
    for body in [
        json!({"group": 1, "user_id": id}),
        json!({"group": 1, "code": "AAAAAAAA"}),
        json!({"group": 1, "code": 5, "user_id": id}),
        json!({"group": 3, "code": "AAAAAAAA", "user_id": id}),
        json!({"group": 1, "code": "AAAAAAAA", "user_id": 1}),
        json!({"group": 1, "code": "AAAAAAAA", "email": "other@b.co"}),
        json!({"group": 1, "code": "AAAAAAAA", "user_id": id}),
    ] {
        send("PUT", CHECK, body).await;
    }
    let new = "another password";
    for body in [
        json!({"user_id": id, "code": "AAAAAAAA"}),
        json!({"password_new": new, "code": "AAAAAAAA"}),
        json!({"password_new": new, "user_id": id}),
        json!({"password_new": 5, "user_id": id}),
        json!({"password_new": 5, "user_id": id, "code": "AAAAAAAA"}),
        json!({"password_new": new, "user_id": id, "code": 5}),
        json!({"password_new": "short", "user_id": 1, "code": "AAAAAAAA"}),
        json!({"password_new": new, "user_id": 1, "code": "AAAAAAAA"}),
        json!({"password_new": new, "user_id": id, "code": "AAAAAAAA"}),
        json!({"password_new": new, "user_id": id, "password_old": "wrong password"}),
        json!({"password_new": new, "user_id": id, "password_old": ""}),
        json!({"password_new": new, "user_id": id, "password_old": null}),
        json!({"password_new": new, "user_id": id, "code": "", "password_old": PASSWORD}),
    ] {
        send("PUT", "/api/users/password/", body).await;
    }
    assert_snapshot!(lines, @r#"
    POST /api/captcha/ {"email":"a@b.co"}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    POST /api/captcha/ {"group":1}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    POST /api/captcha/ {"group":"1"}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    POST /api/captcha/ {"email":"a@b.co","group":"1"}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    POST /api/captcha/ {"email":"a@b.co","group":2}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    POST /api/captcha/ {"email":"other@b.co","group":1}: 200 {"code":1411,"message":"账号不存在","data":{}}
    POST /api/captcha/ {"group":1,"user_id":1}: 200 {"code":1411,"message":"账号不存在","data":{}}
    PUT /api/captcha/check/ {"group":1,"user_id":[id]}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    PUT /api/captcha/check/ {"code":"AAAAAAAA","group":1}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    PUT /api/captcha/check/ {"code":5,"group":1,"user_id":[id]}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    PUT /api/captcha/check/ {"code":"AAAAAAAA","group":3,"user_id":[id]}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    PUT /api/captcha/check/ {"code":"AAAAAAAA","group":1,"user_id":1}: 200 {"code":1411,"message":"账号不存在","data":{}}
    PUT /api/captcha/check/ {"code":"AAAAAAAA","email":"other@b.co","group":1}: 200 {"code":1411,"message":"账号不存在","data":{}}
    PUT /api/captcha/check/ {"code":"AAAAAAAA","group":1,"user_id":[id]}: 200 {"code":1415,"message":"验证码错误","data":{}}
    PUT /api/users/password/ {"code":"AAAAAAAA","user_id":[id]}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    PUT /api/users/password/ {"code":"AAAAAAAA","password_new":"another password"}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    PUT /api/users/password/ {"password_new":"another password","user_id":[id]}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    PUT /api/users/password/ {"password_new":5,"user_id":[id]}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    PUT /api/users/password/ {"code":"AAAAAAAA","password_new":5,"user_id":[id]}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    PUT /api/users/password/ {"code":5,"password_new":"another password","user_id":[id]}: 200 {"code":1402,"message":"POST/PUT方法json数据值或类型错误","data":{}}
    PUT /api/users/password/ {"code":"AAAAAAAA","password_new":"short","user_id":1}: 200 {"code":1414,"message":"密码长度错误","data":{}}
    PUT /api/users/password/ {"code":"AAAAAAAA","password_new":"another password","user_id":1}: 200 {"code":1411,"message":"账号不存在","data":{}}
    PUT /api/users/password/ {"code":"AAAAAAAA","password_new":"another password","user_id":[id]}: 200 {"code":1415,"message":"验证码错误","data":{}}
    PUT /api/users/password/ {"password_new":"another password","password_old":"wrong password","user_id":[id]}: 200 {"code":1413,"message":"密码错误","data":{}}
    PUT /api/users/password/ {"password_new":"another password","password_old":"","user_id":[id]}: 200 {"code":1413,"message":"密码错误","data":{}}
    PUT /api/users/password/ {"password_new":"another password","password_old":null,"user_id":[id]}: 200 {"code":1401,"message":"POST/PUT方法json数据不完整","data":{}}
    PUT /api/users/password/ {"code":"","password_new":"another password","password_old":"password123","user_id":[id]}: 200 {"code":1415,"message":"验证码错误","data":{}}
    "#);
    assert_eq!(
        app.login("a@b.co", PASSWORD).await.status,
        200,
        "the password has not changed"
    );
}

#[tokio::test]
async fn a_mailed_code_resets_a_password_once_and_ends_all_tokens() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("a@b.co").await;
    let code = app.code("a@b.co").await;
    let right = json!({"group": 1, "email": "a@b.co", "code": code});
    assert_eq!(code_of(&app, "PUT", CHECK, &right).await, 0);
    assert_eq!(
        code_of(&app, "PUT", CHECK, &right).await,
        0,
        "a check does not consume the code"
    );

    let reset = json!({"user_id": user["id"], "code": code, "password_new": "another password"});
    let response = app.send_json("PUT", "/api/users/password/", &reset).await;
    assert_eq!(
        response.json()["data"]["user"]["uuid"],
        user["uuid"],
        "{response}"
    );
    assert_eq!(app.me(&token).await.status, 401);
    assert_eq!(app.login("a@b.co", PASSWORD).await.status, 401);
    assert_eq!(app.login("a@b.co", "another password").await.status, 200);
    assert_eq!(
        code_of(&app, "PUT", "/api/users/password/", &reset).await,
        1415,
        "the code is consumed"
    );
    assert_eq!(code_of(&app, "PUT", CHECK, &right).await, 1415);
    assert!(app.newest_mail().await.to == ["a@b.co"]);
    assert_eq!(
        app.mails().await.len(),
        2,
        "the code, and the notification of the change"
    );
}

#[tokio::test]
async fn the_old_password_changes_the_password() {
    let app = TestApp::new().await;
    let (_, token) = app.whale_account("a@b.co").await;
    let change =
        json!({"email": "a@b.co", "password_old": PASSWORD, "password_new": "another password"});
    assert_eq!(
        code_of(&app, "PUT", "/api/users/password/", &change).await,
        0
    );
    assert_eq!(app.me(&token).await.status, 401);
    assert_eq!(
        code_of(&app, "PUT", "/api/users/password/", &change).await,
        1413
    );
}

#[tokio::test]
async fn a_code_is_valid_for_its_user_for_ten_minutes() {
    let app = TestApp::new().await;
    app.whale_account("a@b.co").await;
    app.whale_account("other@b.co").await;
    let first = app.code("a@b.co").await;
    let others = app.code("other@b.co").await;
    app.advance_clock(Duration::from_secs(9 * 60));
    let second = app.code("a@b.co").await;
    assert_eq!(second, first, "a request sends the current code again");
    assert_ne!(first, others);
    let check = |code: &str| json!({"group": 1, "email": "a@b.co", "code": code});
    assert_eq!(
        code_of(&app, "PUT", CHECK, &check(&others)).await,
        1415,
        "of another user"
    );
    assert_eq!(code_of(&app, "PUT", CHECK, &check(&second)).await, 0);
    app.advance_clock(Duration::from_secs(60));
    assert_eq!(
        code_of(&app, "PUT", CHECK, &check(&second)).await,
        1416,
        "a request does not prolong its life"
    );
    let reset = json!({"email": "a@b.co", "code": second, "password_new": "another password"});
    assert_eq!(
        code_of(&app, "PUT", "/api/users/password/", &reset).await,
        1416
    );
    assert_ne!(app.code("a@b.co").await, first, "a new code");
}

#[tokio::test]
async fn a_new_address_or_password_invalidates_a_mailed_code() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("old@b.co").await;
    let id = &user["id"];
    let check = |code: &str| json!({"group": 1, "user_id": id, "code": code});
    let reset = |code: &str| json!({"user_id": id, "code": code, "password_new": "a new password"});

    let code = app.code("old@b.co").await;
    app.update_me(&token, &json!({"email": "OLD@b.co", "nickname": "n"}))
        .await;
    assert_eq!(
        code_of(&app, "PUT", CHECK, &check(&code)).await,
        0,
        "the same address"
    );
    app.update_me(&token, &json!({"email": "new@b.co"})).await;
    assert_eq!(code_of(&app, "PUT", CHECK, &check(&code)).await, 1415);
    assert_eq!(
        code_of(&app, "PUT", "/api/users/password/", &reset(&code)).await,
        1415
    );
    app.update_me(&token, &json!({"email": "old@b.co"})).await;
    assert_eq!(
        code_of(&app, "PUT", CHECK, &check(&code)).await,
        1415,
        "the old address does not make the code valid again"
    );

    let code = app.code("old@b.co").await;
    let change =
        json!({"user_id": id, "password_old": PASSWORD, "password_new": "another password"});
    assert_eq!(
        code_of(&app, "PUT", "/api/users/password/", &change).await,
        0
    );
    assert_eq!(code_of(&app, "PUT", CHECK, &check(&code)).await, 1415);
    assert_eq!(
        code_of(&app, "PUT", "/api/users/password/", &reset(&code)).await,
        1415
    );
    app.advance_clock(CODE_LIFETIME);
    assert_eq!(
        code_of(&app, "PUT", CHECK, &check(&code)).await,
        1415,
        "the code is invalid rather than expired"
    );
    assert_eq!(app.login("old@b.co", "another password").await.status, 200);

    let code = app.code("old@b.co").await;
    assert_eq!(
        code_of(&app, "PUT", "/api/users/password/", &reset(&code)).await,
        0,
        "a new code is valid"
    );
}

#[tokio::test]
async fn a_code_verified_before_an_address_change_cannot_be_used() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("old@b.co").await;
    let (users, codes, limits) = open_store(&app).await;
    let user = app.stored_user(&user).await;
    send_code(&codes, &limits, &user).await;
    let code = derived_code(&app, user.id()).await;
    let proof = verify(&codes, &limits, &user, &code).await;
    let proof = PasswordChangeProof::Code(proof.expect("the right code"));
    app.update_me(&token, &json!({"email": "new@b.co"})).await;
    let hash = Password::parse("a new password").unwrap().hash().unwrap();
    let used = users
        .change_password(user, &hash, &proof, &Actor::operator())
        .await;
    assert!(matches!(used, Err(Error::BadCode)));
}

#[tokio::test]
async fn a_code_is_accepted_in_every_usual_spelling() {
    let app = TestApp::new().await;
    app.whale_account("a@b.co").await;
    let code = app.code("a@b.co").await;
    let (left, right) = code.split_at(4);
    let typed = [
        code.to_lowercase(),
        format!("{left}-{right}"),
        code.replace('0', "o").replace('1', "l"),
        code.replace('0', "O").replace('1', "I"),
    ];
    for typed in typed {
        let check = json!({"group": 1, "email": "a@b.co", "code": typed});
        assert_eq!(code_of(&app, "PUT", CHECK, &check).await, 0, "{typed}");
    }
}

#[tokio::test]
async fn new_codes_are_limited_and_so_are_the_guesses() {
    let app = TestApp::with_parameters(&[("MailsPerDay", "3")]).await;
    let (user, _) = app.whale_account("a@b.co").await;
    for _ in 0..3 {
        app.code("a@b.co").await;
    }
    let response = app
        .send_json(
            "POST",
            "/api/captcha/",
            &json!({"group": 1, "user_id": user["id"]}),
        )
        .await;
    assert_snapshot!(response, @r#"
    429 application/json
    {
      "code": 1103,
      "data": {},
      "message": "Forbidden"
    }
    "#);
    assert!(response.retry_after.is_some());
    app.settle().await;
    assert_eq!(app.mails().await.len(), 3);
    let verify = json!({"user_id": user["id"]});
    for expected in [200, 200, 200, 429] {
        assert_eq!(
            app.send_json("POST", "/api/users/verification_email/", &verify)
                .await
                .status,
            expected
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_guesses_at_a_code_over_http_5_are_evaluated() {
    let app = TestApp::new().await;
    app.whale_account("a@b.co").await;
    let code = app.code("a@b.co").await;
    let bodies: Vec<Value> = (0..200)
        .map(|guess| json!({"group": 1, "email": "a@b.co", "code": format!("{guess:08}")}))
        .collect();
    let responses = all(bodies.iter().map(|body| app.send_json("PUT", CHECK, body))).await;
    let with_code = |code: u64| {
        let responses = responses.iter();
        responses
            .filter(move |response| response.json()["code"] == code)
            .count()
    };
    assert_eq!((with_code(1415), with_code(1103)), (100, 100));
    assert_eq!(tries(&app).await, [5]);
    let right = json!({"email": "a@b.co", "code": code, "password_new": "another password"});
    let reset = "/api/users/password/";
    assert_eq!(app.send_json("PUT", reset, &right).await.status, 429);
    let elsewhere = app
        .send_json_from("203.0.113.9", "PUT", reset, &right)
        .await;
    assert_eq!(
        elsewhere.json()["code"],
        0,
        "a stranger's guesses do not use the code up"
    );
}

#[tokio::test]
async fn a_right_code_gives_its_try_back() {
    let app = TestApp::new().await;
    app.whale_account("a@b.co").await;
    let code = app.code("a@b.co").await;
    let check = |code: &str| json!({"group": 1, "email": "a@b.co", "code": code});
    for _ in 0..4 {
        assert_eq!(code_of(&app, "PUT", CHECK, &check("A")).await, 1415);
    }
    for _ in 0..3 {
        assert_eq!(code_of(&app, "PUT", CHECK, &check(&code)).await, 0);
    }
    assert_eq!(tries(&app).await, [4]);
    let reset = json!({"email": "a@b.co", "code": code, "password_new": "another password"});
    assert_eq!(
        code_of(&app, "PUT", "/api/users/password/", &reset).await,
        0
    );
}

#[tokio::test]
async fn strangers_use_up_a_code_for_strangers_only() {
    let app = TestApp::new().await;
    app.whale_account("a@b.co").await;
    let code = app.code("a@b.co").await;
    let check = async |ip: &str, code: &str| {
        let body = json!({"group": 1, "email": "a@b.co", "code": code});
        app.send_json_from(ip, "PUT", CHECK, &body).await.json()["code"].clone()
    };
    for source in 0..10 {
        let ip = format!("198.51.100.{source}");
        for _ in 0..5 {
            assert_eq!(check(&ip, "A").await, 1415);
        }
        assert_eq!(check(&ip, &code).await, 1415, "{ip} has no tries left");
    }
    assert_eq!(tries(&app).await, [50]);
    assert_eq!(check("203.0.113.9", &code).await, 1415, "an unknown source");
    let right = json!({"group": 1, "email": "a@b.co", "code": code});
    assert_eq!(
        code_of(&app, "PUT", CHECK, &right).await,
        0,
        "the source that the account signed up from"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_concurrent_guesses_at_one_code_5_are_evaluated() {
    let app = TestApp::new().await;
    let (account, _) = app.whale_account("a@b.co").await;
    let (_, codes, limits) = open_store(&app).await;
    for round in 0..25 {
        app.update_directly(&account, |user| user.token_version += 1)
            .await; // voids the former code
        let user = app.stored_user(&account).await;
        send_code(&codes, &limits, &user).await;
        let guesses = (0..200).map(|_| verify(&codes, &limits, &user, "UUUUUUUU"));
        let outcomes = all(guesses).await;
        assert!(
            outcomes
                .iter()
                .all(|outcome| matches!(outcome, Err(Error::BadCode))),
            "round {round}"
        );
        assert_eq!(tries(&app).await, [5], "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_100_concurrent_uses_of_one_code_one_succeeds() {
    let app = TestApp::new().await;
    let (account, _) = app.whale_account("a@b.co").await;
    let (users, codes, limits) = open_store(&app).await;
    let mut hashes: Vec<_> = (0..100)
        .map(|use_| {
            Password::parse(&format!("password of use {use_}"))
                .unwrap()
                .hash()
                .unwrap()
        })
        .collect();
    for round in 0..100 {
        let user = app.stored_user(&account).await;
        send_code(&codes, &limits, &user).await;
        let code = derived_code(&app, user.id()).await;
        let proof = verify(&codes, &limits, &user, &code).await;
        let proof = PasswordChangeProof::Code(proof.expect("the right code"));
        let actor = Actor::operator();
        let uses = hashes
            .iter()
            .map(|hash| users.change_password(user.clone(), hash, &proof, &actor));
        let outcomes = all(uses).await;
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let lost = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Err(Error::BadCode)))
            .count();
        assert_eq!((won, lost), (1, 99), "round {round}");
        let winner = outcomes.iter().position(Result::is_ok).unwrap();
        hashes[winner] = Password::parse("another password").unwrap().hash().unwrap(); // differs from the password that is set now
    }
}

/// The mail codes, and what derives them.
type Codes = (MailCodes, CodeDeriver);

/// The store itself, without limits of codes and failures.
async fn open_store(app: &TestApp) -> (UsersWithPasswords, Codes, RateLimits) {
    let mut variables = app.variables();
    variables.insert("MAILS_PER_DAY".into(), "1000000".into());
    variables.insert("SOURCE_TRIES".into(), "1000000".into());
    <(UsersWithPasswords, Codes, RateLimits)>::open(
        &shared::Connections::from_variables(variables).unwrap(),
    )
    .await
    .unwrap()
}

/// Has a code sent to the user.
async fn send_code(codes: &Codes, limits: &RateLimits, user: &User) {
    let (codes, _) = codes;
    codes
        .send(
            &Account::of(user.clone()),
            MailCodeGroup::Password,
            limits,
            &Actor::operator(),
        )
        .await
        .expect("a code");
}

/// Tries a code.
async fn verify(
    codes: &Codes,
    limits: &RateLimits,
    user: &User,
    code: &str,
) -> Result<VerifiedCode, Error> {
    let (group, actor) = (MailCodeGroup::Password, Actor::operator());
    let account = Account::of(user.clone());
    let (codes, deriver) = codes;
    codes
        .verify(&account, group, (code, deriver), limits, &actor)
        .await
}

/// The number of tries of each code.
async fn tries(app: &TestApp) -> Vec<u64> {
    let items = app.mail_code_items().await;
    items
        .iter()
        .map(|item| item["tries"].as_n().unwrap().parse().unwrap())
        .collect()
}

/// The user's code, derived as the mailer derives it.
async fn derived_code(app: &TestApp, user: UserId) -> String {
    let codes = CodeDeriver::open(&app.operator()).await.unwrap();
    let items = app.mail_code_items().await;
    let item = items
        .iter()
        .find(|item| item["pk"].as_s().unwrap() == &format!("{user}#1"))
        .expect("a stored code");
    codes
        .derive(item["uuid"].as_s().unwrap().parse().unwrap())
        .await
}
