//! Findings made up from a seed: what Security Hub would have found in an organization.

use anyhow::bail;
use jiff::Timestamp;

use super::catalog::{Control, Reach, StandardSet};
use super::hubs::{Hubs, Standing};
use super::rng::{Rng, hash, mix};
use super::row::{Body, Made, RecordState, Row, Status, Subject, Workflow};
use super::section::{Accounts, ControlFindingGenerator, GenerateSection};
use super::store::Store;
use super::tables::Tables;
use super::{OrgFacts, when};

const DAY: i64 = 86_400_000;

/// One (account, Region, control) that gives findings.
struct Check {
    account: u16,
    region: u16,
    control: u16,
    standards: StandardSet,
    /// It has one subject, the account.
    account_only: bool,
}

/// Makes the findings of one section.
pub(super) fn generate(
    section: &GenerateSection,
    hubs: &Hubs,
    org: &OrgFacts,
    tables: &mut Tables,
    store: &mut Store,
    now: Timestamp,
) -> anyhow::Result<()> {
    let mut checks = checks(section, hubs, org, tables)?;
    let within = when::span(&section.updated_within, now)?;
    let mut maker = Maker { section, hubs, tables, store, now: now.as_millisecond(), within, made: 0 };
    let Some(count) = section.count else {
        for check in &checks {
            maker.resources_of(check);
        }
        return Ok(());
    };
    // Control by control, so that wherever the count is reached, accounts and Regions have about as many.
    checks.sort_by_key(|check| (check.control, check.account, check.region));
    for number in 0.. {
        let before = maker.made;
        for check in checks.iter().filter(|check| number == 0 || !check.account_only) {
            if maker.made >= count {
                return Ok(());
            }
            let subject = if check.account_only { Subject::Account } else { Subject::Numbered(number) };
            maker.finding(check, subject, None);
        }
        if maker.made == before {
            break;
        }
    }
    Ok(())
}

fn matches(patterns: &[String], id: &str) -> bool {
    patterns.iter().any(|pattern| pattern.strip_suffix('*').map_or(pattern == id, |start| id.starts_with(start)))
}

fn wanted(section: &GenerateSection, control: &Control) -> bool {
    (section.controls.is_empty() || matches(&section.controls, &control.id))
        && !matches(&section.except_controls, &control.id)
}

/// All checks of a section, account by account.
fn checks(section: &GenerateSection, hubs: &Hubs, org: &OrgFacts, tables: &mut Tables) -> anyhow::Result<Vec<Check>> {
    let standards = match section.standards.as_slice() {
        [] => StandardSet::MAX,
        listed => tables.catalog.set(listed.iter().map(String::as_str))?,
    };
    let all: Vec<&String> = hubs.regions.keys().collect();
    let regions: Vec<&String> = if section.regions.is_empty() { all } else { section.regions.iter().collect() };
    let home = hubs.aggregator.as_ref().map(|aggregator| &aggregator.home).or(hubs.regions.keys().next());
    let mut checks = Vec::new();
    for region in &regions {
        let hub = hubs.region(region)?;
        let number = tables.regions.intern(region)?;
        let controls: Vec<(u16, StandardSet, bool)> = tables
            .catalog
            .known()
            .filter(|(_, control)| wanted(section, control))
            .filter(|(_, control)| control.reach != Reach::Global || home == Some(region))
            .map(|(id, control)| (id, hub.standards_of(&tables.catalog, id) & standards, control.checks_account()))
            .filter(|(_, standards, _)| *standards != 0)
            .collect();
        for account in accounts(&section.accounts, hubs, org, region)? {
            let account = tables.accounts.intern(account)?;
            checks.extend(controls.iter().map(|&(control, standards, account_only)| Check {
                account,
                region: number,
                control,
                standards,
                account_only,
            }));
        }
    }
    Ok(checks)
}

/// The accounts that are meant, in one Region.
pub(super) fn accounts<'a>(
    wanted: &'a Accounts,
    hubs: &Hubs,
    org: &'a OrgFacts,
    region: &str,
) -> anyhow::Result<Vec<&'a str>> {
    Ok(match wanted {
        Accounts::Listed(listed) => listed.iter().map(|account| account.0.as_str()).collect(),
        Accounts::Word(word) if word != "all" => bail!("accounts: {word:?}; allowed are all and a list of ids"),
        Accounts::All | Accounts::Word(_) => {
            let active = org.accounts.iter().filter(|(_, _, state)| state == "ACTIVE").map(|(id, _, _)| id.as_str());
            active.filter(|id| hubs.standing(id, region) != Standing::Off).collect()
        }
    })
}

struct Maker<'a> {
    section: &'a GenerateSection,
    hubs: &'a Hubs,
    tables: &'a Tables,
    store: &'a mut Store,
    now: i64,
    within: i64,
    made: usize,
}

impl Maker<'_> {
    /// The stream of numbers of one check: it depends on the seed and the names only, not on the order.
    fn rng(&self, check: &Check, salt: u64) -> Rng {
        let names = hash(self.tables.accounts.get(check.account))
            ^ hash(self.tables.regions.get(check.region)).rotate_left(21)
            ^ hash(&self.tables.catalog.control(check.control).id).rotate_left(42);
        Rng::new(mix(self.section.seed) ^ names ^ mix(salt))
    }

    fn resources_of(&mut self, check: &Check) {
        let mut rng = self.rng(check, u64::MAX);
        if check.account_only {
            return self.finding(check, Subject::Account, None);
        }
        if rng.chance(self.section.nothing_to_check) {
            return self.finding(check, Subject::Account, Some(Status::Passed));
        }
        let mut left = self.section.resources_per_control;
        let mut number = 0;
        while left >= 1.0 || (left > 0.0 && rng.chance(left)) {
            self.finding(check, Subject::Numbered(number), None);
            number += 1;
            left -= 1.0;
        }
    }

    fn finding(&mut self, check: &Check, subject: Subject, fixed: Option<Status>) {
        let salt = if let Subject::Numbered(number) = &subject { u64::from(*number) + 1 } else { 0 };
        let mut rng = self.rng(check, salt);
        let status = fixed.unwrap_or_else(|| {
            let dice = rng.below(1_000_000) as f64 / 1_000_000.0;
            let (failing, unknown) = (self.section.failing, self.section.unknown);
            match dice {
                _ if dice < failing => Status::Failed,
                _ if dice < failing + unknown / 2.0 => Status::Warning,
                _ if dice < failing + unknown => Status::NotAvailable,
                _ => Status::Passed,
            }
        });
        let suppressed = fixed.is_none() && rng.chance(self.section.suppressed);
        let archived = fixed.is_none() && rng.chance(self.section.archived);
        let age = i64::try_from(rng.below(u64::try_from(self.within.max(1)).unwrap_or(1))).unwrap_or(0);
        let made = Made {
            control: check.control,
            standard: None,
            standards: check.standards,
            status,
            workflow: match status {
                _ if suppressed => Workflow::Suppressed,
                Status::Passed => Workflow::Resolved,
                _ => Workflow::New,
            },
            record: if archived { RecordState::Archived } else { RecordState::Active },
            id_length: self.section.id_length,
            resource_id_length: self.section.resource_id_length,
            resource_groups: self.section.resource_groups,
            serial: rng.next(),
            created: self.now - age - DAY - i64::try_from(rng.below(300)).unwrap_or(0) * DAY,
            subject,
            overlay: None,
        };
        let row = Row { account: check.account, region: check.region, updated: self.now - age, body: Body::Made(made) };
        self.made += push(self.store, self.tables, self.hubs, row);
    }
}

/// Adds a finding: once in consolidated mode, else once for each of its standards. Returns how many.
pub(super) fn push(store: &mut Store, tables: &Tables, hubs: &Hubs, row: Row) -> usize {
    let Body::Made(made) = &row.body else {
        store.push(tables, row);
        return 1;
    };
    let region = hubs.regions.get(tables.regions.get(row.region));
    let consolidated = region.is_none_or(|hub| hub.generator == ControlFindingGenerator::SecurityControl);
    if consolidated || made.standards == 0 {
        store.push(tables, row);
        return 1;
    }
    let places: Vec<usize> = tables.catalog.members(made.standards).map(|(place, _)| place).collect();
    for place in &places {
        let mut copy = row.clone();
        if let Body::Made(made) = &mut copy.body {
            made.standard = u8::try_from(*place).ok();
            made.serial = mix(made.serial ^ *place as u64);
        }
        store.push(tables, copy);
    }
    places.len()
}
