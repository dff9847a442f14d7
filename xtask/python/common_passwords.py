#!/usr/bin/env python3
"""Writes shared/passwords/common.txt, the 10,000 most common passwords, in canonical form and sorted.

    pip download --no-deps --no-binary :none: django==5.2.19 && unzip django-5.2.19-*.whl
    npm pack @zxcvbn-ts/language-common@4.1.3 && tar xzf zxcvbn-ts-language-common-4.1.3.tgz
    common_passwords.py django/contrib/auth/common-passwords.txt.gz package/src/passwords.json > common.txt

Both lists are ranked by frequency. They are merged by rank: the first of each, the second of each, and so
on. Shorter passwords than a user may choose are left out.
"""

import gzip
import json
import sys
import unicodedata
from itertools import chain, zip_longest

SIZE = 10_000
MIN_CHARACTERS = 8


def canonical(text):
    """As `Canonical` in shared/src/domain/user/canonical.rs."""
    return unicodedata.normalize("NFKC", text.strip()).strip().lower()


def ranked(passwords):
    forms = dict.fromkeys(map(canonical, passwords))
    return [form for form in forms if len(form) >= MIN_CHARACTERS]


def main():
    with gzip.open(sys.argv[1], "rt", encoding="utf-8") as file:
        pwned = ranked(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        zxcvbn = ranked(json.load(file))
    merged = dict.fromkeys(filter(None, chain.from_iterable(zip_longest(pwned, zxcvbn))))
    most_common = list(merged)[:SIZE]
    assert len(most_common) == SIZE
    sys.stdout.writelines(sorted(f"{password}\n" for password in most_common))


if __name__ == "__main__":
    main()
