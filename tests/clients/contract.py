"""Makes true of generated bodies what a JSON schema can't say.

An upload or an import that a submission names exists, and a minimum is not above its maximum.
"""

import os
import uuid

import schemathesis

EXISTING = {
    "upload": os.environ["CONTRACT_UPLOAD"],
    "import": os.environ["CONTRACT_IMPORT"],
}


@schemathesis.hook
def before_call(context, case, kwargs):
    if not isinstance(case.body, dict):
        return
    payload = case.body.get("payload")
    if isinstance(payload, dict):
        for member, existing in EXISTING.items():
            if is_uuid(payload.get(member)):
                payload[member] = existing
    minimum, maximum = case.body.get("minimum"), case.body.get("maximum")
    if is_number(minimum) and is_number(maximum) and minimum > maximum:
        case.body["minimum"], case.body["maximum"] = maximum, minimum


def is_uuid(value):
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
