"""The world of `make demo` tells the stories that its comments promise."""

import pytest

from aws_sandbox import HERE, HOME, SECURITY, Sandbox, items

PAYMENTS = "333333333333"


@pytest.fixture(scope="module")
def demo():
    running = Sandbox("--no-limits", world=HERE.parent / "worlds" / "demo.yaml")
    yield running
    running.close()


def test_about_seven_percent_failed(demo):
    found = demo.truth()
    failed = sum(f["status"] == "FAILED" for f in found)
    assert 3000 < len(found) < 6000
    assert 0.06 < failed / len(found) < 0.08


def test_stories(demo):
    def of(**query):
        return {(f["account"], f["region"], f["status"], f["workflow"]) for f in demo.truth(**query)}

    failed = demo.truth(control="IAM.5", status="FAILED")
    assert {f["resource"].rsplit("/", 1)[1] for f in failed} == {"contractor-7", "release-bot"}
    (bucket,) = demo.truth(control="S3.2", status="FAILED")
    assert (bucket["account"], bucket["resource"]) == (PAYMENTS, "arn:aws:s3:::acme-payments-exports")
    assert {status for _, _, status, _ in of(control="Backup.1")} == {"WARNING"}
    assert len(demo.truth(control="IAM.6", workflow="SUPPRESSED")) == 3
    assert demo.truth(control="S3.9") == []
    assert ("454545454545", "us-east-1", "FAILED", "NEW") in of(control="GuardDuty.1")
    times = sorted(f["updatedAt"] for f in demo.truth())
    assert times[0][:10] < times[1][:10], "one stale finding, days older than the rest"


def test_members(demo):
    members = {m["AccountId"] for m in items(demo.client("securityhub", SECURITY, HOME).list_members, "Members")}
    assert "555555555555" not in members and "565656565656" not in members
    assert "373737373737" in members and demo.truth(account="373737373737") == []
