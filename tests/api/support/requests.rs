//! Requests to the endpoints of each family.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{PASSWORD, Response, TestApp};

impl TestApp {
    /// Sends a JSON body without a token.
    pub async fn send_json(&self, method: &str, path: &str, body: &Value) -> Response {
        self.send(self.request(method, path).json(body)).await
    }

    /// Sends a JSON body with a bearer token.
    pub async fn send_json_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Response {
        let request = self.request(method, path).bearer_auth(token);
        self.send(request.json(body)).await
    }

    /// Sends a GET request with a bearer token.
    pub async fn get_as(&self, token: &str, path: &str) -> Response {
        self.send(self.request("GET", path).bearer_auth(token))
            .await
    }
}

/// Family `center`.
impl TestApp {
    pub async fn register(&self, body: &Value) -> Response {
        self.send_json("POST", "/api/auth/register", body).await
    }

    pub async fn login(&self, username: &str, password: &str) -> Response {
        self.send(self.login_request(username, password)).await
    }

    /// A login, not sent yet.
    pub fn login_request(&self, username: &str, password: &str) -> RequestBuilder {
        let form = [("username", username), ("password", password)];
        self.request("POST", "/api/auth/login").form(&form)
    }

    /// Logs in with [`PASSWORD`] and these scopes.
    pub async fn login_with_scope(&self, username: &str, scope: &str) -> Response {
        let form = [
            ("username", username),
            ("password", PASSWORD),
            ("scope", scope),
        ];
        self.send(self.request("POST", "/api/auth/login").form(&form))
            .await
    }

    /// Exchanges a refresh token.
    pub async fn refresh(&self, token: &str) -> Response {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.send(self.request("POST", "/api/auth/refresh").form(&form))
            .await
    }

    pub async fn log_out(&self, token: &str) -> Response {
        let request = self.request("POST", "/api/auth/logout");
        self.send(request.bearer_auth(token)).await
    }

    /// The sessions of a user, newest first.
    pub async fn sessions(&self, token: &str) -> Vec<Value> {
        let response = self.get_as(token, "/api/auth/sessions").await;
        let sessions = response.json()["sessions"].as_array().cloned();
        sessions.unwrap_or_else(|| panic!("{response}"))
    }

    pub async fn end_session(&self, token: &str, id: &str) -> Response {
        let request = self.request("DELETE", &format!("/api/auth/sessions/{id}"));
        self.send(request.bearer_auth(token)).await
    }

    pub async fn end_other_sessions(&self, token: &str) -> Response {
        let request = self.request("DELETE", "/api/auth/sessions");
        self.send(request.bearer_auth(token)).await
    }

    pub async fn me(&self, token: &str) -> Response {
        self.get_as(token, "/api/users/me").await
    }

    pub async fn update_me(&self, token: &str, body: &Value) -> Response {
        self.send_json_as(token, "PUT", "/api/users/me", body).await
    }

    /// Registers `username` with [`PASSWORD`], logs in, and returns the token.
    pub async fn register_and_login(&self, username: &str) -> String {
        let registered = self.register(&registration(username)).await;
        assert_eq!(registered.status, 200, "{registered}");
        self.login_token(username, PASSWORD).await
    }

    /// Logs in successfully and returns the token.
    pub async fn login_token(&self, username: &str, password: &str) -> String {
        let response = self.login(username, password).await;
        response.json()["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("{response}"))
            .to_owned()
    }
}

/// Family `whale`.
impl TestApp {
    /// Signs up with [`PASSWORD`], and returns the user and a token.
    pub async fn whale_account(&self, email: &str) -> (Value, String) {
        let body = json!({"email": email, "password": PASSWORD, "name": "昵称"});
        let created = self.send_json("POST", "/api/users/", &body).await;
        let data = created.json()["data"].clone();
        let token = data["token"]
            .as_str()
            .unwrap_or_else(|| panic!("{created}"))
            .to_owned();
        (data["user"].clone(), token)
    }

    /// Logs in successfully with [`PASSWORD`] and returns the token.
    pub async fn whale_token(&self, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD});
        let response = self.send_json("PUT", "/api/users/login/", &body).await;
        response.json()["data"]["token"]
            .as_str()
            .unwrap_or_else(|| panic!("{response}"))
            .to_owned()
    }

    /// Changes the password with the old one.
    pub async fn change_password(&self, user: &Value, old: &str, new: &str) -> Response {
        let body = json!({"user_id": user["id"], "password_old": old, "password_new": new});
        self.send_json("PUT", "/api/users/password/", &body).await
    }

    /// Changes the password with a mailed code.
    pub async fn reset_password(&self, user: &Value, code: &str, new: &str) -> Response {
        let body = json!({"user_id": user["id"], "code": code, "password_new": new});
        self.send_json("PUT", "/api/users/password/", &body).await
    }

    /// Has a link that verifies the user's e-mail address sent to it.
    pub async fn request_verification(&self, user: &Value) -> Response {
        let body = json!({"user_id": user["id"]});
        self.send_json("POST", "/api/users/verification_email/", &body)
            .await
    }

    /// Verifies the user's e-mail address with the token of a mailed link.
    pub async fn verify_email(&self, user: &Value, token: &str) -> Response {
        let body = json!({"user_uuid": user["uuid"], "token": token});
        self.send_json("PUT", "/api/users/email_verified/", &body)
            .await
    }

    /// Signs up, verifies the address by the mailed link, and returns the user and a token.
    pub async fn verified_account(&self, email: &str) -> (Value, String) {
        let (user, token) = self.whale_account(email).await;
        self.request_verification(&user).await;
        let link = self.newest_link_token().await;
        let verified = self.verify_email(&user, &link).await;
        assert_eq!(verified.json()["code"], 0, "{verified}");
        (user, token)
    }

    /// The whale code of a request for the current user.
    pub async fn current_user_code(&self, token: &str) -> Value {
        let path = format!("/api/current_user/?token={token}");
        let response = self.send(self.request("GET", &path)).await;
        response.json()["code"].clone()
    }
}

/// Family `campus`.
impl TestApp {
    pub async fn view_profile(&self, token: &str, query: &str) -> Response {
        self.get_as(token, &format!("/api/v3/view_profile{query}"))
            .await
    }

    pub async fn change_profile(&self, token: &str, body: &Value) -> Response {
        self.send_json_as(token, "POST", "/api/v3/change_profile", body)
            .await
    }

    /// Signs up, binds the user to the WeChat OpenID `wx`, and returns the user and a token.
    pub async fn student(&self, wx: &str) -> (Value, String) {
        let (user, token) = self.whale_account(&format!("{wx}@example.com")).await;
        self.update_directly(&user, |user| {
            user.wechat_open_id = Some(wx.parse().unwrap())
        })
        .await;
        (user, token)
    }

    /// The token of an administrator who has the WeChat OpenID `admin`.
    pub async fn campus_admin_token(&self) -> String {
        let (admin, token) = self.student("admin").await;
        self.promote(&admin).await;
        token
    }
}

/// A valid body for registration.
pub fn registration(username: &str) -> Value {
    json!({
        "username": username,
        "password": PASSWORD,
        "nickname": "测试用户",
        "email": format!("{username}@example.com"),
    })
}

/// A valid body for a change of a campus profile.
pub fn profile_change(who: &str) -> Value {
    json!({
        "who": who, "block": "15", "room": "202", "phone": "13900139000", "isp": "telecom", "account": "987654321",
    })
}
