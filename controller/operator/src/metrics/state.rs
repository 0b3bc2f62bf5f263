//! The state of what the operator watches, at scrape time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use soc2_crds::{AccountStates, CheckCounts};

use super::{Labels, counter, gauge};
use crate::context::Stores;
use crate::feeds::Feeds;
use crate::lease::LeaseHolder;
use crate::published::{ProfileSnapshot, Published};

/// Walks the current state at each scrape.
pub struct StateCollector {
    /// What people declared.
    pub stores: Stores,
    /// What was found.
    pub published: Arc<Published>,
    /// What was read.
    pub feeds: Arc<Feeds>,
    /// Whether this replica leads.
    pub lease: Arc<LeaseHolder>,
}

impl fmt::Debug for StateCollector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StateCollector")
    }
}

type Series = Vec<(Labels, f64)>;

impl Collector for StateCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let leads = if self.lease.deadline().is_some() { 1.0 } else { 0.0 };
        gauge(encoder, "leader", "Whether this replica leads", &[(vec![], leads)])?;
        let build = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        gauge(encoder, "build_info", "Version of the operator", &[(build, 1.0)])?;
        self.profiles(encoder)?;
        self.organizations(encoder)?;
        self.accounts(encoder)?;
        self.guardrails(encoder)?;
        gauge(
            encoder,
            "resource_condition",
            "1 for the current status and reason of each condition",
            &self.conditions(),
        )
    }
}

impl StateCollector {
    /// Profiles that still exist, with what was found.
    fn current_profiles(&self) -> Vec<(String, Arc<ProfileSnapshot>)> {
        let exists = |name: &str| self.stores.profiles.get(&kube::runtime::reflector::ObjectRef::new(name)).is_some();
        self.published.profiles().into_iter().filter(|(name, _)| exists(name)).collect()
    }

    fn profiles(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let profiles = self.current_profiles();
        let mut checks = Series::new();
        let (mut compliance, mut unwaived, mut accounts) = (Series::new(), Series::new(), Series::new());
        let (mut criteria, mut controls, mut per_account) = (Series::new(), Series::new(), Series::new());
        for (name, snapshot) in &profiles {
            let metrics = &snapshot.metrics;
            let profile = || vec![("profile", name.clone())];
            for (state, number) in checks_by_state(&metrics.checks) {
                checks.push((with(profile(), "state", state), number as f64));
            }
            compliance.extend(metrics.compliance_ratio.map(|ratio| (profile(), ratio)));
            unwaived.extend(metrics.unwaived_ratio.map(|ratio| (profile(), ratio)));
            accounts.push((profile(), f64::from(metrics.accounts)));
            for (criterion, states) in &metrics.criteria {
                let labels = with(profile(), "criterion", criterion);
                push_states(&mut criteria, &labels, states);
            }
            for control in &metrics.controls {
                let labels = with(with(profile(), "control", &control.id), "severity", control.severity.as_str());
                push_states(&mut controls, &labels, &control.accounts);
            }
            for (account, states) in &metrics.per_account {
                let labels = with(profile(), "account_id", &account.to_string());
                push_states(&mut per_account, &labels, states);
            }
        }
        gauge(encoder, "profile_checks", "(account, control) pairs in each state", &checks)?;
        let ratio = "Passed / (Passed + Failed + Unknown); absent when nothing was assessed";
        gauge(encoder, "profile_compliance_ratio", ratio, &compliance)?;
        let ratio = "Passed / (Passed + Failed + Unknown + Excepted); absent when nothing was assessed";
        gauge(encoder, "profile_unwaived_ratio", ratio, &unwaived)?;
        gauge(encoder, "profile_accounts", "Accounts of the profile", &accounts)?;
        gauge(encoder, "criterion_accounts", "Accounts in each state of a criterion's technical half", &criteria)?;
        gauge(encoder, "control_accounts", "Accounts in each state of a control", &controls)?;
        gauge(encoder, "account_checks", "Controls of an account in each state", &per_account)
    }

    fn organizations(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (mut accounts, mut timestamps, mut findings) = (Series::new(), Series::new(), Series::new());
        for object in self.stores.all_organizations() {
            let name = object.name_any();
            let Some(view) = self.feeds.view(&name) else { continue };
            let found = self.published.of_organization(&name);
            if view.facts.organization.read_at.is_some() {
                for (assigned, number) in [("true", found.assigned), ("false", found.unassigned)] {
                    accounts.push((with(organization(&name), "assigned", assigned), f64::from(number)));
                }
            }
            for region in &view.facts.regions {
                let labels = with(with(organization(&name), "source", &region.source), "region", &region.region);
                timestamps.extend(region.complete_at.map(|at| (labels, at.as_second() as f64)));
            }
            findings.extend(findings_of(&name, &view));
        }
        gauge(encoder, "organization_accounts", "Active accounts, in a profile or not", &accounts)?;
        let help = "Time of the newest complete reading of findings";
        gauge(encoder, "data_timestamp_seconds", help, &timestamps)?;
        gauge(encoder, "findings", "Findings of Security Hub controls in the index", &findings)
    }

    fn accounts(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut info = BTreeMap::new();
        for (_, snapshot) in self.current_profiles() {
            let Some(view) = self.feeds.view(&snapshot.organization) else { continue };
            view.world.read(|world| {
                let Some(tree) = &world.organization else { return };
                for (id, _) in &snapshot.metrics.per_account {
                    let Some(account) = tree.accounts.get(id) else { continue };
                    info.entry(*id).or_insert_with(|| {
                        let labels = vec![
                            ("account_id", id.to_string()),
                            ("account_name", account.name.clone()),
                            ("organization", snapshot.organization.clone()),
                            ("ou_path", tree.path(&account.parent)),
                        ];
                        (labels, 1.0)
                    });
                }
            });
        }
        let series: Series = info.into_values().collect();
        gauge(encoder, "account_info", "Account by name and organizational unit, to join on", &series)
    }

    fn guardrails(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (mut in_sync, mut drift) = (Series::new(), Vec::new());
        for (set, snapshot) in self.published.sets() {
            if self.stores.sets.get(&kube::runtime::reflector::ObjectRef::new(&set)).is_none() {
                continue;
            }
            for (baseline, is_in_sync, reverted) in snapshot.baselines {
                let labels = with(with(organization(&snapshot.organization), "set", &set), "baseline", &baseline);
                in_sync.push((labels.clone(), if is_in_sync { 1.0 } else { 0.0 }));
                drift.push((labels, reverted));
            }
        }
        gauge(encoder, "guardrail_in_sync", "Whether a baseline is where its set wants it", &in_sync)?;
        counter(encoder, "guardrail_drift", "Differences that were put back", &drift)?;
        let (mut used, mut limit) = (Series::new(), Series::new());
        for (name, snapshot) in self.published.organizations() {
            if self.stores.organization(&name).is_none() {
                continue;
            }
            for (target, number) in &snapshot.slots {
                let labels = with(organization(&name), "target_id", target);
                used.push((labels.clone(), f64::from(*number)));
                limit.push((labels, f64::from(snapshot.slots_limit)));
            }
        }
        gauge(encoder, "scp_slots_used", "Policies attached directly to a managed target", &used)?;
        gauge(encoder, "scp_slots_limit", "Policies that may be attached directly to it", &limit)
    }

    fn conditions(&self) -> Series {
        let mut series = Series::new();
        for guard in self.stores.organizations.state() {
            if let Ok(object) = &guard.0 {
                let conditions = object.status.as_ref().map(|status| status.conditions.as_slice());
                push_conditions(&mut series, "AwsOrganization", &object.name_any(), conditions.unwrap_or_default());
            }
        }
        for guard in self.stores.profiles.state() {
            if let Ok(object) = &guard.0 {
                let conditions = object.status.as_ref().map(|status| status.conditions.as_slice());
                push_conditions(&mut series, "ComplianceProfile", &object.name_any(), conditions.unwrap_or_default());
            }
        }
        for guard in self.stores.sets.state() {
            if let Ok(object) = &guard.0 {
                let conditions = object.status.as_ref().map(|status| status.conditions.as_slice());
                push_conditions(&mut series, "GuardrailSet", &object.name_any(), conditions.unwrap_or_default());
            }
        }
        series
    }
}

fn findings_of(name: &str, view: &crate::feeds::View) -> Series {
    view.world.read(|world| {
        world
            .index
            .count()
            .into_iter()
            .map(|((region, status), number)| {
                let source = view
                    .facts
                    .regions
                    .iter()
                    .find(|facts| facts.region == region || facts.linked_regions.contains(&region))
                    .map_or("", |facts| facts.source.as_str());
                let labels = with(with(organization(name), "source", source), "region", &region);
                (with(labels, "status", status.as_str()), number as f64)
            })
            .collect()
    })
}

fn organization(name: &str) -> Labels {
    vec![("organization", name.to_owned())]
}

fn with(mut labels: Labels, name: &'static str, value: &str) -> Labels {
    labels.push((name, value.to_owned()));
    labels
}

fn push_conditions(series: &mut Series, kind: &str, name: &str, conditions: &[Condition]) {
    for condition in conditions {
        let labels = vec![
            ("kind", kind.to_owned()),
            ("namespace", String::new()),
            ("name", name.to_owned()),
            ("type", condition.type_.clone()),
            ("status", condition.status.clone()),
            ("reason", condition.reason.clone()),
        ];
        series.push((labels, 1.0));
    }
}

fn checks_by_state(checks: &CheckCounts) -> [(&'static str, u64); 6] {
    [
        ("Passed", checks.passed),
        ("Failed", checks.failed),
        ("Unknown", checks.unknown),
        ("Excepted", checks.excepted),
        ("NotApplicable", checks.not_applicable),
        ("Disabled", checks.disabled),
    ]
}

/// One series for each state that some account is in.
fn push_states(series: &mut Series, labels: &Labels, states: &AccountStates) {
    let by_state = [
        ("Passed", states.passed),
        ("Failed", states.failed),
        ("Unknown", states.unknown),
        ("Excepted", states.excepted),
        ("NotApplicable", states.not_applicable),
    ];
    for (state, number) in by_state.into_iter().filter(|(_, number)| *number > 0) {
        series.push((with(labels.clone(), "state", state), f64::from(number)));
    }
}
