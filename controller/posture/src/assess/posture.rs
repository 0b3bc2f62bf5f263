//! One account's results as an `AccountPosture`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;
use soc2_catalog::Control;
use soc2_crds::{
    AccountPostureSpec, ControlResult, MoreControls, PostureAccount, PostureCriteria, PostureGuardrails,
    PostureSummary, ReasonGroup, ResourceCounts, State, UnknownGroup,
};

use super::account::{AccountResult, Numbers};
use super::assessment::Assessment;
use super::decide::Check;
use super::evidence::{Outcome, Reader};
use super::findings::{Findings, Sight};
use super::message::{Group, Waived, time};
use super::reason::Reason;
use super::regions::RegionSet;
use super::scope::{CriterionSet, Scoped};
use super::waivers::{WaivedCheck, Waiving};
use crate::ids::AccountId;
use crate::index::{self, FindingIndex, Status};

/// Largest posture as JSON, in bytes: with its metadata the object stays below 32 KiB.
const MAX_BYTES: usize = 28 * 1024;
/// Most groups of unknown controls; when there are more, Regions are not told apart.
const MAX_GROUPS: usize = 12;
/// Longest sample of a resource, in characters.
const MAX_SAMPLE: usize = 300;

impl Assessment {
    /// The posture of an account; `None` when it is not in the target, or closed. `index` gives samples of resources.
    #[must_use]
    pub fn posture(&self, account: AccountId, index: &FindingIndex) -> Option<AccountPostureSpec> {
        let result = self.accounts.get(&account)?;
        let (bits, sight) = (self.plan.region_bits(index), Sight::new(&self.plan, index));
        let found = sight.of(account, &self.plan.reader(&bits, self.now));
        let writer = Writer { assessment: self, result, index, found, bits: &bits, numbers: &sight.numbers };
        let mut posture = AccountPostureSpec {
            account: PostureAccount {
                id: account.to_string(),
                name: result.standing.name.to_string(),
                ou_path: result.standing.path.to_string(),
                state: result.standing.state.as_str().to_owned(),
            },
            summary: summary(result),
            criteria: writer.criteria(),
            controls: writer.rows(),
            more: None,
            unknown: writer.unknown(),
            passed: writer.ids(|check| check.state == State::Passed && check.reason != Reason::NothingToCheck),
            nothing_to_check: writer.ids(|check| check.reason == Reason::NothingToCheck),
            not_applicable: writer.not_applicable(),
            guardrails: writer.guardrails(),
        };
        fit(&mut posture);
        Some(posture)
    }
}

fn summary(result: &AccountResult) -> PostureSummary {
    PostureSummary {
        passed: result.count(State::Passed),
        failed: result.count(State::Failed),
        unknown: result.count(State::Unknown),
        excepted: result.count(State::Excepted),
        not_applicable: result.count(State::NotApplicable),
    }
}

/// A control that is shown in full.
struct Row<'a> {
    check: &'a Check,
    scoped: &'a Scoped,
    control: &'a Control,
    /// Which of the account's checks.
    number: u16,
}

struct Writer<'a> {
    assessment: &'a Assessment,
    result: &'a AccountResult,
    index: &'a FindingIndex,
    found: Findings<'a>,
    /// Bit of each of the index's Regions.
    bits: &'a [u8],
    numbers: &'a Numbers,
}

impl<'a> Writer<'a> {
    fn control(&self, check: &Check) -> Option<&'a Control> {
        self.assessment.plan.catalog.0.controls().get(usize::from(check.control))
    }

    fn id(&self, check: &Check) -> String {
        self.control(check).map(|control| control.id.clone()).unwrap_or_default()
    }

    fn ids(&self, wanted: impl Fn(&Check) -> bool) -> Vec<String> {
        self.result.checks.iter().filter(|check| wanted(check)).map(|check| self.id(check)).collect()
    }

    fn criterion_ids(&self, set: CriterionSet) -> Vec<String> {
        let plan = &self.assessment.plan;
        let of_set = plan.criteria.iter().enumerate().filter(|(bit, _)| set & 1 << bit != 0);
        of_set.filter_map(|(_, at)| plan.catalog.0.criteria().get(*at)).map(|criterion| criterion.id.clone()).collect()
    }

    fn criteria(&self) -> PostureCriteria {
        let of = |state| self.criterion_ids(self.result.criteria_in(state));
        PostureCriteria {
            failed: of(State::Failed),
            unknown: of(State::Unknown),
            excepted: of(State::Excepted),
            passed: of(State::Passed),
            not_applicable: of(State::NotApplicable),
        }
    }

    /// Failed and Excepted controls, the worst first.
    fn rows(&self) -> Vec<ControlResult> {
        let scope = self.assessment.plan.scope(&self.result.standing);
        let both = self.result.checks.iter().zip(&scope.controls).zip(0_u16..);
        let shown = both.filter(|((check, _), _)| matches!(check.state, State::Failed | State::Excepted));
        let row = |((check, scoped), number)| Some(Row { check, scoped, control: self.control(check)?, number });
        let mut shown: Vec<Row<'_>> = shown.filter_map(row).collect();
        shown.sort_by_key(|row| (row.check.state, row.control.severity, Reverse(row.check.failed)));
        shown.iter().map(|row| self.row(row)).collect()
    }

    fn row(&self, row: &Row<'_>) -> ControlResult {
        let Row { check, scoped, control, number } = row;
        let waived: Vec<&WaivedCheck> = self.result.waived.iter().filter(|waived| waived.check == *number).collect();
        let inside = |waived: &&&WaivedCheck| waived.criteria != 0 && waived.state == State::Excepted;
        let excepted_in = waived.iter().filter(inside).fold(0, |set, waived| set | waived.criteria);
        let everywhere = waived.iter().find(|waived| waived.criteria == 0);
        let shown = everywhere.filter(|_| check.state == State::Excepted).or(waived.iter().find(inside));
        let words: Vec<Waived<'_>> = waived.iter().filter_map(|waived| self.waived(waived)).collect();
        ControlResult {
            id: control.id.clone(),
            criteria: self.criterion_ids(scoped.criteria),
            severity: control.severity.as_str().to_owned(),
            state: check.state,
            reason: check.reason.as_str().to_owned(),
            message: self.assessment.plan.row_message(check, &words),
            since: moment(check.since),
            resources: ResourceCounts {
                failed: check.failed,
                passed: check.passed,
                unknown: check.unknown,
                excepted: everywhere.map_or_else(|| self.suppressed(check), |waived| waived.resources),
                sample: self.sample(check, scoped),
            },
            exception: shown.and_then(|waived| self.waived(waived)).map(|waived| waived.by.to_owned()),
            excepted_in: self.criterion_ids(excepted_in),
            prevented_by: self.prevented_by(scoped),
        }
    }

    fn waived(&self, waived: &WaivedCheck) -> Option<Waived<'_>> {
        let by = self.result.standing.waivers().get(usize::from(waived.waiver))?;
        Some(Waived {
            criteria: self.criterion_ids(waived.criteria),
            state: waived.state,
            resources: waived.resources,
            by: &by.key,
            until: by.until,
        })
    }

    /// Guardrails of the library that prevent what a control finds.
    fn prevented_by(&self, scoped: &Scoped) -> Vec<String> {
        let guardrails = self.assessment.plan.catalog.0.guardrails().iter();
        guardrails.filter(|one| one.controls.contains(&scoped.control)).map(|one| one.name.clone()).collect()
    }

    /// The findings of a control.
    fn findings(&self, check: &Check) -> &[index::Row] {
        if self.control(check).is_some_and(|control| control.matcher.is_some()) {
            return self.found.own(check.control);
        }
        let number = self.numbers.of(check.control);
        self.found.hub().zip(number).map(|(rows, number)| rows.of_control(number)).unwrap_or_default()
    }

    /// Resources that count as waived because somebody suppressed them in Security Hub.
    fn suppressed(&self, check: &Check) -> u32 {
        if check.reason != Reason::SuppressedUpstream {
            return 0;
        }
        self.reader().tally(self.findings(check)).excepted
    }

    fn reader(&self) -> Reader<'_> {
        self.assessment.plan.reader(self.bits, self.assessment.now)
    }

    /// The first failing resource by name, of those that no exception covers.
    fn sample(&self, check: &Check, scoped: &Scoped) -> Option<String> {
        if check.state != State::Failed {
            return None;
        }
        let waiving = Waiving::new(self.result.standing.waivers(), &self.found, self.assessment.now);
        let reader = self.reader();
        let failing = reader.results(self.findings(check)).filter(|result| result.outcome == Outcome::Failed);
        let failing = failing.filter(|result| !waiving.covers(scoped, result.row));
        let first = failing.filter_map(|result| self.found.text(result.row.resource)).min()?;
        Some(first.chars().take(MAX_SAMPLE).collect())
    }

    /// Unknown controls, grouped by reason and Regions, or by reason alone when that are too many.
    fn unknown(&self) -> Vec<UnknownGroup> {
        let groups = self.groups(|check| check.regions);
        let groups = if groups.len() > MAX_GROUPS { self.groups(|_| 0) } else { groups };
        let group = |((reason, _), checks): ((Reason, RegionSet), Vec<&Check>)| {
            let obstacle = self.result.standing.covered.obstacle.as_ref();
            let detail =
                obstacle.filter(|obstacle| obstacle.reason == reason).and_then(|known| known.detail.as_deref());
            let since = checks.iter().map(|check| check.since).min().unwrap_or_default();
            let controls = checks.iter().map(|check| self.id(check)).collect();
            let codes = self.codes(reason, &checks);
            let group = Group { reason, checks, detail, codes, joined_at: self.result.standing.joined_at };
            UnknownGroup {
                reason: reason.as_str().to_owned(),
                message: self.assessment.plan.group_message(&group, self.assessment.now),
                since: moment(since),
                controls,
            }
        };
        groups.into_iter().map(group).collect()
    }

    fn groups(&self, regions: impl Fn(&Check) -> RegionSet) -> BTreeMap<(Reason, RegionSet), Vec<&Check>> {
        let mut groups: BTreeMap<_, Vec<&Check>> = BTreeMap::new();
        for check in self.result.checks.iter().filter(|check| check.state == State::Unknown) {
            groups.entry((check.reason, regions(check))).or_default().push(check);
        }
        groups
    }

    /// The status reasons that Security Hub gives for checks without a result.
    fn codes(&self, reason: Reason, checks: &[&Check]) -> Vec<&str> {
        let wanted = match reason {
            Reason::Warning => Status::Warning,
            Reason::NotAvailable => Status::NotAvailable,
            _ => return Vec::new(),
        };
        let rows = checks.iter().flat_map(|check| self.findings(check));
        let codes = rows.filter(|row| row.status() == wanted).map(index::Row::reason);
        let mut codes: Vec<&str> = codes.filter_map(|code| self.index.names().reason_name(code)).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    fn not_applicable(&self) -> Vec<ReasonGroup> {
        let mut groups: BTreeMap<Reason, Vec<String>> = BTreeMap::new();
        for check in self.result.checks.iter().filter(|check| check.state == State::NotApplicable) {
            groups.entry(check.reason).or_default().push(self.id(check));
        }
        let group = |(reason, controls): (Reason, _)| ReasonGroup { reason: reason.as_str().to_owned(), controls };
        groups.into_iter().map(group).collect()
    }

    /// Absent where none is required, or where nobody knows of some and none is known to be missing.
    fn guardrails(&self) -> Option<PostureGuardrails> {
        let (plan, standing) = (&self.assessment.plan, &self.result.standing);
        let unclear = standing.unprotected.is_empty() && !standing.protection_unknown.is_empty();
        if plan.guardrails.is_empty() || !standing.active() || unclear {
            return None;
        }
        let names = standing.unprotected.iter().filter_map(|number| plan.guardrails.get(usize::from(*number)));
        // Design, section 6: guardrails of the management account are `NotApplicable: ManagementAccount`.
        let not_applicable = standing.is_management.then(|| "ManagementAccount".to_owned());
        Some(PostureGuardrails { unprotected: names.cloned().collect(), not_applicable })
    }
}

/// Cuts rows, the mildest first, until the posture fits; their ids stay, the worst first.
fn fit(posture: &mut AccountPostureSpec) {
    /// Bytes around the ids: `"more":{"failed":[],"excepted":[]},`.
    const FRAME: usize = 40;
    let mut size = bytes(posture);
    if size <= MAX_BYTES {
        return;
    }
    size += FRAME;
    let mut more = MoreControls::default();
    while size > MAX_BYTES {
        let Some(row) = posture.controls.pop() else { break };
        size = (size + row.id.len() + 3).saturating_sub(bytes(&row));
        let ids = if row.state == State::Excepted { &mut more.excepted } else { &mut more.failed };
        ids.insert(0, row.id);
    }
    posture.more = Some(more);
}

/// Size as JSON.
pub(crate) fn bytes(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |json| json.len())
}

fn moment(seconds: u32) -> Time {
    Time(time(seconds).unwrap_or(Timestamp::UNIX_EPOCH))
}
