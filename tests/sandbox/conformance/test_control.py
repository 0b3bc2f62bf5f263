"""The control port: the call log, and a world that changes behind everyone's back."""

from aws_sandbox import HOME, PAYMENTS, SECURITY, code_of, items, scp

SCP = "SERVICE_CONTROL_POLICY"


def test_calls_are_logged(fresh):
    fresh.control("DELETE", "/calls")
    fresh.organizations.list_accounts(MaxResults=5)
    assert code_of(fresh.organizations.list_accounts, MaxResults=50) == "InvalidInputException"
    fresh.hub.get_findings(MaxResults=1)
    log = fresh.control("GET", "/calls?after=0")
    first, second, third = log["calls"]
    assert (first["service"], first["operation"], first["outcome"], first["writes"]) == ("organizations", "ListAccounts", "ok", False)
    assert first["input"] == {"MaxResults": 5}
    assert second["outcome"] == "InvalidInputException"
    assert (third["account"], third["region"]) == (SECURITY, HOME)
    assert log["last"] == third["n"]
    assert [call["n"] for call in fresh.control("GET", f"/calls?after={second['n']}")["calls"]] == [third["n"]]


def test_accounts_come_move_and_go(fresh):
    new = {"id": "777777777777", "name": "new", "path": "/Workloads/Prod", "tags": {"env": "prod"}}
    fresh.control("POST", "/world/accounts", new)
    account = fresh.organizations.describe_account(AccountId="777777777777")["Account"]
    assert account["State"] == "ACTIVE"
    fresh.control("POST", "/world/accounts/777777777777", {"state": "SUSPENDED", "tags": {"env": "dev"}})
    assert fresh.organizations.describe_account(AccountId="777777777777")["Account"]["State"] == "SUSPENDED"
    fresh.control("POST", "/world/organizational-units", {"path": "/Workloads/Test"})
    fresh.control("POST", "/world/accounts/777777777777/move", {"path": "/Workloads/Test"})
    (parent,) = fresh.organizations.list_parents(ChildId="777777777777")["Parents"]
    assert parent["Id"] == fresh.target("/Workloads/Test")
    fresh.control("DELETE", "/world/accounts/777777777777")
    assert code_of(fresh.organizations.describe_account, AccountId="777777777777") == "AccountNotFoundException"
    status, text = fresh.control_error("POST", "/world/accounts/777777777777/move", {"path": "/"})
    assert 400 <= status < 500 and "777777777777" in text


def test_policies_are_edited_behind_the_back(fresh):
    made = fresh.control("POST", "/world/policies", {"name": "foreign", "content": scp("iam:*"), "attach": ["/Workloads/Dev"]})
    policy = made["id"]
    dev = fresh.target("/Workloads/Dev")
    attached = items(fresh.organizations.list_policies_for_target, "Policies", TargetId=dev, Filter=SCP)
    assert "foreign" in {p["Name"] for p in attached}
    fresh.control("POST", f"/world/policies/{policy}", {"content": scp("s3:*")})
    assert "s3:*" in fresh.organizations.describe_policy(PolicyId=policy)["Policy"]["Content"]
    fresh.control("POST", f"/world/policies/{policy}/detach", {"target": "/Workloads/Dev"})
    assert items(fresh.organizations.list_targets_for_policy, "Targets", PolicyId=policy) == []
    fresh.control("POST", f"/world/policies/{policy}/attach", {"target": PAYMENTS})
    fresh.control("DELETE", f"/world/policies/{policy}")
    assert code_of(fresh.organizations.describe_policy, PolicyId=policy) == "PolicyNotFoundException"
    kinds = [(change["kind"], change["actor"]) for change in fresh.control("GET", "/history")["history"] if change["policyId"] == policy]
    assert [kind for kind, _ in kinds] == ["create", "attach", "update", "detach", "attach", "detach", "delete"]
    assert {actor for _, actor in kinds} == {"outside"}


def test_findings_change(fresh):
    place = {"account": PAYMENTS, "region": HOME, "control": "S3.2"}
    count = len(fresh.truth(**place))
    assert fresh.control("POST", "/world/findings/set", {**place, "status": "FAILED"})["changed"] == count
    assert {f["status"] for f in fresh.truth(**place)} == {"FAILED"}
    fresh.control("POST", "/world/findings/set", {**place, "resource": "arn:aws:s3:::one-more", "status": "PASSED"})
    assert len(fresh.truth(**place)) == count + 1
    raw = {"Id": "broken", "AwsAccountId": "not an account", "Compliance": {"Status": "GREEN"}}
    fresh.control("POST", f"/world/findings/import?account={PAYMENTS}&region={HOME}", [raw])
    found = fresh.hub.get_findings(Filters={"Id": [{"Comparison": "EQUALS", "Value": "broken"}]})["Findings"]
    assert found[0]["AwsAccountId"] == "not an account"
    assert fresh.control("POST", "/world/findings/delete", place)["deleted"] == count + 1
    status, text = fresh.control_error("POST", "/world/findings/set", {**place, "state": "x"})
    assert 400 <= status < 500 and "state" in text


def test_hubs_change(fresh):
    fresh.control("POST", "/world/hub", {"region": HOME, "members": {PAYMENTS: "Removed"}})
    assert PAYMENTS not in {m["AccountId"] for m in items(fresh.hub.list_members, "Members")}
    fresh.control("POST", "/world/hub", {"region": HOME, "standards": ["FSBP", "NIST53"], "disabledControls": ["IAM.5"]})
    found = items(fresh.hub.get_enabled_standards, "StandardsSubscriptions")
    assert [s["StandardsArn"].split("/")[1] for s in found] == ["aws-foundational-security-best-practices", "nist-800-53"]
    associations = items(fresh.hub.list_standards_control_associations, "StandardsControlAssociationSummaries", SecurityControlId="IAM.5")
    assert {a["AssociationStatus"] for a in associations} == {"DISABLED"}
    fresh.control("POST", "/world/hub", {"linkedRegions": []})
    assert {f["Region"] for f in items(fresh.hub.get_findings, "Findings", MaxResults=100)} == {HOME}
    fresh.control("POST", "/world/hub", {"region": HOME, "enabled": False})
    assert code_of(fresh.hub.describe_hub) == "InvalidAccessException"
    assert fresh.control("GET", "/world/hub")["regions"][HOME]["enabled"] is False


def test_health_and_help(sandbox):
    assert sandbox.control("GET", "/health") is not None
    assert sandbox.control("GET", "/settings")["limits"] is False
    assert sandbox.control("GET", "/clock")
    assert sandbox.control("GET", "/")
