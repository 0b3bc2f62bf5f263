//! The assess step with its memory: what was assessed before, so that a change costs only what it touches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use kube::ResourceExt;
use soc2_crds::ComplianceProfile;
use soc2_feed::Accounts;
use soc2_posture::ids::AccountId;
use soc2_posture::protection::ProtectionByAccount;
use soc2_posture::{Assessment, Desired, Memory, SpecError, assess, reassess};

use super::Observed;
use crate::context::Context;
use crate::postures::Wanted;

/// Assessments by profile.
#[derive(Default)]
pub struct Working {
    entries: Mutex<BTreeMap<String, Entry>>,
}

#[derive(Default)]
struct Entry {
    uid: String,
    generation: i64,
    revision: u64,
    protection: BTreeMap<String, ProtectionByAccount>,
    /// Since when checks were in their states according to the published postures, until the first assessment.
    memory: Memory,
    assessment: Option<Assessment>,
    /// It was made while the feed still read everything for the first time.
    reading: bool,
}

/// What an assessment gave.
pub struct Assessed {
    /// Status without times and conditions.
    pub status: soc2_crds::ComplianceProfileStatus,
    /// Conditions.
    pub facts: Vec<soc2_posture::objects::conditions::Fact>,
    /// Numbers for the metrics.
    pub metrics: soc2_posture::assess::ProfileMetrics,
    /// Postures that may differ from before.
    pub postures: Vec<Wanted>,
    /// Whether `postures` are all of them.
    pub all: bool,
    /// Everything is, or was at the last assessment, read for the first time: what differs is no news.
    pub first: bool,
    /// When time alone changes something.
    pub next_change_at: Option<Timestamp>,
}

impl Working {
    /// Begins with what the published postures say, by profile.
    #[must_use]
    pub fn with_memories(memories: BTreeMap<String, Memory>) -> Self {
        let entry = |memory| Entry { memory, ..Entry::default() };
        let entries = memories.into_iter().map(|(profile, memory)| (profile, entry(memory))).collect();
        Self { entries: Mutex::new(entries) }
    }

    /// Whether this process has assessed the profile; what was published before was another's work.
    #[must_use]
    pub fn has_assessed(&self, profile: &ComplianceProfile) -> bool {
        let uid = profile.uid().unwrap_or_default();
        self.lock().get(&profile.name_any()).is_some_and(|entry| entry.assessment.is_some() && entry.uid == uid)
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
        let desired = Desired {
            profile: &profile.spec,
            catalog: &context.catalog,
            organization: &observed.object.spec,
            protection: &observed.protection,
        };
        let rewrite = context.take_rewrite(&name);
        let result = observed.view.world.read(|world| {
            let (assessment, touched) = match (entry.assessment.take(), changed) {
                (Some(previous), Accounts::Some(mut accounts)) if same => {
                    accounts.extend(previous.due(now));
                    (reassess(previous, &desired, world, &accounts, now)?, Some(accounts))
                }
                (Some(previous), _) => (assess(&desired, world, &previous.memory(), now)?, None),
                (None, _) => (assess(&desired, world, &entry.memory, now)?, None),
            };
            let touched = touched.filter(|_| !rewrite);
            let postures = render(&assessment, touched.as_ref(), |account| assessment.posture(account, &world.index));
            Ok((assessment, postures, touched.is_none()))
        });
        let (assessment, postures, all) = match result {
            Ok(found) => found,
            Err(error) => {
                self.put(name, Entry { uid: entry.uid, memory: entry.memory, ..Entry::default() });
                return Err(error);
            }
        };
        let assessed = Assessed {
            status: assessment.status(),
            facts: soc2_posture::objects::facts(&assessment),
            metrics: assessment.metrics(),
            postures,
            all,
            first: entry.reading || observed.view.facts.restarting,
            next_change_at: assessment.next_change_at(),
        };
        entry.assessment = Some(assessment);
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

/// Postures of the accounts that may differ, or of all.
fn render(
    assessment: &Assessment,
    touched: Option<&BTreeSet<AccountId>>,
    posture: impl Fn(AccountId) -> Option<soc2_crds::AccountPostureSpec>,
) -> Vec<Wanted> {
    assessment
        .accounts()
        .filter(|account| touched.is_none_or(|touched| touched.contains(account)))
        .filter_map(|account| {
            let compliant = assessment.compliant(account)?;
            Some(Wanted { account, compliant, content: posture(account)? })
        })
        .collect()
}
