"""Findings of other products than Security Hub, and the filters that find them."""

import pytest

from aws_sandbox import HOME, LINKED, PAYMENTS, SECURITY, code_of, items
from test_findings import filters, findings

GUARDDUTY = "product/aws/guardduty"
ARNS = {region: f"arn:aws:securityhub:{region}::{GUARDDUTY}" for region in (HOME, LINKED)}


def add(sandbox, product, **form):
    """Findings of a product in the payments account."""
    body = {"product": product, "accounts": [PAYMENTS], "regions": [HOME], **form}
    return sandbox.control("POST", "/world/findings/product", body)


@pytest.fixture
def world(fresh):
    """Threats, vulnerabilities, sensitive data and two scanners beside what Security Hub finds."""
    add(fresh, "GuardDuty", regions=[HOME, LINKED], severity="CRITICAL", firstObservedAt="-40d")
    add(fresh, "GuardDuty", seed=2, severity="HIGH", workflow="NOTIFIED")
    add(fresh, "GuardDuty", seed=3, severity="CRITICAL", workflow="RESOLVED")
    add(fresh, "GuardDuty", seed=4, severity="CRITICAL", recordState="ARCHIVED")
    add(fresh, "Inspector", each=3)
    add(fresh, "Macie")
    add(fresh, "Prowler", status="FAILED", generatorId="prowler-s3_bucket_public_access")
    add(fresh, "Acme Scanner", generatorId="acme/scanner/7", types=["Effects/Data Exposure", "TTPs/Discovery"])
    return fresh


def others(sandbox):
    """The truth about findings that Security Hub itself did not make."""
    found = items(sandbox.hub.get_findings, "Findings", MaxResults=100)
    return [f for f in found if not f["ProductArn"].endswith(":product/aws/securityhub")]


@pytest.mark.parametrize(
    ("attributes", "count", "test"),
    [
        (filters(ProductArn=list(ARNS.values())), 5, lambda f: f["ProductArn"].endswith(GUARDDUTY)),
        (filters(ProductArn=ARNS[HOME]), 4, lambda f: f["ProductArn"] == ARNS[HOME]),
        (filters("PREFIX", ProductArn="arn:aws:securityhub:eu-west-1::product/prowler/"), 1, lambda f: f["ProductName"] == "Prowler"),
        (filters(ProductName=["GuardDuty", "Macie"]), 6, lambda f: f["ProductName"] in ("GuardDuty", "Macie")),
        (filters("PREFIX", ProductName="Acme"), 1, lambda f: f["ProductName"] == "Acme Scanner"),
        (filters(ProductName="guardduty"), 0, lambda f: False),
        (filters("PREFIX", GeneratorId="acme/scanner/"), 1, lambda f: f["GeneratorId"].startswith("acme/scanner/")),
        (filters(GeneratorId=["AWSInspector", "aws/macie"]), 4, lambda f: f["GeneratorId"] in ("AWSInspector", "aws/macie")),
        (filters("PREFIX", Type="TTPs/"), 6, lambda f: any(kind.startswith("TTPs/") for kind in f["Types"])),
        (filters(Type="Effects/Data Exposure"), 1, lambda f: "Effects/Data Exposure" in f["Types"]),
    ],
)
def test_filters_by_product(world, attributes, count, test):
    found = findings(world, Filters=attributes)
    assert sorted(f["Id"] for f in found) == sorted(f["Id"] for f in others(world) if test(f))
    assert len(found) == count


def test_what_is_open_and_critical(world):
    attributes = {
        **filters(ProductArn=list(ARNS.values()), SeverityLabel="CRITICAL", RecordState="ACTIVE"),
        **filters(WorkflowStatus=["NEW", "NOTIFIED"]),
    }
    assert {f["Region"] for f in findings(world, Filters=attributes)} == {HOME, LINKED}
    assert len(findings(world, Filters=attributes)) == 2
    attributes["SeverityLabel"] = filters(SeverityLabel=["CRITICAL", "HIGH"])["SeverityLabel"]
    assert len(findings(world, Filters=attributes)) == 3


def test_resolving_moves_no_time_and_takes_it_out_of_the_listing(world):
    attributes = {**filters(ProductArn=ARNS[HOME], SeverityLabel="CRITICAL", RecordState="ACTIVE", WorkflowStatus="NEW")}
    (threat,) = findings(world, Filters=attributes)
    world.hub.batch_update_findings(
        FindingIdentifiers=[{"Id": threat["Id"], "ProductArn": threat["ProductArn"]}], Workflow={"Status": "RESOLVED"}
    )
    assert findings(world, Filters=attributes) == []
    (resolved,) = findings(world, Filters=filters(Id=threat["Id"]))
    assert resolved["UpdatedAt"] == threat["UpdatedAt"] and resolved["Workflow"] == {"Status": "RESOLVED"}


def test_windows_of_time(world):
    """A page up to the oldest time of the page before, the time included: what leaves the listing moves nobody."""
    query = {"SortCriteria": [{"Field": "UpdatedAt", "SortOrder": "desc"}, {"Field": "Id", "SortOrder": "asc"}]}
    everything = [f["UpdatedAt"] for f in findings(world, Filters=filters(RecordState="ACTIVE"), **query)]
    end, read = "2100-01-01T00:00:00.000Z", set()
    while True:
        window = {**filters(RecordState="ACTIVE"), "UpdatedAt": [{"Start": "1970-01-01T00:00:00.000Z", "End": end}]}
        page = world.hub.get_findings(MaxResults=30, Filters=window, **query)
        read |= {f["Id"] for f in page["Findings"]}
        if "NextToken" not in page:
            break
        assert page["Findings"][-1]["UpdatedAt"] < end
        end = page["Findings"][-1]["UpdatedAt"]
    assert len(read) == len(everything)


def test_security_hub_can_be_left_out(world):
    hub = [f"arn:aws:securityhub:{region}::product/aws/securityhub" for region in (HOME, LINKED)]
    without = findings(world, Filters=filters("NOT_EQUALS", ProductArn=hub))
    assert sorted(f["Id"] for f in without) == sorted(f["Id"] for f in others(world))
    both = filters("PREFIX", ProductArn=f"arn:aws:securityhub:{LINKED}:")
    both["ProductArn"] += filters("NOT_EQUALS", ProductArn=hub)["ProductArn"]
    assert {f["ProductArn"] for f in findings(world, Filters=both)} == {ARNS[LINKED]}
    mixed = {"ProductArn": filters(ProductArn=ARNS[HOME])["ProductArn"] + filters("NOT_EQUALS", ProductArn=hub)["ProductArn"]}
    assert code_of(world.hub.get_findings, Filters=mixed) == "InvalidInputException"


def test_members_see_their_own(world):
    own = world.client("securityhub", PAYMENTS, LINKED)
    assert len(items(own.get_findings, "Findings", Filters=filters(ProductName="GuardDuty"))) == 1
    elsewhere = world.client("securityhub", SECURITY, LINKED)
    assert len(items(elsewhere.get_findings, "Findings", Filters=filters(ProductName="Inspector"))) == 0
