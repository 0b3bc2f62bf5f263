//! The catalogues in use: the built-in one in its versions, and those that objects extend.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use kube::core::DeserializeGuard;
use soc2_catalog::{Catalog, CatalogProblem};
use soc2_crds::{ComplianceProfile, ControlCatalog};

use super::written::{Version, version};

/// Why a profile has no catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogTrouble {
    /// Reason in CamelCase.
    pub reason: &'static str,
    /// In words, naming the field and what to do.
    pub message: String,
}

type Extended = Result<Arc<Catalog>, Arc<Vec<CatalogProblem>>>;

/// Catalogues that objects extend, by name and built-in version, made once for each version of the object.
pub struct Catalogs {
    builtin: Arc<Catalog>,
    extended: Mutex<BTreeMap<(String, String), (Version, Extended)>>,
}

impl Catalogs {
    /// With the newest built-in catalogue alone.
    #[must_use]
    pub fn new(builtin: Arc<Catalog>) -> Self {
        Self { builtin, extended: Mutex::default() }
    }

    /// The newest built-in catalogue.
    #[must_use]
    pub fn builtin(&self) -> &Arc<Catalog> {
        &self.builtin
    }

    /// The catalogue of a profile: of the version that it names, else of the one that it was assessed with before, as long
    /// as this program carries it, else of the newest. `find` finds an object by name.
    ///
    /// # Errors
    /// When there is no such catalogue, or something is wrong with it.
    pub fn of_profile(
        &self,
        profile: &ComplianceProfile,
        find: impl FnOnce(&str) -> Option<Arc<DeserializeGuard<ControlCatalog>>>,
    ) -> Result<Arc<Catalog>, CatalogTrouble> {
        let wanted = profile.spec.catalog_ref.as_ref();
        let base = self.base(profile)?;
        let Some(name) = wanted.map(|wanted| wanted.name.as_str()).filter(|name| *name != Catalog::BUILTIN) else {
            return Ok(base);
        };
        let guard = find(name);
        let object = guard.as_ref().and_then(|guard| guard.0.as_ref().ok());
        match object.filter(|object| object.metadata.deletion_timestamp.is_none()) {
            Some(object) => self.extend(object, &base).map_err(|problems| invalid(name, &problems)),
            None if guard.as_ref().is_some_and(|guard| guard.0.is_err()) => Err(CatalogTrouble {
                reason: "InvalidCatalog",
                message: format!("spec.catalogRef.name: ControlCatalog {name:?} cannot be read; its status says why"),
            }),
            None => Err(CatalogTrouble {
                reason: "CatalogNotFound",
                message: format!(
                    "spec.catalogRef.name: there is no ControlCatalog {name:?}; create it, or correct the name"
                ),
            }),
        }
    }

    fn base(&self, profile: &ComplianceProfile) -> Result<Arc<Catalog>, CatalogTrouble> {
        match Catalog::pinned(profile) {
            Ok(carried) => Ok(Arc::clone(carried.unwrap_or(&self.builtin))),
            Err(unknown) => Err(CatalogTrouble { reason: "UnknownCatalogVersion", message: unknown.to_string() }),
        }
    }

    /// The built-in catalogue with what an object adds and overrides.
    ///
    /// # Errors
    /// Everything that is wrong with the object.
    pub fn extend(&self, object: &ControlCatalog, base: &Arc<Catalog>) -> Extended {
        let name = object.metadata.name.clone().unwrap_or_default();
        let (key, wanted) = ((name.clone(), base.version().to_owned()), version(object));
        if let Some((known, extended)) = self.extended().get(&key)
            && *known == wanted
        {
            return extended.clone();
        }
        let extended = Catalog::extended(base, &object.spec, &name).map(Arc::new).map_err(Arc::new);
        self.extended().insert(key, (wanted, extended.clone()));
        extended
    }

    /// Every catalogue that is in use, or could be: the newest built-in one, and those of objects.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Catalog>> {
        let extended = self.extended();
        let good = extended.values().filter_map(|(_, extended)| extended.as_ref().ok().cloned());
        std::iter::once(Arc::clone(&self.builtin)).chain(good).collect()
    }

    /// Forgets the catalogues of objects that are gone; gives their names.
    pub fn retain(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        let mut extended = self.extended();
        let gone = extended.extract_if(.., |(name, _), _| !names.contains(name));
        gone.map(|((name, _), _)| name).collect()
    }

    fn extended(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), (Version, Extended)>> {
        // Whole entries come and go.
        self.extended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn invalid(name: &str, problems: &[CatalogProblem]) -> CatalogTrouble {
    let first = problems.first().map(|problem| format!("{}: {}", problem.field, problem.message)).unwrap_or_default();
    let more = match problems.len() {
        0 | 1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    let message = format!("ControlCatalog {name} is not valid, so that nothing of it takes effect: {first}{more}");
    CatalogTrouble { reason: "InvalidCatalog", message }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn profile(catalog_ref: &Value, used: Option<&str>) -> ComplianceProfile {
        let used = used.map(|version| json!({"catalog": {"name": "soc2", "version": version, "digest": "sha256:0"}}));
        serde_json::from_value(json!({
            "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "ComplianceProfile", "metadata": {"name": "a"},
            "spec": {"organizationRef": {"name": "acme"}, "catalogRef": catalog_ref}, "status": used,
        }))
        .unwrap()
    }

    fn object(generation: i64, spec: &Value) -> Arc<DeserializeGuard<ControlCatalog>> {
        let object = serde_json::from_value(json!({
            "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "ControlCatalog",
            "metadata": {"name": "soc2-acme", "uid": "1", "generation": generation}, "spec": spec,
        }));
        Arc::new(DeserializeGuard(Ok(object.unwrap())))
    }

    fn catalogs() -> Catalogs {
        Catalogs::new(Arc::clone(Catalog::builtin().unwrap()))
    }

    fn good() -> Value {
        json!({"extends": "soc2", "controls": [{"id": "S3.2", "severity": "Low"}]})
    }

    #[test]
    fn a_profile_stays_on_its_version_while_the_program_carries_it() {
        let newest = Catalog::builtin().unwrap().version();
        for version in Catalog::versions() {
            let found = catalogs().of_profile(&profile(&Value::Null, Some(version)), |_| None).unwrap();
            assert_eq!(found.version(), version);
        }
        for used in [None, Some("2019.01")] {
            let found = catalogs().of_profile(&profile(&Value::Null, used), |_| None).unwrap();
            assert_eq!(found.version(), newest, "{used:?}");
        }
    }

    #[test]
    fn a_version_that_is_named_must_be_there() {
        let named = json!({"name": "soc2", "version": "2019.01"});
        let trouble = catalogs().of_profile(&profile(&named, None), |_| None).unwrap_err();
        assert_eq!(trouble.reason, "UnknownCatalogVersion");
        assert!(trouble.message.contains("spec.catalogRef.version") && trouble.message.contains("2019.01"));
    }

    #[test]
    fn an_extended_catalogue_is_made_once_for_each_version_of_its_object() {
        let (catalogs, wanted) = (catalogs(), profile(&json!({"name": "soc2-acme"}), None));
        let first = catalogs.of_profile(&wanted, |_| Some(object(1, &good()))).unwrap();
        assert_eq!(first.name(), "soc2-acme");
        let same = catalogs.of_profile(&wanted, |_| Some(object(1, &good()))).unwrap();
        assert!(Arc::ptr_eq(&first, &same));
        assert_eq!(catalogs.all().len(), 2);
        // A mistake: nothing of it, and nothing of the version before.
        let bad = json!({"extends": "soc2", "controls": [{"id": "S3.2", "severity": "Low"}, {"id": "s3.2"}]});
        let trouble = catalogs.of_profile(&wanted, |_| Some(object(2, &bad))).unwrap_err();
        assert_eq!(trouble.reason, "InvalidCatalog");
        assert_eq!(catalogs.all().len(), 1);
        let trouble = catalogs.of_profile(&wanted, |_| None).unwrap_err();
        assert_eq!(trouble.reason, "CatalogNotFound");
        assert_eq!(catalogs.retain(&BTreeSet::new()), ["soc2-acme".to_owned()].into());
        assert!(catalogs.extended().is_empty());
    }
}
