//! The audit log: which requests leave which records.

use serde_json::json;

use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn each_audited_request_leaves_its_record() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("a@b.co").await;
    let mut seen = app.audit_events().await;
    assert_eq!(seen, ["sign-up"]);
    let mut lines = String::new();
    let mut log = async |request: &str| {
        let events = app.audit_events().await;
        let mut rest = events.clone();
        for event in &seen {
            let at = rest.iter().position(|left| left == event);
            rest.remove(at.expect("a record stays"));
        }
        rest.sort();
        if rest.is_empty() {
            rest.push("nothing".to_owned());
        }
        lines.push_str(&format!("{request}: {}\n", rest.join(", ")));
        seen = events;
    };

    app.change_password(&user, "a wrong one", "a new password")
        .await;
    log("wrong old password").await;
    let code = app.code("a@b.co").await;
    log("code requested").await;
    let check = |code: &str| json!({"group": 1, "email": "a@b.co", "code": code});
    let path = "/api/captcha/check/";
    app.send_json("PUT", path, &check("AAAAAAAA")).await;
    log("wrong code").await;
    app.send_json("PUT", path, &check(&code)).await;
    log("right code").await;
    let name = json!({"name": "renamed"});
    app.send_json_as(&token, "PUT", "/users/name", &name).await;
    log("user name").await;
    app.update_me(&token, &json!({"phone": "13800138000", "apikey": "sk-1"}))
        .await;
    log("phone and API key").await;
    app.update_me(&token, &json!({"phone": null, "apikey": null}))
        .await;
    log("phone and API key cleared").await;
    app.update_me(&token, &json!({"nickname": "n"})).await;
    log("nickname").await;
    let other = app.login_token("a@b.co", PASSWORD).await;
    log("login").await;
    app.send(app.request("POST", "/api/auth/logout").bearer_auth(&other))
        .await;
    log("logout").await;
    app.login_token("a@b.co", PASSWORD).await;
    log("login").await;
    let sessions = app.request("DELETE", "/api/auth/sessions");
    app.send(sessions.bearer_auth(&token)).await;
    log("end of other sessions").await;
    app.update_directly(&user, |user| user.verify_email()).await;
    log("verification").await;
    app.update_me(&token, &json!({"email": "thief@b.co"})).await;
    log("e-mail").await;
    let link = app.newest_link_token().await;
    let undo = json!({"user_uuid": user["uuid"], "token": link});
    app.send_json("PUT", "/api/auth/email/undo", &undo).await;
    log("undone e-mail change").await;
    for _ in 0..8 {
        app.login("a@b.co", "a wrong one").await;
    }
    log("eight wrong passwords").await;
    insta::assert_snapshot!(lines, @r"
    wrong old password: wrong-password
    code requested: code-requested
    wrong code: wrong-code
    right code: nothing
    user name: username
    phone and API key: apikey, phone
    phone and API key cleared: apikey, phone
    nickname: nothing
    login: login
    logout: session-ended
    login: login
    end of other sessions: sessions-ended
    verification: email-verified
    e-mail: email
    undone e-mail change: email-change-undone, sessions-ended
    eight wrong passwords: failed-login, failed-login, failed-login, failed-login, failed-login, rate-limited
    ");
}
