"""docs/runbooks/lockout.md, typed in as it stands: with the AWS CLI alone it finds a policy that shuts an account out, holds it, and
takes it off."""

import json
import os
import pathlib
import re
import subprocess
import sys

from aws_sandbox import MANAGEMENT, PAYMENTS, ROOT

PAGE = (ROOT / "docs/runbooks/lockout.md").read_text()
DENY = {"Version": "2012-10-17", "Statement": [{"Sid": "Everything", "Effect": "Deny", "Action": "*", "Resource": "*"}]}


def blocks(step):
    """The commands of a step."""
    section = re.search(rf"^## {step}\..*?(?=^## |\Z)", PAGE, flags=re.M | re.S)[0]
    return re.findall(r"```sh\n(.*?)```", section, flags=re.S)


class Shell:
    """A person's shell in the management account."""

    def __init__(self, sandbox, policy, unit, root):
        self.names = {"333333333333": PAYMENTS, "p-11111111": policy, "ou-ab12-11111111": unit, "r-ab12": root}
        self.environment = {
            "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": sandbox.folder.name,
            "AWS_ENDPOINT_URL": sandbox.url, "AWS_ACCESS_KEY_ID": MANAGEMENT, "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": "",
        }

    def type(self, commands):
        for placeholder, name in self.names.items():
            commands = commands.replace(placeholder, name)
        done = subprocess.run(["bash", "-eu", "-c", commands], env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout


def test_it_works_with_the_aws_cli_alone(fresh):
    organizations = fresh.organizations
    root = fresh.target("/")
    unit = organizations.list_parents(ChildId=PAYMENTS)["Parents"][0]["Id"]
    made = organizations.create_policy(
        Name="soc2-acme-too-much", Description="", Type="SERVICE_CONTROL_POLICY", Content=json.dumps(DENY)
    )
    policy = made["Policy"]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=policy, TargetId=unit)
    shell = Shell(fresh, policy, unit, root)
    targets = lambda: [target["TargetId"] for target in organizations.list_targets_for_policy(PolicyId=policy)["Targets"]]
    tags = lambda: {tag["Key"]: tag["Value"] for tag in organizations.list_tags_for_resource(ResourceId=policy)["Tags"]}

    assert MANAGEMENT in shell.type(blocks(1)[0])

    find, read = blocks(2)
    found = shell.type(find)
    at_unit = found.split(f"== {unit}\n")[1].split("== ")[0]
    assert policy in at_unit and "soc2-acme-too-much" in at_unit
    assert f"== {PAYMENTS}\n" in found and f"== {root}\n" in found, "every level from the account to the root"
    assert json.loads(shell.type(read)) == DENY

    shell.type(blocks(3)[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", tags()["soc2-operator.dev/hold"])

    take_off, last_resort = blocks(4)
    assert unit in shell.type(take_off)
    assert targets() == [], "it is off, and still there"

    undo = re.search(r"`(aws organizations untag-resource [^`]+)`", PAGE)[1]
    shell.type(undo)
    assert "soc2-operator.dev/hold" not in tags()

    shell.type(last_resort)
    types = organizations.list_roots()["Roots"][0]["PolicyTypes"]
    assert not [kind for kind in types if kind["Type"] == "SERVICE_CONTROL_POLICY" and kind["Status"] == "ENABLED"]
