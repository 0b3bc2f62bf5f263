//! The policies as they are once steps are done.

use super::step::{PolicyBody, PolicyRef, Step};
use crate::inventory::{Policy, PolicyInventory};

/// What is read once all of these steps are done. A policy that is created has its name for an id.
#[must_use]
pub fn after<'a>(inventory: &PolicyInventory, steps: impl IntoIterator<Item = &'a Step>) -> PolicyInventory {
    let mut after = inventory.clone();
    for step in steps {
        match step {
            Step::Adopt { id, tags, .. } => {
                if let Some(policy) = after.policies.get_mut(id) {
                    policy.tags.extend(tags.clone());
                }
            }
            Step::Create { policy: PolicyBody { name, content, tags, .. }, .. } => {
                // Two sets may want the same one.
                let created = after.policies.entry(name.clone()).or_default();
                let targets = std::mem::take(&mut created.targets);
                let (name, content, tags) = (name.clone(), content.clone(), tags.clone());
                *created = Policy { name, content, tags, aws_managed: false, targets };
            }
            Step::Update { id, policy, .. } => {
                if let Some(found) = after.policies.get_mut(id) {
                    found.name.clone_from(&policy.name);
                    found.content.clone_from(&policy.content);
                }
            }
            Step::Attach { policy: PolicyRef::ById(id) | PolicyRef::ByName(id), target, .. } => {
                if let Some(policy) = after.policies.get_mut(id) {
                    policy.targets.insert(target.id.0.clone());
                }
            }
            Step::Detach { id, target, .. } => {
                if let Some(policy) = after.policies.get_mut(id) {
                    policy.targets.remove(&target.0);
                }
            }
            Step::Delete { id, .. } => drop(after.policies.remove(id)),
        }
    }
    after
}
