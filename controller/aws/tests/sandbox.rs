//! The adapters against aws-sandbox, the strict stand-in for AWS: `cargo build -p aws-sandbox`, or `AWS_SANDBOX` is its path.
#![allow(missing_docs, clippy::expect_used)]

mod common;

use std::sync::atomic::Ordering;

use common::sandbox::{OPERATOR, Sandbox};
use common::{Opened, Permits, policy};
use jiff::Timestamp;
use serde_json::json;
use soc2_aws::{AwsError, ErrorClass, Role};
use soc2_posture::organization::{AccountState, Organization};

fn role(account: &str, name: &str) -> Role {
    Role { arn: format!("arn:aws:iam::{account}:role/{name}"), external_id: Some("acme-7".to_owned()) }
}

fn reader() -> Role {
    role("111111111111", "soc2-read")
}

fn writer() -> Role {
    role("111111111111", "soc2-write")
}

async fn read(opened: &Opened, role: Option<&Role>) -> Result<Organization, AwsError> {
    opened.aws.directory(role).organization(Timestamp::UNIX_EPOCH).await
}

#[tokio::test]
async fn the_tree_is_the_same_with_and_without_paths() {
    let with = Sandbox::start().await;
    let opened = Opened::at(&with.endpoint, OPERATOR).await;
    let organization = read(&opened, Some(&reader())).await.expect("the organization");
    assert_eq!((organization.id.as_str(), organization.root.as_str()), ("o-exampleorgid", "r-ab12"));
    assert!(organization.scp_enabled);
    assert_eq!((organization.accounts.len(), organization.units.len()), (45, 7));
    let account = |id: &str| id.parse().expect("an id");
    assert_eq!(organization.account_path(account("444444444444")), "Workloads/Prod/Web");
    assert_eq!(organization.account_path(account("111111111111")), "");
    assert_eq!(organization.accounts[&account("555555555555")].state, AccountState::Suspended);
    assert!(organization.accounts[&account("333333333333")].joined_at.is_some());
    assert!(with.outcomes("ListAccountsForParent").await.is_empty());
    let calls = with.calls().await;
    assert!(calls.iter().all(|call| call["outcome"] == "ok"), "{calls:?}");

    // What the first reading had is known now: the second need not be confirmed.
    let pages = with.outcomes("ListAccounts").await.len();
    assert_eq!(pages, 6);
    assert_eq!(read(&opened, Some(&reader())).await.expect("the organization"), organization);
    assert_eq!(with.outcomes("ListAccounts").await.len(), pages + 3);

    let without = Sandbox::with(false, &["--no-limits"]).await;
    let opened = Opened::at(&without.endpoint, OPERATOR).await;
    let walked = read(&opened, Some(&reader())).await.expect("the organization");
    assert_eq!(walked.accounts.keys().collect::<Vec<_>>(), organization.accounts.keys().collect::<Vec<_>>());
    for id in walked.accounts.keys() {
        assert_eq!(walked.account_path(*id), organization.account_path(*id), "{id}");
    }
    assert!(!without.outcomes("ListAccountsForParent").await.is_empty());
}

#[tokio::test]
async fn policies_and_tags_are_read() {
    let sandbox = Sandbox::start().await;
    let opened = Opened::at(&sandbox.endpoint, OPERATOR).await;
    let directory = opened.aws.directory(Some(&reader()));
    assert_eq!(directory.identity().await.expect("an identity").to_string(), "111111111111");
    let policies = directory.policies().await.expect("policies");
    let foreign = policies.iter().find(|policy| policy.name == "foreign").expect("the policy");
    assert!(!foreign.aws_managed);
    assert!(policies.iter().any(|policy| policy.id == "p-FullAWSAccess" && policy.aws_managed));
    assert!(directory.policy_content(&foreign.id).await.expect("content").contains("s3:*"));
    assert_eq!(directory.policy_tags(&foreign.id).await.expect("tags")["owner"], "others");
    let targets = directory.policy_targets(&foreign.id).await.expect("targets");
    assert!(targets.len() == 1 && targets.iter().all(|target| target.starts_with("ou-")), "{targets:?}");
    // More than a page of them.
    assert_eq!(directory.policy_targets("p-FullAWSAccess").await.expect("targets").len(), 45 + 7);
    let tags = directory.account_tags("333333333333".parse().expect("an id")).await.expect("tags");
    assert_eq!(tags["env"], "prod");
    let gone = directory.policy_content("p-00000000").await.expect_err("no such policy");
    assert_eq!((gone.class, gone.is("PolicyNotFound")), (ErrorClass::Terminal, true), "{gone:?}");
}

#[tokio::test]
async fn empty_pages_cut_connections_and_old_tokens_make_no_smaller_tree() {
    let sandbox = Sandbox::start().await;
    let opened = Opened::at(&sandbox.endpoint, OPERATOR).await;
    let whole = read(&opened, Some(&reader())).await.expect("the organization");
    sandbox.fault("ListAccounts", "emptyPage", json!({"times": 2})).await;
    sandbox.fault("ListOrganizationalUnitsForParent", "emptyPage", json!({"times": 2})).await;
    assert_eq!(read(&opened, Some(&reader())).await.expect("the organization"), whole);
    sandbox.fault("ListAccounts", "expireToken", json!({"times": 1})).await;
    sandbox.fault("ListRoots", "cut", json!({"times": 2})).await;
    sandbox.fault("DescribeOrganization", "serverError", json!({"times": 2})).await;
    assert_eq!(read(&opened, Some(&reader())).await.expect("the organization"), whole);
    sandbox.fault("ListAccounts", "expireToken", json!({})).await;
    let error = read(&opened, Some(&reader())).await.expect_err("tokens that never last");
    assert!(error.is("InvalidInput"), "{error:?}");
}

#[tokio::test]
async fn a_tree_that_changes_while_it_is_read_is_read_again() {
    let sandbox = Sandbox::start().await;
    let opened = Opened::at(&sandbox.endpoint, OPERATOR).await;
    read(&opened, Some(&reader())).await.expect("the organization");
    let listed = sandbox.outcomes("ListAccounts").await.len();
    sandbox.fault("ListAccounts", "delay", json!({"delayMs": 1000, "times": 1})).await;
    let change = async {
        // Once the accounts are asked for, all units have been listed.
        while sandbox.get("/faults").await.to_string().contains("\"fired\":0") {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        sandbox.post("/world/organizational-units", json!({"path": "Workloads/New"})).await;
        sandbox.post("/world/accounts/333333333333/move", json!({"path": "Workloads/New"})).await;
    };
    let reader = reader();
    let (organization, ()) = tokio::join!(read(&opened, Some(&reader)), change);
    let organization = organization.expect("the organization");
    assert_eq!(organization.account_path("333333333333".parse().expect("an id")), "Workloads/New");
    assert_eq!(organization.accounts.len(), 45);
    assert_eq!(sandbox.outcomes("ListAccounts").await.len(), listed + 6, "read twice");
}

#[tokio::test]
async fn what_is_missing_is_said() {
    let sandbox = Sandbox::start().await;
    let opened = Opened::at(&sandbox.endpoint, OPERATOR).await;

    let wrong = Role { external_id: Some("not-this-one".to_owned()), ..reader() };
    let error = read(&opened, Some(&wrong)).await.expect_err("a wrong external id");
    assert_eq!(error.class, ErrorClass::Denied);
    assert!(
        error.message.starts_with("assuming arn:aws:iam::111111111111:role/soc2-read was denied: check "),
        "{error}"
    );
    assert!(error.message.contains("external id") && !error.message.contains("not-this-one"), "{error}");

    let error = read(&opened, Some(&role("111111111111", "nobody"))).await.expect_err("no such role");
    assert_eq!(error.class, ErrorClass::Denied, "{error:?}");

    let error = read(&opened, Some(&role("111111111111", "half"))).await.expect_err("half of the permissions");
    assert_eq!(error.class, ErrorClass::Denied);
    assert!(
        error.message.starts_with(
            "organizations:ListOrganizationalUnitsForParent is not allowed for role arn:aws:iam::111111111111:role/half: grant it to that role"
        ),
        "{error}"
    );

    let error = read(&opened, Some(&role("333333333333", "member"))).await.expect_err("a member");
    assert_eq!(error.class, ErrorClass::Denied);
    assert!(error.message.contains("only the management account and delegated administrators"), "{error}");

    let error = read(&opened, None).await.expect_err("the pod may only assume roles");
    assert!(error.message.contains("the operator's own credentials"), "{error}");

    sandbox.post("/world/organization", json!({"inUse": false})).await;
    let error = read(&opened, Some(&reader())).await.expect_err("not in use");
    assert_eq!((error.class, error.is("AWSOrganizationsNotInUse")), (ErrorClass::Terminal, true), "{error:?}");
    assert!(error.message.starts_with("AWS Organizations is not in use in account 111111111111"), "{error}");

    let unknown = Opened::at(&sandbox.endpoint, "AKIANOSUCHKEYATALL00").await;
    let error = read(&unknown, Some(&reader())).await.expect_err("an unknown key");
    assert_eq!((error.class, error.is("InvalidClientTokenId")), (ErrorClass::Denied, true), "{error:?}");
}

#[tokio::test]
async fn an_aws_that_is_not_there_is_a_transient_error_that_ends() {
    let endpoint = format!("http://127.0.0.1:{}", common::free_port());
    let short = |settings: &mut soc2_aws::Settings| settings.operation_timeout = std::time::Duration::from_secs(1);
    let opened = Opened::with(&endpoint, OPERATOR, short).await;
    let error = read(&opened, Some(&reader())).await.expect_err("no AWS");
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Transient, "ConnectionError"), "{error:?}");
    assert!(error.message.starts_with("sts:AssumeRole: no connection to AWS: "), "{error}");
}

#[tokio::test]
async fn policies_are_written_once_whatever_gets_in_the_way() {
    let sandbox = Sandbox::start().await;
    let opened = Opened::at(&sandbox.endpoint, OPERATOR).await;
    let (directory, writer) = (opened.aws.directory(Some(&reader())), opened.aws.policy_writer(&writer()));
    let guard = Permits::all();
    let mut wanted = policy("soc2-acme-deny-leave-org-00000000");

    assert!(sandbox.outcomes("AssumeRole").await.is_empty(), "a writer that was only opened assumes nothing");
    sandbox.fault("CreatePolicy", "conflict", json!({"times": 2})).await;
    let id = writer.create_policy(&wanted, &guard).await.expect("created");
    assert_eq!(
        sandbox.outcomes("CreatePolicy").await,
        ["ConcurrentModificationException", "ConcurrentModificationException", "ok"]
    );
    assert_eq!(guard.asked.load(Ordering::SeqCst), 4);
    assert_eq!(directory.policy_tags(&id).await.expect("tags"), wanted.tags);

    // Done, but the answer got lost: tried again, and done already.
    sandbox.fault("AttachPolicy", "cutAfter", json!({"times": 1})).await;
    writer.attach_policy(&id, "r-ab12", &guard).await.expect("attached");
    assert_eq!(
        sandbox.outcomes("AttachPolicy").await.last().map(String::as_str),
        Some("DuplicatePolicyAttachmentException")
    );
    assert!(directory.policy_targets(&id).await.expect("targets").contains("r-ab12"));

    sandbox.fault("UpdatePolicy", "changesInProgress", json!({"times": 1})).await;
    wanted.content = wanted.content.replace("LeaveOrganization", "Leave*");
    writer.update_policy(&id, &wanted, &guard).await.expect("updated");
    assert_eq!(directory.policy_content(&id).await.expect("content"), wanted.content);

    // Whether a policy whose answer got lost is ours, the caller has to read.
    sandbox.fault("CreatePolicy", "cutAfter", json!({"times": 1})).await;
    let error = writer.create_policy(&policy("another"), &guard).await.expect_err("there already");
    assert!(error.is("DuplicatePolicy"), "{error:?}");

    let mut bad = policy("bad");
    bad.content = "{}".to_owned();
    let error = writer.create_policy(&bad, &guard).await.expect_err("no policy");
    assert_eq!((error.class, error.is("MalformedPolicyDocument")), (ErrorClass::Terminal, true), "{error:?}");
    bad.content = format!(r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"{}"}}]}}"#, "x".repeat(11_000));
    let error = writer.create_policy(&bad, &guard).await.expect_err("too long");
    assert_eq!(error.class, ErrorClass::Terminal, "{error:?}");
    assert!(error.message.contains("POLICY_CONTENT_LIMIT_EXCEEDED"), "{error}");

    sandbox.post("/world/policy-types", json!({"SERVICE_CONTROL_POLICY": false})).await;
    let error = writer.attach_policy(&id, "222222222222", &guard).await.expect_err("not enabled");
    assert!(error.is("PolicyTypeNotEnabled") && error.message.contains("enable the policy type"), "{error:?}");
}

#[tokio::test]
async fn a_guard_that_refuses_keeps_everything_from_being_sent() {
    let sandbox = Sandbox::start().await;
    let opened = Opened::at(&sandbox.endpoint, OPERATOR).await;
    let writer = opened.aws.policy_writer(&writer());
    let error = writer.create_policy(&policy("held"), &Permits::new(0)).await.expect_err("held");
    assert_eq!((error.class, error.is("WriteNotPermitted")), (ErrorClass::Transient, true), "{error:?}");
    assert!(error.message.contains("the lease ends too soon"), "{error}");
    assert!(sandbox.calls().await.is_empty());

    // The lease runs out between two attempts.
    sandbox.fault("CreatePolicy", "conflict", json!({})).await;
    let error = writer.create_policy(&policy("held"), &Permits::new(3)).await.expect_err("held");
    assert!(error.is("WriteNotPermitted"), "{error:?}");
    assert_eq!(sandbox.outcomes("CreatePolicy").await.len(), 2);
}

#[tokio::test]
async fn two_writers_of_one_organization_take_turns() {
    let sandbox = Sandbox::with(true, &["--no-limits", "--latency-ms", "200"]).await;
    let opened = Opened::at(&sandbox.endpoint, OPERATOR).await;
    let (one, two) = (opened.aws.policy_writer(&writer()), opened.aws.policy_writer(&writer()));
    let (guard, a, b) = (Permits::all(), policy("a"), policy("b"));
    let (first, second) = tokio::join!(one.create_policy(&a, &guard), two.create_policy(&b, &guard));
    let (first, second) = (first.expect("created"), second.expect("created"));
    let (first, second) =
        tokio::join!(one.attach_policy(&first, "222222222222", &guard), two.update_policy(&second, &b, &guard));
    first.and(second).expect("written");
    let calls = sandbox.calls().await;
    assert!(calls.iter().all(|call| call["outcome"] == "ok"), "{calls:?}");
}

#[tokio::test]
async fn with_awss_own_limits_reading_is_never_throttled() {
    let sandbox = Sandbox::with(false, &[]).await;
    let opened = Opened::at(&sandbox.endpoint, OPERATOR).await;
    let directory = opened.aws.directory(Some(&reader()));
    let accounts: Vec<_> = (0..12).map(|n| format!("6000000000{n:02}").parse().expect("an id")).collect();
    let tags = futures::future::join_all(accounts.iter().map(|account| directory.account_tags(*account)));
    let (organization, tags) = tokio::join!(read(&opened, None), tags);
    organization.expect_err("the pod may only assume roles");
    assert!(tags.iter().all(Result::is_ok), "{tags:?}");
    read(&opened, Some(&reader())).await.expect("the organization");
    let calls = sandbox.calls().await;
    assert!(!calls.iter().any(|call| call["outcome"] == "TooManyRequestsException"), "{calls:?}");
    assert!(!opened.metrics().contains("soc2_aws_throttled_total{"));
    assert!(
        opened
            .sample(r#"soc2_aws_requests_total{service="organizations",operation="ListTagsForResource",outcome="ok"}"#)
            > 11.9
    );
}
