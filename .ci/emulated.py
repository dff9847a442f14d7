#!/usr/bin/env python3
"""The expanded template as ministack can deploy it.

    .ci/emulated.py < expanded.json > emulated.json

What is changed here is not shown by a deployment there; `.ci/deploy` says what shows it instead.
"""

import json
import sys

# It speaks no TLS, so what may be asked by TLS only could not be asked at all.
POLICIES = ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
ANY = "x-amazon-apigateway-any-method"


def routes(api, paths):
    """The integrations and routes of an API's OpenAPI document, as resources of their own."""
    made = {}
    for path, operations in paths.items():
        for method, operation in operations.items():
            name = f"{api}{len(made) // 2}"
            integration = operation["x-amazon-apigateway-integration"]
            key = path if path == "$default" else f"{'ANY' if method == ANY else method.upper()} {path}"
            made[f"{name}Integration"] = {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {
                    "ApiId": {"Ref": api},
                    "IntegrationType": "AWS_PROXY",
                    "IntegrationUri": integration["uri"],
                    "PayloadFormatVersion": integration["payloadFormatVersion"],
                },
            }
            made[f"{name}Route"] = {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {
                    "ApiId": {"Ref": api},
                    "RouteKey": key,
                    "Target": {"Fn::Sub": f"integrations/${{{name}Integration}}"},
                },
            }
    return made


def capitalised(value):
    """OpenAPI's names of the CORS settings in the spelling of CloudFormation."""
    if isinstance(value, list):
        return [capitalised(each) for each in value]
    if isinstance(value, dict):
        return {name[0].upper() + name[1:]: capitalised(each) for name, each in value.items()}
    return value


def granted(value, secrets):
    """A policy whose secrets are named by their ARNs, and that lets mails be sent from anywhere."""
    if isinstance(value, list):
        return [granted(each, secrets) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("Ref") in secrets:
        return {"Fn::GetAtt": [value["Ref"], "Id"]}
    if value.get("Action") == "ses:SendEmail":
        return {"Effect": value["Effect"], "Action": value["Action"], "Resource": "*"}
    return {name: granted(each, secrets) for name, each in value.items()}


def emulated(resources):
    secrets = {name for name, each in resources.items() if each["Type"] == "AWS::SecretsManager::Secret"}
    made = {}
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::ApiGatewayV2::Api":
            body = properties.pop("Body")
            properties |= {"Name": name, "ProtocolType": "HTTP"}
            if "x-amazon-apigateway-cors" in body:
                properties["CorsConfiguration"] = capitalised(body["x-amazon-apigateway-cors"])
            made |= routes(name, body["paths"])
        if resource["Type"] in POLICIES:
            policy = properties["PolicyDocument"]
            policy["Statement"] = [each for each in policy["Statement"] if each.get("Sid") != "TlsOnly"]
            if not policy["Statement"]:
                continue
        if resource["Type"] in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
            resource["Properties"] = granted(properties, secrets)
        rotates = resource["Type"] == "AWS::SecretsManager::RotationSchedule"
        calculates = resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in properties
        if not rotates and not calculates:
            made[name] = resource
    return made


def main():
    template = json.load(sys.stdin)
    template["Resources"] = emulated(template["Resources"])
    json.dump(template, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
