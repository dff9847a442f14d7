"""A check for the families whose errors have the status 200 and a code in the body."""

import schemathesis
from schemathesis.core.parameters import ParameterLocation

ERROR_CODES = {"code": lambda code: code != 0, "error_code": lambda code: code != "0"}


def is_error_response(response):
    """Whether the body contains an error code."""
    body = response.json()
    return any(name in body and is_error(body[name]) for name, is_error in ERROR_CODES.items())


@schemathesis.check
def negative_data_has_an_error_code(ctx, response, case):
    """The check `negative_data_rejection`, by the code in the body instead of the status."""
    has_code_in_body = case.operation.tags and case.operation.tags[0] in ("whale", "profile")
    body = case.meta.components.get(ParameterLocation.BODY) if case.meta else None
    if not has_code_in_body or response.status_code != 200 or body is None or not body.mode.is_negative:
        return
    if not is_error_response(response):
        raise AssertionError("a request that the document forbids was accepted")
