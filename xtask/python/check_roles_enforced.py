#!/usr/bin/env python3
"""Checks that the emulator enforces a function's role: without one of its policies, it fails.

    check_roles_enforced.py DEPLOYED

DEPLOYED is a file with the output of `describe_stack.py`.
"""

import json
import sys
from urllib.error import HTTPError

import boto3
from check_data_survives import log_in


def status(deployed):
    """The status of a login with an unknown name."""
    try:
        log_in(deployed, "nobody", "password123")
    except HTTPError as refusal:
        return refusal.code
    return 200


def main():
    deployed = json.load(open(sys.argv[1], encoding="utf-8"))
    ids, iam = deployed["resources"], boto3.client("iam")
    grant = {"RoleName": ids["CenterLoginRole"], "PolicyArn": ids["MayCheckPasswords"]}
    assert status(deployed) == 401, "the function cannot count logins, although its role allows it"
    iam.detach_role_policy(**grant)
    refused = status(deployed)
    iam.attach_role_policy(**grant)
    assert refused == 500, f"without a policy of its role, the function returned {refused}"
    assert status(deployed) == 401


if __name__ == "__main__":
    main()
