//! Behaviour of the operations, through the same entry as the server uses.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Organization, handle};
use crate::call::{Answer, Call, HandlerFaults};
use crate::history::ChangeKind;
use crate::world::World;

const MANAGEMENT: &str = "111111111111";
const SECURITY: &str = "222222222222";
const WORLD: &str = "
organization: {id: o-exampleorgid, rootId: r-ab12, managementAccount: 111111111111, delegatedAdministrators: [222222222222]}
organizationalUnits: [Security, Workloads/Prod, {path: Workloads/Dev, id: ou-ab12-devdevde}]
accounts:
- {id: 222222222222, name: security, path: Security, tags: {team: sec}}
- {id: 333333333333, name: prod, path: Workloads/Prod}
policies:
- {name: foreign, id: p-foreign0, content: {Version: '2012-10-17', Statement: {Effect: Deny, Action: 'ec2:*', Resource: '*'}}, attach: [Workloads]}
";
const DENY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}]}"#;

struct Fixture {
    org: Organization,
    now: Timestamp,
}

impl Fixture {
    fn new(world: &str) -> Self {
        let now = "2026-11-01T12:00:00Z".parse().unwrap();
        Self { org: Organization::new(&World::parse(world).unwrap(), now).unwrap(), now }
    }

    fn call(&mut self, operation: &str, input: Value) -> Answer {
        self.call_as(MANAGEMENT, operation, input)
    }

    fn call_as(&mut self, account: &str, operation: &str, input: Value) -> Answer {
        let call = call(account, operation, input, self.now);
        handle(&mut self.org, &call)
    }

    fn ok(&mut self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    /// Code of the error, and its reason where it has one.
    fn error(&mut self, operation: &str, input: Value) -> String {
        let about = format!("{operation} {input}");
        let error = self.call(operation, input).expect_err(&about);
        let reason = error.members["Reason"].as_str().map(|reason| format!(" {reason}"));
        format!("{}{}", error.code, reason.unwrap_or_default())
    }

    fn create(&mut self, name: &str) -> String {
        let policy = self.ok("CreatePolicy", draft(name, DENY));
        policy["Policy"]["PolicySummary"]["Id"].as_str().unwrap().to_owned()
    }

    fn attached(&mut self, target: &str) -> usize {
        let found = self.ok("ListPoliciesForTarget", json!({"TargetId": target, "Filter": "SERVICE_CONTROL_POLICY"}));
        found["Policies"].as_array().unwrap().len()
    }

    fn ou(&self, path: &str) -> String {
        self.org.resolve(path).unwrap()
    }
}

fn call(account: &str, operation: &str, input: Value, now: Timestamp) -> Call {
    Call {
        operation: operation.to_owned(),
        account: account.to_owned(),
        principal: format!("arn:aws:iam::{account}:root"),
        region: "us-east-1".to_owned(),
        now,
        input,
        path: "/".to_owned(),
        query: std::collections::BTreeMap::new(),
        faults: HandlerFaults::default(),
    }
}

fn draft(name: &str, content: &str) -> Value {
    json!({"Name": name, "Description": "", "Type": "SERVICE_CONTROL_POLICY", "Content": content})
}

#[test]
fn accounts_have_state_and_paths_and_no_status() {
    let mut fixture = Fixture::new(WORLD);
    let account = fixture.ok("DescribeAccount", json!({"AccountId": "333333333333"}))["Account"].clone();
    let prod = fixture.ou("Workloads/Prod");
    let workloads = fixture.ou("Workloads");
    assert_eq!(account["State"], "ACTIVE");
    assert!(account.get("Status").is_none());
    assert_eq!(account["Paths"], json!([format!("o-exampleorgid/r-ab12/{workloads}/{prod}/333333333333/")]));
    assert_eq!(account["Arn"], "arn:aws:organizations::111111111111:account/o-exampleorgid/333333333333");
    let mut older = Fixture::new(&format!("paths: false\n{WORLD}"));
    let account = older.ok("DescribeAccount", json!({"AccountId": "333333333333"}));
    assert!(account["Account"].get("Paths").is_none());
}

#[test]
fn pages_have_at_most_twenty_and_tokens_belong_to_their_call() {
    let mut fixture = Fixture::new(&format!("{WORLD}\ngenerate: {{accounts: 45}}"));
    let mut seen = std::collections::BTreeSet::new();
    let mut input = json!({});
    let mut sizes = Vec::new();
    loop {
        let page = fixture.ok("ListAccounts", input.clone());
        let accounts = page["Accounts"].as_array().unwrap();
        sizes.push(accounts.len());
        seen.extend(accounts.iter().map(|account| account["Id"].as_str().unwrap().to_owned()));
        let Some(token) = page.get("NextToken") else { break };
        input = json!({"NextToken": token});
    }
    assert_eq!(sizes, [20, 20, 8]);
    assert_eq!(seen.len(), 48);
    let token = fixture.ok("ListAccounts", json!({"MaxResults": 5}))["NextToken"].clone();
    assert_eq!(fixture.ok("ListAccounts", json!({"NextToken": token}))["Accounts"].as_array().unwrap().len(), 20);
    let bad = "InvalidInputException INVALID_NEXT_TOKEN";
    assert_eq!(fixture.error("ListRoots", json!({"NextToken": token})), bad);
    assert_eq!(fixture.error("ListAccounts", json!({"NextToken": "00"})), bad);
    assert_eq!(fixture.error("ListAccounts", json!({"NextToken": ""})), bad);
    assert_eq!(fixture.error("ListAccounts", json!({"MaxResults": 21})), "InvalidInputException MAX_VALUE_EXCEEDED");
    assert_eq!(fixture.error("ListAccounts", json!({"MaxResults": 0})), "InvalidInputException MIN_VALUE_EXCEEDED");
    assert_eq!(fixture.error("ListAccounts", json!({"MaxResults": "5"})), "SerializationException");
    let filter = json!({"Filter": "SERVICE_CONTROL_POLICY", "MaxResults": 1});
    let token = fixture.ok("ListPolicies", filter)["NextToken"].clone();
    assert_eq!(fixture.error("ListPolicies", json!({"Filter": "TAG_POLICY", "NextToken": token})), bad);
}

#[test]
fn empty_pages_continue_where_they_should_and_expired_tokens_are_refused() {
    let mut fixture = Fixture::new(WORLD);
    let mut empty = call(MANAGEMENT, "ListAccounts", json!({}), fixture.now);
    empty.faults.empty_page = true;
    let page = handle(&mut fixture.org, &empty).unwrap();
    assert_eq!(page["Accounts"], json!([]));
    let token = page["NextToken"].clone();
    assert_eq!(fixture.ok("ListAccounts", json!({"NextToken": token}))["Accounts"].as_array().unwrap().len(), 3);
    let mut expired = call(MANAGEMENT, "ListAccounts", json!({"NextToken": token}), fixture.now);
    expired.faults.expire_token = true;
    assert_eq!(handle(&mut fixture.org, &expired).unwrap_err().members["Reason"], "INVALID_NEXT_TOKEN");
}

#[test]
fn who_may_call_what_from_where() {
    let mut fixture = Fixture::new(WORLD);
    assert!(fixture.call_as("333333333333", "DescribeOrganization", json!({})).is_ok());
    for operation in ["ListAccounts", "ListRoots", "CreatePolicy"] {
        let error = fixture.call_as("333333333333", operation, json!({})).unwrap_err();
        assert_eq!(error.code, "AccessDeniedException", "{operation}");
    }
    assert!(fixture.call_as(SECURITY, "ListAccounts", json!({})).is_ok());
    assert_eq!(fixture.call_as(SECURITY, "CreatePolicy", json!({})).unwrap_err().code, "AccessDeniedException");
    let stranger = fixture.call_as("999999999999", "DescribeOrganization", json!({})).unwrap_err();
    assert_eq!(stranger.code, "AWSOrganizationsNotInUseException");
    let mut elsewhere = call(MANAGEMENT, "ListAccounts", json!({}), fixture.now);
    elsewhere.region = "eu-west-1".to_owned();
    assert_eq!(handle(&mut fixture.org, &elsewhere).unwrap_err().code, "UnsupportedAPIEndpointException");
    fixture.org.set_in_use(false);
    assert_eq!(fixture.error("ListAccounts", json!({})), "AWSOrganizationsNotInUseException");
}

#[test]
fn policies_are_checked_when_saved() {
    let mut fixture = Fixture::new(WORLD);
    let id = fixture.create("mine");
    assert_eq!(fixture.error("CreatePolicy", draft("mine", DENY)), "DuplicatePolicyException");
    assert_eq!(fixture.error("CreatePolicy", draft("FullAWSAccess", DENY)), "DuplicatePolicyException");
    let tag_policy = json!({"Name": "mine", "Description": "", "Type": "TAG_POLICY", "Content": "{\"tags\":{}}"});
    fixture.ok("CreatePolicy", tag_policy);
    assert_eq!(fixture.error("UpdatePolicy", json!({"PolicyId": id, "Name": "foreign"})), "DuplicatePolicyException");
    fixture.ok("UpdatePolicy", json!({"PolicyId": id, "Name": "mine"}));
    for content in ["", "x", "{}", &DENY.replace("\"Effect\"", "\"Principal\":\"*\",\"Effect\"")] {
        assert_eq!(
            fixture.error("CreatePolicy", draft("bad", content)),
            "MalformedPolicyDocumentException",
            "{content}"
        );
        let update = json!({"PolicyId": id, "Content": content});
        assert_eq!(fixture.error("UpdatePolicy", update), "MalformedPolicyDocumentException", "{content}");
    }
    let exactly = format!("{DENY}{}", " ".repeat(10_240 - DENY.len()));
    fixture.ok("CreatePolicy", draft("fits", &exactly));
    let limit = "ConstraintViolationException POLICY_CONTENT_LIMIT_EXCEEDED";
    assert_eq!(fixture.error("CreatePolicy", draft("large", &format!("{exactly} "))), limit);
    let missing = json!({"Name": "x", "Type": "SERVICE_CONTROL_POLICY", "Content": DENY});
    assert_eq!(fixture.error("CreatePolicy", missing), "InvalidInputException INPUT_REQUIRED");
    let long = "x".repeat(129);
    assert_eq!(fixture.error("CreatePolicy", draft(&long, DENY)), "InvalidInputException MAX_LENGTH_EXCEEDED");
    let unknown = json!({"Name": "x", "Description": "", "Type": "SCP", "Content": DENY});
    assert_eq!(fixture.error("CreatePolicy", unknown), "InvalidInputException INVALID_ENUM_POLICY_TYPE");
}

#[test]
fn what_aws_manages_stays_as_it_is() {
    let mut fixture = Fixture::new(WORLD);
    let immutable = "InvalidInputException IMMUTABLE_POLICY";
    assert_eq!(fixture.error("UpdatePolicy", json!({"PolicyId": "p-FullAWSAccess", "Content": DENY})), immutable);
    assert_eq!(fixture.error("DeletePolicy", json!({"PolicyId": "p-FullAWSAccess"})), immutable);
    let tags = json!([{"Key": "a", "Value": "b"}]);
    assert_eq!(fixture.error("TagResource", json!({"ResourceId": "p-FullAWSAccess", "Tags": tags})), immutable);
    let described = fixture.ok("DescribePolicy", json!({"PolicyId": "p-FullAWSAccess"}));
    assert_eq!(described["Policy"]["PolicySummary"]["AwsManaged"], true);
    let targets = fixture.ok("ListTargetsForPolicy", json!({"PolicyId": "p-FullAWSAccess"}));
    assert_eq!(targets["Targets"].as_array().unwrap().len(), 1 + 4 + 3);
}

#[test]
fn attachments_have_their_limits() {
    let mut fixture = Fixture::new(WORLD);
    let prod = fixture.ou("Workloads/Prod");
    let pair = |policy: &str| json!({"PolicyId": policy, "TargetId": prod});
    let ids: Vec<String> = (0..10).map(|n| fixture.create(&format!("n{n}"))).collect();
    for id in &ids[..9] {
        fixture.ok("AttachPolicy", pair(id));
    }
    assert_eq!(fixture.attached(&prod), 10);
    let most = "ConstraintViolationException MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED";
    assert_eq!(fixture.error("AttachPolicy", pair(&ids[9])), most);
    assert_eq!(fixture.error("AttachPolicy", pair(&ids[0])), "DuplicatePolicyAttachmentException");
    assert_eq!(fixture.error("DeletePolicy", json!({"PolicyId": ids[0]})), "PolicyInUseException");
    assert_eq!(fixture.error("DetachPolicy", pair(&ids[9])), "PolicyNotAttachedException");
    for id in &ids[..9] {
        fixture.ok("DetachPolicy", pair(id));
    }
    let last = "ConstraintViolationException MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED";
    assert_eq!(fixture.error("DetachPolicy", pair("p-FullAWSAccess")), last);
    fixture.ok("AttachPolicy", pair(&ids[0]));
    fixture.ok("DetachPolicy", pair("p-FullAWSAccess"));
    assert_eq!(fixture.error("DetachPolicy", pair(&ids[0])), last);
    fixture.ok("DeletePolicy", json!({"PolicyId": ids[1]}));
    assert_eq!(fixture.error("DescribePolicy", json!({"PolicyId": ids[1]})), "PolicyNotFoundException");
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut fixture = Fixture::new(WORLD);
    for (operation, input, error) in [
        ("DescribeAccount", json!({"AccountId": "999999999999"}), "AccountNotFoundException"),
        ("DescribeAccount", json!({"AccountId": "9"}), "InvalidInputException INVALID_PATTERN"),
        ("DescribeAccount", json!({}), "InvalidInputException INPUT_REQUIRED"),
        (
            "DescribeOrganizationalUnit",
            json!({"OrganizationalUnitId": "ou-ab12-00000000"}),
            "OrganizationalUnitNotFoundException",
        ),
        ("ListAccountsForParent", json!({"ParentId": "ou-ab12-00000000"}), "ParentNotFoundException"),
        ("ListChildren", json!({"ParentId": "r-ab12", "ChildType": "POLICY"}), "InvalidInputException INVALID_ENUM"),
        ("ListParents", json!({"ChildId": "999999999999"}), "ChildNotFoundException"),
        ("ListParents", json!({"ChildId": "r-ab12"}), "InvalidInputException INVALID_PATTERN"),
        ("DescribePolicy", json!({"PolicyId": "p-nothere0"}), "PolicyNotFoundException"),
        ("ListTargetsForPolicy", json!({"PolicyId": "p-nothere0"}), "PolicyNotFoundException"),
        ("AttachPolicy", json!({"PolicyId": "p-nothere0", "TargetId": "r-ab12"}), "PolicyNotFoundException"),
        ("AttachPolicy", json!({"PolicyId": "p-foreign0", "TargetId": "r-zzzz"}), "TargetNotFoundException"),
        (
            "AttachPolicy",
            json!({"PolicyId": "p-foreign0", "TargetId": "x"}),
            "InvalidInputException INVALID_PATTERN_TARGET_ID",
        ),
        ("ListTagsForResource", json!({"ResourceId": "p-nothere0"}), "TargetNotFoundException"),
        ("EnablePolicyType", json!({"RootId": "r-zzzz", "PolicyType": "TAG_POLICY"}), "RootNotFoundException"),
        ("CreateOrganization", json!({}), "UnknownOperationException"),
    ] {
        assert_eq!(fixture.error(operation, input.clone()), error, "{operation} {input}");
    }
}

#[test]
fn policy_types_are_switched_with_their_attachments() {
    let mut fixture = Fixture::new(WORLD);
    let of_root = json!({"RootId": "r-ab12", "PolicyType": "SERVICE_CONTROL_POLICY"});
    assert_eq!(fixture.error("EnablePolicyType", of_root.clone()), "PolicyTypeAlreadyEnabledException");
    let root = fixture.ok("DisablePolicyType", of_root.clone());
    assert_eq!(root["Root"]["PolicyTypes"], json!([]));
    assert_eq!(fixture.attached("r-ab12"), 0);
    let attach = json!({"PolicyId": "p-foreign0", "TargetId": "r-ab12"});
    assert_eq!(fixture.error("AttachPolicy", attach), "PolicyTypeNotEnabledException");
    assert_eq!(fixture.error("DisablePolicyType", of_root.clone()), "PolicyTypeNotEnabledException");
    fixture.ok("EnablePolicyType", of_root);
    assert_eq!(fixture.attached("333333333333"), 1);
    let foreign = fixture.ok("ListTargetsForPolicy", json!({"PolicyId": "p-foreign0"}));
    assert_eq!(foreign["Targets"], json!([]));
    let rcps = json!({"RootId": "r-ab12", "PolicyType": "RESOURCE_CONTROL_POLICY"});
    fixture.ok("EnablePolicyType", rcps);
    let detach = json!({"PolicyId": "p-RCPFullAWSAccess", "TargetId": "r-ab12"});
    assert_eq!(fixture.error("DetachPolicy", detach), "InvalidInputException NON_DETACHABLE_POLICY");
    let billing = WORLD.replace("rootId:", "featureSet: CONSOLIDATED_BILLING, policyTypes: [], rootId:");
    let billing = billing.split("policies:").next().unwrap().to_owned();
    assert_eq!(
        Fixture::new(&billing).error("CreatePolicy", draft("x", DENY)),
        "PolicyTypeNotAvailableForOrganizationException"
    );
}

#[test]
fn the_tree_has_its_rules() {
    let mut fixture = Fixture::new(WORLD);
    let (workloads, prod) = (fixture.ou("Workloads"), fixture.ou("Workloads/Prod"));
    assert_eq!(fixture.ou("Workloads/Dev"), "ou-ab12-devdevde");
    let again = json!({"ParentId": workloads, "Name": "Prod"});
    assert_eq!(fixture.error("CreateOrganizationalUnit", again), "DuplicateOrganizationalUnitException");
    let mut parent = prod.clone();
    for depth in ["3", "4", "5"] {
        let ou = fixture.ok("CreateOrganizationalUnit", json!({"ParentId": parent, "Name": depth}));
        ou["OrganizationalUnit"]["Id"].as_str().unwrap().clone_into(&mut parent);
        assert_eq!(fixture.attached(&parent), 1);
    }
    let deep = json!({"ParentId": parent, "Name": "6"});
    assert_eq!(fixture.error("CreateOrganizationalUnit", deep), "ConstraintViolationException OU_DEPTH_LIMIT_EXCEEDED");
    let go =
        |from: &str, to: &str| json!({"AccountId": "333333333333", "SourceParentId": from, "DestinationParentId": to});
    assert_eq!(fixture.error("MoveAccount", go(&workloads, "r-ab12")), "SourceParentNotFoundException");
    assert_eq!(fixture.error("MoveAccount", go(&prod, "r-zzzz")), "DestinationParentNotFoundException");
    assert_eq!(fixture.error("MoveAccount", go(&prod, &prod)), "DuplicateAccountException");
    fixture.ok("MoveAccount", go(&prod, "r-ab12"));
    let parents = fixture.ok("ListParents", json!({"ChildId": "333333333333"}));
    assert_eq!(parents["Parents"], json!([{"Id": "r-ab12", "Type": "ROOT"}]));
}

#[test]
fn tags_have_their_limits() {
    let mut fixture = Fixture::new(WORLD);
    let tag = |key: &str, value: &str| json!({"Key": key, "Value": value});
    let mut with_tags = draft("tagged", DENY);
    with_tags["Tags"] = json!([tag("owner", "us"), tag("owner", "them")]);
    assert_eq!(fixture.error("CreatePolicy", with_tags.clone()), "InvalidInputException DUPLICATE_TAG_KEY");
    with_tags["Tags"] = json!([tag("aws:owner", "us")]);
    assert_eq!(fixture.error("CreatePolicy", with_tags.clone()), "InvalidInputException INVALID_SYSTEM_TAGS_PARAMETER");
    with_tags["Tags"] = json!([tag("owner", "us?")]);
    assert_eq!(fixture.error("CreatePolicy", with_tags.clone()), "InvalidInputException INVALID_PATTERN");
    with_tags["Tags"] = (0..51).map(|n| tag(&format!("k{n}"), "v")).collect();
    let limit = "ConstraintViolationException MAX_TAG_LIMIT_EXCEEDED";
    assert_eq!(fixture.error("CreatePolicy", with_tags.clone()), limit);
    with_tags["Tags"] = (0..50).map(|n| tag(&format!("k{n}"), "v")).collect();
    let policy = fixture.ok("CreatePolicy", with_tags);
    let id = &policy["Policy"]["PolicySummary"]["Id"];
    assert_eq!(fixture.error("TagResource", json!({"ResourceId": id, "Tags": [tag("more", "")]})), limit);
    fixture.ok("UntagResource", json!({"ResourceId": id, "TagKeys": ["k0", "nothing"]}));
    fixture.ok("TagResource", json!({"ResourceId": id, "Tags": [tag("more", "")]}));
    let page = fixture.ok("ListTagsForResource", json!({"ResourceId": id}));
    assert_eq!(page["Tags"].as_array().unwrap().len(), 20);
    assert!(page.get("NextToken").is_some());
    fixture.ok("TagResource", json!({"ResourceId": "222222222222", "Tags": [tag("team", "x")]}));
    let tags = fixture.ok("ListTagsForResource", json!({"ResourceId": "222222222222"}));
    assert_eq!(tags["Tags"], json!([tag("team", "x")]));
}

#[test]
fn reads_lag_behind_writes_but_rules_do_not() {
    let mut fixture = Fixture::new(WORLD);
    fixture.org.set_lags(Organization::lags_of(10_000, 60_000));
    let id = fixture.create("slow");
    assert_eq!(fixture.error("DescribePolicy", json!({"PolicyId": id})), "PolicyNotFoundException");
    assert_eq!(fixture.error("CreatePolicy", draft("slow", DENY)), "DuplicatePolicyException");
    let pair = json!({"PolicyId": id, "TargetId": "333333333333"});
    fixture.ok("AttachPolicy", pair.clone());
    assert_eq!(fixture.attached("333333333333"), 1);
    assert_eq!(fixture.error("AttachPolicy", pair), "DuplicatePolicyAttachmentException");
    fixture.now = fixture.now.checked_add(SignedDuration::from_secs(10)).unwrap();
    assert_eq!(fixture.attached("333333333333"), 2);
    let history = fixture.org.history();
    let kinds: Vec<ChangeKind> = history.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ChangeKind::Create, ChangeKind::Attach]);
    assert_eq!(history[1].enforced_at.duration_since(history[1].at), SignedDuration::from_secs(60));
    assert_eq!((history[1].n, history[1].actor.as_str()), (2, "arn:aws:iam::111111111111:root"));
    assert_eq!(history[1].target_id.as_deref(), Some("333333333333"));
}

#[test]
fn a_world_that_aws_would_not_allow_is_refused_with_its_field() {
    for (change, field) in [
        (("path: Security,", "path: Nowhere,"), "accounts[0]: path: no OU Nowhere"),
        (("ou-ab12-devdevde", "ou-x"), "organizationalUnits[2]: id: must be like"),
        (("attach: [Workloads]", "attach: [Work]"), "policies[0]: foreign: attach[0]: no root, OU or account"),
        (("Effect: Deny", "Effect: deny"), "policies[0]: foreign: MalformedPolicyDocumentException"),
        (("o-exampleorgid", "exampleorgid"), "organization: id: must be"),
        (("id: 333333333333", "id: 222222222222"), "accounts[1]: id: account 222222222222 exists"),
    ] {
        let world = World::parse(&WORLD.replace(change.0, change.1)).unwrap();
        let error = format!("{:#}", Organization::new(&world, Timestamp::UNIX_EPOCH).unwrap_err());
        assert!(error.contains(field), "{error}");
    }
}
