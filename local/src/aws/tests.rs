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
  Users: { Type: AWS::DynamoDB::Table }
";

/// Why this call of DynamoDB by `caller` is refused.
fn refusal(caller: &str, operation: &str, body: &str) -> Option<String> {
    let template = Template::parse(TEMPLATE, &BTreeMap::new(), "").unwrap();
    let signature =
        format!("AWS4-HMAC-SHA256 Credential={caller}/20260101/us-east-1/dynamodb/aws4_request, X=1");
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
    assert_eq!(refusal("login", "PutItem", r#"{"TableName":"Users"}"#), None);
    let message = refusal("login", "GetItem", r#"{"TableName":"Users"}"#).unwrap();
    assert!(message.contains("perform: dynamodb:GetItem on resource: arn:aws:dynamodb:"), "{message}");
    assert!(refusal("login", "PutItem", r#"{"TableName":"Others"}"#).is_some());
    assert!(refusal("stranger", "PutItem", r#"{"TableName":"Users"}"#).is_some());
    assert_eq!(refusal(OPERATOR, "DeleteTable", r#"{"TableName":"Users"}"#), None);
}

#[test]
fn a_denial_is_stronger_than_a_grant() {
    assert!(refusal("login", "UpdateItem", r#"{"TableName":"Users"}"#).is_some());
}

#[test]
fn a_transaction_takes_the_action_of_each_of_its_elements() {
    let put = r#"{"Put":{"TableName":"Users"}}"#;
    let check = r#"{"ConditionCheck":{"TableName":"Users"}}"#;
    let transaction = |elements: &[&str]| format!(r#"{{"TransactItems":[{}]}}"#, elements.join(","));
    assert_eq!(refusal("login", "TransactWriteItems", &transaction(&[put, put])), None);
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
    assert_eq!([next(), next(), next()], [Some(Effect::LoseAnswer), Some(Effect::LoseAnswer), None]);
}
