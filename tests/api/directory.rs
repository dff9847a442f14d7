//! The list of users: what it answers, to whom, and in which order.

use serde_json::{Value, json};

use crate::world::{Answer, World, all};

impl World {
    /// The token of a new administrator.
    pub async fn root(&self) -> String {
        let (user, token) = self.whale_account("root@example.com").await;
        self.promote(&user).await;
        token
    }

    /// What the list answers, once all that was written is in it.
    pub async fn list(&self, token: &str, query: &str) -> Answer {
        self.settle().await;
        let query = if query.is_empty() {
            String::new()
        } else {
            format!("?{query}")
        };
        self.send(
            self.request("GET", &format!("/api/users/{query}"))
                .bearer_auth(token),
        )
        .await
    }

    /// The addresses on a page of the list, and the total.
    pub async fn listed(&self, token: &str, query: &str) -> (Vec<String>, u64) {
        let answer = self.list(token, query).await;
        assert_eq!(answer.json()["code"], 0, "{query}: {answer}");
        let data = &answer.json()["data"];
        (emails(data), data["total"].as_u64().expect("a total"))
    }
}

pub fn emails(data: &Value) -> Vec<String> {
    let users = data["users"].as_array().expect("a list of users");
    users
        .iter()
        .map(|user| user["email"].as_str().expect("an e-mail").to_owned())
        .collect()
}

#[tokio::test]
async fn the_list_is_of_users_as_the_document_names_the_parts_of_one() {
    let world = World::new().await;
    let token = world.root().await;
    world.whale_account("a@b.co").await;
    let login = json!({"email": "a@b.co", "password": crate::world::PASSWORD});
    world.whale("PUT", "/api/users/login/", &login).await;
    insta::assert_snapshot!(world.list(&token, "").await, @r#"
    200 application/json
    {
      "code": 0,
      "data": {
        "next_cursor": null,
        "total": 2,
        "users": [
          {
            "avatar": null,
            "blocked": false,
            "email": "root@example.com",
            "email_verified": false,
            "featured": false,
            "id": [id],
            "iso_create_time": "[time in UTC]",
            "iso_last_login": null,
            "iso_update_time": "[time in UTC]",
            "name": "昵称",
            "uuid": "[uuid]"
          },
          {
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
        ]
      },
      "message": "Success"
    }
    "#);
    insta::assert_snapshot!(world.list(&token, "fields=email,name&per_page=1&page=2").await, @r#"
    200 application/json
    {
      "code": 0,
      "data": {
        "next_cursor": null,
        "total": 2,
        "users": [
          {
            "email": "a@b.co",
            "name": "昵称"
          }
        ]
      },
      "message": "Success"
    }
    "#);
}

#[tokio::test]
async fn only_an_administrator_may_list_users() {
    let world = World::new().await;
    let token = world.root().await;
    let (user, other) = world.whale_account("a@b.co").await;
    insta::assert_snapshot!(world.send(world.request("GET", "/api/users/")).await, @r#"
    200 application/json
    {
      "code": 1101,
      "data": {},
      "message": "Unauthorized"
    }
    "#);
    insta::assert_snapshot!(world.list(&other, "").await, @r#"
    200 application/json
    {
      "code": 1103,
      "data": {},
      "message": "Forbidden"
    }
    "#);
    world.promote(&user).await;
    assert_eq!(world.list(&other, "").await.json()["code"], 0);
    world.alter(&user, |user| user.blocked = true).await;
    assert_eq!(world.list(&other, "").await.json()["code"], 1101);
    assert_eq!(world.list(&token, "").await.json()["data"]["total"], 2);
}

#[tokio::test]
async fn a_bad_parameter_is_refused_before_anything_is_read() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.root().await;
    world.whale_account("a@b.co").await;
    let cursor = world.list(&token, "per_page=1").await.json()["data"]["next_cursor"].clone();
    let cursor = cursor.as_str().expect("a cursor");
    let (first, rest) = cursor.split_at(cursor.len() - 1);
    let changed = format!("{first}{}", if rest == "A" { "B" } else { "A" });
    let many = vec!["1"; 10_000].join(",");
    let bad = [
        "page=0",
        "page=-1",
        "page=1e9",
        "page=%EF%BC%91",
        "page=",
        "page=%2B1",
        "page=1.0",
        "per_page=0",
        "per_page=101",
        "per_page=",
        &format!("ids={many}"),
        "ids=a",
        "ids=",
        "ids=1,,2",
        "ids=-1",
        "ids=9007199254740992",
        "uuids=1",
        "uuids=",
        "email=nobody",
        "order_by=password",
        "order_by=id,-id",
        "order_by=id,id",
        "order_by=",
        "order_by=--id",
        "order_by=ID",
        "email_verified=2",
        "blocked=true",
        "featured=",
        "featured=%EF%BC%91",
        &format!("per_page=1&cursor={cursor}&page=2"),
    ];
    let bad_cursors = [
        "cursor=",
        "cursor=AAAA",
        &format!("cursor={changed}"),
        &format!("per_page=1&cursor={cursor}&order_by=-id"),
        &format!("per_page=1&cursor={cursor}&blocked=0"),
    ];
    world.settle().await;
    world.dynamodb_calls();
    for query in bad {
        let answer = world.list(&token, query).await;
        assert_eq!(answer.json()["code"], 1202, "{:.100}: {answer}", query);
    }
    assert_eq!(world.dynamodb_calls(), Vec::<String>::new());
    for query in bad_cursors {
        let answer = world.list(&token, query).await;
        assert_eq!(answer.json()["code"], 1202, "{:.100}: {answer}", query);
    }
    assert_eq!(
        world.dynamodb_calls(),
        ["GetItem"; 5],
        "whose the request is comes before the cursor"
    );
    insta::assert_snapshot!(world.list(&token, "page=0").await, @r#"
    200 application/json
    {
      "code": 1202,
      "data": {},
      "message": "GET方法url参数值错误"
    }
    "#);
    assert_eq!(
        world
            .listed(&token, &format!("per_page=1&cursor={cursor}"))
            .await
            .0,
        ["a@b.co"]
    );
}

#[tokio::test]
async fn a_page_past_the_end_is_empty_and_has_the_right_total() {
    let world = World::new().await;
    let token = world.root().await;
    for page in ["2", "5000", "1000000000", "99999999999999999999999999"] {
        assert_eq!(
            world.listed(&token, &format!("page={page}")).await,
            (vec![], 1)
        );
        assert_eq!(
            world
                .listed(&token, &format!("page={page}&order_by=name"))
                .await,
            (vec![], 1)
        );
        assert_eq!(
            world
                .listed(&token, &format!("page={page}&email=root@example.com"))
                .await,
            (vec![], 1)
        );
    }
}

#[tokio::test]
async fn users_who_are_named_are_looked_up_and_all_that_is_asked_holds() {
    let world = World::new().await;
    let token = world.root().await;
    let emails = ["a@b.co", "b@b.co", "c@b.co"];
    let mut users = Vec::new();
    for email in emails {
        users.push(world.whale_account(email).await.0);
    }
    world.alter(&users[1], |user| user.blocked = true).await;
    let id = |at: usize| users[at]["id"].to_string();
    let uuid = |at: usize| users[at]["uuid"].as_str().expect("a uuid").to_owned();
    let ids = format!("ids={},{},{}", id(2), id(0), id(1));

    assert_eq!(world.listed(&token, &ids).await.0, emails);
    assert_eq!(
        world.listed(&token, &format!("{ids},{},4", id(1))).await,
        (emails.map(String::from).into(), 3)
    );
    assert_eq!(
        world
            .listed(&token, &format!("{ids}&order_by=-email"))
            .await
            .0,
        ["c@b.co", "b@b.co", "a@b.co"]
    );
    assert_eq!(
        world.listed(&token, &format!("{ids}&blocked=1")).await,
        (vec!["b@b.co".into()], 1)
    );
    assert_eq!(
        world
            .listed(&token, &format!("{ids}&per_page=2&page=2"))
            .await,
        (vec!["c@b.co".into()], 3)
    );
    let both = format!("{ids}&uuids={},{}&blocked=0", uuid(0), uuid(1));
    assert_eq!(world.listed(&token, &both).await.0, ["a@b.co"]);
    assert_eq!(
        world.listed(&token, &format!("uuids={}", uuid(2))).await.0,
        ["c@b.co"]
    );
    assert_eq!(world.listed(&token, "email=B%40B.co").await.0, ["b@b.co"]);
    assert_eq!(
        world.listed(&token, "email=b@b.co&blocked=0").await,
        (vec![], 0)
    );
    assert_eq!(world.listed(&token, "email=nobody@b.co").await, (vec![], 0));

    let first = world
        .list(&token, &format!("{ids}&per_page=2&order_by=-id"))
        .await
        .json();
    assert_eq!(self::emails(&first["data"]), ["c@b.co", "b@b.co"]);
    let cursor = first["data"]["next_cursor"].as_str().expect("a cursor");
    let rest = world
        .list(
            &token,
            &format!("{ids}&per_page=2&order_by=-id&cursor={cursor}"),
        )
        .await
        .json();
    assert_eq!(self::emails(&rest["data"]), ["a@b.co"]);
    assert_eq!(rest["data"]["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_user_who_is_looked_up_is_shown_as_stored_now() {
    let world = World::new().await;
    let token = world.root().await;
    let (user, _) = world.whale_account("a@b.co").await;
    world.settle().await;
    world.alter(&user, |user| user.featured = true).await;
    let answer = world
        .request("GET", "/api/users/?email=a@b.co")
        .bearer_auth(&token);
    assert_eq!(
        world.send(answer).await.json()["data"]["users"][0]["featured"],
        true
    );
}

#[tokio::test]
async fn a_cursor_goes_on_where_it_was_whoever_comes_or_goes() {
    let world = World::new().await;
    let token = world.root().await;
    all((0..9).map(|n| world.whale_account_at(n))).await;
    for order in ["id", "-id", "-create_time", "create_time,id"] {
        let whole = world.listed(&token, &format!("order_by={order}")).await.0;
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = world
                .list(&token, &format!("order_by={order}&per_page=2{cursor}"))
                .await
                .json();
            seen.extend(emails(&page["data"]));
            match page["data"]["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, whole, "{order}");
    }
    let page = world.list(&token, "order_by=-id&per_page=4").await.json();
    let whole = world.listed(&token, "order_by=-id").await.0;
    world.whale_account("newest@b.co").await;
    let gone = world
        .admin(json!({"command": "delete", "user": {"email": whole[2]}}))
        .await;
    assert!(gone["deleted"].is_object(), "{gone}");
    let cursor = page["data"]["next_cursor"].as_str().expect("a cursor");
    let rest = world
        .listed(&token, &format!("order_by=-id&cursor={cursor}"))
        .await;
    assert_eq!(rest, (whole[4..].to_vec(), 10));
}

impl World {
    pub async fn whale_account_at(&self, n: usize) -> (Value, String) {
        self.whale_account(&format!("user{n}@b.co")).await
    }
}
