//! The data files are consistent with each other, and give the numbers that the documentation names.

use std::collections::BTreeSet;

use soc2_catalog::{
    Automation, Cadence, Confidence, Cost, Downtime, Mapping, Reach, Schedule, Severity, Source, StandardCode, Tier,
    TscCategory, normalize_control_id,
};

use crate::catalog;

/// Numbers of mappings, of different controls and of different criteria.
fn numbers<'a>(mappings: impl Iterator<Item = &'a Mapping>) -> (usize, usize, usize) {
    let (mut pairs, mut controls, mut criteria) = (0, BTreeSet::new(), BTreeSet::new());
    for mapping in mappings {
        pairs += 1;
        controls.insert(mapping.control);
        criteria.insert(mapping.criterion);
    }
    (pairs, controls.len(), criteria.len())
}

#[test]
fn the_default_tier_has_the_documented_numbers() {
    let mappings = catalog().mappings();
    assert_eq!(numbers(mappings.iter().filter(|mapping| mapping.tier == Tier::Default)), (221, 114, 27));
    let (pairs, controls, _) = numbers(mappings.iter());
    assert_eq!((pairs, controls), (555, 198));
    let sources = |mapping: &&Mapping| mapping.sources.iter().filter(|source| **source != Source::Pulumi).count();
    assert_eq!(mappings.iter().filter(|mapping| sources(mapping) >= 2).count(), 121);
    assert_eq!(mappings.iter().filter(|mapping| sources(mapping) >= 3).count(), 26);
}

#[test]
fn the_copied_list_of_cc6_2_is_not_in_the_default_tier() {
    let cc6_2 = catalog().criterion("CC6.2").unwrap();
    let copied: Vec<&Mapping> =
        catalog().mappings().iter().filter(|m| m.criterion == cc6_2 && m.sources == [Source::Powerpipe]).collect();
    assert_eq!(copied.len(), 49);
    assert!(copied.iter().all(|mapping| mapping.tier == Tier::Extended));
    assert!(copied.iter().any(|mapping| mapping.confidence == Confidence::Direct));
}

#[test]
fn criteria_are_the_aicpas_in_its_order() {
    let ids: Vec<&str> = catalog().criteria().iter().map(|criterion| criterion.id.as_str()).collect();
    let counts = [
        ("CC", vec![5, 3, 4, 2, 3, 8, 5, 1, 2]),
        ("A", vec![3]),
        ("C", vec![2]),
        ("PI", vec![5]),
        ("P", vec![1, 1, 2, 3, 2, 7, 1, 1]),
    ];
    let mut expected = Vec::new();
    for (prefix, parts) in counts {
        for (part, count) in parts.into_iter().enumerate() {
            expected.extend((1..=count).map(|number| format!("{prefix}{}.{number}", part + 1)));
        }
    }
    assert_eq!(ids, expected);
    assert_eq!(ids.len(), 61);
    let security = catalog().criteria().iter().filter(|criterion| criterion.category == TscCategory::Security);
    assert_eq!(security.count(), 33);
    assert!(catalog().criteria().iter().all(|criterion| !criterion.title.is_empty()));
    let full = catalog().criteria().iter().filter(|criterion| criterion.automation == Automation::Full);
    assert_eq!(full.map(|criterion| criterion.id.as_str()).collect::<Vec<_>>(), ["CC6.6", "CC6.7", "CC7.1"]);
}

#[test]
fn controls_are_complete_and_in_order() {
    let controls = catalog().controls();
    assert_eq!(controls.len(), 593 + 11);
    let normalized: BTreeSet<String> = controls.iter().map(|control| normalize_control_id(&control.id)).collect();
    assert_eq!(normalized.len(), controls.len(), "ids are unique after normalisation");
    for control in controls {
        let (service, number) = control.id.rsplit_once('.').expect("service and number");
        assert!(service.chars().all(|c| c.is_ascii_alphanumeric()) && !service.is_empty(), "{}", control.id);
        assert!(number.parse::<u32>().is_ok(), "{}", control.id);
        assert!(control.id.len() <= 64, "{}: longer than the API allows", control.id);
        assert!(!control.title.is_empty(), "{}", control.id);
        assert!(control.resource_type.as_deref().is_none_or(|kind| kind.starts_with("AWS::")), "{}", control.id);
        assert_eq!(catalog().control(&control.id).map(|ix| catalog().get(ix).id.as_str()), Some(control.id.as_str()));
    }
    let position = |id: &str| catalog().control(id).unwrap();
    assert!(position("EC2.9") < position("EC2.13"));
    assert!(position("Account.1") < position("ACM.1"));
}

#[test]
fn every_control_of_the_default_tier_can_be_enabled_by_a_standard_or_is_known_not_to_be() {
    let without: BTreeSet<&str> = catalog()
        .mappings()
        .iter()
        .map(|mapping| catalog().get(mapping.control))
        .filter(|control| control.standards.is_empty() || control.retired)
        .map(|control| control.id.as_str())
        .collect();
    assert_eq!(without.into_iter().collect::<Vec<_>>(), ["EC2.22"]);
    assert!(catalog().controls().iter().any(|control| control.standards == [StandardCode::AiSecurity]));
}

#[test]
fn known_controls_are_as_aws_describes_them() {
    let get = |id: &str| catalog().get(catalog().control(id).unwrap());
    assert_eq!(get("iam.5").id, "IAM.5");
    assert_eq!((get("IAM.5").severity, get("IAM.5").reach), (Severity::Medium, Reach::Global));
    assert_eq!(get("GuardDuty.1").reach, Reach::RegionalAccount);
    assert_eq!(get("S3.8").reach, Reach::Regional);
    assert_eq!(get(" AUTOSCALING.5 ").id, "Autoscaling.5");
    assert_eq!(get("PrivateCertificateAuthority.1").id, "PCA.1");
    assert!(!get("IAM.9").standards.contains(&StandardCode::Fsbp), "root MFA is not in FSBP");
    assert!(get("ECS.1").retired);
    assert_eq!(get("RDS.18").retired_since.as_deref(), Some("2026-06"));
    assert!(catalog().control("IAM.99").is_none());
    assert_eq!(get("PCA.1").aliases(), ["PrivateCertificateAuthority.1"]);
    assert!(get("IAM.5").aliases().is_empty());
    assert_eq!(
        (get("IAM.5").schedule, get("IAM.5").config_rule.as_deref()),
        (Some(Schedule::Periodic), Some("mfa-enabled-for-iam-console-access"))
    );
}

#[test]
fn globs_name_controls() {
    let ids = |glob: &str| -> Vec<&str> {
        catalog().resolve(glob).into_iter().map(|ix| catalog().get(ix).id.as_str()).collect()
    };
    assert_eq!(ids("CloudWatch.*").len(), 17);
    assert_eq!(ids("cloudwatch.1?").len(), 8);
    assert_eq!(ids("PrivateCertificateAuthority.*"), ["PCA.1", "PCA.2"]);
    assert_eq!(ids("private*"), ["PCA.1", "PCA.2"]);
    assert_eq!(ids(" ec2.13 "), ["EC2.13"]);
    assert_eq!(ids("*").len(), catalog().controls().len());
    assert!(ids("EC2").is_empty());
    assert!(ids("Foo.*").is_empty());
    assert!(ids("").is_empty());
}

#[test]
fn every_active_control_says_all_of_itself() {
    for control in catalog().controls().iter().filter(|control| !control.retired) {
        let id = &control.id;
        let effort = control.effort.as_ref().unwrap_or_else(|| panic!("{id}: no effort"));
        assert!(effort.why.len() > 10 && ["000", "project"].contains(&effort.source.as_str()), "{id}");
        assert!(control.schedule.is_some(), "{id}");
        assert!(["export-2025-03", "docs-page", "rule-exists", "inferred"].contains(&control.source.as_str()), "{id}");
        let url = control.remediation_url().unwrap();
        let page = url.strip_prefix("https://docs.aws.amazon.com/securityhub/latest/userguide/").unwrap();
        let (service, number) = id.split_once('.').unwrap();
        let service = service.to_lowercase();
        assert_eq!(page, format!("{service}-controls.html#{service}-{number}"));
    }
    for control in catalog().controls().iter().filter(|control| control.retired) {
        assert_eq!((control.remediation_url(), control.effort.as_ref()), (None, None), "{}", control.id);
    }
    assert_eq!(catalog().controls().iter().filter(|control| control.retired).count(), 12);
    assert_eq!(catalog().controls().iter().filter(|control| control.playbook).count(), 102);
    let mapped: BTreeSet<_> = catalog().mappings().iter().map(|mapping| mapping.control).collect();
    assert_eq!(mapped.iter().filter(|ix| catalog().get(**ix).playbook).count(), 78);
}

#[test]
fn classes_of_cost_and_downtime_are_those_of_the_source_document_where_it_has_one() {
    let effort = |id: &str| {
        let effort = catalog().get(catalog().control(id).unwrap()).effort.as_ref().unwrap();
        (effort.cost, effort.downtime, effort.source.as_str())
    };
    for (id, cost) in [
        ("IAM.5", Cost::Low),
        ("CloudTrail.1", Cost::Medium),
        ("GuardDuty.1", Cost::MediumHigh),
        ("Config.1", Cost::MediumHigh),
        ("RDS.5", Cost::High),
        ("S3.17", Cost::Low),
        ("CloudWatch.1", Cost::Medium),
        ("KMS.4", Cost::LowMedium),
    ] {
        assert_eq!((effort(id).0, effort(id).2), (cost, "000"), "{id}");
    }
    assert_eq!(effort("GuardDuty.2"), (Cost::Low, Downtime::None, "project"), "tags are free everywhere");
    assert_eq!(effort("RDS.3").1, Downtime::Replacement);
    assert_eq!(effort("EC2.13").1, Downtime::Access);
    assert_eq!(effort("Redshift.2").1, Downtime::Restart);
    assert_eq!(effort("Redshift.18").1, Downtime::Restart);
    assert_eq!(Cost::LowMedium.to_string(), "Low-Medium");
}

/// Every row of the file decides some control, and every id in it does.
#[test]
fn no_class_is_there_for_nothing() {
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_reader(include_str!("../../data/2026.11/effort.csv").as_bytes())
            .records()
            .map(Result::unwrap)
            .collect();
    assert_eq!(rows.len(), 150);
    let mut last: std::collections::BTreeMap<u16, usize> = std::collections::BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        let category = row[1].to_lowercase();
        for glob in row[0].split(';') {
            let named = catalog().resolve(glob);
            assert!(!named.is_empty(), "{glob}: no such control");
            let of_category = named.into_iter().filter(|ix| {
                let found = catalog().get(*ix).category.to_lowercase();
                category.is_empty() || soc2_catalog::glob_match(&category, &found)
            });
            last.extend(of_category.map(|ix| (ix.0, at)));
        }
    }
    for (at, row) in rows.iter().enumerate() {
        assert!(last.values().any(|decides| *decides == at), "{row:?} decides nothing");
        for id in row[0].split(';').filter(|glob| !glob.contains(['*', '?'])) {
            assert_eq!(last.get(&catalog().control(id).unwrap().0), Some(&at), "{row:?}: {id} is decided further down");
        }
    }
}

#[test]
fn mappings_carry_sources_checks_and_places_in_the_source_documents() {
    for mapping in catalog().mappings() {
        let control = &catalog().get(mapping.control).id;
        assert!(!mapping.sources.is_empty() && !mapping.checks.is_empty(), "{control}");
        assert_eq!(mapping.sources.contains(&Source::Seed), !mapping.references.is_empty(), "{control}");
        for reference in &mapping.references {
            let (document, number) = reference.split_once(':').unwrap();
            assert!(["001", "002", "003"].contains(&document) && !number.is_empty(), "{reference}");
        }
    }
    assert_eq!(catalog().mappings().iter().filter(|mapping| mapping.weak).count(), 19);
    assert_eq!(catalog().mappings().iter().filter(|mapping| mapping.confidence == Confidence::Direct).count(), 230);
    assert_eq!(catalog().other_checks().len(), 151);
}

/// The columns that the mapping repeats say the same as the controls.
#[test]
fn the_mapping_repeats_the_controls_faithfully() {
    let mapping = include_str!("../../data/2026.11/mapping.csv");
    for row in
        csv::Reader::from_reader(mapping.as_bytes()).records().map(Result::unwrap).filter(|row| !row[1].is_empty())
    {
        let control = catalog().get(catalog().control(&row[1]).unwrap());
        assert_eq!(row[1], control.id);
        assert_eq!(row[6], control.severity.to_string().to_uppercase(), "{}", control.id);
        assert_eq!(&row[2], control.config_rule.as_deref().unwrap_or_default(), "{}", control.id);
        assert_eq!(
            row[7].split('|').filter(|code| !code.is_empty()).count(),
            control.standards.len(),
            "{}",
            control.id
        );
    }
}

#[test]
fn every_criterion_has_a_cadence_and_people_or_findings() {
    for (at, criterion) in catalog().criteria().iter().enumerate() {
        assert!(!criterion.rhythm.is_empty() && !criterion.area.contains('/'), "{}", criterion.id);
        let (people, findings) =
            (catalog().activities_for(at).count(), catalog().mappings_for(at).iter().filter(|one| !one.weak).count());
        // What findings cannot show in full has an activity.
        assert!(people > 0 || criterion.automation == Automation::Full, "{}", criterion.id);
        assert!(people > 0 || findings > 0, "{}", criterion.id);
    }
    let quarterly = catalog().criteria().iter().filter(|one| one.attestation == Cadence::Quarterly);
    let quarterly: Vec<&str> = quarterly.map(|one| one.id.as_str()).collect();
    assert_eq!(quarterly, ["CC3.2", "CC4.1", "CC6.2", "CC6.3", "CC7.5", "A1.1", "A1.3"]);
    let annual = catalog().criteria().iter().filter(|one| one.attestation == Cadence::Annual).count();
    assert_eq!(annual, 61 - 7);
    let count = |automation| catalog().criteria().iter().filter(|one| one.automation == automation).count();
    assert_eq!([Automation::Full, Automation::Partial, Automation::Manual].map(count), [3, 24, 34]);
}

#[test]
fn activities_are_the_documented_ones() {
    let activities = catalog().activities();
    assert_eq!(activities.len(), 32);
    let ids: BTreeSet<&str> = activities.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids.len(), 32);
    for activity in activities {
        assert!(activity.needs_evidence && activity.owner.is_none() && !activity.title.is_empty(), "{}", activity.id);
        let sources = ["000", "001", "002", "003", "004", "tsc"];
        assert!(!activity.sources.is_empty(), "{}", activity.id);
        assert!(activity.sources.iter().all(|one| sources.contains(&one.as_str())), "{}", activity.id);
        let criteria: BTreeSet<usize> = activity.criteria.iter().copied().collect();
        assert_eq!(criteria.len(), activity.criteria.len(), "{}", activity.id);
    }
    let count = |cadence| activities.iter().filter(|one| one.cadence == cadence).count();
    assert_eq!([Cadence::Monthly, Cadence::Quarterly, Cadence::Annual].map(count), [2, 7, 23]);
    assert_eq!(catalog().activity(" Access-Review "), catalog().activity("access-review"));
    assert!(catalog().activity("nothing").is_none());
}

#[test]
fn weak_mappings_are_marked() {
    let weak: BTreeSet<&str> = catalog()
        .mappings()
        .iter()
        .filter(|mapping| mapping.weak)
        .map(|mapping| catalog().criteria()[mapping.criterion].id.as_str())
        .collect();
    assert_eq!(
        weak.into_iter().collect::<Vec<_>>(),
        ["A1.3", "CC1.1", "CC1.5", "CC2.3", "CC3.1", "CC3.3", "CC5.1", "CC5.3", "CC9.1", "P4.1", "P8.1"]
    );
}

#[test]
fn the_api_knows_the_same_standards_and_guardrails() {
    let standards: Vec<&str> = soc2_catalog::standards::all().map(soc2_catalog::standards::short).collect();
    assert_eq!(standards, soc2_crds::STANDARDS);
    let guardrails: Vec<&str> = catalog().guardrails().iter().map(|guardrail| guardrail.name.as_str()).collect();
    assert_eq!(guardrails, soc2_crds::GUARDRAILS);
}

#[test]
fn the_digest_names_the_content() {
    let digest = catalog().digest();
    let hex = digest.strip_prefix("sha256:").expect("algorithm first");
    assert!(hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()));
    assert_eq!((catalog().name(), catalog().version()), ("soc2", "2026.11"));
}

#[test]
fn guardrails_say_what_they_are_for_and_show_it() {
    assert_eq!(catalog().guardrails().len(), 21);
    for guardrail in catalog().guardrails() {
        let name = &guardrail.name;
        assert!(!guardrail.criteria.is_empty(), "{name}");
        assert!(guardrail.source.is_some(), "{name}");
        assert!(guardrail.denied.len() >= 3 && guardrail.allowed.len() >= 3, "{name}");
        for call in guardrail.denied.iter().chain(&guardrail.allowed) {
            assert!(call.what.is_some(), "{name}: {call:?}");
        }
        for statement in &guardrail.statements {
            assert!(statement.sid.starts_with("Deny"), "{name}: whoever is denied reads it");
            let used = statement.exempt.iter().flatten().all(|exempt| exempt == "${administrators}");
            assert!(used, "{name}: whom it exempts is up to the organization and the set");
        }
    }
    let leave = catalog().guardrail("deny-leave-org").expect("the first guardrail");
    assert_eq!(leave.denied[0].action, "organizations:LeaveOrganization");
    assert_eq!(catalog().get(leave.controls[0]).id, "Account.2");
    assert!(catalog().guardrail("Deny-Leave-Org").is_none());
}

#[test]
fn references_are_parameters_and_no_policy_variables() {
    for (text, expected) in [
        ("${allowedRegions}", vec!["allowedRegions"]),
        ("arn:aws:s3:::${a}-${b2}", vec!["a", "b2"]),
        ("${aws:username} ${*} ${?} ${$} ${} ${open", vec![]),
        ("${aws:PrincipalTag/team, 'none'}", vec![]),
    ] {
        assert_eq!(soc2_catalog::references(text).collect::<Vec<_>>(), expected, "{text}");
    }
}

/// The page is for people; what it says of each guardrail comes from the data.
#[test]
fn the_page_of_guardrails_says_what_the_data_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guardrails.md");
    let page = std::fs::read_to_string(page).expect("docs/guardrails.md");
    for guardrail in catalog().guardrails() {
        let heading = format!("### {}\n\n{}. Criteria ", guardrail.name, guardrail.title);
        let part = page.split_once(&heading).expect(&heading).1.split("### ").next().unwrap_or_default();
        for parameter in &guardrail.parameters {
            let row = format!("- parameter `{}` ({:?}", parameter.name, parameter.r#type);
            let row = part.lines().find(|line| line.starts_with(&row)).expect(&heading);
            let stricter = parameter.stricter.expect("the library says which of two values is stricter");
            assert!(row.contains(&format!(", stricter: {stricter:?}): ")), "{heading}: {row}");
        }
        for caveat in guardrail.caveats.iter().chain(&guardrail.no_exemption) {
            assert!(part.contains(caveat.as_str()), "{}: {caveat}", guardrail.name);
        }
        for control in &guardrail.controls {
            assert!(part.contains(&catalog().get(*control).id), "{}", guardrail.name);
        }
    }
    assert_eq!(page.matches("### ").count(), catalog().guardrails().len());
}
