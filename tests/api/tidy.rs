//! The house rules that no compiler knows: one name in four spellings, grants that say what an
//! endpoint touches, and words that stand in one place only.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use local::{AwsCall, Cloud, Effect, Fault, OPERATOR, Options, Statement};
use serde_json::{Value, json};

use crate::campus::wanted;
use crate::world::{PASSWORD, World};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` that ends in `.ending`, with its text, by its path from the root.
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

/// `functions/center/get_me.rs` is `center-get-me`.
fn binary(file: &str) -> String {
    let name = file
        .trim_start_matches("functions/")
        .trim_end_matches(".rs");
    name.replace(['/', '_'], "-")
}

/// `center-get-me` is `CenterGetMe`.
fn resource(binary: &str) -> String {
    let words = binary
        .split('-')
        .map(|word| word[..1].to_uppercase() + &word[1..]);
    words.collect()
}

fn functions() -> BTreeSet<String> {
    files("functions", "rs")
        .iter()
        .map(|(file, _)| binary(file))
        .collect()
}

#[test]
fn every_function_is_a_binary_a_resource_and_an_event_and_nothing_else_is() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    let names = manifest
        .lines()
        .filter_map(|line| line.trim().strip_prefix("{ name = \""));
    let binaries: BTreeSet<String> = names
        .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        .collect();
    assert_eq!(binaries, functions(), "Cargo.toml");

    let template = fs::read_to_string(root().join("template.yaml")).expect("a template");
    let lines = template.lines().zip(template.lines().skip(1));
    let mut resources = BTreeSet::new();
    for (name, next) in lines {
        if next.trim() == "Type: AWS::Serverless::Function" {
            resources.insert(name.trim().trim_end_matches(':').to_owned());
        }
    }
    assert_eq!(
        resources,
        functions().iter().map(|name| resource(name)).collect(),
        "template.yaml"
    );
    for name in functions() {
        let metadata = format!(
            "{}:\n    Type: AWS::Serverless::Function\n    Metadata: {{ BuildMethod: rust-cargolambda, BuildProperties: {{ Binary: {name} }} }}",
            resource(&name)
        );
        assert!(
            template.contains(&metadata),
            "{name}: the metadata in template.yaml names another binary"
        );
    }

    for ending in ["json", "snap"] {
        let events = files("events", ending).into_iter().map(|(file, _)| file);
        let name = |file: String| {
            file.trim_start_matches("events/")
                .replace(&format!(".{ending}"), "")
        };
        assert_eq!(
            events.map(name).collect::<BTreeSet<_>>(),
            functions(),
            "events/*.{ending}"
        );
    }
}

#[tokio::test]
async fn every_endpoints_first_line_is_a_route_of_its_function() {
    let template = root().join("template.yaml");
    let cloud = Cloud::start(Options {
        template,
        ..Options::default()
    })
    .await
    .expect("the cloud starts");
    for (file, text) in files("functions", "rs") {
        let name = binary(&file);
        let function = cloud
            .template()
            .functions
            .iter()
            .find(|function| function.name == name);
        if let Some(source) = function.and_then(|function| function.sources.first()) {
            assert!(
                text.starts_with(&format!("//! `{}`'s stream: ", source.table)),
                "{file}"
            );
            continue;
        }
        if function.is_some_and(|function| function.routes.is_empty()) {
            let by = ["//! `aws lambda invoke`: ", "//! `TokenKey`'s rotation: "];
            assert!(
                by.iter().any(|by| text.starts_with(by)),
                "{file}: who calls it?"
            );
            continue;
        }
        let routes = cloud
            .routes()
            .into_iter()
            .filter(|route| route.function == name);
        let routes: Vec<String> = routes
            .map(|route| match route.path.as_str() {
                "$default" => route.path,
                path => format!("{} {path}", route.method),
            })
            .collect();
        let first = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("//! `"))
            .unwrap_or_default();
        let told = first.split('`').next().unwrap_or_default();
        assert!(
            routes.iter().any(|route| route == told),
            "{file} says `{told}`; template.yaml says {routes:?}"
        );
    }
}

#[tokio::test]
async fn a_variable_in_a_functions_environment_is_read() {
    let template = root().join("template.yaml");
    let cloud = Cloud::start(Options {
        template,
        ..Options::default()
    })
    .await
    .expect("the cloud starts");
    let files = [files("shared/src", "rs"), files("functions", "rs")].concat();
    let sources: String = files.into_iter().map(|(_, text)| text).collect();
    for name in cloud
        .template()
        .functions
        .iter()
        .flat_map(|function| function.variables.keys())
    {
        assert!(
            sources.contains(&format!("\"{name}\"")),
            "{name} is read nowhere"
        );
    }
}

#[test]
fn each_outside_word_is_said_in_its_own_place_only() {
    for (word, places) in [
        (
            "aws_sdk_dynamodb",
            &["shared/src/database", "shared/src/env.rs"][..],
        ),
        (
            "aws_sdk_secretsmanager",
            &["shared/src/secrets", "shared/src/env.rs"],
        ),
        ("aws_sdk_s3", &["shared/src/avatars", "shared/src/env.rs"]),
        ("aws_sdk_ses", &["functions/mailer.rs", "shared/src/env.rs"]),
        ("lambda_runtime", &["shared/src/serve"]),
        (
            "lambda_http",
            &[
                "shared/src/serve",
                "shared/src/call.rs",
                "shared/src/user/values.rs",
            ],
        ),
        ("jsonwebtoken", &["shared/src/token"]),
        ("argon2::", &["shared/src/user/password.rs"]),
        ("SystemRandom", &["shared/src/random.rs"]),
        ("\"USER#", &["shared/src/database/key.rs"]),
        ("\"EMAIL#", &["shared/src/database/key.rs"]),
        ("\"WX#", &["shared/src/database/key.rs"]),
    ] {
        for folder in ["functions", "shared/src"] {
            for (file, text) in files(folder, "rs") {
                let told = places.iter().any(|place| file.starts_with(place));
                assert!(told || !text.contains(word), "{file} says {word}");
            }
        }
    }
}

#[test]
fn a_function_links_one_crypto_library_and_not_the_slow_one() {
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
async fn no_function_may_do_what_it_never_does() {
    let Some(world) = World::with(&[("AdminEmail", "root@example.com")]).await else {
        return;
    };
    for function in ["center-register", "whale-create-user"] {
        let lost = Effect::LoseAnswer; // so that they look whether it was they who made the user
        let (function, operation) = (Some(function.to_owned()), "TransactWriteItems".to_owned());
        world.cloud.inject(Fault {
            function,
            operation,
            times: 3,
            skip: 0,
            effect: lost,
        });
    }
    let token = world.token("testuser").await;
    world.me(&token).await;
    let changes = json!({"phone": "13800138000", "apikey": "sk-1", "email": "new@example.com"});
    world.update(&token, &changes).await;
    world.update(&token, &json!({"phone": null})).await;
    assert_eq!(world.login("new@example.com", PASSWORD).await.status, 200);

    for (method, path) in [
        ("GET", "/users"),
        ("GET", "/users/auth"),
        ("POST", "/users/auth"),
        ("PUT", "/users/name"),
    ] {
        let body = json!({"name": "renamed", "real_name": "n", "id_card": "1234"});
        let answer = world
            .send(world.request(method, path).bearer_auth(&token).json(&body))
            .await;
        assert_eq!(answer.json()["error_code"], "0", "{path}: {answer}");
    }

    world.uploaded(&token).await;
    world.uploaded(&token).await; // the sweeper deletes the first

    let (user, token) = world.whale_account("a@b.co").await;
    let put = async |path: &str, body: Value| {
        let answer = world
            .whale("PUT", &format!("{path}?token={token}"), &body)
            .await;
        assert_eq!(answer.json()["code"], 0, "{path}: {answer}");
    };
    world
        .send(world.request("GET", &format!("/api/current_user/?token={token}")))
        .await;
    world
        .whale(
            "POST",
            "/api/users/verification_email/",
            &json!({"email": "a@b.co"}),
        )
        .await;
    let mail = world.newest_mail().await;
    let (_, mailed) = mail
        .text
        .split_whitespace()
        .find_map(|word| word.split_once("&t="))
        .expect("a token");
    put(
        "/api/users/email_verified/",
        json!({"user_uuid": user["uuid"], "token": mailed}),
    )
    .await;
    world.promote(&user).await;
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
    let code = world.code("a@b.co").await;
    put(
        "/api/captcha/check/",
        json!({"group": 1, "email": "a@b.co", "code": code}),
    )
    .await;
    world
        .whale(
            "PUT",
            "/api/captcha/check/",
            &json!({"group": 1, "user_id": 1, "code": code}),
        )
        .await;
    let reset = json!({"email": "a@b.co", "code": code, "password_new": PASSWORD});
    put("/api/users/password/", reset).await;
    let change = json!({"email": "a@b.co", "password_old": PASSWORD, "password_new": PASSWORD});
    put("/api/users/password/", change).await;
    put(
        "/api/users/login/",
        json!({"email": "a@b.co", "password": PASSWORD}),
    )
    .await;

    let (_, token) = world.student("student").await;
    for phone in ["13700137000", "13700137001"] {
        let mut body = wanted("student");
        body["phone"] = phone.into();
        assert_eq!(world.change_profile(&token, &body).await.status, 200);
    }
    world.view(&token, "").await;
    let admin = world.campus_admin().await;
    assert_eq!(world.view(&admin, "?who=student").await.status, 200);
    assert_eq!(
        world
            .change_profile(&admin, &wanted("student"))
            .await
            .status,
        200
    );
    world.uploaded(&token).await;
    world
        .update(&token, &json!({"avatar": "https://example.com/a.png"}))
        .await;
    assert_eq!(
        world
            .admin(json!({"command": "sweep-avatars", "seconds": 0}))
            .await["swept"],
        2
    );

    let create = json!({"RequestType": "Create", "ResponseURL": "http://127.0.0.1:1/", "ResourceProperties": {"Email": "root@example.com"}});
    world.admin(create).await; // there is nobody to tell, and an administrator all the same
    let root = json!({"username": "admin", "password": world.secret("AdminPassword").await});
    let root = world
        .send(world.request("POST", "/api/auth/login").form(&root))
        .await
        .json();
    for query in ["", "?blocked=0", "?email=a@b.co"] {
        let list = world.request("GET", &format!("/api/users/{query}"));
        let list = list.bearer_auth(root["access_token"].as_str().expect("a token"));
        assert_eq!(world.send(list).await.json()["code"], 0, "{query}");
    }
    world.damage_the_directory(&user).await;
    world.admin(json!({"command": "rebuild-directory"})).await;
    world.uploaded(&token).await;
    let backup = world.items().await;
    for command in [
        json!({"command": "import-campus", "csv": "email,name,phone,wx\nb@b.co,b,13600136000,oB\n"}),
        json!({"command": "import-campus", "csv": "email,name,phone,wx\nb@b.co,b,13600136001,oB\n"}),
        json!({"command": "feature", "user": {"wx": "oB"}}),
        json!({"command": "block", "user": {"username": "renamed"}}),
        json!({"command": "audit", "user": "a@b.co"}),
        json!({"command": "delete", "user": "b@b.co"}),
        json!({"command": "delete", "user": {"wx": "student"}}), // with a picture, and codes
        json!({"command": "delete", "user": "a@b.co"}),
    ] {
        let answer = world.admin(command).await;
        assert_eq!(answer["error"], Value::Null, "{answer}");
    }

    world.rotate_token_key().await;
    world.settle().await;
    for item in backup {
        let put = world
            .dynamodb()
            .put_item()
            .table_name(world.table())
            .set_item(Some(item));
        put.send().await.expect("a put");
    }
    world.admin(json!({"command": "rebuild-directory"})).await; // lists again who was gone
    world.settle().await;
    let calls: Vec<_> = world
        .cloud
        .calls()
        .into_iter()
        .filter(|call| call.function != OPERATOR)
        .collect();
    let refused: Vec<_> = calls.iter().filter(|call| !call.granted).collect();
    assert!(refused.is_empty(), "done and not granted: {refused:#?}");
    let mut unused = BTreeSet::new();
    for function in &world.cloud.template().functions {
        let own = || calls.iter().filter(|call| call.function == function.name);
        for grant in function.statements.iter().flat_map(grants) {
            if !own().any(|call| takes(call, &grant)) {
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
    assert!(unused.is_empty(), "granted and never done: {unused:#?}");
}

/// A statement as one for each action, resource and kind of key.
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
        let values = one
            .conditions
            .first()
            .map(|condition| condition.values.clone());
        let Some(values) = values else {
            grants.push(one);
            continue;
        };
        for value in values {
            let mut of_value = one.clone();
            of_value.conditions[0].values = vec![value];
            grants.push(of_value);
        }
    }
    grants
}

/// Whether the call needs what this grants.
fn takes(call: &AwsCall, grant: &Statement) -> bool {
    let needs = call.actions.iter().zip(&call.resources).zip(&call.contexts);
    needs
        .into_iter()
        .any(|((action, resource), context)| grant.covers(action, resource, context))
}
