#!/usr/bin/env python3
"""Expands the template for CloudFormation: SAM's own transformation, without an account.

    expand_template.py template.yaml [--bucket NAME] [Parameter=value ...] > expanded.json

Parameters without a value have the template's defaults, as in a deployment. The output is valid
for these values only, since SAM writes some of them into it. A function whose CodeUri is a folder
gets its code from `s3://NAME/<its logical id>.zip`. The region is AWS_REGION, or us-east-1. Needs
the PyPI package aws-sam-translator, which aws-sam-cli brings.
"""

import argparse
import json
import os
import sys

os.environ["AWS_DEFAULT_REGION"] = os.environ.get("AWS_REGION") or "us-east-1"

from samtranslator.translator.transform import transform
from samtranslator.public.exceptions import InvalidDocumentException
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """AWS's managed policies, of which the template uses none."""

    @staticmethod
    def load():
        return {}


def parameter(text):
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is not Name=value")
    return name, value


def is_remote(code):
    return not isinstance(code, str) or code.startswith("s3://")


def expand(template, bucket, parameters):
    declared = template.get("Parameters", {})
    for name, value in parameters.items():
        if name not in declared:
            sys.exit(f"the template has no parameter {name}")
        declared[name]["Default"] = value
        if "AllowedValues" in declared[name]:
            declared[name]["AllowedValues"] = [value]
    shared = template.get("Globals", {}).get("Function", {}).pop("CodeUri", ".")
    for logical, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource.setdefault("Properties", {})
            code = properties.get("CodeUri", shared)
            properties["CodeUri"] = code if is_remote(code) else f"s3://{bucket}/{logical}.zip"
    return transform(template, dict(parameters), NoManagedPolicies, passthrough_metadata=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("template")
    arguments.add_argument("--bucket", default="functions")
    arguments.add_argument("parameters", nargs="*", type=parameter, metavar="Parameter=value")
    given = arguments.parse_args()
    with open(given.template, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    try:
        expanded = expand(template, given.bucket, dict(given.parameters))
    except InvalidDocumentException as error:
        sys.exit("\n".join([error.message, *(cause.message for cause in error.causes)]))
    json.dump(expanded, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
