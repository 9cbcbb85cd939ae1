"""Judges documents by a JSON Schema, as an editor would, with a validator that is not ours.

Reads {"schema": ..., "documents": [{"name", "yaml"} or {"name", "value", "schema"}]} from standard input and prints
[{"name", "refused"}], one for each YAML document: why it is refused, or null.
"""

import json
import re
import sys

import jsonschema
import yaml


class Core(yaml.SafeLoader):
    """YAML 1.2's core schema: neither dates, nor octal numbers, nor `yes` and `no`."""

    yaml_implicit_resolvers = {}


Core.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
Core.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
Core.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
Core.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)
Core.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])
Core.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))
Core.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(loader.construct_scalar(node)))


def refusal(validator, value):
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    return error and f"{error.json_path}: {error.message}"


def judge(document, of_manifests):
    name = document["name"]
    if "schema" in document:
        validator = jsonschema.Draft202012Validator(document["schema"])
        return [{"name": name, "refused": refusal(validator, document["value"])}]
    try:
        values = list(yaml.load_all(document["yaml"], Loader=Core))
    except (yaml.YAMLError, ValueError) as error:
        return [{"name": name, "refused": f"not YAML: {error}"}]
    return [{"name": name, "refused": refusal(of_manifests, value)} for value in values if value is not None]


def main():
    asked = json.load(sys.stdin)
    jsonschema.Draft202012Validator.check_schema(asked["schema"])
    validator = jsonschema.Draft202012Validator(asked["schema"])
    json.dump([judged for document in asked["documents"] for judged in judge(document, validator)], sys.stdout)


main()
