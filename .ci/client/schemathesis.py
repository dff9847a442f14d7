"""What schemathesis has to know of the families that answer 200 and tell in the body."""

import schemathesis
from schemathesis.core.parameters import ParameterLocation

REFUSED = {"code": lambda code: code != 0, "error_code": lambda code: code != "0"}


def refused(response):
    """Whether the body tells of an error."""
    body = response.json()
    return any(name in body and tells(body[name]) for name, tells in REFUSED.items())


@schemathesis.check
def refused_in_the_body(ctx, response, case):
    """As `negative_data_rejection`, where the status does not tell."""
    told_in_the_body = case.operation.tags and case.operation.tags[0] in ("whale", "profile")
    body = case.meta.components.get(ParameterLocation.BODY) if case.meta else None
    if not told_in_the_body or response.status_code != 200 or body is None or not body.mode.is_negative:
        return
    if not refused(response):
        raise AssertionError("what the description forbids was taken")
