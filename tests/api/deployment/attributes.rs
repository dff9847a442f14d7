//! Attributes of users that a function's grants do not name, read and written as the function.
//!
//! Every call has its own error: denied, or an item that does not exist.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, KeysAndAttributes, ReturnValue,
    ReturnValuesOnConditionCheckFailure as OnFailure, TransactWriteItem, Update,
};
use local::Statement;
use shared::{Connections, grant_attributes};

use crate::support::TestApp;

/// The functions that may read password hashes: those that verify or set one.
const READ_PASSWORDS: [&str; 4] = [
    "admin",
    "center-login",
    "whale-change-password",
    "whale-login",
];

/// A key that no user has.
const KEY: &str = "USER#1";

const DENIED: &str = "AccessDeniedException";

/// A client with the credentials of a function.
fn client(app: &TestApp, function: &str) -> Client {
    let mut variables = app.variables();
    variables.insert("AWS_ACCESS_KEY_ID".to_owned(), function.to_owned());
    let connections = Connections::from_variables(variables).expect("an environment");
    connections.clients.dynamodb()
}

fn key() -> AttributeValue {
    AttributeValue::S(KEY.to_owned())
}

/// The error code of a call. Empty if there is no error.
fn code<T, E: ProvideErrorMetadata>(outcome: Result<T, SdkError<E>>) -> String {
    match outcome {
        Ok(_) => String::new(),
        Err(SdkError::ServiceError(error)) => error.err().code().unwrap_or("?").to_owned(),
        Err(_) => panic!("the call failed"),
    }
}

/// Whether a statement allows the action on users.
fn is_for_users(statement: &Statement, action: &str) -> bool {
    let keys = statement.conditions.iter();
    let mut keys = keys.filter(|condition| condition.key == "dynamodb:LeadingKeys");
    statement.actions.iter().any(|allowed| allowed == action)
        && keys.any(|condition| condition.values.iter().any(|value| value == "USER#*"))
}

/// The functions that may do this to users, without the operator's.
fn functions(app: &TestApp, action: &str) -> Vec<String> {
    let template = app.cloud.template();
    let may = template.functions.iter().filter(|function| {
        let mut statements = function.statements.iter();
        statements.any(|statement| is_for_users(statement, action))
    });
    let names: Vec<_> = may.map(|function| function.name.clone()).collect();
    assert!(names.len() > 1, "{action}: {names:?}");
    names
}

/// The error code of a read of one user: of these attributes, or of all.
async fn read(client: &Client, table: &str, attributes: Option<&str>) -> String {
    let read = client.get_item().table_name(table).key("pk", key());
    let read = read.set_projection_expression(attributes.map(str::to_owned));
    code(read.send().await)
}

#[tokio::test]
async fn a_reader_without_need_gets_no_password_hash() {
    let app = TestApp::new().await;
    let table = app.physical_id("UsersTable");
    for function in functions(&app, "dynamodb:GetItem") {
        let client = client(&app, &function);
        let expected = match READ_PASSWORDS.contains(&function.as_str()) {
            true => "",
            false => DENIED,
        };
        let reads = [
            None,
            Some("password"),
            Some("nickname, password"),
            Some("password_fits_admin"),
        ];
        for attributes in reads {
            let code = read(&client, &table, attributes).await;
            assert_eq!(code, expected, "{function}: {attributes:?}");
        }
        let allowed = read(&client, &table, Some("nickname, email")).await;
        assert_eq!(allowed, "", "{function}");
    }
}

#[tokio::test]
async fn a_list_of_users_has_no_password_hash() {
    let app = TestApp::new().await;
    let table = app.physical_id("UsersTable");
    for function in functions(&app, "dynamodb:BatchGetItem") {
        let client = client(&app, &function);
        let reads = [
            (None, DENIED),
            (Some("password"), DENIED),
            (Some("nickname, sessions"), DENIED),
            (Some("nickname, email"), ""),
            (Some("blocked, featured"), ""),
        ];
        for (attributes, expected) in reads {
            let expected = match (function.as_str(), attributes) {
                ("admin", _) => "",
                ("user-index-sync", Some("nickname, email")) => DENIED,
                _ => expected,
            };
            let keys = KeysAndAttributes::builder().keys([("pk".to_owned(), key())].into());
            let keys = keys.set_projection_expression(attributes.map(str::to_owned));
            let read = client
                .batch_get_item()
                .request_items(&table, keys.build().expect("a request"));
            let code = code(read.send().await);
            assert_eq!(code, expected, "{function}: {attributes:?}");
        }
    }
}

/// An update of one attribute of a user that does not exist.
fn update(table: &str, attribute: &str) -> Update {
    Update::builder()
        .table_name(table)
        .key("pk", key())
        .update_expression("SET #a = :a")
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_names("#a", attribute)
        .expression_attribute_values(":a", AttributeValue::S("admin".to_owned()))
        .build()
        .expect("an update")
}

async fn transact(client: &Client, item: TransactWriteItem) -> String {
    code(
        client
            .transact_write_items()
            .transact_items(item)
            .send()
            .await,
    )
}

/// The grants of `template.yaml` that let a function update users.
const UPDATING: [&str; 3] = ["MayChangeUsers", "MaySetPasswords", "MayLogIn"];

#[tokio::test]
async fn a_change_of_users_reaches_the_named_attributes_only() {
    let app = TestApp::new().await;
    let table = app.physical_id("UsersTable");
    let grants = grant_attributes();
    let of = |grant: &str| {
        let named = grants.iter().find(|(name, _)| *name == grant);
        named.expect("a grant").1.clone()
    };
    let readable = of("MayReadUsers");
    let all = readable.iter().chain(&["password", "password_fits_admin"]);
    let all: Vec<&str> = all.copied().filter(|name| *name != "pk").collect();
    let functions = functions(&app, "dynamodb:UpdateItem").into_iter();
    for function in functions.filter(|function| function != "admin") {
        let grant = match function.as_str() {
            "center-login" | "whale-login" => UPDATING[2],
            "whale-change-password" => UPDATING[1],
            _ => UPDATING[0],
        };
        let (client, named) = (client(&app, &function), of(grant));
        for attribute in &all {
            let change = update(&table, attribute);
            let item = TransactWriteItem::builder().update(change).build();
            let code = transact(&client, item).await;
            let expected = match named.contains(attribute) {
                true => "TransactionCanceledException", // there is no such user
                false => DENIED,
            };
            assert_eq!(code, expected, "{function}: {attribute}");
        }
        // Neither a condition nor a returned item reveals the others.
        let single = || {
            let update = client.update_item().table_name(&table).key("pk", key());
            let update = update.update_expression("SET #a = :a");
            let update = update.expression_attribute_names("#a", "version");
            update.expression_attribute_values(":a", AttributeValue::N("1".to_owned()))
        };
        let exists = "attribute_exists(pk)";
        for (request, expected) in [
            (
                single().condition_expression(exists),
                "ConditionalCheckFailedException",
            ),
            (
                single().condition_expression("attribute_exists(featured)"),
                DENIED,
            ),
            (
                single()
                    .condition_expression(exists)
                    .return_values(ReturnValue::AllOld),
                DENIED,
            ),
            (
                single()
                    .condition_expression(exists)
                    .return_values_on_condition_check_failure(OnFailure::AllOld),
                DENIED,
            ),
        ] {
            let described = format!("{function}: {:?}", request.as_input());
            assert_eq!(code(request.send().await), expected, "{described}");
        }
    }
}

#[tokio::test]
async fn only_the_operator_and_new_passwords_reach_the_role() {
    let app = TestApp::new().await;
    let table = app.physical_id("UsersTable");
    for function in functions(&app, "dynamodb:UpdateItem") {
        let item = TransactWriteItem::builder().update(update(&table, "role"));
        let code = transact(&client(&app, &function), item.build()).await;
        let is_denied = !["admin", "whale-change-password"].contains(&function.as_str());
        assert_eq!(code == DENIED, is_denied, "{function}: {code}");
    }
}

#[tokio::test]
async fn a_check_of_the_holder_reveals_no_other_attribute() {
    let app = TestApp::new().await;
    let table = app.physical_id("UsersTable");
    for function in functions(&app, "dynamodb:ConditionCheckItem") {
        let client = client(&app, &function);
        for (attribute, on_failure, is_allowed) in [
            ("role", None, true),
            ("password", None, false),
            ("email", None, false),
            ("role", Some(OnFailure::AllOld), false),
        ] {
            let check = ConditionCheck::builder()
                .table_name(&table)
                .key("pk", key())
                .condition_expression("attribute_exists(#a)")
                .expression_attribute_names("#a", attribute)
                .set_return_values_on_condition_check_failure(on_failure.clone());
            let check = check.build().expect("a check");
            let item = TransactWriteItem::builder().condition_check(check).build();
            let code = transact(&client, item).await;
            let is_denied = code == DENIED;
            assert_eq!(
                is_denied, !is_allowed,
                "{function}: {attribute}, {on_failure:?}: {code}"
            );
        }
    }
}

#[tokio::test]
async fn a_sign_up_does_not_return_what_it_would_replace() {
    let app = TestApp::new().await;
    let table = app.physical_id("UsersTable");
    let functions = functions(&app, "dynamodb:PutItem").into_iter();
    for function in functions.filter(|function| function != "admin") {
        let client = client(&app, &function);
        let put = || client.put_item().table_name(&table).item("pk", key());
        let returning = put().return_values(ReturnValue::AllOld).send().await;
        assert_eq!(code(returning), DENIED, "{function}");
        assert_eq!(code(put().send().await), "", "{function}");
    }
}
