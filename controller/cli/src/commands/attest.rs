//! `attest init`: attestations to fill in.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Result, ensure};
use kube::ResourceExt;
use soc2_catalog::{Automation, Catalog};
use soc2_crds::{ComplianceProfile, TailoringAction};

use super::prepare::{catalog, manifests};
use super::{Notes, print};
use crate::args::AttestCommand;
use crate::exit::Exit;
use crate::output::summary::word;

/// What somebody has to attest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stub {
    organization: String,
    /// `activities`, `controls` or `criteria`.
    field: &'static str,
    id: String,
    /// What it is and how often, for people.
    comment: String,
}

pub fn run(command: &AttestCommand, notes: &Notes) -> Result<Exit> {
    let AttestCommand::Init { manifests: files, namespace, day } = command;
    let (manifests, exit) = manifests(files, notes)?;
    ensure!(!manifests.profiles.is_empty(), "there is no ComplianceProfile in these files");
    let day = day.unwrap_or_else(|| jiff::Zoned::now().date());
    let catalog = catalog()?;
    let stubs: BTreeSet<Stub> = manifests.profiles.iter().flat_map(|found| stubs(&found.object, catalog)).collect();
    let mut out = String::from(
        "# Fill in statement, performedBy and evidence of what was done; without them the API server takes none of these.\n",
    );
    for stub in &stubs {
        write(stub, namespace, day, &mut out);
    }
    print(&out)?;
    Ok(exit)
}

/// What the criteria of a profile need, and the controls that people took over.
fn stubs(profile: &ComplianceProfile, catalog: &Catalog) -> Vec<Stub> {
    let organization = &profile.spec.organization_ref.name;
    let stub = |field, id: &str, comment: String| Stub {
        organization: organization.clone(),
        field,
        id: id.to_owned(),
        comment,
    };
    let categories: Vec<String> = profile.spec.categories.iter().map(word).collect();
    let wanted = |at: &usize| {
        let category = catalog.criteria().get(*at).map(|criterion| criterion.category.as_str());
        category.is_some_and(|category| category == "Security" || categories.iter().any(|known| known == category))
    };
    let mut found = Vec::new();
    let mut covered = BTreeSet::new();
    for activity in catalog.activities() {
        let criteria: Vec<usize> = activity.criteria.iter().copied().filter(|at| wanted(at)).collect();
        if criteria.is_empty() {
            continue;
        }
        let names: Vec<&str> =
            criteria.iter().filter_map(|at| catalog.criteria().get(*at)).map(|found| found.id.as_str()).collect();
        let comment = format!("{}; {}; for {}", activity.title, word(&activity.cadence), names.join(", "));
        found.push(stub("activities", &activity.id, comment));
        covered.extend(criteria);
    }
    for (at, criterion) in catalog.criteria().iter().enumerate() {
        if wanted(&at) && criterion.automation != Automation::Full && !covered.contains(&at) {
            found.push(stub("criteria", &criterion.id, criterion.title.clone()));
        }
    }
    let manual = profile.spec.controls.iter().filter(|entry| entry.action == TailoringAction::Manual);
    for control in manual.flat_map(|entry| catalog.resolve(&entry.id)) {
        let control = catalog.get(control);
        found.push(stub(
            "controls",
            &control.id,
            format!("{}; tailored as Manual in {}", control.title, profile.name_any()),
        ));
    }
    found
}

fn write(stub: &Stub, namespace: &str, day: jiff::civil::Date, out: &mut String) {
    let Stub { organization, field, id, comment } = stub;
    let name = format!("{}-{day}", id.to_lowercase().replace(['.', '_'], "-"));
    let scalar = |text: &str| serde_json::Value::from(text);
    let _ = write!(
        out,
        "---\n# {comment}\napiVersion: soc2-operator.dev/v1alpha1\nkind: ControlAttestation\nmetadata: {{name: {}, namespace: {}}}\n\
         spec:\n  organizationRef: {{name: {}}}\n  {field}: [{}]\n  statement: \"\"\n  method: Performed\n  performedBy: \"\"\n  \
         performedAt: \"{day}T00:00:00Z\"\n  evidence: []\n",
        scalar(&name),
        scalar(namespace),
        scalar(organization),
        scalar(id),
    );
}
