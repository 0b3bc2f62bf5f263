//! What other administrators do through the control port, as the calls of AWS that it would have been: CloudTrail tells of them.

use serde_json::{Value, json};

use crate::cloudtrail::Recorded;
use crate::securityhub::ControlRequest;
use crate::state::State;

/// Who is taken to have done it when the request does not say `?by=`.
const SOMEBODY: &str = "user/somebody";

/// The calls that a request stands for: operation, parameters, response.
type Calls = Vec<(&'static str, Value, Value)>;

/// Where a policy is attached, which is not known any more once it is deleted.
pub(super) fn targets_before(state: &State, rest: &[&str]) -> Vec<String> {
    let ["policies", id] = rest else { return Vec::new() };
    let policies = state.organization.policies_state();
    let of_it = policies.as_array().into_iter().flatten().find(|policy| policy["id"] == *id);
    let targets = of_it.and_then(|policy| policy["targets"].as_array()).into_iter().flatten();
    targets.filter_map(|target| target.as_str().map(str::to_owned)).collect()
}

/// Sends what CloudTrail tells of a request that was done.
pub(super) fn tell(state: &mut State, request: &ControlRequest, rest: &[&str], before: &[String], answer: &Value) {
    let (account, partition) = state.organization.management();
    let (account, by) = (account.to_owned(), request.query.get("by").cloned());
    let by = by.unwrap_or_else(|| format!("arn:{partition}:iam::{account}:{SOMEBODY}"));
    // A role acts through a session of it.
    let (arn, role) = match by.split_once(":role/") {
        Some((_, name)) => {
            let name = name.rsplit('/').next().unwrap_or_default();
            let (of, partition) = (by.split(':').nth(4).unwrap_or_default(), partition.to_owned());
            (format!("arn:{partition}:sts::{of}:assumed-role/{name}/person"), Some(by.clone()))
        }
        None => (by, None),
    };
    let now = state.clock.now();
    for (operation, request, response) in calls(state, request, rest, before, answer) {
        let recorded = Recorded {
            account: &account,
            arn: &arn,
            role: role.as_deref(),
            operation,
            request,
            response,
            error: None,
            now,
        };
        let event = recorded.event();
        state.queues.deliver_management(&account, &event, now);
    }
}

fn calls(state: &State, request: &ControlRequest, rest: &[&str], before: &[String], answer: &Value) -> Calls {
    let body = &request.body;
    let target = || body["target"].as_str().and_then(|target| state.organization.target_id(target));
    match (request.method.as_str(), rest) {
        ("POST", ["policies"]) => {
            let summary = json!({"policy": {"policySummary": {"id": answer["id"], "name": answer["name"]}}});
            let mut calls = vec![("CreatePolicy", json!({"name": answer["name"], "type": answer["type"]}), summary)];
            for target in answer["targets"].as_array().into_iter().flatten() {
                calls.push(("AttachPolicy", json!({"policyId": answer["id"], "targetId": target}), Value::Null));
            }
            calls
        }
        ("POST", ["policies", id]) => {
            let mut calls = Vec::new();
            if ["name", "description", "content"].iter().any(|field| !body[*field].is_null()) {
                calls.push(("UpdatePolicy", json!({"policyId": id, "name": body["name"]}), Value::Null));
            }
            if !body["tags"].is_null() {
                calls.push(("TagResource", json!({"resourceId": id}), Value::Null));
            }
            calls
        }
        ("DELETE", ["policies", id]) => {
            let detach = |target| ("DetachPolicy", json!({"policyId": id, "targetId": target}), Value::Null);
            let delete = ("DeletePolicy", json!({"policyId": id}), Value::Null);
            before.iter().map(detach).chain([delete]).collect()
        }
        ("POST", ["policies", id, verb]) => {
            let operation = if *verb == "attach" { "AttachPolicy" } else { "DetachPolicy" };
            vec![(operation, json!({"policyId": id, "targetId": target()}), Value::Null)]
        }
        ("POST", ["tags", id]) => vec![("TagResource", json!({"resourceId": id}), Value::Null)],
        ("POST", ["organizational-units"]) => {
            let unit = json!({"organizationalUnit": {"id": answer["id"]}});
            vec![("CreateOrganizationalUnit", json!({"name": body["path"]}), unit)]
        }
        ("POST", ["accounts", id, "move"]) => {
            vec![("MoveAccount", json!({"accountId": id, "destinationParentId": answer["parentId"]}), Value::Null)]
        }
        ("POST", ["accounts"]) => vec![("CreateAccountResult", json!({"accountId": answer["id"]}), Value::Null)],
        ("DELETE", ["accounts", id]) => {
            vec![("RemoveAccountFromOrganization", json!({"accountId": id}), Value::Null)]
        }
        ("POST", ["policy-types"]) => {
            let switched = |(name, on): (&String, &Value)| {
                let operation = if *on == true { "EnablePolicyType" } else { "DisablePolicyType" };
                (operation, json!({"policyType": name}), Value::Null)
            };
            body.as_object().into_iter().flatten().map(switched).collect()
        }
        _ => Vec::new(),
    }
}
