//! What owners wrote, in scenes.

use soc2_crds::{ActivityStatus, ComplianceExceptionSpec, ControlAttestationSpec, CriterionStatus};
use soc2_posture::Desired;
use soc2_posture::assess::{Attestation, Exception, ExceptionFact, Owners, attestations};

use crate::scene::{ACCOUNT, Scene, catalog};

/// Namespace of the operator.
pub const OPERATOR: &str = "soc2-operator";

/// Something that an owner wrote: namespace, name, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<S> {
    pub namespace: String,
    pub name: String,
    pub spec: S,
}

impl<S: serde::Serialize + serde::de::DeserializeOwned> Written<S> {
    /// The same in another namespace.
    pub fn within(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// Sets fields, as a person would write them; `null` takes one away.
    pub fn but(mut self, fields: serde_json::Value) -> Self {
        let mut spec = serde_json::to_value(&self.spec).unwrap();
        merge(&mut spec, fields);
        self.spec = serde_json::from_value(spec).unwrap();
        self
    }
}

/// An object with one field.
pub fn object(field: &str, value: serde_json::Value) -> serde_json::Value {
    serde_json::Value::Object([(field.to_owned(), value)].into_iter().collect())
}

pub fn merge(spec: &mut serde_json::Value, fields: serde_json::Value) {
    let serde_json::Value::Object(fields) = fields else { panic!("{fields} are no fields") };
    for (key, value) in fields {
        if value.is_null() {
            spec.as_object_mut().unwrap().remove(&key);
        } else {
            spec[key] = value;
        }
    }
}

/// An exception of the operator's namespace for IAM.5 in the account, from yesterday to 30 days from now.
pub fn exception(name: &str) -> Written<ComplianceExceptionSpec> {
    let spec = serde_json::json!({
        "organizationRef": {"name": "acme"},
        "controls": ["IAM.5"],
        "targets": {"include": [{"accountIds": [ACCOUNT]}]},
        "reason": "the scanner cannot do it yet",
        "owner": "payments-team",
        "startsAt": "2026-11-21T12:00:00Z",
        "expiresAt": "2026-12-22T12:00:00Z",
    });
    let spec = serde_json::from_value(spec).unwrap();
    Written { namespace: OPERATOR.to_owned(), name: name.to_owned(), spec }
}

/// An attestation of the operator's namespace that the activity was done a week ago everywhere, with evidence.
pub fn attestation(name: &str, activity: &str) -> Written<ControlAttestationSpec> {
    let spec = serde_json::json!({
        "organizationRef": {"name": "acme"},
        "activities": [activity],
        "statement": "we did it and found nothing",
        "performedBy": "it-security",
        "performedAt": "2026-11-15T12:00:00Z",
        "evidence": [{"url": "s3://acme-evidence/it.pdf"}],
    });
    let spec = serde_json::from_value(spec).unwrap();
    Written { namespace: OPERATOR.to_owned(), name: name.to_owned(), spec }
}

/// What is wanted, with the lists that it refers to.
pub struct Wanted<'a> {
    scene: &'a Scene,
    exceptions: Vec<Exception<'a>>,
    attestations: Vec<Attestation<'a>>,
}

impl Wanted<'_> {
    pub fn owners(&self) -> Owners<'_> {
        Owners {
            exceptions: &self.exceptions,
            attestations: &self.attestations,
            operator_namespace: OPERATOR,
            catalogs: &self.scene.catalogs,
        }
    }

    pub fn desired(&self) -> Desired<'_> {
        Desired {
            profile: &self.scene.profile,
            catalog: self.scene.catalog.as_ref().unwrap_or(catalog()),
            organization: &self.scene.aws,
            protection: &self.scene.protection,
            owners: self.owners(),
            acknowledged_targets: self.scene.acknowledged,
        }
    }
}

impl Scene {
    /// What is wanted.
    pub fn wanted(&self) -> Wanted<'_> {
        let mut wanted = Wanted { scene: self, exceptions: Vec::new(), attestations: Vec::new() };
        for Written { namespace, name, spec } in &self.exceptions {
            wanted.exceptions.push(Exception { namespace, name, spec });
        }
        for Written { namespace, name, spec } in &self.attestations {
            wanted.attestations.push(Attestation { namespace, name, spec });
        }
        wanted
    }

    /// Sets fields of the organization.
    pub fn organization(mut self, fields: serde_json::Value) -> Self {
        let mut spec = serde_json::to_value(&self.aws).unwrap();
        merge(&mut spec, fields);
        self.aws = serde_json::from_value(spec).unwrap();
        self
    }

    pub fn waived(mut self, exceptions: impl IntoIterator<Item = Written<ComplianceExceptionSpec>>) -> Self {
        self.exceptions.extend(exceptions);
        self
    }

    /// People's part is tracked here, with these attestations.
    pub fn attested(mut self, attestations: impl IntoIterator<Item = Written<ControlAttestationSpec>>) -> Self {
        self.attestations.extend(attestations);
        self.profile(serde_json::json!({"manual": {"tracking": "Here"}}))
    }

    pub fn criterion(&self, id: &str) -> CriterionStatus {
        self.assess().status().criteria.into_iter().find(|criterion| criterion.id == id).unwrap()
    }

    pub fn activity(&self, id: &str) -> ActivityStatus {
        self.assess().activities().into_iter().find(|activity| activity.id == id).unwrap()
    }

    /// What is known of the exception of this name.
    pub fn exception(&self, name: &str) -> ExceptionFact {
        self.assess().exceptions().into_iter().find(|fact| fact.name == name).unwrap()
    }

    /// State and reason of the exception of this name, such as `Refused: NotGranted`.
    pub fn exception_words(&self, name: &str) -> String {
        let standing = self.exception(name).standing(self.now);
        format!("{:?}: {}", standing.state, standing.reason)
    }

    /// Of each attestation its name, state and reason.
    pub fn attestation_words(&self) -> Vec<String> {
        let wanted = self.wanted();
        let catalogs = [std::sync::Arc::clone(catalog())];
        let all = attestations("acme", wanted.owners().attestations, Some(&self.organization), &catalogs, self.now);
        all.into_iter().map(|one| format!("{} {:?}: {}", one.name, one.state, one.reason)).collect()
    }
}
