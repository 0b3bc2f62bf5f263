//! The generated manifests are up to date, and are what Kubernetes and people need.

mod support;

use serde_json::Value;

#[test]
fn generated_manifests_are_up_to_date() {
    for crd in soc2_crds::crds() {
        let path = support::folder("crds/generated").join(format!("{}.yaml", crd.spec.names.plural));
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == soc2_crds::manifest(&crd).unwrap(), "{} is out of date: make crds", path.display());
    }
    assert_eq!(support::files(&support::folder("crds/generated"), "yaml").len(), soc2_crds::crds().len());
}

#[test]
fn the_chart_has_the_same_kinds_and_keeps_them() {
    let folder = support::folder("charts/soc2-operator-crds/templates");
    for crd in soc2_crds::crds() {
        let name = &crd.spec.names.plural;
        let template = std::fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap_or_default();
        // Helm would take braces in a description for its own.
        assert!(!template.contains("{{"), "{name}: the template has braces");
        let mut object: Value = serde_yaml::from_str(&template).unwrap();
        let annotations = object["metadata"].as_object_mut().and_then(|metadata| metadata.remove("annotations"));
        assert_eq!(annotations, Some(serde_json::json!({"helm.sh/resource-policy": "keep"})), "{name}");
        let plain: Value = serde_yaml::from_str(&soc2_crds::manifest(&crd).unwrap()).unwrap();
        assert_eq!(object, plain, "{name} is out of date: make crds");
    }
    assert_eq!(support::files(&folder, "yaml").len(), soc2_crds::crds().len());
}

/// Calls `check` for each schema below `schema`, with its path.
fn walk(schema: &Value, path: &str, check: &mut impl FnMut(&str, &Value)) {
    check(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), check);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(below) = schema.get(key) {
            walk(below, &format!("{path}[]"), check);
        }
    }
}

#[test]
fn every_field_is_documented_and_spec_is_bounded() {
    for crd in soc2_crds::crds() {
        let schema = support::schema(&crd.spec.names.kind);
        walk(&schema, "", &mut |path, schema| {
            let where_ = format!("{}{path}", crd.spec.names.kind);
            assert!(
                path.ends_with("[]") || !schema["description"].as_str().unwrap_or_default().is_empty(),
                "{where_}: no description"
            );
            assert!(!schema["format"].as_str().unwrap_or_default().starts_with("uint"), "{where_}: unsigned format");
            assert!(path == ".status" || schema.get("nullable").is_none(), "{where_}: nullable");
            if !path.starts_with(".spec") {
                return;
            }
            match schema["type"].as_str() {
                Some("string") => {
                    let bounded = ["maxLength", "enum", "pattern"].iter().any(|key| schema.get(key).is_some());
                    let is_time = ["date", "date-time"].iter().any(|format| schema["format"] == *format);
                    assert!(bounded || is_time, "{where_}: unbounded string");
                }
                Some("array") => {
                    assert!(schema["minItems"].as_u64() >= Some(1), "{where_}: an empty list says nothing");
                    assert!(schema.get("maxItems").is_some(), "{where_}: unbounded list");
                }
                Some("integer") => assert!(schema.get("maximum").is_some(), "{where_}: unbounded number"),
                _ => {}
            }
        });
    }
}

#[test]
fn statuses_have_conditions_by_type_and_postures_have_no_status() {
    for crd in soc2_crds::crds() {
        let version = &crd.spec.versions[0];
        let schema = support::schema(&crd.spec.names.kind);
        assert_eq!(crd.spec.names.categories.as_deref(), Some(&["soc2".to_owned()][..]));
        // What owners write is theirs: it lives in their namespaces.
        let of_owners = ["ComplianceException", "ControlAttestation"].contains(&crd.spec.names.kind.as_str());
        assert_eq!(crd.spec.scope, if of_owners { "Namespaced" } else { "Cluster" });
        if crd.spec.names.kind == "AccountPosture" {
            assert!(version.subresources.is_none() && schema["properties"].get("spec").is_none());
            assert!(schema["properties"].get("summary").is_some());
        } else {
            assert!(version.subresources.as_ref().is_some_and(|sub| sub.status.is_some()));
            let status = &schema["properties"]["status"];
            // Or what waits for an object takes one that was never read for one that is as it should be.
            assert_eq!(status["default"], serde_json::json!({"observedGeneration": -1}), "{}", crd.spec.names.kind);
            assert_eq!(status["properties"]["observedGeneration"]["type"], "integer", "{}", crd.spec.names.kind);
            let conditions = &status["properties"]["conditions"];
            assert_eq!(conditions["x-kubernetes-list-type"], "map");
            assert_eq!(conditions["x-kubernetes-list-map-keys"], serde_json::json!(["type"]));
        }
    }
}

#[test]
fn exactly_the_aicpas_criteria_are_known() {
    let parts = [
        ("CC", vec![5, 3, 4, 2, 3, 8, 5, 1, 2]),
        ("A", vec![3]),
        ("C", vec![2]),
        ("PI", vec![5]),
        ("P", vec![1, 1, 2, 3, 2, 7, 1, 1]),
    ];
    // Whether an id is right, and the id.
    let mut ids: Vec<(bool, String)> = Vec::new();
    for prefix in ["CC", "A", "C", "PI", "P", "D"] {
        for part in 0..10_usize {
            for number in 0..10 {
                let expected = parts.iter().any(|(known, counts)| {
                    *known == prefix
                        && part > 0
                        && number > 0
                        && counts.get(part - 1).is_some_and(|count| number <= *count)
                });
                ids.push((expected, format!("{prefix}{part}.{number}")));
            }
        }
    }
    assert_eq!(ids.iter().filter(|(expected, _)| *expected).count(), 61);
    for some in ids.chunks(60) {
        let criteria: Vec<&str> = some.iter().map(|(_, id)| id.as_str()).collect();
        let document = serde_json::json!({
            "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "ComplianceProfile", "metadata": {"name": "x"},
            "spec": {"organizationRef": {"name": "acme"}, "controls": [
                {"id": "IAM.6", "action": "Enable", "criteria": criteria, "rationale": "Our auditor asks for it"},
            ]},
        });
        let errors = support::errors(&document, None);
        for (expected, id) in some {
            assert_eq!(errors.contains(&format!("Invalid value: \"{id}\"")), !expected, "{id}: {errors}");
        }
    }
}
