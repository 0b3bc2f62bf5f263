"""GetFindings, BatchImportFindings, BatchUpdateFindings."""

import datetime

import pytest

from aws_sandbox import HOME, LINKED, MANAGEMENT, PAYMENTS, PLAYGROUND, SECURITY, code_of, error_of, items, pages

PRODUCT = f"arn:aws:securityhub:{HOME}::product/aws/securityhub"


def filters(comparison="EQUALS", **attributes):
    """Filters with one comparison for all."""
    values = {name: [value] if isinstance(value, str) else value for name, value in attributes.items()}
    return {name: [{"Comparison": comparison, "Value": value} for value in given] for name, given in values.items()}


def findings(sandbox, account=SECURITY, region=HOME, **arguments):
    """All findings of a query."""
    client = sandbox.client("securityhub", account, region)
    return items(client.get_findings, "Findings", **{"MaxResults": 100, **arguments})


def finding(number, **changes):
    """A finding of the payments account's own product."""
    return {
        "SchemaVersion": "2018-10-08",
        "Id": f"scan/{number}",
        "ProductArn": f"arn:aws:securityhub:{HOME}:{PAYMENTS}:product/{PAYMENTS}/default",
        "GeneratorId": "acme/scanner",
        "AwsAccountId": PAYMENTS,
        "Types": ["Software and Configuration Checks"],
        "CreatedAt": "2026-01-01T00:00:00Z",
        "UpdatedAt": "2026-01-01T00:00:00.000Z",
        "Severity": {"Label": "HIGH"},
        "Title": "Weak cipher",
        "Description": "A weak cipher is in use",
        "Resources": [{"Type": "Other", "Id": "host-1"}],
        **changes,
    }


def test_a_finding_in_full(sandbox):
    (found,) = findings(sandbox, Filters=filters(ResourceId="arn:aws:iam::333333333333:user/mallory"))
    assert found["ProductArn"] == PRODUCT and found["GeneratorId"] == "security-control/IAM.5"
    assert (found["AwsAccountId"], found["Region"]) == (PAYMENTS, HOME)
    assert found["Compliance"]["Status"] == "FAILED" and found["Compliance"]["SecurityControlId"] == "IAM.5"
    assert {s["StandardsId"] for s in found["Compliance"]["AssociatedStandards"]} == {
        "standards/aws-foundational-security-best-practices/v/1.0.0",
        "standards/cis-aws-foundations-benchmark/v/5.0.0",
    }
    assert found["Resources"][0]["Type"] == "AwsIamUser"
    updated = datetime.datetime.fromisoformat(found["UpdatedAt"].replace("Z", "+00:00"))
    age = datetime.datetime.now(datetime.timezone.utc) - updated
    assert datetime.timedelta(hours=3) <= age < datetime.timedelta(hours=3, minutes=10)


def test_who_sees_what(sandbox):
    def places(account, region):
        return {(found["AwsAccountId"], found["Region"]) for found in findings(sandbox, account, region)}

    accounts = (SECURITY, PAYMENTS, "600000000002")
    assert places(SECURITY, HOME) == {(account, region) for account in accounts for region in (HOME, LINKED)}
    assert places(SECURITY, LINKED) == {(account, LINKED) for account in accounts}
    assert places(PAYMENTS, LINKED) == {(PAYMENTS, LINKED)}
    assert {account for account, _ in places(PAYMENTS, HOME)} == {PAYMENTS}
    assert places(MANAGEMENT, HOME) == set()
    assert len(findings(sandbox)) == len(sandbox.truth())


@pytest.mark.parametrize(
    ("attributes", "test"),
    [
        (filters(AwsAccountId=PAYMENTS), lambda f: f["account"] == PAYMENTS),
        (filters(AwsAccountId=[PAYMENTS, SECURITY]), lambda f: f["account"] in (PAYMENTS, SECURITY)),
        (filters("NOT_EQUALS", AwsAccountId=[PAYMENTS, SECURITY]), lambda f: f["account"] not in (PAYMENTS, SECURITY)),
        (filters("PREFIX", ComplianceSecurityControlId="S3."), lambda f: f["control"].startswith("S3.")),
        (filters("PREFIX_NOT_EQUALS", ComplianceSecurityControlId=["S3.", "EC2."]), lambda f: f["control"][:3] not in ("S3.", "EC2")),
        (filters(ComplianceStatus="FAILED", Region=LINKED), lambda f: f["status"] == "FAILED" and f["region"] == LINKED),
        (filters(WorkflowStatus="SUPPRESSED"), lambda f: f["workflow"] == "SUPPRESSED"),
        (filters(RecordState="ACTIVE", ProductName="Security Hub CSPM"), lambda f: True),
        (filters(ComplianceStatus="failed"), lambda f: False),
    ],
)
def test_filters(sandbox, attributes, test):
    expected = sorted(found["id"] for found in sandbox.truth() if test(found))
    assert sorted(found["Id"] for found in findings(sandbox, Filters=attributes)) == expected


def test_prefixes_with_exceptions(sandbox):
    attributes = {"ComplianceSecurityControlId": filters("PREFIX", a=["S3.", "IAM."])["a"] + filters("NOT_EQUALS", a="S3.2")["a"]}
    assert {f["Compliance"]["SecurityControlId"] for f in findings(sandbox, Filters=attributes)} == {"S3.8", "IAM.5", "IAM.6"}


def test_dates(sandbox):
    times = sorted(found["updatedAt"] for found in sandbox.truth())
    middle = times[len(times) // 2]
    found = findings(sandbox, Filters={"UpdatedAt": [{"Start": middle, "End": "2099-01-01T00:00:00Z"}]})
    assert sorted(f["UpdatedAt"] for f in found) == [time for time in times if time >= middle]
    days = {"UpdatedAt": [{"DateRange": {"Value": 1, "Unit": "DAYS"}}]}
    assert len(findings(sandbox, Filters=days)) == len(times)


@pytest.mark.parametrize(
    "attributes",
    [
        filters(AwsAccountId=[f"{number:012}" for number in range(21)]),
        filters(AwsAccount=PAYMENTS),
        filters("LIKE", Title="x"),
        filters("CONTAINS", Title="x"),
        filters("CONTAINS_WORD", Title="x"),
        {"Title": [{"Comparison": "EQUALS", "Value": "x"}, {"Comparison": "NOT_EQUALS", "Value": "y"}]},
        {"UpdatedAt": [{"Start": "2026-01-01T00:00:00Z"}]},
        {"UpdatedAt": [{"Start": "2026-01-01", "End": "2026-01-02"}]},
        {"UpdatedAt": [{"DateRange": {"Value": 1, "Unit": "HOURS"}}]},
        filters(Id="x", ProductArn="x", AwsAccountId="x", Region="x", Title="x", Type="x", RecordState="x", WorkflowStatus="x", ComplianceStatus="x", ResourceId="x", ResourceType="x"),
    ],
)
def test_wrong_filters(sandbox, attributes):
    # boto3 would drop the names that its model does not know: the CLI's way past it is the raw body.
    if "AwsAccount" in attributes:
        sandbox.hub.meta.events.register_last("before-call.securityhub.GetFindings", rename)
        try:
            assert error_of(sandbox.hub.get_findings, Filters=filters(AwsAccountId=PAYMENTS))[:2] == (400, "InvalidInputException")
        finally:
            sandbox.hub.meta.events.unregister("before-call.securityhub.GetFindings", rename)
    else:
        assert error_of(sandbox.hub.get_findings, Filters=attributes)[:2] == (400, "InvalidInputException")


def rename(params, **_):
    """Sends a filter attribute that does not exist."""
    params["body"] = params["body"].replace(b"AwsAccountId", b"AwsAccount")


def test_sorting(sandbox):
    for order, reverse in (("asc", False), ("desc", True)):
        found = findings(sandbox, SortCriteria=[{"Field": "UpdatedAt", "SortOrder": order}])
        times = [f["UpdatedAt"] for f in found]
        assert times == sorted(times, reverse=reverse)
    two = findings(sandbox, SortCriteria=[{"Field": "AwsAccountId", "SortOrder": "desc"}, {"Field": "Id", "SortOrder": "asc"}])
    keys = [(-int(f["AwsAccountId"]), f["Id"]) for f in two]
    assert keys == sorted(keys)
    for wrong in ([{"Field": "UpdatedAt", "SortOrder": "down"}], [{"Field": "When", "SortOrder": "asc"}], [{"Field": "UpdatedAt", "SortOrder": "asc"}] * 11):
        assert code_of(sandbox.hub.get_findings, SortCriteria=wrong) == "InvalidInputException"


def test_pages(sandbox):
    count = len(sandbox.truth())
    sizes = [len(page) for page in pages(sandbox.hub.get_findings, "Findings", MaxResults=30)]
    assert sum(sizes) == count and set(sizes[:-1]) == {30}
    for wrong in (0, 101, -1):
        assert code_of(sandbox.hub.get_findings, MaxResults=wrong) == "InvalidInputException"


def test_tokens_belong_to_their_query(fresh):
    query = {"MaxResults": 10, "SortCriteria": [{"Field": "UpdatedAt", "SortOrder": "asc"}], "Filters": filters(RecordState="ACTIVE")}
    token = fresh.hub.get_findings(**query)["NextToken"]
    assert fresh.hub.get_findings(**query, NextToken=token)["Findings"]
    for change in (
        {"SortCriteria": [{"Field": "UpdatedAt", "SortOrder": "desc"}]},
        {"Filters": filters(RecordState=["ACTIVE", "ARCHIVED"])},
        {"NextToken": "abc"},
        {"NextToken": token[:-1] + ("0" if token[-1] != "0" else "1")},
    ):
        assert code_of(fresh.hub.get_findings, **{**query, "NextToken": token, **change}) == "InvalidInputException"
    other = fresh.client("securityhub", SECURITY, LINKED)
    assert code_of(other.get_findings, **query, NextToken=token) == "InvalidInputException"
    fresh.control("POST", "/clock", {"advanceSeconds": 3601})
    assert code_of(fresh.hub.get_findings, **query, NextToken=token) == "InvalidInputException"


def test_pages_by_offset_skip_rows_when_data_changes(fresh):
    """The trap that a reader has to survive: without care, a row is never read."""
    query = {"MaxResults": 20, "SortCriteria": [{"Field": "UpdatedAt", "SortOrder": "asc"}]}
    before = [f["Id"] for f in findings(fresh, **query)]
    first = fresh.hub.get_findings(**query)
    moved = first["Findings"][3]
    change = {"account": moved["AwsAccountId"], "region": moved["Region"], "control": moved["Compliance"]["SecurityControlId"]}
    fresh.control("POST", "/world/findings/set", {**change, "resource": moved["Resources"][0]["Id"], "status": "FAILED"})
    rest = items(fresh.hub.get_findings, "Findings", **query, NextToken=first["NextToken"])
    read = {f["Id"] for f in first["Findings"] + rest}
    assert set(before) - read == {before[20]}
    assert rest[-1]["Id"] == moved["Id"]


def test_churn_changes_findings_between_pages(fresh):
    fresh.control("POST", "/world/findings/churn", {"perCall": 3, "seed": 1})
    before = len(fresh.truth())
    for _ in range(10):
        fresh.hub.get_findings(MaxResults=1)
    fresh.control("POST", "/world/findings/churn", {"perCall": 0})
    after = fresh.truth()
    assert len(after) > before and any(f["recordState"] == "ARCHIVED" for f in after)
    assert sorted(f["Id"] for f in findings(fresh)) == sorted(f["id"] for f in after)


def test_importing(fresh):
    own = fresh.client("securityhub", PAYMENTS, HOME)
    answer = own.batch_import_findings(Findings=[finding(1), finding(2)])
    assert (answer["SuccessCount"], answer["FailedCount"], answer["FailedFindings"]) == (2, 0, [])
    mine = filters("PREFIX", Id="scan/")
    assert {f["Id"] for f in findings(fresh, Filters=mine)} == {"scan/1", "scan/2"}
    again = own.batch_import_findings(Findings=[finding(1), finding(1, UpdatedAt="2026-01-01T00:00:01Z", Title="Weaker")])
    assert (again["SuccessCount"], again["FailedFindings"][0]["ErrorCode"]) == (1, "InvalidInput")
    assert {f["Title"] for f in findings(fresh, Filters=mine)} == {"Weak cipher", "Weaker"}
    assert code_of(own.batch_import_findings, Findings=[finding(n) for n in range(101)]) == "InvalidInputException"
    assert code_of(own.batch_import_findings, Findings=[]) == "InvalidInputException"
    for wrong in (
        {"AwsAccountId": SECURITY},
        {"ProductArn": PRODUCT},
        {"ProductArn": f"arn:aws:securityhub:{HOME}:{SECURITY}:product/{SECURITY}/default"},
    ):
        assert error_of(own.batch_import_findings, Findings=[finding(9, **wrong)])[:2] == (403, "AccessDeniedException")
    bad = own.batch_import_findings(Findings=[finding(3, Resources=[]), finding(4, UpdatedAt="today"), finding(5, Title=""), finding(6)])
    assert (bad["SuccessCount"], bad["FailedCount"]) == (1, 3)
    assert all(f["ErrorMessage"].startswith("Finding does not adhere to Amazon Finding Format") for f in bad["FailedFindings"])
    off = fresh.client("securityhub", PLAYGROUND, HOME)
    assert code_of(off.batch_import_findings, Findings=[finding(1)]) == "InvalidAccessException"


def test_updating(fresh):
    (one, *_) = findings(fresh, Filters=filters(ComplianceStatus="FAILED", AwsAccountId=PAYMENTS))
    (other, *_) = findings(fresh, Filters=filters(AwsAccountId=SECURITY))
    key = {"Id": one["Id"], "ProductArn": one["ProductArn"]}
    answer = fresh.hub.batch_update_findings(
        FindingIdentifiers=[key], Workflow={"Status": "SUPPRESSED"}, Note={"Text": "accepted", "UpdatedBy": "alice"}
    )
    assert answer["ProcessedFindings"] == [key] and answer["UnprocessedFindings"] == []
    (after,) = findings(fresh, Filters=filters(Id=one["Id"]))
    assert (after["Workflow"]["Status"], after["Note"]["Text"]) == ("SUPPRESSED", "accepted")
    assert after["UpdatedAt"] == one["UpdatedAt"]
    member = fresh.client("securityhub", PAYMENTS, HOME)
    strange = {"Id": other["Id"], "ProductArn": other["ProductArn"]}
    answer = member.batch_update_findings(FindingIdentifiers=[key, key, strange], Workflow={"Status": "NOTIFIED"})
    assert answer["ProcessedFindings"] == [key]
    assert [f["ErrorCode"] for f in answer["UnprocessedFindings"]] == ["DuplicatedFindingIdentifier", "FindingNotFound"]
    update = fresh.hub.batch_update_findings
    assert code_of(update, FindingIdentifiers=[key] * 101) == "InvalidInputException"
    assert code_of(update, FindingIdentifiers=[]) == "InvalidInputException"
    assert code_of(update, FindingIdentifiers=[key], Workflow={"Status": "DONE"}) == "InvalidInputException"
    assert code_of(update, FindingIdentifiers=[key], Note={"Text": "x"}) == "InvalidInputException"
