"""Fixtures, and the proof that every operation was called."""

import pytest

from aws_sandbox import Sandbox

OPERATIONS = {
    "organizations": [
        "DescribeOrganization", "ListRoots", "ListOrganizationalUnitsForParent", "DescribeOrganizationalUnit",
        "ListAccounts", "ListAccountsForParent", "DescribeAccount", "ListParents", "ListChildren", "ListPolicies",
        "DescribePolicy", "ListPoliciesForTarget", "ListTargetsForPolicy", "ListTagsForResource", "CreatePolicy",
        "UpdatePolicy", "DeletePolicy", "AttachPolicy", "DetachPolicy", "TagResource", "UntagResource",
        "EnablePolicyType", "DisablePolicyType", "CreateOrganizationalUnit", "MoveAccount",
    ],
    "sts": ["GetCallerIdentity", "AssumeRole", "AssumeRoleWithWebIdentity"],
    "securityhub": [
        "GetFindings", "DescribeHub", "GetEnabledStandards", "ListFindingAggregators", "GetFindingAggregator",
        "ListMembers", "ListSecurityControlDefinitions", "ListStandardsControlAssociations", "BatchImportFindings",
        "BatchUpdateFindings",
    ],
    "sqs": [
        "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch", "GetQueueUrl", "GetQueueAttributes", "SendMessage",
    ],
}

called = set()


@pytest.fixture(scope="module")
def sandbox():
    """A sandbox for a module's reads, without rate limits."""
    running = Sandbox("--no-limits")
    yield running
    called.update(running.close())


@pytest.fixture
def fresh():
    """A sandbox for one test that writes, without rate limits."""
    running = Sandbox("--no-limits")
    yield running
    called.update(running.close())


@pytest.fixture
def limited():
    """A sandbox for one test, with AWS's rate limits."""
    running = Sandbox()
    yield running
    called.update(running.close())


def pytest_sessionfinish(session, exitstatus):
    """A whole run must have called every operation."""
    whole = not session.config.option.keyword and not session.config.option.markexpr
    whole = whole and not any("::" in argument or argument.endswith(".py") for argument in session.config.args)
    missing = [f"{s} {o}" for s, operations in OPERATIONS.items() for o in operations if (s, o) not in called]
    if whole and exitstatus == 0 and missing:
        print("\nnever answered with success: " + ", ".join(missing))
        session.exitstatus = 1
