//! The control port: clock, settings, faults, call log, and the world behind the operator's back.

mod trail;

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use http::{Method, Uri};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::protocol::form;
use crate::securityhub::{self, ControlRequest};
use crate::sqs;
use crate::state::State;
use crate::world::{Name, Settings};

/// What `GET /` answers.
const ROUTES: &[&str] = &[
    "GET /health",
    "GET|POST /clock {set} | {advanceSeconds} | {frozen}",
    "GET|POST /settings {latencyMs, limits, readLagMs, enforceLagMs}",
    "GET /calls?after=N, GET /calls/summary, DELETE /calls",
    "GET|POST|DELETE /faults {kind, service, operation, account, region, role, every, times, after, delayMs}, DELETE /faults/{id}",
    "POST /credentials/expire {principal}",
    "POST /world/organization {inUse}",
    "POST /world/organizational-units {path}",
    "POST /world/accounts {id, name, email, path, tags, state, joinedAt}",
    "POST /world/accounts/{id} {name, state, tags}, POST /world/accounts/{id}/move {path}, DELETE /world/accounts/{id}",
    "GET|POST /world/policies {name, type, description, content, tags, attach}",
    "POST /world/policies/{id} {name, description, content, tags}, DELETE /world/policies/{id}",
    "POST /world/policies/{id}/attach {target}, POST /world/policies/{id}/detach {target}",
    "POST /world/tags/{id} {key: value, or null to take it away}",
    "POST /world/policy-types {SERVICE_CONTROL_POLICY: true}",
    "GET|POST /world/findings..., POST /world/hub (see README.md)",
    "GET /world/queues, GET|POST /world/queues/{name} {events, duplicateEvery, shuffle, visibilityTimeoutSeconds, principals}",
    "POST|DELETE /world/queues/{name}/messages {body}",
    "GET /history, GET /state",
];

/// Status and body for one request.
pub fn answer(state: &mut State, method: &Method, uri: &Uri, body: &[u8]) -> (u16, Value) {
    let path = uri.path().to_owned();
    let request = match read(method, uri, body) {
        Ok(request) => request,
        Err(error) => return (400, json!({"error": format!("{error:#}")})),
    };
    match route(state, &request) {
        Ok(Some(answer)) => (200, answer),
        Ok(None) => (404, json!({"error": format!("no {method} {path} here; GET / lists what there is")})),
        Err(error) => (400, json!({"error": format!("{error:#}")})),
    }
}

fn read(method: &Method, uri: &Uri, body: &[u8]) -> anyhow::Result<ControlRequest> {
    let body =
        if body.is_empty() { Value::Null } else { serde_json::from_slice(body).context("the body is not JSON")? };
    let query = form(uri.query().unwrap_or_default());
    Ok(ControlRequest { method: method.clone(), path: uri.path().to_owned(), query, body })
}

fn route(state: &mut State, request: &ControlRequest) -> anyhow::Result<Option<Value>> {
    let path = request.path.clone();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let now = state.clock.now();
    if let ["world", "findings" | "hub", ..] = segments[..] {
        let answer = securityhub::control(&mut state.hub, now, request);
        state.send_events();
        return answer.map(Some);
    }
    if let ["world", "queues", rest @ ..] = &segments[..] {
        return sqs::control(&mut state.queues, now, request, rest).map(Some);
    }
    if let ["world", rest @ ..] = &segments[..] {
        let before = trail::targets_before(state, rest);
        let answer = world(state, request, rest, now)?;
        if let Some(answer) = &answer {
            trail::tell(state, request, rest, &before, answer);
        }
        return Ok(answer);
    }
    let answer = match (request.method.as_str(), &segments[..]) {
        ("GET", []) => json!({"routes": ROUTES}),
        ("GET", ["health"]) => json!({"status": "ok"}),
        ("GET", ["clock"]) => show_clock(state),
        ("POST", ["clock"]) => set_clock(state, request)?,
        ("GET", ["settings"]) => json!(state.settings),
        ("POST", ["settings"]) => set_settings(state, request)?,
        ("GET", ["calls"]) => {
            let after = request.query.get("after").map_or(Ok(0), |after| after.parse()).context("after")?;
            state.calls.after(after)
        }
        ("GET", ["calls", "summary"]) => state.calls.summary(),
        ("DELETE", ["calls"]) => {
            state.calls.clear();
            json!({})
        }
        ("GET", ["faults"]) => json!({"faults": state.faults.list()}),
        ("POST", ["faults"]) => json!({"id": state.faults.add(body(request)?)?}),
        ("DELETE", ["faults"]) => {
            state.faults.clear();
            json!({})
        }
        ("DELETE", ["faults", id]) => {
            let gone = state.faults.remove(id.parse().context("id")?);
            gone.then(|| json!({})).ok_or_else(|| anyhow!("no fault {id}"))?
        }
        ("POST", ["credentials", "expire"]) => {
            let Expire { principal } = body(request)?;
            json!({"expired": state.identities.expire(&principal)})
        }
        ("GET", ["history"]) => json!({"history": state.organization.history()}),
        ("GET", ["state"]) => state.organization.state(),
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expire {
    #[serde(default)]
    principal: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InUse {
    in_use: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OuPath {
    path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AttachTo {
    target: Name,
}

fn world(state: &mut State, request: &ControlRequest, rest: &[&str], now: Timestamp) -> anyhow::Result<Option<Value>> {
    let org = &mut state.organization;
    let answer = match (request.method.as_str(), rest) {
        ("POST", ["organization"]) => {
            let InUse { in_use } = body(request)?;
            org.set_in_use(in_use);
            json!({"inUse": in_use})
        }
        ("POST", ["organizational-units"]) => org.grow(&body::<OuPath>(request)?.path, now)?,
        ("POST", ["accounts"]) => org.join(&body(request)?, now)?,
        ("POST", ["accounts", id]) => org.change_account(id, body(request)?)?,
        ("POST", ["accounts", id, "move"]) => org.relocate(id, &body::<OuPath>(request)?.path)?,
        ("DELETE", ["accounts", id]) => org.leave(id, now)?,
        ("GET", ["policies"]) => json!({"policies": org.policies_state()}),
        ("POST", ["policies"]) => org.create_outside(&body(request)?, now)?,
        ("POST", ["policies", id]) => org.edit_outside(id, &body(request)?, now)?,
        ("DELETE", ["policies", id]) => org.delete_outside(id, now)?,
        ("POST", ["policies", id, verb @ ("attach" | "detach")]) => {
            let AttachTo { target } = body(request)?;
            org.attach_outside(id, &target.0, *verb == "attach", now)?
        }
        ("POST", ["tags", id]) => org.tag_outside(id, body(request)?, now)?,
        ("POST", ["policy-types"]) => {
            let types: BTreeMap<String, bool> = body(request)?;
            json!({"policyTypes": org.switch_types(&types, now)?})
        }
        _ => return Ok(None),
    };
    Ok(Some(answer))
}

fn body<T: DeserializeOwned>(request: &ControlRequest) -> anyhow::Result<T> {
    let body = if request.body.is_null() { json!({}) } else { request.body.clone() };
    serde_json::from_value(body).with_context(|| format!("body of {} {}", request.method, request.path))
}

fn show_clock(state: &State) -> Value {
    json!({"now": state.clock.now(), "frozen": state.clock.is_frozen()})
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClockChange {
    set: Option<Timestamp>,
    advance_seconds: Option<i64>,
    frozen: Option<bool>,
}

fn set_clock(state: &mut State, request: &ControlRequest) -> anyhow::Result<Value> {
    let change: ClockChange = body(request)?;
    let before = state.clock.now();
    if let Some(frozen) = change.frozen {
        state.clock.freeze(frozen);
    }
    if let Some(time) = change.set {
        state.clock.set(time);
    }
    if let Some(seconds) = change.advance_seconds {
        state.clock.advance(seconds);
    }
    if state.clock.now() < before {
        state.organization.settle();
    }
    Ok(show_clock(state))
}

fn set_settings(state: &mut State, request: &ControlRequest) -> anyhow::Result<Value> {
    // What the request leaves out stays as it is.
    let mut settings = json!(state.settings);
    if let (Some(all), Some(changes)) = (settings.as_object_mut(), request.body.as_object()) {
        all.extend(changes.clone());
    }
    let settings: Settings = serde_json::from_value(settings).context("settings")?;
    state.set(settings);
    Ok(json!(state.settings))
}
