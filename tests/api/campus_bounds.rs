//! The campus family at its bounds: bodies that are none, keys that are not a client's to set,
//! and the calls that a request makes.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::campus::wanted;
use crate::world::{Item, World};

const FIELDS: [&str; 6] = ["who", "block", "room", "phone", "isp", "account"];

#[tokio::test]
async fn every_missing_field_is_told_in_the_documents_order() {
    let world = World::new().await;
    let (_, token) = world.student("student").await;
    let whole = wanted("student");
    let mut phone = whole.clone();
    phone["phone"] = json!("");
    assert_snapshot!(world.change_profile(&token, &phone).await, @r#"
    400 application/json
    {
      "errType": 2,
      "msg": "invalid request body: Key: 'ChangeUserProfileRequest.Phone' Error:Field validation for 'Phone' failed on the 'required' tag",
      "success": false
    }
    "#);
    assert_snapshot!(world.change_profile(&token, &json!({})).await.json()["msg"].as_str().unwrap(), @"
    invalid request body: Key: 'ChangeUserProfileRequest.Who' Error:Field validation for 'Who' failed on the 'required' tag
    Key: 'ChangeUserProfileRequest.Block' Error:Field validation for 'Block' failed on the 'required' tag
    Key: 'ChangeUserProfileRequest.Room' Error:Field validation for 'Room' failed on the 'required' tag
    Key: 'ChangeUserProfileRequest.Phone' Error:Field validation for 'Phone' failed on the 'required' tag
    Key: 'ChangeUserProfileRequest.ISP' Error:Field validation for 'ISP' failed on the 'required' tag
    Key: 'ChangeUserProfileRequest.Account' Error:Field validation for 'Account' failed on the 'required' tag
    ");

    // Every set of fields, gone in every way.
    for gone in 1_u32..1 << FIELDS.len() {
        let is_gone =
            |field: &str| gone & (1 << FIELDS.iter().position(|name| *name == field).unwrap()) != 0;
        for nothing in [None, Some(Value::Null), Some(json!("")), Some(json!(" \t"))] {
            let mut body = whole.clone();
            for field in FIELDS.iter().filter(|field| is_gone(field)) {
                body.as_object_mut().unwrap().remove(*field);
                nothing
                    .iter()
                    .for_each(|nothing| body[*field] = nothing.clone());
            }
            let answer = world.change_profile(&token, &body).await;
            let told = answer.json()["msg"].as_str().unwrap().to_owned();
            assert_eq!(
                (answer.status, &answer.json()["errType"]),
                (400, &json!(2)),
                "{body}: {answer}"
            );
            assert!(
                told.starts_with("invalid request body: Key: 'ChangeUserProfileRequest."),
                "{told}"
            );
            let names = ["Who", "Block", "Room", "Phone", "ISP", "Account"];
            let missing = FIELDS.iter().zip(names).filter(|(field, _)| is_gone(field));
            let told: Vec<&str> = told
                .lines()
                .filter_map(|line| line.split('\'').nth(3))
                .collect();
            assert_eq!(
                told,
                missing.map(|(_, name)| name).collect::<Vec<_>>(),
                "{body}"
            );
        }
    }
    assert_eq!(world.view(&token, "").await.json()["profile"]["room"], "");
}

#[tokio::test]
async fn a_body_that_is_none_changes_nothing_and_is_looked_at_only_for_the_active() {
    let world = World::new().await;
    let (user, token) = world.student("student").await;
    let before = item(&world, &user).await;
    let with = |field: &str, value: Value| {
        let mut body = wanted("student");
        body[field] = value;
        body.to_string()
    };
    let bodies = [
        ("empty", String::new()),
        ("not JSON", "who=student".into()),
        ("cut short", r#"{"who":"#.into()),
        ("more behind it", format!("{}{{}}", wanted("student"))),
        ("an array", json!([wanted("student")]).to_string()),
        (
            "an array of texts",
            json!(["student", "15", "202", "13900139000", "telecom", "1"]).to_string(),
        ),
        ("a text", "\"who\"".into()),
        ("null", "null".into()),
        ("1 MB", with("room", "2".repeat(1 << 20).into())),
        ("a number", with("phone", json!(13_900_139_000_u64))),
        ("a list", with("room", json!(["202"]))),
        ("an object", with("block", json!({"S": "15"}))),
        ("a truth", with("who", json!(true))),
        (
            "a key twice",
            wanted("student")
                .to_string()
                .replacen('{', r#"{"room":"1","#, 1),
        ),
        ("no phone number", with("phone", "13900139000x".into())),
        ("a long phone number", with("phone", "1".repeat(21).into())),
        ("a control character", with("room", "2\u{0}2".into())),
        ("a new line", with("account", "1\r\n2".into())),
        (
            "a mark that turns the direction",
            with("isp", "tele\u{202E}com".into()),
        ),
        ("101 characters", with("block", "宿".repeat(101).into())),
    ];
    let send = async |token: &str, kind: &str, body: &str| {
        let request = world
            .request("POST", "/api/v3/change_profile")
            .bearer_auth(token);
        world
            .send(request.header("content-type", kind).body(body.to_owned()))
            .await
    };
    let mut lines = String::new();
    for (name, body) in &bodies {
        let answer = send(&token, "application/json", body).await;
        lines.push_str(&format!("{name}: {} {}\n", answer.status, answer.text));
        assert_eq!(
            send("", "application/json", body).await.status,
            401,
            "{name}"
        );
    }
    let answer = send(&token, "text/plain", &wanted("student").to_string()).await;
    lines.push_str(&format!("text/plain: {} {}\n", answer.status, answer.text));
    assert_snapshot!(lines, @r#"
    empty: 400 {"success":false,"msg":"invalid request body: the body is not valid JSON","errType":2}
    not JSON: 400 {"success":false,"msg":"invalid request body: the body is not valid JSON","errType":2}
    cut short: 400 {"success":false,"msg":"invalid request body: the body is not valid JSON","errType":2}
    more behind it: 400 {"success":false,"msg":"invalid request body: the body is not valid JSON","errType":2}
    an array: 400 {"success":false,"msg":"invalid request body: the body must be a JSON object","errType":2}
    an array of texts: 400 {"success":false,"msg":"invalid request body: the body must be a JSON object","errType":2}
    a text: 400 {"success":false,"msg":"invalid request body: the body must be a JSON object","errType":2}
    null: 400 {"success":false,"msg":"invalid request body: the body must be a JSON object","errType":2}
    1 MB: 413 {"success":false,"msg":"request body too large","errType":2}
    a number: 400 {"success":false,"msg":"invalid request body: phone: must be a string","errType":2}
    a list: 400 {"success":false,"msg":"invalid request body: room: must be a string","errType":2}
    an object: 400 {"success":false,"msg":"invalid request body: block: must be a string","errType":2}
    a truth: 400 {"success":false,"msg":"invalid request body: who: must be a string","errType":2}
    a key twice: 400 {"success":false,"msg":"invalid request body: duplicate field `room`","errType":2}
    no phone number: 400 {"success":false,"msg":"invalid request body: phone: is not a phone number","errType":2}
    a long phone number: 400 {"success":false,"msg":"invalid request body: phone: must be 3 to 20 characters","errType":2}
    a control character: 400 {"success":false,"msg":"invalid request body: room: must not contain invisible characters","errType":2}
    a new line: 400 {"success":false,"msg":"invalid request body: account: must not contain invisible characters","errType":2}
    a mark that turns the direction: 400 {"success":false,"msg":"invalid request body: isp: must not contain invisible characters","errType":2}
    101 characters: 400 {"success":false,"msg":"invalid request body: block: must be 1 to 100 characters","errType":2}
    text/plain: 400 {"success":false,"msg":"invalid request body: the content type is not application/json","errType":2}
    "#);
    assert_eq!(item(&world, &user).await, before);

    world.alter(&user, |user| user.blocked = true).await;
    for (name, body) in &bodies {
        assert_eq!(
            send(&token, "application/json", body).await.status,
            403,
            "{name}"
        );
    }
    world.alter(&user, |user| user.blocked = false).await;
    let longest = with("block", "宿".repeat(100).into());
    assert_eq!(
        send(&token, "application/json; charset=utf-8", &longest)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_name_that_nobody_can_have_names_nobody() {
    let world = World::new().await;
    let (_, token) = world.student("student").await;
    let admin = world.campus_admin().await;
    let long = "x".repeat(129);
    for who in [
        "local:",
        "local:student",
        "local: ",
        "%00",
        "a%20b",
        "%F0%9F%98%80",
        "USER%231%0A",
        &long,
    ] {
        let query = format!("?who={who}");
        assert_eq!(world.view(&token, &query).await.status, 403, "{who}");
        let answer = world.view(&admin, &query).await;
        assert_eq!(
            (answer.status, &answer.json()["errType"]),
            (400, &json!("logic")),
            "{who}: {answer}"
        );
    }
}

#[tokio::test]
async fn what_is_not_a_clients_to_set_stays_as_it_is() {
    let world = World::new().await;
    let (user, token) = world.student("student").await;
    let whole = wanted("student");
    assert_eq!(world.change_profile(&token, &whole).await.status, 200);
    let before = item(&world, &user).await;
    for key in [
        "access",
        "wx",
        "sid",
        "blocked",
        "uuid",
        "id",
        "user_id",
        "ver",
        "version",
        "token_version",
        "email",
        "email_verified",
        "featured",
        "username",
        "nickname",
        "name",
        "avatar",
        "apikey",
        "password",
        "password_hash",
        "real_name",
        "id_card",
        "created_at",
        "updated_at",
        "last_login",
        "pk",
        "owner",
        "expires_at",
        "Who",
        "__proto__",
    ] {
        for value in [
            json!("admin"),
            json!(true),
            json!(2),
            json!(null),
            json!({"S": "admin"}),
        ] {
            let mut body = whole.clone();
            body[key] = value;
            let answer = world.change_profile(&token, &body).await;
            assert_eq!(answer.status, 200, "{body}: {answer}");
        }
    }
    assert_eq!(item(&world, &user).await, before);
}

#[tokio::test]
async fn each_request_makes_no_more_calls_than_it_must() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let (user, token) = world.student("student").await;
    let admin = world.campus_admin().await;
    let local = format!("local:{}", user["uuid"].as_str().unwrap());
    world.view(&token, "").await;
    world.change_profile(&token, &json!({})).await; // both functions are warm now
    let mut lines = String::new();
    world.cloud.clear_calls();
    let mut note =
        |what: &str| lines.push_str(&format!("{what}: {}\n", world.dynamodb_calls().join(" ")));
    let view = async |token: &str, who: &str| world.view(token, &format!("?who={who}")).await;
    view(&token, "").await;
    note("view oneself");
    view(&token, "student").await;
    note("view oneself by name");
    view(&admin, "student").await;
    note("an admin views another");
    view(&admin, &local).await;
    note("an admin views another by uuid");
    view(&token, "admin").await;
    note("a stranger views");
    let mut body = wanted("student");
    world.change_profile(&token, &body).await;
    note("change oneself, with the phone");
    body["room"] = json!("203");
    world.change_profile(&token, &body).await;
    note("change oneself");
    world.change_profile(&token, &body).await;
    note("change nothing");
    body["room"] = json!("204");
    world.change_profile(&admin, &body).await;
    note("an admin changes another");
    assert_snapshot!(lines, @"
    view oneself: GetItem
    view oneself by name: GetItem
    an admin views another: GetItem GetItem GetItem
    an admin views another by uuid: GetItem GetItem
    a stranger views: GetItem
    change oneself, with the phone: GetItem TransactWriteItems
    change oneself: GetItem UpdateItem
    change nothing: GetItem
    an admin changes another: GetItem GetItem GetItem TransactWriteItems
    ");
}

/// The stored item of the user that an answer shows.
async fn item(world: &World, user: &Value) -> Item {
    let uuid = user["uuid"].as_str().expect("a uuid");
    let is = |item: &Item| {
        item.get("uuid")
            .and_then(|value| value.as_s().ok())
            .is_some_and(|it| it == uuid)
    };
    world.items().await.into_iter().find(is).expect("the item")
}
