//! `GET /api/users/`: responses, permissions, order and pagination.

use serde_json::{Value, json};

use crate::support::{TestApp, all};

#[tokio::test]
async fn the_list_shows_the_documented_fields_of_each_user() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    app.whale_account("a@b.co").await;
    let login = json!({"email": "a@b.co", "password": crate::support::PASSWORD});
    app.send_json("PUT", "/api/users/login/", &login).await;
    insta::assert_snapshot!(app.list_users(&token, "").await, @r#"
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
    insta::assert_snapshot!(app.list_users(&token, "fields=email,name&per_page=1&page=2").await, @r#"
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
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    let (user, other) = app.whale_account("a@b.co").await;
    insta::assert_snapshot!(app.send(app.request("GET", "/api/users/")).await, @r#"
    200 application/json
    {
      "code": 1101,
      "data": {},
      "message": "Unauthorized"
    }
    "#);
    insta::assert_snapshot!(app.list_users(&other, "").await, @r#"
    200 application/json
    {
      "code": 1103,
      "data": {},
      "message": "Forbidden"
    }
    "#);
    app.promote(&user).await;
    assert_eq!(app.list_users(&other, "").await.json()["code"], 0);
    app.update_directly(&user, |user| user.blocked = true).await;
    assert_eq!(app.list_users(&other, "").await.json()["code"], 1101);
    assert_eq!(app.list_users(&token, "").await.json()["data"]["total"], 2);
}

#[tokio::test]
async fn an_invalid_parameter_is_refused_before_any_read() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    app.whale_account("a@b.co").await;
    let cursor = app.list_users(&token, "per_page=1").await.json()["data"]["next_cursor"].clone();
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
    app.settle().await;
    app.dynamodb_calls();
    for query in bad {
        let response = app.list_users(&token, query).await;
        assert_eq!(response.json()["code"], 1202, "{:.100}: {response}", query);
    }
    assert_eq!(app.dynamodb_calls(), Vec::<String>::new());
    for query in bad_cursors {
        let response = app.list_users(&token, query).await;
        assert_eq!(response.json()["code"], 1202, "{:.100}: {response}", query);
    }
    assert_eq!(
        app.dynamodb_calls(),
        ["GetItem"; 5],
        "the caller is authenticated before the cursor is read"
    );
    insta::assert_snapshot!(app.list_users(&token, "page=0").await, @r#"
    200 application/json
    {
      "code": 1202,
      "data": {},
      "message": "GET方法url参数值错误"
    }
    "#);
    assert_eq!(
        app.list_emails(&token, &format!("per_page=1&cursor={cursor}"))
            .await
            .0,
        ["a@b.co"]
    );
}

#[tokio::test]
async fn a_page_past_the_end_is_empty_and_has_the_total() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    for page in ["2", "5000", "1000000000", "99999999999999999999999999"] {
        assert_eq!(
            app.list_emails(&token, &format!("page={page}")).await,
            (vec![], 1)
        );
        assert_eq!(
            app.list_emails(&token, &format!("page={page}&order_by=name"))
                .await,
            (vec![], 1)
        );
        assert_eq!(
            app.list_emails(&token, &format!("page={page}&email=root@example.com"))
                .await,
            (vec![], 1)
        );
    }
}

#[tokio::test]
async fn lookups_by_id_uuid_and_email_combine_with_all_filters() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    let emails = ["a@b.co", "b@b.co", "c@b.co"];
    let mut users = Vec::new();
    for email in emails {
        users.push(app.whale_account(email).await.0);
    }
    app.update_directly(&users[1], |user| user.blocked = true)
        .await;
    let id = |at: usize| users[at]["id"].to_string();
    let uuid = |at: usize| users[at]["uuid"].as_str().expect("a uuid").to_owned();
    let ids = format!("ids={},{},{}", id(2), id(0), id(1));

    assert_eq!(app.list_emails(&token, &ids).await.0, emails);
    assert_eq!(
        app.list_emails(&token, &format!("{ids},{},4", id(1))).await,
        (emails.map(String::from).into(), 3)
    );
    assert_eq!(
        app.list_emails(&token, &format!("{ids}&order_by=-email"))
            .await
            .0,
        ["c@b.co", "b@b.co", "a@b.co"]
    );
    assert_eq!(
        app.list_emails(&token, &format!("{ids}&blocked=1")).await,
        (vec!["b@b.co".into()], 1)
    );
    assert_eq!(
        app.list_emails(&token, &format!("{ids}&per_page=2&page=2"))
            .await,
        (vec!["c@b.co".into()], 3)
    );
    let both = format!("{ids}&uuids={},{}&blocked=0", uuid(0), uuid(1));
    assert_eq!(app.list_emails(&token, &both).await.0, ["a@b.co"]);
    assert_eq!(
        app.list_emails(&token, &format!("uuids={}", uuid(2)))
            .await
            .0,
        ["c@b.co"]
    );
    assert_eq!(
        app.list_emails(&token, "email=B%40B.co").await.0,
        ["b@b.co"]
    );
    assert_eq!(
        app.list_emails(&token, "email=b@b.co&blocked=0").await,
        (vec![], 0)
    );
    assert_eq!(
        app.list_emails(&token, "email=nobody@b.co").await,
        (vec![], 0)
    );

    let first = app
        .list_users(&token, &format!("{ids}&per_page=2&order_by=-id"))
        .await
        .json();
    assert_eq!(crate::support::emails(&first["data"]), ["c@b.co", "b@b.co"]);
    let cursor = first["data"]["next_cursor"].as_str().expect("a cursor");
    let rest = app
        .list_users(
            &token,
            &format!("{ids}&per_page=2&order_by=-id&cursor={cursor}"),
        )
        .await
        .json();
    assert_eq!(crate::support::emails(&rest["data"]), ["a@b.co"]);
    assert_eq!(rest["data"]["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_lookup_shows_the_user_as_stored() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    let (user, _) = app.whale_account("a@b.co").await;
    app.settle().await;
    app.update_directly(&user, |user| user.featured = true)
        .await;
    let response = app
        .request("GET", "/api/users/?email=a@b.co")
        .bearer_auth(&token);
    assert_eq!(
        app.send(response).await.json()["data"]["users"][0]["featured"],
        true
    );
}

#[tokio::test]
async fn a_cursor_is_stable_when_users_are_added_or_deleted() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    all((0..9).map(|n| app.numbered_account(n))).await;
    for order in ["id", "-id", "-create_time", "create_time,id"] {
        let whole = app
            .list_emails(&token, &format!("order_by={order}"))
            .await
            .0;
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = app
                .list_users(&token, &format!("order_by={order}&per_page=2{cursor}"))
                .await
                .json();
            seen.extend(crate::support::emails(&page["data"]));
            match page["data"]["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, whole, "{order}");
    }
    let page = app
        .list_users(&token, "order_by=-id&per_page=4")
        .await
        .json();
    let whole = app.list_emails(&token, "order_by=-id").await.0;
    app.whale_account("newest@b.co").await;
    let deleted = app
        .admin(json!({"command": "delete", "user": {"email": whole[2]}}))
        .await;
    assert!(deleted["deleted"].is_object(), "{deleted}");
    let cursor = page["data"]["next_cursor"].as_str().expect("a cursor");
    let rest = app
        .list_emails(&token, &format!("order_by=-id&cursor={cursor}"))
        .await;
    assert_eq!(rest, (whole[4..].to_vec(), 10));
}

#[tokio::test]
async fn a_cursor_shows_each_user_who_stays_once_in_any_order() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    all((0..12).map(|n| app.numbered_account(n))).await;
    for (round, order) in ["name,-email", "-email", "update_time", "-last_login,name"]
        .into_iter()
        .enumerate()
    {
        let query = format!("order_by={order}&per_page=3");
        let whole = app
            .list_emails(&token, &format!("order_by={order}&per_page=100"))
            .await
            .0;
        let (mut seen, mut cursor) = (Vec::<String>::new(), String::new());
        loop {
            let page = app.list_users(&token, &format!("{query}{cursor}")).await;
            let data = page.json()["data"].clone();
            seen.extend(crate::support::emails(&data));
            let Some(next) = data["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
            if seen.len() == 6 {
                // One who was shown leaves, one who was not leaves, and one arrives.
                for gone in [1, 8] {
                    app.admin(json!({"command": "delete", "user": {"email": whole[gone]}}))
                        .await;
                }
                app.whale_account(&format!("new{round}@b.co")).await;
            }
        }
        let staying = |email: &&String| **email != whole[1] && **email != whole[8];
        for email in whole.iter().filter(staying) {
            let times = seen.iter().filter(|one| *one == email).count();
            assert_eq!(times, 1, "{order}: {email} in {seen:?}");
        }
        assert!(!seen.contains(&whole[8]), "{order}: {seen:?}");
    }
}
