"""STS: who calls, roles and their sessions."""

import datetime

import pytest

from aws_sandbox import HOME, MANAGEMENT, PAYMENTS, SECURITY, code_of, error_of

READER = "arn:aws:iam::111111111111:role/reader"
HUB = "arn:aws:iam::222222222222:role/hub"


def test_who_am_i(sandbox):
    assert sandbox.client("sts", PAYMENTS).get_caller_identity()["Account"] == PAYMENTS
    keys = ("AKIASANDBOXOPERATOR0", "secret", None)
    me = sandbox.client("sts", keys=keys).get_caller_identity()
    assert me["Arn"] == "arn:aws:iam::111111111111:user/operator"


@pytest.mark.parametrize("keys", [("AKIANOBODY", "secret", None), ("ASIA111111111111AAAA", "secret", "token"), ("x", "y", None)])
def test_unknown_keys_are_refused(sandbox, keys):
    for service, call, status, code in [
        ("sts", "get_caller_identity", 403, "InvalidClientTokenId"),
        ("organizations", "list_roots", 400, "UnrecognizedClientException"),
        ("securityhub", "describe_hub", 403, "UnrecognizedClientException"),
    ]:
        assert error_of(getattr(sandbox.client(service, keys=keys), call))[:2] == (status, code)


def test_a_session_acts_as_its_role(sandbox):
    keys = sandbox.assume(HUB)
    assert sandbox.client("sts", keys=keys).get_caller_identity()["Arn"] == "arn:aws:sts::222222222222:assumed-role/hub/test"
    hub = sandbox.client("securityhub", region=HOME, keys=keys)
    assert hub.describe_hub()["HubArn"].split(":")[4] == SECURITY
    status, code, message = error_of(hub.batch_update_findings, FindingIdentifiers=[])
    assert (status, code) == (403, "AccessDeniedException")
    assert "arn:aws:sts::222222222222:assumed-role/hub/test is not authorized to perform: securityhub:BatchUpdateFindings" in message


def test_external_ids(sandbox):
    organizations = sandbox.client("organizations", keys=sandbox.assume(READER, "secret-7"))
    assert organizations.list_accounts()["Accounts"]
    assert code_of(organizations.disable_policy_type, RootId="r-root", PolicyType="SERVICE_CONTROL_POLICY") == "AccessDeniedException"
    assume = sandbox.client("sts", MANAGEMENT).assume_role
    for wrong in ({}, {"ExternalId": "secret-8"}, {"ExternalId": "secret-77"}):
        status, code, message = error_of(assume, RoleArn=READER, RoleSessionName="test", **wrong)
        assert (status, code) == (403, "AccessDenied")
        assert f"is not authorized to perform: sts:AssumeRole on resource: {READER}" in message


def test_roles_must_exist_and_trust(sandbox):
    assume = sandbox.client("sts", MANAGEMENT).assume_role
    for role in ("arn:aws:iam::111111111111:role/none", "arn:aws:iam::222222222222:role/strangers-only"):
        assert code_of(assume, RoleArn=role, RoleSessionName="test") == "AccessDenied"
    stranger = sandbox.client("sts", PAYMENTS).assume_role
    assert code_of(stranger, RoleArn=READER, RoleSessionName="test", ExternalId="secret-7") == "AccessDenied"


@pytest.mark.parametrize(
    "arguments",
    [{"RoleSessionName": "x"}, {"RoleSessionName": "with space"}, {"DurationSeconds": 899}, {"DurationSeconds": 43_201}, {"RoleArn": "hub"}],
)
def test_parameters_of_assume_role(sandbox, arguments):
    arguments = {"RoleArn": HUB, "RoleSessionName": "test", **arguments}
    assert code_of(sandbox.client("sts", MANAGEMENT).assume_role, **arguments) == "ValidationError"


def test_sessions_expire(sandbox):
    given = sandbox.client("sts", MANAGEMENT).assume_role(RoleArn=HUB, RoleSessionName="test", DurationSeconds=900)["Credentials"]
    left = given["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(minutes=14) < left <= datetime.timedelta(minutes=15)
    stolen = (given["AccessKeyId"], given["SecretAccessKey"], "another token")
    assert code_of(sandbox.client("sts", keys=stolen).get_caller_identity) == "InvalidClientTokenId"


def test_web_identity(sandbox):
    client = sandbox.client("sts", MANAGEMENT)
    arguments = {"RoleArn": "arn:aws:iam::111111111111:role/irsa", "RoleSessionName": "pod", "WebIdentityToken": "a.b.c.d"}
    given = client.assume_role_with_web_identity(**arguments)
    credentials = given["Credentials"]
    keys = (credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
    assert sandbox.client("organizations", keys=keys).list_roots()["Roots"]
    assert code_of(client.assume_role_with_web_identity, **{**arguments, "RoleArn": HUB}) == "AccessDenied"
    assert code_of(client.assume_role_with_web_identity, **{**arguments, "WebIdentityToken": ""}) == "InvalidIdentityToken"


def test_what_the_sandbox_does_not_have(sandbox):
    client = sandbox.client("sts", MANAGEMENT)
    assert code_of(client.get_session_token) == "InvalidAction"
    assert code_of(client.decode_authorization_message, EncodedMessage="x") == "InvalidAction"


def test_regions_come_from_the_signature(sandbox):
    there = sandbox.client("securityhub", SECURITY, "us-east-1").describe_hub()["HubArn"]
    here = sandbox.client("securityhub", SECURITY, HOME).describe_hub()["HubArn"]
    assert (there.split(":")[3], here.split(":")[3]) == ("us-east-1", HOME)
