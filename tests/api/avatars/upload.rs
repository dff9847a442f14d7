//! Avatars: upload, delivery, deletion and cleanup. No user ever refers to a missing object.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use image::ImageFormat;
use serde_json::json;
use shared::{Avatars, FromConfig, Users};

use crate::support::{FORM_END, PNG, TestApp, file, part, picture};

#[tokio::test]
async fn a_picture_of_each_format_is_scaled_down_and_cached() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let uuid = app.me(&token).await.json()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for format in [PNG, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
        let response = app.upload(&token, &picture(format, 700)).await;
        let url = response.json()["avatar_url"]
            .as_str()
            .unwrap_or_else(|| panic!("{response}"))
            .to_owned();
        let body = json!({
            "error_code": "0", "message": "Avatar saved successfully", "code": 200,
            "data": {"avatar_url": url}, "avatar_url": url,
        });
        assert_eq!(response.json(), body);
        let rest = url
            .strip_prefix(&format!("{}/avatars/{uuid}/", app.url()))
            .expect("a URL");
        assert_eq!(
            rest.len(),
            "0123456789abcdef0123456789abcdef.jpg".len(),
            "{rest}"
        );
        assert_eq!(app.avatar(&token).await, Some(url.clone()));

        let response = app.fetch(&url).await;
        for (name, value) in [
            ("content-type", "image/jpeg"),
            ("cache-control", "public, max-age=31536000, immutable"),
            ("content-disposition", "inline"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; sandbox"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(response.headers()[name], value);
        }
        let shown =
            image::load_from_memory(&response.bytes().await.expect("a body")).expect("a picture");
        assert_eq!((shown.width(), shown.height()), (512, 512));
    }
    app.settle().await;
    assert_eq!(
        app.stored_avatars().await,
        [app.avatar(&token).await.expect("a picture")]
    );
    for path in [
        "/avatars/",
        "/avatars/x",
        "/avatars/../x",
        "/avatars/%2e%2e/x",
        "/avatars/%00",
        "/avatars/x/",
    ] {
        assert_eq!(
            app.request("GET", path)
                .send()
                .await
                .expect("a response")
                .status(),
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_refused_upload_stores_nothing() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let png = picture(PNG, 20);
    let one = [file(&png), FORM_END.to_vec()].concat();
    let other =
        |headers: &str, content: &[u8]| [part(headers, content), FORM_END.to_vec()].concat();
    let field = "Content-Disposition: form-data; name=\"avatar\"";
    for (body, message) in [
        (FORM_END.to_vec(), "No image uploaded"),
        (
            other(
                "Content-Disposition: form-data; name=\"other\"; filename=\"a.png\"",
                &png,
            ),
            "No image uploaded",
        ),
        (
            other(field, b"https://example.com/a.png"),
            "No image uploaded",
        ),
        (
            other(&format!("{field}; filename=\"\""), b""),
            "No image uploaded",
        ),
        (
            other(&format!("{field}; filename=\"a.png\""), b""),
            "The image is not a PNG, JPEG, WebP or GIF image",
        ),
        (
            other(
                &format!("{field}; filename=\"a.png\"\r\nContent-Type: image/png"),
                b"<html><script></script>",
            ),
            "The image is not a PNG, JPEG, WebP or GIF image",
        ),
        (
            other(&format!("{field}; filename=\"a.png\""), &png[..60]),
            "The image cannot be decoded",
        ),
        (
            other(&format!("{field}; filename=\"a\""), &vec![0; 2 << 20 | 1]),
            "The image is larger than 2 MiB",
        ),
        (vec![b'x'; 3 << 20], "Request body too large"),
        (
            [file(&png), one.clone()].concat(),
            "the field has several files",
        ),
        (
            other(
                &format!("{field}\r\nContent-Type: multipart/mixed; boundary=b"),
                b"--b--",
            ),
            "the file is a form itself",
        ),
        (one[..one.len() - 30].to_vec(), "the form is cut off"),
        (one[..40].to_vec(), "the form is cut off"),
        (b"no form at all".to_vec(), "the form is cut off"),
    ] {
        let response = app.upload_form(&token, body).await;
        assert_eq!(
            (response.status, response.json()),
            (200, json!({"error_code": "4103", "message": message}))
        );
    }
    for (content_type, message) in [
        ("multipart/form-data", "the form's boundary is missing"),
        ("application/json", "No image uploaded"),
        ("image/png", "No image uploaded"),
    ] {
        let request = app
            .request("POST", "/users/avatar")
            .bearer_auth(&token)
            .body(one.clone());
        let response = app.send(request.header("content-type", content_type)).await;
        assert_eq!(
            response.json(),
            json!({"error_code": "4103", "message": message})
        );
    }
    let stranger = app.upload_form("nonsense", one).await;
    assert_eq!(
        (stranger.status, &stranger.json()["error_code"]),
        (401, &json!("4101"))
    );
    assert!(app.stored_avatars().await.is_empty() && app.avatar(&token).await.is_none());
}

#[tokio::test]
async fn the_name_of_a_file_does_not_matter() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    for name in [
        "../../x",
        "..\\x",
        "a.svg",
        "名前.html",
        "%00.png",
        "",
        "con",
        &"n".repeat(3000),
    ] {
        let headers = format!(
            "Content-Disposition: form-data; name=\"avatar\"; filename=\"{name}\"\r\nContent-Type: text/html"
        );
        let body = [part(&headers, &picture(PNG, 20)), FORM_END.to_vec()].concat();
        let response = app.upload_form(&token, body).await;
        assert_eq!(response.json()["error_code"], "0", "{name}: {response}");
    }
    let nul = "Content-Disposition: form-data; name=\"avatar\"; filename=\"a\0.png\"";
    let body = [part(nul, &picture(PNG, 20)), FORM_END.to_vec()].concat();
    assert_eq!(
        app.upload_form(&token, body).await.json()["message"],
        "the form cannot be read"
    );
}

#[tokio::test]
async fn a_new_avatar_deletes_the_old_one_and_no_other() {
    let app = TestApp::new().await;
    let (token, other) = (
        app.register_and_login("testuser").await,
        app.register_and_login("other").await,
    );
    let (first, others) = (app.upload_url(&token).await, app.upload_url(&other).await);
    let second = app.upload_url(&token).await;
    app.settle().await;
    assert!(!app.serves(&first).await);
    let stored = app.stored_avatars().await;
    assert!(
        stored.contains(&second) && stored.contains(&others) && stored.len() == 2,
        "{stored:?}"
    );

    // A URL of another site is never deleted, even if it looks like one of ours.
    let user = json!({"uuid": app.me(&token).await.json()["id"]});
    for url in [
        "https://example.com/avatars/x/y.png".to_owned(),
        others.replace("http:", "https:"),
    ] {
        assert_eq!(
            app.update_me(&token, &json!({"avatar": url})).await.status,
            200,
            "{url}"
        );
        app.upload_url(&token).await;
    }
    let other_user = app.me(&other).await.json();
    let stolen = app.stored_user(&other_user).await.avatar;
    app.update_directly(&user, |user| user.avatar = stolen.clone())
        .await;
    app.upload_url(&token).await;
    app.settle().await;
    assert_eq!(app.avatar(&other).await, Some(others));
}

#[tokio::test]
async fn every_way_to_replace_an_avatar_deletes_its_object() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("a@b.co").await;
    let elsewhere = "http://example.com/a.png";
    for (path, avatar) in [
        ("/api/users/me", json!(null)),
        ("/api/users/me", json!("")),
        ("/api/users/me", json!(elsewhere)),
        ("/api/users/avatar/", json!(null)),
        ("/api/users/avatar/", json!(elsewhere)),
    ] {
        let own = app.upload_url(&token).await;
        // What was read can be written back, and then the object is kept.
        let body = json!({"avatar": own, "user_id": user["id"]});
        let same = app.send_json_as(&token, "PUT", path, &body).await;
        assert_eq!(same.status, 200, "{same}");
        app.settle().await;
        assert_eq!(app.avatar(&token).await.as_ref(), Some(&own), "{path}");

        let body = json!({"avatar": avatar, "user_id": user["id"]});
        let changed = app.send_json_as(&token, "PUT", path, &body).await;
        assert_eq!(changed.status, 200, "{changed}");
        app.settle().await;
        assert!(app.stored_avatars().await.is_empty(), "{path} {avatar}");
    }
}

#[tokio::test]
async fn an_avatar_at_a_former_base_url_still_belongs_to_its_user() {
    let app = TestApp::new().await;
    let (token, other) = (
        app.register_and_login("testuser").await,
        app.register_and_login("other").await,
    );
    let (first, others) = (app.upload_url(&token).await, app.upload_url(&other).await);
    let former =
        |url: &str| json!({"avatar": url.replace(&app.url(), "https://former.example.com/p")});
    let cleanup = json!({"command": "sweep-avatars", "seconds": 0});
    assert_eq!(app.update_me(&token, &former(&first)).await.status, 200);
    assert_eq!(app.admin(cleanup.clone()).await["swept"], 0);
    let second = app.upload_url(&token).await;
    app.settle().await;
    assert!(!app.serves(&first).await && app.serves(&second).await);

    // A reference to another user's avatar never deletes it.
    assert_eq!(app.update_me(&token, &former(&others)).await.status, 200);
    app.settle().await;
    assert!(!app.serves(&second).await);
    assert_eq!(app.admin(cleanup.clone()).await["swept"], 0);
    app.upload_url(&token).await;
    assert_eq!(app.update_me(&token, &former(&others)).await.status, 200);
    app.admin(json!({"command": "delete", "user": "testuser"}))
        .await;
    app.settle().await;
    assert!(app.serves(&others).await);

    assert_eq!(app.update_me(&other, &former(&others)).await.status, 200);
    app.admin(json!({"command": "delete", "user": "other"}))
        .await;
    app.settle().await;
    assert!(!app.serves(&others).await);
}

#[tokio::test]
async fn a_cleanup_deletes_only_unreferenced_avatars() {
    let app = TestApp::new().await;
    let (token, other) = (
        app.register_and_login("testuser").await,
        app.register_and_login("other").await,
    );
    let (kept, orphaned) = (
        app.upload_url(&token).await,
        app.interrupted_upload(&other).await,
    );
    let cleanup = json!({"command": "sweep-avatars"});
    assert_eq!(
        app.admin(cleanup).await,
        json!({"swept": 0, "next": null}),
        "a recent object may belong to an upload in progress"
    );
    assert_eq!(app.stored_avatars().await.len(), 2);

    let cleanup = json!({"command": "sweep-avatars", "seconds": 0});
    assert_eq!(
        app.admin(cleanup.clone()).await,
        json!({"swept": 1, "next": null})
    );
    assert_eq!(app.stored_avatars().await, [kept.as_str()]);
    assert!(!app.serves(&orphaned).await);
    assert_eq!(app.avatar(&token).await, Some(kept));
    assert_eq!(app.admin(cleanup).await, json!({"swept": 0, "next": null}));
}

#[tokio::test]
async fn a_cleanup_resumes_from_its_checkpoint_and_reads_in_batches() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let kept = app.upload_url(&token).await;
    let (s3, bucket) = (
        app.operator().clients.s3(),
        app.physical_id("AvatarsBucket"),
    );
    let put = |user: usize, object: usize| {
        let key = format!("avatars/{user}fffffff-0000-7000-8000-{user:012}/{object:032}.jpg");
        s3.put_object()
            .bucket(&bucket)
            .key(key)
            .body(vec![0].into())
            .send()
    };
    let objects = (0..10).flat_map(|user| (0..110).map(move |object| (user, object)));
    let put = stream::iter(objects.map(|(user, object)| put(user, object))).buffer_unordered(50);
    let put: Vec<_> = put.collect().await;
    assert!(put.iter().all(Result::is_ok));

    let (users, avatars) = <(Users, Avatars)>::open(&app.operator())
        .await
        .expect("the store opens");
    let (first, second) = (
        users.delete_unreferenced_avatars(&avatars, 3600, Duration::ZERO, false),
        users.delete_unreferenced_avatars(&avatars, 3600, Duration::ZERO, false),
    );
    assert!(
        first.await.expect("a cleanup").next.is_some()
            && second.await.expect("a cleanup").next.is_none()
    );
    let first = users
        .delete_unreferenced_avatars(&avatars, 0, Duration::ZERO, true)
        .await
        .expect("a cleanup");
    assert!(
        first.next.is_some() && (900..=1000).contains(&first.swept),
        "{first:?}"
    );
    app.dynamodb_calls();
    let cleanup = json!({"command": "sweep-avatars", "seconds": 0, "force": true});
    assert_eq!(
        app.admin(cleanup.clone()).await,
        json!({"swept": 1100 - first.swept, "next": null})
    );
    let calls = app.dynamodb_calls();
    assert_eq!(
        calls[calls.len() - 3..],
        ["BatchGetItem", "BatchGetItem", "PutItem"]
    );
    assert_eq!(app.stored_avatars().await, [kept.as_str()]);
    app.interrupted_upload(&token).await;
    assert_eq!(app.admin(cleanup).await["swept"], 1, "it starts over");
}

/// Deletes the stored items of these users, as a damaged table does.
async fn lose_users(app: &TestApp, names: &[String]) {
    for name in names {
        let user = app.user_item("username", name).await;
        let delete = app.dynamodb().delete_item();
        delete
            .table_name(app.physical_id("UsersTable"))
            .key("pk", user["pk"].clone())
            .send()
            .await
            .expect("a deletion");
    }
}

#[tokio::test]
async fn a_cleanup_deletes_nothing_if_the_users_are_damaged() {
    let app = TestApp::new().await;
    let names: Vec<String> = (0..8).map(|number| format!("user{number}")).collect();
    let mut urls = Vec::new();
    for name in &names {
        let token = app.register_and_login(name).await;
        urls.push(app.upload_url(&token).await);
    }
    let cleanup = json!({"command": "sweep-avatars", "seconds": 0});
    let forced = json!({"command": "sweep-avatars", "seconds": 0, "force": true});
    lose_users(&app, &names[..5]).await;
    let restored = app.items().await;
    lose_users(&app, &names[5..6]).await;
    for _ in 0..2 {
        assert_eq!(app.admin(cleanup.clone()).await["name"], "internal");
        assert_eq!(app.stored_avatars().await.len(), 8);
    }
    let logs = app.logs().await;
    let cause = "the avatar cleanup stopped: 6 of 8 avatars are unreferenced";
    let line = logs.iter().find(|line| line.contains(cause));
    assert!(line.expect("a line").contains(r#""level":"ERROR""#));

    // Five are as many as interrupted uploads may leave.
    for item in restored {
        app.put_item("UsersTable", item).await;
    }
    assert_eq!(
        app.admin(cleanup.clone()).await,
        json!({"swept": 5, "next": null})
    );
    lose_users(&app, &names[5..]).await;
    assert_eq!(app.admin(cleanup).await["swept"], 3);
    assert_eq!(app.admin(forced).await["swept"], 0);
}

#[tokio::test]
async fn a_cleanup_deletes_at_most_one_percent_and_a_hundred() {
    let app = TestApp::new().await;
    let (s3, bucket) = (
        app.operator().clients.s3(),
        app.physical_id("AvatarsBucket"),
    );
    let token = app.register_and_login("testuser").await;
    let user = app.me(&token).await.json();
    let user = user["id"].as_str().expect("a UUID");
    let put = |key: String| {
        let put = s3.put_object().bucket(&bucket).key(key);
        put.body(vec![0].into()).send()
    };
    let cleanup = json!({"command": "sweep-avatars", "seconds": 0});
    let forced = json!({"command": "sweep-avatars", "seconds": 0, "force": true});
    for (number, stops) in [(5, false), (6, true), (101, true)] {
        let put = (0..number).map(|name| put(format!("avatars/{user}/{name:032x}.png")));
        let put: Vec<_> = stream::iter(put).buffer_unordered(50).collect().await;
        assert!(put.iter().all(Result::is_ok));
        if stops {
            assert_eq!(app.admin(cleanup.clone()).await["name"], "internal");
            assert_eq!(app.stored_avatars().await.len(), number);
            assert_eq!(app.admin(forced.clone()).await["swept"], number);
        } else {
            assert_eq!(app.admin(cleanup.clone()).await["swept"], number);
        }
        assert!(app.stored_avatars().await.is_empty());
    }
}
