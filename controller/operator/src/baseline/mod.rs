//! Guardrails of `ScpBaseline` objects: whether each is without mistakes, and what guardrail sets can name. One that has a
//! mistake has no effect at all.

mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};
use soc2_catalog::{Catalog, CatalogProblem, Guardrail};
use soc2_crds::ScpBaseline;
use soc2_guardrails::library::read_baseline;

use crate::context::Context;
use crate::control::Reconciler;
use crate::error::Error;
use crate::guardrail::MANAGER;

/// UID and generation of an object.
type Version = (String, i64);
type Read = Result<Arc<Guardrail>, Arc<Vec<CatalogProblem>>>;

/// What objects say, by name, read once for each version of an object.
#[derive(Default)]
pub struct Baselines(Mutex<BTreeMap<String, (Version, Read)>>);

/// The guardrails that sets can name.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// The built-in ones in their order, then those of objects by name.
    pub guardrails: Vec<Guardrail>,
    /// Objects that have no effect, by name, and why.
    pub invalid: BTreeMap<String, String>,
}

impl Baselines {
    /// The guardrail of an object.
    ///
    /// # Errors
    /// Everything that is wrong with the object.
    pub fn read(&self, object: &ScpBaseline, catalog: &Catalog) -> Read {
        let name = object.name_any();
        let version = (object.uid().unwrap_or_default(), object.meta().generation.unwrap_or_default());
        if let Some((known, read)) = self.known().get(&name)
            && *known == version
        {
            return read.clone();
        }
        let read = read_baseline(catalog, &name, &object.spec).map(Arc::new).map_err(Arc::new);
        self.known().insert(name, (version, read.clone()));
        read
    }

    /// The built-in guardrails and those of valid objects that are not being deleted.
    #[must_use]
    pub fn library(&self, catalog: &Catalog, objects: &[Arc<DeserializeGuard<ScpBaseline>>]) -> Library {
        let mut library = Library { guardrails: catalog.guardrails().to_vec(), invalid: BTreeMap::new() };
        let mut found: BTreeMap<String, Guardrail> = BTreeMap::new();
        for guard in objects {
            let name = guard.name_any();
            let object = match &guard.0 {
                Ok(object) if object.metadata.deletion_timestamp.is_some() => continue,
                Ok(object) => object,
                Err(_) => {
                    library.invalid.insert(name, "it cannot be read; its status says why".to_owned());
                    continue;
                }
            };
            match self.read(object, catalog) {
                Ok(guardrail) => drop(found.insert(name, Guardrail::clone(&guardrail))),
                // A name of the built-in library is the built-in guardrail's.
                Err(_) if catalog.guardrail(&name).is_some() => {}
                Err(problems) => drop(library.invalid.insert(name, report::words(&problems))),
            }
        }
        library.guardrails.extend(found.into_values());
        library
    }

    /// Forgets objects that are gone; gives their names.
    pub fn retain(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        self.known().extract_if(.., |name, _| !names.contains(name)).map(|(name, _)| name).collect()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (Version, Read)>> {
        // Whole entries come and go.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the sets that name a guardrail looked at, with everything of their organizations.
pub fn tell(context: &Context, guardrail: &str) {
    for organization in context.stores.organizations_with(guardrail) {
        context.feeds.touch(&organization);
    }
}

/// Reconciles baselines.
#[derive(Debug, Default)]
pub struct BaselineReconciler;

impl Reconciler for BaselineReconciler {
    type Kind = ScpBaseline;
    const KIND: &'static str = "ScpBaseline";
    const MANAGER: &'static str = MANAGER;

    fn seen(&self, context: &Context, object: &ScpBaseline) {
        if object.metadata.deletion_timestamp.is_some() || context.is_asked_anew(object) {
            tell(context, &object.name_any());
        }
    }

    async fn reconcile(&self, context: &Context, object: Arc<ScpBaseline>) -> Result<Action, Error> {
        let read = context.baselines.read(&object, context.catalogs.builtin());
        report::report(context, &object, &read).await?;
        Ok(Action::await_change())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(denied: &str) -> Value {
        json!({
            "title": "Deny sharing EBS snapshots publicly", "criteria": ["CC6.1"],
            "statements": [{"sid": "DenyPublicSnapshot", "actions": ["ec2:ModifySnapshotAttribute"], "resources": ["*"]}],
            "examples": {"denied": [{"action": denied}], "allowed": [{"action": "ec2:DescribeSnapshots"}]},
        })
    }

    fn object(name: &str, generation: i64, spec: &Value) -> Arc<DeserializeGuard<ScpBaseline>> {
        let object = serde_json::from_value(json!({
            "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "ScpBaseline",
            "metadata": {"name": name, "uid": name, "generation": generation}, "spec": spec,
        }));
        Arc::new(DeserializeGuard(Ok(object.unwrap())))
    }

    #[test]
    fn a_bad_object_never_takes_effect_and_says_why() {
        let (baselines, catalog) = (Baselines::default(), Catalog::builtin().unwrap());
        let built_in = catalog.guardrails().len();
        let good = object("snapshots", 1, &spec("ec2:ModifySnapshotAttribute"));
        let library = baselines.library(catalog, std::slice::from_ref(&good));
        assert_eq!(library.guardrails.len(), built_in + 1);
        assert_eq!(library.guardrails[built_in].name, "snapshots");
        assert!(library.invalid.is_empty());

        let bad = object("snapshots", 2, &spec("ec2:DeleteSnapshot"));
        let library = baselines.library(catalog, &[bad]);
        assert_eq!(library.guardrails.len(), built_in, "nothing of it, and nothing of the version before");
        assert!(library.invalid["snapshots"].contains("it does not deny ec2:DeleteSnapshot"), "{library:?}");
        assert_eq!(baselines.retain(&BTreeSet::new()), ["snapshots".to_owned()].into());
    }

    #[test]
    fn a_name_of_the_built_in_library_stays_the_built_in_guardrail() {
        let (baselines, catalog) = (Baselines::default(), Catalog::builtin().unwrap());
        let thief = object("deny-leave-org", 1, &spec("ec2:ModifySnapshotAttribute"));
        let library = baselines.library(catalog, std::slice::from_ref(&thief));
        assert_eq!(library.guardrails, catalog.guardrails());
        assert!(library.invalid.is_empty());
        let problems = baselines.read(thief.0.as_ref().unwrap(), catalog).unwrap_err();
        assert_eq!(problems[0].field, "metadata.name");
    }
}
