//! What was read of organizations: how much, how completely, how fresh.

use prometheus_client::registry::Unit;
use soc2_feed::{EventCounters, RegionFacts};

use super::{Family, Labels, with};
use crate::feeds::View;
use crate::published::OrganizationSnapshot;

/// An organization that is read.
pub(super) struct ReadOf {
    pub(super) organization: String,
    pub(super) view: View,
    pub(super) found: OrganizationSnapshot,
}

impl ReadOf {
    fn labels(&self) -> Labels {
        vec![("organization", self.organization.clone())]
    }

    fn of_region(&self, region: &RegionFacts) -> Labels {
        with(with(self.labels(), "source", &region.source), "region", &region.region)
    }
}

/// The metrics of organizations.
pub(super) fn families(organizations: &[ReadOf]) -> Vec<Family> {
    let (mut accounts, mut findings) = (Vec::new(), Vec::new());
    for of in organizations {
        if of.view.facts.organization.read_at.is_some() {
            for (assigned, number) in [("true", of.found.assigned), ("false", of.found.unassigned)] {
                accounts.push((with(of.labels(), "assigned", assigned), f64::from(number)));
            }
        }
        findings.extend(findings_of(of));
    }
    let mut families = vec![
        Family::gauge("organization_accounts", "Active accounts, assigned to a profile or not", accounts),
        Family::gauge("findings", "Findings in the index by how they count", findings),
    ];
    families.extend(sweeps(organizations));
    families.extend(slots(organizations));
    families.extend(queues(organizations));
    families
}

fn findings_of(of: &ReadOf) -> Vec<(Labels, f64)> {
    of.view.world.read(|world| {
        let counts = world.findings_by_source().into_iter();
        counts
            .map(|((source, region, status), number)| {
                let labels = with(with(of.labels(), "source", source), "region", region);
                (with(labels, "status", status.as_str()), number as f64)
            })
            .collect()
    })
}

/// How fresh each source is, and how its last full sweep went.
fn sweeps(organizations: &[ReadOf]) -> Vec<Family> {
    let (mut data, mut shards, mut ended) = (Vec::new(), Vec::new(), Vec::new());
    let (mut took, mut requests) = (Vec::new(), Vec::new());
    let regions = organizations.iter().flat_map(|of| of.view.facts.regions.iter().map(move |region| (of, region)));
    for (of, region) in regions {
        let labels = || of.of_region(region);
        data.extend(region.complete_at.map(|at| (labels(), at.as_second() as f64)));
        let incomplete = region.shards.saturating_sub(region.shards_complete);
        for (complete, number) in [("true", region.shards_complete), ("false", incomplete)] {
            shards.push((with(labels(), "complete", complete), number as f64));
        }
        if let Some(sweep) = region.last_full_sweep {
            ended.push((labels(), sweep.completed_at.as_second() as f64));
            took.push((labels(), sweep.completed_at.duration_since(sweep.started_at).as_secs_f64()));
            requests.push((labels(), sweep.requests as f64));
        }
    }
    let newest = "Time of the newest complete reading of a source's findings, as seconds since 1970";
    let last = "Time at which the last full sweep of a source ended, as seconds since 1970";
    vec![
        Family::gauge("data_timestamp", newest, data).in_unit(Unit::Seconds),
        Family::gauge("sweep_shards", "Shards of accounts of a source, completely read or not", shards),
        Family::gauge("sweep_timestamp", last, ended).in_unit(Unit::Seconds),
        Family::gauge("sweep_duration", "How long the last full sweep of a source took", took).in_unit(Unit::Seconds),
        Family::gauge("sweep_requests", "Calls of GetFindings that the last full sweep of a source took", requests),
    ]
}

/// How many policies the managed targets have, and may have.
fn slots(organizations: &[ReadOf]) -> Vec<Family> {
    let (mut used, mut limit) = (Vec::new(), Vec::new());
    for of in organizations {
        for (target, number) in &of.found.slots {
            let labels = with(of.labels(), "target_id", target);
            used.push((labels.clone(), f64::from(*number)));
            limit.push((labels, f64::from(of.found.slots_limit)));
        }
    }
    vec![
        Family::gauge("scp_slots_used", "Policies attached directly to a managed target", used),
        Family::gauge("scp_slots_limit", "Policies that may be attached directly to a managed target", limit),
    ]
}

/// Name and help of a counter of events, and how it is read.
type EventMetric = (&'static str, &'static str, fn(&EventCounters) -> u64);

/// What came through the queues of events.
fn queues(organizations: &[ReadOf]) -> Vec<Family> {
    let metrics: [EventMetric; 3] = [
        (
            "events_received",
            "Messages that a queue of events gave, each time that it gave them",
            EventCounters::received,
        ),
        ("events_deleted", "Messages of a queue that were taken in, and deleted", EventCounters::deleted),
        ("events_poison", "Messages of a queue that cannot be understood, and were left in it", EventCounters::poison),
    ];
    let family = |(name, help, number): (&'static str, &'static str, fn(&EventCounters) -> u64)| {
        let of_queue = |of: &ReadOf| {
            let queues = of.view.facts.events.iter();
            queues
                .map(|queue| (with(of.labels(), "source", &queue.source), number(&queue.counters) as f64))
                .collect::<Vec<_>>()
        };
        Family::counter(name, help, organizations.iter().flat_map(of_queue).collect())
    };
    metrics.into_iter().map(family).collect()
}
