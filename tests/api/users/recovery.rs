//! Recovery of an account by a mailed code, and what a stranger left in it.

use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp};

const VICTIM: &str = "victim@b.co";
const NEW: &str = "a new password";
const PHONE: &str = "13800138000";

/// An account that a stranger made for the victim's address, with the stranger's data and token.
async fn occupied(app: &TestApp) -> (Value, String) {
    let (user, token) = app.whale_account(VICTIM).await;
    app.update_me(&token, &json!({"phone": PHONE})).await;
    let names = json!({"real_name": "stranger", "id_card": "1234"});
    let saved = app
        .send_json_as(&token, "POST", "/users/auth", &names)
        .await;
    assert_eq!(saved.json()["error_code"], "0", "{saved}");
    (user, token)
}

#[tokio::test]
async fn a_recovery_clears_what_a_stranger_saved() {
    let app = TestApp::new().await;
    let (user, token) = occupied(&app).await;
    let code = app.code(VICTIM).await;
    let reset = app.reset_password(&user, &code, NEW).await;
    assert_eq!(reset.json()["code"], 0, "{reset}");
    assert_eq!(reset.json()["data"]["user"]["email_verified"], true);
    let stored = app.stored_user(&user).await;
    assert!(stored.email_verified);
    assert_eq!(
        (stored.phone, stored.real_name, stored.id_card),
        (None, None, None)
    );
    assert_eq!(app.me(&token).await.status, 401);
    assert_eq!(app.login(VICTIM, PASSWORD).await.status, 401);
    let events = app.audit_events().await;
    assert!(events.contains(&"recovered".to_owned()), "{events:?}");

    let token = app.login_token(VICTIM, NEW).await;
    let names = json!({"real_name": "victim", "id_card": "5678"});
    app.send_json_as(&token, "POST", "/users/auth", &names)
        .await;
    let shown = app.get_as(&token, "/users/auth").await;
    assert_eq!(shown.json()["data"]["real_name"], "victim", "{shown}");
    let (_, other) = app.whale_account("other@b.co").await;
    let claimed = app.update_me(&other, &json!({"phone": PHONE})).await;
    assert_eq!(claimed.status, 200, "the phone number is free: {claimed}");
}

#[tokio::test]
async fn a_recovery_of_a_verified_account_clears_nothing() {
    let app = TestApp::new().await;
    let (user, token) = occupied(&app).await;
    app.update_directly(&user, |user| user.verify_email()).await;
    let code = app.code(VICTIM).await;
    app.reset_password(&user, &code, NEW).await;
    let stored = app.stored_user(&user).await;
    assert!(stored.phone.is_some() && stored.real_name.is_some() && stored.id_card.is_some());
    assert_eq!(app.me(&token).await.status, 401);
}

#[tokio::test]
async fn a_change_with_the_old_password_verifies_nothing() {
    let app = TestApp::new().await;
    let (user, _) = occupied(&app).await;
    let changed = app.change_password(&user, PASSWORD, NEW).await;
    assert_eq!(changed.json()["code"], 0, "{changed}");
    let stored = app.stored_user(&user).await;
    assert!(!stored.email_verified && stored.phone.is_some() && stored.real_name.is_some());
}

#[tokio::test]
async fn a_recovery_during_a_hold_clears_nothing() {
    let app = TestApp::new().await;
    let (user, token) = occupied(&app).await;
    app.update_directly(&user, |user| user.verify_email()).await;
    app.update_me(&token, &json!({"email": "thief@b.co"})).await;
    let code = app.code(VICTIM).await;
    let reset = app.reset_password(&user, &code, NEW).await;
    assert_eq!(reset.json()["code"], 0, "{reset}");
    let stored = app.stored_user(&user).await;
    assert!(!stored.email_verified, "the code went to another address");
    assert!(stored.phone.is_some() && stored.real_name.is_some());
}

#[tokio::test]
async fn the_first_password_of_an_imported_user_clears_nothing() {
    let app = TestApp::new().await;
    let imported = app
        .import_campus(&format!("email,name,phone\n{VICTIM},v,{PHONE}\n"))
        .await;
    assert_eq!(imported["created"], 1, "{imported}");
    let user = app.show(VICTIM).await;
    let code = app.code(VICTIM).await;
    app.reset_password(&user, &code, NEW).await;
    let stored = app.stored_user(&user).await;
    assert!(stored.email_verified);
    assert!(stored.phone.is_some(), "nobody but the operator saved it");
}

#[tokio::test]
async fn nothing_saved_during_a_recovery_survives_it() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account(VICTIM).await;
    let code = app.code(VICTIM).await;
    let hold = app.hold("whale-change-password", "TransactWriteItems", 0);
    let during = async {
        hold.reached().await;
        let changed = app.update_me(&token, &json!({"phone": PHONE})).await;
        assert_eq!(changed.status, 200, "{changed}");
        let names = json!({"real_name": "stranger", "id_card": "1234"});
        app.send_json_as(&token, "POST", "/users/auth", &names)
            .await;
        hold.release();
    };
    let (reset, ()) = tokio::join!(app.reset_password(&user, &code, NEW), during);
    assert_eq!(reset.json()["code"], 0, "{reset}");
    let stored = app.stored_user(&user).await;
    assert_eq!(
        (stored.phone, stored.real_name, stored.id_card),
        (None, None, None)
    );
}
