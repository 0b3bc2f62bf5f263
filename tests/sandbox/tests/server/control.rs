//! The control port: faults, limits, latency, and the world behind the operator's back.

use std::time::{Duration, Instant};

use crate::client::{Aws, DENY, WORLD, root};
use serde_json::{Value, json};

const MANAGEMENT: &str = "111111111111";

fn draft(name: &str) -> Value {
    json!({"Name": name, "Description": "", "Type": "SERVICE_CONTROL_POLICY", "Content": DENY})
}

async fn code(aws: &Aws, operation: &str, input: Value) -> String {
    let answer = aws.organizations(&root(MANAGEMENT), operation, input).await.expect("an answer");
    answer.json()["__type"].as_str().unwrap_or("ok").to_owned()
}

async fn fault(aws: &Aws, fault: Value) {
    aws.control("POST", "/faults", fault).await;
}

#[tokio::test]
async fn rate_limits_hold_until_they_are_switched_off() {
    let aws = Aws::start(WORLD).await;
    let mut codes = Vec::new();
    for _ in 0..30 {
        codes.push(code(&aws, "DescribeOrganization", json!({})).await);
    }
    assert!(codes.contains(&"TooManyRequestsException".to_owned()), "{codes:?}");
    let throttles = aws.control("GET", "/calls/summary", json!(null)).await["throttles"].as_u64().unwrap();
    assert_eq!(usize::try_from(throttles).unwrap(), codes.iter().filter(|code| *code != "ok").count());
    aws.control("POST", "/settings", json!({"limits": false})).await;
    for _ in 0..30 {
        assert_eq!(code(&aws, "DescribeOrganization", json!({})).await, "ok");
    }
}

#[tokio::test]
async fn two_writes_at_a_time_are_one_too_many() {
    let aws = Aws::start(WORLD).await;
    let settings = aws.control("POST", "/settings", json!({"latencyMs": 300})).await;
    assert_eq!(settings, json!({"latencyMs": 300, "limits": true, "readLagMs": 0, "enforceLagMs": 0}));
    let start = Instant::now();
    let (first, second) = tokio::join!(code(&aws, "CreatePolicy", draft("a")), code(&aws, "CreatePolicy", draft("b")));
    let mut codes = [first, second];
    codes.sort();
    assert_eq!(codes, ["ConcurrentModificationException", "ok"]);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(code(&aws, "CreatePolicy", draft("c")).await, "ok");
}

#[tokio::test]
async fn faults_do_what_they_say() {
    let aws = Aws::start(WORLD).await;
    aws.control("POST", "/settings", json!({"limits": false})).await;
    for (kind, error) in [
        ("throttle", "TooManyRequestsException"),
        ("serverError", "ServiceException"),
        ("accessDenied", "AccessDeniedException"),
        ("deniedByScp", "AccessDeniedException"),
    ] {
        fault(&aws, json!({"kind": kind, "operation": "ListRoots", "times": 1})).await;
        assert_eq!(code(&aws, "ListRoots", json!({})).await, error);
        assert_eq!(code(&aws, "ListRoots", json!({})).await, "ok");
    }
    fault(&aws, json!({"kind": "conflict", "times": 1})).await;
    assert_eq!(code(&aws, "ListRoots", json!({})).await, "ok");
    assert_eq!(code(&aws, "CreatePolicy", draft("a")).await, "ConcurrentModificationException");
    fault(&aws, json!({"kind": "emptyPage", "times": 1})).await;
    let page = aws.organizations(&root(MANAGEMENT), "ListAccounts", json!({})).await.unwrap().json();
    assert_eq!(page["Accounts"], json!([]));
    fault(&aws, json!({"kind": "expireToken", "times": 1})).await;
    let again = json!({"NextToken": page["NextToken"]});
    assert_eq!(code(&aws, "ListAccounts", again.clone()).await, "InvalidInputException");
    assert_eq!(code(&aws, "ListAccounts", again).await, "ok");
    let id = aws.control("POST", "/faults", json!({"kind": "throttle"})).await["id"].clone();
    aws.control("DELETE", &format!("/faults/{id}"), json!(null)).await;
    assert_eq!(aws.control("GET", "/faults", json!(null)).await["faults"], json!([]));
    let typo = aws.control_status("POST", "/faults", json!({"kind": "throttle", "opertion": "x"})).await;
    assert!(typo.status == 400 && typo.body.contains("opertion"), "{typo:?}");
}

#[tokio::test]
async fn a_cut_connection_answers_nothing_before_or_after_the_deed() {
    let aws = Aws::start(WORLD).await;
    fault(&aws, json!({"kind": "cut", "times": 1})).await;
    assert!(aws.organizations(&root(MANAGEMENT), "CreatePolicy", draft("a")).await.is_none());
    assert_eq!(aws.control("GET", "/history", json!(null)).await["history"], json!([]));
    fault(&aws, json!({"kind": "cutAfter", "times": 1})).await;
    assert!(aws.organizations(&root(MANAGEMENT), "CreatePolicy", draft("a")).await.is_none());
    let history = aws.control("GET", "/history", json!(null)).await;
    assert_eq!((&history["history"][0]["kind"], &history["history"][0]["policyName"]), (&json!("create"), &json!("a")));
    assert_eq!(aws.outcomes("CreatePolicy").await, ["cut", "ok"]);
    fault(&aws, json!({"kind": "timeout", "times": 1})).await;
    let signer = root(MANAGEMENT);
    let hanging = aws.organizations(&signer, "ListRoots", json!({}));
    assert!(tokio::time::timeout(Duration::from_millis(200), hanging).await.is_err());
    assert_eq!(aws.outcomes("ListRoots").await, ["timeout"]);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_undo_its_write() {
    let aws = Aws::start(WORLD).await;
    aws.control("POST", "/settings", json!({"latencyMs": 300})).await;
    let signer = root(MANAGEMENT);
    let call = aws.organizations(&signer, "CreatePolicy", draft("a"));
    assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
    while aws.outcomes("CreatePolicy").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(aws.control("GET", "/history", json!(null)).await["history"][0]["policyName"], "a");
    assert_eq!(code(&aws, "CreatePolicy", draft("b")).await, "ok");
}

#[tokio::test]
async fn the_world_changes_behind_the_operators_back() {
    let aws = Aws::start(WORLD).await;
    let account = json!({"id": "444444444444", "name": "new", "path": "Workloads/Prod", "tags": {"env": "prod"}});
    let joined = aws.control("POST", "/world/accounts", account).await;
    assert_eq!((&joined["path"], &joined["state"]), (&json!("/Workloads/Prod"), &json!("ACTIVE")));
    aws.control("POST", "/world/organizational-units", json!({"path": "Lab/Deep"})).await;
    aws.control("POST", "/world/accounts/444444444444/move", json!({"path": "Lab/Deep"})).await;
    aws.control("POST", "/world/accounts/444444444444", json!({"state": "SUSPENDED"})).await;
    let body = json!({"name": "theirs", "content": serde_json::from_str::<Value>(DENY).unwrap(), "attach": ["Lab", "444444444444"]});
    let policy = aws.control("POST", "/world/policies", body).await;
    let id = policy["id"].as_str().unwrap();
    assert_eq!(policy["targets"].as_array().unwrap().len(), 2);
    aws.control("POST", &format!("/world/policies/{id}"), json!({"name": "renamed", "tags": {"a": "b"}})).await;
    aws.control("POST", &format!("/world/policies/{id}/detach"), json!({"target": "Lab"})).await;
    let refused = aws.control_status("POST", &format!("/world/policies/{id}/detach"), json!({"target": "Lab"})).await;
    assert!(refused.status == 400 && refused.body.contains("PolicyNotAttachedException"), "{refused:?}");
    aws.control("DELETE", &format!("/world/policies/{id}"), json!(null)).await;
    aws.control("DELETE", "/world/accounts/444444444444", json!(null)).await;
    let history = aws.control("GET", "/history", json!(null)).await;
    let history: Vec<String> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| format!("{} {}", change["actor"].as_str().unwrap(), change["kind"].as_str().unwrap()))
        .collect();
    let expected = [
        "aws attach",
        "aws attach",
        "aws attach",
        "outside create",
        "outside attach",
        "outside attach",
        "outside update",
        "outside detach",
        "outside detach",
        "outside delete",
        "outside detach",
    ];
    assert_eq!(history, expected);
    aws.control("POST", "/world/policy-types", json!({"SERVICE_CONTROL_POLICY": false})).await;
    let state = aws.control("GET", "/state", json!(null)).await;
    assert_eq!(state["organization"]["policyTypes"], json!([]));
    assert_eq!(state["accounts"].as_array().unwrap().len(), 2);
    aws.control("POST", "/world/organization", json!({"inUse": false})).await;
    assert_eq!(code(&aws, "ListRoots", json!({})).await, "AWSOrganizationsNotInUseException");
}

#[tokio::test]
async fn lag_follows_the_sandbox_clock() {
    let aws = Aws::start(WORLD).await;
    aws.control("POST", "/clock", json!({"set": "2027-01-01T00:00:00Z", "frozen": true})).await;
    aws.control("POST", "/settings", json!({"readLagMs": 60_000, "limits": false})).await;
    let policy = aws.organizations(&root(MANAGEMENT), "CreatePolicy", draft("a")).await.unwrap().json();
    let id = json!({"PolicyId": policy["Policy"]["PolicySummary"]["Id"]});
    assert_eq!(code(&aws, "DescribePolicy", id.clone()).await, "PolicyNotFoundException");
    let clock = aws.control("POST", "/clock", json!({"advanceSeconds": 61})).await;
    assert_eq!(clock, json!({"now": "2027-01-01T00:01:01Z", "frozen": true}));
    assert_eq!(code(&aws, "DescribePolicy", id).await, "ok");
}

#[tokio::test]
async fn the_demo_world_is_sound() {
    let aws = Aws::start(include_str!("../../worlds/demo.yaml")).await;
    let state = aws.control("GET", "/state", json!(null)).await;
    assert!(state["accounts"].as_array().unwrap().len() >= 12);
    assert_eq!(aws.control("GET", "/health", json!(null)).await, json!({"status": "ok"}));
    assert_eq!(aws.control_status("GET", "/nothing", json!(null)).await.status, 404);
}
