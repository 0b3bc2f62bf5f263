//! Security Hub through its adapter, against aws-sandbox: `cargo build -p aws-sandbox`, or `AWS_SANDBOX` is its path.
#![allow(missing_docs, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use common::Opened;
use common::sandbox::{OPERATOR, Sandbox};
use jiff::Timestamp;
use serde_json::{Value, json};
use soc2_aws::{AwsError, ErrorClass, FindingsQuery, Role, SecurityHub};
use soc2_posture::finding::Finding;

/// More than AWS allows, so that tests without limits are quick.
const FAST: u32 = 50;

fn reader() -> Role {
    Role { arn: "arn:aws:iam::222222222222:role/soc2-read".to_owned(), external_id: Some("acme-7".to_owned()) }
}

fn hub(opened: &Opened, region: &str) -> Arc<dyn SecurityHub> {
    opened.aws.security_hub(Some(&reader()), region, FAST)
}

async fn all(hub: &dyn SecurityHub, query: &FindingsQuery) -> Result<Vec<Finding>, AwsError> {
    let (mut findings, mut token) = (Vec::new(), None);
    loop {
        let page = hub.findings(query, token).await?;
        assert!(page.findings.len() <= 100);
        findings.extend(page.findings);
        token = page.next_token;
        if token.is_none() {
            return Ok(findings);
        }
    }
}

fn ids<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> BTreeSet<&'a str> {
    findings.into_iter().map(|finding| finding.id.as_str()).collect()
}

#[tokio::test]
async fn security_hub_is_described() {
    let sandbox = Sandbox::start().await;
    let opened = Opened::at(&sandbox.endpoint, OPERATOR).await;
    let hub = hub(&opened, "eu-west-1");
    let described = hub.hub().await.expect("a hub");
    assert_eq!(described.account.map(|account| account.to_string()).as_deref(), Some("222222222222"));
    assert!(described.consolidated);
    let standards = hub.standards().await.expect("standards");
    assert_eq!(standards.len(), 2);
    assert!(standards.iter().any(|arn| arn.contains("aws-foundational-security-best-practices")), "{standards:?}");
    let members = hub.members().await.expect("members");
    assert!(members.len() > 40 && members.iter().all(|(_, status)| status == "Enabled"), "{members:?}");
    assert!(!members.iter().any(|(account, _)| account.to_string() == "444444444444"));
    let aggregator = hub.aggregator().await.expect("an aggregator").expect("one");
    assert_eq!((aggregator.home.as_str(), aggregator.mode.as_str()), ("eu-west-1", "SPECIFIED_REGIONS"));
    assert_eq!(aggregator.regions, ["us-east-1"]);
    let associations = hub.associations("S3.9").await.expect("associations");
    assert!(!associations.is_empty() && associations.iter().all(|(_, enabled)| !enabled), "{associations:?}");
    assert!(hub.associations("S3.8").await.expect("associations").iter().any(|(_, enabled)| *enabled));
    let controls = hub.control_ids().await.expect("controls");
    assert!(controls.len() > 100 && controls.iter().any(|id| id == "S3.8"), "{}", controls.len());
}

#[tokio::test]
async fn a_region_without_security_hub_is_named() {
    let sandbox = Sandbox::start().await;
    let opened = Opened::at(&sandbox.endpoint, OPERATOR).await;
    let hub = hub(&opened, "ap-southeast-2");
    let expected =
        "Security Hub is not enabled in account 222222222222 in ap-southeast-2: enable it or remove the Region";
    for error in [
        hub.hub().await.map(drop).expect_err("not enabled"),
        hub.standards().await.map(drop).expect_err("not enabled"),
        hub.findings(&FindingsQuery::default(), None).await.map(drop).expect_err("not enabled"),
    ] {
        assert_eq!((error.class, error.is("InvalidAccess")), (ErrorClass::Terminal, true), "{error:?}");
        assert_eq!(error.message, expected);
    }
    let wrong = Role { external_id: None, ..reader() };
    let error = opened.aws.security_hub(Some(&wrong), "eu-west-1", FAST).hub().await.expect_err("no external id");
    assert_eq!(error.class, ErrorClass::Denied, "{error:?}");
}

type Matches = Box<dyn Fn(&Finding) -> bool>;

#[tokio::test]
async fn findings_are_filtered_sorted_and_paged() {
    let sandbox = Sandbox::start().await;
    let opened = Opened::at(&sandbox.endpoint, OPERATOR).await;
    let hub = hub(&opened, "eu-west-1");
    let every = all(&*hub, &FindingsQuery::default()).await.expect("findings");
    assert!(every.len() > 200, "{}", every.len());
    assert_eq!(ids(&every).len(), every.len());
    assert!(every.windows(2).all(|pair| pair[0].updated_at >= pair[1].updated_at), "newest first");
    assert!(every.iter().all(|finding| finding.control_id.is_some() && finding.resource_type.is_some()));
    assert_eq!(hub.traffic().requests, every.len().div_ceil(100) as u64);
    assert_eq!(hub.traffic().throttled, 0);

    let middle: Timestamp = every[every.len() / 2].updated_at.as_ref().and_then(|at| at.parse().ok()).expect("a time");
    let account = "333333333333";
    let cases: Vec<(FindingsQuery, Matches)> = vec![
        (
            FindingsQuery { accounts: vec![account.parse().expect("an id")], ..FindingsQuery::default() },
            Box::new(move |finding| finding.account_id == account),
        ),
        (
            FindingsQuery { regions: vec!["us-east-1".to_owned()], ..FindingsQuery::default() },
            Box::new(|finding| finding.region == "us-east-1"),
        ),
        (
            FindingsQuery { controls: vec!["S3.8".to_owned(), "IAM.5".to_owned()], ..FindingsQuery::default() },
            Box::new(|finding| ["S3.8", "IAM.5"].map(Some).contains(&finding.control_id.as_deref())),
        ),
        (
            FindingsQuery {
                product_arns: vec!["arn:aws:securityhub:eu-west-1::product/aws/securityhub".to_owned()],
                ..FindingsQuery::default()
            },
            Box::new(|finding| finding.region == "eu-west-1"),
        ),
        (
            FindingsQuery { updated_from: Some(middle), ..FindingsQuery::default() },
            Box::new(move |finding| {
                finding.updated_at.as_ref().is_some_and(|at| at.parse::<Timestamp>().expect("a time") >= middle)
            }),
        ),
        (
            FindingsQuery { suppressed: true, ..FindingsQuery::default() },
            Box::new(|finding| {
                finding.workflow.as_deref() == Some("SUPPRESSED") && finding.record_state.as_deref() == Some("ACTIVE")
            }),
        ),
    ];
    for (query, matches) in cases {
        let found = all(&*hub, &query).await.expect("findings");
        assert!(!found.is_empty(), "{query:?}");
        assert_eq!(ids(&found), ids(every.iter().filter(|finding| matches(finding))), "{query:?}");
    }
}

#[tokio::test]
async fn throttling_and_lost_connections_lose_no_finding() {
    let sandbox = Sandbox::start().await;
    let opened =
        Opened::with(&sandbox.endpoint, OPERATOR, |settings| settings.attempt_timeout = Duration::from_millis(1500))
            .await;
    let hub = hub(&opened, "eu-west-1");
    let before = all(&*hub, &FindingsQuery::default()).await.expect("findings");
    let calls = hub.traffic().requests;
    sandbox.fault("GetFindings", "throttle", json!({"every": 2})).await;
    let throttled = all(&*hub, &FindingsQuery::default()).await.expect("findings");
    assert_eq!(throttled, before);
    let seen = sandbox.outcomes("GetFindings").await.iter().filter(|outcome| outcome.as_str() != "ok").count() as u64;
    assert!(seen > 0);
    assert_eq!((hub.traffic().throttled, hub.traffic().requests), (seen, 2 * calls + seen));
    let sample = opened.sample(r#"soc2_aws_throttled_total{service="securityhub",operation="GetFindings"}"#);
    assert!((sample - seen as f64).abs() < 0.5, "{sample} {seen}");

    let faults = sandbox.get("/faults").await;
    assert!(faults.to_string().contains("throttle"), "{faults}");
    for kind in ["cut", "serverError", "timeout", "cutAfter"] {
        sandbox.fault("GetFindings", kind, json!({"times": 1})).await;
    }
    assert_eq!(all(&*hub, &FindingsQuery::default()).await.expect("findings"), before);
}

#[tokio::test]
async fn an_old_token_is_recognised() {
    let sandbox = Sandbox::start().await;
    let opened = Opened::at(&sandbox.endpoint, OPERATOR).await;
    let hub = hub(&opened, "eu-west-1");
    let page = hub.findings(&FindingsQuery::default(), None).await.expect("a page");
    assert!(page.next_token.is_some());
    sandbox.fault("GetFindings", "expireToken", json!({"times": 1})).await;
    let error = hub.findings(&FindingsQuery::default(), page.next_token.clone()).await.expect_err("expired");
    assert_eq!((error.class, error.is("InvalidInput")), (ErrorClass::Terminal, true), "{error:?}");
    let other = FindingsQuery { suppressed: true, ..FindingsQuery::default() };
    let error = hub.findings(&other, page.next_token).await.expect_err("of another query");
    assert!(error.is("InvalidInput"), "{error:?}");
    sandbox.fault("GetFindings", "emptyPage", json!({"times": 1})).await;
    let empty = hub.findings(&FindingsQuery::default(), None).await.expect("a page");
    assert!(empty.findings.is_empty() && empty.next_token.is_some());
}

#[tokio::test]
async fn concurrent_readers_share_one_rate_and_are_never_throttled() {
    let sandbox = Sandbox::with(true, &["--latency-ms", "400"]).await;
    let opened = Opened::at(&sandbox.endpoint, OPERATOR).await;
    // One asked for more than AWS allows, but the smaller wish counts.
    let greedy = opened.aws.security_hub(Some(&reader()), "eu-west-1", 20);
    let modest = opened.aws.security_hub(Some(&reader()), "eu-west-1", 2);
    modest.findings(&FindingsQuery::default(), None).await.expect("a page");
    let query = FindingsQuery::default();
    let reads = (0..10).map(|n| if n % 2 == 0 { greedy.findings(&query, None) } else { modest.findings(&query, None) });
    for page in futures::future::join_all(reads).await {
        page.expect("a page");
    }
    let calls = sandbox.calls().await;
    let found: Vec<&Value> = calls.iter().filter(|call| call["operation"] == "GetFindings").collect();
    assert_eq!(found.len(), 11);
    assert!(found.iter().all(|call| call["outcome"] == "ok"), "{found:?}");
    let times: Vec<Timestamp> =
        found.iter().map(|call| call["at"].as_str().and_then(|at| at.parse().ok()).expect("a time")).collect();
    let span = times[10].duration_since(times[0]).as_secs_f64();
    assert!(span > 4.8, "ten intervals of half a second took {span} s");
}
