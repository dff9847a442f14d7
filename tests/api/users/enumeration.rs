//! `Enumeration=strict`: known and unknown accounts get the same response, by the same calls.

use std::time::{Duration, Instant};

use local::{Effect, Hold};
use serde_json::{Map, Value, json};

use crate::support::{PASSWORD, Response, TestApp, fault_of};

const CODE_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The values that differ from request to request, and those that the request chose.
const VARIABLE: [&str; 13] = [
    "id",
    "uuid",
    "token",
    "username",
    "email",
    "avatar",
    "created_at",
    "updated_at",
    "registration_date",
    "iso_create_time",
    "iso_update_time",
    "expires_at",
    "user",
];

async fn strict() -> TestApp {
    TestApp::with_parameters(&[
        ("Enumeration", "strict"),
        ("LoginTries", "1000000"),
        ("SourceTries", "1000000"),
        ("AccountTries", "1000000"),
        ("SignUpsPerHour", "1000000"),
        ("MailsPerDay", "1000000"),
    ])
    .await
}

/// A request of anyone, for a known or an unknown account.
struct Probe {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    known: Value,
    unknown: Value,
}

impl Probe {
    async fn send(&self, app: &TestApp, body: &Value) -> Response {
        if self.path == "/api/auth/login" {
            let form = app.request("POST", self.path).form(body);
            return app.send(form).await;
        }
        app.send_json(self.method, self.path, body).await
    }

    fn is_sign_up(&self) -> bool {
        self.name.contains("sign-up")
    }
}

/// The probes, in the order in which they are sent: the checks before a code exists come first.
/// `known@b.co`, `verified@b.co` and the id of `user` are known. Each stands for one account, since
/// its counters are shared by all names of an account.
fn probes(user: &Value) -> Vec<Probe> {
    let (known, id) = ("known@b.co", user["id"].clone());
    let (unknown, no_id) = ("unknown@b.co", json!(642_254_356_480_123_u64));
    let mut probes = Vec::new();
    let mut add = |name, method, path, known: Value, unknown: Value| {
        probes.push(Probe {
            name,
            method,
            path,
            known,
            unknown,
        });
    };
    let with = |field: &str, value: &Value, rest: &Value| {
        let mut body = rest.clone();
        body[field] = value.clone();
        body
    };
    let wrong = json!({"password": "a wrong one"});
    let login = "/api/auth/login";
    let name = |text: &str| with("username", &json!(text), &wrong);
    add("login by e-mail", "POST", login, name(known), name(unknown));
    add(
        "login by user name",
        "POST",
        login,
        name("testuser"),
        name("nobody"),
    );
    let email = |text: &str| with("email", &json!(text), &wrong);
    add(
        "whale login",
        "PUT",
        "/api/users/login/",
        email(known),
        email(unknown),
    );
    add(
        "whale login, no address",
        "PUT",
        "/api/users/login/",
        email(known),
        email("nobody"),
    );

    let check = json!({"group": 1, "code": "AAAAAAAA"});
    let request = json!({"group": 1});
    let by_code = json!({"code": "AAAAAAAA", "password_new": "a new password"});
    let by_old = json!({"password_old": "a wrong one", "password_new": "a new password"});
    let none = json!({});
    for (name, method, path, rest) in [
        (
            "check before a request",
            "PUT",
            "/api/captcha/check/",
            &check,
        ),
        ("request", "POST", "/api/captcha/", &request),
        ("repeated request", "POST", "/api/captcha/", &request),
        ("check", "PUT", "/api/captcha/check/", &check),
        ("password by code", "PUT", "/api/users/password/", &by_code),
        (
            "password by the old one",
            "PUT",
            "/api/users/password/",
            &by_old,
        ),
        (
            "verification mail",
            "POST",
            "/api/users/verification_email/",
            &none,
        ),
    ] {
        let (known, unknown) = (json!(known), json!(unknown));
        add(
            name,
            method,
            path,
            with("email", &known, rest),
            with("email", &unknown, rest),
        );
        add(
            name,
            method,
            path,
            with("user_id", &id, rest),
            with("user_id", &no_id, rest),
        );
    }
    let verified = json!({"email": "verified@b.co"});
    let path = "/api/users/verification_email/";
    add(
        "verification mail, verified",
        "POST",
        path,
        verified,
        json!({"email": unknown}),
    );

    let account = |email: &str, username: &str| {
        json!({
            "email": email, "username": username, "nickname": "n", "name": "n", "password": PASSWORD,
        })
    };
    let taken = account(known, "new-user-1");
    add(
        "sign-up",
        "POST",
        "/api/auth/register",
        taken,
        account("free1@b.co", "new-user-2"),
    );
    let taken = account(known, "ignored");
    add(
        "whale sign-up",
        "POST",
        "/api/users/",
        taken,
        account("free2@b.co", "ignored"),
    );
    probes
}

/// An application with the known accounts, and the probes.
async fn prepared() -> (TestApp, Vec<Probe>) {
    let app = strict().await;
    app.register(&crate::support::registration("testuser"))
        .await;
    app.whale_account("known@b.co").await;
    let (user, _) = app.whale_account("by-id@b.co").await;
    let (verified, _) = app.whale_account("verified@b.co").await;
    app.update_directly(&verified, |user| user.verify_email())
        .await;
    let probes = probes(&user);
    (app, probes)
}

/// The response without the values that vary.
fn normalized(response: &Response) -> (u16, Option<String>, Value) {
    fn normalize(value: Value) -> Value {
        match value {
            Value::Object(members) => {
                let member = |(name, value): (String, Value)| {
                    let is_variable = VARIABLE.contains(&name.as_str()) && !value.is_object();
                    let value = if is_variable {
                        json!("…")
                    } else {
                        normalize(value)
                    };
                    (name, value)
                };
                Value::Object(members.into_iter().map(member).collect::<Map<_, _>>())
            }
            other => other,
        }
    }
    (
        response.status,
        response.www_authenticate.clone(),
        normalize(response.json()),
    )
}

#[tokio::test]
async fn known_and_unknown_accounts_get_the_same_response() {
    let (app, probes) = prepared().await;
    assert!(probes.len() >= 19, "{}", probes.len());
    for probe in &probes {
        // The second pair is sent to warm functions.
        for attempt in 0..2 {
            if attempt == 1 && probe.is_sign_up() {
                continue; // the free name is taken now
            }
            app.dynamodb_calls();
            let known = probe.send(&app, &probe.known).await;
            let calls_for_known = app.dynamodb_calls();
            let unknown = probe.send(&app, &probe.unknown).await;
            let calls_for_unknown = app.dynamodb_calls();
            let context = format!("{}: {} or {}", probe.name, probe.known, probe.unknown);
            assert_eq!(normalized(&known), normalized(&unknown), "{context}");
            if attempt == 1 {
                assert_eq!(calls_for_known, calls_for_unknown, "{context}");
            }
        }
    }
}

#[tokio::test]
async fn a_strict_code_request_reveals_no_id() {
    let (app, probes) = prepared().await;
    for probe in probes.iter().filter(|probe| probe.name == "request") {
        for body in [&probe.known, &probe.unknown] {
            let response = probe.send(&app, body).await;
            let user = &response.json()["data"]["captcha"]["user"];
            let asked = body.get("user_id").unwrap_or(&json!(0)).clone();
            assert_eq!(user, &asked, "{body}");
        }
    }
}

#[tokio::test]
async fn codes_of_unknown_accounts_expire_like_all_codes() {
    let app = strict().await;
    app.whale_account("known@b.co").await;
    let check = async |email: &str| {
        let body = json!({"group": 1, "email": email, "code": "AAAAAAAA"});
        let response = app.send_json("PUT", "/api/captcha/check/", &body).await;
        response.json()["code"].clone()
    };
    for email in ["known@b.co", "unknown@b.co"] {
        let body = json!({"group": 1, "email": email});
        let first = app.send_json("POST", "/api/captcha/", &body).await.json();
        let second = app.send_json("POST", "/api/captcha/", &body).await.json();
        assert_eq!(first["data"], second["data"], "{email}: the current code");
        for _ in 0..6 {
            assert_eq!(check(email).await, 1415, "{email}");
        }
    }
    app.advance_clock(CODE_LIFETIME);
    for email in ["known@b.co", "unknown@b.co"] {
        assert_eq!(check(email).await, 1416, "{email}");
    }
    app.settle().await;
    assert!(
        app.mails()
            .await
            .iter()
            .all(|mail| mail.to == ["known@b.co"])
    );
}

#[tokio::test]
async fn the_owner_is_notified_of_a_sign_up_with_their_address() {
    let app = strict().await;
    let (user, token) = app.whale_account("known@b.co").await;
    let before = app.stored_user(&user).await;
    let body = json!({"email": "KNOWN@b.co", "password": "another one", "name": "n"});
    let response = app.send_json("POST", "/api/users/", &body).await.json();
    assert_eq!(response["code"], 0, "{response}");
    let stranger = response["data"]["token"].as_str().unwrap();
    assert_eq!(
        app.me(stranger).await.status,
        401,
        "the account does not exist"
    );
    assert_eq!(app.me(&token).await.status, 200);
    assert_eq!(app.stored_user(&user).await, before);
    app.settle().await;
    let mails = app.mails().await;
    assert_eq!(mails.len(), 1, "{mails:#?}");
    assert_eq!(mails[0].to, ["known@b.co"]);
    assert!(
        mails[0].text.contains("/reset-password"),
        "{}",
        mails[0].text
    );
}

#[tokio::test]
async fn the_documents_codes_are_the_default() {
    let app = TestApp::new().await;
    app.whale_account("known@b.co").await;
    let login = json!({"email": "unknown@b.co", "password": PASSWORD});
    let response = app.send_json("PUT", "/api/users/login/", &login).await;
    assert_eq!(response.json()["code"], 1411);
    let taken = json!({"email": "known@b.co", "password": PASSWORD, "name": "n"});
    let response = app.send_json("POST", "/api/users/", &taken).await;
    assert_eq!(response.json()["code"], 1412);
}

/// The median of the durations.
fn median(durations: &mut [Duration]) -> Duration {
    durations.sort_unstable();
    durations[durations.len() / 2]
}

/// Prints for each probe the median duration for known and unknown accounts, and their difference
/// in percent of a password hash. `PAIRS=2000` measures exactly: at most 5 % then. Few pairs only
/// show that no work is missing.
#[tokio::test]
#[ignore = "takes minutes"]
#[expect(clippy::disallowed_methods, reason = "a benchmark's size")]
async fn the_duration_does_not_reveal_whether_an_account_exists() {
    let pairs = std::env::var("PAIRS").map_or(50, |pairs| pairs.parse().expect("a number"));
    let max_percent = if pairs >= 2_000 { 5.0 } else { 50.0 };
    let (app, mut probes) = prepared().await;
    probes.retain(|probe| !probe.is_sign_up());
    // On AWS the mailer has processors of its own. Here it would take its time from the requests that
    // it has an e-mail of.
    let mailer = Effect::Hold(Hold::default());
    app.cloud
        .inject(fault_of("mailer", "SendEmail", usize::MAX, mailer));
    let begun = Instant::now();
    for _ in 0..20 {
        let password = shared::Password::parse(PASSWORD).expect("a password");
        password.hash().expect("a hash");
    }
    let hash = begun.elapsed() / 20;
    for probe in &probes {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for pair in 0..pairs {
            let mut bodies = [(&probe.known, &mut known), (&probe.unknown, &mut unknown)];
            if pair % 2 == 1 {
                bodies.reverse();
            }
            for (body, durations) in bodies {
                let begun = Instant::now();
                probe.send(&app, body).await;
                durations.push(begun.elapsed());
            }
        }
        let (known, unknown) = (median(&mut known), median(&mut unknown));
        let difference = known.abs_diff(unknown).as_secs_f64() / hash.as_secs_f64() * 100.0;
        println!(
            "{}: {known:?} {unknown:?} {difference:.1} % of {hash:?}",
            probe.name
        );
        assert!(
            difference < max_percent,
            "{}: {known:?} {unknown:?}",
            probe.name
        );
    }
}
