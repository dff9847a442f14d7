//! Stored password hashes.

use crate::support::{PASSWORD, TestApp, registration};

/// The beginning of a hash with the current parameters.
const CURRENT: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

async fn stored_hash(app: &TestApp, username: &str) -> String {
    let user = app.user_item("username", username).await;
    user["password"].as_s().expect("a hash").clone()
}

#[tokio::test]
async fn an_outdated_hash_is_renewed_at_the_next_login() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    app.store_outdated_hash("testuser@example.com").await;

    assert_eq!(app.login("testuser", "a wrong one").await.status, 401);
    let hash = stored_hash(&app, "testuser").await;
    assert!(
        !hash.starts_with(CURRENT),
        "a wrong password renewed {hash}"
    );
    assert_eq!(app.login("testuser", PASSWORD).await.status, 200);
    let hash = stored_hash(&app, "testuser").await;
    assert!(hash.starts_with(CURRENT), "{hash}");
    assert_eq!(app.login("testuser", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_stored_hash_that_needs_8_gib_is_refused_with_a_500() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let hash = stored_hash(&app, "testuser").await;
    let user = app.user_item("username", "testuser").await;
    app.store_password_hash(&user, &hash.replace("m=19456", "m=8388608"))
        .await;
    assert_eq!(app.login("testuser", PASSWORD).await.status, 500);
    let log = app.logs().await.join("\n");
    assert!(
        log.contains("a stored password hash is not acceptable"),
        "{log}"
    );
}

#[tokio::test]
async fn equal_passwords_have_different_hashes() {
    let app = TestApp::new().await;
    app.register(&registration("one")).await;
    app.register(&registration("two")).await;
    let (one, two) = (
        stored_hash(&app, "one").await,
        stored_hash(&app, "two").await,
    );
    assert_ne!(one, two);
}
