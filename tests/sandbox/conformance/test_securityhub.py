"""Security Hub: hubs, standards, members, aggregation."""

import pytest

from aws_sandbox import HOME, LINKED, MANAGEMENT, PAYMENTS, PLAYGROUND, SECURITY, code_of, error_of, items, pages

FSBP = "arn:aws:securityhub:eu-west-1::standards/aws-foundational-security-best-practices/v/1.0.0"
CIS5 = "arn:aws:securityhub:eu-west-1::standards/cis-aws-foundations-benchmark/v/5.0.0"


def test_the_hub(sandbox):
    hub = sandbox.hub.describe_hub()
    assert hub["HubArn"] == "arn:aws:securityhub:eu-west-1:222222222222:hub/default"
    assert hub["ControlFindingGenerator"] == "SECURITY_CONTROL" and hub["AutoEnableControls"] is True
    assert code_of(sandbox.hub.describe_hub, HubArn=hub["HubArn"] + "x") == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("account", "region"), [(PLAYGROUND, HOME), (SECURITY, "ap-south-1"), ("600000000001", HOME), ("999999999999", HOME)]
)
def test_security_hub_must_be_enabled(sandbox, account, region):
    client = sandbox.client("securityhub", account, region)
    for call in (client.describe_hub, client.get_findings, client.get_enabled_standards, client.list_members):
        status, code, message = error_of(call)
        assert (status, code) == (401, "InvalidAccessException")
        assert message == f"Account {account} is not subscribed to AWS Security Hub"


def test_standards(sandbox):
    found = items(sandbox.hub.get_enabled_standards, "StandardsSubscriptions")
    assert [standard["StandardsArn"] for standard in found] == [FSBP, CIS5]
    assert {standard["StandardsStatus"] for standard in found} == {"READY"}
    arn = "arn:aws:securityhub:eu-west-1:222222222222:subscription/cis-aws-foundations-benchmark/v/5.0.0"
    one = sandbox.hub.get_enabled_standards(StandardsSubscriptionArns=[arn])["StandardsSubscriptions"]
    assert [standard["StandardsSubscriptionArn"] for standard in one] == [arn]
    assert [len(page) for page in pages(sandbox.hub.get_enabled_standards, "StandardsSubscriptions", MaxResults=1)] == [1, 1]
    assert code_of(sandbox.hub.get_enabled_standards, MaxResults=101) == "InvalidInputException"
    assert code_of(sandbox.hub.get_enabled_standards, StandardsSubscriptionArns=[arn] * 26) == "InvalidInputException"
    there = sandbox.client("securityhub", SECURITY, LINKED)
    assert len(items(there.get_enabled_standards, "StandardsSubscriptions")) == 1


def test_the_aggregator(sandbox):
    for region in (HOME, LINKED):
        hub = sandbox.client("securityhub", SECURITY, region)
        (listed,) = hub.list_finding_aggregators()["FindingAggregators"]
        found = hub.get_finding_aggregator(FindingAggregatorArn=listed["FindingAggregatorArn"])
        assert (found["FindingAggregationRegion"], found["RegionLinkingMode"], found["Regions"]) == (HOME, "SPECIFIED_REGIONS", [LINKED])
    arn = "arn:aws:securityhub:eu-west-1:222222222222:finding-aggregator/none"
    assert error_of(sandbox.hub.get_finding_aggregator, FindingAggregatorArn=arn)[:2] == (404, "ResourceNotFoundException")
    member = sandbox.client("securityhub", PAYMENTS, HOME)
    assert code_of(member.list_finding_aggregators) == "AccessDeniedException"


def test_members(sandbox):
    found = {member["AccountId"]: member for member in items(sandbox.hub.list_members, "Members")}
    assert found[PAYMENTS]["MemberStatus"] == "Enabled" and found[PAYMENTS]["AdministratorId"] == SECURITY
    assert found[PAYMENTS]["UpdatedAt"].year >= 2020
    assert SECURITY not in found and PLAYGROUND not in found and "600000000000" not in found
    assert MANAGEMENT in found and "600000000001" in found
    everyone = {member["AccountId"]: member["MemberStatus"] for member in items(sandbox.hub.list_members, "Members", OnlyAssociated=False)}
    assert everyone["600000000000"] == "Removed" and len(everyone) == len(found) + 1
    assert [len(page) for page in pages(sandbox.hub.list_members, "Members", MaxResults=40)] == [40, len(found) - 40]
    for wrong in (0, 51):
        assert code_of(sandbox.hub.list_members, MaxResults=wrong) == "InvalidInputException"
    assert code_of(sandbox.hub.list_members, NextToken="abc") == "InvalidInputException"
    assert code_of(sandbox.client("securityhub", PAYMENTS, HOME).list_members) == "InvalidAccessException"


def test_controls(sandbox):
    assert len(sandbox.hub.list_security_control_definitions()["SecurityControlDefinitions"]) == 25
    found = items(sandbox.hub.list_security_control_definitions, "SecurityControlDefinitions", MaxResults=100)
    assert len(found) > 550
    control = next(control for control in found if control["SecurityControlId"] == "IAM.5")
    assert control["SeverityRating"] == "MEDIUM" and control["CurrentRegionAvailability"] == "AVAILABLE"
    cis = items(sandbox.hub.list_security_control_definitions, "SecurityControlDefinitions", StandardsArn=CIS5)
    assert len(cis) == 40
    for wrong in ({"StandardsArn": "FSBP"}, {"MaxResults": 101}, {"NextToken": "abc"}):
        assert code_of(sandbox.hub.list_security_control_definitions, **wrong) == "InvalidInputException"


def test_associations(sandbox):
    def statuses(control):
        found = items(sandbox.hub.list_standards_control_associations, "StandardsControlAssociationSummaries", SecurityControlId=control)
        return {association["StandardsArn"]: association["AssociationStatus"] for association in found}

    assert statuses("IAM.5") == {FSBP: "ENABLED", CIS5: "ENABLED"}
    assert statuses("S3.9") == {FSBP: "DISABLED"}
    assert statuses("CloudTrail.3") == {}
    assert code_of(sandbox.hub.list_standards_control_associations, SecurityControlId="S3.999") == "InvalidInputException"


def test_what_the_sandbox_does_not_have(sandbox):
    for call in (sandbox.hub.list_enabled_products_for_import, sandbox.hub.get_insights, sandbox.hub.describe_standards):
        assert error_of(call)[:2] == (404, "UnknownOperationException")
