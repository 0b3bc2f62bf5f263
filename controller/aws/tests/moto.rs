//! The adapters against moto server, an AWS that no one here wrote.
//!
//! moto (5.2.5) has neither `GetEnabledStandards`, `ListFindingAggregators`, `ListStandardsControlAssociations` nor
//! `ListSecurityControlDefinitions` (404), ignores filters and order of `GetFindings`, keeps findings for each caller and Region, gives
//! accounts no `Paths`, enables no policy type by itself, and never throttles or denies.
//!
//! `MOTO_SERVER=<venv>/bin/moto_server cargo test -p soc2-aws --test moto -- --ignored`
#![allow(missing_docs, clippy::expect_used)]

mod common;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sdk_organizations::types::{OrganizationFeatureSet, PolicyType};
use aws_sdk_securityhub::types as sdk;
use common::{Opened, Permits, free_port, policy};
use jiff::Timestamp;
use soc2_aws::{ErrorClass, FindingsQuery, Role};
use soc2_posture::organization::AccountState;

const MANAGEMENT: &str = "123456789012";

struct Moto {
    server: Child,
    endpoint: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Moto {
    async fn start() -> Self {
        let program = std::env::var("MOTO_SERVER").expect("MOTO_SERVER is the path of moto_server");
        let port = free_port();
        let server = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto server");
        let moto = Self { server, endpoint: format!("http://127.0.0.1:{port}") };
        while reqwest::get(format!("{}/moto-api/", moto.endpoint)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        moto
    }

    async fn sdk(&self) -> aws_config::SdkConfig {
        let keys = aws_sdk_sts::config::Credentials::new(MANAGEMENT, "secret", None, None, "test");
        aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12())
            .region("eu-west-1")
            .endpoint_url(&self.endpoint)
            .credentials_provider(keys)
            .load()
            .await
    }

    /// An organization with units A and A/B and an account in each; gives their ids.
    async fn organization(&self) -> [String; 4] {
        let client = aws_sdk_organizations::Client::new(&self.sdk().await);
        client.create_organization().feature_set(OrganizationFeatureSet::All).send().await.expect("an organization");
        let roots = client.list_roots().send().await.expect("roots");
        let root = roots.roots()[0].id().expect("an id").to_owned();
        client
            .enable_policy_type()
            .root_id(&root)
            .policy_type(PolicyType::ServiceControlPolicy)
            .send()
            .await
            .expect("SCPs");
        let mut ids = Vec::new();
        let mut parent = root.clone();
        for name in ["A", "B"] {
            let unit = client.create_organizational_unit().parent_id(&parent).name(name).send().await.expect("a unit");
            parent = unit.organizational_unit.and_then(|unit| unit.id).expect("an id");
            let email = format!("{name}@example.com");
            let created = client.create_account().account_name(name).email(email).send().await.expect("an account");
            let account = created.create_account_status.and_then(|status| status.account_id).expect("an id");
            let move_it = client.move_account().account_id(&account).source_parent_id(&root);
            move_it.destination_parent_id(&parent).send().await.expect("moved");
            ids.extend([parent.clone(), account]);
        }
        ids.try_into().expect("four ids")
    }
}

fn role() -> Role {
    Role { arn: format!("arn:aws:iam::{MANAGEMENT}:role/soc2-write"), external_id: Some("acme-7".to_owned()) }
}

#[tokio::test]
#[ignore = "needs moto server"]
async fn the_organization_is_read_and_a_policy_is_kept_in_place() {
    let moto = Moto::start().await;
    let opened = Opened::at(&moto.endpoint, MANAGEMENT).await;

    let before = opened.aws.directory(None).organization(Timestamp::now()).await.expect_err("no organization yet");
    assert_eq!((before.class, before.is("AWSOrganizationsNotInUse")), (ErrorClass::Terminal, true), "{before:?}");

    let [unit_a, account_a, unit_b, account_b] = moto.organization().await;
    for directory in [opened.aws.directory(None), opened.aws.directory(Some(&role()))] {
        let organization = directory.organization(Timestamp::now()).await.expect("the organization");
        assert_eq!(organization.management_account.to_string(), MANAGEMENT);
        assert!(organization.scp_enabled);
        assert_eq!(organization.accounts.len(), 3);
        for (account, path) in [(&account_a, "A"), (&account_b, "A/B")] {
            let account = account.parse().expect("an id");
            assert_eq!(organization.account_path(account), path);
            assert_eq!(organization.accounts[&account].state, AccountState::Active);
            assert!(organization.accounts[&account].joined_at.is_some());
        }
        assert_eq!(organization.units[&unit_b].parent.as_ref(), Some(&unit_a));
    }

    let (directory, writer) = (opened.aws.directory(None), opened.aws.policy_writer(&role()));
    assert_eq!(writer.identity().await.expect("an identity").to_string(), MANAGEMENT);
    let guard = Permits::all();
    let mut wanted = policy("soc2-test-deny-leave-org-00000000");
    let id = writer.create_policy(&wanted, &guard).await.expect("created");
    writer.attach_policy(&id, &unit_a, &guard).await.expect("attached");
    writer.attach_policy(&id, &unit_a, &guard).await.expect("attached again");
    assert_eq!(directory.policy_targets(&id).await.expect("targets"), [unit_a].into());
    assert_eq!(directory.policy_tags(&id).await.expect("tags"), wanted.tags);
    assert_eq!(directory.policy_content(&id).await.expect("content"), wanted.content);
    wanted.content = wanted.content.replace("LeaveOrganization", "Leave*");
    writer.update_policy(&id, &wanted, &guard).await.expect("updated");
    assert_eq!(directory.policy_content(&id).await.expect("content"), wanted.content);
    let policies = directory.policies().await.expect("policies");
    assert!(policies.iter().any(|policy| policy.id == id && policy.name == wanted.name && !policy.aws_managed));
    assert!(policies.iter().any(|policy| policy.id == "p-FullAWSAccess" && policy.aws_managed));
    let twice = writer.create_policy(&wanted, &guard).await.expect_err("a name twice");
    assert!(twice.is("DuplicatePolicy"), "{twice:?}");
    assert!(directory.account_tags(account_a.parse().expect("an id")).await.expect("tags").is_empty());
}

fn failed(n: usize) -> sdk::AwsSecurityFinding {
    sdk::AwsSecurityFinding::builder()
        .schema_version("2018-10-08")
        .id(format!("finding-{n}"))
        .product_arn("arn:aws:securityhub:eu-west-1::product/aws/securityhub")
        .generator_id("security-control/S3.1")
        .aws_account_id(MANAGEMENT)
        .created_at("2026-11-20T00:00:00.000Z")
        .updated_at("2026-11-20T00:00:00.000Z")
        .severity(sdk::Severity::builder().label(sdk::SeverityLabel::High).build())
        .title("t")
        .description("d")
        .types("Software and Configuration Checks")
        .resources(sdk::Resource::builder().r#type("AwsS3Bucket").id(format!("arn:aws:s3:::b{n}")).build())
        .compliance(
            sdk::Compliance::builder().status(sdk::ComplianceStatus::Failed).security_control_id("S3.1").build(),
        )
        .workflow(sdk::Workflow::builder().status(sdk::WorkflowStatus::New).build())
        .record_state(sdk::RecordState::Active)
        .build()
}

#[tokio::test]
#[ignore = "needs moto server"]
async fn findings_that_were_imported_are_read() {
    let moto = Moto::start().await;
    let opened = Opened::at(&moto.endpoint, MANAGEMENT).await;
    let client = aws_sdk_securityhub::Client::new(&moto.sdk().await);
    let hub = opened.aws.security_hub(Some(&role()), "eu-west-1", 10);
    let off = hub.hub().await.expect_err("not enabled");
    assert!(off.is("InvalidAccess") || off.is("ResourceNotFound"), "{off:?}");
    assert!(off.message.starts_with("Security Hub is not enabled in account 123456789012 in eu-west-1"), "{off}");
    client.enable_security_hub().send().await.expect("enabled");
    let found = hub.hub().await.expect("a hub");
    assert_eq!(found.account.map(|account| account.to_string()).as_deref(), Some(MANAGEMENT));

    for batch in 0..3 {
        let findings = (batch * 100..(batch * 100 + 100).min(250)).map(failed).collect();
        let imported = client.batch_import_findings().set_findings(Some(findings)).send().await.expect("imported");
        assert_eq!(imported.failed_count(), Some(0), "{imported:?}");
    }

    let (mut findings, mut token) = (Vec::new(), None);
    loop {
        let page = hub.findings(&FindingsQuery::default(), token).await.expect("a page");
        assert!(page.findings.len() <= 100);
        findings.extend(page.findings);
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(findings.len(), 250);
    assert_eq!(findings[0].control_id.as_deref(), Some("S3.1"));
    assert_eq!(findings[0].compliance.as_deref(), Some("FAILED"));
    assert_eq!(hub.traffic().requests, 3);

    // What moto does not know ends at once, with a code that says so.
    for (what, error) in [
        ("standards", hub.standards().await.expect_err("unknown")),
        ("aggregator", hub.aggregator().await.expect_err("unknown")),
        ("associations", hub.associations("S3.1").await.expect_err("unknown")),
        ("control ids", hub.control_ids().await.expect_err("unknown")),
    ] {
        assert_eq!((error.class, error.is("UnknownOperation")), (ErrorClass::Terminal, true), "{what}: {error:?}");
    }
    assert_eq!(hub.members().await.expect("members"), []);
}
