#!/usr/bin/env python3
"""Whether the emulator holds a function to its role: without one of its policies, it fails.

    .ci/enforced.py DEPLOYED

DEPLOYED is what `.ci/deployed.py` printed.
"""

import json
import sys
from urllib.error import HTTPError

import boto3
from survives import log_in


def status(deployed):
    """What somebody is told who is not known."""
    try:
        log_in(deployed, "nobody", "password123")
    except HTTPError as refusal:
        return refusal.code
    return 200


def main():
    deployed = json.load(open(sys.argv[1], encoding="utf-8"))
    ids, iam = deployed["resources"], boto3.client("iam")
    grant = {"RoleName": ids["CenterLoginRole"], "PolicyArn": ids["MayCheckPasswords"]}
    assert status(deployed) == 401, "a login is looked at as long as the function may count it"
    iam.detach_role_policy(**grant)
    refused = status(deployed)
    iam.attach_role_policy(**grant)
    assert refused == 500, f"without a policy of its role, the function answered {refused}"
    assert status(deployed) == 401


if __name__ == "__main__":
    main()
