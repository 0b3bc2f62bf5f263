//! Security Hub CSPM: hubs, members, standards, aggregation and findings, per Region.

mod attributes;
mod catalog;
mod changes;
mod churn;
mod comparisons;
mod control;
mod definitions;
mod describe;
mod errors;
mod filters;
mod generate;
mod get_findings;
mod hubs;
mod import;
mod input;
mod products;
mod query;
mod render;
mod resources;
mod rng;
mod routes;
mod row;
mod section;
mod store;
mod tables;
#[cfg(test)]
mod tests;
mod token;
mod update;
mod watch;
mod when;

pub use routes::{Labels, operation_of};
pub use section::HubSection;

use std::collections::BTreeMap;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;

use crate::call::{Answer, ApiError, Call};

/// What Security Hub needs to know of the organization when the world is made.
#[derive(Debug, Clone, Default)]
pub struct OrgFacts {
    /// Id, OU path (such as `/Production/Payments`) and `State` of each account.
    pub accounts: Vec<(String, String, String)>,
    /// Id of the management account.
    pub management_account: String,
    /// Partition of all ARNs, such as `aws`.
    pub partition: String,
}

/// A request to the control port's `/world/findings*` or `/world/hub*`.
#[derive(Debug, Clone)]
pub struct ControlRequest {
    /// HTTP method.
    pub method: http::Method,
    /// Path, such as `/world/findings/set`.
    pub path: String,
    /// Query parameters, decoded.
    pub query: BTreeMap<String, String>,
    /// JSON body; null when there is none.
    pub body: Value,
}

/// The state of Security Hub in all Regions.
#[derive(Debug)]
pub struct Hub {
    tables: tables::Tables,
    store: store::Store,
    hubs: hubs::Hubs,
    queries: query::Queries,
    org: OrgFacts,
    accept_contains: bool,
    /// How long next tokens are good for, in milliseconds.
    token_lifetime: i64,
    churn: Option<churn::Churn>,
    /// Counts findings that appeared after the start.
    serial: u64,
}

impl Hub {
    /// Makes the state that a world file describes.
    pub fn new(section: HubSection, org: &OrgFacts, now: Timestamp) -> anyhow::Result<Self> {
        let mut tables = tables::Tables::new(&org.partition)?;
        for (account, _, _) in &org.accounts {
            tables.accounts.intern(account)?;
        }
        let administrator = section.administrator.map(|account| account.0);
        let mut regions = BTreeMap::new();
        for (name, region) in section.regions {
            let generator = region.control_finding_generator.unwrap_or(section.control_finding_generator);
            let region = section::RegionSection { control_finding_generator: Some(generator), ..region };
            let made = hubs::RegionHub::new(&region, administrator.as_deref(), org, &tables.catalog, now)
                .with_context(|| format!("securityHub.regions.{name}"))?;
            tables.regions.intern(&name)?;
            regions.insert(name, made);
        }
        let mut hub = Self {
            tables,
            store: store::Store::default(),
            hubs: hubs::Hubs { administrator, aggregator: section.aggregator.map(Into::into), regions },
            queries: query::Queries::default(),
            org: org.clone(),
            accept_contains: section.accept_contains,
            token_lifetime: section.token_lifetime_seconds.unwrap_or(3600) * 1000,
            churn: None,
            serial: 0,
        };
        for (at, part) in section.generate.iter().enumerate() {
            generate::generate(part, &hub.hubs, org, &mut hub.tables, &mut hub.store, now)
                .with_context(|| format!("securityHub.generate[{at}]"))?;
        }
        for (at, finding) in section.findings.iter().enumerate() {
            changes::set(&mut hub, finding, now).with_context(|| format!("securityHub.findings[{at}]"))?;
        }
        for (at, section) in section.products.iter().enumerate() {
            products::set(&mut hub, section, now).with_context(|| format!("securityHub.products[{at}]"))?;
        }
        hub.store.watch();
        Ok(hub)
    }
}

/// Answers one call.
pub fn handle(hub: &mut Hub, call: &Call) -> Answer {
    match call.operation.as_str() {
        "GetFindings" => get_findings::get_findings(hub, call),
        "DescribeHub" => describe::describe_hub(hub, call),
        "GetEnabledStandards" => describe::get_enabled_standards(hub, call),
        "ListFindingAggregators" => describe::list_finding_aggregators(hub, call),
        "GetFindingAggregator" => describe::get_finding_aggregator(hub, call),
        "ListMembers" => describe::list_members(hub, call),
        "ListSecurityControlDefinitions" => definitions::list_security_control_definitions(hub, call),
        "ListStandardsControlAssociations" => definitions::list_standards_control_associations(hub, call),
        "BatchImportFindings" => import::batch_import_findings(hub, call),
        "BatchUpdateFindings" => update::batch_update_findings(hub, call),
        other => Err(ApiError::new(404, "UnknownOperationException", format!("{other} is unknown"))),
    }
}

/// Answers one request of the control port.
pub fn control(hub: &mut Hub, now: Timestamp, request: &ControlRequest) -> anyhow::Result<Value> {
    control::answer(hub, now, request)
}
