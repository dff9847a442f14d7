#!/usr/bin/env python3
"""Holds an expanded template to what no emulator shows and no linter asks for.

    .ci/expanded.py EXPANDED
"""

import json
import sys

HASHING = {"CenterLogin", "CenterRegister", "WhaleChangePassword", "WhaleCreateUser", "WhaleLogin"}
READING = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}


def same(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: {json.dumps(found, indent=1)}\nand not {json.dumps(wanted, indent=1)}")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        template = json.load(file)
    resources = template["Resources"]
    traced = template["Parameters"]["Tracing"]["Default"] == "Active"  # SAM leaves out what is not

    def of(kind):
        named = ((name, each.get("Properties", {})) for name, each in resources.items() if each["Type"] == kind)
        return dict(named)

    functions, mappings = of("AWS::Lambda::Function"), of("AWS::Lambda::EventSourceMapping")
    streams = {each["FunctionName"]["Ref"]: [each["EventSourceArn"]] for each in mappings.values()}
    logs = {"LogGroup": {"Ref": "FunctionLogs"}, "LogFormat": "JSON", "SystemLogLevel": "WARN"}
    for name, function in functions.items():
        same(f"{name} logs", function["LoggingConfig"], logs)
        same(f"{name} is traced", function.get("TracingConfig"), {"Mode": {"Ref": "Tracing"}} if traced else None)
        boundary = resources[f"{name}Role"]["Properties"]["PermissionsBoundary"]["Ref"]
        statements = resources[boundary]["Properties"]["PolicyDocument"]["Statement"]
        read = [each["Resource"] for each in statements if READING & set(each.get("Action", []))]
        same(f"{name} reads streams", read, streams.get(name, []))
    limited = {name for name, function in functions.items() if "ReservedConcurrentExecutions" in function}
    same("functions that hash", sorted(limited), sorted(HASHING))

    expiring = {"AttributeName": "expires_at", "Enabled": True}
    for name, table in of("AWS::DynamoDB::Table").items():
        same(f"items of {name} expire", table.get("TimeToLiveSpecification"), expiring)
    for name, group in of("AWS::Logs::LogGroup").items():
        same(f"{name} is kept", group.get("RetentionInDays"), {"Ref": "LogDays"})
    for name, mapping in mappings.items():
        given_up = {"OnFailure": {"Destination": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}}
        same(f"{name} gives up", mapping["DestinationConfig"], given_up)
        same(f"{name} halves what fails", mapping["BisectBatchOnFunctionError"], True)

    (api,), (stage,) = of("AWS::ApiGatewayV2::Api").values(), of("AWS::ApiGatewayV2::Stage").values()
    method = lambda name: "ANY" if name == "x-amazon-apigateway-any-method" else name.upper()
    paths = {path: operations for path, operations in api["Body"]["paths"].items() if path != "$default"}
    routes = {f"{method(name)} {path}" for path, operations in paths.items() for name in operations}
    same("throttled routes", sorted(stage["RouteSettings"]), sorted(routes | {"$default"}))
    same("origins", api["Body"]["x-amazon-apigateway-cors"]["Fn::If"][0], "HasAllowedOrigins")
    (rotation,) = of("AWS::SecretsManager::RotationSchedule").values()
    same("what is rotated", rotation["SecretId"], {"Ref": "TokenKey"})
    same("how often", rotation["RotationRules"], {"AutomaticallyAfterDays": {"Ref": "RotationDays"}})


if __name__ == "__main__":
    main()
