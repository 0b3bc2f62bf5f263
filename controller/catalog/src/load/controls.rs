//! Controls of Security Hub, and those that it has no longer.

use serde::Deserialize;

use super::effort::Efforts;
use super::{Release, list, optional, rows, word, wrong};
use crate::ids::normalize_control_id;
use crate::{CatalogError, Control, Reach, Schedule, Severity, StandardCode, standards};

#[derive(Deserialize)]
struct ControlRow {
    control_id: String,
    title: String,
    severity: String,
    config_rule: String,
    rule_source: String,
    standards: String,
    schedule: String,
    category: String,
    resource_type: String,
    custom_params: String,
    asr_playbook: String,
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

pub(super) fn controls(release: &Release) -> Result<Vec<Control>, CatalogError> {
    let efforts = Efforts::read(release)?;
    let mut controls = Vec::new();
    for (line, row) in rows::<ControlRow>(&release.controls)? {
        let mut control = control(row).map_err(|problem| wrong(&release.controls, line, problem))?;
        control.effort = efforts.of(&control);
        if control.effort.is_none() && !control.retired {
            let problem = format!("no row says what {} costs and interrupts", control.id);
            return Err(wrong(&release.effort, 0, problem));
        }
        controls.push(control);
    }
    for (line, row) in rows::<RetiredRow>(&release.retired)? {
        controls.push(retired(row).map_err(|problem| wrong(&release.retired, line, problem))?);
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
    let reaches =
        [("Global", Reach::Global), ("RegionalAccount", Reach::RegionalAccount), ("Regional", Reach::Regional)];
    let schedules = [
        ("Change triggered", Schedule::Change),
        ("Periodic", Schedule::Periodic),
        ("Change triggered and periodic", Schedule::ChangeAndPeriodic),
    ];
    let standards: Vec<StandardCode> = list(&row.standards)
        .map(|code| standards::from_code(code).ok_or_else(|| format!("standard {code:?} is not known")))
        .collect::<Result<_, _>>()?;
    Ok(Control {
        severity: severity(&row.severity)?,
        reach: word("reach", &row.reach, &reaches)?,
        schedule: Some(word("schedule", &row.schedule, &schedules)?),
        custom_parameters: word("custom_params", &row.custom_params, &[("Yes", true), ("No", false), ("", false)])?,
        playbook: word("asr_playbook", &row.asr_playbook, &[("yes", true), ("no", false)])?,
        id: row.control_id,
        title: row.title,
        standards,
        resource_type: optional(row.resource_type),
        config_rule: optional(row.config_rule),
        category: row.category,
        effort: None,
        matcher: None,
        retired: retired.is_some(),
        retired_since: retired.and_then(optional),
        source: row.rule_source,
    })
}

fn retired(row: RetiredRow) -> Result<Control, String> {
    Ok(Control {
        severity: severity(&row.severity)?,
        id: row.control_id,
        title: row.title,
        reach: Reach::Regional,
        schedule: None,
        custom_parameters: false,
        playbook: false,
        standards: Vec::new(),
        resource_type: None,
        config_rule: None,
        category: String::new(),
        effort: None,
        matcher: None,
        retired: true,
        retired_since: optional(row.retired),
        source: "change-log".to_owned(),
    })
}

fn severity(text: &str) -> Result<Severity, String> {
    let severities = [
        ("CRITICAL", Severity::Critical),
        ("HIGH", Severity::High),
        ("MEDIUM", Severity::Medium),
        ("LOW", Severity::Low),
    ];
    word("severity", text, &severities)
}
