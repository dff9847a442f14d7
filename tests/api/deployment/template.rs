//! Rules of `template.yaml` that no linter checks. They hold for every function, route, table and
//! parameter in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use local::{StackSettings, Statement, Template};

/// The resources that a grant may name by a pattern, and the reason.
const PATTERNS: [(&str, &str); 2] = [
    (":::avatarsbucket/avatars/*", "each avatar has its own key"),
    (
        ":identity/*",
        "SES authorizes an address, a domain or the recipient; a condition limits the sender",
    ),
];

/// The tables that may be deleted with the stack, and the reason.
const PASSING: [(&str, &str); 3] = [
    ("MailCodesTable", "a code expires after ten minutes"),
    ("UserIndexTable", "it can be rebuilt from the users"),
    (
        "OutboxTable",
        "it lasts 15 days, and each message until it is processed",
    ),
];

/// The families in the order of the template. Functions without a family follow.
const ORDER: [&str; 5] = ["profile-", "whale-", "campus-", "center-", "pages-"];

fn text() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml"))
        .expect("a template")
}

fn template() -> Template {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml");
    let parameters = BTreeMap::from([("AdminEmail".to_owned(), "root@example.com".to_owned())]);
    let settings = StackSettings {
        parameters,
        ..StackSettings::default()
    };
    Template::read(&path, &settings).expect("a template")
}

/// The entries of a section such as `Resources`: names and texts.
fn entries(section: &str) -> Vec<(String, String)> {
    let text = text();
    let lines = text
        .lines()
        .skip_while(|line| *line != format!("{section}:"))
        .skip(1);
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    let mut entries: Vec<(String, String)> = Vec::new();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with("  #")) {
        match line
            .strip_prefix("  ")
            .filter(|rest| !rest.starts_with(' '))
        {
            Some(name) => {
                entries.push((name.split(':').next().unwrap().to_owned(), line.to_owned()))
            }
            None => {
                let (_, entry) = entries.last_mut().expect("a name before its content");
                entry.push('\n');
                entry.push_str(line);
            }
        }
    }
    entries
}

/// The resources of a type, by logical id.
fn resources(kind: &str) -> Vec<(String, String)> {
    let of_kind = format!("\n    Type: {kind}");
    let is = |entry: &str| entry.lines().any(|line| format!("\n{line}") == of_kind);
    entries("Resources")
        .into_iter()
        .filter(|(_, entry)| is(entry))
        .collect()
}

/// Every statement of every function, by the function's name.
fn statements(template: &Template) -> Vec<(&str, &Statement)> {
    let all = template.functions.iter();
    all.flat_map(|function| {
        function
            .statements
            .iter()
            .map(|statement| (function.name.as_str(), statement))
    })
    .collect()
}

#[test]
fn a_grant_names_its_actions_and_resources() {
    let template = template();
    for (function, statement) in statements(&template) {
        assert_eq!(statement.effect, "Allow", "{function}");
        assert!(
            statement.not_actions.is_empty(),
            "{function} has NotAction: {statement:?}"
        );
        for action in &statement.actions {
            assert!(!action.contains(['*', '?']), "{function} may do {action}");
        }
        for resource in statement
            .resources
            .iter()
            .filter(|resource| resource.contains(['*', '?']))
        {
            let excepted = PATTERNS
                .iter()
                .any(|(pattern, _)| resource.ends_with(pattern));
            assert!(
                excepted,
                "{function} may do {:?} to {resource}",
                statement.actions
            );
        }
    }
    for function in &template.functions {
        assert!(
            function.boundary.is_some(),
            "{} has no boundary",
            function.name
        );
    }
}

#[test]
fn a_grant_on_the_users_table_names_the_kinds_of_items() {
    let template = template();
    let table = template
        .tables
        .iter()
        .find(|table| table.logical == "UsersTable")
        .expect("the table");
    let arn = format!(":table/{}", table.name);
    let on_users = |statement: &Statement| {
        statement
            .resources
            .iter()
            .any(|resource| resource.ends_with(&arn))
    };
    for (function, statement) in statements(&template) {
        let scans = function == "admin" && statement.actions == ["dynamodb:Scan"]; // a scan has no key
        if scans || !on_users(statement) {
            continue;
        }
        let keys = statement
            .conditions
            .iter()
            .find(|condition| condition.key == "dynamodb:LeadingKeys");
        let keys = keys.unwrap_or_else(|| panic!("{function} may touch every item: {statement:?}"));
        let kind = |key: &String| !key.trim_end_matches('*').is_empty();
        assert!(
            keys.values.iter().all(kind),
            "{function}: {:?}",
            keys.values
        );
    }
}

#[test]
fn a_function_block_has_at_most_sixteen_lines() {
    for (name, block) in resources("AWS::Serverless::Function") {
        // Filters and retries of a stream take as many lines again.
        let max = if block.contains("Type: DynamoDB") {
            32
        } else {
            16
        };
        // The fallback has one more line for each path, which is derived.
        let lines = block.lines().filter(|line| !line.contains("Method: ANY"));
        let lines = lines.count();
        assert!(lines <= max, "{name} takes {lines} lines");
    }
}

#[test]
fn functions_are_in_the_order_of_their_families() {
    let template = template();
    let place = |logical: &str| {
        let function = template
            .functions
            .iter()
            .find(|function| function.logical == logical);
        let name = &function.expect("a function").name;
        ORDER
            .iter()
            .position(|family| name.starts_with(family))
            .unwrap_or(ORDER.len())
    };
    let places: Vec<usize> = resources("AWS::Serverless::Function")
        .iter()
        .map(|(logical, _)| place(logical))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn the_access_log_holds_neither_path_nor_query_string() {
    let text = text();
    let variables = text.split("$context.").skip(1);
    let variables: Vec<&str> = variables
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let may = [
        "requestId",
        "requestTime",
        "routeKey",
        "status",
        "dataProcessed",
        "responseLength",
        "responseLatency",
        "integrationLatency",
        "integrationErrorMessage",
        "identity.sourceIp",
    ];
    assert_eq!(variables, may);
}

#[test]
fn user_data_is_retained_encrypted_and_recoverable() {
    for (name, table) in resources("AWS::DynamoDB::Table") {
        // The key of an AWS service is the default, and free. One of the account would be billed.
        assert!(!table.contains("SSESpecification"), "{name}: encryption");
        let kept = [
            "DeletionPolicy: Retain",
            "UpdateReplacePolicy: Retain",
            "DeletionProtectionEnabled: true",
            "PointInTimeRecoveryEnabled: true",
        ];
        if PASSING.iter().all(|(passing, _)| *passing != name) {
            kept.iter()
                .for_each(|word| assert!(table.contains(word), "{name} lacks {word}"));
        }
    }
    for (name, bucket) in resources("AWS::S3::Bucket") {
        let words = [
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        ];
        words
            .iter()
            .for_each(|word| assert!(bucket.contains(&format!("{word}: true")), "{name}: {word}"));
        let recoverable = [
            "DeletionPolicy: Retain",
            "VersioningConfiguration: { Status: Enabled }",
            "NoncurrentVersionExpiration: { NoncurrentDays: 35 }",
            "ExpiredObjectDeleteMarker: true",
        ];
        recoverable
            .iter()
            .for_each(|word| assert!(bucket.contains(word), "{name} lacks {word}"));
    }
    let s3 = |action: &&String| action.starts_with("s3:");
    let template = template();
    let actions: BTreeSet<String> = statements(&template)
        .into_iter()
        .flat_map(|(_, statement)| &statement.actions)
        .filter(s3)
        .cloned()
        .collect();
    let allowed = ["s3:DeleteObject", "s3:ListBucket", "s3:PutObject"];
    assert_eq!(actions, BTreeSet::from(allowed.map(str::to_owned)));
}

#[test]
fn requests_without_tls_are_denied() {
    let policies: Vec<String> = entries("Resources")
        .into_iter()
        .map(|(_, entry)| entry)
        .collect();
    let refusals = policies
        .iter()
        .flat_map(|policy| policy.split("- Sid: ").skip(1));
    let refusals: Vec<&str> = refusals
        .filter(|statement| statement.starts_with("TlsOnly\n"))
        .collect();
    for kind in ["AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic"] {
        for (name, _) in resources(kind) {
            let names = [format!("!GetAtt {name}.Arn"), format!("!Ref {name}")];
            let refused = |statement: &&str| {
                statement.contains("Effect: Deny")
                    && names.iter().any(|name| statement.contains(name))
            };
            assert!(refusals.iter().any(refused), "{name}");
        }
    }
}

#[test]
fn eleven_alarms_exist_and_cover_every_stream() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    assert_eq!(alarms.len(), 11);
    for (name, alarm) in &alarms {
        assert!(
            alarm.contains("AlarmActions: [!Ref Alarms]"),
            "{name} notifies no topic"
        );
    }
    let (_, age) = alarms
        .iter()
        .find(|(_, alarm)| alarm.contains("IteratorAge"))
        .expect("an alarm");
    for function in template()
        .functions
        .iter()
        .filter(|function| !function.sources.is_empty())
    {
        let dimension = format!("Value: !Ref {} }}", function.logical);
        assert!(
            age.contains(&dimension),
            "no alarm watches the stream of {}",
            function.name
        );
    }
}

#[test]
fn every_parameter_is_explained_here_and_in_the_run_book() {
    let run_book = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let run_book = fs::read_to_string(run_book).expect("a text");
    for (name, parameter) in entries("Parameters") {
        assert!(parameter.contains("\n    Description: "), "{name}");
        assert!(
            run_book.contains(&format!("| `{name}` | ")),
            "docs/operations.md does not explain {name}"
        );
    }
}

#[test]
fn base_urls_are_https_without_a_slash_at_the_end() {
    for name in ["BaseUrl", "AvatarsUrl"] {
        let read = |value: &str| {
            let parameters = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            let settings = StackSettings {
                parameters,
                ..StackSettings::default()
            };
            Template::read(
                &Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml"),
                &settings,
            )
        };
        for valid in [
            "",
            "https://accounts.example.com",
            "https://example.com:8443/accounts/v1",
        ] {
            assert!(read(valid).is_ok(), "{name} {valid}");
        }
        for invalid in [
            "http://accounts.example.com",
            "https://",
            "https://accounts.example.com/",
            "https://accounts.example.com/a?b",
            "https://user@example.com",
            "javascript:alert(1)",
            " https://accounts.example.com",
        ] {
            assert!(read(invalid).is_err(), "{name} {invalid}");
        }
    }
}

#[test]
fn the_template_allows_each_region_of_phone_numbers() {
    let (_, parameter) = entries("Parameters")
        .into_iter()
        .find(|(name, _)| name == "PhoneRegion")
        .expect("a parameter");
    let allowed = parameter
        .split_once("AllowedValues: [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .map(|(list, _)| list.replace('"', ""));
    let known: Vec<&str> = shared::PhoneRegion::codes().collect();
    assert_eq!(allowed.as_deref(), Some(known.join(", ").as_str()));
}
