//! What a call of DynamoDB takes: which actions, on which tables, and under which keys.

use serde_json::Value as Json;

use super::request::Need;
use crate::template::{Table, table_arn};

/// The condition key of the partition keys that a call touches.
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

/// The operation and what it takes. A transaction takes the action of each of its elements.
pub(super) fn read(operation: &str, body: &[u8], tables: &[Table]) -> (String, Vec<Need>) {
    let body: Json = serde_json::from_slice(body).unwrap_or_default();
    let need = |operation: &str, request: &Json| {
        let need = Need::new(format!("dynamodb:{operation}"), resource(request));
        match leading_keys(operation, request, tables) {
            Some(keys) => need.about(LEADING_KEYS, keys),
            None => need,
        }
    };
    let needs = match operation {
        "TransactWriteItems" | "TransactGetItems" => {
            let elements = body["TransactItems"].as_array().into_iter().flatten();
            let elements = elements.filter_map(|element| element.as_object()?.iter().next());
            let kinds = elements.map(|(kind, element)| match kind.as_str() {
                "ConditionCheck" => need("ConditionCheckItem", element),
                verb => need(&format!("{verb}Item"), element),
            });
            kinds.collect()
        }
        "BatchGetItem" | "BatchWriteItem" => {
            let requests = body["RequestItems"].as_object().into_iter().flatten();
            let named = requests.map(|(table, items)| {
                let mut request = items.clone();
                if operation == "BatchWriteItem" {
                    request = serde_json::json!({ "Items": items });
                }
                request["TableName"] = table.as_str().into();
                need(operation, &request)
            });
            named.collect()
        }
        _ => vec![need(operation, &body)],
    };
    (operation.to_owned(), needs)
}

/// The partition keys of an operation that has them: a scan has none, nor has what concerns a
/// table as a whole. A key that cannot be read is an empty text, which no grant is about.
fn leading_keys(operation: &str, request: &Json, tables: &[Table]) -> Option<Vec<String>> {
    let named = request["TableName"].as_str().unwrap_or_default();
    let table = tables.iter().find(|table| arn(&table.name) == arn(named))?;
    let attribute = partition_key(table, request["IndexName"].as_str()).unwrap_or_default();
    let of = |item: &Json| value(&item[attribute]);
    let list = |items: &Json| {
        items
            .as_array()
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
    };
    match operation {
        "GetItem" | "UpdateItem" | "DeleteItem" | "ConditionCheckItem" => {
            Some(vec![of(&request["Key"])])
        }
        "PutItem" => Some(vec![of(&request["Item"])]),
        "Query" => Some(vec![queried(request, attribute)]),
        "BatchGetItem" => Some(list(&request["Keys"]).iter().map(of).collect()),
        "BatchWriteItem" => {
            let written =
                list(&request["Items"])
                    .into_iter()
                    .map(|item| match item.get("PutRequest") {
                        Some(put) => of(&put["Item"]),
                        None => of(&item["DeleteRequest"]["Key"]),
                    });
            Some(written.collect())
        }
        _ => None,
    }
}

/// The partition key of a table, or of one of its indexes.
fn partition_key<'a>(table: &'a Table, index: Option<&str>) -> Option<&'a str> {
    let schema = match index {
        None => &table.create["KeySchema"],
        Some(index) => {
            let kinds = ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"];
            let mut indexes = kinds
                .iter()
                .filter_map(|kind| table.create[*kind].as_array())
                .flatten();
            &indexes.find(|candidate| candidate["IndexName"] == *index)?["KeySchema"]
        }
    };
    let key = schema
        .as_array()?
        .iter()
        .find(|key| key["KeyType"] == "HASH")?;
    key["AttributeName"].as_str()
}

/// The key that a query's condition compares `attribute` with: `pk = :id` or `#pk = :id`.
fn queried(request: &Json, attribute: &str) -> String {
    let condition = request["KeyConditionExpression"]
        .as_str()
        .unwrap_or_default();
    let names = &request["ExpressionAttributeNames"];
    let values = &request["ExpressionAttributeValues"];
    let parts = condition
        .split(" AND ")
        .filter_map(|part| part.split_once('='));
    let mut keys = parts.map(|(name, given)| (name.trim(), given.trim()));
    let found = keys.find(|(name, _)| names[*name].as_str().unwrap_or(name) == attribute);
    found
        .map(|(_, given)| value(&values[given]))
        .unwrap_or_default()
}

/// A key's value, as text.
fn value(attribute: &Json) -> String {
    let typed = attribute
        .as_object()
        .and_then(|typed| typed.values().next());
    typed.and_then(Json::as_str).unwrap_or_default().to_owned()
}

/// The table or index that a request or an element names; all of them if it names none.
fn resource(request: &Json) -> String {
    match (request["TableName"].as_str(), request["IndexName"].as_str()) {
        (Some(table), Some(index)) => format!("{}/index/{index}", arn(table)),
        (Some(table), None) => arn(table),
        (None, _) => request["StreamArn"].as_str().unwrap_or("*").to_owned(),
    }
}

/// A request may name a table by its ARN, too.
fn arn(table: &str) -> String {
    if table.starts_with("arn:") {
        table.to_owned()
    } else {
        table_arn(table)
    }
}
