use serde_json::json;

use super::{FilterPattern, StackSettings, StreamSource, Template};

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
    let template = Template::parse(text, &StackSettings::default())?;
    Ok(template.function("mailer").unwrap().sources.clone())
}

/// The error for the template in which `new` replaces `old`.
fn error(old: &str, new: &str) -> String {
    assert!(TEMPLATE.contains(old));
    format!("{:#}", parse(&TEMPLATE.replace(old, new)).unwrap_err())
}

#[test]
fn every_property_of_a_source_is_parsed() {
    let source = StreamSource {
        event: "Outbox".to_owned(),
        table: "Outbox".to_owned(),
        stream: "arn:aws:dynamodb:us-east-1:000000000000:table/Outbox/stream/local".to_owned(),
        from_oldest: true,
        batch_size: 25,
        bisect: true,
        max_retries: Some(2),
        max_record_age: None,
        reports_failures: true,
        filters: vec![FilterPattern::parse(r#"{"eventName":["INSERT"]}"#, "").unwrap()],
        on_failure: Some("arn:aws:sqs:us-east-1:000000000000:lost-mails".to_owned()),
    };
    assert_eq!(parse(TEMPLATE).unwrap(), [source]);
    let disabled = TEMPLATE.replace("BatchSize: 25", "Enabled: false");
    assert_eq!(parse(&disabled).unwrap(), []);
}

#[test]
fn an_unsupported_value_is_an_error_with_its_path() {
    let path = "Resources.Mailer.Properties.Events.Outbox.Properties";
    let at = |rest: &str| format!("{path}.{rest}");
    assert!(error("BatchSize: 25", "BatchSize: many").starts_with(&at("BatchSize: ")));
    assert!(error("BatchSize: 25", "TumblingWindowInSeconds: 9").starts_with(path));
    assert!(error("TRIM_HORIZON", "AT_TIMESTAMP").starts_with(&at("StartingPosition: ")));
    assert!(error("StreamSpecification", "Streams").starts_with(&at("Stream: no table has")));
    assert!(error("!GetAtt Lost.Arn", "somewhere").starts_with(&at("DestinationConfig.OnFailure")));
    assert_eq!(
        error(r#"["INSERT"]"#, r#"[{"exists":true}]"#),
        at(
            r#"FilterCriteria.Filters[0].Pattern.eventName: expected an exact value or a prefix, not {"exists":true}"#
        )
    );
}

#[test]
fn a_pattern_matches_all_of_its_keys_and_any_of_its_values() {
    let matches = |pattern: &str, value| {
        FilterPattern::parse(pattern, "Pattern")
            .unwrap()
            .matches(&value)
    };
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
        assert!(
            FilterPattern::parse(pattern, "Pattern").is_err(),
            "{pattern}"
        );
    }
}
