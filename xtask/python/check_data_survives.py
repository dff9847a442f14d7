#!/usr/bin/env python3
"""Checks that users survive a change and a deletion of their stack.

    check_data_survives.py create DEPLOYED           signs a user up
    check_data_survives.py change DEPLOYED FORMER    the user, the tables and the keys are the same;
                                                     the parameters and the administrator are new
    check_data_survives.py delete DEPLOYED EXPANDED  the resources that the template retains exist,
                                                     and contain the user

DEPLOYED and FORMER are files with the output of `describe_stack.py`, after and before the change.
EXPANDED is a file with the expanded template.
"""

import base64
import json
import os
import sys
import urllib.parse
import urllib.request

import boto3
from botocore.exceptions import ClientError

ACCOUNT = {"username": "survivor", "password": "password123", "nickname": "n", "email": "survivor@example.com"}
KEPT = ("AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::S3::Bucket")


def post(deployed, path, body, content_type):
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + path, body.encode(), method="POST")
    request.add_header("Host", urllib.parse.urlsplit(deployed["url"]).netloc)
    request.add_header("Content-Type", content_type)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def log_in(deployed, username, password):
    form = urllib.parse.urlencode({"username": username, "password": password})
    return post(deployed, "/api/auth/login", form, "application/x-www-form-urlencoded")


def lifetime(token):
    claims = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    return claims["exp"] - claims["iat"]


def create(deployed):
    post(deployed, "/api/auth/register", json.dumps(ACCOUNT), "application/json")
    assert lifetime(log_in(deployed, "survivor", "password123")["access_token"]) == 86400


def change(deployed, former):
    ids = {name: deployed["resources"][name] for name in former["resources"]}
    assert ids == former["resources"], "an update replaced a resource"
    token = log_in(deployed, "survivor", "password123")["access_token"]
    assert lifetime(token) == 3600, "the parameter did not reach the functions"
    secret = deployed["resources"]["AdminPassword"]
    password = boto3.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    assert log_in(deployed, "admin", password)["user"]["email"] == "root@example.com"


def exists(kind, name):
    try:
        if kind == "AWS::DynamoDB::Table":
            boto3.client("dynamodb").describe_table(TableName=name)
        elif kind == "AWS::SecretsManager::Secret":
            return "DeletedDate" not in boto3.client("secretsmanager").describe_secret(SecretId=name)
        else:
            boto3.client("s3").head_bucket(Bucket=name)
    except ClientError:
        return False
    return True


def delete(deployed, expanded):
    for name, resource in expanded["Resources"].items():
        if resource["Type"] in KEPT and name in deployed["resources"]:
            retained = resource.get("DeletionPolicy") == "Retain"
            found = exists(resource["Type"], deployed["resources"][name])
            print(f"{name} {'exists' if found else 'is deleted'}")
            assert found == retained, name
    items = boto3.client("dynamodb").scan(TableName=deployed["resources"]["UsersTable"])["Items"]
    assert any(item.get("username") == {"S": "survivor"} for item in items), "the user is deleted"


if __name__ == "__main__":
    given = [json.load(open(path, encoding="utf-8")) for path in sys.argv[2:]]
    {"create": create, "change": change, "delete": delete}[sys.argv[1]](*given)
