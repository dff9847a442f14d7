//! Required permissions of DynamoDB requests: actions, tables and condition keys.
//!
//! The condition keys are those of
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::{
    aws::request::RequiredPermission,
    template::{Table, table_arn},
};

/// Condition key with the partition keys that a request accesses.
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";
/// Condition key with the top-level attributes that a request names.
const ATTRIBUTES: &str = "dynamodb:Attributes";
/// Condition key with the choice of attributes that a read returns.
const SELECT: &str = "dynamodb:Select";
/// Condition key with the attributes that a write returns.
const RETURN_VALUES: &str = "dynamodb:ReturnValues";

/// Parameters that are expressions.
const EXPRESSIONS: [&str; 5] = [
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
];

/// Parameters that are the predecessors of expressions, as maps by attribute name.
const LEGACY_MAPS: [&str; 5] = [
    "AttributeUpdates",
    "Expected",
    "KeyConditions",
    "QueryFilter",
    "ScanFilter",
];

/// Words of an expression that are no names. DynamoDB reserves them in any case.
const KEYWORDS: [&str; 9] = [
    "ADD", "AND", "BETWEEN", "DELETE", "IN", "NOT", "OR", "REMOVE", "SET",
];

/// The operation and its required permissions: one for each action and table, as [`merged`].
pub(in crate::aws) fn required_permissions(
    operation: &str,
    body: &[u8],
    tables: &[Table],
) -> (String, Vec<RequiredPermission>) {
    let body: Json = serde_json::from_slice(body).unwrap_or_default();
    let permission = |operation: &str, request: &Json| {
        let action = format!("dynamodb:{operation}");
        let permission = RequiredPermission::new(action, resource_arn(request));
        let context = [
            (LEADING_KEYS, leading_keys(operation, request, tables)),
            (ATTRIBUTES, Some(attributes(request))),
            (SELECT, select(operation, request)),
            (RETURN_VALUES, return_values(request)),
        ];
        context
            .into_iter()
            .filter_map(|(key, values)| Some((key, values?)))
            .fold(permission, |permission, (key, values)| {
                permission.with_context(key, values)
            })
    };
    let permissions = match operation {
        "TransactWriteItems" | "TransactGetItems" => items(&body["TransactItems"])
            .iter()
            .filter_map(|item| item.as_object()?.iter().next())
            .map(|(kind, request)| match kind.as_str() {
                "ConditionCheck" => permission("ConditionCheckItem", request),
                verb => permission(&format!("{verb}Item"), request),
            })
            .collect(),
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            tables
                .map(|(table, requests)| {
                    let mut request = requests.clone();
                    if operation == "BatchWriteItem" {
                        request = json!({ "Items": requests });
                    }
                    request["TableName"] = table.as_str().into();
                    permission(operation, &request)
                })
                .collect()
        }
        _ => vec![permission(operation, &body)],
    };
    (operation.to_owned(), merged(permissions))
}

/// One permission for each action and resource, with the condition keys of all elements as one set.
///
/// AWS does not document whether it evaluates the elements of a transaction one by one or together.
/// Together is stricter: one statement must allow all of them. What it allows, it also allows one by
/// one.
fn merged(permissions: Vec<RequiredPermission>) -> Vec<RequiredPermission> {
    let mut merged: Vec<RequiredPermission> = Vec::new();
    for one in permissions {
        let same = |other: &&mut RequiredPermission| {
            (&other.action, &other.resource) == (&one.action, &one.resource)
        };
        let Some(all) = merged.iter_mut().find(same) else {
            merged.push(one);
            continue;
        };
        for (key, values) in one.context {
            let set = all.context.entry(key).or_default();
            set.extend(values);
            set.sort_unstable();
            set.dedup();
        }
    }
    merged
}

/// Partition keys that an operation accesses. `None` for a scan or an operation on a whole table.
///
/// A key that cannot be determined is the empty string, which no permission allows.
fn leading_keys(operation: &str, request: &Json, tables: &[Table]) -> Option<Vec<String>> {
    let name = request["TableName"].as_str().unwrap_or_default();
    let table = tables
        .iter()
        .find(|table| to_arn(&table.name) == to_arn(name))?;
    let attribute = partition_key(table, request["IndexName"].as_str()).unwrap_or_default();
    let key_of = |item: &Json| scalar(&item[attribute]);
    Some(match operation {
        "GetItem" | "UpdateItem" | "DeleteItem" | "ConditionCheckItem" => {
            vec![key_of(&request["Key"])]
        }
        "PutItem" => vec![key_of(&request["Item"])],
        "Query" => vec![queried_key(request, attribute)],
        "BatchGetItem" => items(&request["Keys"]).iter().map(key_of).collect(),
        "BatchWriteItem" => items(&request["Items"])
            .iter()
            .map(|item| match item.get("PutRequest") {
                Some(put) => key_of(&put["Item"]),
                None => key_of(&item["DeleteRequest"]["Key"]),
            })
            .collect(),
        _ => return None,
    })
}

/// Top-level attributes that a request names: in keys, items and expressions.
fn attributes(request: &Json) -> Vec<String> {
    let mut names = BTreeSet::new();
    let mut add = |attributes: &Json| {
        names.extend(
            attributes
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone()),
        );
    };
    add(&request["Key"]);
    add(&request["Item"]);
    LEGACY_MAPS.iter().for_each(|map| add(&request[*map]));
    items(&request["Keys"]).iter().for_each(&mut add);
    for item in items(&request["Items"]) {
        add(&item["PutRequest"]["Item"]);
        add(&item["DeleteRequest"]["Key"]);
    }
    let listed = items(&request["AttributesToGet"]).iter();
    names.extend(listed.filter_map(|name| Some(name.as_str()?.to_owned())));
    for expression in EXPRESSIONS {
        let expression = request[expression].as_str().unwrap_or_default();
        let named = names_in(expression).into_iter().map(|name| {
            let resolved = request["ExpressionAttributeNames"][name].as_str();
            resolved.unwrap_or(name).to_owned()
        });
        names.extend(named);
    }
    names.into_iter().collect()
}

/// Names and `#` placeholders of top-level attributes in an expression: not what follows a dot.
fn names_in(expression: &str) -> Vec<&str> {
    let is_part = |character: char| character.is_alphanumeric() || "_#:".contains(character);
    let (mut names, mut rest, mut is_member) = (Vec::new(), expression, false);
    while let Some(first) = rest.chars().next() {
        let length = rest
            .find(|character| !is_part(character))
            .unwrap_or(rest.len());
        if length == 0 {
            // Blanks are allowed around the dot.
            is_member = first == '.' || is_member && first.is_whitespace();
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (word, following) = rest.split_at(length);
        let is_value =
            word.starts_with(|character: char| character == ':' || character.is_numeric());
        let is_function = following.trim_start().starts_with('(');
        let is_keyword = KEYWORDS
            .iter()
            .any(|keyword| word.eq_ignore_ascii_case(keyword));
        if !(is_member || is_value || is_function || is_keyword) {
            names.push(word);
        }
        (rest, is_member) = (following, false);
    }
    names
}

/// `Select` of a read: `SPECIFIC_ATTRIBUTES` for a projection, and else all attributes by default.
fn select(operation: &str, request: &Json) -> Option<Vec<String>> {
    let reads = ["GetItem", "BatchGetItem", "Query", "Scan"];
    reads.contains(&operation).then(|| {
        let is_projection = ["ProjectionExpression", "AttributesToGet"]
            .iter()
            .any(|parameter| !request[*parameter].is_null());
        let default = match request["IndexName"].as_str() {
            _ if is_projection => "SPECIFIC_ATTRIBUTES",
            Some(_) => "ALL_PROJECTED_ATTRIBUTES",
            None => "ALL_ATTRIBUTES",
        };
        vec![request["Select"].as_str().unwrap_or(default).to_owned()]
    })
}

/// `ReturnValues` of a request. Without one, none are returned.
///
/// AWS does not document whether `ReturnValuesOnConditionCheckFailure`, which can return a whole item,
/// has this condition key. Here it has: what a grant must not return is not requested either.
fn return_values(request: &Json) -> Option<Vec<String>> {
    let parameters = ["ReturnValues", "ReturnValuesOnConditionCheckFailure"];
    let values = parameters
        .iter()
        .filter_map(|parameter| Some(request[*parameter].as_str()?.to_owned()));
    let values: Vec<_> = values.collect();
    (!values.is_empty()).then_some(values)
}

fn items(list: &Json) -> &[Json] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// Name of the partition key of a table or index.
fn partition_key<'a>(table: &'a Table, index: Option<&str>) -> Option<&'a str> {
    let schema = match index {
        None => &table.create["KeySchema"],
        Some(index) => {
            let kinds = ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"];
            let mut indexes = kinds.iter().flat_map(|kind| items(&table.create[*kind]));
            &indexes.find(|candidate| candidate["IndexName"] == *index)?["KeySchema"]
        }
    };
    let key = items(schema).iter().find(|key| key["KeyType"] == "HASH")?;
    key["AttributeName"].as_str()
}

/// The value that a query's key condition compares `attribute` with: `pk = :id` or `#pk = :id`.
fn queried_key(request: &Json, attribute: &str) -> String {
    let condition = request["KeyConditionExpression"]
        .as_str()
        .unwrap_or_default();
    let names = &request["ExpressionAttributeNames"];
    let values = &request["ExpressionAttributeValues"];
    let mut comparisons = condition
        .split(" AND ")
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()));
    let found = comparisons.find(|(name, _)| names[*name].as_str().unwrap_or(name) == attribute);
    found
        .map(|(_, value)| scalar(&values[value]))
        .unwrap_or_default()
}

/// The text in a typed attribute value, e.g. `{"S": "text"}`.
fn scalar(attribute: &Json) -> String {
    let typed = attribute
        .as_object()
        .and_then(|typed| typed.values().next());
    typed.and_then(Json::as_str).unwrap_or_default().to_owned()
}

/// ARN of a request's table, index or stream; `*` without one.
fn resource_arn(request: &Json) -> String {
    match (request["TableName"].as_str(), request["IndexName"].as_str()) {
        (Some(table), Some(index)) => format!("{}/index/{index}", to_arn(table)),
        (Some(table), None) => to_arn(table),
        (None, _) => request["StreamArn"].as_str().unwrap_or("*").to_owned(),
    }
}

/// ARN of a table. A request contains its name or its ARN.
fn to_arn(table: &str) -> String {
    if table.starts_with("arn:") {
        table.to_owned()
    } else {
        table_arn(table)
    }
}
