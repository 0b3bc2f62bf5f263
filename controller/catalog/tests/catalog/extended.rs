//! What a `ControlCatalog` adds and overrides, and what is refused as a whole.

use soc2_catalog::{
    Cadence, Catalog, CatalogProblem, Confidence, Control, Mapping, Reach, Severity, StandardCode, Tier,
};
use soc2_crds::{CatalogProblemStatus, CatalogSummary, ControlCatalog, ControlCatalogSpec};

use crate::catalog;

const GOOD: &str = r#"
extends: soc2
criteria:
- id: CC6.1
  controls:
  - {id: inspector.1, confidence: Curated, source: SEC-77}
  - {id: Custom.1, confidence: Direct, source: Scanner policy}
- id: CC6.2
  controls:
  - {id: RDS.2, confidence: Curated, source: SEC-78}
  - {id: Account.1, confidence: Curated, source: SEC-79}
controls:
- {id: Custom.1, title: "Scanner: no open finding", severity: High, match: {generatorId: "acme/*", type: "TTPs/*"}}
- {id: IAM.99, title: "A control that AWS added since", severity: Critical, reach: Global, standards: [pci-dss/v/4.0.1]}
- {id: privatecertificateauthority.1, severity: Critical}
- {id: S3.13, title: "Lifecycle by data class", reach: RegionalAccount, resourceType: "AWS::S3::AccessPoint"}
activities:
- {id: vendor-review, owner: procurement@example.com, cadence: Quarterly}
- {id: key-ceremony, title: Root keys renewed, criteria: [CC6.1, C1.1], cadence: Annual}
"#;

fn spec(yaml: &str) -> ControlCatalogSpec {
    serde_yaml::from_str(yaml).unwrap()
}

fn extended(yaml: &str) -> Catalog {
    Catalog::extended(catalog(), &spec(yaml), "soc2-acme").unwrap()
}

/// Field and message of each problem, as one line.
fn problems(yaml: &str) -> Vec<String> {
    let problems = Catalog::extended(catalog(), &spec(yaml), "soc2-acme").unwrap_err();
    problems.iter().map(CatalogProblem::to_string).collect()
}

fn control<'a>(catalog: &'a Catalog, id: &str) -> &'a Control {
    catalog.get(catalog.control(id).unwrap())
}

fn mapping<'a>(catalog: &'a Catalog, criterion: &str, control: &str) -> &'a Mapping {
    let pair = (catalog.criterion(criterion).unwrap(), catalog.control(control).unwrap());
    catalog.mappings().iter().find(|mapping| (mapping.criterion, mapping.control) == pair).unwrap()
}

#[test]
fn controls_of_the_base_keep_their_numbers_and_new_ones_come_behind() {
    let more = extended(GOOD);
    let known = catalog().controls().len();
    assert_eq!(more.controls().len(), known + 2);
    for (at, control) in catalog().controls().iter().enumerate() {
        assert_eq!(more.controls()[at].id, control.id);
        assert_eq!(more.control(&control.id), catalog().control(&control.id));
    }
    assert_eq!(more.control(" CUSTOM.1 ").map(|ix| usize::from(ix.0)), Some(known));
    assert_eq!(more.resolve("Custom.*"), [more.control("Custom.1").unwrap()]);
    let custom: Vec<&str> = more.custom_controls().map(|(_, control)| control.id.as_str()).collect();
    assert_eq!(custom, ["Custom.1"]);
    assert_eq!(catalog().custom_controls().count(), 0);
}

#[test]
fn new_controls_are_custom_with_a_match_and_security_hubs_without() {
    let more = extended(GOOD);
    let custom = control(&more, "Custom.1");
    let matcher = custom.matcher.as_ref().unwrap();
    assert!(matcher.matches("acme/1", "", "", &["TTPs/x"]) && !matcher.matches("acme/1", "", "", &["Effects/x"]));
    assert_eq!((custom.severity, custom.reach, &custom.standards[..]), (Severity::High, Reach::Regional, &[][..]));
    assert_eq!((custom.remediation_url(), custom.effort.as_ref()), (None, None));
    assert_eq!(custom.source, "soc2-acme");
    let new = control(&more, "iam.99");
    assert_eq!(
        (new.severity, new.reach, &new.standards[..]),
        (Severity::Critical, Reach::Global, &[StandardCode::Pci4][..])
    );
    assert!(new.matcher.is_none());
    let url = new.remediation_url().unwrap();
    assert_eq!(url, "https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html#iam-99");
}

#[test]
fn an_override_replaces_what_it_names_and_nothing_else() {
    let more = extended(GOOD);
    let (before, after) = (control(catalog(), "PCA.1"), control(&more, "PCA.1"));
    assert_eq!((before.severity, after.severity), (Severity::Low, Severity::Critical));
    let mut restored = after.clone();
    restored.severity = before.severity;
    restored.source.clone_from(&before.source);
    assert_eq!(&restored, before);
    let lifecycle = control(&more, "S3.13");
    assert_eq!(lifecycle.title, "Lifecycle by data class");
    assert_eq!(lifecycle.reach, Reach::RegionalAccount);
    assert_eq!(lifecycle.resource_type.as_deref(), Some("AWS::S3::AccessPoint"));
    assert_eq!(lifecycle.standards, control(catalog(), "S3.13").standards);
    assert_eq!(lifecycle.effort, control(catalog(), "S3.13").effort);
}

#[test]
fn mappings_are_added_and_count_in_every_tier() {
    let more = extended(GOOD);
    assert_eq!(more.mappings().len(), catalog().mappings().len() + 3);
    assert!(more.mappings().is_sorted_by_key(|mapping| (mapping.criterion, mapping.control)));
    let new = mapping(&more, "CC6.1", "Inspector.1");
    assert_eq!((new.tier, new.confidence, new.weak), (Tier::Default, Confidence::Curated, false));
    assert_eq!(new.sources.iter().map(ToString::to_string).collect::<Vec<_>>(), ["soc2-acme: SEC-77"]);
    assert_eq!(mapping(&more, "CC6.1", "Custom.1").confidence, Confidence::Direct);
    // A mapping that was there gets one more source, and the better confidence stays.
    let (before, after) = (mapping(catalog(), "CC6.2", "RDS.2"), mapping(&more, "CC6.2", "RDS.2"));
    assert_eq!(after.sources.len(), before.sources.len() + 1);
    assert_eq!((before.confidence, after.confidence), (Confidence::Direct, Confidence::Direct));
}

#[test]
fn a_mapping_of_the_extended_tier_comes_into_the_default_tier_and_a_weak_one_stays_weak() {
    let yaml = "
extends: soc2
criteria:
- {id: CC9.1, controls: [{id: KMS.4, confidence: Direct, source: SEC-1}]}";
    let (more, known) = (extended(yaml), mapping(catalog(), "CC9.1", "KMS.4"));
    assert_eq!((known.tier, known.confidence, known.weak), (Tier::Extended, Confidence::Curated, true));
    let mapping = mapping(&more, "CC9.1", "KMS.4");
    assert_eq!((mapping.tier, mapping.confidence, mapping.weak), (Tier::Default, Confidence::Direct, true));
    assert_eq!(more.mappings().len(), catalog().mappings().len());
}

#[test]
fn activities_are_added_and_overridden() {
    let more = extended(GOOD);
    assert_eq!(more.activities().len(), catalog().activities().len() + 1);
    let review = &more.activities()[more.activity("vendor-review").unwrap()];
    assert_eq!((review.cadence, review.owner.as_deref()), (Cadence::Quarterly, Some("procurement@example.com")));
    assert_eq!(review.title, "Vendors and their reports reviewed");
    assert_eq!(review.sources, ["001", "004", "soc2-acme"]);
    let ceremony = more.activity_facts("key-ceremony").unwrap();
    assert_eq!(ceremony.criteria.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["CC6.1", "C1.1"]);
    assert!(ceremony.activity.needs_evidence);
}

#[test]
fn name_version_and_digest_say_what_it_is() {
    let more = extended(GOOD);
    assert_eq!((more.name(), more.version()), ("soc2-acme", catalog().version()));
    assert_eq!(extended(GOOD).digest(), more.digest());
    assert!(more.digest().starts_with("sha256:") && more.digest() != catalog().digest());
    let other = Catalog::extended(catalog(), &spec(GOOD), "soc2-other").unwrap();
    assert_ne!(other.digest(), more.digest());
    let changed = extended(&GOOD.replace("SEC-77", "SEC-76"));
    assert_ne!(changed.digest(), more.digest());
    let on_more = Catalog::extended(&other, &spec(GOOD.replace("Custom.1", "Custom.2").as_str()), "soc2-acme").unwrap();
    assert_ne!(on_more.digest(), more.digest());
}

#[test]
fn the_summary_counts_what_is_said() {
    let summary = CatalogSummary::of(&spec(GOOD));
    assert_eq!((summary.controls, summary.custom_controls, summary.mappings, summary.activities), (4, 1, 4, 2));
    let problem = Catalog::extended(catalog(), &spec("extends: soc2"), "soc2-acme").unwrap_err().remove(0);
    assert_eq!(CatalogProblemStatus::from(problem).field, "spec");
}

#[test]
fn every_problem_is_named_with_its_field() {
    let yaml = r#"
extends: soc2
criteria:
- {id: CC6.9, controls: [{id: IAM.5, confidence: Direct, source: x}]}
- id: CC6.1
  controls:
  - {id: IAM.99, confidence: Direct, source: x}
  - {id: IAM.5, confidence: Direct, source: x}
  - {id: iam.5, confidence: Direct, source: " "}
  - {id: ECS.1, confidence: Direct, source: x}
  - {id: Broken.1, confidence: Direct, source: x}
- {id: cc6.1, controls: []}
controls:
- {id: Broken.1, title: "Broken by its match", severity: Low, match: {}}
- {id: IAM.5, title: "Not mine to match", severity: Low, match: {generatorId: "acme/*"}}
- {id: ECS.1, severity: Low}
- {id: "IAM.*", severity: Low}
- {id: IAM.6}
- {id: S3.8, severity: Low}
- {id: s3.8, severity: High}
- {id: New.1, severity: Low}
- {id: Custom.2, title: "With a standard", severity: Low, standards: [PCI], match: {generatorId: "**", product: "Security Hub", type: "x"}}
- {id: S3.9, title: shrt, resourceType: AwsS3Bucket, standards: [pci-dss/v/4.0.1, standards/pci-dss/v/4.0.1]}
activities:
- {id: Vendor, owner: somebody}
- {id: vendor-review}
- {id: vendor-review, owner: somebody}
- {id: key-ceremony, owner: x, criteria: [CC6.1, CC6.1, P1.2]}
- {id: access-review, criteria: []}
"#;
    let expected = [
        "spec.controls[0].match: must name findings by at least one of generatorId, product and type",
        "spec.controls[1].match: IAM.5 is a control of Security Hub: one of your own needs another id, such as Custom.1",
        "spec.controls[2].id: AWS retired ECS.1: there is nothing to override",
        "spec.controls[3].id: \"IAM.*\" must be a service and a number, such as Custom.1",
        "spec.controls[4]: must override something: title, severity, reach, resourceType or standards",
        "spec.controls[6].id: \"s3.8\" is spec.controls[5] already: say all of it there",
        "spec.controls[7].title: is needed: the built-in catalogue does not know New.1",
        "spec.controls[8].standards: goes only without match: findings of other products belong to no standard",
        "spec.controls[8].standards[0]: \"PCI\" is no standard; there are aws-foundational-security-best-practices/v/1.0.0, ",
        "spec.controls[8].match.generatorId: must be 1 to 512 characters, one of them other than '*' and '?'",
        "spec.controls[8].match.product: must be another product than Security Hub",
        "spec.controls[9].standards[1]: \"standards/pci-dss/v/4.0.1\" is there twice",
        "spec.controls[9].title: must be one line of 5 to 256 characters",
        "spec.controls[9].resourceType: must be an AWS Config type of resource, such as AWS::S3::Bucket",
        "spec.criteria[0].id: \"CC6.9\" is no criterion, such as CC6.1",
        "spec.criteria[1].controls[0].id: neither the built-in catalogue nor spec.controls knows \"IAM.99\"",
        "spec.criteria[1].controls[2].source: must be one line of 1 to 256 characters: who or what says so",
        "spec.criteria[1].controls[2].id: \"iam.5\" is there twice",
        "spec.criteria[1].controls[3].id: AWS retired ECS.1: nothing can be evidence of it",
        "spec.criteria[2].id: \"cc6.1\" is spec.criteria[1] already: put its controls there",
        "spec.criteria[2].controls: must have 1 to 200 controls",
        "spec.activities[0].id: \"Vendor\" must be lower-case letters, digits and '-', such as vendor-review",
        "spec.activities[1]: must override something: title, criteria, cadence or owner",
        "spec.activities[2].id: \"vendor-review\" is spec.activities[1] already: say all of it there",
        "spec.activities[3].title: is needed: the built-in catalogue does not know key-ceremony",
        "spec.activities[3].cadence: is needed: the built-in catalogue does not know key-ceremony",
        "spec.activities[3].owner: must say who, such as procurement@example.com",
        "spec.activities[3].criteria[1]: \"CC6.1\" is there twice",
        "spec.activities[3].criteria[2]: \"P1.2\" is no criterion, such as CC6.1",
        "spec.activities[4].criteria: must name at least one criterion",
    ];
    let found = problems(yaml);
    for (expected, found) in expected.iter().zip(&found) {
        assert!(found.starts_with(expected), "expected {expected}\nfound {found}");
    }
    assert_eq!(found.len(), expected.len(), "{}", found.join("\n"));
}

#[test]
fn names_and_empty_objects_are_refused() {
    let named = |name: &str| Catalog::extended(catalog(), &spec(GOOD), name);
    assert_eq!(named("soc2").unwrap_err()[0].field, "metadata.name");
    for empty in ["extends: soc2", "{extends: soc2, criteria: [], controls: [], activities: []}"] {
        assert_eq!(problems(empty), ["spec: must say something: at least one of criteria, controls and activities"]);
    }
}

#[test]
fn too_much_is_refused_without_looking_at_each() {
    let many = |list: &str, item: &dyn Fn(usize) -> String| {
        format!("extends: soc2\n{list}:\n{}", (0..201).map(item).collect::<String>())
    };
    let controls = many("controls", &|at| format!("- {{id: Custom.{at}, severity: Low}}\n"));
    assert_eq!(problems(&controls), ["spec.controls: must have at most 200 controls"]);
    let activities = many("activities", &|at| format!("- {{id: a{at}}}\n"));
    assert_eq!(problems(&activities), ["spec.activities: must have at most 100 activities"]);
    let text = problems(&format!("extends: soc2\nactivities: [{{id: \"{}\", owner: me}}]", "x".repeat(5000)));
    assert!(text[0].len() < 300, "{}", text[0]);
}

/// The API server and this crate agree: what the CRD refuses of a catalogue is refused here too.
#[test]
fn what_the_api_server_rejects_is_refused_here_too() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds/tests/invalid");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // Lengths of names are Kubernetes' business.
        if !name.starts_with("ccat-") || name == "ccat-name-too-long.yaml" {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        // What is not even read as a catalogue is refused by the types.
        if let Ok(object) = serde_yaml::from_str::<ControlCatalog>(&text) {
            let object_name = object.metadata.name.unwrap();
            assert!(Catalog::extended(catalog(), &object.spec, &object_name).is_err(), "{name} is accepted");
        }
        checked += 1;
    }
    assert!(checked >= 25, "{checked}");
}
