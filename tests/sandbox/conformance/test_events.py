"""EventBridge: what Security Hub tells of findings that are new or changed, and to whom."""

import json

from aws_sandbox import HOME, LINKED, PAYMENTS, SECURITY

PLACE = {"account": PAYMENTS, "region": HOME, "control": "S3.2"}


def events(sandbox, name):
    """The events in a queue, which it then forgets."""
    found = [json.loads(message["body"]) for message in sandbox.control("GET", f"/world/queues/{name}")["content"]]
    sandbox.control("DELETE", f"/world/queues/{name}/messages")
    return found


def finding_of(event):
    """The one finding of an event."""
    (finding,) = event["detail"]["findings"]
    return finding


def test_the_envelope(fresh):
    assert events(fresh, "findings") == [], "the world at the start is no news"
    fresh.control("POST", "/world/findings/set", {**PLACE, "resource": "arn:aws:s3:::new", "status": "FAILED"})
    (event,) = events(fresh, "findings")
    finding = finding_of(event)
    assert (event["version"], event["detail-type"], event["source"]) == ("0", "Security Hub Findings - Imported", "aws.securityhub")
    assert (event["account"], event["region"]) == (SECURITY, HOME)
    assert len(event["id"]) == 36 and len(event["time"]) == len("2026-11-01T12:00:00Z")
    assert event["resources"] == [f"{finding['ProductArn']}/{finding['Id']}"]
    given = fresh.hub.get_findings(Filters={"Id": [{"Comparison": "EQUALS", "Value": finding["Id"]}]})["Findings"]
    assert given == [finding], "an event has the finding as GetFindings has it"


def test_one_event_for_each_finding_and_change(fresh):
    count = fresh.control("POST", "/world/findings/set", {**PLACE, "status": "FAILED"})["changed"]
    assert count > 1
    found = events(fresh, "findings")
    assert len({finding_of(event)["Id"] for event in found}) == len(found) == count
    fresh.control("POST", "/world/findings/set", {**PLACE, "status": "FAILED"})
    assert len(events(fresh, "findings")) == count, "a check with the same result is news too"
    fresh.control("POST", "/world/findings/delete", PLACE)
    assert events(fresh, "findings") == [], "what is gone is told to nobody"


def test_updates_by_customers_do_not_move_the_time(fresh):
    before = fresh.hub.get_findings(MaxResults=1)["Findings"][0]
    identifier = {"Id": before["Id"], "ProductArn": before["ProductArn"]}
    fresh.hub.batch_update_findings(FindingIdentifiers=[identifier], Workflow={"Status": "SUPPRESSED"})
    (event,) = events(fresh, "findings")
    finding = finding_of(event)
    assert (finding["Id"], finding["Workflow"]["Status"]) == (before["Id"], "SUPPRESSED")
    assert finding["UpdatedAt"] == before["UpdatedAt"]


def test_imports_are_told(fresh):
    client = fresh.client("securityhub", PAYMENTS, HOME)
    own = {
        "SchemaVersion": "2018-10-08", "Id": "own/1", "GeneratorId": "own", "AwsAccountId": PAYMENTS,
        "ProductArn": f"arn:aws:securityhub:{HOME}:{PAYMENTS}:product/{PAYMENTS}/default",
        "Types": ["x"], "CreatedAt": "2026-01-01T00:00:00Z", "UpdatedAt": "2026-01-01T00:00:00Z",
        "Severity": {"Label": "LOW"}, "Title": "t", "Description": "d",
        "Resources": [{"Type": "Other", "Id": "r"}],
    }
    assert client.batch_import_findings(Findings=[own])["SuccessCount"] == 1
    assert [finding_of(event)["Id"] for event in events(fresh, "findings")] == ["own/1"]
    assert [finding_of(event)["Id"] for event in events(fresh, "member")] == ["own/1"]


def test_who_is_told(fresh):
    fresh.control("POST", "/world/findings/set", {**PLACE, "region": LINKED, "status": "FAILED"})
    home, linked = events(fresh, "findings"), events(fresh, "linked")
    assert {finding_of(event)["Region"] for event in home + linked} == {LINKED}
    assert {event["region"] for event in home} == {HOME} and {event["region"] for event in linked} == {LINKED}
    assert len(home) == len(linked) > 0
    assert len(events(fresh, "member")) == len(home), "aggregation is there for members too"
    fresh.control("POST", "/world/findings/set", {**PLACE, "status": "FAILED"})
    assert {event["account"] for event in events(fresh, "member")} == {PAYMENTS}
    assert events(fresh, "linked") == [] and events(fresh, "findings")
    fresh.control("POST", "/world/findings/set", {"account": SECURITY, "region": HOME, "control": "S3.2", "status": "FAILED"})
    assert events(fresh, "member") == [] and events(fresh, "findings")
    fresh.control("POST", "/world/hub", {"region": HOME, "members": {PAYMENTS: "Removed"}})
    fresh.control("POST", "/world/findings/set", {**PLACE, "status": "FAILED"})
    assert events(fresh, "findings") == [] and events(fresh, "member")


def test_events_can_be_lost(fresh):
    fresh.control("POST", "/world/queues/findings", {"events": False})
    fresh.control("POST", "/world/findings/set", {**PLACE, "status": "FAILED"})
    fresh.control("POST", "/world/queues/findings", {"events": True})
    assert events(fresh, "findings") == []
