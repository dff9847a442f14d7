//! Required permissions of DynamoDB requests: actions, tables and leading keys.

use serde_json::{Value as Json, json};

use crate::{
    aws::request::RequiredPermission,
    template::{Table, table_arn},
};

/// Condition key with the partition keys that a request accesses.
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

/// The operation and its required permissions. A transaction requires those of all its items.
pub(in crate::aws) fn required_permissions(
    operation: &str,
    body: &[u8],
    tables: &[Table],
) -> (String, Vec<RequiredPermission>) {
    let body: Json = serde_json::from_slice(body).unwrap_or_default();
    let permission = |operation: &str, request: &Json| {
        let action = format!("dynamodb:{operation}");
        let permission = RequiredPermission::new(action, resource_arn(request));
        match leading_keys(operation, request, tables) {
            Some(keys) => permission.with_context(LEADING_KEYS, keys),
            None => permission,
        }
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
    (operation.to_owned(), permissions)
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
