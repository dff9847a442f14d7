//! Codes by mail, and the passwords they reset.

use insta::assert_snapshot;
use serde_json::{Value, json};
use shared::{By, CaptchaGroup, Captchas, Error, Language, Limits, Password, Resource, UserId};

use crate::world::{PASSWORD, World, all};

const CHECK: &str = "/api/captcha/check/";

async fn code_of(world: &World, method: &str, path: &str, body: &Value) -> Value {
    world.whale(method, path, body).await.json()["code"].clone()
}

#[tokio::test]
async fn a_captcha_shows_everything_but_its_code() {
    let world = World::new().await;
    world.whale_account("a@b.co").await;
    let created = world
        .whale(
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
async fn create_captcha_and_check_and_change_password_tell_every_code_of_the_document() {
    let world = World::new().await;
    let (user, _) = world.whale_account("a@b.co").await;
    let id = &user["id"];
    let mut lines = String::new();
    let mut tell = async |method: &str, path: &str, body: Value| {
        let answer = world.whale(method, path, &body).await;
        lines.push_str(&format!(
            "{method} {path} {body}: {} {}\n",
            answer.status, answer.text
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
        tell("POST", "/api/captcha/", body).await;
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
        tell("PUT", CHECK, body).await;
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
        tell("PUT", "/api/users/password/", body).await;
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
        world.login("a@b.co", PASSWORD).await.status,
        200,
        "the password is what it was"
    );
}

#[tokio::test]
async fn a_forgotten_password_is_reset_by_the_mailed_code_once_and_ends_all_tokens() {
    let world = World::new().await;
    let (user, token) = world.whale_account("a@b.co").await;
    let code = world.code("a@b.co").await;
    let right = json!({"group": 1, "email": "a@b.co", "code": code});
    assert_eq!(code_of(&world, "PUT", CHECK, &right).await, 0);
    assert_eq!(
        code_of(&world, "PUT", CHECK, &right).await,
        0,
        "to check is not to use"
    );

    let reset = json!({"user_id": user["id"], "code": code, "password_new": "another password"});
    let answer = world.whale("PUT", "/api/users/password/", &reset).await;
    assert_eq!(
        answer.json()["data"]["user"]["uuid"],
        user["uuid"],
        "{answer}"
    );
    assert_eq!(world.me(&token).await.status, 401);
    assert_eq!(world.login("a@b.co", PASSWORD).await.status, 401);
    assert_eq!(world.login("a@b.co", "another password").await.status, 200);
    assert_eq!(
        code_of(&world, "PUT", "/api/users/password/", &reset).await,
        1415,
        "used up"
    );
    assert_eq!(code_of(&world, "PUT", CHECK, &right).await, 1415);
    assert!(world.newest_mail().await.to == ["a@b.co"]);
    assert_eq!(
        world.mails().await.len(),
        2,
        "the code, and that the password was changed"
    );
}

#[tokio::test]
async fn the_old_password_changes_it_too() {
    let world = World::new().await;
    let (_, token) = world.whale_account("a@b.co").await;
    let change =
        json!({"email": "a@b.co", "password_old": PASSWORD, "password_new": "another password"});
    assert_eq!(
        code_of(&world, "PUT", "/api/users/password/", &change).await,
        0
    );
    assert_eq!(world.me(&token).await.status, 401);
    assert_eq!(
        code_of(&world, "PUT", "/api/users/password/", &change).await,
        1413
    );
}

#[tokio::test]
async fn a_code_is_its_users_the_newest_and_in_time() {
    let world = World::new().await;
    world.whale_account("a@b.co").await;
    world.whale_account("other@b.co").await;
    let first = world.code("a@b.co").await;
    let others = world.code("other@b.co").await;
    let second = world.code("a@b.co").await;
    assert!(first != second && first != others);
    let check = |code: &str| json!({"group": 1, "email": "a@b.co", "code": code});
    assert_eq!(
        code_of(&world, "PUT", CHECK, &check(&first)).await,
        1415,
        "replaced"
    );
    assert_eq!(
        code_of(&world, "PUT", CHECK, &check(&others)).await,
        1415,
        "another's"
    );
    assert_eq!(code_of(&world, "PUT", CHECK, &check(&second)).await, 0);
    world.end_all_captchas().await;
    assert_eq!(code_of(&world, "PUT", CHECK, &check(&second)).await, 1416);
    let reset = json!({"email": "a@b.co", "code": second, "password_new": "another password"});
    assert_eq!(
        code_of(&world, "PUT", "/api/users/password/", &reset).await,
        1416
    );
}

#[tokio::test]
async fn a_new_address_or_a_new_password_makes_a_mailed_code_void() {
    let world = World::new().await;
    let (user, token) = world.whale_account("old@b.co").await;
    let id = &user["id"];
    let check = |code: &str| json!({"group": 1, "user_id": id, "code": code});
    let reset = |code: &str| json!({"user_id": id, "code": code, "password_new": "the attacker's"});

    let code = world.code("old@b.co").await;
    world
        .update(&token, &json!({"email": "OLD@b.co", "nickname": "n"}))
        .await;
    assert_eq!(
        code_of(&world, "PUT", CHECK, &check(&code)).await,
        0,
        "the same address"
    );
    world.update(&token, &json!({"email": "new@b.co"})).await;
    assert_eq!(code_of(&world, "PUT", CHECK, &check(&code)).await, 1415);
    assert_eq!(
        code_of(&world, "PUT", "/api/users/password/", &reset(&code)).await,
        1415
    );
    world.update(&token, &json!({"email": "old@b.co"})).await;
    assert_eq!(
        code_of(&world, "PUT", CHECK, &check(&code)).await,
        1415,
        "the address comes back, not the code"
    );

    let code = world.code("old@b.co").await;
    let change =
        json!({"user_id": id, "password_old": PASSWORD, "password_new": "another password"});
    assert_eq!(
        code_of(&world, "PUT", "/api/users/password/", &change).await,
        0
    );
    assert_eq!(code_of(&world, "PUT", CHECK, &check(&code)).await, 1415);
    assert_eq!(
        code_of(&world, "PUT", "/api/users/password/", &reset(&code)).await,
        1415
    );
    world.end_all_captchas().await;
    assert_eq!(
        code_of(&world, "PUT", CHECK, &check(&code)).await,
        1415,
        "void, not expired"
    );
    assert_eq!(
        world.login("old@b.co", "another password").await.status,
        200
    );

    let code = world.code("old@b.co").await;
    assert_eq!(
        code_of(&world, "PUT", "/api/users/password/", &reset(&code)).await,
        0,
        "a new one is good"
    );
}

#[tokio::test]
async fn a_code_that_the_address_changes_under_is_void_before_it_is_used() {
    let Some(world) = World::embedded().await else {
        return;
    }; // it asks the store alone
    let (user, token) = world.whale_account("old@b.co").await;
    let (users, captchas, limits) = many(&world).await;
    let uuid = user["uuid"].as_str().unwrap().parse().unwrap();
    let user = users.by_uuid(uuid).await.unwrap().expect("a user");
    captchas
        .send(
            &user,
            CaptchaGroup::Password,
            &limits.captchas(user.id()),
            Language::En,
        )
        .await
        .unwrap();
    let code = posted_code(&world, user.id()).await;
    let claim = captchas
        .evaluate(&user, CaptchaGroup::Password, &code)
        .await
        .expect("a claim");
    world.update(&token, &json!({"email": "new@b.co"})).await;
    let hash = Password::parse("the attacker's").unwrap().hash().unwrap();
    let (tries, by) = (limits.login(Some(uuid), ""), By::operator());
    let used = users
        .change_password(user, &hash, Some(&claim), &tries, &by)
        .await;
    assert!(matches!(used, Err(Error::BadCode)));
}

#[tokio::test]
async fn a_code_is_taken_as_people_type_it() {
    let world = World::new().await;
    world.whale_account("a@b.co").await;
    let code = world.code("a@b.co").await;
    let (left, right) = code.split_at(4);
    let typed = [
        code.to_lowercase(),
        format!("{left}-{right}"),
        code.replace('0', "o").replace('1', "l"),
        code.replace('0', "O").replace('1', "I"),
    ];
    for typed in typed {
        let check = json!({"group": 1, "email": "a@b.co", "code": typed});
        assert_eq!(code_of(&world, "PUT", CHECK, &check).await, 0, "{typed}");
    }
}

#[tokio::test]
async fn new_codes_do_not_give_new_guesses_for_ever() {
    let Some(world) = World::with(&[("MailsPerDay", "3")]).await else {
        return;
    };
    let (user, _) = world.whale_account("a@b.co").await;
    for _ in 0..3 {
        world.code("a@b.co").await;
    }
    let answer = world
        .whale(
            "POST",
            "/api/captcha/",
            &json!({"group": 1, "user_id": user["id"]}),
        )
        .await;
    assert_snapshot!(answer, @r#"
    429 application/json
    {
      "code": 1103,
      "data": {},
      "message": "Forbidden"
    }
    "#);
    assert!(answer.retry_after.is_some());
    world.settle().await;
    assert_eq!(world.mails().await.len(), 3);
    let verify = json!({"user_id": user["id"]});
    for expected in [200, 200, 200, 429] {
        assert_eq!(
            world
                .whale("POST", "/api/users/verification_email/", &verify)
                .await
                .status,
            expected
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_guesses_at_once_5_are_evaluated_and_the_right_code_after_them_fails() {
    let Some(world) = World::embedded().await else {
        return;
    }; // 200 instances of a function are too many elsewhere
    world.whale_account("a@b.co").await;
    let code = world.code("a@b.co").await;
    let bodies: Vec<Value> = (0..200)
        .map(|guess| json!({"group": 1, "email": "a@b.co", "code": format!("{guess:08}")}))
        .collect();
    let answers = all(bodies.iter().map(|body| world.whale("PUT", CHECK, body))).await;
    assert!(answers.iter().all(|answer| answer.json()["code"] == 1415));
    assert_eq!(tries(&world).await, [5]);
    let right = json!({"email": "a@b.co", "code": code, "password_new": "another password"});
    assert_eq!(
        code_of(&world, "PUT", "/api/users/password/", &right).await,
        1415
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_100_rounds_of_200_guesses_no_more_than_5_are_evaluated() {
    let Some(world) = World::embedded().await else {
        return;
    }; // it asks the store alone
    let (user, _) = world.whale_account("a@b.co").await;
    let (users, captchas, limits) = many(&world).await;
    let user = users
        .by_uuid(user["uuid"].as_str().unwrap().parse().unwrap())
        .await
        .unwrap()
        .expect("a user");
    for round in 0..100 {
        captchas
            .send(
                &user,
                CaptchaGroup::Password,
                &limits.captchas(user.id()),
                Language::En,
            )
            .await
            .expect("a code");
        let guesses =
            (0..200).map(|_| captchas.evaluate(&user, CaptchaGroup::Password, "UUUUUUUU"));
        let outcomes = all(guesses).await;
        assert!(
            outcomes
                .iter()
                .all(|outcome| matches!(outcome, Err(Error::BadCode))),
            "round {round}"
        );
        assert_eq!(tries(&world).await, [5], "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_100_uses_of_one_code_at_once_one_succeeds_in_each_of_100_rounds() {
    let Some(world) = World::embedded().await else {
        return;
    }; // it asks the store alone
    let (user, _) = world.whale_account("a@b.co").await;
    let (users, captchas, limits) = many(&world).await;
    let uuid = user["uuid"].as_str().unwrap().parse().unwrap();
    let mut hashes: Vec<_> = (0..100)
        .map(|use_| {
            Password::parse(&format!("password of use {use_}"))
                .unwrap()
                .hash()
                .unwrap()
        })
        .collect();
    for round in 0..100 {
        let user = users.by_uuid(uuid).await.unwrap().expect("a user");
        captchas
            .send(
                &user,
                CaptchaGroup::Password,
                &limits.captchas(user.id()),
                Language::En,
            )
            .await
            .expect("a code");
        let code = posted_code(&world, user.id()).await;
        let claim = captchas
            .evaluate(&user, CaptchaGroup::Password, &code)
            .await
            .expect("a claim");
        let (tries, by) = (limits.login(Some(uuid), ""), By::operator());
        let uses = hashes
            .iter()
            .map(|hash| users.change_password(user.clone(), hash, Some(&claim), &tries, &by));
        let outcomes = all(uses).await;
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let lost = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Err(Error::BadCode)))
            .count();
        assert_eq!((won, lost), (1, 99), "round {round}");
        let winner = outcomes.iter().position(Result::is_ok).unwrap();
        hashes[winner] = Password::parse("another password").unwrap().hash().unwrap(); // it is set now
    }
}

/// The store past all functions, with as many codes as a test wants.
async fn many(world: &World) -> (shared::Users, Captchas, Limits) {
    let mut variables = world.variables();
    variables.insert("MAILS_PER_DAY".into(), "1000000".into());
    <(shared::Users, Captchas, Limits)>::open(&shared::Env::of(variables).unwrap())
        .await
        .unwrap()
}

/// How often each captcha was tried.
async fn tries(world: &World) -> Vec<u64> {
    let items = world.captchas().await;
    items
        .iter()
        .map(|item| item["tries"].as_n().unwrap().parse().unwrap())
        .collect()
}

/// The code of the user's captcha, derived as the mailer derives it.
async fn posted_code(world: &World, user: UserId) -> String {
    let codes = shared::Codes::open(&world.operator()).await.unwrap();
    let items = world.captchas().await;
    let item = items
        .iter()
        .find(|item| item["pk"].as_s().unwrap() == &format!("{user}#1"))
        .expect("a captcha");
    codes
        .of(
            item["uuid"].as_s().unwrap().parse().unwrap(),
            item["key_id"].as_s().unwrap(),
        )
        .await
        .unwrap()
        .expect("a code")
}
