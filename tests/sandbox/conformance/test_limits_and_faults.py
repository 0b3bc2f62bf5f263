"""Rate limits, writes one at a time, lags, and faults that tests switch on."""

import concurrent.futures
import datetime
import time

import botocore.exceptions
import pytest

from aws_sandbox import HOME, LINKED, MANAGEMENT, PAYMENTS, SECURITY, Sandbox, code_of, error_of, items, pages, scp

SCP = "SERVICE_CONTROL_POLICY"


def outcomes(call, times, **arguments):
    """Error codes of many calls at once, `ok` for success."""
    done = []
    for _ in range(times):
        try:
            call(**arguments)
            done.append("ok")
        except botocore.exceptions.ClientError as error:
            done.append(error.response["Error"]["Code"])
    return done


def test_rates_of_security_hub(limited):
    limited.hub.describe_hub()
    done = outcomes(limited.hub.get_findings, 20, MaxResults=1)
    assert done[:6] == ["ok"] * 6 and set(done) == {"ok", "TooManyRequestsException"}
    assert done.count("ok") < 12
    elsewhere = limited.client("securityhub", SECURITY, LINKED)
    assert outcomes(elsewhere.get_findings, 3, MaxResults=1) == ["ok"] * 3, "each Region has its own rate"
    assert limited.control("GET", "/calls/summary")


def test_rates_of_organizations(limited):
    done = outcomes(limited.organizations.list_accounts, 40)
    assert done[:12] == ["ok"] * 12 and set(done) == {"ok", "TooManyRequestsException"}
    status, code, _ = error_of(lambda: [limited.organizations.list_accounts() for _ in range(40)])
    assert (status, code) == (400, "TooManyRequestsException")


def test_limits_can_be_switched_off(limited):
    limited.control("POST", "/settings", {"limits": False})
    assert outcomes(limited.hub.get_findings, 30, MaxResults=1) == ["ok"] * 30


def test_one_write_at_a_time(fresh):
    api = fresh.organizations
    policies = []
    for number in range(2):
        made = api.create_policy(Name=f"p{number}", Description="", Type=SCP, Content=scp())
        policies.append(made["Policy"]["PolicySummary"]["Id"])
    fresh.control("POST", "/settings", {"latencyMs": 300})
    with concurrent.futures.ThreadPoolExecutor() as pool:
        writes = [pool.submit(outcomes, api.attach_policy, 1, PolicyId=policy, TargetId=PAYMENTS) for policy in policies]
        reads = pool.submit(outcomes, api.list_roots, 1)
        done = sorted(write.result()[0] for write in writes)
    assert done == ["ConcurrentModificationException", "ok"]
    assert reads.result() == ["ok"]


def test_latency(fresh):
    fresh.control("POST", "/settings", {"latencyMs": 250})
    begin = time.monotonic()
    fresh.organizations.list_roots()
    assert time.monotonic() - begin >= 0.25


def test_reads_lag_behind_writes(fresh):
    api, prod = fresh.organizations, fresh.target("/Workloads/Prod")
    fresh.control("POST", "/clock", {"frozen": True})
    fresh.control("POST", "/settings", {"readLagMs": 5000, "enforceLagMs": 60_000})
    policy = api.create_policy(Name="late", Description="", Type=SCP, Content=scp())["Policy"]["PolicySummary"]["Id"]
    api.attach_policy(PolicyId=policy, TargetId=prod)

    def shown():
        return {p["Name"] for p in items(api.list_policies_for_target, "Policies", TargetId=prod, Filter=SCP)}

    assert "late" not in shown()
    assert code_of(api.attach_policy, PolicyId=policy, TargetId=prod) == "DuplicatePolicyAttachmentException", "writes know the truth"
    assert policy in [p["id"] for p in fresh.control("GET", "/state")["policies"]]
    fresh.control("POST", "/clock", {"advanceSeconds": 6})
    assert "late" in shown()
    change = [change for change in fresh.control("GET", "/history")["history"] if change["kind"] == "attach"][-1]
    at, enforced = (datetime.datetime.fromisoformat(change[name].replace("Z", "+00:00")) for name in ("at", "enforcedAt"))
    assert enforced - at == datetime.timedelta(seconds=60)
    assert MANAGEMENT in change["actor"]


def test_clock(fresh):
    fresh.control("POST", "/clock", {"set": "2030-01-01T00:00:00Z"})
    fresh.control("POST", "/world/findings/set", {"control": "GuardDuty.1", "status": "FAILED"})
    assert all(f["updatedAt"].startswith("2030-01-01T00:00") for f in fresh.truth(control="GuardDuty.1"))


@pytest.mark.parametrize(
    ("kind", "service", "status", "code"),
    [
        ("throttle", "organizations", 400, "TooManyRequestsException"),
        ("throttle", "securityhub", 429, "TooManyRequestsException"),
        ("throttle", "sts", 400, "Throttling"),
        ("serverError", "organizations", 500, "ServiceException"),
        ("serverError", "securityhub", 500, "InternalException"),
        ("serverError", "sts", 500, "InternalFailure"),
        ("accessDenied", "organizations", 400, "AccessDeniedException"),
        ("accessDenied", "securityhub", 403, "AccessDeniedException"),
        ("accessDenied", "sts", 403, "AccessDenied"),
    ],
)
def test_faults_that_answer(sandbox, kind, service, status, code):
    call = {
        "organizations": sandbox.organizations.list_roots,
        "securityhub": sandbox.hub.describe_hub,
        "sts": sandbox.client("sts", MANAGEMENT).get_caller_identity,
    }[service]
    sandbox.fault(kind, service=service, times=1)
    assert error_of(call)[:2] == (status, code)
    call()


def test_faults_that_cut(fresh):
    api = fresh.organizations
    new = {"Name": "cut", "Description": "", "Type": SCP, "Content": scp()}
    for kind, made in (("cut", False), ("cutAfter", True)):
        fresh.fault(kind, operation="CreatePolicy", times=1)
        with pytest.raises((botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError)):
            api.create_policy(**new)
        assert ("cut" in {p["Name"] for p in items(api.list_policies, "Policies", Filter=SCP)}) is made, kind
    hasty = fresh.client("organizations", read_timeout=1)
    fresh.fault("timeout", operation="ListRoots", times=1)
    with pytest.raises(botocore.exceptions.ReadTimeoutError):
        hasty.list_roots()


def test_conflicts(fresh):
    new = {"Name": "x", "Description": "", "Type": SCP, "Content": scp()}
    for kind, code in [
        ("conflict", "ConcurrentModificationException"),
        ("changesInProgress", "PolicyChangesInProgressException"),
    ]:
        fresh.fault(kind, times=1)
        assert code_of(fresh.organizations.create_policy, **new) == code
    assert fresh.organizations.create_policy(**new)


def test_empty_pages(fresh):
    for call, member in (
        (fresh.organizations.list_accounts, "Accounts"),
        (fresh.hub.get_findings, "Findings"),
        (fresh.hub.list_members, "Members"),
    ):
        whole = [item for page in pages(call, member, MaxResults=10) for item in page]
        fresh.fault("emptyPage", after=1, times=1)
        found = pages(call, member, MaxResults=10)
        assert found[1] == [] and [item for page in found for item in page] == whole


def test_tokens_that_expire(fresh):
    for call in (fresh.organizations.list_accounts, fresh.hub.get_findings):
        token = call()["NextToken"]
        fresh.fault("expireToken", times=1)
        assert code_of(call, NextToken=token) == "InvalidInputException"
        assert call(NextToken=token)


def test_faults_have_rhythm_and_aim(fresh):
    fresh.fault("throttle", service="securityhub", operation="GetFindings", region=HOME, every=2)
    throttled = [code != "ok" for code in outcomes(fresh.hub.get_findings, 6, MaxResults=1)]
    assert throttled == [False, True] * 3
    assert outcomes(fresh.client("securityhub", SECURITY, LINKED).get_findings, 2, MaxResults=1) == ["ok"] * 2
    (fault,) = fresh.control("GET", "/faults")["faults"]
    fresh.control("DELETE", f"/faults/{fault['id']}")
    assert outcomes(fresh.hub.get_findings, 4, MaxResults=1) == ["ok"] * 4
    keys = fresh.assume("arn:aws:iam::222222222222:role/hub")
    fresh.fault("accessDenied", role="assumed-role/hub/")
    assert code_of(fresh.client("securityhub", region=HOME, keys=keys).get_findings) == "AccessDeniedException"
    assert fresh.hub.get_findings()
    fresh.control("DELETE", "/faults")


def test_latency_from_the_command_line():
    running = Sandbox("--no-limits", "--latency-ms", "200")
    begin = time.monotonic()
    running.organizations.list_roots()
    assert time.monotonic() - begin >= 0.2
    running.close()
