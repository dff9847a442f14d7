//! Conventions that no compiler checks: names of functions, least privilege, module boundaries.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use local::{AwsCall, Cloud, Effect, OPERATOR, Options, Statement};
use serde_json::{Value, json};
use shared::Connections;

use crate::events::send_to_functions_without_calls;
use crate::support::{
    PASSWORD, TestApp, assert_same_set, fault, fault_of, profile_change, registration, ses_error,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The path from the root and the text of every file below `folder` with this extension.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == ending)
            {
                let name = path
                    .strip_prefix(root())
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                found.push((name, fs::read_to_string(&path).expect("a text")));
            }
        }
    }
    found.sort();
    found
}

/// The names of all functions: one binary each.
fn functions() -> BTreeSet<String> {
    let binaries = files("functions/bin", "rs").into_iter();
    binaries
        .map(|(file, _)| {
            file.trim_start_matches("functions/bin/")
                .trim_end_matches(".rs")
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn every_function_has_a_resource_and_a_sample_event() {
    let template = root().join("template.yaml");
    let cloud = Cloud::start(Options {
        template,
        ..Options::default()
    })
    .await
    .expect("the cloud starts");
    let deployed = cloud.template().functions.iter();
    let deployed: BTreeSet<String> = deployed.map(|function| function.name.clone()).collect();
    assert_same_set("functions and template.yaml", &functions(), &deployed);

    let events = files("events", "json").into_iter();
    let events = events.map(|(file, _)| {
        file.trim_start_matches("events/")
            .trim_end_matches(".json")
            .to_owned()
    });
    assert_same_set(
        "functions and events/*.json",
        &functions(),
        &events.collect(),
    );
}

#[tokio::test]
async fn every_job_names_what_invokes_it_in_its_first_line() {
    let template = root().join("template.yaml");
    let cloud = Cloud::start(Options {
        template,
        ..Options::default()
    })
    .await
    .expect("the cloud starts");
    for (file, text) in files("functions/jobs", "rs") {
        let name = file.trim_start_matches("functions/jobs/");
        let name = name.trim_end_matches(".rs").replace('_', "-");
        let function = cloud.template().functions.iter();
        let function = function.into_iter().find(|function| function.name == name);
        let sources = function.into_iter().flat_map(|function| &function.sources);
        let mut invokers: Vec<_> = sources
            .map(|source| format!("//! `{}`'s stream: ", source.table))
            .collect();
        if invokers.is_empty() {
            invokers = vec![
                "//! `aws lambda invoke`: ".to_owned(),
                "//! The rotation of `TokenKey` and `CodeKey`: ".to_owned(),
            ];
        }
        let named = invokers.iter().any(|invoker| text.starts_with(invoker));
        assert!(named, "the first line of {file} names none of {invokers:?}");
    }
}

#[tokio::test]
async fn every_environment_variable_is_read() {
    let template = root().join("template.yaml");
    let cloud = Cloud::start(Options {
        template,
        ..Options::default()
    })
    .await
    .expect("the cloud starts");
    let files = [files("shared/src", "rs"), files("functions", "rs")].concat();
    // That file lists variables, and reads none.
    let files = files
        .into_iter()
        .filter(|(file, _)| file != "shared/src/api/endpoint.rs");
    let sources: String = files.map(|(_, text)| text).collect();
    for name in cloud
        .template()
        .functions
        .iter()
        .flat_map(|function| function.variables.keys())
    {
        assert!(
            sources.contains(&format!("\"{name}\"")),
            "no code reads {name}"
        );
    }
}

#[test]
fn each_external_crate_is_used_only_in_its_own_module() {
    for (word, places) in [
        (
            "aws_sdk_dynamodb",
            &[
                "shared/src/store/dynamodb",
                "shared/src/aws/capacity.rs",
                "shared/src/aws/clients.rs",
            ][..],
        ),
        (
            "aws_sdk_secretsmanager",
            &["shared/src/aws/secrets", "shared/src/aws/clients.rs"],
        ),
        (
            "aws_sdk_s3",
            &["shared/src/aws/avatars.rs", "shared/src/aws/clients.rs"],
        ),
        (
            "aws_sdk_ses",
            &[
                "shared/src/aws/email_sender.rs",
                "shared/src/aws/clients.rs",
            ],
        ),
        ("lambda_runtime", &["shared/src/runtime"]),
        ("hyper::", &["shared/src/aws/http_client.rs"]),
        ("rustls::", &["shared/src/aws/http_client.rs"]),
        ("jsonwebtoken", &["shared/src/api/tokens"]),
        ("argon2::", &["shared/src/domain/user/password.rs"]),
        (
            "exempt_from_admin_length",
            &["shared/src/domain/user/password.rs"],
        ),
        ("SystemRandom", &["shared/src/domain/random.rs"]),
        ("\"USER#", &["shared/src/store/dynamodb/key.rs"]),
        ("\"EMAIL#", &["shared/src/store/dynamodb/key.rs"]),
        ("\"WX#", &["shared/src/store/dynamodb/key.rs"]),
    ] {
        for folder in ["functions", "shared/src"] {
            for (file, text) in files(folder, "rs") {
                let allowed = places.iter().any(|place| file.starts_with(place));
                assert!(allowed || !text.contains(word), "{file} contains {word}");
            }
        }
    }
}

/// The layers of `shared`, each of which imports from those before it only. The order is that of
/// `shared/src/lib.rs`.
const LAYERS: [&str; 7] = [
    "domain",
    "image",
    "telemetry",
    "aws",
    "store",
    "api",
    "runtime",
];

#[test]
fn a_layer_imports_from_the_layers_above_it_only() {
    let library = fs::read_to_string(root().join("shared/src/lib.rs")).expect("a text");
    let declared: Vec<&str> = library
        .lines()
        .filter_map(|line| line.strip_suffix(" {")?.split("mod ").nth(1))
        .collect();
    assert_eq!(declared, LAYERS, "the layers in shared/src/lib.rs");
    for (place, layer) in LAYERS.iter().enumerate() {
        for (file, text) in files(&format!("shared/src/{layer}"), "rs") {
            let code = text.lines().filter(|line| !line.trim().starts_with("//"));
            for path in code.flat_map(|line| line.split("crate::").skip(1)) {
                let name: String = path
                    .chars()
                    .take_while(|letter| letter.is_ascii_lowercase())
                    .collect();
                let imported = LAYERS.iter().position(|layer| *layer == name);
                let allowed = imported.is_some_and(|imported| imported <= place);
                assert!(allowed, "{file} imports crate::{path}, from a layer below");
            }
        }
    }
}

#[test]
fn a_function_links_ring_and_no_other_crypto_library() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "-p",
            "accounts",
            "-e",
            "normal",
            "--prefix",
            "none",
        ])
        .current_dir(root())
        .output()
        .expect("cargo tree");
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    assert!(tree.contains("ring v"), "{tree}");
    for unwanted in [
        "aws-lc-rs",
        "aws-lc-sys",
        "openssl-sys",
        "native-tls",
        "rsa v",
        "aws-config",
        "hyper v0",
        "reqwest",
    ] {
        assert!(!tree.contains(unwanted), "{unwanted} is linked:\n{tree}");
    }
}

#[tokio::test]
async fn no_function_has_an_unused_permission() {
    let parameters = [("AdminEmail", "root@example.com"), ("MailsPerDay", "2")];
    let app = TestApp::with_parameters(&parameters).await;
    for function in ["center-register", "whale-create-user"] {
        // After lost responses a sign-up reads whether it was committed.
        let lost = fault_of(function, "TransactWriteItems", 3, Effect::LoseAnswer);
        app.cloud.inject(lost);
    }
    let token = app.register_and_login("testuser").await;
    let me = app.show("testuser").await;
    app.update_directly(&me, |user| user.verify_email()).await;
    app.me(&token).await;
    let changes = json!({"phone": "13800138000", "apikey": "sk-1", "email": "new@example.com"});
    app.update_me(&token, &changes).await;
    app.update_me(&token, &json!({"phone": null})).await;
    let link = json!({"user_uuid": me["uuid"], "token": app.newest_link_token().await});
    let undone = app.send_json("PUT", "/api/auth/email/undo", &link).await;
    assert_eq!(undone.status, 200, "{undone}");
    let token = app.login_token("testuser", PASSWORD).await;
    for email in ["interim@example.com", "new@example.com"] {
        app.update_me(&token, &json!({"email": email})).await;
    }
    app.store_outdated_hash("new@example.com").await; // the login renews it
    assert_eq!(app.login("new@example.com", PASSWORD).await.status, 200);

    let login = app.login_with_scope("testuser", "offline_access").await;
    let stolen = login.json()["refresh_token"].clone();
    let mut next = stolen.clone();
    for _ in 0..2 {
        let refreshed = app.refresh(next.as_str().expect("a token")).await;
        next = refreshed.json()["refresh_token"].clone();
    }
    app.refresh(stolen.as_str().expect("a token")).await; // ends its session
    app.end_other_sessions(&token).await;

    for (method, path) in [
        ("GET", "/users"),
        ("GET", "/users/auth"),
        ("POST", "/users/auth"),
        ("PUT", "/users/name"),
    ] {
        let body = json!({"name": "renamed", "real_name": "n", "id_card": "1234"});
        let response = app
            .send(app.request(method, path).bearer_auth(&token).json(&body))
            .await;
        assert_eq!(response.json()["error_code"], "0", "{path}: {response}");
    }

    // Conflicts are counted.
    let (_, other) = app.student("other").await;
    app.update_me(&token, &json!({"email": "other@example.com"}))
        .await;
    let renamed = json!({"name": "renamed"});
    app.send_json_as(&other, "PUT", "/users/name", &renamed)
        .await;
    app.update_me(&token, &json!({"phone": "13500135001"}))
        .await;
    let mut taken = profile_change("other");
    taken["phone"] = "13500135001".into();
    assert_eq!(app.change_profile(&other, &taken).await.status, 400);

    app.upload_url(&token).await;
    app.upload_url(&token).await; // deletes the first

    let (user, token) = app.whale_account("a@b.co").await;
    let put = async |path: &str, body: Value| {
        let response = app
            .send_json("PUT", &format!("{path}?token={token}"), &body)
            .await;
        assert_eq!(response.json()["code"], 0, "{path}: {response}");
    };
    app.send(app.request("GET", &format!("/api/current_user/?token={token}")))
        .await;
    for name in ["unknown", "new", "new", "new"] {
        // A miss is counted, and the third request for an account is refused.
        let by_email = json!({"email": format!("{name}@example.com")});
        app.send_json("POST", "/api/users/verification_email/", &by_email)
            .await;
    }
    let by_email = json!({"email": "a@b.co"});
    app.send_json("POST", "/api/users/verification_email/", &by_email)
        .await;
    let mailed = app.newest_link_token().await;
    put(
        "/api/users/email_verified/",
        json!({"user_uuid": user["uuid"], "token": mailed}),
    )
    .await;
    app.promote(&user).await;
    put(
        "/api/users/name/",
        json!({"email": "new@example.com", "name": "n"}),
    )
    .await;
    put(
        "/api/users/avatar/",
        json!({"email": "new@example.com", "avatar": "https://example.com/a.png"}),
    )
    .await;
    for email in ["unknown@b.co", "a@b.co", "a@b.co", "a@b.co"] {
        // Misses are counted, the second request mails the same code, and the third is refused.
        let body = json!({"group": 1, "email": email, "code": "A"});
        for (method, path) in [("POST", "/api/captcha/"), ("PUT", "/api/captcha/check/")] {
            app.send_json(method, path, &body).await;
        }
    }
    app.admin(json!({"command": "clear-limits", "user": "a@b.co"}))
        .await;
    let code = app.code("a@b.co").await;
    put(
        "/api/captcha/check/",
        json!({"group": 1, "email": "a@b.co", "code": code}),
    )
    .await;
    app.send_json(
        "PUT",
        "/api/captcha/check/",
        &json!({"group": 1, "user_id": 1, "code": code}),
    )
    .await;
    let long = "an administrator's password";
    let reset = json!({"email": "a@b.co", "code": code, "password_new": long});
    put("/api/users/password/", reset).await;
    let (_, unverified) = app.whale_account("unverified@b.co").await;
    app.update_me(&unverified, &json!({"phone": "13500135000"}))
        .await;
    let code = app.code("unverified@b.co").await;
    let reset = json!({"email": "unverified@b.co", "code": code, "password_new": long});
    put("/api/users/password/", reset).await; // releases the phone number
    let change = json!({"email": "a@b.co", "password_old": long, "password_new": long});
    put("/api/users/password/", change).await;
    put(
        "/api/users/login/",
        json!({"email": "a@b.co", "password": long}),
    )
    .await;

    let (_, token) = app.student("student").await;
    for phone in ["13700137000", "13700137001"] {
        let mut body = profile_change("student");
        body["phone"] = phone.into();
        assert_eq!(app.change_profile(&token, &body).await.status, 200);
    }
    app.view_profile(&token, "").await;
    let admin = app.campus_admin_token().await;
    assert_eq!(app.view_profile(&admin, "?who=student").await.status, 200);
    assert_eq!(
        app.change_profile(&admin, &profile_change("student"))
            .await
            .status,
        200
    );
    app.upload_url(&token).await;
    app.update_me(&token, &json!({"avatar": "https://example.com/a.png"}))
        .await;
    app.interrupted_upload(&token).await;
    app.settle().await;
    assert_eq!(
        app.admin(json!({"command": "sweep-avatars", "seconds": 0}))
            .await["swept"],
        1
    );

    let create = json!({"RequestType": "Create", "ResponseURL": "http://127.0.0.1:1/", "ResourceProperties": {"Email": "root@example.com"}});
    app.admin(create).await; // creates the administrator, although the callback fails
    let root = json!({"username": "admin", "password": app.secret("AdminPassword").await});
    let root = app
        .send(app.request("POST", "/api/auth/login").form(&root))
        .await
        .json();
    for query in ["", "?blocked=0", "?email=a@b.co"] {
        let list = app.request("GET", &format!("/api/users/{query}"));
        let list = list.bearer_auth(root["access_token"].as_str().expect("a token"));
        assert_eq!(app.send(list).await.json()["code"], 0, "{query}");
    }
    app.damage_user_index(&user).await;
    app.list_nobody().await;
    app.admin(json!({"command": "rebuild-directory"})).await;
    app.upload_url(&token).await;
    let backup = app.items().await;
    for command in [
        json!({"command": "import-campus", "csv": "email,name,phone,wx\nb@b.co,b,13600136000,oB\n"}),
        json!({"command": "import-campus", "csv": "email,name,phone,wx\nb@b.co,b,13600136001,oB\n"}),
        json!({"command": "feature", "user": {"wx": "oB"}}),
        json!({"command": "block", "user": {"username": "renamed"}}),
        json!({"command": "audit", "user": "a@b.co"}),
        json!({"command": "delete", "user": "b@b.co"}),
        json!({"command": "delete", "user": {"wx": "student"}}), // with an avatar and codes
        json!({"command": "delete", "user": "a@b.co"}),
    ] {
        let response = app.admin(command).await;
        assert_eq!(response["error"], Value::Null, "{response}");
    }

    app.rotate_token_key().await;
    app.rotate_code_key().await;
    app.settle().await;
    for item in backup {
        app.put_item("UsersTable", item).await;
    }
    app.admin(json!({"command": "rebuild-directory"})).await; // lists the restored users
    send_to_functions_without_calls(app.cloud.clone()).await;
    app.settle().await;

    // The sandbox refuses a recipient twice, and Lambda does not retry the message. The deletion of
    // the user deletes it.
    let refused =
        "Email address is not verified. The following identities failed the check: c@b.co";
    app.cloud
        .inject(fault("SendEmail", 2, ses_error("MessageRejected", refused)));
    let (user, _) = app.whale_account("c@b.co").await;
    app.request_verification(&user).await;
    app.settle().await;
    app.advance_clock(Duration::from_secs(7 * 60 * 60));
    assert_eq!(app.admin(json!({"command": "redrive"})).await["mails"], 1);
    app.settle().await;
    app.admin(json!({"command": "delete", "user": "c@b.co"}))
        .await;
    assert!(app.outbox().await.is_empty());

    let strict = TestApp::with_parameters(&[("Enumeration", "strict")]).await;
    strict.register(&registration("testuser")).await;
    strict.whale_account("a@b.co").await;
    let limited = TestApp::new().await;
    exceed_all_limits(&limited).await;
    let calls: Vec<_> = app
        .cloud
        .calls()
        .into_iter()
        .chain(strict.cloud.calls())
        .chain(limited.cloud.calls())
        .filter(|call| call.function != OPERATOR)
        .collect();
    let refused: Vec<_> = calls.iter().filter(|call| !call.granted).collect();
    assert!(
        refused.is_empty(),
        "calls that are not granted: {refused:#?}"
    );
    let mut unused = BTreeSet::new();
    for function in &app.cloud.template().functions {
        let own = || calls.iter().filter(|call| call.function == function.name);
        let statements = function.statements.iter();
        let grants = statements.flat_map(|statement| {
            let grants = grants(statement).into_iter();
            grants.map(move |grant| (statement, grant))
        });
        for (statement, grant) in grants {
            if !own().any(|call| uses(call, statement, &grant)) {
                let keys: Vec<_> = grant
                    .conditions
                    .iter()
                    .flat_map(|condition| &condition.values)
                    .collect();
                unused.insert(format!(
                    "{} {:?} {:?} {keys:?}",
                    function.name, grant.actions, grant.resources
                ));
            }
        }
    }
    assert!(unused.is_empty(), "grants that no call uses: {unused:#?}");
    let unused = unused_attributes(&app, &calls);
    assert!(
        unused.is_empty(),
        "attributes that no call names: {unused:#?}"
    );
}

/// Sends each kind of request with a limit twice: once within it, and once when it is used up.
async fn exceed_all_limits(app: &TestApp) {
    const EMAIL: &str = "student@example.com";
    const PHONE: &str = "13500135001";
    let token = app.register_and_login("testuser").await;
    let other = app.register_and_login("other").await;
    app.update_me(&other, &json!({"phone": PHONE})).await;
    let (_, student) = app.student("student").await;
    let mut profile = profile_change("student");
    profile["phone"] = PHONE.into();
    // An address that no account signed in from: all limits bind it.
    let from_elsewhere = async |method: &str, path: &str, body: Value| {
        app.send_json_from("203.0.113.9", method, path, &body).await
    };
    for is_used_up in [false, true] {
        if is_used_up {
            use_up_all_limits(app).await;
        }
        let mut refused = Vec::new();
        // A refusal is recorded once for a source, so each has one of its own.
        for (ip, path, field) in [
            ("203.0.113.9", "/api/users/login/", "password"),
            ("203.0.113.10", "/api/users/password/", "password_old"),
        ] {
            let body = json!({"email": EMAIL, field: "a wrong one", "password_new": PASSWORD});
            refused.push(app.send_json_from(ip, "PUT", path, &body).await);
        }
        refused.push(app.login_from("203.0.113.9", EMAIL, "a wrong one").await);
        let body = json!({"email": EMAIL, "group": 1, "code": "A"});
        for (method, path) in [
            ("POST", "/api/users/verification_email/"),
            ("POST", "/api/captcha/"),
            ("PUT", "/api/captcha/check/"),
        ] {
            refused.push(from_elsewhere(method, path, body.clone()).await);
        }
        let sign_up = json!({"email": EMAIL, "password": PASSWORD, "name": "n"});
        refused.push(app.send_json("POST", "/api/users/", &sign_up).await);
        refused.push(app.register(&registration("testuser")).await);
        let name = json!({"name": "other"});
        refused.push(app.send_json_as(&token, "PUT", "/users/name", &name).await);
        for change in [
            json!({"email": "other@example.com"}),
            json!({"phone": PHONE}),
        ] {
            refused.push(app.update_me(&token, &change).await);
        }
        refused.push(app.change_profile(&student, &profile).await);
        let limited = refused.iter().filter(|response| response.status == 429);
        let expected = if is_used_up { refused.len() } else { 0 };
        assert_eq!(limited.count(), expected, "{refused:?}");
    }
}

/// Raises the count of every limit above its maximum.
async fn use_up_all_limits(app: &TestApp) {
    for mut item in app.items().await {
        if let Some(tries) = item.get_mut("tries") {
            *tries = AttributeValue::N("1000000".to_owned());
            app.put_item("UsersTable", item).await;
        }
    }
}

#[tokio::test]
async fn no_endpoint_can_read_both_the_token_key_and_the_code_key() {
    let app = TestApp::new().await;
    let keys = ["TokenKey", "CodeKey"].map(|key| app.physical_id(key));
    for function in &app.cloud.template().functions {
        let mut readable = Vec::new();
        for key in &keys {
            let mut variables = app.variables();
            variables.insert("AWS_ACCESS_KEY_ID".to_owned(), function.name.clone());
            let client = Connections::from_variables(variables).expect("an environment");
            let secrets = client.clients.secrets_manager();
            let read = secrets.get_secret_value().secret_id(key).send().await;
            readable.push(read.is_ok());
        }
        let expected = match function.name.as_str() {
            "mailer" | "key-rotation" => vec![true, true],
            "whale-check-captcha" | "whale-change-password" => vec![false, true],
            name => vec![readable[0] && is_endpoint(name), false],
        };
        assert_eq!(readable, expected, "{}", function.name);
    }
}

/// Whether the function of this name has a family.
fn is_endpoint(name: &str) -> bool {
    let families = ["profile-", "whale-", "campus-", "center-"];
    families.iter().any(|family| name.starts_with(family))
}

/// The statement split by action, resource and kind of key.
fn grants(statement: &Statement) -> Vec<Statement> {
    let mut grants = Vec::new();
    for (action, resource) in statement.actions.iter().flat_map(|action| {
        statement
            .resources
            .iter()
            .map(move |resource| (action, resource))
    }) {
        let one = Statement {
            actions: vec![action.clone()],
            resources: vec![resource.clone()],
            ..statement.clone()
        };
        let keys = one
            .conditions
            .iter()
            .position(|condition| condition.key == "dynamodb:LeadingKeys");
        let Some(keys) = keys else {
            grants.push(one);
            continue;
        };
        for value in &one.conditions[keys].values {
            let mut of_value = one.clone();
            of_value.conditions[keys].values = vec![value.clone()];
            grants.push(of_value);
        }
    }
    grants
}

/// The attributes in the conditions of grants that no call of any function with the grant names.
fn unused_attributes(app: &TestApp, calls: &[AwsCall]) -> BTreeSet<String> {
    const ATTRIBUTES: &str = "dynamodb:Attributes";
    let mut named: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for function in &app.cloud.template().functions {
        for statement in &function.statements {
            let conditions = statement.conditions.iter();
            let mut limited = conditions.filter(|condition| condition.key == ATTRIBUTES);
            let Some(limited) = limited.next() else {
                continue;
            };
            let (listed, used) = named.entry(format!("{statement:?}")).or_default();
            listed.extend(limited.values.iter().cloned());
            for call in calls.iter().filter(|call| call.function == function.name) {
                let needs = call.actions.iter().zip(&call.resources).zip(&call.contexts);
                let covered = needs.filter(|((action, resource), context)| {
                    statement.covers(action, resource, context)
                });
                used.extend(covered.flat_map(|(_, context)| context[ATTRIBUTES].clone()));
            }
        }
    }
    let unused = named.into_iter().flat_map(|(statement, (listed, used))| {
        let unused: Vec<_> = listed.difference(&used).cloned().collect();
        unused
            .into_iter()
            .map(move |name| format!("{name} in {statement}"))
    });
    unused.collect()
}

/// Whether the call needs this grant of the statement. The statement must allow all keys of a
/// transaction, the grant one of them.
fn uses(call: &AwsCall, statement: &Statement, grant: &Statement) -> bool {
    const KEYS: &str = "dynamodb:LeadingKeys";
    let needs = call.actions.iter().zip(&call.resources).zip(&call.contexts);
    let mut covered =
        needs.filter(|((action, resource), context)| statement.covers(action, resource, context));
    covered.any(|((action, resource), context)| {
        let Some(keys) = context.get(KEYS) else {
            return grant.covers(action, resource, context);
        };
        keys.iter().any(|key| {
            let mut of_key = context.clone();
            of_key.insert(KEYS.to_owned(), vec![key.clone()]);
            grant.covers(action, resource, &of_key)
        })
    })
}
