use std::collections::BTreeMap;

use super::*;

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

/// Why this call of DynamoDB by `caller` is refused.
fn refusal(caller: &str, operation: &str, body: &str) -> Option<String> {
    refusal_of("dynamodb", caller, operation, body)
}

fn refusal_of(service: &str, caller: &str, operation: &str, body: &str) -> Option<String> {
    let template = Template::parse(TEMPLATE, &BTreeMap::new(), "").unwrap();
    let signature = format!(
        "AWS4-HMAC-SHA256 Credential={caller}/20260101/us-east-1/{service}/aws4_request, X=1"
    );
    let request = http::Request::post("/")
        .header("authorization", signature)
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
    let (head, ()) = request.body(()).unwrap().into_parts();
    let caller = Caller::of(&head).unwrap();
    let call = Call::read(&caller, head, body.to_owned().into(), &template);
    grant::refusal(&template, &caller.name, &call)
}

#[test]
fn what_no_statement_allows_is_refused() {
    assert_eq!(
        refusal("login", "PutItem", r#"{"TableName":"Users"}"#),
        None
    );
    let message = refusal("login", "GetItem", r#"{"TableName":"Users"}"#).unwrap();
    assert!(
        message.contains("perform: dynamodb:GetItem on resource: arn:aws:dynamodb:"),
        "{message}"
    );
    assert!(refusal("login", "PutItem", r#"{"TableName":"Others"}"#).is_some());
    assert!(refusal("stranger", "PutItem", r#"{"TableName":"Users"}"#).is_some());
    assert_eq!(
        refusal(OPERATOR, "DeleteTable", r#"{"TableName":"Users"}"#),
        None
    );
}

#[test]
fn a_denial_is_stronger_than_a_grant() {
    assert!(refusal("login", "UpdateItem", r#"{"TableName":"Users"}"#).is_some());
}

#[test]
fn a_transaction_takes_the_action_of_each_of_its_elements() {
    let put = r#"{"Put":{"TableName":"Users"}}"#;
    let check = r#"{"ConditionCheck":{"TableName":"Users"}}"#;
    let transaction =
        |elements: &[&str]| format!(r#"{{"TransactItems":[{}]}}"#, elements.join(","));
    assert_eq!(
        refusal("login", "TransactWriteItems", &transaction(&[put, put])),
        None
    );
    let message = refusal("login", "TransactWriteItems", &transaction(&[put, check])).unwrap();
    assert!(message.contains("dynamodb:ConditionCheckItem"), "{message}");
}

#[test]
fn a_fault_lets_pass_what_it_is_told_to_and_comes_as_often_as_told() {
    let faults = fault::Faults::default();
    let fault = |times, skip, effect| Fault {
        function: Some("login".to_owned()),
        operation: "PutItem".to_owned(),
        times,
        skip,
        effect,
    };
    faults.inject(fault(2, 1, Effect::LoseAnswer));
    faults.inject(fault(1, 0, Effect::Delay(std::time::Duration::ZERO)));
    let next = || faults.next("login", "PutItem");
    assert_eq!(faults.next("register", "PutItem"), None);
    assert_eq!(faults.next("login", "GetItem"), None);
    assert_eq!(next(), Some(Effect::Delay(std::time::Duration::ZERO)));
    assert_eq!(
        [next(), next(), next()],
        [Some(Effect::LoseAnswer), Some(Effect::LoseAnswer), None]
    );
}

#[test]
fn a_grant_about_some_keys_is_about_no_other() {
    let pk = |key: &str| format!(r#"{{"pk":{{"S":"{key}"}},"name":{{"S":"USER#1"}}}}"#);
    for (key, allowed) in [
        ("USER#1", true),
        ("ADMINS", true),
        ("ADMINS2", false),
        ("EMAIL#a", false),
        ("", false),
    ] {
        let (key, is) = (pk(key), |refused: Option<String>| {
            assert_eq!(refused.is_none(), allowed, "{key}")
        });
        is(refusal(
            "keep",
            "GetItem",
            &format!(r#"{{"TableName":"Users","Key":{key}}}"#),
        ));
        is(refusal(
            "keep",
            "PutItem",
            &format!(r#"{{"TableName":"Users","Item":{key}}}"#),
        ));
        let fine = pk("USER#2");
        is(refusal(
            "keep",
            "TransactWriteItems",
            &format!(
                r#"{{"TransactItems":[{{"Put":{{"TableName":"Users","Item":{fine}}}}},{{"Update":{{"TableName":"Users","Key":{key}}}}}]}}"#
            ),
        ));
        is(refusal(
            "keep",
            "BatchGetItem",
            &format!(r#"{{"RequestItems":{{"Users":{{"Keys":[{fine},{key}]}}}}}}"#),
        ));
        is(refusal(
            "keep",
            "BatchWriteItem",
            &format!(r#"{{"RequestItems":{{"Users":[{{"PutRequest":{{"Item":{key}}}}}]}}}}"#),
        ));
    }
}

#[test]
fn a_query_is_about_the_partition_that_its_condition_names() {
    let query = |condition: &str, key: &str| {
        let body = format!(
            r##"{{"TableName":"Users","KeyConditionExpression":"{condition}","ExpressionAttributeNames":{{"#key":"pk"}},
            "ExpressionAttributeValues":{{":key":{{"S":"{key}"}},":one":{{"S":"USER#1"}}}}}}"##
        );
        refusal("keep", "Query", &body)
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
fn a_mail_is_from_whom_the_grant_names_also_under_a_display_name() {
    let send = |source: &str| {
        let fields = [
            ("Action", "SendEmail"),
            ("Source", source),
            ("ConfigurationSetName", "set"),
        ];
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        refusal_of("ses", "keep", "", &body)
    };
    assert_eq!(send("a@b.co"), None);
    assert_eq!(send("Accounts <a@b.co>"), None);
    for other in ["c@b.co", "a@b.co <c@b.co>", "a@b.co.example", ""] {
        assert!(send(other).is_some(), "{other}");
    }
}

#[test]
fn a_boundary_takes_away_and_gives_nothing() {
    let body = r#"{"TableName":"Users","Key":{"pk":{"S":"USER#1"}}}"#;
    assert_eq!(refusal("keep", "UpdateItem", body), None);
    assert!(refusal("keep", "DeleteItem", body).is_some());
    assert!(refusal_of("secretsmanager", "keep", "GetSecretValue", "{}").is_some());
}
