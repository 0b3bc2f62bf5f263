"""Organizations: policies, attachments, OUs, accounts, and every limit on them."""

import json

import pytest

from aws_sandbox import HERE, MANAGEMENT, PAYMENTS, PLAYGROUND, SECURITY, Sandbox, code_of, items, reason_of, scp

SCP = "SERVICE_CONTROL_POLICY"


def create(sandbox, name, content=None, **arguments):
    """A new policy's id."""
    arguments = {"Description": "", "Type": SCP, "Content": content or scp(), **arguments}
    return sandbox.organizations.create_policy(Name=name, **arguments)["Policy"]["PolicySummary"]["Id"]


def attached(sandbox, target):
    """Names of the policies of a target."""
    found = items(sandbox.organizations.list_policies_for_target, "Policies", TargetId=target, Filter=SCP)
    return {policy["Name"] for policy in found}


def test_a_policy_from_birth_to_death(fresh):
    api, prod = fresh.organizations, fresh.target("/Workloads/Prod")
    made = api.create_policy(
        Name="guard", Description="d", Type=SCP, Content=scp(), Tags=[{"Key": "owner", "Value": "soc2"}]
    )["Policy"]
    policy = made["PolicySummary"]["Id"]
    assert made["Content"] == scp() and not made["PolicySummary"]["AwsManaged"]
    assert api.list_tags_for_resource(ResourceId=policy)["Tags"] == [{"Key": "owner", "Value": "soc2"}]
    api.attach_policy(PolicyId=policy, TargetId=prod)
    assert "guard" in attached(fresh, prod)
    assert code_of(api.delete_policy, PolicyId=policy) == "PolicyInUseException"
    updated = api.update_policy(PolicyId=policy, Name="guard-2", Content=scp("iam:*"))["Policy"]
    assert (updated["PolicySummary"]["Name"], updated["PolicySummary"]["Description"]) == ("guard-2", "d")
    api.tag_resource(ResourceId=policy, Tags=[{"Key": "owner", "Value": "x"}, {"Key": "a", "Value": ""}])
    api.untag_resource(ResourceId=policy, TagKeys=["owner"])
    assert api.list_tags_for_resource(ResourceId=policy)["Tags"] == [{"Key": "a", "Value": ""}]
    api.detach_policy(PolicyId=policy, TargetId=prod)
    api.delete_policy(PolicyId=policy)
    assert code_of(api.describe_policy, PolicyId=policy) == "PolicyNotFoundException"
    kinds = [change["kind"] for change in fresh.control("GET", "/history")["history"]]
    assert [kind for kind in kinds if kind in ("create", "attach", "detach", "delete")] == ["create", "attach", "detach", "delete"]


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "[]",
        "{}",
        scp().replace("Statement", "Statements"),
        scp().replace("Deny", "deny"),
        json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}),
        json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*"}]}),
        json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "everything", "Resource": "*"}]}),
        json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Like": {"aws:a": "b"}}}]}),
        scp() + " x",
    ],
)
def test_documents_that_are_no_scp(sandbox, content):
    arguments = {"Name": "bad", "Description": "", "Type": SCP, "Content": content}
    assert code_of(sandbox.organizations.create_policy, **arguments) == "MalformedPolicyDocumentException"
    own = items(sandbox.organizations.list_policies, "Policies", Filter=SCP)
    own = next(policy["Id"] for policy in own if policy["Name"] == "deny-root")
    assert code_of(sandbox.organizations.update_policy, PolicyId=own, Content=content) == "MalformedPolicyDocumentException"


def test_a_policy_has_10240_characters_as_sent(fresh):
    space = 10_240 - len(scp())
    policy = create(fresh, "full", scp().replace(":[", ":[" + " " * space, 1))
    assert len(fresh.organizations.describe_policy(PolicyId=policy)["Policy"]["Content"]) == 10_240
    longer = scp().replace(":[", ":[" + " " * (space + 1), 1)
    limit = ("ConstraintViolationException", "POLICY_CONTENT_LIMIT_EXCEEDED")
    create_policy = fresh.organizations.create_policy
    assert reason_of(create_policy, Name="more", Description="", Type=SCP, Content=longer) == limit
    assert reason_of(fresh.organizations.update_policy, PolicyId=policy, Content=longer) == limit


def test_names_are_unique_within_a_type(fresh):
    api = fresh.organizations
    first, second = create(fresh, "one"), create(fresh, "two")
    duplicate = {"Name": "one", "Description": "", "Type": SCP, "Content": scp()}
    assert code_of(api.create_policy, **duplicate) == "DuplicatePolicyException"
    assert code_of(api.update_policy, PolicyId=second, Name="one") == "DuplicatePolicyException"
    api.update_policy(PolicyId=first, Name="one")
    tags = {"Name": "one", "Description": "", "Type": "TAG_POLICY", "Content": '{"tags":{}}'}
    assert api.create_policy(**tags)["Policy"]["PolicySummary"]["Name"] == "one"


@pytest.mark.parametrize(
    "arguments",
    [
        {"Name": ""},
        {"Name": "x" * 129},
        {"Description": "x" * 513},
        {"Type": "SCP"},
        {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]},
        {"Tags": [{"Key": "aws:a", "Value": "1"}]},
    ],
)
def test_parameters_of_create_policy(sandbox, arguments):
    arguments = {"Name": "x", "Description": "", "Type": SCP, "Content": scp(), **arguments}
    assert code_of(sandbox.organizations.create_policy, **arguments) == "InvalidInputException"


def test_aws_managed_policies_cannot_be_changed(sandbox):
    update = sandbox.organizations.update_policy
    assert reason_of(update, PolicyId="p-FullAWSAccess", Name="mine") == ("InvalidInputException", "IMMUTABLE_POLICY")
    assert code_of(sandbox.organizations.delete_policy, PolicyId="p-FullAWSAccess") == "InvalidInputException"


def test_ten_policies_on_a_target_and_never_none(fresh):
    api, ou = fresh.organizations, fresh.target("/Workloads/Dev")
    policies = [create(fresh, f"p{number}") for number in range(10)]
    for policy in policies[:9]:
        api.attach_policy(PolicyId=policy, TargetId=ou)
    limit = ("ConstraintViolationException", "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
    assert reason_of(api.attach_policy, PolicyId=policies[9], TargetId=ou) == limit
    assert code_of(api.attach_policy, PolicyId=policies[0], TargetId=ou) == "DuplicatePolicyAttachmentException"
    assert code_of(api.detach_policy, PolicyId=policies[9], TargetId=ou) == "PolicyNotAttachedException"
    api.detach_policy(PolicyId="p-FullAWSAccess", TargetId=ou)
    for policy in policies[:8]:
        api.detach_policy(PolicyId=policy, TargetId=ou)
    least = ("ConstraintViolationException", "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
    assert reason_of(api.detach_policy, PolicyId=policies[8], TargetId=ou) == least
    assert attached(fresh, ou) == {"p8"}
    assert code_of(api.attach_policy, PolicyId="p-99999999", TargetId=ou) == "PolicyNotFoundException"
    assert code_of(api.attach_policy, PolicyId=policies[0], TargetId="ou-root-99999999") == "TargetNotFoundException"


def test_policy_types_are_enabled_in_the_root(fresh):
    api = fresh.organizations
    policy = create(fresh, "one")
    assert code_of(api.enable_policy_type, RootId="r-root", PolicyType=SCP) == "PolicyTypeAlreadyEnabledException"
    root = api.disable_policy_type(RootId="r-root", PolicyType=SCP)["Root"]
    assert root["PolicyTypes"] == []
    assert code_of(api.disable_policy_type, RootId="r-root", PolicyType=SCP) == "PolicyTypeNotEnabledException"
    assert code_of(api.attach_policy, PolicyId=policy, TargetId="r-root") == "PolicyTypeNotEnabledException"
    assert code_of(api.enable_policy_type, RootId="r-none", PolicyType=SCP) == "RootNotFoundException"
    root = api.enable_policy_type(RootId="r-root", PolicyType=SCP)["Root"]
    assert root["PolicyTypes"] == [{"Type": SCP, "Status": "ENABLED"}]
    assert attached(fresh, PAYMENTS) == {"FullAWSAccess"}
    api.attach_policy(PolicyId=policy, TargetId="r-root")


def test_what_aws_attaches_to_everything_stays(fresh):
    api, kind = fresh.organizations, "RESOURCE_CONTROL_POLICY"
    api.enable_policy_type(RootId="r-root", PolicyType=kind)
    stays = ("InvalidInputException", "NON_DETACHABLE_POLICY")
    assert reason_of(api.detach_policy, PolicyId="p-RCPFullAWSAccess", TargetId="r-root") == stays


def test_policies_are_limited_in_number(fresh):
    api, kind = fresh.organizations, "AISERVICES_OPT_OUT_POLICY"
    new = {"Description": "", "Type": kind, "Content": json.dumps({"services": {}})}
    for number in range(1000):
        api.create_policy(Name=f"p-{number}", **new)
    limit = ("ConstraintViolationException", "POLICY_NUMBER_LIMIT_EXCEEDED")
    assert reason_of(api.create_policy, Name="one-more", **new) == limit
    # Each type is counted by itself.
    create(fresh, "of-another-type")


def test_units_are_limited_in_number(tmp_path):
    # Those of world.yaml, each with the units above it, are nine.
    more = "".join(f"- Many-{number}\n" for number in range(1990))
    world = tmp_path / "many.yaml"
    world.write_text((HERE / "world.yaml").read_text().replace("organizationalUnits:\n", f"organizationalUnits:\n{more}", 1))
    running = Sandbox("--no-limits", world=world)
    make = running.organizations.create_organizational_unit
    assert make(ParentId="r-root", Name="last")
    assert reason_of(make, ParentId="r-root", Name="one-more") == ("ConstraintViolationException", "OU_NUMBER_LIMIT_EXCEEDED")
    running.close()


def test_consolidated_billing_has_no_policies(tmp_path):
    world = (HERE / "world.yaml").read_text()
    billing = tmp_path / "billing.yaml"
    world = world.replace("rootId:", "featureSet: CONSOLIDATED_BILLING\n  policyTypes: []\n  rootId:", 1)
    head, rest = world.split("policies:\n", 1)
    billing.write_text(head + rest[rest.index("roles:"):])
    running = Sandbox("--no-limits", world=billing)
    new = {"Name": "x", "Description": "", "Type": SCP, "Content": scp()}
    assert code_of(running.organizations.create_policy, **new) == "PolicyTypeNotAvailableForOrganizationException"
    running.close()


def test_organizational_units(fresh):
    api = fresh.organizations
    made = api.create_organizational_unit(ParentId="r-root", Name="New", Tags=[{"Key": "a", "Value": "b"}])
    ou = made["OrganizationalUnit"]["Id"]
    assert attached(fresh, ou) == {"FullAWSAccess"}
    assert code_of(api.create_organizational_unit, ParentId="r-root", Name="New") == "DuplicateOrganizationalUnitException"
    assert code_of(api.create_organizational_unit, ParentId="ou-root-99999999", Name="X") == "ParentNotFoundException"
    deepest = fresh.target("/Deep/Two/Three/Four/Five")
    depth = ("ConstraintViolationException", "OU_DEPTH_LIMIT_EXCEEDED")
    assert reason_of(api.create_organizational_unit, ParentId=deepest, Name="Six") == depth


def test_moving_accounts(fresh):
    api = fresh.organizations
    prod, dev = fresh.target("/Workloads/Prod"), fresh.target("/Workloads/Dev")
    move = {"AccountId": PAYMENTS, "SourceParentId": prod, "DestinationParentId": dev}
    api.move_account(**move)
    assert api.list_parents(ChildId=PAYMENTS)["Parents"] == [{"Id": dev, "Type": "ORGANIZATIONAL_UNIT"}]
    back = {"AccountId": PAYMENTS, "SourceParentId": dev, "DestinationParentId": prod}
    for change, code in [
        ({"AccountId": "999999999999"}, "AccountNotFoundException"),
        ({"SourceParentId": "ou-root-99999999"}, "SourceParentNotFoundException"),
        ({"DestinationParentId": "ou-root-99999999"}, "DestinationParentNotFoundException"),
        ({"SourceParentId": prod, "DestinationParentId": dev}, "DuplicateAccountException"),
    ]:
        assert code_of(api.move_account, **{**back, **change}) == code, change
    assert code_of(api.move_account, **move) == "DuplicateAccountException", "it is there already"


def test_tags_are_limited(fresh):
    api = fresh.organizations
    api.tag_resource(ResourceId=PAYMENTS, Tags=[{"Key": f"k{number}", "Value": "v"} for number in range(48)])
    assert len(items(api.list_tags_for_resource, "Tags", ResourceId=PAYMENTS)) == 50
    more = [{"Key": "more", "Value": "v"}]
    limit = ("ConstraintViolationException", "MAX_TAG_LIMIT_EXCEEDED")
    assert reason_of(api.tag_resource, ResourceId=PAYMENTS, Tags=more) == limit
    many = [{"Key": f"k{number}", "Value": "v"} for number in range(51)]
    assert reason_of(api.create_policy, Name="x", Description="", Type=SCP, Content=scp(), Tags=many) == limit
    assert code_of(api.tag_resource, ResourceId="999999999999", Tags=more) == "TargetNotFoundException"
    assert code_of(api.untag_resource, ResourceId="999999999999", TagKeys=["a"]) == "TargetNotFoundException"


def test_the_delegated_read_and_do_not_write(sandbox):
    api = sandbox.client("organizations", SECURITY)
    assert api.list_accounts()["Accounts"]
    new = {"Name": "x", "Description": "", "Type": SCP, "Content": scp()}
    assert code_of(api.create_policy, **new) == "AccessDeniedException"
    assert code_of(api.attach_policy, PolicyId="p-FullAWSAccess", TargetId=PLAYGROUND) == "AccessDeniedException"


def test_an_organization_without_scps_or_none_at_all(fresh):
    fresh.control("POST", "/world/policy-types", {SCP: False})
    assert fresh.organizations.list_roots()["Roots"][0]["PolicyTypes"] == []
    fresh.control("POST", "/world/organization", {"inUse": False})
    assert code_of(fresh.organizations.describe_organization) == "AWSOrganizationsNotInUseException"
    assert code_of(fresh.organizations.list_accounts) == "AWSOrganizationsNotInUseException"
    assert fresh.client("sts", MANAGEMENT).get_caller_identity()["Account"] == MANAGEMENT
