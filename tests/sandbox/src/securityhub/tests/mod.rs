//! Security Hub as a caller sees it.

mod filters;
mod hubs;
mod imports;
mod paging;
mod products;
mod world;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{ControlRequest, Hub, HubSection, OrgFacts, control, handle};
use crate::call::{ApiError, Call, HandlerFaults};

const MANAGEMENT: &str = "111111111111";
const ADMINISTRATOR: &str = "222222222222";
const PAYMENTS: &str = "333333333333";
const SANDBOX: &str = "444444444444";
const CLOSED: &str = "555555555555";
const HOME: &str = "eu-west-1";
const LINKED: &str = "us-east-1";

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

/// A world of five accounts with the given `securityHub:` section.
fn world(section: &str) -> Hub {
    let account = |id: &str, state: &str| (id.to_owned(), "/".to_owned(), state.to_owned());
    let org = OrgFacts {
        accounts: vec![
            account(MANAGEMENT, "ACTIVE"),
            account(ADMINISTRATOR, "ACTIVE"),
            account(PAYMENTS, "ACTIVE"),
            account(SANDBOX, "ACTIVE"),
            account(CLOSED, "SUSPENDED"),
        ],
        management_account: MANAGEMENT.to_owned(),
        partition: "aws".to_owned(),
    };
    let section: HubSection = serde_yaml::from_str(section).unwrap();
    Hub::new(section, &org, now()).unwrap()
}

/// Two Regions, one linked to the other; the sandbox account is no member.
const ORGANIZATION: &str = r#"
administrator: 222222222222
aggregator: {homeRegion: eu-west-1, regions: [us-east-1]}
regions:
  eu-west-1: {standards: [FSBP, CIS5], disabledControls: [S3.9], members: {444444444444: None}}
  us-east-1: {standards: [FSBP], members: {"444444444444": None}}
"#;

fn call(operation: &str, account: &str, region: &str, input: Value) -> Call {
    Call {
        operation: operation.to_owned(),
        account: account.to_owned(),
        principal: format!("arn:aws:iam::{account}:user/test"),
        region: region.to_owned(),
        now: now(),
        input,
        path: String::new(),
        query: BTreeMap::new(),
        faults: HandlerFaults::default(),
    }
}

fn ask(hub: &mut Hub, operation: &str, account: &str, region: &str, input: Value) -> Result<Value, ApiError> {
    handle(hub, &call(operation, account, region, input))
}

fn code(answer: Result<Value, ApiError>) -> String {
    answer.err().map(|error| error.code).unwrap_or_default()
}

/// `GetFindings` of the administrator at home.
fn get(hub: &mut Hub, input: Value) -> Result<Value, ApiError> {
    ask(hub, "GetFindings", ADMINISTRATOR, HOME, input)
}

/// All findings of a query, page by page.
fn all(hub: &mut Hub, account: &str, region: &str, query: &Value) -> Vec<Value> {
    let mut input = query.clone();
    input["MaxResults"] = json!(100);
    let mut found = Vec::new();
    loop {
        let page = ask(hub, "GetFindings", account, region, input.clone()).unwrap();
        found.extend(page["Findings"].as_array().unwrap().clone());
        match page.get("NextToken") {
            Some(token) => input["NextToken"] = token.clone(),
            None => return found,
        }
    }
}

fn post(hub: &mut Hub, path: &str, body: Value) -> anyhow::Result<Value> {
    let request = ControlRequest { method: http::Method::POST, path: path.to_owned(), query: BTreeMap::new(), body };
    control(hub, now(), &request)
}

fn truth(hub: &mut Hub, query: &[(&str, &str)]) -> Vec<Value> {
    let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request =
        ControlRequest { method: http::Method::GET, path: "/world/findings".to_owned(), query, body: Value::Null };
    control(hub, now(), &request).unwrap()["findings"].as_array().unwrap().clone()
}

fn texts(findings: &[Value], member: &str) -> Vec<String> {
    let mut texts: Vec<String> =
        findings.iter().map(|finding| finding.pointer(member).unwrap().as_str().unwrap().to_owned()).collect();
    texts.sort();
    texts
}
