//! Rules for the expanded template that no emulator shows and no linter knows.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::json::at;

/// The functions that hash passwords. Their concurrency is limited.
const HASHING: [&str; 5] = [
    "CenterLogin",
    "CenterRegister",
    "WhaleChangePassword",
    "WhaleCreateUser",
    "WhaleLogin",
];

/// The number of managed policies of a role. IAM allows ten by default, so two are spare.
const MAX_POLICIES: usize = 8;

/// The actions that read a stream.
const READING: [&str; 3] = [
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
];

/// The attributes of users that hold the password.
const PASSWORD: [&str; 2] = ["password", "password_fits_admin"];

/// The policies that name more than others of users, each with what: `*` is all.
const PRIVILEGED: [(&str, &[&str]); 6] = [
    ("MayAdminister", &["*"]),
    ("MayReadPasswords", &["*"]),
    ("MayActForOthers", &["role"]), // in conditions only
    ("MayLogIn", &["password"]),
    (
        "MaySetPasswords",
        &["role", "password", "password_fits_admin"],
    ),
    ("MaySetPhones", &["role"]), // in conditions only
];

/// Checks an expanded template.
pub fn check(template: &Value) -> Result<()> {
    let template = Template(template);
    template.check_functions()?;
    template.check_roles()?;
    template.check_storage()?;
    template.check_api()?;
    template.check_rotation()?;
    template.check_topics()?;
    template.check_alarms()?;
    template.check_deletion()?;
    template.check_users()
}

struct Template<'a>(&'a Value);

impl<'a> Template<'a> {
    /// The properties of all resources of a type, by logical id.
    fn of_type(&self, kind: &str) -> BTreeMap<&'a str, &'a Value> {
        let resources = at(self.0, "/Resources").as_object().into_iter().flatten();
        let found = resources.filter(|(_, resource)| at(resource, "/Type") == kind);
        found
            .map(|(name, resource)| (name.as_str(), at(resource, "/Properties")))
            .collect()
    }

    /// The properties of the only resource of a type.
    fn only(&self, kind: &str) -> Result<&'a Value> {
        let found: Vec<_> = self.of_type(kind).into_values().collect();
        let only = <[&Value; 1]>::try_from(found).ok();
        let [properties] = only.with_context(|| format!("not exactly one {kind}"))?;
        Ok(properties)
    }

    fn properties(&self, name: &str) -> &'a Value {
        at(self.0, &format!("/Resources/{name}/Properties"))
    }

    fn check_functions(&self) -> Result<()> {
        let mappings = self.of_type("AWS::Lambda::EventSourceMapping");
        let functions = self.of_type("AWS::Lambda::Function");
        // SAM removes a value that is the default.
        let traced = at(self.0, "/Parameters/Tracing/Default") == "Active";
        let tracing = if traced {
            json!({"Mode": {"Ref": "Tracing"}})
        } else {
            Value::Null
        };
        let logs = json!({
            "LogGroup": {"Ref": "FunctionLogs"}, "LogFormat": "JSON", "SystemLogLevel": "WARN",
        });
        for (name, function) in &functions {
            equal(
                &format!("{name}: logs"),
                at(function, "/LoggingConfig"),
                &logs,
            )?;
            equal(
                &format!("{name}: tracing"),
                at(function, "/TracingConfig"),
                &tracing,
            )?;
            let streams = mappings.values();
            let streams = streams.filter(|mapping| at(mapping, "/FunctionName/Ref") == *name);
            let streams: Vec<_> = streams
                .map(|mapping| at(mapping, "/EventSourceArn"))
                .collect();
            let allowed = self.readable_streams(name);
            equal(
                &format!("{name}: readable streams"),
                &json!(allowed),
                &json!(streams),
            )?;
        }
        let limited = functions
            .iter()
            .filter(|(_, function)| !at(function, "/ReservedConcurrentExecutions").is_null());
        let limited: Vec<_> = limited.map(|(name, _)| name).collect();
        equal(
            "functions of limited concurrency",
            &json!(limited),
            &json!(HASHING),
        )?;

        let dead_letters = json!({
            "OnFailure": {"Destination": {"Fn::GetAtt": ["DeadLetters", "Arn"]}},
        });
        for (name, mapping) in &mappings {
            let what = format!("{name}: destination of failures");
            equal(&what, at(mapping, "/DestinationConfig"), &dead_letters)?;
            let what = format!("{name}: bisection of a failed batch");
            equal(
                &what,
                at(mapping, "/BisectBatchOnFunctionError"),
                &json!(true),
            )?;
        }
        Ok(())
    }

    /// The streams that a function's permissions boundary allows it to read.
    fn readable_streams(&self, function: &str) -> Vec<&'a Value> {
        let role = self.properties(&format!("{function}Role"));
        let boundary = at(role, "/PermissionsBoundary/Ref")
            .as_str()
            .unwrap_or_default();
        let statements = at(self.properties(boundary), "/PolicyDocument/Statement");
        let statements = statements.as_array().into_iter().flatten();
        let reading = statements.filter(|statement| {
            let mut actions = at(statement, "/Action").as_array().into_iter().flatten();
            actions.any(|action| READING.iter().any(|reading| action == reading))
        });
        reading
            .map(|statement| at(statement, "/Resource"))
            .collect()
    }

    /// Checks the number of policies of each role, with those that SAM adds.
    fn check_roles(&self) -> Result<()> {
        for (name, role) in self.of_type("AWS::IAM::Role") {
            let policies = list(at(role, "/ManagedPolicyArns")).len();
            ensure!(policies <= MAX_POLICIES, "{name}: {policies} policies");
        }
        Ok(())
    }

    fn check_storage(&self) -> Result<()> {
        let expiry = json!({"AttributeName": "expires_at", "Enabled": true});
        for (name, table) in self.of_type("AWS::DynamoDB::Table") {
            equal(
                &format!("{name}: expiry"),
                at(table, "/TimeToLiveSpecification"),
                &expiry,
            )?;
        }
        for (name, group) in self.of_type("AWS::Logs::LogGroup") {
            let days = json!({"Ref": "LogDays"});
            equal(
                &format!("{name}: retention"),
                at(group, "/RetentionInDays"),
                &days,
            )?;
        }
        Ok(())
    }

    fn check_api(&self) -> Result<()> {
        let api = at(self.only("AWS::ApiGatewayV2::Api")?, "/Body");
        // While an upgrade rolls back, a route of its own may not exist, and API Gateway refuses the
        // settings of such a route.
        let stage = self.only("AWS::ApiGatewayV2::Stage")?;
        equal(
            "settings of single routes",
            at(stage, "/RouteSettings"),
            &Value::Null,
        )?;
        let rates = json!({
            "ThrottlingRateLimit": {"Ref": "RouteRate"}, "ThrottlingBurstLimit": {"Ref": "RouteBurst"},
        });
        equal(
            "throttle of each route",
            at(stage, "/DefaultRouteSettings"),
            &rates,
        )?;
        let origins = at(api, "/x-amazon-apigateway-cors/Fn::If/0");
        equal("condition of CORS", origins, &json!("HasAllowedOrigins"))
    }

    fn check_rotation(&self) -> Result<()> {
        let rotations = self.of_type("AWS::SecretsManager::RotationSchedule");
        let mut secrets: Vec<_> = rotations
            .values()
            .map(|rotation| at(rotation, "/SecretId/Ref").clone())
            .collect();
        secrets.sort_by_key(ToString::to_string);
        equal(
            "rotated secrets",
            &secrets.into(),
            &json!(["CodeKey", "TokenKey"]),
        )?;
        let days = json!({"AutomaticallyAfterDays": {"Ref": "RotationDays"}});
        rotations.values().try_for_each(|rotation| {
            let rules = at(rotation, "/RotationRules");
            equal("interval of the rotation", rules, &days)
        })
    }

    /// Checks the policies of topics. SNS refuses a policy, and so CloudFormation rolls the stack back, if
    /// a statement names more than the topic itself.
    fn check_topics(&self) -> Result<()> {
        let mut policies = BTreeMap::new();
        for (name, policy) in self.of_type("AWS::SNS::TopicPolicy") {
            let what = format!("{name}: its topic");
            let topics = list(at(policy, "/Topics"));
            ensure!(topics.len() == 1, "{what}: found {}", at(policy, "/Topics"));
            let mut denies_plain = false;
            for statement in list(at(policy, "/PolicyDocument/Statement")) {
                equal(&what, at(statement, "/Resource"), &json!(topics.first()))?;
                denies_plain |= at(statement, "/Condition/Bool/aws:SecureTransport") == "false"
                    && at(statement, "/Effect") == "Deny";
            }
            ensure!(denies_plain, "{name}: requests without TLS are allowed");
            let topic = topics.first().map(ToString::to_string);
            policies.insert(topic.unwrap_or_default(), name);
        }
        for name in self.of_type("AWS::SNS::Topic").into_keys() {
            let has_policy = policies.contains_key(&json!({"Ref": name}).to_string());
            ensure!(has_policy, "{name}: it has no policy");
        }
        for (name, destination) in self.of_type("AWS::SES::ConfigurationSetEventDestination") {
            let topic = at(destination, "/EventDestination/SnsDestination/TopicARN");
            let policy = policies.get(&topic.to_string());
            let depends = at(self.0, &format!("/Resources/{name}/DependsOn"));
            // SES publishes a test event when the destination is created.
            equal(&format!("{name}: dependency"), depends, &json!(policy))?;
        }
        Ok(())
    }

    /// Checks that each alarm reports its begin and its end, and that no percentile is one of few values.
    fn check_alarms(&self) -> Result<()> {
        let topic = json!([{"Ref": "Alarms"}]);
        for (name, alarm) in self.of_type("AWS::CloudWatch::Alarm") {
            for actions in ["AlarmActions", "OKActions"] {
                let what = format!("{name}: {actions}");
                equal(&what, at(alarm, &format!("/{actions}")), &topic)?;
            }
            if !at(alarm, "/ExtendedStatistic").is_null() {
                let few = at(alarm, "/EvaluateLowSampleCountPercentile");
                equal(&format!("{name}: few values"), few, &json!("ignore"))?;
            }
        }
        Ok(())
    }

    /// Checks what the deletion of a stack, or of one that could not be created, leaves.
    ///
    /// CloudFormation cannot delete a protected table. So a table that is retained is retained after a
    /// failed creation, too.
    fn check_deletion(&self) -> Result<()> {
        let resources = at(self.0, "/Resources").as_object().into_iter().flatten();
        for (name, resource) in resources {
            let policy = at(resource, "/DeletionPolicy").as_str().unwrap_or("Delete");
            let is_protected = at(resource, "/Properties/DeletionProtectionEnabled") == true;
            let is_table = at(resource, "/Type") == "AWS::DynamoDB::Table";
            let expected = match (policy, is_table) {
                ("Delete", _) => !is_protected,
                ("Retain", true) => is_protected,
                ("RetainExceptOnCreate", false) => true,
                _ => false,
            };
            ensure!(expected, "{name}: deletion policy: {policy}");
            let replaced = at(resource, "/UpdateReplacePolicy").as_str();
            let keeps = replaced == Some("Retain");
            ensure!(
                keeps == (policy != "Delete"),
                "{name}: replacement: {replaced:?}"
            );
        }
        Ok(())
    }

    /// Checks which attributes of users the policies name.
    fn check_users(&self) -> Result<()> {
        for (name, policy) in self.of_type("AWS::IAM::ManagedPolicy") {
            let privileges = PRIVILEGED.iter().find(|(policy, _)| *policy == name);
            let privileges = privileges.map_or(&[] as &[&str], |(_, attributes)| attributes);
            for statement in list(at(policy, "/PolicyDocument/Statement")) {
                if !privileges.contains(&"*") && reaches_users(statement) {
                    check_attributes(statement, privileges)
                        .with_context(|| format!("{name}: attributes of users"))?;
                }
            }
        }
        Ok(())
    }
}

/// The elements of a list. IAM allows a list of one element without its brackets.
fn list(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(many) => many,
        single => std::slice::from_ref(single),
    }
}

/// Whether a statement allows actions on items of users.
fn reaches_users(statement: &Value) -> bool {
    let table = json!({"Fn::GetAtt": ["UsersTable", "Arn"]});
    let keys = at(
        statement,
        "/Condition/ForAllValues:StringLike/dynamodb:LeadingKeys",
    );
    let of_users = |key: &Value| {
        let key = key.as_str().unwrap_or_default();
        key.starts_with('*') || key.starts_with("USER#")
    };
    list(at(statement, "/Resource")).contains(&table)
        && (keys.is_null() || list(keys).iter().any(of_users))
}

/// Checks that a statement names attributes, and the role and the password only if `privileges` do.
fn check_attributes(statement: &Value, privileges: &[&str]) -> Result<()> {
    let condition = |pointer: &str| at(statement, &format!("/Condition/{pointer}"));
    for action in list(at(statement, "/Action")) {
        let action = action.as_str().unwrap_or_default();
        let is_read = match action {
            "dynamodb:GetItem" | "dynamodb:BatchGetItem" => true,
            "dynamodb:UpdateItem" | "dynamodb:ConditionCheckItem" | "dynamodb:PutItem" => false,
            other => bail!("{other} is not limited to some attributes"),
        };
        if is_read {
            let select = condition("StringEquals/dynamodb:Select");
            equal("Select", select, &json!("SPECIFIC_ATTRIBUTES"))?;
        } else {
            let values = condition("StringEqualsIfExists/dynamodb:ReturnValues");
            equal("ReturnValues", values, &json!("NONE"))?;
        }
        if action == "dynamodb:PutItem" {
            continue; // it writes a whole item
        }
        let named = list(condition("ForAllValues:StringEquals/dynamodb:Attributes"));
        ensure!(!named.is_empty(), "{action} on all attributes");
        let named = named.iter().filter_map(Value::as_str);
        let mut secret = named.filter(|name| {
            let is_secret = PASSWORD.contains(name) || *name == "role" && !is_read;
            is_secret && !privileges.contains(name)
        });
        if let Some(name) = secret.next() {
            bail!("{action} on {name}");
        }
    }
    Ok(())
}

fn equal(what: &str, found: &Value, expected: &Value) -> Result<()> {
    ensure!(
        found == expected,
        "{what}: found {found:#}, expected {expected:#}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An expanded template that follows all rules.
    fn template() -> Value {
        let mut resources = json!({
            "BoundaryPolicy": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": {"Statement": [
                    {"Action": ["dynamodb:GetRecords"], "Resource": "stream"},
                    {"Action": ["dynamodb:GetItem"], "Resource": "table"},
                ]}},
            },
            "MayReadUsers": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": {"Statement": [{
                    "Action": "dynamodb:GetItem",
                    "Resource": {"Fn::GetAtt": ["UsersTable", "Arn"]},
                    "Condition": {
                        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["USER#*"]},
                        "ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "role"]},
                        "StringEquals": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"},
                    },
                }]}},
            },
            "MayChangeUsers": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": {"Statement": [{
                    "Action": ["dynamodb:UpdateItem"],
                    "Resource": {"Fn::GetAtt": ["UsersTable", "Arn"]},
                    "Condition": {
                        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["USER#*"]},
                        "ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "nickname"]},
                        "StringEqualsIfExists": {"dynamodb:ReturnValues": "NONE"},
                    },
                }]}},
            },
            "MailerOutbox": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {
                    "FunctionName": {"Ref": "Mailer"},
                    "EventSourceArn": "stream",
                    "BisectBatchOnFunctionError": true,
                    "DestinationConfig": {
                        "OnFailure": {"Destination": {"Fn::GetAtt": ["DeadLetters", "Arn"]}},
                    },
                },
            },
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": true},
                },
            },
            "FunctionLogs": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {"RetentionInDays": {"Ref": "LogDays"}},
            },
            "Api": {
                "Type": "AWS::ApiGatewayV2::Api",
                "Properties": {"Body": {
                    "paths": {
                        "/a": {"get": {}, "x-amazon-apigateway-any-method": {}},
                        "$default": {"x-amazon-apigateway-any-method": {}},
                    },
                    "x-amazon-apigateway-cors": {"Fn::If": ["HasAllowedOrigins", {}, {}]},
                }},
            },
            "Stage": {
                "Type": "AWS::ApiGatewayV2::Stage",
                "Properties": {"DefaultRouteSettings": {
                    "ThrottlingRateLimit": {"Ref": "RouteRate"},
                    "ThrottlingBurstLimit": {"Ref": "RouteBurst"},
                }},
            },
            "Alarms": {"Type": "AWS::SNS::Topic"},
            "AlarmsPolicy": {
                "Type": "AWS::SNS::TopicPolicy",
                "Properties": {
                    "Topics": [{"Ref": "Alarms"}],
                    "PolicyDocument": {"Statement": [{
                        "Effect": "Deny",
                        "Resource": {"Ref": "Alarms"},
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }]},
                },
            },
            "Destination": {
                "Type": "AWS::SES::ConfigurationSetEventDestination",
                "DependsOn": "AlarmsPolicy",
                "Properties": {"EventDestination": {"SnsDestination": {"TopicARN": {"Ref": "Alarms"}}}},
            },
            "Alarm": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {
                    "ExtendedStatistic": "p99",
                    "EvaluateLowSampleCountPercentile": "ignore",
                    "AlarmActions": [{"Ref": "Alarms"}],
                    "OKActions": [{"Ref": "Alarms"}],
                },
            },
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "DeletionPolicy": "RetainExceptOnCreate",
                "UpdateReplacePolicy": "Retain",
            },
            "KeptTable": {
                "Type": "AWS::DynamoDB::Table",
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
                "Properties": {
                    "DeletionProtectionEnabled": true,
                    "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": true},
                },
            },
        });
        for key in ["TokenKey", "CodeKey"] {
            resources[format!("{key}Rotation")] = json!({
                "Type": "AWS::SecretsManager::RotationSchedule",
                "Properties": {
                    "SecretId": {"Ref": key},
                    "RotationRules": {"AutomaticallyAfterDays": {"Ref": "RotationDays"}},
                },
            });
        }
        for name in HASHING.into_iter().chain(["Mailer"]) {
            let mut properties = json!({"LoggingConfig": {
                "LogGroup": {"Ref": "FunctionLogs"}, "LogFormat": "JSON", "SystemLogLevel": "WARN",
            }});
            let mut role = json!({"ManagedPolicyArns": [{"Ref": "MayChangeUsers"}, "arn:of:aws"]});
            match name {
                "Mailer" => role["PermissionsBoundary"] = json!({"Ref": "BoundaryPolicy"}),
                _ => properties["ReservedConcurrentExecutions"] = json!({"Fn::If": []}),
            }
            resources[name] = json!({"Type": "AWS::Lambda::Function", "Properties": properties});
            resources[format!("{name}Role")] =
                json!({"Type": "AWS::IAM::Role", "Properties": role});
        }
        json!({"Parameters": {"Tracing": {"Default": "Disabled"}}, "Resources": resources})
    }

    #[test]
    fn a_template_that_follows_all_rules_passes() {
        check(&template()).unwrap();
    }

    #[test]
    fn every_rule_names_what_breaks_it() {
        for (pointer, value, wanted) in [
            (
                "/Mailer/Properties/LoggingConfig/LogFormat",
                json!("Text"),
                "Mailer: logs",
            ),
            ("/Mailer/Properties", json!({}), "Mailer: logs"),
            (
                "/MailerOutbox/Properties/EventSourceArn",
                json!("other"),
                "Mailer: readable streams",
            ),
            (
                "/MailerRole/Properties",
                json!({}),
                "Mailer: readable streams",
            ),
            (
                "/WhaleLoginRole/Properties/ManagedPolicyArns",
                json!(vec![json!({"Ref": "MayReadUsers"}); 9]),
                "WhaleLoginRole: 9 policies",
            ),
            (
                "/WhaleLogin/Properties/ReservedConcurrentExecutions",
                Value::Null,
                "functions of limited concurrency",
            ),
            (
                "/MailerOutbox/Properties/DestinationConfig",
                Value::Null,
                "MailerOutbox: destination of failures",
            ),
            (
                "/MailerOutbox/Properties/BisectBatchOnFunctionError",
                json!(false),
                "MailerOutbox: bisection",
            ),
            (
                "/Table/Properties/TimeToLiveSpecification/Enabled",
                json!(false),
                "Table: expiry",
            ),
            (
                "/FunctionLogs/Properties",
                json!({}),
                "FunctionLogs: retention",
            ),
            (
                "/Stage/Properties",
                json!({"RouteSettings": {"GET /a": {}}}),
                "settings of single routes",
            ),
            (
                "/Stage/Properties/DefaultRouteSettings",
                json!({}),
                "throttle of each route",
            ),
            (
                "/AlarmsPolicy/Properties/Topics",
                json!([{"Ref": "Alarms"}, {"Ref": "MailEvents"}]),
                "AlarmsPolicy: its topic",
            ),
            (
                "/AlarmsPolicy/Properties/PolicyDocument/Statement/0/Resource",
                json!([{"Ref": "Alarms"}, {"Ref": "MailEvents"}]),
                "AlarmsPolicy: its topic",
            ),
            (
                "/AlarmsPolicy/Properties/PolicyDocument/Statement/0/Effect",
                json!("Allow"),
                "AlarmsPolicy: requests without TLS",
            ),
            (
                "/AlarmsPolicy/Type",
                json!("Other"),
                "Alarms: it has no policy",
            ),
            (
                "/Destination/DependsOn",
                json!("Other"),
                "Destination: dependency",
            ),
            ("/Alarm/Properties/OKActions", json!([]), "Alarm: OKActions"),
            (
                "/Alarm/Properties/EvaluateLowSampleCountPercentile",
                Value::Null,
                "Alarm: few values",
            ),
            (
                "/Bucket/DeletionPolicy",
                json!("Retain"),
                "Bucket: deletion policy",
            ),
            (
                "/KeptTable/DeletionPolicy",
                json!("RetainExceptOnCreate"),
                "KeptTable: deletion policy",
            ),
            (
                "/KeptTable/UpdateReplacePolicy",
                json!("Delete"),
                "KeptTable: replacement",
            ),
            (
                "/Stage/Type",
                json!("Other"),
                "not exactly one AWS::ApiGatewayV2::Stage",
            ),
            (
                "/Api/Properties/Body/x-amazon-apigateway-cors",
                json!({}),
                "condition of CORS",
            ),
            (
                "/TokenKeyRotation/Properties/SecretId",
                json!({"Ref": "DataKey"}),
                "rotated secrets",
            ),
            (
                "/TokenKeyRotation/Properties/RotationRules",
                json!({}),
                "interval of the rotation",
            ),
        ] {
            let mut template = template();
            *template["Resources"].pointer_mut(pointer).unwrap() = value;
            let error = check(&template).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{pointer}: {error}");
        }
    }

    #[test]
    fn a_policy_may_not_reach_the_password_or_the_role_of_users() {
        for (policy, pointer, value) in [
            ("MayReadUsers", "/Condition", Value::Null),
            ("MayReadUsers", "/Condition/StringEquals", Value::Null),
            (
                "MayReadUsers",
                "/Condition/ForAllValues:StringEquals",
                Value::Null,
            ),
            (
                "MayReadUsers",
                "/Condition/ForAllValues:StringEquals/dynamodb:Attributes/1",
                json!("password"),
            ),
            ("MayReadUsers", "/Action", json!("dynamodb:Query")),
            ("MayReadUsers", "/Action", json!("dynamodb:DeleteItem")),
            (
                "MayChangeUsers",
                "/Condition/StringEqualsIfExists",
                Value::Null,
            ),
            (
                "MayChangeUsers",
                "/Condition/ForAllValues:StringEquals/dynamodb:Attributes/1",
                json!("role"),
            ),
        ] {
            let mut template = template();
            let changed = format!("/{policy}/Properties/PolicyDocument/Statement/0{pointer}");
            *template["Resources"].pointer_mut(&changed).unwrap() = value;
            let error = check(&template).unwrap_err().to_string();
            assert_eq!(error, format!("{policy}: attributes of users"), "{pointer}");
        }
    }

    #[test]
    fn tracing_follows_its_parameter() {
        let mut template = template();
        template["Parameters"]["Tracing"]["Default"] = json!("Active");
        assert!(check(&template).is_err());
        for name in HASHING.into_iter().chain(["Mailer"]) {
            let tracing = json!({"Mode": {"Ref": "Tracing"}});
            template["Resources"][name]["Properties"]["TracingConfig"] = tracing;
        }
        check(&template).unwrap();
    }
}
