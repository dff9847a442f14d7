//! Tokens: what is in them, and everything that is not one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use shared::{By, Resource, Seals};

use crate::world::{PASSWORD, World};

#[tokio::test]
async fn a_token_holds_what_the_contract_says_and_no_more() {
    let world = World::new().await;
    let (header, claims) = opened(&world.token("testuser").await);
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("HS256"), &json!("JWT"))
    );
    assert!(header["kid"].is_string());
    let mut names: Vec<_> = claims.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["aud", "exp", "iat", "iss", "typ", "user_id", "ver"]);
    let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(lifetime, 24 * 60 * 60);
}

#[tokio::test]
async fn an_open_id_is_told_in_the_token_and_never_believed() {
    let world = World::new().await;
    let (user, unbound) = world.student("student").await;
    assert_eq!(opened(&unbound).1.get("openid"), None);
    let token = world.login("student@example.com", PASSWORD).await.json()["access_token"].clone();
    let (header, mut claims) = opened(token.as_str().unwrap());
    assert_eq!(claims["openid"], "student");

    world.student("other").await;
    let key = world.secret("TokenKey").await;
    for openid in [
        json!("other"),
        json!(""),
        json!(5),
        json!(["other"]),
        Value::Null,
    ] {
        claims["openid"] = openid;
        let profile =
            world.view(&signed(&header, &claims, &key), "").await.json()["profile"].clone();
        assert_eq!(
            (&profile["wx"], &profile["name"]),
            (&json!("student"), &user["name"])
        );
    }
}

#[tokio::test]
async fn how_long_a_token_is_good_is_a_parameter() {
    let Some(world) = World::with(&[("TokenSeconds", "60")]).await else {
        return;
    };
    let (_, claims) = opened(&world.token("testuser").await);
    assert_eq!(
        claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
        60
    );
}

#[tokio::test]
async fn whatever_is_not_a_token_of_ours_is_refused() {
    let world = World::new().await;
    let good = world.token("testuser").await;
    let (header, claims) = opened(&good);
    let key = world.secret("TokenKey").await;
    assert_eq!(
        world.me(&signed(&header, &claims, &key)).await.status,
        200,
        "the forge works"
    );

    let mut bad: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, token: String| bad.push((name.to_owned(), token));

    // Not even the shape of a token.
    for text in [
        "", "x", ".", "..", "a.b.c", "null", "Bearer", "eyJ9..", "{}", "[]", "%00",
    ] {
        add(&format!("text {text:?}"), text.to_owned());
    }
    let parts: Vec<&str> = good.split('.').collect();
    add("without signature", format!("{}.{}.", parts[0], parts[1]));
    add("of two parts", format!("{}.{}", parts[0], parts[1]));
    add("of four parts", format!("{good}.{}", parts[2]));
    add("of five parts", format!("{good}..{}", parts[2]));
    add(
        "with a signature cut short",
        good[..good.len() - 4].to_owned(),
    );
    add(
        "with a signature turned round",
        format!(
            "{}.{}.{}",
            parts[0],
            parts[1],
            parts[2].chars().rev().collect::<String>()
        ),
    );
    add("with padding", format!("{good}="));
    add("in upper case", good.to_uppercase());
    add(
        "of 100,000 characters",
        format!("{good}{}", "A".repeat(6_000)),
    );

    // Headers.
    let with = |at: &Value, name: &str, value: Value| {
        let mut changed = at.clone();
        changed[name] = value;
        changed
    };
    let without = |at: &Value, name: &str| {
        let mut changed = at.clone();
        changed.as_object_mut().unwrap().remove(name);
        changed
    };
    for alg in [
        "none", "None", "NONE", "nOnE", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA",
        "hs256", "",
    ] {
        let header = with(&header, "alg", json!(alg));
        add(&format!("alg {alg}"), signed(&header, &claims, &key));
        add(
            &format!("alg {alg} unsigned"),
            format!("{}.{}.", encoded(&header), encoded(&claims)),
        );
    }
    add(
        "without alg",
        signed(&without(&header, "alg"), &claims, &key),
    );
    add(
        "without kid",
        signed(&without(&header, "kid"), &claims, &key),
    );
    for kid in [
        json!("other"),
        json!(""),
        json!("../../dev/null"),
        json!("' OR 1=1 --"),
        json!(1),
        json!(null),
    ] {
        add(
            &format!("kid {kid}"),
            signed(&with(&header, "kid", kid), &claims, &key),
        );
    }
    for crit in [json!(["exp"]), json!(["unknown"]), json!([])] {
        add(
            &format!("crit {crit}"),
            signed(&with(&header, "crit", crit), &claims, &key),
        );
    }
    let jwk = json!({"kty": "oct", "k": encoded(&json!("attacker's key, of thirty-two bytes"))});
    add(
        "its own jwk",
        signed(
            &with(&header, "jwk", jwk),
            &claims,
            "attacker's key, of thirty-two bytes",
        ),
    );
    for other in [
        "",
        "secret",
        "another key that is quite as long as it must be, but not it",
    ] {
        add(&format!("key {other:?}"), signed(&header, &claims, other));
    }

    // Claims.
    for name in ["user_id", "exp", "iat", "iss", "aud", "typ", "ver"] {
        add(
            &format!("without {name}"),
            signed(&header, &without(&claims, name), &key),
        );
        add(
            &format!("null {name}"),
            signed(&header, &with(&claims, name, Value::Null), &key),
        );
        add(
            &format!("{name} of another type"),
            signed(&header, &with(&claims, name, json!({"a": 1})), &key),
        );
    }
    let now = claims["iat"].as_i64().unwrap();
    for (name, value) in [
        ("user_id", json!("550e8400-e29b-41d4-a716-446655440000")),
        ("user_id", json!("00000000-0000-0000-0000-000000000000")),
        ("user_id", json!("admin")),
        ("exp", json!(now - 3600)),
        ("exp", json!(now - 10)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!("9999999999")),
        ("nbf", json!(now + 3600)),
        ("iat", json!(now + 3600)),
        ("iss", json!("somebody")),
        ("iss", json!("")),
        ("aud", json!("somebody")),
        ("aud", json!([])),
        ("aud", json!(["somebody", "else"])),
        ("typ", json!("verify-email")),
        ("typ", json!("")),
        ("ver", json!(0)),
        ("ver", json!(2)),
        ("ver", json!(-1)),
        ("ver", json!("1")),
    ] {
        add(
            &format!("{name} {value}"),
            signed(&header, &with(&claims, name, value), &key),
        );
    }
    let twice = encoded_text(&claims.to_string().replacen('{', r#"{"typ":"access","#, 1));
    add(
        "a claim twice",
        mac(&format!("{}.{twice}", encoded(&header)), &key),
    );
    let array = encoded(&json!([claims]));
    add(
        "claims in an array",
        mac(&format!("{}.{array}", encoded(&header)), &key),
    );

    assert!(bad.len() >= 60, "{}", bad.len());
    for (name, token) in bad {
        let request = world
            .request("GET", "/api/users/me")
            .header("authorization", format!("Bearer {token}"));
        let answer = world.send(request).await;
        assert_eq!(answer.status, 401, "{name}: {answer}");
        assert_eq!(answer.www_authenticate.as_deref(), Some("Bearer"), "{name}");
        let words = answer.json()["detail"].clone();
        assert!(
            words == "Invalid credentials" || words == "Token expired",
            "{name}: {words}"
        );
    }
}

#[tokio::test]
async fn an_expired_token_is_told_from_a_bad_one() {
    let world = World::new().await;
    let (header, mut claims) = opened(&world.token("testuser").await);
    claims["exp"] = json!(claims["iat"].as_i64().unwrap() - 10);
    let answer = world
        .me(&signed(&header, &claims, &world.secret("TokenKey").await))
        .await;
    insta::assert_snapshot!(answer, @r#"
    401 application/json www-authenticate: Bearer
    {
      "detail": "Token expired"
    }
    "#);
}

#[tokio::test]
async fn a_rotation_of_the_key_ends_no_session() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let before = world.token("testuser").await;
    let secrets = world.operator().secrets_manager();
    let id = world.physical_id("TokenKey");
    let put = async |key: &str| {
        secrets
            .put_secret_value()
            .secret_id(&id)
            .secret_string(key)
            .send()
            .await
    };
    put("another key, as long as it must be, for the next day")
        .await
        .expect("a rotation");
    // The functions that have not run yet start with the new key, and know the former one.
    assert_eq!(world.me(&before).await.status, 200);

    let (mut header, claims) = opened(&before);
    put("a third key, as long as it must be, for the day after")
        .await
        .expect("a rotation");
    header["nonce"] = json!("a token of the first key, signed again");
    let first = signed(
        &header,
        &claims,
        "another key, as long as it must be, for the next day",
    );
    assert_eq!(
        world.me(&first).await.status,
        401,
        "the key id is not that of the key"
    );
    assert_eq!(
        world.update(&before, &json!({})).await.status,
        401,
        "two rotations ago is too long"
    );
}

#[tokio::test]
async fn a_block_or_a_new_token_version_ends_every_token_at_the_next_request() {
    let world = World::new().await;
    let users = world.users().await;
    for change in [
        |user: &mut shared::User| user.blocked = true,
        |user: &mut shared::User| user.token_version += 1,
    ] {
        let name = format!("user{}", world.items().await.len());
        let token = world.token(&name).await;
        assert_eq!(world.me(&token).await.status, 200);
        let (_, claims) = opened(&token);
        let uuid = claims["user_id"].as_str().unwrap().parse().unwrap();
        let user = users.by_uuid(uuid).await.ok().flatten().expect("the user");
        users
            .change(user, &By::operator(), change)
            .await
            .expect("a change");
        assert_eq!(world.me(&token).await.status, 401);
        assert_eq!(
            world.update(&token, &json!({"nickname": "n"})).await.status,
            401
        );
    }
}

#[tokio::test]
async fn a_blocked_user_is_told_what_an_unknown_one_is_told() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    let users = world.users().await;
    let uuid = opened(&token).1["user_id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let user = users.by_uuid(uuid).await.ok().flatten().expect("the user");
    users
        .change(user, &By::operator(), |user| user.blocked = true)
        .await
        .expect("a change");
    let (blocked, unknown) = (
        world.login("testuser", PASSWORD).await,
        world.login("nobody", PASSWORD).await,
    );
    assert_eq!(blocked.to_string(), unknown.to_string());
}

#[tokio::test]
async fn what_is_sealed_opens_as_the_same_field_of_the_same_user_only() {
    let world = World::new().await;
    let seals = <Seals as Resource>::open(&world.operator())
        .await
        .expect("the seals");
    let (one, two) = (
        "01941234-5678-7abc-8def-0123456789ab".parse().unwrap(),
        "01941234-5678-7abc-8def-0123456789ac".parse().unwrap(),
    );
    let sealed = seals.seal(one, "apikey", "sk-1").await.expect("a seal");
    assert_eq!(
        seals.unseal(one, "apikey", &sealed).await.ok().as_deref(),
        Some("sk-1")
    );
    assert!(seals.unseal(two, "apikey", &sealed).await.is_err());
    assert!(seals.unseal(one, "id_card", &sealed).await.is_err());
    assert_ne!(
        seals.seal(one, "apikey", "sk-1").await.expect("a seal"),
        sealed,
        "a nonce is used once"
    );
}

fn opened(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    });
    (parts.next().unwrap(), parts.next().unwrap())
}

fn signed(header: &Value, claims: &Value, key: &str) -> String {
    mac(&format!("{}.{}", encoded(header), encoded(claims)), key)
}

fn encoded(json: &Value) -> String {
    encoded_text(&json.to_string())
}

fn encoded_text(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A JWS of the two parts, whatever they are, by HS256.
fn mac(parts: &str, key: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    format!(
        "{parts}.{}",
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, parts.as_bytes()))
    )
}
