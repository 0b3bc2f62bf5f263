//! Changes between pages: from one `GetFindings` to the next the findings change, appear and are archived.

use jiff::Timestamp;
use serde::Deserialize;

use super::Hub;
use super::rng::{Rng, mix};
use super::row::{Body, Change, RecordState, Row, Status, Subject};
use super::store::RowId;

/// What a change may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    /// A finding is checked again, and half of the times with another result.
    Update,
    /// A finding is archived.
    Archive,
    /// A finding appears, about one more resource of some check.
    Create,
}

/// Churn as the control port sets it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ChurnRequest {
    /// So many changes before each `GetFindings`; 0 stops.
    pub per_call: u32,
    #[serde(default)]
    pub seed: u64,
    #[serde(default)]
    pub kinds: Vec<Kind>,
}

/// Churn that is going on.
#[derive(Debug)]
pub(super) struct Churn {
    per_call: u32,
    kinds: Vec<Kind>,
    rng: Rng,
}

impl Churn {
    /// Begins churn; none for 0 changes.
    pub(super) fn new(request: ChurnRequest) -> Option<Self> {
        let all = vec![Kind::Update, Kind::Archive, Kind::Create];
        let kinds = if request.kinds.is_empty() { all } else { request.kinds };
        (request.per_call > 0).then(|| Self { per_call: request.per_call, kinds, rng: Rng::new(request.seed) })
    }
}

/// Makes the changes that precede one call.
pub(super) fn run(hub: &mut Hub, now: Timestamp) {
    let Some(mut churn) = hub.churn.take() else { return };
    for _ in 0..churn.per_call {
        if let Some(id) = pick(hub, &mut churn.rng) {
            let kind = churn.kinds[churn.rng.index(churn.kinds.len())];
            change(hub, &mut churn.rng, id, kind, now);
        }
    }
    hub.churn = Some(churn);
}

/// Some active finding of Security Hub.
fn pick(hub: &Hub, rng: &mut Rng) -> Option<RowId> {
    let usable = |row: &Row| matches!(&row.body, Body::Made(made) if made.record == RecordState::Active);
    let places = hub.store.places_count();
    (0..64).filter_map(|_| RowId::try_from(rng.index(places)).ok()).find(|id| hub.store.get(*id).is_some_and(usable))
}

fn change(hub: &mut Hub, rng: &mut Rng, id: RowId, kind: Kind, now: Timestamp) {
    let Some(Body::Made(made)) = hub.store.get(id).map(|row| &row.body) else { return };
    let other = if made.status == Status::Passed { Status::Failed } else { Status::Passed };
    match kind {
        Kind::Update => {
            let status = if rng.chance(0.5) { other } else { made.status };
            let change = Change { status: Some(status), ..Change::default() };
            hub.store.change(id, |row| row.apply(change, now));
        }
        Kind::Archive => {
            let change = Change { record: Some(RecordState::Archived), ..Change::default() };
            hub.store.change(id, |row| row.apply(change, now));
        }
        Kind::Create => create(hub, rng, id, now),
    }
}

/// A finding like another one, about another resource (or about the account again, with another id).
fn create(hub: &mut Hub, rng: &mut Rng, like: RowId, now: Timestamp) {
    let Some(mut row) = hub.store.get(like).cloned() else { return };
    if let Body::Made(made) = &mut row.body {
        hub.serial += 1;
        made.serial = mix(hub.serial ^ rng.next());
        made.created = now.as_millisecond();
        if made.subject != Subject::Account {
            let number = 1_000_000 + rng.below(1_000_000);
            made.subject = Subject::Numbered(u32::try_from(number).unwrap_or(1_000_000));
        }
        made.overlay = None;
    }
    row.updated = now.as_millisecond();
    hub.store.push(&hub.tables, row);
}
