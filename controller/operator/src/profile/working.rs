//! The assess step with its memory: what was assessed before, so that a change costs only what it touches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use kube::ResourceExt;
use soc2_crds::{ActivityStatus, ComplianceProfile};
use soc2_feed::Accounts;
use soc2_posture::assess::{AccountSeries, ObjectiveFact, Owners, ProfileMetrics};
use soc2_posture::ids::AccountId;
use soc2_posture::objects::{self, conditions::Fact};
use soc2_posture::protection::ProtectionByAccount;
use soc2_posture::{Assessment, Desired, Memory, SpecError, World, assess, reassess};

use super::{Observed, PublishedGuardrails};
use crate::assessed::Current;
use crate::context::Context;
use crate::owners::ExceptionsOf;

/// Annotation by which a person says that the targets may have so many active accounts.
const ACKNOWLEDGE_TARGETS: &str = "soc2-operator.dev/acknowledge-targets";

/// Assessments by profile.
#[derive(Default)]
pub struct Working {
    /// What a former leader published of required guardrails.
    guardrails: Mutex<PublishedGuardrails>,
    entries: Mutex<BTreeMap<String, Entry>>,
}

#[derive(Default)]
struct Entry {
    uid: String,
    generation: i64,
    revision: u64,
    protection: BTreeMap<String, ProtectionByAccount>,
    /// Since when checks were in their states, as far as no assessment says it: according to the published postures until
    /// the first one, and while the spec is wrong.
    memory: Memory,
    assessment: Current,
    /// It was made while the feed still read everything for the first time.
    reading: bool,
}

/// What an assessment gave.
pub struct Assessed {
    /// Status without times and conditions.
    pub status: soc2_crds::ComplianceProfileStatus,
    /// Conditions.
    pub facts: Vec<Fact>,
    /// Sums for the metrics.
    pub metrics: ProfileMetrics,
    /// How many series the accounts are.
    pub series: AccountSeries,
    /// The assessment itself.
    pub assessment: Current,
    /// What was found about exceptions.
    pub exceptions: ExceptionsOf,
    /// What people answer for.
    pub activities: Vec<ActivityStatus>,
    /// What is to be reached.
    pub objectives: Vec<ObjectiveFact>,
    /// Accounts whose postures may differ from before; `None`: all.
    pub touched: Option<BTreeSet<AccountId>>,
    /// Everything is, or was at the last assessment, read for the first time: what differs is no news.
    pub first: bool,
    /// When time alone changes something.
    pub next_change_at: Option<Timestamp>,
}

impl Working {
    /// Begins with what the published postures of a profile say.
    pub fn begin(&self, profile: &str, memory: Memory) {
        self.put(profile.to_owned(), Entry { memory, ..Entry::default() });
    }

    /// Forgets a profile: another replica leads it from now on.
    pub fn forget(&self, profile: &str) {
        self.lock().remove(profile);
        self.guardrails().forget(profile);
    }

    /// What a former leader published of required guardrails.
    pub fn guardrails(&self) -> MutexGuard<'_, PublishedGuardrails> {
        self.guardrails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this process has assessed the profile; what was published before was another's work.
    #[must_use]
    pub fn has_assessed(&self, profile: &ComplianceProfile) -> bool {
        let uid = profile.uid().unwrap_or_default();
        let entries = self.lock();
        entries.get(&profile.name_any()).is_some_and(|entry| entry.uid == uid && entry.assessment.read().is_some())
    }

    /// Forgets profiles that are gone.
    pub fn retain(&self, profiles: &BTreeSet<String>) {
        self.lock().retain(|name, _| profiles.contains(name));
    }

    /// Assesses a profile.
    ///
    /// # Errors
    /// When its spec is wrong.
    pub fn assess(
        &self,
        context: &Context,
        profile: &ComplianceProfile,
        observed: &Observed,
        now: Timestamp,
    ) -> Result<Assessed, SpecError> {
        let name = profile.name_any();
        let mut entry = self.take(&name, profile);
        let (changed, revision) = context.feeds.changed_since(&observed.organization_name(), entry.revision);
        let generation = profile.metadata.generation.unwrap_or_default();
        let same = entry.generation == generation && entry.protection == observed.protection;
        let catalogs = context.catalogs.all();
        let (exceptions, attestations) = (observed.written.exceptions(), observed.written.attestations());
        let desired = Desired {
            profile: &profile.spec,
            catalog: &observed.catalog,
            organization: &observed.object.spec,
            protection: &observed.protection,
            owners: Owners {
                exceptions: &exceptions,
                attestations: &attestations,
                operator_namespace: &context.namespace,
                catalogs: &catalogs,
            },
            acknowledged_targets: acknowledged_targets(profile),
        };
        let changed = if same { changed } else { Accounts::All };
        let mut slot = entry.assessment.write();
        let previous = slot.take();
        let renewed =
            observed.view.world.read(|world| renew(previous, &mut entry.memory, &desired, world, changed, now));
        let (assessment, touched) = match renewed {
            Ok(renewed) => renewed,
            Err(error) => {
                drop(slot);
                self.put(name, Entry { uid: entry.uid, memory: entry.memory, ..Entry::default() });
                return Err(error);
            }
        };
        let assessed = Assessed {
            status: assessment.status(),
            facts: objects::facts(&assessment),
            metrics: assessment.metrics(),
            series: assessment.account_series(),
            assessment: entry.assessment.clone(),
            exceptions: ExceptionsOf { facts: assessment.exceptions(), versions: observed.written.versions() },
            activities: assessment.activities(),
            objectives: assessment.objectives(),
            touched: touched.filter(|_| !context.take_rewrite(&name)),
            first: entry.reading || observed.view.facts.restarting,
            next_change_at: assessment.next_change_at(),
        };
        *slot = Some(assessment);
        drop(slot);
        entry.memory = Memory::default();
        entry.reading = observed.view.facts.restarting;
        entry.revision = revision;
        entry.generation = generation;
        entry.protection.clone_from(&observed.protection);
        self.put(name, entry);
        Ok(assessed)
    }

    fn take(&self, name: &str, profile: &ComplianceProfile) -> Entry {
        let uid = profile.uid().unwrap_or_default();
        let mut entry = self.lock().remove(name).unwrap_or_default();
        if !entry.uid.is_empty() && entry.uid != uid {
            // Another profile of the same name: what was true of the old one is not its history.
            entry = Entry::default();
        }
        if entry.uid.is_empty() {
            // The first time in this process: how many accounts there were is in the status.
            let targets = profile.status.as_ref().and_then(|status| status.targets.as_ref());
            entry.memory = entry.memory.with_baseline(targets.and_then(|targets| targets.baseline));
        }
        entry.uid = uid;
        entry
    }

    fn put(&self, name: String, entry: Entry) {
        self.lock().insert(name, entry);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Entry>> {
        // Whole entries are taken and put; a panic elsewhere leaves nothing half done.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many accounts somebody said that the targets may have shrunk to.
fn acknowledged_targets(profile: &ComplianceProfile) -> Option<u32> {
    profile.annotations().get(ACKNOWLEDGE_TARGETS)?.trim().parse().ok()
}

/// The assessment as it is now, at the cost of what changed, and the accounts whose postures may differ (`None`: all).
/// When the spec is wrong, `memory` still says what the previous one knew.
fn renew(
    previous: Option<Assessment>,
    memory: &mut Memory,
    desired: &Desired<'_>,
    world: &World,
    changed: Accounts,
    now: Timestamp,
) -> Result<(Assessment, Option<BTreeSet<AccountId>>), SpecError> {
    match (previous, changed) {
        (Some(previous), Accounts::Some(mut accounts)) => {
            accounts.extend(previous.due(now));
            let assessment = reassess(previous, desired, world, &accounts, now)?;
            let touched = assessment.renewed().map(|renewed| &accounts | renewed);
            return Ok((assessment, touched));
        }
        // The old one goes before the new one comes: both together are a lot of memory.
        (Some(previous), Accounts::All) => *memory = previous.memory(),
        (None, _) => {}
    }
    Ok((assess(desired, world, memory, now)?, None))
}
