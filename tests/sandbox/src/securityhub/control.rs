//! The control port's `/world/findings*` and `/world/hub`: the truth, and changes of it.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::changes;
use super::churn::{Churn, ChurnRequest};
use super::hubs::RegionHub;
use super::row::{Body, Row};
use super::section::{Account, DisabledSection, FindingSection, LinkingMode, MemberSection, RegionSection};
use super::{ControlRequest, Hub, import, products, render, when};

/// `POST /world/hub`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct HubRequest {
    region: Option<String>,
    enabled: Option<bool>,
    standards: Option<Vec<String>>,
    disabled_controls: Option<Vec<DisabledSection>>,
    members: BTreeMap<Account, MemberSection>,
    linked_regions: Option<Vec<String>>,
    token_lifetime_seconds: Option<i64>,
}

/// Answers one request of the control port.
pub(super) fn answer(hub: &mut Hub, now: Timestamp, request: &ControlRequest) -> anyhow::Result<Value> {
    match (request.method.as_str(), request.path.trim_end_matches('/')) {
        ("GET", "/world/findings") => findings(hub, request),
        ("POST", "/world/findings/set") => {
            let met = changes::set(hub, &body(request)?, now)?;
            Ok(json!({"changed": met.changed, "created": met.created}))
        }
        ("POST", "/world/findings/product") => {
            let met = products::set(hub, &body(request)?, now)?;
            Ok(json!({"changed": met.changed, "created": met.created}))
        }
        ("POST", "/world/findings/import") => import_raw(hub, request),
        ("POST", "/world/findings/delete") => {
            let section: FindingSection = body(request)?;
            let places = changes::matching(&hub.store, &hub.tables, &section);
            for place in &places {
                hub.store.remove(*place);
            }
            Ok(json!({"deleted": places.len()}))
        }
        ("POST", "/world/findings/churn") => {
            let churn: ChurnRequest = body(request)?;
            let per_call = churn.per_call;
            hub.churn = Churn::new(churn);
            Ok(json!({"perCall": per_call}))
        }
        ("GET", "/world/hub") => Ok(state(hub)),
        ("POST", "/world/hub") => {
            change(hub, now, body(request)?)?;
            Ok(state(hub))
        }
        (method, path) => bail!("{method} {path}: nothing here"),
    }
}

fn body<T: serde::de::DeserializeOwned>(request: &ControlRequest) -> anyhow::Result<T> {
    serde_json::from_value(request.body.clone()).with_context(|| format!("body of {}", request.path))
}

/// The truth about findings, in short form.
fn findings(hub: &Hub, request: &ControlRequest) -> anyhow::Result<Value> {
    const FILTERS: [&str; 6] = ["account", "region", "control", "status", "recordState", "workflow"];
    if let Some(unknown) = request.query.keys().find(|name| !FILTERS.contains(&name.as_str())) {
        bail!("query parameter {unknown:?}: allowed are {}", FILTERS.join(", "));
    }
    let wanted = |name: &str, value: &str| request.query.get(name).is_none_or(|asked| asked == value);
    let found: Vec<Value> = hub
        .store
        .iter()
        .filter(|(_, row)| {
            wanted("account", hub.tables.accounts.get(row.account))
                && wanted("region", hub.tables.regions.get(row.region))
                && wanted("control", row.control(&hub.tables).unwrap_or_default())
                && wanted("status", row.status_word())
                && wanted("recordState", row.record_word())
                && wanted("workflow", row.workflow_word())
        })
        .map(|(_, row)| short(hub, row))
        .collect();
    Ok(json!({"count": found.len(), "findings": found}))
}

fn short(hub: &Hub, row: &Row) -> Value {
    let standard = match &row.body {
        Body::Made(made) => made.standard.map(|place| hub.tables.catalog.standards[usize::from(place)].code),
        Body::Raw(_) => None,
    };
    json!({
        "account": hub.tables.accounts.get(row.account),
        "region": hub.tables.regions.get(row.region),
        "control": row.control(&hub.tables),
        "standard": standard,
        "resource": row.resource_id(&hub.tables),
        "status": row.status_word(),
        "workflow": row.workflow_word(),
        "recordState": row.record_word(),
        "updatedAt": if row.updated == i64::MIN { Value::Null } else { json!(when::text(row.updated)) },
        "id": render::id(&hub.tables, row),
        "productArn": render::product_arn(&hub.tables, row),
    })
}

/// Findings as they are. Where they are is told by the query, else by the findings, else it is the administrator at home.
fn import_raw(hub: &mut Hub, request: &ControlRequest) -> anyhow::Result<Value> {
    let findings = request.body.as_array().context("the body must be a list of findings")?.clone();
    let place = |name: &str, finding: &Value, member: &str| {
        let given = finding.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
        request.query.get(name).map(String::as_str).or(given).map(str::to_owned)
    };
    for finding in &findings {
        let account = place("account", finding, "AwsAccountId").or_else(|| hub.hubs.administrator.clone());
        let home = hub.hubs.aggregator.as_ref().map(|aggregator| aggregator.home.clone());
        let region = place("region", finding, "Region").or(home).or_else(|| hub.hubs.regions.keys().next().cloned());
        let (account, region) = account.zip(region).context("tell ?account= and ?region=")?;
        import::raw(hub, &account, &region, finding.as_object().context("a finding must be an object")?)?;
    }
    Ok(json!({"imported": findings.len()}))
}

fn change(hub: &mut Hub, now: Timestamp, request: HubRequest) -> anyhow::Result<()> {
    hub.queries.version += 1;
    if let Some(seconds) = request.token_lifetime_seconds {
        hub.token_lifetime = seconds * 1000;
    }
    if let Some(linked) = request.linked_regions {
        let aggregator = hub.hubs.aggregator.as_mut().context("the world has no aggregator")?;
        (aggregator.mode, aggregator.regions) = (LinkingMode::SpecifiedRegions, linked);
    }
    let Some(name) = request.region else { return Ok(()) };
    if !hub.hubs.regions.contains_key(&name) && request.enabled == Some(true) {
        let section = RegionSection::default();
        let administrator = hub.hubs.administrator.as_deref();
        let made = RegionHub::new(&section, administrator, &hub.org, &hub.tables.catalog, now)?;
        hub.hubs.regions.insert(name.clone(), made);
        hub.tables.regions.intern(&name)?;
    }
    let catalog = &hub.tables.catalog;
    let region = hub.hubs.regions.get_mut(&name).with_context(|| format!("Region {name:?}: give enabled: true"))?;
    region.enabled = request.enabled.unwrap_or(region.enabled);
    if let Some(standards) = request.standards {
        region.standards = catalog.set(standards.iter().map(String::as_str))?;
    }
    if let Some(controls) = request.disabled_controls {
        region.disable(&controls, catalog, now)?;
    }
    for (account, member) in &request.members {
        let (status, own) = match member {
            MemberSection::Status(status) => (status, true),
            MemberSection::Full { status, hub } => (status, *hub),
        };
        region.set_member(&account.0, status, own, now)?;
    }
    Ok(())
}

/// The truth about hubs.
fn state(hub: &Hub) -> Value {
    let regions: BTreeMap<&String, Value> =
        hub.hubs.regions.iter().map(|(name, region)| (name, of(hub, region))).collect();
    let aggregator = hub.hubs.aggregator.as_ref();
    json!({
        "administrator": hub.hubs.administrator,
        "aggregator": aggregator.map(|a| json!({"homeRegion": a.home, "linkingMode": a.mode, "regions": a.regions})),
        "regions": regions,
        "tokenLifetimeSeconds": hub.token_lifetime / 1000,
    })
}

fn of(hub: &Hub, region: &RegionHub) -> Value {
    let members: BTreeMap<&String, Value> = region
        .members
        .iter()
        .map(|(account, member)| (account, json!({"status": member.status, "hub": member.hub})))
        .collect();
    let catalog = &hub.tables.catalog;
    let codes = |set| catalog.members(set).map(|(_, standard)| standard.code).collect::<Vec<_>>();
    let disabled: BTreeMap<&String, Value> =
        region.disabled.iter().map(|(control, (standards, _))| (control, json!(codes(*standards)))).collect();
    json!({
        "enabled": region.enabled,
        "controlFindingGenerator": region.generator,
        "standards": codes(region.standards),
        "disabledControls": disabled,
        "members": members,
        "standalone": region.standalone,
    })
}
