//! What a plan changes, with what was before and what comes after.

use jiff::Timestamp;
use soc2_guardrails::plan::{EffectiveChanges, Most, effective_changes};
use soc2_guardrails::{Document, SetPlan, Step};
use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;

use super::planned::Planned;
use super::schedule::Schedule;

/// A plan, ready to be shown.
pub struct Changes<'a> {
    /// Ids of policies of another cluster that are taken over first.
    pub retag: &'a [String],
    /// The sets, by name.
    pub sets: Vec<SetChanges<'a>>,
    organization: &'a Organization,
}

/// What one set changes.
pub struct SetChanges<'a> {
    /// Its plan.
    pub plan: &'a SetPlan,
    /// Its steps, in order.
    pub steps: Vec<Change<'a>>,
    /// What comes and goes in the effective policy of each target, once all steps are done.
    pub effective: EffectiveChanges,
    /// Its window and waves.
    pub schedule: Schedule,
}

/// One step.
pub struct Change<'a> {
    /// The step.
    pub step: &'a Step,
    /// Statements that are there and would not be, each as JSON.
    pub gone: Vec<String>,
    /// Statements that are not there and would be.
    pub new: Vec<String>,
}

impl<'a> Changes<'a> {
    /// Looks up what is there now.
    pub fn new(planned: &'a Planned, now: Timestamp) -> Self {
        let Planned { organization, plan, inventory, windows } = planned;
        let change = |step: &'a Step| {
            let (before, after) = match step {
                Step::Create { policy, .. } => (Vec::new(), statements(&policy.content)),
                Step::Update { id, policy, .. } => {
                    let before = inventory.policies.get(id).map(|found| statements(&found.content));
                    (before.unwrap_or_default(), statements(&policy.content))
                }
                Step::Delete { id, .. } => {
                    let before = inventory.policies.get(id).map(|found| statements(&found.content));
                    (before.unwrap_or_default(), Vec::new())
                }
                Step::Adopt { .. } | Step::Attach { .. } | Step::Detach { .. } => (Vec::new(), Vec::new()),
            };
            let gone = before.iter().filter(|one| !after.contains(one)).cloned().collect();
            let new = after.iter().filter(|one| !before.contains(one)).cloned().collect();
            Change { step, gone, new }
        };
        let set = |plan: &'a SetPlan| SetChanges {
            plan,
            steps: plan.all().map(change).collect(),
            effective: effective_changes(organization, inventory, &plan.all().collect::<Vec<_>>(), Most::default()),
            schedule: Schedule::new(plan, windows.get(&plan.name), inventory, now),
        };
        Self { retag: &plan.retag, sets: plan.sets.iter().map(set).collect(), organization }
    }

    /// A target with its name.
    pub fn named(&self, id: &str) -> String {
        let account = id.parse::<AccountId>().ok().and_then(|account| self.organization.accounts.get(&account));
        let unit = || self.organization.units.get(id).map(|unit| unit.name.as_str());
        match account.map(|account| account.name.as_str()).or_else(unit) {
            Some(name) => format!("{name} ({id})"),
            None => id.to_owned(),
        }
    }
}

/// The statements of a document; the whole text where it is none.
fn statements(content: &str) -> Vec<String> {
    if Document::parse(content).is_err() {
        return vec![content.to_owned()];
    }
    let value: serde_json::Value = serde_json::from_str(content).unwrap_or_default();
    match &value["Statement"] {
        serde_json::Value::Array(items) => items.iter().map(ToString::to_string).collect(),
        single => vec![single.to_string()],
    }
}
