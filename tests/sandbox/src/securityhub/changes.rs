//! Changes of findings in short form, as world files and the control port give them.

use anyhow::Context;
use jiff::Timestamp;

use super::row::{Body, Change, Made, RecordState, Row, Status, Subject, Workflow};
use super::section::FindingSection;
use super::store::{RowId, Store};
use super::tables::Tables;
use super::{Hub, generate, resources, when};

/// How many findings a change met.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Met {
    pub changed: usize,
    pub created: usize,
}

/// Id of the resource that a short form means; `account` is the account itself.
fn resource<'a>(section: &'a FindingSection, account: &str) -> Option<std::borrow::Cow<'a, str>> {
    match section.resource.as_deref()? {
        "account" => Some(resources::account_id(account).into()),
        id => Some(id.into()),
    }
}

/// The findings that a short form means.
pub(super) fn matching(store: &Store, tables: &Tables, section: &FindingSection) -> Vec<RowId> {
    let account = section.account.as_ref().map(|account| tables.accounts.find(&account.0));
    let region = section.region.as_deref().map(|name| tables.regions.find(name));
    store.places(|row| {
        account.is_none_or(|number| number == Some(row.account))
            && region.is_none_or(|number| number == Some(row.region))
            && section.control.as_deref().is_none_or(|id| row.control(tables) == Some(id))
            && resource(section, tables.accounts.get(row.account)).is_none_or(|id| row.resource_id(tables) == id)
    })
}

/// Applies a short form; one that meets nothing makes a finding.
pub(super) fn set(hub: &mut Hub, section: &FindingSection, now: Timestamp) -> anyhow::Result<Met> {
    let change = Change {
        status: section.status,
        workflow: section.workflow,
        record: section.record_state,
        updated: section.updated_at.as_deref().map(|text| when::parse(text, now)).transpose()?,
    };
    let places = matching(&hub.store, &hub.tables, section);
    for place in &places {
        hub.store.change(*place, |row| row.apply(change, now));
    }
    if !places.is_empty() {
        return Ok(Met { changed: places.len(), created: 0 });
    }
    Ok(Met { changed: 0, created: create(hub, section, change, now)? })
}

fn create(hub: &mut Hub, section: &FindingSection, change: Change, now: Timestamp) -> anyhow::Result<usize> {
    let account = section.account.as_ref().context("nothing matches, and a new finding needs `account`")?;
    let region = section.region.as_deref().context("nothing matches, and a new finding needs `region`")?;
    let id = section.control.as_deref().context("nothing matches, and a new finding needs `control`")?;
    let control = hub.tables.catalog.intern(id)?;
    let standards = hub.hubs.region(region)?.standards_of(&hub.tables.catalog, control);
    let subject = match section.resource.as_deref() {
        Some("account") => Subject::Account,
        Some(name) => Subject::Named(name.into()),
        None if hub.tables.catalog.control(control).checks_account() => Subject::Account,
        None => Subject::Numbered(0),
    };
    let status = change.status.unwrap_or(Status::Failed);
    let updated = change.updated.unwrap_or_else(|| now.as_millisecond());
    hub.serial += 1;
    let made = Made {
        control,
        standard: None,
        standards,
        status,
        workflow: change.workflow.unwrap_or(if status == Status::Passed { Workflow::Resolved } else { Workflow::New }),
        record: change.record.unwrap_or(RecordState::Active),
        id_length: 0,
        resource_id_length: 0,
        resource_groups: 0,
        serial: super::rng::mix(hub.serial),
        created: updated,
        subject,
        overlay: None,
    };
    let (account, region) = (hub.tables.accounts.intern(&account.0)?, hub.tables.regions.intern(region)?);
    let row = Row { account, region, updated, body: Body::Made(made) };
    Ok(generate::push(&mut hub.store, &hub.tables, &hub.hubs, row))
}
