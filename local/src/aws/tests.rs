use serde_json::json;

use super::*;
use crate::template::StackSettings;

const TEMPLATE: &str = "
Resources:
  Login:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: login } }
    Properties:
      Policies:
        - Statement:
            - { Effect: Allow, Action: ['dynamodb:Put*', 'dynamodb:UpdateItem'], Resource: !GetAtt Users.Arn }
            - { Effect: Deny, Action: dynamodb:UpdateItem, Resource: '*' }
  Keep:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: keep } }
    Properties:
      PermissionsBoundary: !Ref Boundary
      Policies:
        - Statement:
            - Effect: Allow
              Action: ['dynamodb:*']
              Resource: !GetAtt Users.Arn
              Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['USER#*', ADMINS] } }
            - Effect: Allow
              Action: ses:SendEmail
              Resource: '*'
              Condition: { StringEquals: { 'ses:FromAddress': a@b.co } }
  Read:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: read } }
    Properties:
      Policies:
        - Statement:
            - Effect: Allow
              Action: ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query', 'dynamodb:Scan']
              Resource: [!GetAtt Users.Arn, !Sub '${Users.Arn}/index/by-name']
              Condition:
                'ForAllValues:StringEquals': { 'dynamodb:Attributes': [pk, sk, name, sessions] }
                StringEquals: { 'dynamodb:Select': SPECIFIC_ATTRIBUTES }
            - Effect: Allow
              Action: ['dynamodb:UpdateItem', 'dynamodb:ConditionCheckItem']
              Resource: !GetAtt Users.Arn
              Condition:
                'ForAllValues:StringEquals': { 'dynamodb:Attributes': [pk, sk, name, sessions] }
                StringEqualsIfExists: { 'dynamodb:ReturnValues': [NONE, UPDATED_NEW] }
  Count:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: count } }
    Properties:
      Policies:
        - Statement:
            - Effect: Allow
              Action: ['dynamodb:UpdateItem', 'dynamodb:GetItem']
              Resource: !GetAtt Users.Arn
              Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['USER#*'] } }
            - Effect: Allow
              Action: ['dynamodb:UpdateItem', 'dynamodb:GetItem', 'dynamodb:ConditionCheckItem']
              Resource: !GetAtt Users.Arn
              Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['TRIES#*'] } }
            - Effect: Allow
              Action: ['dynamodb:DeleteItem', 'dynamodb:ConditionCheckItem']
              Resource: !GetAtt Users.Arn
              Condition:
                'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['USER#*', 'TRIES#*'] }
                'ForAllValues:StringEquals': { 'dynamodb:Attributes': [pk, name] }
                StringEqualsIfExists: { 'dynamodb:ReturnValues': NONE }
  Boundary:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement: { Effect: Allow, NotAction: 'dynamodb:Delete*', Resource: '*' }
  Users:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema: [{ AttributeName: pk, KeyType: HASH }, { AttributeName: sk, KeyType: RANGE }]
      GlobalSecondaryIndexes: [{ IndexName: by-name, KeySchema: [{ AttributeName: name, KeyType: HASH }] }]
";

/// The error for a DynamoDB request that is not authorized.
fn denial(principal: &str, operation: &str, body: &str) -> Option<String> {
    denial_by("dynamodb", principal, operation, body)
}

fn denial_by(service: &str, principal: &str, operation: &str, body: &str) -> Option<String> {
    let template = Template::parse(TEMPLATE, &StackSettings::default()).unwrap();
    let signature = format!(
        "AWS4-HMAC-SHA256 Credential={principal}/20260101/us-east-1/{service}/aws4_request, X=1"
    );
    let request = http::Request::post("/")
        .header("authorization", signature)
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
    let (head, ()) = request.body(()).unwrap().into_parts();
    let principal = Principal::parse(&head).unwrap();
    let request = parse(principal.service, head, body.to_owned().into(), &template);
    authorize::authorize(&template, &principal.name, &request).err()
}

#[test]
fn a_request_that_no_statement_allows_is_denied() {
    assert_eq!(denial("login", "PutItem", r#"{"TableName":"Users"}"#), None);
    let message = denial("login", "GetItem", r#"{"TableName":"Users"}"#).unwrap();
    assert!(
        message.contains("perform: dynamodb:GetItem on resource: arn:aws:dynamodb:"),
        "{message}"
    );
    assert!(denial("login", "PutItem", r#"{"TableName":"Others"}"#).is_some());
    assert!(denial("stranger", "PutItem", r#"{"TableName":"Users"}"#).is_some());
    assert_eq!(
        denial(OPERATOR, "DeleteTable", r#"{"TableName":"Users"}"#),
        None
    );
}

#[test]
fn deny_overrides_allow() {
    assert!(denial("login", "UpdateItem", r#"{"TableName":"Users"}"#).is_some());
}

#[test]
fn a_transaction_requires_the_actions_of_all_its_items() {
    let put = r#"{"Put":{"TableName":"Users"}}"#;
    let check = r#"{"ConditionCheck":{"TableName":"Users"}}"#;
    let transaction =
        |elements: &[&str]| format!(r#"{{"TransactItems":[{}]}}"#, elements.join(","));
    assert_eq!(
        denial("login", "TransactWriteItems", &transaction(&[put, put])),
        None
    );
    let message = denial("login", "TransactWriteItems", &transaction(&[put, check])).unwrap();
    assert!(message.contains("dynamodb:ConditionCheckItem"), "{message}");
}

#[test]
fn one_statement_must_allow_a_whole_transaction() {
    let element = |kind: &str, key: &str, fields: &serde_json::Value| {
        let mut element = json!({"TableName": "Users", "Key": {"pk": {"S": key}}});
        let fields = fields.as_object().unwrap().clone();
        element.as_object_mut().unwrap().extend(fields);
        json!({kind: element})
    };
    let is_allowed = |elements: &[serde_json::Value]| {
        let is_read = elements[0].get("Get").is_some();
        let operation = match is_read {
            true => "TransactGetItems",
            false => "TransactWriteItems",
        };
        let body = json!({"TransactItems": elements}).to_string();
        denial("count", operation, &body).is_none()
    };
    let (none, on_name) = (json!({}), json!({"ConditionExpression": "name = :x"}));
    let on_tries = json!({"ConditionExpression": "tries < :x"});
    let returning = json!({"ReturnValuesOnConditionCheckFailure": "ALL_OLD"});
    // Two statements allow the two elements, but none allows both.
    for kind in ["Update", "Get"] {
        let (user, tries) = (
            element(kind, "USER#1", &none),
            element(kind, "TRIES#1", &none),
        );
        assert!(is_allowed(std::slice::from_ref(&user)), "{kind}");
        assert!(is_allowed(std::slice::from_ref(&tries)), "{kind}");
        assert!(is_allowed(&[user.clone(), user.clone()]), "{kind}");
        assert!(!is_allowed(&[user, tries]), "{kind}");
    }
    for (of_user, of_tries, expected) in [
        (&none, &none, true),
        (&on_name, &on_name, true),
        (&on_name, &on_tries, false), // alone, the other statement allows the latter
        (&on_name, &returning, false),
    ] {
        let user = element("ConditionCheck", "USER#1", of_user);
        let tries = element("ConditionCheck", "TRIES#1", of_tries);
        assert!(is_allowed(std::slice::from_ref(&user)), "{user}");
        assert!(is_allowed(std::slice::from_ref(&tries)), "{tries}");
        assert_eq!(is_allowed(&[user, tries]), expected, "{of_user} {of_tries}");
    }
    // Different actions need no common statement.
    let update = element("Update", "TRIES#1", &none);
    assert!(is_allowed(&[element("Delete", "USER#1", &none), update]));
}

#[test]
fn a_fault_skips_calls_and_then_occurs_as_often_as_set() {
    let faults = fault::InjectedFaults::default();
    let fault = |times, skip, effect| InjectedFault {
        function: Some("login".to_owned()),
        operation: "PutItem".to_owned(),
        times,
        skip,
        effect,
    };
    faults.inject(fault(2, 1, Effect::LoseAnswer));
    faults.inject(fault(1, 0, Effect::Delay(std::time::Duration::ZERO)));
    let next = || faults.next_effect("login", "PutItem");
    assert_eq!(faults.next_effect("register", "PutItem"), None);
    assert_eq!(faults.next_effect("login", "GetItem"), None);
    assert_eq!(next(), Some(Effect::Delay(std::time::Duration::ZERO)));
    assert_eq!(
        [next(), next(), next()],
        [Some(Effect::LoseAnswer), Some(Effect::LoseAnswer), None]
    );
}

#[test]
fn a_condition_on_leading_keys_denies_other_keys() {
    let pk = |key: &str| format!(r#"{{"pk":{{"S":"{key}"}},"name":{{"S":"USER#1"}}}}"#);
    for (key, allowed) in [
        ("USER#1", true),
        ("ADMINS", true),
        ("ADMINS2", false),
        ("EMAIL#a", false),
        ("", false),
    ] {
        let (key, is) = (pk(key), |denial: Option<String>| {
            assert_eq!(denial.is_none(), allowed, "{key}")
        });
        is(denial(
            "keep",
            "GetItem",
            &format!(r#"{{"TableName":"Users","Key":{key}}}"#),
        ));
        is(denial(
            "keep",
            "PutItem",
            &format!(r#"{{"TableName":"Users","Item":{key}}}"#),
        ));
        let fine = pk("USER#2");
        is(denial(
            "keep",
            "TransactWriteItems",
            &format!(
                r#"{{"TransactItems":[{{"Put":{{"TableName":"Users","Item":{fine}}}}},{{"Update":{{"TableName":"Users","Key":{key}}}}}]}}"#
            ),
        ));
        is(denial(
            "keep",
            "BatchGetItem",
            &format!(r#"{{"RequestItems":{{"Users":{{"Keys":[{fine},{key}]}}}}}}"#),
        ));
        is(denial(
            "keep",
            "BatchWriteItem",
            &format!(r#"{{"RequestItems":{{"Users":[{{"PutRequest":{{"Item":{key}}}}}]}}}}"#),
        ));
    }
}

#[test]
fn the_leading_key_of_a_query_is_in_its_key_condition() {
    let query = |condition: &str, key: &str| {
        let body = format!(
            r##"{{"TableName":"Users","KeyConditionExpression":"{condition}","ExpressionAttributeNames":{{"#key":"pk"}},
            "ExpressionAttributeValues":{{":key":{{"S":"{key}"}},":one":{{"S":"USER#1"}}}}}}"##
        );
        denial("keep", "Query", &body)
    };
    for condition in [
        "pk = :key",
        "#key = :key",
        "pk = :key AND sk > :one",
        "sk = :one AND #key=:key",
    ] {
        assert_eq!(query(condition, "USER#1"), None, "{condition}");
        assert!(query(condition, "EMAIL#a").is_some(), "{condition}");
    }
    assert!(query("other = :key", "USER#1").is_some());
}

#[test]
fn the_senders_address_is_checked_without_its_display_name() {
    let send = |source: &str| {
        let fields = [
            ("Action", "SendEmail"),
            ("Source", source),
            ("ConfigurationSetName", "set"),
        ];
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        denial_by("ses", "keep", "", &body)
    };
    assert_eq!(send("a@b.co"), None);
    assert_eq!(send("Example <a@b.co>"), None);
    for other in ["c@b.co", "a@b.co <c@b.co>", "a@b.co.example", ""] {
        assert!(send(other).is_some(), "{other}");
    }
}

#[test]
fn a_boundary_restricts_and_grants_nothing() {
    let body = r#"{"TableName":"Users","Key":{"pk":{"S":"USER#1"}}}"#;
    assert_eq!(denial("keep", "UpdateItem", body), None);
    assert!(denial("keep", "DeleteItem", body).is_some());
    assert!(denial_by("secretsmanager", "keep", "GetSecretValue", "{}").is_some());
}

/// Asserts for each request with the fields of `common` whether the function `read` may send it.
fn assert_allowed(
    operation: &str,
    common: &serde_json::Value,
    cases: &[(serde_json::Value, bool)],
) {
    for (fields, allowed) in cases {
        let mut request = common.clone();
        let fields = fields.as_object().unwrap().clone();
        request.as_object_mut().unwrap().extend(fields);
        let denial = denial("read", operation, &request.to_string());
        assert_eq!(denial.is_none(), *allowed, "{operation} {request}");
    }
}

#[test]
fn a_read_of_limited_attributes_must_name_them() {
    let key = json!({"pk": {"S": "a"}, "sk": {"S": "b"}});
    let cases = [
        (json!({}), false), // all attributes
        (json!({"ProjectionExpression": "name"}), true),
        (json!({"ProjectionExpression": "name, password"}), false),
        (json!({"ProjectionExpression": "name,\npassword"}), false),
        (
            json!({"ProjectionExpression": "#n", "ExpressionAttributeNames": {"#n": "name"}}),
            true,
        ),
        (
            json!({"ProjectionExpression": "#n", "ExpressionAttributeNames": {"#n": "role"}}),
            false,
        ),
        (
            json!({"ProjectionExpression": "sessions.password, sessions[0].role"}),
            true,
        ), // members
        (
            json!({"ProjectionExpression": "sessions . #m", "ExpressionAttributeNames": {"#m": "role"}}),
            true,
        ),
        (json!({"ProjectionExpression": "role.name"}), false),
        (json!({"AttributesToGet": ["name"]}), true),
        (json!({"AttributesToGet": ["name", "role"]}), false),
    ];
    assert_allowed(
        "GetItem",
        &json!({"TableName": "Users", "Key": key}),
        &cases,
    );
    let batches = cases.map(|(mut fields, allowed)| {
        fields["Keys"] = json!([key]);
        (json!({"RequestItems": {"Users": fields}}), allowed)
    });
    assert_allowed("BatchGetItem", &json!({}), &batches);
    let query = json!({
        "TableName": "Users",
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :a AND :b",
        "ProjectionExpression": "name",
    });
    let cases = [
        (json!({}), true),
        (json!({"IndexName": "by-name"}), true),
        (json!({"Select": "COUNT"}), false),
        (
            json!({"FilterExpression": "NOT begins_with (name, :p) or size(sk) > :n"}),
            true,
        ),
        (
            json!({"FilterExpression": "begins_with(password, :p)"}),
            false,
        ),
        (
            json!({"FilterExpression": "name IN (:role, :password)"}),
            true,
        ),
        (json!({"FilterExpression": "contains(name, role)"}), false),
    ];
    assert_allowed("Query", &query, &cases);
    assert_allowed(
        "Scan",
        &json!({"TableName": "Users", "IndexName": "by-name"}),
        &[(json!({}), false)],
    );
}

#[test]
fn a_change_of_limited_attributes_may_neither_write_nor_check_others() {
    let update = json!({
        "TableName": "Users",
        "Key": {"pk": {"S": "a"}, "sk": {"S": "b"}},
        "UpdateExpression": "SET name = if_not_exists(name, :name), sessions.role = :x REMOVE sessions.#s",
        "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists ( sessions ) AND name <> :role",
        "ExpressionAttributeNames": {"#s": "role", "#r": "role"},
    });
    let cases = [
        (json!({}), true),
        (json!({"ReturnValues": "NONE"}), true),
        (json!({"ReturnValues": "UPDATED_NEW"}), true),
        (json!({"ReturnValues": "ALL_NEW"}), false),
        (
            json!({"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}),
            false,
        ),
        (json!({"UpdateExpression": "SET #r = :x"}), false),
        (
            json!({"UpdateExpression": "SET name = :x REMOVE role"}),
            false,
        ),
        (json!({"UpdateExpression": "set name = role"}), false),
        (json!({"UpdateExpression": "ADD tries :one"}), false),
        (json!({"ConditionExpression": "#r = :x"}), false),
        (
            json!({"ConditionExpression": "begins_with(password, :x)"}),
            false,
        ),
        (
            json!({"AttributeUpdates": {"role": {"Value": {"S": "admin"}}}}),
            false,
        ),
        (json!({"Expected": {"role": {"Exists": true}}}), false),
    ];
    assert_allowed("UpdateItem", &update, &cases);
    let transactions = cases.map(|(fields, allowed)| {
        let mut update = update.clone();
        update
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        (json!({"TransactItems": [{"Update": update}]}), allowed)
    });
    assert_allowed("TransactWriteItems", &json!({}), &transactions);
    let check = |condition: &str| {
        let key = json!({"pk": {"S": "a"}, "sk": {"S": "b"}});
        let check = json!({"TableName": "Users", "Key": key, "ConditionExpression": condition});
        json!({"TransactItems": [{"ConditionCheck": check}]})
    };
    let cases = [
        (check("name = :x"), true),
        (check("name = :x AND role = :y"), false),
    ];
    assert_allowed("TransactWriteItems", &json!({}), &cases);
}
