//! `profile-api.txt`: every endpoint, whole bodies.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::world::{Answer, World};

async fn send(world: &World, method: &str, path: &str, token: &str, body: &Value) -> Answer {
    world
        .send(world.request(method, path).bearer_auth(token).json(body))
        .await
}

async fn get(world: &World, path: &str, token: &str) -> Answer {
    world
        .send(world.request("GET", path).bearer_auth(token))
        .await
}

#[tokio::test]
async fn get_user_answers_the_callers_data_and_no_secret() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    world
        .update(
            &token,
            &json!({"phone": "13800138000", "avatar": "https://example.com/a.png"}),
        )
        .await;
    assert_snapshot!(get(&world, "/users", &token).await, @r#"
    200 application/json
    {
      "code": 200,
      "data": {
        "avatar": "https://example.com/a.png",
        "create_time": "[date and time]",
        "mobile": "13800138000",
        "name": "testuser",
        "user_id": [id]
      },
      "error_code": "0",
      "message": "Success"
    }
    "#);
}

#[tokio::test]
async fn without_a_token_nothing_is_answered() {
    let world = World::new().await;
    let mut answers = String::new();
    for (method, path) in [
        ("GET", "/users"),
        ("PUT", "/users/name"),
        ("GET", "/users/auth"),
        ("POST", "/users/auth"),
    ] {
        for token in ["", "nonsense"] {
            let answer = send(&world, method, path, token, &json!({"name": "n"})).await;
            answers.push_str(&format!(
                "{method} {path} {token:?}: {} {}\n",
                answer.status, answer.text
            ));
        }
    }
    assert_snapshot!(answers, @r#"
    GET /users "": 401 {"error_code":"4101","message":"Not logged in"}
    GET /users "nonsense": 401 {"error_code":"4101","message":"Not logged in"}
    PUT /users/name "": 401 {"error_code":"4101","message":"Not logged in"}
    PUT /users/name "nonsense": 401 {"error_code":"4101","message":"Not logged in"}
    GET /users/auth "": 401 {"error_code":"4101","message":"Not logged in"}
    GET /users/auth "nonsense": 401 {"error_code":"4101","message":"Not logged in"}
    POST /users/auth "": 401 {"error_code":"4101","message":"Not logged in"}
    POST /users/auth "nonsense": 401 {"error_code":"4101","message":"Not logged in"}
    "#);
}

#[tokio::test]
async fn a_blocked_user_is_told_so_and_nothing_else() {
    let world = World::new().await;
    let (user, token) = world.whale_account("a@b.co").await;
    world.alter(&user, |user| user.blocked = true).await;
    let mut answers = String::new();
    let body = json!({"name": "renamed", "real_name": "测试实名", "id_card": "11010119900307001X"});
    for (method, path) in [
        ("GET", "/users"),
        ("POST", "/users/avatar"),
        ("PUT", "/users/name"),
        ("GET", "/users/auth"),
        ("POST", "/users/auth"),
    ] {
        let answer = send(&world, method, path, &token, &body).await;
        answers.push_str(&format!(
            "{method} {path}: {} {}\n",
            answer.status, answer.text
        ));
    }
    assert_snapshot!(answers, @r#"
    GET /users: 200 {"error_code":"4104","message":"Blocked"}
    POST /users/avatar: 200 {"error_code":"4104","message":"Blocked"}
    PUT /users/name: 200 {"error_code":"4104","message":"Blocked"}
    GET /users/auth: 200 {"error_code":"4104","message":"Blocked"}
    POST /users/auth: 200 {"error_code":"4104","message":"Blocked"}
    "#);
    assert!(
        world
            .items()
            .await
            .iter()
            .all(|item| !item.contains_key("real_name"))
    );

    // What the other families say stays theirs.
    assert_eq!(world.me(&token).await.status, 401);
    let current = world
        .send(world.request("GET", &format!("/api/current_user/?token={token}")))
        .await;
    assert_eq!(current.json()["code"], 1104);
    let renamed = world
        .whale(
            "PUT",
            &format!("/api/users/name/?token={token}"),
            &json!({"name": "n"}),
        )
        .await;
    assert_eq!(renamed.json()["code"], 1101);
    assert_eq!(
        world.view(&token, "").await.json()["msg"],
        "only active users can access this API"
    );
}

#[tokio::test]
async fn set_name_changes_the_user_name_everywhere_at_once() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    assert_snapshot!(send(&world, "PUT", "/users/name", &token, &json!({"name": "renamed"})).await, @r#"
    200 application/json
    {
      "code": 200,
      "data": {
        "name": "renamed"
      },
      "error_code": "0",
      "message": "Success",
      "name": "renamed"
    }
    "#);
    assert_eq!(world.me(&token).await.json()["username"], "renamed");
    assert_eq!(
        world.login("renamed", crate::world::PASSWORD).await.status,
        200
    );
    assert_eq!(
        world.login("testuser", crate::world::PASSWORD).await.status,
        401
    );
}

#[tokio::test]
async fn a_name_that_cannot_be_set_is_told_in_the_documents_words() {
    let world = World::new().await;
    let (token, _) = (world.token("testuser").await, world.token("taken").await);
    let mut answers = String::new();
    for body in [
        json!({}),
        json!({"other": 1}),
        json!({"name": ""}),
        json!({"name": "  "}),
        json!({"name": null}),
        json!({"name": 0}),
        json!({"name": false}),
        json!({"name": []}),
        json!({"name": {}}),
        json!({"name": 5}),
        json!({"name": "ab"}),
        json!({"name": "a@b.co"}),
        json!({"name": "taken"}),
        json!({"name": "ＴＡＫＥＮ"}),
        json!([]),
        json!(null),
        json!(0),
        json!(""),
        json!([1]),
    ] {
        let answer = send(&world, "PUT", "/users/name", &token, &body).await;
        answers.push_str(&format!("{body}: {} {}\n", answer.status, answer.text));
    }
    for body in ["", "name=renamed", "{"] {
        let request = world.request("PUT", "/users/name").bearer_auth(&token);
        let answer = world
            .send(
                request
                    .header("content-type", "application/json")
                    .body(body),
            )
            .await;
        answers.push_str(&format!("{body:?}: {} {}\n", answer.status, answer.text));
    }
    assert_snapshot!(answers, @r#"
    {}: 200 {"error_code":"4103","message":"Incomplete parameters"}
    {"other":1}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":""}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":"  "}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":null}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":0}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":false}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":[]}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":{}}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":5}: 200 {"error_code":"4103","message":"Invalid parameters"}
    {"name":"ab"}: 200 {"error_code":"4103","message":"Invalid parameters"}
    {"name":"a@b.co"}: 200 {"error_code":"4103","message":"Invalid parameters"}
    {"name":"taken"}: 200 {"error_code":"4001","message":"Username update failed"}
    {"name":"ＴＡＫＥＮ"}: 200 {"error_code":"4001","message":"Username update failed"}
    []: 200 {"error_code":"4103","message":"Incomplete parameters"}
    null: 200 {"error_code":"4103","message":"Incomplete parameters"}
    0: 200 {"error_code":"4103","message":"Incomplete parameters"}
    "": 200 {"error_code":"4103","message":"Incomplete parameters"}
    [1]: 200 {"error_code":"4103","message":"Invalid parameters"}
    "": 200 {"error_code":"4103","message":"Incomplete parameters"}
    "name=renamed": 200 {"error_code":"4103","message":"Incomplete parameters"}
    "{": 200 {"error_code":"4103","message":"Incomplete parameters"}
    "#);
    assert_eq!(world.me(&token).await.json()["username"], "testuser");
}

#[tokio::test]
async fn a_real_name_is_saved_once_shown_to_its_owner_and_to_nobody_else() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    assert_snapshot!(get(&world, "/users/auth", &token).await, @r#"
    200 application/json
    {
      "code": 200,
      "data": {
        "id_card": null,
        "real_name": null,
        "user_id": [id]
      },
      "error_code": "0",
      "message": "Success"
    }
    "#);
    let first = json!({"real_name": "测试实名", "id_card": "11010119900307001X"});
    assert_snapshot!(send(&world, "POST", "/users/auth", &token, &first).await, @r#"
    200 application/json
    {
      "code": 200,
      "data": {},
      "error_code": "0",
      "message": "Verification information saved"
    }
    "#);
    let second = json!({"real_name": "另一实名", "id_card": "11010119900307002Y"});
    let again = send(&world, "POST", "/users/auth", &token, &second).await;
    assert_eq!(again.json()["message"], "Verification information saved");
    assert_snapshot!(get(&world, "/users/auth", &token).await, @r#"
    200 application/json
    {
      "code": 200,
      "data": {
        "id_card": "11010119900307001X",
        "real_name": "测试实名",
        "user_id": [id]
      },
      "error_code": "0",
      "message": "Success"
    }
    "#);

    let stored = world.items().await;
    let user = stored
        .iter()
        .find(|item| item.contains_key("uuid"))
        .expect("the user");
    for (field, secret) in [("real_name", "测试实名"), ("id_card", "11010119900307001X")] {
        let sealed =
            String::from_utf8_lossy(user[field].as_b().expect("bytes").as_ref()).into_owned();
        assert!(!sealed.contains(secret), "{field}");
        for answer in [get(&world, "/users", &token).await, world.me(&token).await] {
            assert!(!answer.text.contains(secret), "{field}");
        }
        assert!(
            !world.logs().await.join("\n").contains(secret),
            "{field} is in the log"
        );
    }
    let trail = world.trail().await;
    assert_eq!(trail, ["sign-up", "login", "real-name", "real-name-again"]);
}

#[tokio::test]
async fn an_incomplete_verification_is_told_in_the_documents_words_and_saves_nothing() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    let mut answers = String::new();
    for body in [
        json!({}),
        json!({"real_name": "测试实名"}),
        json!({"id_card": "11010119900307001X"}),
        json!({"real_name": "", "id_card": "11010119900307001X"}),
        json!({"real_name": "测试实名", "id_card": null}),
        json!({"real_name": "测试实名", "id_card": "中文"}),
        json!({"real_name": "测试实名", "id_card": "1' OR '1'='1"}),
        json!({"real_name": ["测试实名"], "id_card": "11010119900307001X"}),
        json!({"real_name": [], "id_card": "11010119900307001X"}),
        json!({"real_name": "测试实名", "id_card": 0}),
        json!({"real_name": false, "id_card": {}}),
        json!("text"),
        json!([]),
        json!(null),
        json!(false),
    ] {
        let answer = send(&world, "POST", "/users/auth", &token, &body).await;
        answers.push_str(&format!("{body}: {} {}\n", answer.status, answer.text));
    }
    assert_snapshot!(answers, @r#"
    {}: 200 {"error_code":"4103","message":"Invalid parameters"}
    {"real_name":"测试实名"}: 200 {"error_code":"4103","message":"Missing required parameters"}
    {"id_card":"11010119900307001X"}: 200 {"error_code":"4103","message":"Missing required parameters"}
    {"id_card":"11010119900307001X","real_name":""}: 200 {"error_code":"4103","message":"Missing required parameters"}
    {"id_card":null,"real_name":"测试实名"}: 200 {"error_code":"4103","message":"Missing required parameters"}
    {"id_card":"中文","real_name":"测试实名"}: 200 {"error_code":"4103","message":"Invalid parameters"}
    {"id_card":"1' OR '1'='1","real_name":"测试实名"}: 200 {"error_code":"4103","message":"Invalid parameters"}
    {"id_card":"11010119900307001X","real_name":["测试实名"]}: 200 {"error_code":"4103","message":"Invalid parameters"}
    {"id_card":"11010119900307001X","real_name":[]}: 200 {"error_code":"4103","message":"Missing required parameters"}
    {"id_card":0,"real_name":"测试实名"}: 200 {"error_code":"4103","message":"Missing required parameters"}
    {"id_card":{},"real_name":false}: 200 {"error_code":"4103","message":"Missing required parameters"}
    "text": 200 {"error_code":"4103","message":"Invalid parameters"}
    []: 200 {"error_code":"4103","message":"Invalid parameters"}
    null: 200 {"error_code":"4103","message":"Invalid parameters"}
    false: 200 {"error_code":"4103","message":"Invalid parameters"}
    "#);
    assert!(
        world
            .items()
            .await
            .iter()
            .all(|item| !item.contains_key("real_name"))
    );
}

#[tokio::test]
async fn of_two_verifications_at_once_one_is_saved_whole() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    let bodies: Vec<Value> = (0..16)
        .map(|at| json!({"real_name": format!("name {at}"), "id_card": format!("CARD-{at}")}))
        .collect();
    for answer in crate::world::all(
        bodies
            .iter()
            .map(|body| send(&world, "POST", "/users/auth", &token, body)),
    )
    .await
    {
        assert_eq!(answer.json()["error_code"], "0", "{answer}");
    }
    let saved = get(&world, "/users/auth", &token).await.json()["data"].clone();
    let number = saved["real_name"]
        .as_str()
        .unwrap()
        .trim_start_matches("name ")
        .to_owned();
    assert_eq!(saved["id_card"], format!("CARD-{number}"));
    let trail = world.trail().await;
    let count = |event: &str| trail.iter().filter(|entry| *entry == event).count();
    assert_eq!(
        (count("real-name"), count("real-name-again")),
        (1, bodies.len() - 1),
        "{trail:?}"
    );
}

#[tokio::test]
async fn a_value_of_the_wrong_type_never_comes_back_in_any_family() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    let secret = 110_101_199_003_071_234_u64;
    let fields = [
        "real_name",
        "id_card",
        "name",
        "username",
        "password",
        "nickname",
        "email",
        "phone",
        "avatar",
        "apikey",
        "password_old",
        "password_new",
        "code",
        "user_id",
        "group",
        "user_uuid",
        "token",
        "who",
        "block",
        "room",
        "isp",
        "account",
    ];
    let mut refused = 0;
    for value in [
        json!(secret),
        json!([secret]),
        json!({"a": secret}),
        json!(-1.5),
        json!(["1101, expected it"]),
    ] {
        let body: Value = fields
            .iter()
            .map(|field| ((*field).to_owned(), value.clone()))
            .collect();
        for route in world
            .routes()
            .into_iter()
            .filter(|route| ["POST", "PUT"].contains(&&*route.method))
        {
            let path = route.path.replace("{slash+}", "");
            let answer = send(&world, &route.method, &path, &token, &body).await;
            let told = ["110101", "-1.5", "1101", "invalid type"]
                .into_iter()
                .find(|told| answer.text.contains(told));
            assert_eq!(told, None, "{} {path}: {answer}", route.method);
            refused += usize::from(answer.text.contains("must be a string"));
        }
    }
    assert!(refused > 0, "some families name the field");
}
