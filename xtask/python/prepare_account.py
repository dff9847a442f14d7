#!/usr/bin/env python3
"""Prepares an account for its first stack: a bucket for the functions, and a sender of mail.

    prepare_account.py BUCKET
"""

import os
import sys

import boto3

here = {"LocationConstraint": os.environ["AWS_REGION"]}
boto3.client("s3").create_bucket(Bucket=sys.argv[1], CreateBucketConfiguration=here)
boto3.client("ses").verify_email_identity(EmailAddress="no-reply@example.com")
