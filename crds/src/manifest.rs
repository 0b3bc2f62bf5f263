//! The CRD manifests of all kinds.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use kube::CustomResourceExt;
use serde_json::json;
use serde_yaml::Value;

use crate::{
    AccountPosture, AwsOrganization, ComplianceException, ComplianceProfile, ControlAttestation, ControlCatalog,
    GuardrailApproval, GuardrailRelease, GuardrailSet, ScpBaseline,
};

/// First line of each generated file.
const HEADER: &str = "# Generated from crds/src by `make crds`; do not edit.\n";

/// The CRD of each kind, in alphabetical order.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut crds = vec![
        AccountPosture::crd(),
        AwsOrganization::crd(),
        ComplianceException::crd(),
        ComplianceProfile::crd(),
        ControlAttestation::crd(),
        ControlCatalog::crd(),
        GuardrailApproval::crd(),
        GuardrailRelease::crd(),
        GuardrailSet::crd(),
        ScpBaseline::crd(),
    ];
    crds.iter_mut().for_each(unread);
    crds
}

/// An object that the operator has not read yet has a status that says so. Tools that wait for it (kstatus: Flux, helm, kubectl)
/// take an object without any status for one that is as it should be.
fn unread(crd: &mut CustomResourceDefinition) {
    for version in &mut crd.spec.versions {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        let status = schema.and_then(|schema| schema.properties.as_mut()?.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(json!({"observedGeneration": -1})));
        }
    }
}

/// A CRD as the text of its generated file; the same for the same types, always.
pub fn manifest(crd: &CustomResourceDefinition) -> Result<String, serde_yaml::Error> {
    let mut crd = serde_yaml::to_value(crd)?;
    whole_numbers(&mut crd);
    Ok(format!("{HEADER}{}", quoted(&serde_yaml::to_string(&crd)?)))
}

/// YAML 1.1, which kubectl and helm read, takes these words for booleans; a field may be called so.
fn quoted(yaml: &str) -> String {
    const WORDS: [&str; 6] = ["on", "off", "yes", "no", "y", "n"];
    let line = |line: &str| {
        let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
        let (dash, rest) = rest.strip_prefix("- ").map_or(("", rest), |rest| ("- ", rest));
        let (word, colon) = rest.strip_suffix(':').map_or((rest, ""), |word| (word, ":"));
        if WORDS.contains(&word) { format!("{indent}{dash}\"{word}\"{colon}\n") } else { format!("{line}\n") }
    };
    yaml.lines().map(line).collect()
}

/// A CRD as a template of the chart of our kinds: an uninstall takes neither the kind nor, with it, every object.
pub fn chart_template(crd: &CustomResourceDefinition) -> Result<String, serde_yaml::Error> {
    let mut kept = crd.clone();
    let annotations = kept.metadata.annotations.get_or_insert_default();
    annotations.insert("helm.sh/resource-policy".to_owned(), "keep".to_owned());
    manifest(&kept)
}

/// Writes bounds as people do, `1` and not `1.0`.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Mapping(mapping) => mapping.values_mut().for_each(whole_numbers),
        Value::Sequence(items) => items.iter_mut().for_each(whole_numbers),
        Value::Number(number) if number.is_f64() => {
            // Every bound is far below 2^53; what has a fraction does not parse and stays.
            if let Some(whole) = number.as_f64().and_then(|float| format!("{float}").parse::<i64>().ok()) {
                *value = Value::Number(whole.into());
            }
        }
        _ => {}
    }
}
