//! One finding in memory: a compact row for what Security Hub itself finds, the whole text for what others import.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::catalog::StandardSet;
use super::tables::Tables;
use super::{resources, when};

/// `Compliance.Status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Status {
    Passed,
    Failed,
    Warning,
    NotAvailable,
}

/// `Workflow.Status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Workflow {
    New,
    Notified,
    Resolved,
    Suppressed,
}

/// `RecordState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RecordState {
    Active,
    Archived,
}

macro_rules! wire_names {
    ($type:ident: $($variant:ident => $name:literal),+) => {
        impl $type {
            /// The word on the wire.
            pub(super) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}
wire_names!(Status: Passed => "PASSED", Failed => "FAILED", Warning => "WARNING", NotAvailable => "NOT_AVAILABLE");
wire_names!(Workflow: New => "NEW", Notified => "NOTIFIED", Resolved => "RESOLVED", Suppressed => "SUPPRESSED");
wire_names!(RecordState: Active => "ACTIVE", Archived => "ARCHIVED");

impl Workflow {
    /// The value of a word on the wire.
    pub(super) fn of(word: &str) -> Option<Self> {
        [Self::New, Self::Notified, Self::Resolved, Self::Suppressed].into_iter().find(|value| value.as_str() == word)
    }
}

/// What a finding of Security Hub is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// The account itself.
    Account,
    /// One of the resources that the sandbox makes up, by number.
    Numbered(u32),
    /// A resource that the world names, by its id.
    Named(Box<str>),
}

/// A finding of Security Hub's own checks.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub control: u16,
    /// The one standard that it belongs to; none in consolidated mode.
    pub standard: Option<u8>,
    /// Enabled standards that have the control.
    pub standards: StandardSet,
    pub status: Status,
    pub workflow: Workflow,
    pub record: RecordState,
    /// Least length of `Id`; 0 for as it comes.
    pub id_length: u16,
    /// Least length of the resource's id; 0 for as it comes.
    pub resource_id_length: u16,
    /// Groups of controls with resources of their own.
    pub resource_groups: u16,
    /// Makes the UUID in `Id`.
    pub serial: u64,
    pub created: i64,
    pub subject: Subject,
    /// What `BatchUpdateFindings` put over the finding.
    pub overlay: Option<Box<Map<String, Value>>>,
}

/// A finding: where it is, how new it is, and the rest.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub account: u16,
    pub region: u16,
    /// `UpdatedAt` in milliseconds; the least number when there is none that can be read.
    pub updated: i64,
    pub body: Body,
}

/// The rest of a finding.
#[derive(Debug, Clone)]
pub(super) enum Body {
    Made(Made),
    Raw(Box<Map<String, Value>>),
}

/// A change of a finding's state; what is absent stays.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Change {
    pub status: Option<Status>,
    pub workflow: Option<Workflow>,
    pub record: Option<RecordState>,
    pub updated: Option<i64>,
}

/// The workflow that Security Hub itself sets when a finding's status or record state changes.
fn workflow_after(old: (Status, RecordState), new: (Status, RecordState), workflow: Workflow) -> Workflow {
    let handled = matches!(workflow, Workflow::Resolved | Workflow::Notified);
    let reopened = old.1 == RecordState::Archived && new.1 == RecordState::Active;
    match new.0 {
        _ if workflow == Workflow::Suppressed => workflow,
        Status::Passed if new.1 == RecordState::Active => Workflow::Resolved,
        _ if handled && (reopened || (old.0 == Status::Passed && new.0 != Status::Passed)) => Workflow::New,
        _ => workflow,
    }
}

/// A text inside a JSON object: `["Compliance", "Status"]`.
fn text<'a>(map: &'a Map<String, Value>, path: [&str; 2]) -> Option<&'a str> {
    map.get(path[0])?.get(path[1])?.as_str()
}

impl Row {
    /// A row for a finding as someone imported it.
    pub(super) fn raw(account: u16, region: u16, finding: Map<String, Value>) -> Self {
        let updated = finding.get("UpdatedAt").and_then(Value::as_str).and_then(when::of_asff).unwrap_or(i64::MIN);
        Self { account, region, updated, body: Body::Raw(Box::new(finding)) }
    }

    /// Id of the control, when it has one.
    pub(super) fn control<'a>(&'a self, tables: &'a Tables) -> Option<&'a str> {
        match &self.body {
            Body::Made(made) => Some(&tables.catalog.control(made.control).id),
            Body::Raw(map) => text(map, ["Compliance", "SecurityControlId"]),
        }
    }

    /// Id of the (first) resource.
    pub(super) fn resource_id<'a>(&'a self, tables: &'a Tables) -> Cow<'a, str> {
        match &self.body {
            Body::Made(made) => resources::id(tables, self, made),
            Body::Raw(map) => {
                let id = map.get("Resources").and_then(|r| r.get(0)).and_then(|r| r.get("Id")).and_then(Value::as_str);
                Cow::Borrowed(id.unwrap_or_default())
            }
        }
    }

    /// Compliance status, as a word; empty when there is none.
    pub(super) fn status_word(&self) -> &str {
        match &self.body {
            Body::Made(made) => made.status.as_str(),
            Body::Raw(map) => text(map, ["Compliance", "Status"]).unwrap_or_default(),
        }
    }

    /// Workflow status, as a word; empty when there is none.
    pub(super) fn workflow_word(&self) -> &str {
        match &self.body {
            Body::Made(made) => made.workflow.as_str(),
            Body::Raw(map) => text(map, ["Workflow", "Status"]).unwrap_or_default(),
        }
    }

    /// Record state, as a word; empty when there is none.
    pub(super) fn record_word(&self) -> &str {
        match &self.body {
            Body::Made(made) => made.record.as_str(),
            Body::Raw(map) => map.get("RecordState").and_then(Value::as_str).unwrap_or_default(),
        }
    }

    /// Applies a change. `UpdatedAt` becomes `now` unless the change says otherwise or changes the workflow only.
    pub(super) fn apply(&mut self, change: Change, now: Timestamp) {
        let touched = change.status.is_some() || change.record.is_some() || change.workflow.is_none();
        let updated = change.updated.or_else(|| touched.then(|| now.as_millisecond()));
        match &mut self.body {
            Body::Made(made) => {
                let old = (made.status, made.record);
                made.status = change.status.unwrap_or(made.status);
                made.record = change.record.unwrap_or(made.record);
                made.workflow =
                    change.workflow.unwrap_or_else(|| workflow_after(old, (made.status, made.record), made.workflow));
            }
            Body::Raw(map) => apply_raw(map, change, updated),
        }
        self.updated = updated.unwrap_or(self.updated);
    }
}

fn apply_raw(map: &mut Map<String, Value>, change: Change, updated: Option<i64>) {
    let mut set = |object: &str, word: &str| {
        let object = map.entry(object.to_owned()).or_insert_with(|| json!({}));
        if let Value::Object(object) = object {
            object.insert("Status".to_owned(), json!(word));
        }
    };
    if let Some(status) = change.status {
        set("Compliance", status.as_str());
    }
    if let Some(workflow) = change.workflow {
        set("Workflow", workflow.as_str());
    }
    if let Some(record) = change.record {
        map.insert("RecordState".to_owned(), json!(record.as_str()));
    }
    if let Some(updated) = updated {
        map.insert("UpdatedAt".to_owned(), json!(when::text(updated)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_hub_resets_workflows() {
        use RecordState::{Active, Archived};
        use Status::{Failed, Passed, Warning};
        use Workflow::{New, Notified, Resolved, Suppressed};
        for (old, new, workflow, expected) in [
            ((Passed, Active), (Failed, Active), Resolved, New),
            ((Passed, Active), (Warning, Active), Notified, New),
            ((Failed, Active), (Passed, Active), New, Resolved),
            ((Failed, Active), (Failed, Active), Notified, Notified),
            ((Failed, Archived), (Failed, Active), Resolved, New),
            ((Failed, Archived), (Failed, Active), Suppressed, Suppressed),
            ((Failed, Active), (Passed, Active), Suppressed, Suppressed),
        ] {
            assert_eq!(workflow_after(old, new, workflow), expected, "{old:?} to {new:?}");
        }
    }
}
