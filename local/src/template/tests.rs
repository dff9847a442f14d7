use super::*;

const TEMPLATE: &str = r#"
Parameters:
  Stage: { Type: String, Default: test }
Conditions:
  Live: !Equals [!Ref Stage, live]
  Quiet: !Not [!Condition Live]
  Loud: !And [!Not [!Condition Quiet], !Equals [!Ref Stage, live]]
  Any: !Or [!Condition Live, !Equals [!Ref Stage, test]]
Globals:
  Function:
    Timeout: 7
    Environment: { Variables: { TABLE: !Ref Users, BOTH: global } }
Resources:
  Login:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: notes-create } }
    Properties:
      Environment:
        Variables:
          BOTH: own
          KEY: !Ref Key
          URL: !Sub "https://${Api}.${AWS::Region}/${Stage}/${!x}"
          MODE: !If [Live, live, !Join ["-", [not, live]]]
          GONE: !If [Live, x, !Ref AWS::NoValue]
          LOUD: !If [Loud, !GetAtt Api.ApiEndpoint, !Sub "not ${Api.ApiEndpoint}"]
          ANY: !If [Any, !If [Quiet, quiet, loud], none]
          LOST: !Ref Lost
          STACK: !Ref AWS::StackName
      Policies:
        - !Ref Reads
        - Statement:
            - { Effect: Allow, Action: dynamodb:Query, Resource: !Sub "${Users.Arn}/index/*" }
      Events:
        Any: { Type: HttpApi, Properties: { ApiId: !Ref Api } }
        Put: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: put, Path: /login/ } }
        Timer: { Type: Schedule, Properties: { Schedule: rate(1 day) } }
  Absent:
    Type: AWS::Serverless::Function
    Condition: Live
    Metadata: { BuildProperties: { Binary: absent } }
  Api: { Type: AWS::Serverless::HttpApi }
  Lost: { Type: AWS::SQS::Queue }
  Reads:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement: [{ Effect: Allow, Action: [dynamodb:GetItem], Resource: [!GetAtt [Users, Arn]] }]
  Users:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
      TimeToLiveSpecification: { AttributeName: until, Enabled: true }
  Key:
    Type: AWS::SecretsManager::Secret
    Properties: { GenerateSecretString: { PasswordLength: 40 } }
"#;

fn parse(stage: Option<&str>) -> Template {
    let parameters = stage.map(|stage| ("Stage".to_owned(), stage.to_owned()));
    let settings = StackSettings {
        name: "stack".to_owned(),
        parameters: parameters.into_iter().collect(),
        api_url: "http://127.0.0.1:8000".to_owned(),
    };
    Template::parse(TEMPLATE, &settings).unwrap()
}

fn parse_text(text: &str) -> Result<Template> {
    Template::parse(text, &StackSettings::default())
}

#[test]
fn a_distribution_serves_the_prefixes_that_the_bucket_policy_lets_it_read() {
    let text = r#"
Resources:
  Pictures: { Type: AWS::S3::Bucket }
  Other: { Type: AWS::S3::Bucket }
  PicturesPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Pictures
      PolicyDocument:
        Statement:
          - { Effect: Deny, Principal: "*", Action: s3:*, Resource: !Sub "${Pictures.Arn}/denied/*" }
          - Effect: Allow
            Principal: { Service: cloudfront.amazonaws.com }
            Action: s3:GetObject
            Resource: [!Sub "${Pictures.Arn}/public/*", !Sub "${Pictures.Arn}/*"]
            Condition: { StringEquals: { "aws:SourceArn": !Sub "arn:aws:cloudfront::0:distribution/${Cdn}" } }
          - Effect: Allow
            Principal: { Service: cloudfront.amazonaws.com }
            Action: s3:GetObject
            Resource: !Sub "${Pictures.Arn}/others/*"
            Condition: { StringEquals: { "aws:SourceArn": "arn:aws:cloudfront::0:distribution/Another" } }
          - { Effect: Allow, Principal: { AWS: "*" }, Action: s3:GetObject, Resource: !Sub "${Pictures.Arn}/users/*" }
  OtherPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Other
      PolicyDocument:
        Statement:
          Effect: Allow
          Principal: { Service: cloudfront.amazonaws.com }
          Action: [s3:GetObject]
          Resource: !Sub "${Other.Arn}/other/*"
  Headers:
    Type: AWS::CloudFront::ResponseHeadersPolicy
    Properties:
      ResponseHeadersPolicyConfig:
        SecurityHeadersConfig: { ContentTypeOptions: { Override: true } }
  Cdn:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Origins: [{ Id: pictures, DomainName: !GetAtt Pictures.RegionalDomainName }]
        DefaultCacheBehavior: { ResponseHeadersPolicyId: !Ref Headers }
  Show:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: show } }
    Properties:
      Environment: { Variables: { URL: !Sub "https://${Cdn.DomainName}/x", OTHER: "https://example.com/x" } }
"#;
    let settings = StackSettings {
        api_url: "http://127.0.0.1:1".to_owned(),
        ..StackSettings::default()
    };
    let template = Template::parse(text, &settings).unwrap();
    let distribution = Distribution {
        logical: "Cdn".to_owned(),
        bucket: "pictures".to_owned(),
        prefixes: vec!["public/".to_owned()],
        headers: vec![("x-content-type-options".to_owned(), "nosniff".to_owned())],
    };
    assert_eq!(template.distributions, [distribution]);
    let variables = &template.function("show").unwrap().variables;
    assert_eq!(variables["URL"], "http://127.0.0.1:1/x");
    assert_eq!(variables["OTHER"], "https://example.com/x");
}

#[test]
fn own_variables_of_a_function_override_the_global_ones() {
    let template = parse(None);
    let function = template.function("notes-create").unwrap();
    let variable = |name: &str| function.variables.get(name).map(String::as_str);
    assert_eq!(function.timeout.as_secs(), 7);
    assert_eq!(variable("TABLE"), Some("Users"));
    assert_eq!(variable("BOTH"), Some("own"));
    assert_eq!(variable("KEY"), Some(template.secrets[0].arn.as_str()));
    assert_eq!(variable("URL"), Some("https://Api.us-east-1/test/${x}"));
    assert_eq!(variable("MODE"), Some("not-live"));
    assert_eq!(variable("GONE"), None);
    assert_eq!(variable("STACK"), Some("stack"));
    assert_eq!(
        variable("LOST"),
        Some("https://sqs.us-east-1.amazonaws.com/000000000000/Lost")
    );
}

#[test]
fn conditions_select_values_and_the_api_endpoint_is_the_gateway() {
    let variable = |stage, name: &str| {
        parse(stage)
            .function("notes-create")
            .unwrap()
            .variables
            .get(name)
            .cloned()
    };
    assert_eq!(variable(None, "LOUD").unwrap(), "not http://127.0.0.1:8000");
    assert_eq!(variable(None, "ANY").unwrap(), "quiet");
    assert_eq!(
        variable(Some("live"), "LOUD").unwrap(),
        "http://127.0.0.1:8000"
    );
    assert_eq!(variable(Some("live"), "ANY").unwrap(), "loud");
    assert_eq!(variable(Some("other"), "ANY").unwrap(), "none");
}

#[test]
fn the_value_of_a_parameter_overrides_its_default() {
    assert_eq!(
        parse(Some("live"))
            .function("notes-create")
            .unwrap()
            .variables["MODE"],
        "live"
    );
    assert_eq!(parse(Some("live")).functions.len(), 2);
    assert_eq!(parse(None).functions.len(), 1);
}

#[test]
fn only_http_events_are_routes_and_one_without_a_path_is_the_default() {
    let routes = parse(None).routes();
    let routes: Vec<_> = routes
        .iter()
        .map(|route| (route.method.as_str(), route.path.as_str()))
        .collect();
    assert_eq!(routes, [("ANY", "$default"), ("PUT", "/login/")]);
}

#[test]
fn statements_cover_their_own_actions_and_resources_only() {
    let template = parse(None);
    let function = template.function("notes-create").unwrap();
    let granted = |action, resource: &str| {
        function
            .statements
            .iter()
            .any(|statement| statement.covers(action, resource, &RequestContext::new()))
    };
    let table = table_arn("Users");
    assert!(granted("dynamodb:GetItem", &table));
    assert!(granted("dynamodb:Query", &format!("{table}/index/by-name")));
    assert!(!granted("dynamodb:Query", &table));
    assert!(!granted("dynamodb:GetItem", &table_arn("Users2")));
    assert!(!granted("dynamodb:PutItem", &table));
}

#[test]
fn an_unsupported_function_is_an_error_with_its_path() {
    let text = TEMPLATE.replace("BOTH: own", "BOTH: !ImportValue other");
    let error = parse_text(&text).unwrap_err().to_string();
    assert_eq!(
        error,
        "Resources.Login.Properties.Environment.Variables.BOTH: cannot resolve !ImportValue"
    );
}

#[test]
fn a_policy_that_the_template_does_not_define_is_an_error() {
    for policy in [
        "AmazonDynamoDBFullAccess",
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
        "DynamoDBCrudPolicy: { TableName: !Ref Users }",
    ] {
        let text = TEMPLATE.replace("- !Ref Reads\n", &format!("- {policy}\n"));
        let error = format!("{:#}", parse_text(&text).unwrap_err());
        assert!(
            error.starts_with("Resources.Login.Properties.Policies: "),
            "{error}"
        );
    }
}

#[test]
fn an_unsupported_condition_operator_is_an_error() {
    let condition = "Condition: { DateLessThan: { 'aws:CurrentTime': x } }, Effect: Allow, Action: dynamodb:Query";
    let text = TEMPLATE.replace("Effect: Allow, Action: dynamodb:Query", condition);
    let error = format!("{:#}", parse_text(&text).unwrap_err());
    assert!(
        error.ends_with("the condition operator DateLessThan is not supported"),
        "{error}"
    );
}

#[test]
fn a_boundary_that_does_not_allow_the_stream_is_an_error() {
    let text = |stream: &str| {
        format!(
            r#"
Resources:
  Follow:
    Type: AWS::Serverless::Function
    Metadata: {{ BuildProperties: {{ Binary: follow }} }}
    Properties:
      PermissionsBoundary: !Ref Boundary
      Events:
        Users: {{ Type: DynamoDB, Properties: {{ Stream: !GetAtt Users.StreamArn, StartingPosition: LATEST }} }}
  Users:
    Type: AWS::DynamoDB::Table
    Properties: {{ StreamSpecification: {{ StreamViewType: NEW_IMAGE }} }}
  Boundary:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement:
          - {{ Effect: Allow, NotAction: ["logs:*", dynamodb:GetRecords], Resource: "*" }}
          - {{ Effect: Allow, Action: dynamodb:GetRecords, Resource: {stream} }}
"#
        )
    };
    let parse = |stream| parse_text(&text(stream));
    assert!(
        parse("!GetAtt Users.StreamArn").unwrap().functions[0]
            .boundary
            .is_some()
    );
    let error = format!(
        "{:#}",
        parse("arn:aws:dynamodb:us-east-1:000000000000:table/Others").unwrap_err()
    );
    assert!(
        error.starts_with("Resources.Follow: its boundary does not allow dynamodb:GetRecords on"),
        "{error}"
    );
}

#[test]
fn a_parameter_takes_only_the_values_that_it_allows() {
    let text = r#"
Parameters:
  Mode: { Type: String, Default: on, AllowedValues: ["on", "off"] }
  Days: { Type: Number, Default: 30, AllowedValues: [1, 30] }
  Url: { Type: String, Default: "", AllowedPattern: "|https://[a-z.]+" }
Resources: {}
"#;
    let parse = |name: &str, value: &str| {
        let parameters = [(name.to_owned(), value.to_owned())].into();
        Template::parse(
            text,
            &StackSettings {
                parameters,
                ..StackSettings::default()
            },
        )
    };
    for (name, value) in [
        ("Mode", "off"),
        ("Days", "1"),
        ("Url", ""),
        ("Url", "https://a.b"),
    ] {
        assert!(parse(name, value).is_ok(), "{name} {value}");
    }
    for (name, value) in [
        ("Mode", "of"),
        ("Mode", ""),
        ("Days", "2"),
        ("Url", "http://a.b"),
        ("Url", "https://a.b/c"),
        ("Url", "x https://a.b"),
    ] {
        let error = format!("{:#}", parse(name, value).unwrap_err());
        assert!(
            error.starts_with(&format!("Parameters.{name}: ")),
            "{error}"
        );
    }
}
