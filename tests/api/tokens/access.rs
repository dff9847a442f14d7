//! Access tokens: their claims, and the rejection of everything else.

use std::time::Duration;

use serde_json::{Value, json};
use shared::{FieldCipher, FromConfig};

use crate::support::{PASSWORD, TestApp, encode, encode_text, parts, sign, sign_text};

#[tokio::test]
async fn a_token_holds_exactly_the_documented_claims() {
    let app = TestApp::new().await;
    let (header, claims) = parts(&app.register_and_login("testuser").await);
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("HS256"), &json!("JWT"))
    );
    assert!(header["kid"].is_string());
    let mut names: Vec<_> = claims.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(
        names,
        ["aud", "exp", "iat", "iss", "sid", "typ", "user_id", "ver"]
    );
    let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(lifetime, 24 * 60 * 60);
}

#[tokio::test]
async fn the_wechat_openid_in_a_token_is_never_trusted() {
    let app = TestApp::new().await;
    let (user, unbound) = app.student("student").await;
    assert_eq!(parts(&unbound).1.get("openid"), None);
    let token = app.login("student@example.com", PASSWORD).await.json()["access_token"].clone();
    let (header, mut claims) = parts(token.as_str().unwrap());
    assert_eq!(claims["openid"], "student");

    app.student("other").await;
    let key = app.secret("TokenKey").await;
    for openid in [
        json!("other"),
        json!(""),
        json!(5),
        json!(["other"]),
        Value::Null,
    ] {
        claims["openid"] = openid;
        let profile = app
            .view_profile(&sign(&header, &claims, &key), "")
            .await
            .json()["profile"]
            .clone();
        assert_eq!(
            (&profile["wx"], &profile["name"]),
            (&json!("student"), &user["name"])
        );
    }
}

#[tokio::test]
async fn a_parameter_sets_the_lifetime_of_a_token() {
    let app = TestApp::with_parameters(&[("TokenSeconds", "60")]).await;
    let (_, claims) = parts(&app.register_and_login("testuser").await);
    assert_eq!(
        claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
        60
    );
}

#[tokio::test]
async fn every_malformed_or_forged_token_is_refused() {
    let app = TestApp::new().await;
    let good = app.register_and_login("testuser").await;
    let (header, claims) = parts(&good);
    let other = parts(&app.register_and_login("other").await).1["sid"].clone();
    let key = app.secret("TokenKey").await;
    assert_eq!(
        app.me(&sign(&header, &claims, &key)).await.status,
        200,
        "a token signed by the test is valid"
    );

    let mut bad: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, token: String| bad.push((name.to_owned(), token));

    // Malformed tokens.
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
        "with a reversed signature",
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
        "of 6,000 characters more",
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
        add(&format!("alg {alg}"), sign(&header, &claims, &key));
        add(
            &format!("alg {alg} unsigned"),
            format!("{}.{}.", encode(&header), encode(&claims)),
        );
    }
    add("without alg", sign(&without(&header, "alg"), &claims, &key));
    add("without kid", sign(&without(&header, "kid"), &claims, &key));
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
            sign(&with(&header, "kid", kid), &claims, &key),
        );
    }
    for crit in [json!(["exp"]), json!(["unknown"]), json!([])] {
        add(
            &format!("crit {crit}"),
            sign(&with(&header, "crit", crit), &claims, &key),
        );
    }
    let jwk = json!({"kty": "oct", "k": encode(&json!("attacker's key, of thirty-two bytes"))});
    add(
        "its own jwk",
        sign(
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
        add(&format!("key {other:?}"), sign(&header, &claims, other));
    }

    // Claims.
    for name in ["user_id", "exp", "iat", "iss", "aud", "typ", "ver", "sid"] {
        add(
            &format!("without {name}"),
            sign(&header, &without(&claims, name), &key),
        );
        add(
            &format!("null {name}"),
            sign(&header, &with(&claims, name, Value::Null), &key),
        );
        add(
            &format!("{name} of another type"),
            sign(&header, &with(&claims, name, json!({"a": 1})), &key),
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
        ("sid", json!("")),
        ("sid", json!("AAAAAAAAAAAAAAAAAAAAAA")),
        (
            "sid",
            json!(format!("{}=", claims["sid"].as_str().unwrap())),
        ),
        ("sid", other),
    ] {
        add(
            &format!("{name} {value}"),
            sign(&header, &with(&claims, name, value), &key),
        );
    }
    let twice = encode_text(&claims.to_string().replacen('{', r#"{"typ":"access","#, 1));
    add(
        "a claim twice",
        sign_text(&format!("{}.{twice}", encode(&header)), &key),
    );
    let array = encode(&json!([claims]));
    add(
        "claims in an array",
        sign_text(&format!("{}.{array}", encode(&header)), &key),
    );

    assert!(bad.len() >= 60, "{}", bad.len());
    for (name, token) in bad {
        let request = app
            .request("GET", "/api/users/me")
            .header("authorization", format!("Bearer {token}"));
        let response = app.send(request).await;
        assert_eq!(response.status, 401, "{name}: {response}");
        assert_eq!(
            response.www_authenticate.as_deref(),
            Some("Bearer"),
            "{name}"
        );
        let detail = response.json()["detail"].clone();
        assert!(
            detail == "Invalid credentials" || detail == "Token expired",
            "{name}: {detail}"
        );
    }
}

#[tokio::test]
async fn a_token_expires_after_a_day_with_its_own_error() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    app.advance_clock(Duration::from_secs(24 * 60 * 60 - 60));
    assert_eq!(app.me(&token).await.status, 200);
    app.advance_clock(Duration::from_secs(120));
    insta::assert_snapshot!(app.me(&token).await, @r#"
    401 application/json www-authenticate: Bearer
    {
      "detail": "Token expired"
    }
    "#);
}

#[tokio::test]
async fn a_new_key_version_ends_no_session() {
    let app = TestApp::new().await;
    let before = app.register_and_login("testuser").await;
    let secrets = app.operator().clients.secrets_manager();
    let id = app.physical_id("TokenKey");
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
    // The cold functions know the new key and the previous one.
    assert_eq!(app.me(&before).await.status, 200);

    let (mut header, claims) = parts(&before);
    put("a third key, as long as it must be, for the day after")
        .await
        .expect("a rotation");
    header["nonce"] = json!("a token of the first key, signed again");
    let first = sign(
        &header,
        &claims,
        "another key, as long as it must be, for the next day",
    );
    assert_eq!(
        app.me(&first).await.status,
        401,
        "the key id is of another key"
    );
    assert_eq!(
        app.update_me(&before, &json!({})).await.status,
        401,
        "a key expires after two rotations"
    );
}

#[tokio::test]
async fn a_block_or_a_new_token_version_ends_all_tokens() {
    let app = TestApp::new().await;
    for change in [
        |user: &mut shared::UserChange| user.blocked = true,
        |user: &mut shared::UserChange| user.token_version += 1,
    ] {
        let name = format!("user{}", app.items().await.len());
        let token = app.register_and_login(&name).await;
        assert_eq!(app.me(&token).await.status, 200);
        let user = app.me(&token).await.json();
        app.update_directly(&user, change).await;
        assert_eq!(app.me(&token).await.status, 401);
        assert_eq!(
            app.update_me(&token, &json!({"nickname": "n"}))
                .await
                .status,
            401
        );
    }
}

#[tokio::test]
async fn a_login_of_a_blocked_user_looks_like_an_unknown_user() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let user = app.me(&token).await.json();
    app.update_directly(&user, |user| user.blocked = true).await;
    let (blocked, unknown) = (
        app.login("testuser", PASSWORD).await,
        app.login("nobody", PASSWORD).await,
    );
    assert_eq!(blocked.to_string(), unknown.to_string());
}

#[tokio::test]
async fn an_encrypted_field_opens_only_for_its_user_and_name() {
    let app = TestApp::new().await;
    let cipher = <FieldCipher as FromConfig>::open(&app.operator())
        .await
        .expect("the cipher");
    let (one, two) = (
        "01941234-5678-7abc-8def-0123456789ab".parse().unwrap(),
        "01941234-5678-7abc-8def-0123456789ac".parse().unwrap(),
    );
    let encrypted = cipher
        .seal(one, "apikey", "sk-1")
        .await
        .expect("an encrypted field");
    assert_eq!(
        cipher.open(one, "apikey", &encrypted).await.ok().as_deref(),
        Some("sk-1")
    );
    assert!(cipher.open(two, "apikey", &encrypted).await.is_err());
    assert!(cipher.open(one, "id_card", &encrypted).await.is_err());
    assert_ne!(
        cipher
            .seal(one, "apikey", "sk-1")
            .await
            .expect("an encrypted field"),
        encrypted,
        "a nonce is used only once"
    );
}
