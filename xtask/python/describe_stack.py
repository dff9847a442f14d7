#!/usr/bin/env python3
"""Describes a stack for the suite, which then runs against it.

    describe_stack.py STACK > deployed.json
"""

import json
import os
import sys

import boto3


def main():
    stack = sys.argv[1]
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    found = [resource for page in pages for resource in page["StackResourceSummaries"]]
    of = lambda kind: [each["PhysicalResourceId"] for each in found if each["ResourceType"] == kind]
    functions, dynamodb = boto3.client("lambda"), boto3.client("dynamodb")
    variables = {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}
    for name in of("AWS::Lambda::Function"):
        settings = functions.get_function_configuration(FunctionName=name)
        variables |= settings.get("Environment", {}).get("Variables", {})
    tables = {
        name: [key["AttributeName"] for key in dynamodb.describe_table(TableName=name)["Table"]["KeySchema"]]
        for name in of("AWS::DynamoDB::Table")
    }
    (api,) = of("AWS::ApiGatewayV2::Api")
    json.dump(
        {
            "url": boto3.client("apigatewayv2").get_api(ApiId=api)["ApiEndpoint"],
            "resources": {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found},
            "tables": tables,
            "variables": variables,
        },
        sys.stdout,
        indent=1,
    )


if __name__ == "__main__":
    main()
