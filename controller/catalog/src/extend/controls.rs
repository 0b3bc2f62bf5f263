//! Controls that are new, or that override one.

use std::collections::HashMap;

use soc2_crds::{CatalogControl, FindingMatch};

use super::Problems;
use super::check::{is_control_id, is_glob, is_resource_type, is_title, quoted};
use crate::ids::normalize_control_id;
use crate::matcher::Matcher;
use crate::{Catalog, Control, ControlIx, Reach, StandardCode, standards};

/// Most controls that one object may name.
const MAX: usize = 200;
const LINE: &str = "must be one line of 5 to 256 characters";
const GLOB: &str = "must be 1 to 512 characters, one of them other than '*' and '?'";

/// Applies each; what is wrong is left out, and said.
pub(super) fn apply(catalog: &mut Catalog, wanted: &[CatalogControl], problems: &mut Problems) {
    if !problems.unless(wanted.len() <= MAX, "spec.controls", format!("must have at most {MAX} controls")) {
        return;
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (at, control) in wanted.iter().enumerate() {
        let field = format!("spec.controls[{at}]");
        let id = quoted(&control.id);
        let shape = "must be a service and a number, such as Custom.1";
        if !problems.unless(is_control_id(&control.id), &format!("{field}.id"), format!("{id} {shape}")) {
            continue;
        }
        if let Some(first) = seen.insert(normalize_control_id(&control.id), at) {
            problems.add(format!("{field}.id"), format!("{id} is spec.controls[{first}] already: say all of it there"));
            continue;
        }
        match catalog.control(&control.id) {
            Some(ix) => change(catalog, ix, control, &field, problems),
            None => add(catalog, control, &field, problems),
        }
    }
}

/// Overrides what the catalogue says of a control that it knows.
fn change(catalog: &mut Catalog, ix: ControlIx, wanted: &CatalogControl, field: &str, problems: &mut Problems) {
    let CatalogControl { id: _, title, severity, reach, resource_type, standards, matches } = wanted;
    let before = problems.0.len();
    let mut control = catalog.get(ix).clone();
    if matches.is_some() {
        let message =
            format!("{} is a control of Security Hub: one of your own needs another id, such as Custom.1", control.id);
        problems.add(format!("{field}.match"), message);
    }
    if control.retired {
        problems.add(format!("{field}.id"), format!("AWS retired {}: there is nothing to override", control.id));
    }
    let says_nothing =
        [title.is_none(), severity.is_none(), reach.is_none(), resource_type.is_none(), standards.is_none()];
    if matches.is_none() && says_nothing.iter().all(|none| *none) {
        problems.add(field, "must override something: title, severity, reach, resourceType or standards");
    }
    let standards = codes(standards.as_deref(), field, problems);
    texts(wanted, field, problems);
    if problems.0.len() > before {
        return;
    }
    control.title = title.clone().unwrap_or(control.title);
    control.severity = severity.map_or(control.severity, Into::into);
    control.reach = reach.map_or(control.reach, Into::into);
    control.resource_type = resource_type.clone().or(control.resource_type);
    control.standards = standards.unwrap_or(control.standards);
    control.source.clone_from(&catalog.name);
    catalog.controls[usize::from(ix.0)] = control;
}

/// Adds a control behind those that are there.
fn add(catalog: &mut Catalog, wanted: &CatalogControl, field: &str, problems: &mut Problems) {
    let CatalogControl { id, title, severity, reach, resource_type, standards, matches } = wanted;
    let before = problems.0.len();
    for (name, missing) in [("title", title.is_none()), ("severity", severity.is_none())] {
        let message = format!("is needed: the built-in catalogue does not know {id}");
        problems.unless(!missing, &format!("{field}.{name}"), message);
    }
    if matches.is_some() && standards.is_some() {
        problems.add(
            format!("{field}.standards"),
            "goes only without match: findings of other products belong to no standard",
        );
    }
    let standards = codes(standards.as_deref(), field, problems);
    texts(wanted, field, problems);
    let matcher = matches.as_ref().map(|wanted| matcher(wanted, &format!("{field}.match"), problems));
    let ix = u16::try_from(catalog.controls.len());
    let (Some(title), Some(severity), Ok(ix)) = (title, severity, ix) else { return };
    if problems.0.len() > before {
        return;
    }
    catalog.by_id.insert(normalize_control_id(id), ControlIx(ix));
    catalog.controls.push(Control {
        id: id.clone(),
        title: title.clone(),
        severity: (*severity).into(),
        reach: reach.map_or(Reach::Regional, Into::into),
        schedule: None,
        standards: standards.unwrap_or_default(),
        resource_type: resource_type.clone(),
        config_rule: None,
        custom_parameters: false,
        playbook: false,
        category: String::new(),
        effort: None,
        matcher,
        retired: false,
        retired_since: None,
        source: catalog.name.clone(),
    });
}

/// The standards named, each once.
fn codes(names: Option<&[String]>, field: &str, problems: &mut Problems) -> Option<Vec<StandardCode>> {
    let mut codes = Vec::new();
    for (at, name) in names?.iter().enumerate() {
        match standards::parse(name) {
            Some(code) if codes.contains(&code) => {
                problems.add(format!("{field}.standards[{at}]"), format!("{} is there twice", quoted(name)));
            }
            Some(code) => codes.push(code),
            None => {
                let known: Vec<&str> = standards::all().map(standards::short).collect();
                let message = format!("{} is no standard; there are {}", quoted(name), known.join(", "));
                problems.add(format!("{field}.standards[{at}]"), message);
            }
        }
    }
    Some(codes)
}

fn texts(wanted: &CatalogControl, field: &str, problems: &mut Problems) {
    let is_good = wanted.title.as_deref().is_none_or(is_title);
    problems.unless(is_good, &format!("{field}.title"), LINE);
    let is_good = wanted.resource_type.as_deref().is_none_or(is_resource_type);
    let message = "must be an AWS Config type of resource, such as AWS::S3::Bucket";
    problems.unless(is_good, &format!("{field}.resourceType"), message);
}

fn matcher(wanted: &FindingMatch, field: &str, problems: &mut Problems) -> Matcher {
    let FindingMatch { generator_id, product, kind } = wanted;
    let globs = [("generatorId", generator_id), ("product", product), ("type", kind)];
    if globs.iter().all(|(_, glob)| glob.is_none()) {
        problems.add(field, "must name findings by at least one of generatorId, product and type");
    }
    for (name, glob) in globs {
        problems.unless(glob.as_deref().is_none_or(is_glob), &format!("{field}.{name}"), GLOB);
    }
    let is_security_hub = |product: &String| product == "Security Hub" || product.ends_with(":product/aws/securityhub");
    if product.as_ref().is_some_and(is_security_hub) {
        let message = "must be another product than Security Hub: its findings are evidence of its own controls only";
        problems.add(format!("{field}.product"), message);
    }
    Matcher { generator_id: generator_id.clone(), product: product.clone(), kind: kind.clone() }
}
