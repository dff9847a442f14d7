#!/usr/bin/env python3
"""Creates, uses, changes and deletes a stack in an emulator of AWS.

    emulated_stack.py create TEMPLATE BINARIES    uploads the functions and creates the stack
    emulated_stack.py use TEMPLATE CHANGED        one journey a family, a change of the stack, its deletion

TEMPLATE and CHANGED are expanded templates, before and after the change. BINARIES is a folder of binaries
for this machine. `create` prints the stack's URL.
"""

import base64
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import boto3

STACK, BUCKET, ENDPOINT = "accounts", "functions", os.environ["AWS_ENDPOINT_URL"]
PASSWORD, CODE = "a long passphrase", re.compile(r"\b[A-Z0-9]{8}\b")
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGM4IWcDAALUASNyYth2AAAAAElFTkSuQmCC"
)
cloudformation = boto3.client("cloudformation")


def resources():
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
    found = [resource for page in pages for resource in page["StackResourceSummaries"]]
    return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}


def url():
    return boto3.client("apigatewayv2").get_api(ApiId=resources()["Api"])["ApiEndpoint"]


def upload(template, binaries):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": os.environ["AWS_REGION"]})
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Function":
            binary = os.path.join(binaries, resource["Metadata"]["BuildProperties"]["Binary"])
            archive = io.BytesIO()
            with tempfile.TemporaryDirectory() as folder:
                bootstrap = os.path.join(folder, "bootstrap")
                subprocess.run(["strip", "-o", bootstrap, binary], check=True)
                with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
                    file.write(bootstrap, "bootstrap")
            s3.put_object(Bucket=BUCKET, Key=f"{name}.zip", Body=archive.getvalue())


def adapt(template):
    """Changes a template so that the emulator can deploy it. `deploy_emulator.rs` lists what is lost."""
    secrets = {name for name, each in template["Resources"].items() if each["Type"].endswith("::Secret")}
    for name, resource in list(template["Resources"].items()):
        kind, properties = resource["Type"], resource.get("Properties", {})
        statements = properties.get("PolicyDocument", {}).get("Statement", [])
        if kind == "AWS::SecretsManager::RotationSchedule" or "Metrics" in properties:
            del template["Resources"][name]
        elif kind == "AWS::ApiGatewayV2::Api":
            properties.update(Name=name, ProtocolType="HTTP")
            template["Resources"].update(routes(name, properties.pop("Body")))
        elif kind in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
            resource["Properties"] = adapt_grants(properties, secrets)
        elif kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
            statements[:] = [each for each in statements if each.get("Sid") != "TlsOnly"]
            if not statements:
                del template["Resources"][name]
    return template


def routes(api, document):
    """The resources of the routes and integrations in an OpenAPI document."""
    found = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
            integration = operation["x-amazon-apigateway-integration"]
            name = f"{api}{len(found)}"
            target = {
                "ApiId": {"Ref": api},
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": integration["uri"],
                "PayloadFormatVersion": integration["payloadFormatVersion"],
            }
            route = {
                "ApiId": {"Ref": api},
                "RouteKey": path if path == "$default" else f"{verb} {path}",
                "Target": {"Fn::Sub": f"integrations/${{{name}Integration}}"},
            }
            found[f"{name}Integration"] = {"Type": "AWS::ApiGatewayV2::Integration", "Properties": target}
            found[f"{name}Route"] = {"Type": "AWS::ApiGatewayV2::Route", "Properties": route}
    return found


def adapt_grants(value, secrets):
    if isinstance(value, list):
        return [adapt_grants(each, secrets) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("Ref") in secrets:
        return {"Fn::GetAtt": [value["Ref"], "Id"]}
    adapted = {name: adapt_grants(each, secrets) for name, each in value.items()}
    if adapted.get("Action") == "ses:SendEmail":
        adapted = {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "*"}
    if adapted.get("Action") == "dynamodb:BatchGetItem":
        adapted["Condition"].pop("StringEquals", None)
    return adapted


def deploy(action, path):
    body = json.dumps(adapt(json.load(open(path, encoding="utf-8"))))
    boto3.client("s3").put_object(Bucket=BUCKET, Key="template.json", Body=body.encode())
    location = f"{ENDPOINT}/{BUCKET}/template.json"
    getattr(cloudformation, f"{action}_stack")(
        StackName=STACK, TemplateURL=location, Capabilities=["CAPABILITY_IAM"]
    )
    cloudformation.get_waiter(f"stack_{action}_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


def send(method, path, body=None, token=None, kind="application/json"):
    """The status and the JSON of a response."""
    body = json.dumps(body).encode() if isinstance(body, dict) else body
    request = Request(ENDPOINT + path, body, {"Host": HOST, "Content-Type": kind}, method=method)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urlopen(request) as response:
            return response.status, json.load(response)
    except HTTPError as refusal:
        return refusal.code, json.load(refusal)


def ok(*request, **more):
    """The JSON of a successful response."""
    status, body = send(*request, **more)
    assert status == 200 and body.get("code", 0) in (0, 200), f"{request[:2]}: {status} {body}"
    return body


def log_in(username, password=PASSWORD):
    form = urlencode({"username": username, "password": password}).encode()
    return send("POST", "/api/auth/login", form, kind="application/x-www-form-urlencoded")


def mail(address, pattern, number):
    """The first match in the e-mail of this number to this address. The first e-mail has number 1."""
    for _ in range(100):
        with urlopen(f"{ENDPOINT}/_ministack/ses/messages") as response:
            accounts = json.load(response)["messages"].values()
        mails = [mail["BodyText"] for mails in accounts for mail in mails if address in mail["To"]]
        found = len(mails) >= number and pattern.search(mails[number - 1])
        if found:
            return found[0]
        time.sleep(0.2)
    sys.exit(f"no e-mail to {address}")


def center(_ids):
    person = {"username": "center", "password": PASSWORD, "nickname": "n", "email": "center@example.com"}
    ok("POST", "/api/auth/register", person)
    assert send("POST", "/api/auth/register", person)[0] == 409
    token = log_in("center")[1]["access_token"]
    assert ok("PUT", "/api/users/me", {"phone": "13800138000"}, token)["phone"] == "13800138000"
    assert len(ok("GET", "/api/auth/sessions", token=token)["sessions"]) == 1
    ok("POST", "/api/auth/logout", token=token)
    assert send("GET", "/api/users/me", token=token)[0] == 401
    return log_in("center")[1]["access_token"]


def whale(_ids):
    person = {"email": "whale@example.com", "password": PASSWORD, "name": "n"}
    user = ok("POST", "/api/users", person)["data"]["user"]
    ok("POST", "/api/users/verification_email", {"user_id": user["id"]})
    link = mail(person["email"], re.compile(r"(?<=&t=)\S+"), 1)
    ok("PUT", "/api/users/email_verified", {"user_uuid": user["uuid"], "token": link})
    ok("POST", "/api/captcha", {"group": 1, "user_id": user["id"]})
    code = {"user_id": user["id"], "code": mail(person["email"], CODE, 2)}
    ok("PUT", "/api/captcha/check", {"group": 1, **code})
    ok("PUT", "/api/users/password", {"password_new": "another one", **code})
    ok("PUT", "/api/users/login", {"email": person["email"], "password": "another one"})
    assert send("PUT", "/api/users/login", person)[1]["code"] == 1413


def profile(ids, token):
    ok("PUT", "/users/name", {"name": "profile"}, token)
    ok("POST", "/users/auth", {"real_name": "n", "id_card": "11010119900307001X"}, token)
    assert ok("GET", "/users/auth", token=token)["data"]["id_card"], "no decrypted number"
    form = b'--form\r\nContent-Disposition: form-data; name="avatar"; filename="a.png"\r\n\r\n%b\r\n--form--\r\n'
    kind = "multipart/form-data; boundary=form"
    avatar = ok("POST", "/users/avatar", form % PICTURE, token, kind=kind)["data"]["avatar_url"]
    boto3.client("s3").head_object(Bucket=ids["AvatarsBucket"], Key=urlsplit(avatar).path[1:])
    assert ok("GET", "/users", token=token)["data"]["name"] == "profile"


def campus(ids, token):
    command = {"command": "bind-wx", "user": {"username": "profile"}, "wx": "wx"}
    bound = boto3.client("lambda").invoke(FunctionName=ids["Admin"], Payload=json.dumps(command))
    assert json.load(bound["Payload"])["user"]["wx"] == "wx"
    change = {"who": "wx", "block": "15", "room": "202", "phone": "13900139000", "isp": "telecom", "account": "1"}
    ok("POST", "/api/v3/change_profile", change, token)
    assert ok("GET", "/api/v3/view_profile", token=token)["profile"]["room"] == "202"


def check_roles(ids):
    """Without one of its policies, a function fails. So the emulator enforces them."""
    iam, grant = boto3.client("iam"), {"RoleName": ids["CenterLoginRole"], "PolicyArn": ids["MayWriteAuditLog"]}
    fail = lambda: log_in("profile", "wrong")[0]
    assert fail() == 401
    iam.detach_role_policy(**grant)
    assert fail() == 500, "the emulator enforces no roles"
    iam.attach_role_policy(**grant)
    assert fail() == 401


def check_change(before):
    ids = resources()
    assert {name: ids.get(name) for name in before} == before, "an update replaced a resource"
    claims = log_in("profile")[1]["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert claims["exp"] - claims["iat"] == 3600, "the parameter did not reach the functions"
    secret = boto3.client("secretsmanager").get_secret_value(SecretId=ids["AdminPassword"])
    admin = log_in("admin", secret["SecretString"])[1]
    assert admin["user"]["email"] == "root@example.com", admin
    for _ in range(100):  # the index is a moment late
        if ok("GET", "/api/users", token=admin["access_token"])["data"]["total"] == 3:
            return ids
        time.sleep(0.2)
    sys.exit("the list lacks users")


def check_deletion(template, ids):
    dynamodb, secrets, s3 = boto3.client("dynamodb"), boto3.client("secretsmanager"), boto3.client("s3")
    lists = {
        "AWS::DynamoDB::Table": dynamodb.list_tables()["TableNames"],
        "AWS::SecretsManager::Secret": [each["ARN"] for each in secrets.list_secrets()["SecretList"]],
        "AWS::S3::Bucket": [each["Name"] for each in s3.list_buckets()["Buckets"]],
    }
    for name, resource in template["Resources"].items():
        if resource["Type"] in lists and name in ids:
            exists = any(ids[name] in each for each in lists[resource["Type"]])
            retained = resource.get("DeletionPolicy", "Delete").startswith("Retain")
            print(f"{name} {'exists' if exists else 'is deleted'}")
            assert exists == retained, name
    users = dynamodb.scan(TableName=ids["UsersTable"])["Items"]
    assert any(user.get("username") == {"S": "profile"} for user in users), "the users are deleted"


def step(name):
    print(f"--- {name} ({time.monotonic() - STARTED:.0f} s)", flush=True)


def create(path, binaries):
    boto3.client("ses").verify_email_identity(EmailAddress="no-reply@example.com")
    upload(json.load(open(path, encoding="utf-8")), binaries)
    deploy("create", path)
    print(url())


def use(path, changed):
    global HOST
    HOST, ids = urlsplit(url()).netloc, resources()
    step("one journey a family")
    token = center(ids)
    whale(ids)
    profile(ids, token)
    campus(ids, token)
    check_roles(ids)
    step("change")
    deploy("update", changed)
    ids = check_change(ids)
    step("delete")
    cloudformation.delete_stack(StackName=STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    check_deletion(json.load(open(changed, encoding="utf-8")), ids)


if __name__ == "__main__":
    STARTED = time.monotonic()
    {"create": create, "use": use}[sys.argv[1]](*sys.argv[2:])
