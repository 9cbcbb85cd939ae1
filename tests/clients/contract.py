"""Names what exists wherever a generated submission names an upload or an import."""

import os
import uuid

import schemathesis

EXISTING = {
    "upload": os.environ["CONTRACT_UPLOAD"],
    "import": os.environ["CONTRACT_IMPORT"],
}


@schemathesis.hook
def before_call(context, case, kwargs):
    payload = case.body.get("payload") if isinstance(case.body, dict) else None
    if not isinstance(payload, dict):
        return
    for member, existing in EXISTING.items():
        if is_uuid(payload.get(member)):
            payload[member] = existing


def is_uuid(value):
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False
