//! Commands of the function `admin`.

use serde_json::{Value, json};

use super::TestApp;

impl TestApp {
    /// The response of the function `admin` to `command`.
    pub async fn admin(&self, command: Value) -> Value {
        self.invoke("admin", &command).await
    }

    /// The user as `admin` shows them. `user` is any reference to a user.
    pub async fn show(&self, user: impl Into<Value>) -> Value {
        let shown = self
            .admin(json!({"command": "show", "user": user.into()}))
            .await;
        assert!(shown["user"].is_object(), "{shown}");
        shown["user"].clone()
    }

    /// Creates an administrator with this user name.
    pub async fn create_administrator(&self, name: &str) -> Value {
        let email = format!("{name}@b.co");
        let command = json!({"command": "create-administrator", "username": name, "email": email});
        let created = self.admin(command).await;
        assert_eq!(created["user"]["access"], "admin", "{created}");
        created
    }

    /// The token of an administrator who signed up as `root@example.com`.
    pub async fn admin_token(&self) -> String {
        let (user, token) = self.whale_account("root@example.com").await;
        self.promote(&user).await;
        token
    }

    /// Imports campus users from a CSV text.
    pub async fn import_campus(&self, csv: &str) -> Value {
        self.admin(json!({"command": "import-campus", "csv": csv}))
            .await
    }
}
