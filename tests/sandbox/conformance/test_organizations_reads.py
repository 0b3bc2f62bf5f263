"""Organizations: what a caller reads, and how it is paged."""

import pytest

from aws_sandbox import MANAGEMENT, PAYMENTS, PLAYGROUND, SECURITY, SUSPENDED, code_of, error_of, items, pages, reason_of


def test_organization_and_root(sandbox):
    organization = sandbox.organizations.describe_organization()["Organization"]
    assert organization["Id"] == "o-conformance1"
    assert organization["MasterAccountId"] == MANAGEMENT
    assert organization["FeatureSet"] == "ALL"
    (root,) = sandbox.organizations.list_roots()["Roots"]
    assert root["Id"] == "r-root"
    assert {"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"} in root["PolicyTypes"]


def test_accounts_have_state_and_paths_but_no_status(sandbox):
    account = sandbox.organizations.describe_account(AccountId=SUSPENDED)["Account"]
    assert account["State"] == "SUSPENDED"
    assert "Status" not in account
    prod = sandbox.target("/Workloads/Prod")
    account = sandbox.organizations.describe_account(AccountId=PAYMENTS)["Account"]
    (path,) = account["Paths"]
    assert path.startswith("o-conformance1/r-root/") and f"/{prod}/" in path
    assert account["Arn"].endswith(f":account/o-conformance1/{PAYMENTS}")
    assert account["JoinedTimestamp"].year >= 2020


def test_listings_have_at_most_20_items_on_a_page(sandbox):
    found = pages(sandbox.organizations.list_accounts, "Accounts")
    assert [len(page) for page in found] == [20, 20, 10]
    assert len({account["Id"] for page in found for account in page}) == 50
    assert [len(page) for page in pages(sandbox.organizations.list_accounts, "Accounts", MaxResults=7)] == [7] * 7 + [1]
    for wrong in (0, 21, 100):
        assert code_of(sandbox.organizations.list_accounts, MaxResults=wrong) == "InvalidInputException"


def test_tokens_belong_to_their_listing(sandbox):
    token = sandbox.organizations.list_accounts()["NextToken"]
    prod = sandbox.target("/Workloads/Prod")
    assert reason_of(sandbox.organizations.list_accounts, NextToken="abc") == ("InvalidInputException", "INVALID_NEXT_TOKEN")
    assert code_of(sandbox.organizations.list_accounts_for_parent, ParentId=prod, NextToken=token) == "InvalidInputException"


def test_the_tree_can_be_walked(sandbox):
    api = sandbox.organizations
    seen, waiting = set(), ["r-root"]
    while waiting:
        parent = waiting.pop()
        for account in items(api.list_accounts_for_parent, "Accounts", ParentId=parent):
            (found,) = api.list_parents(ChildId=account["Id"])["Parents"]
            assert found["Id"] == parent
            seen.add(account["Id"])
        ous = items(api.list_organizational_units_for_parent, "OrganizationalUnits", ParentId=parent)
        children = items(api.list_children, "Children", ParentId=parent, ChildType="ORGANIZATIONAL_UNIT")
        assert {ou["Id"] for ou in ous} == {child["Id"] for child in children}
        waiting += [ou["Id"] for ou in ous]
    assert len(seen) == 50
    ou = api.describe_organizational_unit(OrganizationalUnitId=sandbox.target("/Workloads/Prod"))["OrganizationalUnit"]
    assert ou["Name"] == "Prod" and ou["Path"].endswith(f"/{ou['Id']}/")


def test_policies_and_tags(sandbox):
    api = sandbox.organizations
    prod = sandbox.target("/Workloads/Prod")
    policies = {policy["Name"]: policy for policy in items(api.list_policies, "Policies", Filter="SERVICE_CONTROL_POLICY")}
    assert policies["FullAWSAccess"]["Id"] == "p-FullAWSAccess" and policies["FullAWSAccess"]["AwsManaged"]
    own = policies["deny-root"]["Id"]
    described = api.describe_policy(PolicyId=own)["Policy"]
    assert described["Content"].startswith('{"Statement"') or described["Content"].startswith('{"Version"')
    attached = items(api.list_policies_for_target, "Policies", TargetId=prod, Filter="SERVICE_CONTROL_POLICY")
    assert {policy["Name"] for policy in attached} == {"FullAWSAccess", "deny-root"}
    (target,) = items(api.list_targets_for_policy, "Targets", PolicyId=own)
    assert (target["TargetId"], target["Type"], target["Name"]) == (prod, "ORGANIZATIONAL_UNIT", "Prod")
    assert len(items(api.list_targets_for_policy, "Targets", PolicyId="p-FullAWSAccess")) == 50 + 9 + 1
    for resource, expected in [(own, {"owner": "platform"}), (PAYMENTS, {"env": "prod", "owner": "payments"}), ("r-root", {})]:
        assert {tag["Key"]: tag["Value"] for tag in items(api.list_tags_for_resource, "Tags", ResourceId=resource)} == expected


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        ("describe_account", {"AccountId": "999999999999"}, "AccountNotFoundException"),
        ("describe_account", {"AccountId": "12"}, "InvalidInputException"),
        ("describe_organizational_unit", {"OrganizationalUnitId": "ou-root-99999999"}, "OrganizationalUnitNotFoundException"),
        ("list_accounts_for_parent", {"ParentId": "ou-root-99999999"}, "ParentNotFoundException"),
        ("list_organizational_units_for_parent", {"ParentId": "ou-root-99999999"}, "ParentNotFoundException"),
        ("list_children", {"ParentId": "ou-root-99999999", "ChildType": "ACCOUNT"}, "ParentNotFoundException"),
        ("list_children", {"ParentId": "r-root", "ChildType": "USER"}, "InvalidInputException"),
        ("list_parents", {"ChildId": "999999999999"}, "ChildNotFoundException"),
        ("describe_policy", {"PolicyId": "p-99999999"}, "PolicyNotFoundException"),
        ("list_targets_for_policy", {"PolicyId": "p-99999999"}, "PolicyNotFoundException"),
        ("list_policies_for_target", {"TargetId": "ou-root-99999999", "Filter": "SERVICE_CONTROL_POLICY"}, "TargetNotFoundException"),
        ("list_policies", {"Filter": "EVERYTHING"}, "InvalidInputException"),
        ("list_tags_for_resource", {"ResourceId": "p-99999999"}, "TargetNotFoundException"),
    ],
)
def test_what_does_not_exist(sandbox, operation, arguments, code):
    assert code_of(getattr(sandbox.organizations, operation), **arguments) == code


def test_members_are_denied_but_for_the_delegated(sandbox):
    payments = sandbox.client("organizations", PAYMENTS)
    for call, arguments in [
        (payments.list_accounts, {}),
        (payments.list_roots, {}),
        (payments.list_policies, {"Filter": "SERVICE_CONTROL_POLICY"}),
        (payments.describe_account, {"AccountId": PAYMENTS}),
        (payments.create_policy, {"Name": "x", "Description": "", "Type": "SERVICE_CONTROL_POLICY", "Content": "{}"}),
    ]:
        assert code_of(call, **arguments) == "AccessDeniedException"
    assert payments.describe_organization()["Organization"]["Id"] == "o-conformance1"
    assert sandbox.client("organizations", SECURITY).list_accounts()["Accounts"]
    stranger = sandbox.client("organizations", "999999999999")
    assert code_of(stranger.describe_organization) == "AWSOrganizationsNotInUseException"
    assert PLAYGROUND in {a["Id"] for a in items(sandbox.organizations.list_accounts, "Accounts")}


def test_organizations_is_served_in_one_region(sandbox):
    elsewhere = sandbox.client("organizations", MANAGEMENT, "eu-west-1")
    assert code_of(elsewhere.list_roots) == "UnsupportedAPIEndpointException"
    assert code_of(elsewhere.describe_organization) == "UnsupportedAPIEndpointException"


def test_what_the_sandbox_does_not_have(sandbox):
    status, code, _ = error_of(sandbox.organizations.list_handshakes_for_account)
    assert (status, code) == (400, "UnknownOperationException")
    assert code_of(sandbox.organizations.list_create_account_status) == "UnknownOperationException"
