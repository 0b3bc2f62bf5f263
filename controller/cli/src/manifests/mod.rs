//! Manifests: read from files, checked as the API server checks them, and against each other.

mod files;
mod guardrails;
mod lines;
mod references;
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use anyhow::Result;
use kube::ResourceExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use soc2_crds::{
    API_VERSION, AwsOrganization, ComplianceException, ComplianceProfile, ControlAttestation, ControlCatalog, GROUP,
    GuardrailSet, ScpBaseline,
};

pub use files::{Origin, folder_files};

/// An object and where it was written.
#[derive(Clone, Debug)]
pub struct Loaded<K> {
    /// The object.
    pub object: K,
    /// Where it was written.
    pub origin: Origin,
}

/// Objects of our kinds, those that are valid.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    /// `AwsOrganization`s.
    pub organizations: Vec<Loaded<AwsOrganization>>,
    /// `ComplianceProfile`s.
    pub profiles: Vec<Loaded<ComplianceProfile>>,
    /// `ControlCatalog`s.
    pub catalogs: Vec<Loaded<ControlCatalog>>,
    /// `ComplianceException`s.
    pub exceptions: Vec<Loaded<ComplianceException>>,
    /// `ControlAttestation`s.
    pub attestations: Vec<Loaded<ControlAttestation>>,
    /// `GuardrailSet`s.
    pub sets: Vec<Loaded<GuardrailSet>>,
    /// `ScpBaseline`s.
    pub baselines: Vec<Loaded<ScpBaseline>>,
    /// What is wrong with others.
    pub problems: Vec<Problem>,
    /// Documents that are none of ours.
    pub others: usize,
}

/// Something wrong with an object or a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it was written.
    pub origin: Origin,
    /// Kind and name, if it has them.
    pub object: Option<String>,
    /// What is wrong, beginning with the field.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.object {
            Some(object) => write!(out, "{}: {object}: {}", self.origin, self.message),
            None => write!(out, "{}: {}", self.origin, self.message),
        }
    }
}

impl Manifests {
    /// Reads these files and folders.
    ///
    /// # Errors
    /// When a path is not there. What is wrong inside is among the `problems`.
    pub fn load(paths: &[PathBuf]) -> Result<Self> {
        let mut loader = Loader { schemas: schemas(), found: Self::default(), names: BTreeSet::new() };
        for (origin, document) in files::read(paths)? {
            match document {
                Ok(value) => loader.take(value, &origin),
                Err(message) => loader.found.problems.push(Problem { origin, object: None, message }),
            }
        }
        Ok(loader.found)
    }

    /// What is wrong with objects that were made here, as text.
    #[must_use]
    pub fn problems_of(text: &str) -> Vec<Problem> {
        let mut loader = Loader { schemas: schemas(), found: Self::default(), names: BTreeSet::new() };
        let mut documents = Vec::new();
        files::parse("-", text, &mut documents);
        for (origin, document) in documents {
            match document {
                Ok(value) => loader.take(value, &origin),
                Err(message) => loader.found.problems.push(Problem { origin, object: None, message }),
            }
        }
        loader.found.problems
    }

    /// What refers to nothing, or cannot work together. With `elsewhere`, objects that are in no file are taken to be in the
    /// cluster.
    #[must_use]
    pub fn references(&self, elsewhere: bool) -> Vec<Problem> {
        references::check(self, elsewhere)
    }

    /// Number of valid objects.
    #[must_use]
    pub fn len(&self) -> usize {
        self.organizations.len()
            + self.profiles.len()
            + self.catalogs.len()
            + self.exceptions.len()
            + self.attestations.len()
            + self.sets.len()
            + self.baselines.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The organization of this name.
    #[must_use]
    pub fn organization(&self, name: &str) -> Option<&AwsOrganization> {
        self.organizations.iter().map(|found| &found.object).find(|object| object.name_any() == name)
    }
}

/// Schemas by kind.
fn schemas() -> BTreeMap<String, Value> {
    let crds = soc2_crds::crds().into_iter().filter_map(|crd| {
        let version = crd.spec.versions.into_iter().next()?;
        let schema = serde_json::to_value(version.schema?.open_api_v3_schema?).ok()?;
        Some((crd.spec.names.kind, schema))
    });
    crds.collect()
}

struct Loader {
    schemas: BTreeMap<String, Value>,
    found: Manifests,
    /// Kind, namespace and name of what was there already.
    names: BTreeSet<String>,
}

impl Loader {
    fn take(&mut self, value: Value, origin: &Origin) {
        let (version, kind) = (text(&value, "apiVersion"), text(&value, "kind"));
        if version.split('/').next() != Some(GROUP) {
            self.found.others += 1;
            return;
        }
        let name = value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let namespace = value["metadata"]["namespace"].as_str().map(|namespace| format!("{namespace}/"));
        let object = format!("{kind} {}{name}", namespace.unwrap_or_default());
        let mut errors = self.errors(&value, &version, &kind, &name);
        if errors.is_empty() && !self.names.insert(object.clone()) {
            errors.push(
                "metadata.name: there is another object of this kind and name; give one of them another".to_owned(),
            );
        }
        if errors.is_empty()
            && let Err(error) = self.keep(&kind, value, origin)
        {
            errors.push(error.to_string());
        }
        let object = Some(object).filter(|_| !name.is_empty());
        let problem = |message: String| Problem { origin: origin.of(&message), object: object.clone(), message };
        self.found.problems.extend(errors.into_iter().map(problem));
    }

    fn errors(&self, value: &Value, version: &str, kind: &str, name: &str) -> Vec<String> {
        if version != API_VERSION {
            return vec![format!("apiVersion: must be {API_VERSION}, not {version}")];
        }
        let Some(schema) = self.schemas.get(kind) else {
            let kinds: Vec<&str> = self.schemas.keys().map(String::as_str).collect();
            return vec![format!("kind: there is no {kind:?}; there are {}", kinds.join(", "))];
        };
        if name.is_empty() {
            return vec!["metadata.name: is required".to_owned()];
        }
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if !name.chars().all(fits) || name.len() > 253 {
            return vec![format!("metadata.name: {name:?} must be lower-case letters, digits, '-' and '.'")];
        }
        schema::errors(schema, value)
    }

    fn keep(&mut self, kind: &str, value: Value, origin: &Origin) -> Result<(), serde_json::Error> {
        let found = &mut self.found;
        match kind {
            "AwsOrganization" => push(&mut found.organizations, value, origin),
            "ComplianceProfile" => push(&mut found.profiles, value, origin),
            "ControlCatalog" => push(&mut found.catalogs, value, origin),
            "ComplianceException" => push(&mut found.exceptions, value, origin),
            "ControlAttestation" => push(&mut found.attestations, value, origin),
            "GuardrailSet" => push(&mut found.sets, value, origin),
            "ScpBaseline" => push(&mut found.baselines, value, origin),
            // What the operator writes says nothing of what is wanted.
            _ => Ok(()),
        }
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn push<K: DeserializeOwned>(
    into: &mut Vec<Loaded<K>>,
    value: Value,
    origin: &Origin,
) -> Result<(), serde_json::Error> {
    let object = serde_json::from_value(value)?;
    into.push(Loaded { object, origin: origin.clone() });
    Ok(())
}
