"""The policies as JSON and in the CloudFormation templates are the same, cfn-lint has nothing to say about the templates,
and every policy is as narrow as it claims to be."""

import json
import pathlib
import re
import subprocess

import pytest
import yaml

HERE = pathlib.Path(__file__).parent
TEMPLATES = sorted((HERE / "cloudformation").glob("*.yaml"))
# What the parameters and pseudo parameters of templates are in the JSON files.
EXAMPLES = {
    "AWS::Partition": "aws",
    "AWS::AccountId": "999999999999",
    "AWS::Region": "eu-west-1",
    "PodRoleArn": "arn:aws:iam::999999999999:role/soc2-operator",
    "ExternalId": "acme-7",
    "OwnerId": "acme",
    "DelegatedAdministrator": "222222222222",
    "OidcProvider": "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE",
    "ClusterName": "platform",
    "Namespace": "soc2-operator",
    "ServiceAccount": "soc2-operator",
    "StateBucket": "acme-soc2",
    "StatePrefix": "state",
    "TrailBucket": "acme-trail",
    "HomeRegion": "eu-west-1",
    "Queue.Arn": "arn:aws:sqs:eu-west-1:222222222222:soc2",
}


class Loader(yaml.SafeLoader):
    """YAML with the short forms of CloudFormation's functions, evaluated with EXAMPLES."""


def substitute(text):
    return re.sub(r"\$\{([^}]+)\}", lambda match: EXAMPLES.get(match[1], match[0]), text)


def other(loader, _suffix, node):
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


Loader.add_constructor("!Ref", lambda _, node: EXAMPLES.get(node.value, node.value))
Loader.add_constructor("!GetAtt", lambda _, node: EXAMPLES.get(node.value, node.value))
Loader.add_constructor("!Sub", lambda _, node: substitute(node.value))
Loader.add_multi_constructor("!", other)


def load(name):
    return yaml.load((HERE / "cloudformation" / f"{name}.yaml").read_text(), Loader)["Resources"]


def policy(name):
    return json.loads((HERE / f"{name}.json").read_text())


def listed(statement):
    """A statement with lists where IAM takes one value or a list."""
    return {
        key: [value] if key in ("Action", "Resource") and isinstance(value, str) else value
        for key, value in statement.items()
    }


def same(one, another):
    assert one["Version"] == another["Version"]
    assert [listed(s) for s in one["Statement"]] == [listed(s) for s in another["Statement"]]


def inline(resource, name):
    return next(p["PolicyDocument"] for p in resource["Properties"]["Policies"] if p["PolicyName"] == name)


@pytest.mark.parametrize(
    ("template", "resource", "name"),
    [
        ("management-account", "ReadRole", "read-organization"),
        ("management-account", "WriteRole", "write-guardrails"),
        ("security-hub-administrator", "ReadRole", "read-security-hub"),
        ("security-hub-administrator", "ReadRole", "read-queue"),
        ("organization-events", "EventsRole", "read-queue"),
        ("member-read", "ReadRole", "read-member"),
        ("log-archive", "TrailRole", "read-trail"),
    ],
)
def test_a_role_has_the_policy_and_trusts_the_pod_only(template, resource, name):
    role = load(template)[resource]
    same(inline(role, name), policy(f"policies/{name}"))
    same(role["Properties"]["AssumeRolePolicyDocument"], policy("trust/role"))


def test_the_other_policies_are_the_same_too():
    same(load("management-account")["Delegation"]["Properties"]["Content"], policy("policies/delegation"))
    pod = load("pod-role")
    same(pod["Rights"]["Properties"]["PolicyDocument"], policy("policies/pod"))
    same(pod["State"]["Properties"]["PolicyDocument"], policy("policies/state-bucket"))
    same(json.loads(pod["IrsaRole"]["Properties"]["AssumeRolePolicyDocument"]), policy("trust/irsa"))
    same(pod["PodIdentityRole"]["Properties"]["AssumeRolePolicyDocument"], policy("trust/pod-identity"))


def test_the_delegation_gives_what_the_two_roles_have():
    roles = policy("policies/read-organization")["Statement"] + policy("policies/write-guardrails")["Statement"]
    delegated = policy("policies/delegation")["Statement"]
    for role, given in zip(roles, delegated, strict=True):
        assert given["Principal"] == {"AWS": "arn:aws:iam::222222222222:root"}
        shared = ("Action", "Resource", "Condition")
        assert {key: role.get(key) for key in shared} == {key: given.get(key) for key in shared}


@pytest.mark.parametrize("path", sorted((HERE / "policies").glob("*.json")), ids=lambda path: path.stem)
def test_no_policy_has_a_wildcard_for_an_action_or_a_write_without_a_condition(path):
    for statement in json.loads(path.read_text())["Statement"]:
        statement = listed(statement)
        assert not any("*" in action for action in statement["Action"])
        writes = [a for a in statement["Action"] if re.match(r"organizations:(?!Describe|List)", a)]
        if writes:
            assert statement.get("Condition"), statement["Sid"]


@pytest.mark.parametrize("path", sorted((HERE / "policies").glob("*.json")), ids=lambda path: path.stem)
def test_no_policy_is_longer_than_aws_takes(path):
    most = 40_000 if path.stem == "delegation" else 6_144
    assert len(json.dumps(json.loads(path.read_text()), separators=(",", ":"))) <= most


def test_cfn_lint_has_nothing_to_say():
    assert TEMPLATES
    done = subprocess.run(["cfn-lint", *map(str, TEMPLATES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
