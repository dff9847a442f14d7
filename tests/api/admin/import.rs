//! `import-campus`: each row of the CSV creates, updates, keeps or rejects a user.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::TestApp;

fn outcomes(report: &Value) -> [u64; 4] {
    ["created", "unchanged", "updated", "refused"]
        .map(|outcome| report[outcome].as_u64().expect("a count"))
}

#[tokio::test]
async fn a_second_import_of_200_rows_changes_nothing() {
    let app = TestApp::new().await;
    let mut csv = "email,name,phone,sid,block,room,isp,account,wx\n".to_owned();
    for row in 0..200 {
        csv.push_str(&match row % 20 {
            19 => format!("nobody{row},名,1380013{row:04},,,,,,\n"),
            18 => format!("twice{row}@b.co,名,13800130000,,,,,,\n"), // the phone number of row 2
            _ => format!(
                "user{row}@b.co,\"名, 字 {row}\",1380013{row:04},2026{row:04},北{row},1{row:02},电信,u{row},oWx{row}\n"
            ),
        });
    }
    let first = app.import_campus(&csv).await;
    assert_eq!(outcomes(&first), [180, 0, 0, 20], "{first}");
    assert_eq!(
        first["rows"][19],
        json!({"row": 21, "outcome": "refused", "why": "email: is not a valid e-mail address"})
    );
    assert_eq!(
        first["rows"][18],
        json!({"row": 20, "outcome": "refused", "why": "another user has this phone number"})
    );
    let before = format!("{:?}", ordered(&app).await);
    let second = app.import_campus(&csv).await;
    assert_eq!(outcomes(&second), [0, 180, 0, 20], "{second}");
    assert_eq!(format!("{:?}", ordered(&app).await), before);
    let mut shown = app
        .admin(json!({"command": "show", "user": {"wx": "oWx7"}}))
        .await;
    let username = format!("u{}", shown["user"]["id"]);
    assert_eq!(shown["user"]["username"].take(), username);
    assert_snapshot!(format!("{shown:#}"), @r#"
    {
      "user": {
        "access": "user",
        "account": "u7",
        "avatar": null,
        "block": "北7",
        "blocked": false,
        "created_at": "[time in UTC]",
        "email": "user7@b.co",
        "email_verified": false,
        "featured": false,
        "held_email": null,
        "id": [id],
        "isp": "电信",
        "last_login": null,
        "nickname": "名, 字 7",
        "phone": "13800130007",
        "real_name_saved": false,
        "room": "107",
        "sid": "20260007",
        "updated_at": "[time in UTC]",
        "username": null,
        "uuid": "[uuid]",
        "wx": "oWx7"
      }
    }
    "#);
}

/// The users table, sorted by keys and attributes.
async fn ordered(app: &TestApp) -> Vec<std::collections::BTreeMap<String, String>> {
    let items = app.items().await.into_iter();
    let mut items: Vec<std::collections::BTreeMap<_, _>> = items
        .map(|item| {
            item.into_iter()
                .map(|(name, value)| (name, format!("{value:?}")))
                .collect()
        })
        .collect();
    items.sort();
    items
}

#[tokio::test]
async fn a_row_updates_its_user_but_not_what_the_user_has_set() {
    let app = TestApp::new().await;
    let csv = "\u{feff}EMAIL,Username,password,wx,access\na@b.co,first,a long password,oWx,\nadmin@b.co,boss,a long password,,admin\n";
    assert_eq!(outcomes(&app.import_campus(csv).await), [2, 0, 0, 0]);
    assert_eq!(app.login("first", "a long password").await.status, 200);
    assert_eq!(app.login("boss", "a long password").await.status, 200);
    let token = app.login("first", "a long password").await.json()["access_token"].clone();
    app.update_me(
        token.as_str().unwrap(),
        &json!({"email": "own@b.co", "nickname": "own"}),
    )
    .await;

    // The e-mail address differs now. The OpenID identifies the user.
    let csv = "email,username,password,wx,room\na@b.co,second,another password,oWx,101\n";
    assert_eq!(outcomes(&app.import_campus(csv).await), [0, 0, 1, 0]);
    let user = app.show(json!({"wx": "oWx"})).await;
    let own = ["email", "username", "nickname", "room"].map(|field| user[field].clone());
    assert_eq!(own, ["own@b.co", "first", "own", "101"]);
    assert_eq!(app.login("first", "a long password").await.status, 200);
}

#[tokio::test]
async fn a_row_does_not_update_an_account_by_an_unverified_address() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("victim@b.co").await; // signed up by a stranger
    let refused = json!([{
        "row": 2, "outcome": "refused",
        "why": "email: the account with this address has not verified it, nor the row's wx or sid",
    }]);
    let row = |fields: &str| format!("email,sid,wx,access\nvictim@b.co,{fields}\n");
    for fields in ["1,,", ",oVictim,", ",,admin", "1,oVictim,admin"] {
        assert_eq!(
            app.import_campus(&row(fields)).await["rows"],
            refused,
            "{fields}"
        );
    }
    assert_eq!(
        outcomes(&app.import_campus("email\nvictim@b.co\n").await),
        [0, 1, 0, 0],
        "the row changes nothing"
    );

    // A bound OpenID identifies the user, whatever the address. Another OpenID does not.
    app.admin(json!({"command": "bind-wx", "user": user["id"], "wx": "oStranger"}))
        .await;
    assert_eq!(app.import_campus(&row("1,,admin")).await["rows"], refused);
    assert_eq!(
        app.import_campus(&row("1,oVictim,admin")).await["rows"],
        refused
    );
    assert_eq!(
        outcomes(&app.import_campus(&row("1,oStranger,")).await),
        [0, 0, 1, 0]
    );
    assert_eq!(
        outcomes(&app.import_campus(&row("1,oOther,")).await),
        [0, 0, 1, 0],
        "the student number identifies the user"
    );

    // A verified address identifies the user. So does an account that was never used.
    app.update_me(&token, &json!({"email": "own@b.co"})).await;
    app.import_campus("email\nown@b.co\nvictim@b.co\n").await;
    assert_eq!(
        outcomes(&app.import_campus("email,room\nvictim@b.co,101\n").await),
        [0, 0, 1, 0]
    );
    assert_eq!(
        outcomes(&app.import_campus("email,room\nown@b.co,101\n").await),
        [0, 0, 0, 1]
    );
    app.update_directly(&user, |user| user.email_verified = true)
        .await;
    assert_eq!(
        outcomes(&app.import_campus("email,room\nown@b.co,101\n").await),
        [0, 0, 1, 0]
    );
}

#[tokio::test]
async fn passwords_keep_their_blanks_and_other_fields_are_trimmed() {
    let app = TestApp::new().await;
    let csv = " email , password,room \n a@b.co ,  a long password ,  101 \n b@b.co ,, \n";
    assert_eq!(outcomes(&app.import_campus(csv).await), [2, 0, 0, 0]);
    assert_eq!(app.login("a@b.co", "  a long password ").await.status, 200);
    assert_eq!(app.login("a@b.co", "a long password").await.status, 401);
    let user = app.show("a@b.co").await;
    assert_eq!(
        (&user["email"], &user["room"]),
        (&json!("a@b.co"), &json!("101"))
    );
}

#[tokio::test]
async fn a_user_without_a_password_sets_one_by_mailed_code() {
    let app = TestApp::new().await;
    app.import_campus("email\na@b.co\n").await;
    for guess in ["", "nobody", "password123"] {
        assert_eq!(
            app.send_json(
                "PUT",
                "/api/users/login/",
                &json!({"email": "a@b.co", "password": guess})
            )
            .await
            .json()["code"],
            1413
        );
    }
    let code = app.code("a@b.co").await;
    let reset = json!({"email": "a@b.co", "code": code, "password_new": "a long password"});
    assert_eq!(
        app.send_json("PUT", "/api/users/password/", &reset)
            .await
            .json()["code"],
        0
    );
    assert_eq!(app.login("a@b.co", "a long password").await.status, 200);
}

#[tokio::test]
async fn an_invalid_row_reports_the_reason_and_no_secret() {
    let app = TestApp::new().await;
    app.import_campus("email,wx,phone\na@b.co,oWx,13800138000\n")
        .await;
    let header = "email,password,nickname,phone,wx,access";
    let mut reports = String::new();
    for row in [
        ",canary password,,,,",
        "c@d.co,canary,,,,",
        "c@d.co,canary password",
        "c@d.co,canary password,,,,,",
        "c@d.co,,,canary,,",
        "c@d.co,,,,local:canary,",
        "c@d.co,,,,,canary",
        "c@d.co,,,,oWx,",
        "c@d.co,canarypw1,,,,admin",
        "\"c@d.co,canary",
        "a@b.co,canary password,,13800138000,oWx,user",
    ] {
        let report = app.import_campus(&format!("{header}\n{row}\n")).await;
        assert!(!report.to_string().contains("canary"), "{report}");
        reports.push_str(&format!("{row}\n    {}\n", report["rows"]));
    }
    for header in [
        "",
        "phone",
        "email,canary",
        "email,email",
        "email,name,nickname",
    ] {
        reports.push_str(&format!(
            "{header}\n    {}\n",
            app.import_campus(&format!("{header}\na@b.co,x,y\n")).await
        ));
    }
    assert_snapshot!(reports, @r#"
    ,canary password,,,,
        [{"outcome":"refused","row":2,"why":"email: must be there"}]
    c@d.co,canary,,,,
        [{"outcome":"refused","row":2,"why":"password: must be 8 to 100 characters"}]
    c@d.co,canary password
        [{"outcome":"refused","row":2,"why":"has 2 fields where the header has 6"}]
    c@d.co,canary password,,,,,
        [{"outcome":"refused","row":2,"why":"has 7 fields where the header has 6"}]
    c@d.co,,,canary,,
        [{"outcome":"refused","row":2,"why":"phone: is not a phone number"}]
    c@d.co,,,,local:canary,
        [{"outcome":"refused","row":2,"why":"wx: must not start with local:"}]
    c@d.co,,,,,canary
        [{"outcome":"refused","row":2,"why":"access: must be admin, user or unregistered"}]
    c@d.co,,,,oWx,
        [{"outcome":"unchanged","row":2}]
    c@d.co,canarypw1,,,,admin
        [{"outcome":"refused","row":2,"why":"password: must be 12 to 100 characters for an administrator"}]
    "c@d.co,canary
        [{"outcome":"refused","row":2,"why":"has 1 fields where the header has 6"}]
    a@b.co,canary password,,13800138000,oWx,user
        [{"outcome":"unchanged","row":2}]

        {"error":"csv: its column 1 is none of email, username, password, nickname, phone, sid, block, room, isp, account, wx, access","name":"invalid"}
    phone
        {"error":"csv: has no column email","name":"invalid"}
    email,canary
        {"error":"csv: its column 2 is none of email, username, password, nickname, phone, sid, block, room, isp, account, wx, access","name":"invalid"}
    email,email
        {"error":"csv: has two columns for one thing: email","name":"invalid"}
    email,name,nickname
        {"error":"csv: has two columns for one thing: nickname","name":"invalid"}
    "#);
    assert!(!app.logs().await.join("\n").contains("canary"));
}
