use std::collections::BTreeMap;

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
    Metadata: { BuildProperties: { Binary: whale-login } }
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
    Template::parse(
        TEMPLATE,
        &parameters.into_iter().collect(),
        "http://127.0.0.1:8000",
    )
    .unwrap()
}

#[test]
fn the_gateway_plays_the_distribution_of_a_bucket() {
    let text = r#"
Resources:
  Pictures: { Type: AWS::S3::Bucket }
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
    let template = Template::parse(text, &BTreeMap::new(), "http://127.0.0.1:1").unwrap();
    let distribution = &template.distributions[0];
    assert_eq!(
        (distribution.logical.as_str(), distribution.bucket.as_str()),
        ("Cdn", "pictures")
    );
    assert_eq!(
        distribution.headers,
        [("x-content-type-options".to_owned(), "nosniff".to_owned())]
    );
    let variables = &template.function("show").unwrap().variables;
    assert_eq!(variables["URL"], "http://127.0.0.1:1/x");
    assert_eq!(variables["OTHER"], "https://example.com/x");
}

#[test]
fn a_function_has_its_own_variables_over_the_global_ones() {
    let template = parse(None);
    let function = template.function("whale-login").unwrap();
    let variable = |name: &str| function.variables.get(name).map(String::as_str);
    assert_eq!(function.timeout.as_secs(), 7);
    assert_eq!(variable("TABLE"), Some("Users"));
    assert_eq!(variable("BOTH"), Some("own"));
    assert_eq!(variable("KEY"), Some(template.secrets[0].arn.as_str()));
    assert_eq!(variable("URL"), Some("https://Api.us-east-1/test/${x}"));
    assert_eq!(variable("MODE"), Some("not-live"));
    assert_eq!(variable("GONE"), None);
    assert_eq!(
        variable("LOST"),
        Some("https://sqs.us-east-1.amazonaws.com/000000000000/Lost")
    );
}

#[test]
fn conditions_choose_between_values_and_the_api_is_the_gateway() {
    let variable = |stage, name: &str| {
        parse(stage)
            .function("whale-login")
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
fn a_parameter_given_takes_the_place_of_the_default() {
    assert_eq!(
        parse(Some("live"))
            .function("whale-login")
            .unwrap()
            .variables["MODE"],
        "live"
    );
    assert_eq!(parse(Some("live")).functions.len(), 2);
    assert_eq!(parse(None).functions.len(), 1);
}

#[test]
fn an_event_without_a_path_is_the_default_route_and_other_events_are_no_routes() {
    let routes = parse(None).routes();
    let routes: Vec<_> = routes
        .iter()
        .map(|route| (route.method.as_str(), route.path.as_str()))
        .collect();
    assert_eq!(routes, [("ANY", "$default"), ("PUT", "/login/")]);
}

#[test]
fn grants_cover_the_named_actions_and_resources_only() {
    let template = parse(None);
    let function = template.function("whale-login").unwrap();
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
fn what_cannot_be_resolved_is_named_with_its_place() {
    let text = TEMPLATE.replace("BOTH: own", "BOTH: !ImportValue other");
    let error = Template::parse(&text, &BTreeMap::new(), "")
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "Resources.Login.Properties.Environment.Variables.BOTH: cannot resolve !ImportValue"
    );
}

#[test]
fn a_policy_that_the_template_does_not_write_out_is_refused() {
    for policy in [
        "AmazonDynamoDBFullAccess",
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
        "DynamoDBCrudPolicy: { TableName: !Ref Users }",
    ] {
        let text = TEMPLATE.replace("- !Ref Reads\n", &format!("- {policy}\n"));
        let error = format!(
            "{:#}",
            Template::parse(&text, &BTreeMap::new(), "").unwrap_err()
        );
        assert!(
            error.starts_with("Resources.Login.Properties.Policies: "),
            "{error}"
        );
    }
}

#[test]
fn a_condition_that_is_not_understood_is_refused() {
    let condition = "Condition: { DateLessThan: { 'aws:CurrentTime': x } }, Effect: Allow, Action: dynamodb:Query";
    let text = TEMPLATE.replace("Effect: Allow, Action: dynamodb:Query", condition);
    let error = format!(
        "{:#}",
        Template::parse(&text, &BTreeMap::new(), "").unwrap_err()
    );
    assert!(
        error.ends_with("the condition DateLessThan is not understood"),
        "{error}"
    );
}

#[test]
fn a_function_whose_boundary_does_not_leave_it_its_stream_is_refused() {
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
    let parse = |stream| Template::parse(&text(stream), &BTreeMap::new(), "");
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
