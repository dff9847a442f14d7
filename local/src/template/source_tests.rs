use std::collections::BTreeMap;

use serde_json::json;

use super::{Pattern, StreamSource, Template};

const TEMPLATE: &str = r#"
Parameters:
  Retries: { Type: Number, Default: 2 }
Resources:
  Mailer:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: mailer } }
    Properties:
      Events:
        Outbox:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Outbox.StreamArn
            StartingPosition: TRIM_HORIZON
            BatchSize: 25
            MaximumBatchingWindowInSeconds: 1
            BisectBatchOnFunctionError: true
            MaximumRetryAttempts: !Ref Retries
            MaximumRecordAgeInSeconds: -1
            FunctionResponseTypes: [ReportBatchItemFailures]
            FilterCriteria: { Filters: [{ Pattern: '{"eventName":["INSERT"]}' }] }
            DestinationConfig: { OnFailure: { Destination: !GetAtt Lost.Arn } }
  Lost: { Type: AWS::SQS::Queue, Properties: { QueueName: lost-mails } }
  Outbox:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
      StreamSpecification: { StreamViewType: NEW_IMAGE }
"#;

fn parse(text: &str) -> anyhow::Result<Vec<StreamSource>> {
    let template = Template::parse(text, &BTreeMap::new(), "")?;
    Ok(template.function("mailer").unwrap().sources.clone())
}

/// What is wrong with the template when `new` stands in it instead of `old`.
fn flaw(old: &str, new: &str) -> String {
    assert!(TEMPLATE.contains(old));
    format!("{:#}", parse(&TEMPLATE.replace(old, new)).unwrap_err())
}

#[test]
fn a_source_is_read_with_all_that_is_said_of_it() {
    let source = StreamSource {
        event: "Outbox".to_owned(),
        table: "Outbox".to_owned(),
        stream: "arn:aws:dynamodb:us-east-1:000000000000:table/Outbox/stream/local".to_owned(),
        oldest_first: true,
        batch_size: 25,
        bisect: true,
        retries: Some(2),
        longest: None,
        reports_failures: true,
        filters: vec![Pattern::parse(r#"{"eventName":["INSERT"]}"#, "").unwrap()],
        on_failure: Some("arn:aws:sqs:us-east-1:000000000000:lost-mails".to_owned()),
    };
    assert_eq!(parse(TEMPLATE).unwrap(), [source]);
    let disabled = TEMPLATE.replace("BatchSize: 25", "Enabled: false");
    assert_eq!(parse(&disabled).unwrap(), []);
}

#[test]
fn what_is_not_understood_is_named_with_its_place() {
    let place = "Resources.Mailer.Properties.Events.Outbox.Properties";
    let of = |rest: &str| format!("{place}.{rest}");
    assert!(flaw("BatchSize: 25", "BatchSize: many").starts_with(&of("BatchSize: ")));
    assert!(flaw("BatchSize: 25", "TumblingWindowInSeconds: 9").starts_with(place));
    assert!(flaw("TRIM_HORIZON", "AT_TIMESTAMP").starts_with(&of("StartingPosition: ")));
    assert!(flaw("StreamSpecification", "Streams").starts_with(&of("Stream: no table here")));
    assert!(flaw("!GetAtt Lost.Arn", "somewhere").starts_with(&of("DestinationConfig.OnFailure")));
    assert_eq!(
        flaw(r#"["INSERT"]"#, r#"[{"exists":true}]"#),
        of(
            r#"FilterCriteria.Filters[0].Pattern.eventName: only exact values and prefixes are understood, not {"exists":true}"#
        )
    );
}

#[test]
fn a_pattern_wants_each_of_its_keys_and_any_of_its_values() {
    let matches =
        |pattern: &str, value| Pattern::parse(pattern, "Pattern").unwrap().matches(&value);
    let record = json!({ "eventName": "INSERT", "dynamodb": { "NewImage": { "n": { "S": "mail" } }, "list": [1, 2] } });
    for pattern in [
        "{}",
        r#"{"eventName":["MODIFY","INSERT"]}"#,
        r#"{"dynamodb":{"NewImage":{"n":{"S":["mail"]}}},"eventName":["INSERT"]}"#,
        r#"{"dynamodb":{"list":[2,null]}}"#,
        r#"{"eventName":["MODIFY",{"prefix":"INS"}]}"#,
    ] {
        assert!(matches(pattern, record.clone()), "{pattern}");
    }
    for pattern in [
        r#"{"eventName":["REMOVE"]}"#,
        r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"n":{"S":["sms"]}}}}"#,
        r#"{"dynamodb":{"OldImage":{}}}"#,
        r#"{"absent":[null]}"#,
        r#"{"eventName":[{"prefix":"SERT"}]}"#,
        r#"{"dynamodb":{"list":[{"prefix":"1"}]}}"#,
    ] {
        assert!(!matches(pattern, record.clone()), "{pattern}");
    }
    for pattern in [
        "[]",
        "x",
        r#"{"a":"b"}"#,
        r#"{"a":[]}"#,
        r#"{"a":[["b"]]}"#,
        r#"{"a":[{"prefix":1}]}"#,
    ] {
        assert!(Pattern::parse(pattern, "Pattern").is_err(), "{pattern}");
    }
}
