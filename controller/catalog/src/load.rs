//! From the data files to a [`Catalog`]: every reference is resolved here, so that nothing dangles later.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::ids::normalize_control_id;
use crate::mapping::tier;
use crate::{
    Automation, Catalog, CatalogError, Confidence, Control, ControlIx, Criterion, ExampleCall, Guardrail, Mapping,
    Reach, Severity, Source, StandardCode, TscCategory, standards,
};

/// A data file of the program.
struct File {
    name: &'static str,
    text: &'static str,
}

macro_rules! file {
    ($name:literal) => {
        File { name: $name, text: include_str!(concat!("../data/", $name)) }
    };
}

const CRITERIA: File = file!("criteria.csv");
const CONTROLS: File = file!("controls.csv");
const RETIRED: File = file!("retired_controls.csv");
const MAPPING: File = file!("mapping.csv");
const WEAK: File = file!("weak_mappings.csv");
const STANDARDS: File = file!("standards.csv");
const GUARDRAILS: File = file!("guardrails.csv");
const EXAMPLES: File = file!("guardrail_examples.csv");

/// The built-in catalogue.
pub(crate) fn builtin() -> Result<Catalog, CatalogError> {
    let criteria = criteria()?;
    let controls = controls()?;
    let by_id = index(&controls)?;
    let mut catalog =
        Catalog { digest: digest(), criteria, controls, by_id, mappings: Vec::new(), guardrails: Vec::new() };
    catalog.mappings = mappings(&catalog)?;
    catalog.guardrails = guardrails(&catalog)?;
    Ok(catalog)
}

/// Over names and contents, each with its length, in a fixed order.
fn digest() -> String {
    let mut hash = Sha256::new();
    for file in [CRITERIA, CONTROLS, RETIRED, MAPPING, WEAK, STANDARDS, GUARDRAILS, EXAMPLES] {
        for part in [file.name, file.text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    format!("sha256:{}", hex::encode(hash.finalize()))
}

/// The rows of a file with their lines.
fn rows<T: DeserializeOwned>(file: &File) -> Result<Vec<(u64, T)>, CatalogError> {
    let mut reader = csv::Reader::from_reader(file.text.as_bytes());
    let headers = reader.headers().map_err(|error| wrong(file, 1, error.to_string()))?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(file, 0, error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = record.deserialize(Some(&headers)).map_err(|error| wrong(file, line, error.to_string()))?;
        rows.push((line, row));
    }
    Ok(rows)
}

fn wrong(file: &File, line: u64, problem: impl Into<String>) -> CatalogError {
    CatalogError { file: file.name, line, problem: problem.into() }
}

/// The parts of a field that holds a list.
fn list(field: &str) -> impl Iterator<Item = &str> {
    field.split(';').map(str::trim).filter(|part| !part.is_empty())
}

/// A field that may be empty.
fn optional(field: String) -> Option<String> {
    (!field.is_empty()).then_some(field)
}

#[derive(Deserialize)]
struct CriterionRow {
    tsc_id: String,
    category: String,
    short_title: String,
    automation: String,
}

fn criteria() -> Result<Vec<Criterion>, CatalogError> {
    let mut criteria: Vec<Criterion> = Vec::new();
    for (line, row) in rows::<CriterionRow>(&CRITERIA)? {
        let wrong = |problem: String| wrong(&CRITERIA, line, problem);
        if criteria.iter().any(|known| known.id == row.tsc_id) {
            return Err(wrong(format!("{} is there twice", row.tsc_id)));
        }
        let category = TscCategory::of(&row.tsc_id).ok_or_else(|| wrong(format!("{} has no category", row.tsc_id)))?;
        let automation = match row.automation.as_str() {
            "full" => Automation::Full,
            "partial" => Automation::Partial,
            "manual" => Automation::Manual,
            other => return Err(wrong(format!("automation is full, partial or manual, not {other:?}"))),
        };
        let area = row.category.split_once('/').map_or("", |(_, area)| area).to_owned();
        criteria.push(Criterion { id: row.tsc_id, category, area, title: row.short_title, automation });
    }
    Ok(criteria)
}

#[derive(Deserialize)]
struct ControlRow {
    control_id: String,
    title: String,
    severity: String,
    config_rule: String,
    standards: String,
    category: String,
    resource_type: String,
    status: String,
    reach: String,
}

#[derive(Deserialize)]
struct RetiredRow {
    control_id: String,
    title: String,
    severity: String,
    retired: String,
}

fn controls() -> Result<Vec<Control>, CatalogError> {
    let mut controls = Vec::new();
    for (line, row) in rows::<ControlRow>(&CONTROLS)? {
        controls.push(control(row).map_err(|problem| wrong(&CONTROLS, line, problem))?);
    }
    for (line, row) in rows::<RetiredRow>(&RETIRED)? {
        controls.push(Control {
            id: row.control_id,
            title: row.title,
            severity: severity(&row.severity).map_err(|problem| wrong(&RETIRED, line, problem))?,
            reach: Reach::Regional,
            standards: Vec::new(),
            resource_type: None,
            config_rule: None,
            category: String::new(),
            retired: true,
            retired_since: optional(row.retired),
        });
    }
    controls.sort_by_cached_key(|control| sort_key(&control.id));
    Ok(controls)
}

/// By service, then by number: `EC2.9` before `EC2.13`.
fn sort_key(id: &str) -> (String, u32, String) {
    let id = normalize_control_id(id);
    let (service, number) = id.rsplit_once('.').unwrap_or((&id, ""));
    (service.to_owned(), number.parse().unwrap_or(u32::MAX), id.clone())
}

fn control(row: ControlRow) -> Result<Control, String> {
    let retired = match row.status.split_once(' ').unwrap_or((&row.status, "")) {
        ("active", "") => None,
        ("retired", month) => Some(month.to_owned()),
        _ => return Err(format!("status is \"active\" or \"retired <month>\", not {:?}", row.status)),
    };
    let reach = match row.reach.as_str() {
        "Global" => Reach::Global,
        "RegionalAccount" => Reach::RegionalAccount,
        "Regional" => Reach::Regional,
        other => return Err(format!("reach is Global, RegionalAccount or Regional, not {other:?}")),
    };
    let standards: Vec<StandardCode> = list(&row.standards)
        .map(|code| standards::from_code(code).ok_or_else(|| format!("standard {code:?} is not known")))
        .collect::<Result<_, _>>()?;
    Ok(Control {
        severity: severity(&row.severity)?,
        id: row.control_id,
        title: row.title,
        reach,
        standards,
        resource_type: optional(row.resource_type),
        config_rule: optional(row.config_rule),
        category: row.category,
        retired: retired.is_some(),
        retired_since: retired.and_then(optional),
    })
}

fn severity(word: &str) -> Result<Severity, String> {
    match word {
        "CRITICAL" => Ok(Severity::Critical),
        "HIGH" => Ok(Severity::High),
        "MEDIUM" => Ok(Severity::Medium),
        "LOW" => Ok(Severity::Low),
        other => Err(format!("severity is CRITICAL, HIGH, MEDIUM or LOW, not {other:?}")),
    }
}

fn index(controls: &[Control]) -> Result<HashMap<String, ControlIx>, CatalogError> {
    let mut by_id = HashMap::with_capacity(controls.len());
    for (ix, control) in controls.iter().enumerate() {
        let ix = u16::try_from(ix).map_err(|_| wrong(&CONTROLS, 0, "more than 65536 controls"))?;
        if by_id.insert(normalize_control_id(&control.id), ControlIx(ix)).is_some() {
            return Err(wrong(&CONTROLS, 0, format!("{} is there twice", control.id)));
        }
    }
    Ok(by_id)
}

#[derive(Deserialize)]
struct MappingRow {
    tsc_id: String,
    security_hub_control_id: String,
    sources: String,
    confidence: String,
}

#[derive(Deserialize)]
struct WeakRow {
    criterion: String,
    control: String,
}

fn mappings(catalog: &Catalog) -> Result<Vec<Mapping>, CatalogError> {
    let weak = weak(catalog)?;
    let mut mappings = Vec::new();
    for (line, row) in rows::<MappingRow>(&MAPPING)? {
        if row.confidence != "unmapped" {
            mappings.push(mapping(catalog, &weak, &row).map_err(|problem| wrong(&MAPPING, line, problem))?);
        }
    }
    mappings.sort_by_key(|mapping| (mapping.criterion, mapping.control));
    match mappings.windows(2).find(|pair| pair[0].criterion == pair[1].criterion && pair[0].control == pair[1].control)
    {
        Some(pair) => Err(wrong(&MAPPING, 0, format!("{} is mapped twice", catalog.get(pair[0].control).id))),
        None => Ok(mappings),
    }
}

fn mapping(catalog: &Catalog, weak: &BTreeSet<(usize, ControlIx)>, row: &MappingRow) -> Result<Mapping, String> {
    let (criterion, control) = (known_criterion(catalog, &row.tsc_id)?, known(catalog, &row.security_hub_control_id)?);
    let confidence = match row.confidence.as_str() {
        "direct" => Confidence::Direct,
        "curated" => Confidence::Curated,
        other => return Err(format!("confidence is direct, curated or unmapped, not {other:?}")),
    };
    let sources: Vec<Source> = list(&row.sources)
        .map(|name| Source::from_name(name).ok_or_else(|| format!("source {name:?} is not known")))
        .collect::<Result<_, _>>()?;
    let tier = tier(&row.tsc_id, confidence, &sources);
    Ok(Mapping { criterion, control, tier, confidence, sources, weak: weak.contains(&(criterion, control)) })
}

fn weak(catalog: &Catalog) -> Result<BTreeSet<(usize, ControlIx)>, CatalogError> {
    let mut weak = BTreeSet::new();
    for (line, row) in rows::<WeakRow>(&WEAK)? {
        let wrong = |problem: String| wrong(&WEAK, line, problem);
        let criterion = known_criterion(catalog, &row.criterion).map_err(wrong)?;
        let controls = catalog.resolve(&row.control);
        if controls.is_empty() {
            return Err(wrong(format!("control {:?} is not known", row.control)));
        }
        weak.extend(controls.into_iter().map(|control| (criterion, control)));
    }
    Ok(weak)
}

fn known(catalog: &Catalog, id: &str) -> Result<ControlIx, String> {
    catalog.control(id).ok_or_else(|| format!("control {id:?} is not known"))
}

fn known_criterion(catalog: &Catalog, id: &str) -> Result<usize, String> {
    catalog.criterion(id).ok_or_else(|| format!("criterion {id:?} is not known"))
}

#[derive(Deserialize)]
struct GuardrailRow {
    guardrail: String,
    title: String,
    criteria: String,
    controls: String,
    document: String,
    no_exemption: String,
}

#[derive(Deserialize)]
struct ExampleRow {
    guardrail: String,
    decision: String,
    action: String,
    resource: String,
    what: String,
}

fn guardrails(catalog: &Catalog) -> Result<Vec<Guardrail>, CatalogError> {
    let mut guardrails = Vec::new();
    for (line, row) in rows::<GuardrailRow>(&GUARDRAILS)? {
        guardrails.push(guardrail(catalog, row).map_err(|problem| wrong(&GUARDRAILS, line, problem))?);
    }
    for (line, row) in rows::<ExampleRow>(&EXAMPLES)? {
        let wrong = |problem: String| wrong(&EXAMPLES, line, problem);
        let Some(guardrail) = guardrails.iter_mut().find(|guardrail| guardrail.name == row.guardrail) else {
            return Err(wrong(format!("guardrail {:?} is not known", row.guardrail)));
        };
        let calls = match row.decision.as_str() {
            "Denied" => &mut guardrail.denied,
            "Allowed" => &mut guardrail.allowed,
            other => return Err(wrong(format!("decision is Denied or Allowed, not {other:?}"))),
        };
        calls.push(ExampleCall { action: row.action, resource: row.resource, what: row.what });
    }
    Ok(guardrails)
}

fn guardrail(catalog: &Catalog, row: GuardrailRow) -> Result<Guardrail, String> {
    let criteria = list(&row.criteria).map(|id| known_criterion(catalog, id)).collect::<Result<_, _>>()?;
    let controls = list(&row.controls).map(|id| known(catalog, id)).collect::<Result<_, _>>()?;
    Ok(Guardrail {
        name: row.guardrail,
        title: row.title,
        criteria,
        controls,
        document: row.document,
        no_exemption: optional(row.no_exemption),
        denied: Vec::new(),
        allowed: Vec::new(),
    })
}
