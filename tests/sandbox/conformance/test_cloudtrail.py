"""CloudTrail: what it tells of calls that change the organization, by whomever, whether they succeed or not."""

import json

from aws_sandbox import MANAGEMENT, PAYMENTS, code_of, scp

SCP = "SERVICE_CONTROL_POLICY"
HOLD = "soc2-operator.dev/hold"


def told(sandbox):
    """What was told since the last time."""
    found = [json.loads(message["body"]) for message in sandbox.control("GET", "/world/queues/trail")["content"]]
    sandbox.control("DELETE", "/world/queues/trail/messages")
    return found


def test_the_envelope_and_who_did_it(fresh):
    prod = fresh.target("/Workloads/Prod")
    made = fresh.organizations.create_policy(Name="guard", Description="", Type=SCP, Content=scp())
    policy = made["Policy"]["PolicySummary"]["Id"]
    fresh.organizations.attach_policy(PolicyId=policy, TargetId=prod)
    create, attach = told(fresh)
    assert (attach["source"], attach["detail-type"]) == ("aws.organizations", "AWS API Call via CloudTrail")
    assert (attach["account"], attach["region"]) == (MANAGEMENT, "us-east-1")
    detail = attach["detail"]
    assert (detail["eventSource"], detail["eventName"]) == ("organizations.amazonaws.com", "AttachPolicy")
    assert detail["requestParameters"] == {"policyId": policy, "targetId": prod}
    assert detail["userIdentity"]["type"] == "Root" and detail["readOnly"] is False and "errorCode" not in detail
    assert create["detail"]["responseElements"]["policy"]["policySummary"]["id"] == policy


def test_refused_calls_are_told_and_readings_are_not(fresh):
    fresh.organizations.list_accounts()
    assert code_of(fresh.organizations.delete_policy, PolicyId="p-00000000") == "PolicyNotFoundException"
    (event,) = told(fresh)
    assert event["detail"]["errorCode"] == "PolicyNotFoundException"


def test_what_others_do_has_their_name(fresh):
    made = fresh.control("POST", "/world/policies?by=arn:aws:iam::111111111111:role/path/Admin", {
        "name": "theirs", "content": json.loads(scp()), "attach": ["Workloads/Prod"],
    })
    create, attach = told(fresh)
    identity = create["detail"]["userIdentity"]
    assert identity["arn"] == "arn:aws:sts::111111111111:assumed-role/Admin/person"
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == "arn:aws:iam::111111111111:role/path/Admin"
    assert attach["detail"]["requestParameters"]["targetId"] == fresh.target("/Workloads/Prod")
    fresh.control("DELETE", f"/world/policies/{made['id']}?by=arn:aws:iam::111111111111:user/mallory")
    names = [event["detail"]["eventName"] for event in told(fresh)]
    assert names == ["DetachPolicy", "DeletePolicy"]


def test_tags_come_and_go(fresh):
    prod = fresh.target("/Workloads/Prod")
    for resource in (prod, PAYMENTS):
        fresh.control("POST", f"/world/tags/{resource}", {HOLD: "2026-11-26T12:00:00Z"})
        tags = fresh.organizations.list_tags_for_resource(ResourceId=resource)["Tags"]
        assert {"Key": HOLD, "Value": "2026-11-26T12:00:00Z"} in tags
        fresh.control("POST", f"/world/tags/{resource}", {HOLD: None})
        assert HOLD not in [tag["Key"] for tag in fresh.organizations.list_tags_for_resource(ResourceId=resource)["Tags"]]
    assert {event["detail"]["requestParameters"]["resourceId"] for event in told(fresh)} == {prod, PAYMENTS}
