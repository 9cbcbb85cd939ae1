#!/usr/bin/env python3
"""Writes src/shape/*.json: what of AWS's API models the reconciler needs, without AWS's prose.

usage: tools/api-model.py [--output src/shape]

The models come from botocore as installed (`python3 -m pip install --target DIR botocore`, then
`PYTHONPATH=DIR tools/api-model.py`). Kept are the shapes that can be reached from the operations
below, and of each shape its type, members, required members, enum, limits and pattern.
"""

import argparse
import json
import pathlib

import botocore
import botocore.loaders

# Operation -> whether its answer is kept besides its input.
SERVICES = {
    "ecs": {
        "RegisterTaskDefinition": False,
        "CreateService": False,
        "UpdateService": False,
        "RunTask": False,
        "DescribeServices": True,
        "DescribeTaskDefinition": True,
        "DescribeServiceDeployments": True,
        "ListServiceDeployments": True,
    },
    "application-autoscaling": {
        "RegisterScalableTarget": False,
        "PutScalingPolicy": False,
        "PutScheduledAction": False,
        "DescribeScalableTargets": True,
        "DescribeScalingPolicies": True,
        "DescribeScheduledActions": True,
    },
    "scheduler": {
        "CreateSchedule": False,
        "UpdateSchedule": False,
        "GetSchedule": True,
    },
}

# Structures of which only some members are kept: a schedule of ours starts an ECS task and nothing else.
KEPT = {
    "scheduler": {
        "Target": {"Arn", "DeadLetterConfig", "EcsParameters", "Input", "RetryPolicy", "RoleArn"},
    },
}


def references(shape):
    """Names of the shapes that a stripped shape points at."""
    yield from shape.get("members", {}).values()
    for part in ("member", "key", "value"):
        if part in shape:
            yield shape[part]


def strip(shape, kept_members):
    """One shape as the reconciler reads it."""
    if shape.get("document"):
        # Free JSON, which AWS's models call a structure without members.
        return {"type": "document"}
    kept = {"type": shape["type"]}
    if shape["type"] == "structure":
        members = kept_members or shape["members"]
        kept["members"] = {name: it["shape"] for name, it in shape["members"].items() if name in members}
        if shape.get("required"):
            kept["required"] = sorted(shape["required"])
        if shape.get("union"):
            kept["union"] = True
    for part in ("member", "key", "value"):
        if part in shape:
            kept[part] = shape[part]["shape"]
    for limit in ("enum", "min", "max", "pattern"):
        if limit in shape:
            kept[limit] = shape[limit]
    return kept


def model(service, operations):
    """The stripped model of one service."""
    whole = botocore.loaders.Loader().load_service_model(service, "service-2")
    kept, wanted, shapes = {}, [], {}
    for name, with_output in sorted(operations.items()):
        operation = whole["operations"][name]
        kept[name] = {"input": operation["input"]["shape"]}
        if with_output:
            kept[name]["output"] = operation["output"]["shape"]
        wanted.extend(kept[name].values())
    while wanted:
        name = wanted.pop()
        if name not in shapes:
            shapes[name] = strip(whole["shapes"][name], KEPT.get(service, {}).get(name))
            wanted.extend(references(shapes[name]))
    return {
        "service": service,
        "source": f"botocore {botocore.__version__}",
        "apiVersion": whole["metadata"]["apiVersion"],
        "operations": kept,
        "shapes": dict(sorted(shapes.items())),
    }


def text(stripped):
    """JSON with one shape on a line, so that a refresh is a readable diff."""

    def lines(entries):
        rows = [f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in entries.items()]
        return "{\n" + ",\n".join(rows) + "\n  }"

    return (
        "{\n"
        f'  "service": {json.dumps(stripped["service"])},\n'
        f'  "source": {json.dumps(stripped["source"])},\n'
        f'  "apiVersion": {json.dumps(stripped["apiVersion"])},\n'
        f'  "operations": {lines(stripped["operations"])},\n'
        f'  "shapes": {lines(stripped["shapes"])}\n'
        "}\n"
    )


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--output", type=pathlib.Path, default=pathlib.Path("src/shape"))
    output = arguments.parse_args().output
    for service, operations in SERVICES.items():
        stripped = model(service, operations)
        path = output / f"{service}.json"
        path.write_text(text(stripped), encoding="utf-8")
        print(f"{path}: {len(stripped['shapes'])} shapes, {path.stat().st_size // 1024} KiB, {stripped['source']}")


if __name__ == "__main__":
    main()
