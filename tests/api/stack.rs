//! The custom resource: what CloudFormation orders, and what it is told.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::ear::Ear;
use crate::world::{World, registration};

const EMAIL: &str = "root@b.co";

/// The event of the document, of one type.
fn order(kind: &str, url: &str) -> Value {
    json!({
        "RequestType": kind,
        "ResponseURL": url,
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/accounts/guid",
        "RequestId": "unique id",
        "ResourceType": "Custom::Administrator",
        "LogicalResourceId": "FirstAdministrator",
        "ResourceProperties": {"ServiceToken": "arn", "Email": EMAIL},
    })
}

fn body(heard: &[String]) -> Value {
    let (_, body) = heard
        .last()
        .expect("a request")
        .split_once("\r\n\r\n")
        .expect("a body");
    serde_json::from_str(body).expect("JSON")
}

#[tokio::test]
async fn a_stack_makes_its_administrator_with_a_password_nobody_chose() {
    let Some(world) = World::with(&[("AdminEmail", EMAIL)]).await else {
        return;
    };
    let password = world.secret("AdminPassword").await;
    assert!(world.items().await.is_empty());
    for (name, documented) in [
        ("admin", "admin123"),
        (EMAIL, "admin123"),
        ("admin", &password),
    ] {
        assert_eq!(world.login(name, documented).await.status, 401);
    }
    let ear = Ear::open(&[]).await;
    let mut told = String::new();
    for kind in ["Create", "Create", "Update", "Delete", "Create"] {
        world.admin(order(kind, &ear.url)).await;
        let heard = ear.heard();
        assert_eq!(heard.len(), 1, "{heard:?}");
        told.push_str(&format!("{kind}\n{:#}\n", body(&heard)));
        assert!(
            heard[0].starts_with("PUT /answer?X-Amz-Signature=a%2Bb HTTP/1.1\r\n"),
            "{heard:?}"
        );
        let types: Vec<_> = heard[0]
            .lines()
            .filter(|line| line.to_lowercase().starts_with("content-type"))
            .collect();
        assert!(
            types
                .iter()
                .all(|line| line.split_once(':').unwrap().1.trim().is_empty()),
            "{types:?}"
        );
    }
    assert_snapshot!(told, @r#"
    Create
    {
      "LogicalResourceId": "FirstAdministrator",
      "PhysicalResourceId": "first-administrator",
      "Reason": "the administrator is made",
      "RequestId": "unique id",
      "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/accounts/guid",
      "Status": "SUCCESS"
    }
    Create
    {
      "LogicalResourceId": "FirstAdministrator",
      "PhysicalResourceId": "first-administrator",
      "Reason": "the administrator is there already",
      "RequestId": "unique id",
      "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/accounts/guid",
      "Status": "SUCCESS"
    }
    Update
    {
      "LogicalResourceId": "FirstAdministrator",
      "PhysicalResourceId": "first-administrator",
      "Reason": "the administrator stays as they are",
      "RequestId": "unique id",
      "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/accounts/guid",
      "Status": "SUCCESS"
    }
    Delete
    {
      "LogicalResourceId": "FirstAdministrator",
      "PhysicalResourceId": "first-administrator",
      "Reason": "the administrator stays, as all users do",
      "RequestId": "unique id",
      "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/accounts/guid",
      "Status": "SUCCESS"
    }
    Create
    {
      "LogicalResourceId": "FirstAdministrator",
      "PhysicalResourceId": "first-administrator",
      "Reason": "the administrator is there already",
      "RequestId": "unique id",
      "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/accounts/guid",
      "Status": "SUCCESS"
    }
    "#);
    world.end_all_counts().await;
    assert_eq!(world.login("admin", &password).await.status, 200);
    assert_eq!(world.login(EMAIL, &password).await.status, 200);
    assert_eq!(world.login("admin", "admin123").await.status, 401);
    let users = world
        .items()
        .await
        .into_iter()
        .filter(|item| item.contains_key("email"))
        .count();
    assert_eq!(users, 1);
    let log = world.logs().await.join("\n");
    for word in [&password, EMAIL, "Signature", "guid", "unique id"] {
        assert!(!log.contains(word), "{word} is in the log");
    }
}

#[tokio::test]
async fn cloudformation_is_told_of_every_failure() {
    let Some(world) = World::with(&[("AdminEmail", EMAIL)]).await else {
        return;
    };
    let other =
        json!({"command": "create-administrator", "username": "admin", "email": "other@b.co"});
    assert_eq!(world.admin(other).await["error"], Value::Null); // another administrator came first
    let ear = Ear::open(&[]).await;
    let mut told = String::new();
    let mut fail = async |world: &World, order: Value| {
        world.admin(order).await;
        let body = body(&ear.heard());
        told.push_str(&format!(
            "{}: {}\n",
            body["Status"].as_str().unwrap(),
            body["Reason"].as_str().unwrap()
        ));
    };
    fail(&world, order("Create", &ear.url)).await;
    let mut unnamed = order("Create", &ear.url);
    unnamed["ResourceProperties"] = json!({});
    fail(&world, unnamed).await;
    let mut misspelt = order("Create", &ear.url);
    misspelt["ResourceProperties"]["Email"] = "nobody".into();
    fail(&world, misspelt).await;
    fail(&world, order("Destroy", &ear.url)).await;
    fail(
        &world,
        json!({"RequestType": "Create", "ResponseURL": ear.url}),
    )
    .await;
    let without_secret = World::new().await;
    fail(&without_secret, order("Create", &ear.url)).await;
    assert_snapshot!(told, @"
    FAILED: another user has this user name
    FAILED: Email: must be there
    FAILED: email: is not a valid e-mail address
    FAILED: RequestType: must be Create, Update or Delete
    FAILED: Email: must be there
    FAILED: it failed for a reason that the log tells; it may be tried again
    ");
    assert!(without_secret.items().await.is_empty());
}

#[tokio::test]
async fn nobody_takes_the_administrators_name_before_the_stack_does() {
    let Some(world) = World::with(&[("AdminEmail", EMAIL)]).await else {
        return;
    };
    for name in ["admin", "Admin", " ａｄｍｉｎ "] {
        let mut documented = registration(name);
        documented["password"] = "admin123".into();
        documented["email"] = "somebody@b.co".into();
        let refused = world.register(&documented).await;
        assert_eq!(
            (refused.status, &refused.json()["detail"]),
            (409, &json!("Username already exists"))
        );
    }
    assert_eq!(world.login("admin", "admin123").await.status, 401);
    let token = world.token("testuser").await;
    for name in ["admin", "ADMIN"] {
        let rename = world
            .request("PUT", "/users/name")
            .bearer_auth(&token)
            .json(&json!({"name": name}));
        assert_eq!(
            world.send(rename).await.json()["message"],
            "Username update failed"
        );
    }

    let ear = Ear::open(&[]).await;
    world.admin(order("Create", &ear.url)).await;
    assert_eq!(body(&ear.heard())["Reason"], "the administrator is made");
    let password = world.secret("AdminPassword").await;
    let login = world.login("admin", &password).await.json();
    let token = login["access_token"].as_str().expect("a token");
    let same = world
        .request("PUT", "/users/name")
        .bearer_auth(token)
        .json(&json!({"name": "Admin"}));
    assert_eq!(
        world.send(same).await.json()["name"],
        "Admin",
        "one's own name, spelt in another way"
    );
}

#[tokio::test]
async fn an_answer_is_put_until_it_is_taken_and_never_in_the_clear() {
    let Some(world) = World::with(&[("AdminEmail", EMAIL)]).await else {
        return;
    };
    let ear = Ear::open(&[503, 500]).await;
    world.admin(order("Create", &ear.url)).await;
    assert_eq!(ear.heard().len(), 3);
    let answer = world.admin(order("Delete", "http://example.com/")).await;
    assert_eq!(answer["error"], "ResponseURL: must be an https URL");
    let nobody = world.admin(order("Delete", "http://127.0.0.1:1/")).await;
    assert_eq!(nobody["name"], "internal");
}

#[tokio::test]
async fn a_user_is_no_administrator_for_having_the_address() {
    let Some(world) = World::with(&[("AdminEmail", "testuser@example.com")]).await else {
        return;
    };
    world.token("testuser").await;
    let ear = Ear::open(&[]).await;
    let mut create = order("Create", &ear.url);
    create["ResourceProperties"]["Email"] = "testuser@example.com".into();
    let answer = world.admin(create).await;
    assert_eq!(answer["name"], "email_taken", "{answer}");
    assert_eq!(body(&ear.heard())["Status"], "FAILED");
}
