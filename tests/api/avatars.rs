//! Avatars: what is uploaded, what is served of it, what is deleted after; and that at no point
//! does a user point to a picture that is not there.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use image::ImageFormat;
use serde_json::json;
use shared::{Avatars, Resource, Users};

use crate::upload::{END, PNG, file, part, picture};
use crate::world::World;

#[tokio::test]
async fn a_picture_of_each_format_is_served_scaled_down_and_cached_for_ever() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    let uuid = world.me(&token).await.json()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for format in [PNG, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
        let answer = world.upload(&token, &picture(format, 700)).await;
        let url = answer.json()["avatar_url"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned();
        let told = json!({
            "error_code": "0", "message": "Avatar saved successfully", "code": 200,
            "data": {"avatar_url": url}, "avatar_url": url,
        });
        assert_eq!(answer.json(), told);
        let rest = url
            .strip_prefix(&format!("{}/avatars/{uuid}/", world.avatars_url()))
            .expect("a URL");
        assert_eq!(
            rest.len(),
            "0123456789abcdef0123456789abcdef.jpg".len(),
            "{rest}"
        );
        assert_eq!(world.avatar(&token).await, Some(url.clone()));

        let response = world.fetch(&url).await;
        for (name, value) in [
            ("content-type", "image/jpeg"),
            ("cache-control", "public, max-age=31536000, immutable"),
            ("content-disposition", "inline"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; sandbox"),
        ] {
            assert_eq!(response.headers()[name], value);
        }
        let shown =
            image::load_from_memory(&response.bytes().await.expect("a body")).expect("a picture");
        assert_eq!((shown.width(), shown.height()), (512, 512));
    }
    world.settle().await;
    assert_eq!(
        world.objects().await,
        [world.avatar(&token).await.expect("a picture")]
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
            world
                .request("GET", path)
                .send()
                .await
                .expect("an answer")
                .status(),
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    let png = picture(PNG, 20);
    let one = [file(&png), END.to_vec()].concat();
    let other = |headers: &str, content: &[u8]| [part(headers, content), END.to_vec()].concat();
    let field = "Content-Disposition: form-data; name=\"avatar\"";
    for (body, message) in [
        (END.to_vec(), "No image uploaded"),
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
        let answer = world.form(&token, body).await;
        let told = (answer.status, answer.json());
        assert_eq!(
            told,
            (200, json!({"error_code": "4103", "message": message}))
        );
    }
    for (content_type, message) in [
        ("multipart/form-data", "the form's boundary is missing"),
        ("application/json", "No image uploaded"),
        ("image/png", "No image uploaded"),
    ] {
        let request = world
            .request("POST", "/users/avatar")
            .bearer_auth(&token)
            .body(one.clone());
        let answer = world
            .send(request.header("content-type", content_type))
            .await;
        assert_eq!(
            answer.json(),
            json!({"error_code": "4103", "message": message})
        );
    }
    let stranger = world.form("nonsense", one).await;
    assert_eq!(
        (stranger.status, &stranger.json()["error_code"]),
        (401, &json!("4101"))
    );
    assert!(world.objects().await.is_empty() && world.avatar(&token).await.is_none());
}

#[tokio::test]
async fn what_a_file_is_called_does_not_matter() {
    let world = World::new().await;
    let token = world.token("testuser").await;
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
        let body = [part(&headers, &picture(PNG, 20)), END.to_vec()].concat();
        let answer = world.form(&token, body).await;
        assert_eq!(answer.json()["error_code"], "0", "{name}: {answer}");
    }
    let nul = "Content-Disposition: form-data; name=\"avatar\"; filename=\"a\0.png\"";
    let body = [part(nul, &picture(PNG, 20)), END.to_vec()].concat();
    assert_eq!(
        world.form(&token, body).await.json()["message"],
        "the form cannot be read"
    );
}

#[tokio::test]
async fn a_picture_is_deleted_once_another_is_in_its_place_and_no_others_are() {
    let world = World::new().await;
    let (token, other) = (world.token("testuser").await, world.token("other").await);
    let (first, others) = (world.uploaded(&token).await, world.uploaded(&other).await);
    let second = world.uploaded(&token).await;
    world.settle().await;
    assert!(!world.serves(&first).await);
    let mut left = world.objects().await;
    left.sort();
    assert!(left.contains(&second) && left.contains(&others) && left.len() == 2);

    // What came from elsewhere is left alone, also where it looks like one of ours.
    let user = json!({"uuid": world.me(&token).await.json()["id"]});
    for url in [
        "https://example.com/avatars/x/y.png".to_owned(),
        others.replace("http:", "https:"),
    ] {
        assert_eq!(
            world.update(&token, &json!({"avatar": url})).await.status,
            200,
            "{url}"
        );
        world.uploaded(&token).await;
    }
    let id = world.me(&other).await.json()["id"]
        .as_str()
        .expect("an id")
        .parse()
        .expect("a uuid");
    let stolen = world
        .users()
        .await
        .by_uuid(id)
        .await
        .ok()
        .flatten()
        .and_then(|user| user.avatar);
    world
        .alter(&user, |user| user.avatar = stolen.clone())
        .await;
    world.uploaded(&token).await;
    world.settle().await;
    assert_eq!(world.avatar(&other).await, Some(others));
}

#[tokio::test]
async fn a_picture_is_the_users_also_where_it_was_served_at_another_address() {
    let world = World::new().await;
    let (token, other) = (world.token("testuser").await, world.token("other").await);
    let (first, others) = (world.uploaded(&token).await, world.uploaded(&other).await);
    let former = |url: &str| json!({"avatar": url.replace(&world.avatars_url(), "https://former.example.com/p")});
    let sweep = json!({"command": "sweep-avatars", "seconds": 0});
    assert_eq!(world.update(&token, &former(&first)).await.status, 200);
    assert_eq!(world.admin(sweep.clone()).await["swept"], 0);
    let second = world.uploaded(&token).await;
    world.settle().await;
    assert!(!world.serves(&first).await && world.serves(&second).await);

    // Another's picture is not theirs by being named: it goes neither with theirs nor with them.
    assert_eq!(world.update(&token, &former(&others)).await.status, 200);
    assert_eq!(world.admin(sweep.clone()).await["swept"], 1);
    let third = world.uploaded(&token).await;
    assert_eq!(world.update(&token, &former(&others)).await.status, 200);
    world
        .admin(json!({"command": "delete", "user": "testuser"}))
        .await;
    world.settle().await;
    assert!(world.serves(&others).await && world.serves(&third).await);

    assert_eq!(world.update(&other, &former(&others)).await.status, 200);
    world
        .admin(json!({"command": "delete", "user": "other"}))
        .await;
    world.settle().await;
    assert!(!world.serves(&others).await);
}

#[tokio::test]
async fn a_sweep_deletes_what_nobody_points_to_and_nothing_else() {
    let world = World::new().await;
    let (token, gone) = (world.token("testuser").await, world.token("gone").await);
    let (kept, forgotten) = (world.uploaded(&token).await, world.uploaded(&gone).await);
    let elsewhere = json!({"avatar": "https://example.com/a.png"});
    assert_eq!(world.update(&gone, &elsewhere).await.status, 200);
    let sweep = json!({"command": "sweep-avatars"});
    assert_eq!(
        world.admin(sweep).await,
        json!({"swept": 0, "next": null}),
        "an upload may still be on its way to it"
    );
    assert_eq!(world.objects().await.len(), 2);

    let sweep = json!({"command": "sweep-avatars", "seconds": 0});
    assert_eq!(
        world.admin(sweep.clone()).await,
        json!({"swept": 1, "next": null})
    );
    assert_eq!(world.objects().await, [kept.as_str()]);
    assert!(!world.serves(&forgotten).await);
    assert_eq!(world.avatar(&token).await, Some(kept));
    assert_eq!(world.admin(sweep).await, json!({"swept": 0, "next": null}));
}

#[tokio::test]
async fn a_sweep_goes_on_where_the_one_before_had_no_more_time_and_reads_many_users_at_once() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.token("testuser").await;
    let kept = world.uploaded(&token).await;
    let (s3, bucket) = (world.operator().s3(), world.physical_id("AvatarsBucket"));
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

    let (users, avatars) = <(Users, Avatars)>::open(&world.operator())
        .await
        .expect("the store opens");
    let (once, twice) = (
        avatars.sweep(&users, 3600, Duration::ZERO),
        avatars.sweep(&users, 3600, Duration::ZERO),
    );
    assert!(
        once.await.expect("a sweep").next.is_some() && twice.await.expect("a sweep").next.is_none()
    );
    let first = avatars
        .sweep(&users, 0, Duration::ZERO)
        .await
        .expect("a sweep");
    assert!(
        first.next.is_some() && (900..=1000).contains(&first.swept),
        "{first:?}"
    );
    world.dynamodb_calls();
    let sweep = json!({"command": "sweep-avatars", "seconds": 0});
    assert_eq!(
        world.admin(sweep.clone()).await,
        json!({"swept": 1100 - first.swept, "next": null})
    );
    let calls = world.dynamodb_calls();
    assert_eq!(
        calls[calls.len() - 3..],
        ["GetItem", "BatchGetItem", "TransactWriteItems"]
    );
    assert_eq!(world.objects().await, [kept.as_str()]);
    assert_eq!(
        world.update(&token, &json!({"avatar": null})).await.status,
        200
    );
    assert_eq!(world.admin(sweep).await["swept"], 1, "it begins anew");
}
