#!/usr/bin/env python3
"""Shows deploy/terraform to work: format, each module by itself, and the whole stack applied, planned again and destroyed.

    tools/terraform.py            all of it, against moto, an emulator of AWS on this machine
    tools/terraform.py tables     writes the tables of the modules' READMEs anew

Nothing of this machine gets into the repository: everything happens in a copy in a temporary folder.
"""

import concurrent.futures
import contextlib
import functools
import glob
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TERRAFORM = ROOT / "deploy/terraform"
ACCOUNT = "123456789012"
REGION = "eu-west-1"
# Where distributions and images put providers that need no download.
MIRRORS = ["~/.terraform.d/plugins", "/usr/share/terraform/*", "/usr/local/share/terraform/*", "/opt/*"]
# Two environments of one account: what is small, and every choice that the defaults don't take.
STACKS = {
    "staging": {},
    "choices": {
        "zone_count": 3,
        "nat": "none",
        "create_repositories": False,
        "ec2": {"min": 0, "max": 2},
        "database": {"engine": "aurora", "engine_version": "15.10", "multi_az": True},
        "pruning": True,
        "alarm_emails": ["on-call@example.com"],
        "github_repository": "example/jobs",
        "api_domain": "api.example.com",
        "aliases": ["jobs.example.com"],
        "page_certificate_arn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/0a1b2c3d-0000-4000-8000-000000000002",
    },
}
# Replaces what only AWS can answer. https://developer.hashicorp.com/terraform/language/files/override
OVERRIDE = """
provider "aws" {
  access_key                  = "emulator"
  secret_key                  = "emulator"
  s3_use_path_style           = true
  skip_region_validation      = true
  skip_credentials_validation = true
}
"""

# What moto can't hold, by module; AWS gets it. A resource is left out, or what moto forgets of it is not compared.
NOT_IN_MOTO = {
    # It does not know RedriveAllowPolicy, and forgets a queue's policy when another attribute is set.
    # It spells the redrive policy anew, with other blanks.
    "queue": {
        "aws_sqs_queue_redrive_allow_policy.dead_letters": "count = 0",
        "aws_sqs_queue.jobs": ["redrive_policy"],
    },
    # It takes a launch template's own tags for those of instances.
    "cluster": {"aws_launch_template.instance": ["tag_specifications"]},
    # It forgets the parameters of a group, and answers with Aurora's older way of scaling, too.
    "database": {
        "aws_rds_cluster.this": ["scaling_configuration"],
        "aws_db_parameter_group.this": ["parameter"],
        "aws_rds_cluster_parameter_group.this": ["parameter"],
    },
    # It forgets what a rule is for where it names another group or a prefix list.
    "network": {
        f"aws_vpc_security_group_{rule}": ["description"]
        for rule in [
            "egress_rule.load_balancer_to_api",
            "egress_rule.to_database",
            "egress_rule.to_endpoints",
            "egress_rule.to_ledger",
            "egress_rule.to_s3",
            "ingress_rule.api_from_load_balancer",
            "ingress_rule.database",
            "ingress_rule.endpoints",
            "ingress_rule.load_balancer_from_cloudfront",
        ]
    },
    # It adds members of old to each behaviour and certificate, and forgets the origin access control.
    "frontend": {
        "aws_cloudfront_distribution.this": [
            "origin",
            "default_cache_behavior",
            "ordered_cache_behavior",
            "viewer_certificate",
        ],
    },
}
# No single command of Terraform's takes longer, unless it waits for what never comes.
COMMAND_SECONDS_MAX = 400


def main() -> None:
    if sys.argv[1:] == ["tables"]:
        for module in modules():
            (module / "README.md").write_text(readme(module))
        return
    stale = [str(module.relative_to(ROOT)) for module in modules() if read(module / "README.md") != readme(module)]
    if stale:
        sys.exit(f"terraform: tables of {', '.join(stale)} are not what the module says: tools/terraform.py tables")
    if not shutil.which("terraform"):
        print("terraform: it is not on this machine, so nothing was validated or applied")
        return
    run("terraform", "fmt", "-check", "-diff", "-recursive", str(TERRAFORM))
    with tempfile.TemporaryDirectory(prefix="terraform-") as folder:
        copy = pathlib.Path(folder)
        shutil.copytree(ROOT / "deploy", copy / "deploy", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        shutil.copytree(ROOT / "app/iam", copy / "app/iam")
        os.environ |= environment(copy)
        if not has_provider(copy):
            print("terraform: its AWS provider can't be had here, so only the format was checked and nothing was applied")
            return
        valid = validate(copy)
        spare_moto(copy)
        # Both wait most of the time: the provider asks again every ten seconds or so.
        with concurrent.futures.ThreadPoolExecutor() as both:
            results = list(both.map(lambda stack: play(copy, *stack), STACKS.items()))
    applied, changes = (sum(column) for column in zip(*results))
    print(f"terraform: {valid} modules valid, {applied} applied, second plan {changes} changes")
    sys.exit(1 if changes else 0)


def modules() -> list[pathlib.Path]:
    return sorted(path for path in (TERRAFORM / "modules").iterdir() if path.is_dir())


def environment(copy: pathlib.Path) -> dict[str, str]:
    """A configuration of Terraform's that takes providers from this machine where they are, and the registry elsewhere."""
    found = [mirror for pattern in MIRRORS for mirror in glob.glob(os.path.expanduser(pattern))]
    mirrors = [mirror for mirror in found if os.path.isdir(os.path.join(mirror, "registry.terraform.io/hashicorp/aws"))]
    settings = copy / "terraform.rc"
    blocks = [f"  filesystem_mirror {{\n    path = {json.dumps(mirror)}\n  }}" for mirror in mirrors] or ["  direct {}"]
    settings.write_text("disable_checkpoint = true\nprovider_installation {\n" + "\n".join(blocks) + "\n}\n")
    return {"TF_CLI_CONFIG_FILE": str(settings), "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}


def has_provider(copy: pathlib.Path) -> bool:
    command = ["terraform", f"-chdir={copy / modules()[0].relative_to(ROOT)}", "init", "-backend=false"]
    return subprocess.run(command, capture_output=True, timeout=COMMAND_SECONDS_MAX).returncode == 0


def validate(copy: pathlib.Path) -> int:
    folders = [copy / module.relative_to(ROOT) for module in modules()]
    for folder in folders:
        run("terraform", f"-chdir={folder}", "init", "-backend=false", "-no-color")
        run("terraform", f"-chdir={folder}", "validate", "-no-color")
    return len(folders)


def spare_moto(copy: pathlib.Path) -> None:
    for module, resources in NOT_IN_MOTO.items():
        text = ""
        for address, what in resources.items():
            kind, name = address.split(".")
            body = what if isinstance(what, str) else f"lifecycle {{\n    ignore_changes = [{', '.join(what)}]\n  }}"
            text += f'resource "{kind}" "{name}" {{\n  {body}\n}}\n'
        (copy / f"deploy/terraform/modules/{module}/emulator_override.tf").write_text(text)


def play(copy: pathlib.Path, name: str, choices: dict) -> tuple[int, int]:
    """Applies the stack to an empty account, plans it again, destroys it. Says how many resources, how many changes."""
    stack = copy / f"deploy/terraform/{name}"
    shutil.copytree(copy / "deploy/terraform/stack", stack)
    (stack / "emulator_override.tf").write_text(OVERRIDE)
    if not choices:
        shutil.copy(stack / f"{name}.tfvars", stack / "terraform.tfvars")
    else:
        own = {"account": ACCOUNT, "region": REGION, "environment": name, "deletion_protection": False}
        (stack / "terraform.tfvars.json").write_text(json.dumps(own | choices))
    here = f"-chdir={stack}"
    with emulator(copy, name) as endpoint:
        run = functools.partial(run_with, {"AWS_ENDPOINT_URL": endpoint})
        if choices:
            certificate = {"api_certificate_arn": certified(endpoint, choices["api_domain"])}
            (stack / "certificate.auto.tfvars.json").write_text(json.dumps(certificate))
        run("terraform", here, "init", "-no-color")
        run("terraform", here, "validate", "-no-color")
        run("terraform", here, "apply", "-auto-approve", "-no-color")
        made = len(run("terraform", here, "state", "list").splitlines())
        run("terraform", here, "plan", "-out=second", "-no-color")
        second = json.loads(run("terraform", here, "show", "-json", "second"))
        changed = [it for it in second.get("resource_changes", []) if it["change"]["actions"] not in (["no-op"], ["read"])]
        for it in changed:
            before, after = it["change"]["before"] or {}, it["change"]["after"] or {}
            fields = {key: [before.get(key), after.get(key)] for key in before | after if before.get(key) != after.get(key)}
            print(f"terraform: the second plan of {name} would change {it['address']}: {json.dumps(fields)}")
        run("terraform", here, "destroy", "-auto-approve", "-no-color")
        left = run("terraform", here, "state", "list").split()
        if left:
            sys.exit(f"terraform: after destroy {name} still has {', '.join(left)}")
    managed = sum(1 for it in second.get("resource_changes", []) if it["mode"] == "managed")
    print(f"terraform: {name}: {managed} resources applied ({made} with what is read), {len(changed)} changes, destroyed")
    return managed, len(changed)


@contextlib.contextmanager
def emulator(copy: pathlib.Path, name: str):
    """moto on a port of its own, with an empty account."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = os.environ.get("MOTO_SERVER", str(ROOT / ".tools/python/bin/moto_server"))
    with open(copy / f"moto-{name}.log", "w") as log:
        # AWS's own policies are there as on AWS.
        with_policies = os.environ | {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
        command = [server, "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=with_policies)
        try:
            endpoint = f"http://127.0.0.1:{port}"
            for _ in range(300):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{endpoint}/moto-api/data.json", timeout=5).close()
                    break
                time.sleep(0.1)
            else:
                sys.exit(f"terraform: moto did not start:\n{(copy / f'moto-{name}.log').read_text()}")
            yield endpoint
        finally:
            process.terminate()
            process.wait()


def certified(endpoint: str, domain: str) -> str:
    """A certificate that is there: a listener can't name another."""
    import boto3  # Only here: the tables are made without it.

    keys = {"aws_access_key_id": "emulator", "aws_secret_access_key": "emulator"}
    authority = boto3.client("acm", region_name=REGION, endpoint_url=endpoint, **keys)
    return authority.request_certificate(DomainName=domain)["CertificateArn"]


def run(*command: str) -> str:
    return run_with({}, *command)


def run_with(settings: dict[str, str], *command: str) -> str:
    surroundings = os.environ | settings
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX, env=surroundings)
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode()
        sys.exit(f"{' '.join(command)}\n{output[-20000:]}\nterraform: that took longer than {COMMAND_SECONDS_MAX} s")
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-20000:]}{done.stderr[-20000:]}\nterraform: that failed")
    return done.stdout


# ---- the tables


def readme(module: pathlib.Path) -> str:
    """The module's first comment, and what it takes and gives."""
    comment = re.match(r"(?:# .*\n|#\n)+", (module / "main.tf").read_text())
    duty = re.sub(r"(?m)^# ?", "", comment.group(0)).strip()
    text = f"# {module.name}\n\n{duty}\n"
    given = blocks(module / "variables.tf", "variable")
    text += "\n| variable | default | what it is |\n| --- | --- | --- |\n"
    for name, body in given:
        default = re.search(r"(?m)^  default +=(?: (.*))?$", body)
        shown = "needed" if default is None else f"`{default.group(1)}`" if default.group(1) != '""' else "none"
        text += f"| `{name}` | {'none' if shown == '`null`' else shown} | {described(body)} |\n"
    text += "\n| output | what it is |\n| --- | --- |\n"
    for name, body in blocks(module / "outputs.tf", "output"):
        text += f"| `{name}` | {described(body)} |\n"
    return text


def blocks(file: pathlib.Path, kind: str) -> list[tuple[str, str]]:
    return re.findall(rf'(?ms)^{kind} "(\w+)" \{{\n(.*?)^\}}', file.read_text())


def described(body: str) -> str:
    return json.loads(re.search(r'(?m)^  description += (".*")$', body).group(1)).replace("|", "\\|")


def read(file: pathlib.Path) -> str:
    return file.read_text() if file.exists() else ""


if __name__ == "__main__":
    main()
