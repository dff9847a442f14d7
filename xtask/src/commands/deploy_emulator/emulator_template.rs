//! The expanded template, changed so that ministack can deploy it.
//!
//! The documentation of `deploy_emulator` lists what shows the changed parts instead.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::commands::generate::capital;
use crate::json::at;

/// The policies of resources, whose statements deny requests without TLS.
const RESOURCE_POLICIES: [&str; 3] = [
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SNS::TopicPolicy",
];

/// The key of the operation for any method.
const ANY_METHOD: &str = "x-amazon-apigateway-any-method";

/// Changes an expanded template.
pub fn adapt(mut template: Value) -> Result<Value> {
    let resources = template.get_mut("Resources").and_then(Value::as_object_mut);
    let resources = resources.context("the template has no resources")?;
    let secrets = resources.iter();
    let secrets = secrets.filter(|(_, each)| at(each, "/Type") == "AWS::SecretsManager::Secret");
    let secrets: BTreeSet<String> = secrets.map(|(name, _)| name.clone()).collect();

    for (name, mut resource) in std::mem::take(resources) {
        let kind = at(&resource, "/Type")
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let mut none = Value::Null;
        let properties = resource.get_mut("Properties").unwrap_or(&mut none);
        match kind.as_str() {
            "AWS::SecretsManager::RotationSchedule" => continue,
            "AWS::CloudWatch::Alarm" if !at(properties, "/Metrics").is_null() => continue,
            "AWS::ApiGatewayV2::Api" => resources.extend(adapt_api(&name, properties)?),
            "AWS::IAM::Role" | "AWS::IAM::ManagedPolicy" => {
                *properties = adapt_grants(properties.take(), &secrets);
            }
            kind if RESOURCE_POLICIES.contains(&kind) => {
                let statements = properties.pointer_mut("/PolicyDocument/Statement");
                let statements = statements.and_then(Value::as_array_mut);
                let statements = statements.with_context(|| format!("{name} has no statements"))?;
                statements.retain(|statement| at(statement, "/Sid") != "TlsOnly");
                if statements.is_empty() {
                    continue;
                }
            }
            _ => {}
        }
        resources.insert(name, resource);
    }
    Ok(template)
}

/// Replaces an API's OpenAPI document by properties, and returns its routes as resources.
fn adapt_api(name: &str, properties: &mut Value) -> Result<Map<String, Value>> {
    let properties = properties
        .as_object_mut()
        .context("the API has no properties")?;
    let body = properties
        .remove("Body")
        .context("the API has no document")?;
    properties.insert("Name".to_owned(), json!(name));
    properties.insert("ProtocolType".to_owned(), json!("HTTP"));
    if let Some(cors) = body.get("x-amazon-apigateway-cors") {
        properties.insert("CorsConfiguration".to_owned(), capitalize(cors));
    }
    let mut resources = Map::new();
    let mut count = 0;
    for (path, operations) in at(&body, "/paths")
        .as_object()
        .context("the API has no paths")?
    {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let route_key = match (path.as_str(), method.as_str()) {
                ("$default", _) => "$default".to_owned(),
                (path, ANY_METHOD) => format!("ANY {path}"),
                (path, method) => format!("{} {path}", method.to_uppercase()),
            };
            let integration = at(operation, "/x-amazon-apigateway-integration");
            let id = format!("{name}{count}");
            count += 1;
            resources.insert(
                format!("{id}Integration"),
                json!({
                    "Type": "AWS::ApiGatewayV2::Integration",
                    "Properties": {
                        "ApiId": {"Ref": name},
                        "IntegrationType": "AWS_PROXY",
                        "IntegrationUri": at(integration, "/uri"),
                        "PayloadFormatVersion": at(integration, "/payloadFormatVersion"),
                    },
                }),
            );
            resources.insert(
                format!("{id}Route"),
                json!({
                    "Type": "AWS::ApiGatewayV2::Route",
                    "Properties": {
                        "ApiId": {"Ref": name},
                        "RouteKey": route_key,
                        "Target": {"Fn::Sub": format!("integrations/${{{id}Integration}}")},
                    },
                }),
            );
        }
    }
    Ok(resources)
}

/// The CORS settings of OpenAPI, with the names that CloudFormation has for them.
fn capitalize(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(capitalize).collect(),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| (capital(name), capitalize(value)));
            Value::Object(members.collect())
        }
        value => value.clone(),
    }
}

/// A policy that names secrets by their ARNs, allows mail from any sender, and reads of a batch without
/// a projection.
fn adapt_grants(value: Value, secrets: &BTreeSet<String>) -> Value {
    match value {
        Value::Array(values) => values
            .into_iter()
            .map(|value| adapt_grants(value, secrets))
            .collect(),
        Value::Object(members) => {
            let secret = members.get("Ref").and_then(Value::as_str);
            if let Some(secret) = secret.filter(|name| secrets.contains(*name)) {
                return json!({"Fn::GetAtt": [secret, "Id"]});
            }
            if members
                .get("Action")
                .is_some_and(|action| action == "ses:SendEmail")
            {
                let effect = members.get("Effect");
                return json!({"Effect": effect, "Action": "ses:SendEmail", "Resource": "*"});
            }
            let is_batch = members.get("Action") == Some(&json!("dynamodb:BatchGetItem"));
            let members = members.into_iter();
            let members = members.map(|(name, value)| (name, adapt_grants(value, secrets)));
            let mut members: Map<String, Value> = members.collect();
            if is_batch
                && let Some(conditions) = members.get_mut("Condition")
                && let Some(conditions) = conditions.as_object_mut()
            {
                conditions.remove("StringEquals");
            }
            Value::Object(members)
        }
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapted(resources: Value) -> Value {
        adapt(json!({"Resources": resources})).unwrap()["Resources"].take()
    }

    #[test]
    fn an_api_gets_its_routes_as_resources() {
        let operation = |version: &str| {
            json!({"x-amazon-apigateway-integration": {
                "uri": "arn", "payloadFormatVersion": version,
            }})
        };
        let resources = adapted(json!({"Api": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {"Body": {
                "paths": {
                    "$default": {ANY_METHOD: operation("2.0")},
                    "/a": {"get": operation("2.0"), ANY_METHOD: operation("1.0")},
                },
                "x-amazon-apigateway-cors": {"allowOrigins": ["https://a.example"]},
            }},
        }}));
        let api = json!({
            "Name": "Api",
            "ProtocolType": "HTTP",
            "CorsConfiguration": {"AllowOrigins": ["https://a.example"]},
        });
        assert_eq!(resources["Api"]["Properties"], api);
        let routes = ["$default", "GET /a", "ANY /a"];
        let found: Vec<_> = (0..routes.len())
            .map(|number| &resources[format!("Api{number}Route")]["Properties"]["RouteKey"])
            .collect();
        assert_eq!(found, routes);
        let last = &resources["Api2Integration"]["Properties"];
        assert_eq!(last["PayloadFormatVersion"], "1.0");
        let target = json!({"Fn::Sub": "integrations/${Api2Integration}"});
        assert_eq!(resources["Api2Route"]["Properties"]["Target"], target);
        assert_eq!(resources.as_object().unwrap().len(), 7);
    }

    #[test]
    fn what_ministack_does_not_support_is_removed() {
        let policy = |statements: Value| {
            json!({
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {"PolicyDocument": {"Statement": statements}},
            })
        };
        let resources = adapted(json!({
            "Rotation": {"Type": "AWS::SecretsManager::RotationSchedule", "Properties": {}},
            "Expression": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [{}]}},
            "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}},
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
            "TlsPolicy": policy(json!([{"Sid": "TlsOnly"}])),
            "Policy": policy(json!([{"Sid": "TlsOnly"}, {"Sid": "Read"}])),
        }));
        let names: Vec<_> = resources.as_object().unwrap().keys().collect();
        assert_eq!(names, ["Alarm", "Handle", "Policy"]);
        assert_eq!(
            resources["Handle"],
            json!({"Type": "AWS::CloudFormation::WaitConditionHandle"})
        );
        let statements = &resources["Policy"]["Properties"]["PolicyDocument"]["Statement"];
        assert_eq!(*statements, json!([{"Sid": "Read"}]));
    }

    #[test]
    fn grants_of_secrets_mail_and_batches_are_rewritten_in_policies_only() {
        let resources = adapted(json!({
            "Key": {"Type": "AWS::SecretsManager::Secret", "Properties": {}},
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [
                {"Resource": {"Ref": "Key"}},
                {"Resource": {"Ref": "Table"}},
                {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "arn", "Condition": {}},
                {"Action": "dynamodb:BatchGetItem", "Condition": {"StringEquals": {}, "Other": {}}},
                {"Action": "dynamodb:GetItem", "Condition": {"StringEquals": {}}},
            ]}},
            "Function": {"Type": "AWS::Lambda::Function", "Properties": {"Key": {"Ref": "Key"}}},
        }));
        let policies = json!([
            {"Resource": {"Fn::GetAtt": ["Key", "Id"]}},
            {"Resource": {"Ref": "Table"}},
            {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "*"},
            {"Action": "dynamodb:BatchGetItem", "Condition": {"Other": {}}},
            {"Action": "dynamodb:GetItem", "Condition": {"StringEquals": {}}},
        ]);
        assert_eq!(resources["Role"]["Properties"]["Policies"], policies);
        assert_eq!(
            resources["Function"]["Properties"]["Key"],
            json!({"Ref": "Key"})
        );
    }
}
