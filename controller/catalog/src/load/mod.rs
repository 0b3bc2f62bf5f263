//! From the data files of a version to a [`Catalog`]: every reference is resolved here, so that nothing dangles later.

mod controls;
mod criteria;
mod effort;
mod guardrails;
mod mappings;

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::ids::normalize_control_id;
use crate::{Catalog, CatalogError, Control, ControlIx};

/// The data of one version.
pub(crate) struct Release {
    /// Year and month of the data.
    pub(crate) version: &'static str,
    criteria: File,
    activities: File,
    controls: File,
    retired: File,
    effort: File,
    mapping: File,
    weak: File,
    standards: File,
    guardrails: &'static [File],
}

/// A data file of the program.
#[derive(Clone, Copy)]
struct File {
    name: &'static str,
    text: &'static str,
}

macro_rules! file {
    ($version:literal, $name:literal) => {
        File { name: $name, text: include_str!(concat!("../../data/", $version, "/", $name)) }
    };
}

macro_rules! release {
    ($version:literal, guardrails: [$($guardrail:literal),+ $(,)?]) => {
        Release {
            version: $version,
            criteria: file!($version, "criteria.csv"),
            activities: file!($version, "activities.csv"),
            controls: file!($version, "controls.csv"),
            retired: file!($version, "retired_controls.csv"),
            effort: file!($version, "effort.csv"),
            mapping: file!($version, "mapping.csv"),
            weak: file!($version, "weak_mappings.csv"),
            standards: file!($version, "standards.csv"),
            guardrails: &[$(File {
                name: concat!($guardrail, ".yaml"),
                text: include_str!(concat!("../../data/", $version, "/guardrails/", $guardrail, ".yaml")),
            }),+],
        }
    };
}

/// Every version that the program carries, the newest first. A profile stays on its version while it is here.
pub(crate) const RELEASES: [Release; 1] = [release!(
    "2026.11",
    guardrails: [
        "deny-leave-org",
        "protect-cloudtrail",
        "protect-config",
        "require-encryption",
        "restrict-regions",
        "deny-root",
        "deny-long-lived-credentials",
        "protect-password-policy",
        "protect-guardduty",
        "protect-securityhub",
        "protect-macie",
        "protect-access-analyzer",
        "protect-cloudwatch-alarms",
        "protect-flow-logs",
        "protect-log-groups",
        "protect-kms",
        "protect-backups",
        "protect-public-access-blocks",
        "limit-external-sharing",
        "protect-operator-roles",
        "protect-exempt-principals",
    ]
)];

/// Reads the data of a version.
pub(crate) fn load(release: &Release) -> Result<Catalog, CatalogError> {
    let criteria = criteria::criteria(release)?;
    let activities = criteria::activities(release, &criteria)?;
    let controls = controls::controls(release)?;
    let by_id = index(&controls).map_err(|problem| wrong(&release.controls, 0, problem))?;
    let mut catalog = Catalog {
        name: Catalog::BUILTIN.to_owned(),
        version: release.version.to_owned(),
        digest: release.digest(),
        criteria,
        activities,
        controls,
        by_id,
        mappings: Vec::new(),
        other_checks: Vec::new(),
        guardrails: Vec::new(),
    };
    (catalog.mappings, catalog.other_checks) = mappings::mappings(release, &catalog)?;
    catalog.guardrails = guardrails::guardrails(release, &catalog)?;
    Ok(catalog)
}

fn index(controls: &[Control]) -> Result<HashMap<String, ControlIx>, String> {
    let mut by_id = HashMap::with_capacity(controls.len());
    for (ix, control) in controls.iter().enumerate() {
        let ix = u16::try_from(ix).map_err(|_| "more than 65536 controls")?;
        if by_id.insert(normalize_control_id(&control.id), ControlIx(ix)).is_some() {
            return Err(format!("{} is there twice", control.id));
        }
    }
    Ok(by_id)
}

impl Release {
    /// Over names and contents, each with its length, in a fixed order.
    fn digest(&self) -> String {
        let Self { version: _, criteria, activities, controls, retired, effort, mapping, weak, standards, guardrails } =
            self;
        let mut hash = Sha256::new();
        let tables = [criteria, activities, controls, retired, effort, mapping, weak, standards];
        for file in tables.into_iter().chain(*guardrails) {
            for part in [file.name, file.text] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        format!("sha256:{}", hex::encode(hash.finalize()))
    }
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

/// A list as it is kept.
fn texts(field: &str) -> Vec<String> {
    list(field).map(str::to_owned).collect()
}

/// A field that may be empty.
fn optional(field: String) -> Option<String> {
    (!field.is_empty()).then_some(field)
}

/// What a word stands for; the error lists the words that are allowed.
fn word<T: Copy>(what: &str, word: &str, allowed: &[(&str, T)]) -> Result<T, String> {
    allowed.iter().find(|(known, _)| *known == word).map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = allowed.iter().map(|(known, _)| *known).collect();
        format!("{what} is one of {}, not {word:?}", words.join(", "))
    })
}

fn known(catalog: &Catalog, id: &str) -> Result<ControlIx, String> {
    catalog.control(id).ok_or_else(|| format!("control {id:?} is not known"))
}

fn known_criterion(catalog: &Catalog, id: &str) -> Result<usize, String> {
    catalog.criterion(id).ok_or_else(|| format!("criterion {id:?} is not known"))
}
