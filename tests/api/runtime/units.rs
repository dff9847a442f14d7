//! How many units of DynamoDB's each request reads and writes, and the streams after it.
//!
//! A number that rises is a cost that rises. Change it here only with a reason.

use std::fmt::Write;

use serde_json::json;

use crate::support::TestApp;

/// The rows of the table, and how many log lines are in one already.
struct Units<'a> {
    app: &'a TestApp,
    seen: usize,
    table: String,
}

impl<'a> Units<'a> {
    async fn new(app: &'a TestApp) -> Self {
        app.settle().await;
        let seen = app.log_lines().len();
        let table = format!(
            "{:32} {:>5} {:>5} {:>5} | {:>5} {:>5}\n",
            "", "calls", "read", "write", "read", "write"
        );
        Self { app, seen, table }
    }

    /// Adds a row with the units of what was done since the last row.
    async fn add(&mut self, name: &str) {
        self.app.settle().await;
        let lines = self.app.log_lines();
        let (mut calls, mut request, mut streams) = (0, [0.0, 0.0], [0.0, 0.0]);
        for line in lines.iter().skip(self.seen) {
            let number = |name: &str| line[name].as_f64().unwrap_or_default();
            let sum = match line["route"].as_str() {
                Some(_) => {
                    calls += line["calls"].as_u64().unwrap_or_default();
                    &mut request
                }
                None => &mut streams,
            };
            sum[0] += number("read_units");
            sum[1] += number("write_units");
        }
        self.seen = lines.len();
        let ([read, write], [streams_read, streams_write]) = (request, streams);
        writeln!(
            self.table,
            "{name:32} {calls:5} {read:5} {write:5} | {streams_read:5} {streams_write:5}"
        )
        .expect("a row");
    }
}

#[tokio::test]
async fn each_request_reads_and_writes_its_number_of_units() {
    let app = TestApp::new().await;
    let admin = app.admin_token().await;
    let mut units = Units::new(&app).await;

    let (user, _) = app.whale_account("a@b.co").await;
    units.add("sign-up and login").await;
    let token = app.whale_token("a@b.co").await;
    units.add("login").await;
    app.login("a@b.co", "wrong password").await;
    units.add("login with a wrong password").await;
    app.me(&token).await;
    units.add("me").await;
    app.update_me(&token, &json!({"nickname": "n"})).await;
    units.add("a nickname").await;
    app.upload_url(&token).await;
    units.add("an avatar").await;
    app.update_me(&token, &json!({"email": "new@b.co"})).await;
    units.add("an e-mail address").await;
    app.request_verification(&user).await;
    units.add("a verification mail").await;
    let link = app.newest_link_token().await;
    app.verify_email(&user, &link).await;
    units.add("a verified address").await;
    app.code("new@b.co").await;
    units.add("a code by mail").await;
    let code = app.newest_code("new@b.co").await;
    app.reset_password(&user, &code, "another password 1").await;
    units.add("a password reset").await;
    app.list_users(&admin, "").await;
    units.add("the list").await;
    app.admin(json!({"command": "feature", "user": user["uuid"]}))
        .await;
    units.add("a featured user").await;
    app.admin(json!({"command": "delete", "user": user["uuid"]}))
        .await;
    units.add("a deleted user").await;
    insta::assert_snapshot!(units.table, @r"
                                     calls  read write |  read write
    sign-up and login                    2     0     9 |    28     6
    login                                4     2    16 |     2     0
    login with a wrong password          4     2     8 |     0     0
    me                                   1     1     0 |     0     0
    a nickname                           2     1     1 |     2     0
    an avatar                            2     1     1 |     2     0
    an e-mail address                    3     1    11 |     2     0
    a verification mail                  2     1    10 |     1     7
    a verified address                   2     1     4 |    28     7
    a code by mail                       4     3    14 |     1     7
    a password reset                     4     2    14 |     3     7
    the list                             5     6     0 |     0     0
    a featured user                      0     0     0 |    29    11
    a deleted user                       0     0     0 |    29    29
    ");
}
