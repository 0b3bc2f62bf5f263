//! Attestations set against a profile: what each says of which of its subjects, and which of its accounts it leaves out.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use soc2_catalog::Catalog;
use soc2_crds::ControlAttestationSpec;

use super::Attestation;
use super::read::{Reading, Thing, read};
use crate::assess::Desired;
use crate::assess::refusal::Refusal;
use crate::assess::scope::CriterionSet;
use crate::ids::AccountId;
use crate::organization::Organization;
use crate::targets;

/// Something that people answer for under a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) thing: Thing,
    /// Criteria of the profile that it serves.
    pub(crate) criteria: CriterionSet,
    /// Active accounts that it concerns; `None`: all of the profile's.
    pub(crate) accounts: Option<BTreeSet<AccountId>>,
}

/// An attestation, set against a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// What was read: read again only when it changes.
    pub(crate) spec: ControlAttestationSpec,
    /// `None`: it says nothing about the profile, or does not count.
    pub(crate) heard: Option<Heard>,
}

/// What an attestation says about a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) performed_at: Timestamp,
    /// From when on the first of what it attests has to be done again, and counts no longer.
    pub(crate) valid_until: Timestamp,
    pub(crate) overdue_at: Timestamp,
    /// Active accounts of the profile that it leaves out.
    pub(crate) missing: u32,
    pub(crate) subjects: Vec<HeardOf>,
}

/// What an attestation says about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeardOf {
    /// Number of the subject.
    pub(crate) subject: usize,
    pub(crate) valid_until: Timestamp,
    pub(crate) overdue_at: Timestamp,
    /// Active accounts that the subject concerns and that it leaves out.
    pub(crate) missing: u32,
}

impl Word {
    /// `<namespace>/<name>`.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// The attestations of the profile's organization, by key, set against the subjects and active accounts of a profile. Of those
/// that were heard `before` from the same basis only what changed is read again.
pub(crate) fn words(
    desired: &Desired<'_>,
    tree: Option<&Organization>,
    subjects: &[Subject],
    active: &BTreeSet<AccountId>,
    before: &[Arc<Word>],
) -> Vec<Arc<Word>> {
    let organization = &desired.profile.organization_ref.name;
    let all = desired.owners.attestations.iter();
    let mut attestations: Vec<&Attestation<'_>> =
        all.filter(|one| one.spec.organization_ref.name == *organization).collect();
    attestations.sort_by_key(|attestation| (attestation.namespace, attestation.name));
    let known = |attestation: &Attestation<'_>| {
        let key = |word: &Arc<Word>| {
            (word.namespace.as_str(), word.name.as_str()).cmp(&(attestation.namespace, attestation.name))
        };
        let at = before.binary_search_by(key).ok()?;
        before.get(at).filter(|word| word.spec == *attestation.spec).map(Arc::clone)
    };
    let catalogs: Vec<&Arc<Catalog>> = std::iter::once(desired.catalog).chain(desired.owners.catalogs).collect();
    let audience = Audience { tree, subjects, active };
    let word = |attestation: &Attestation<'_>| {
        known(attestation).unwrap_or_else(|| {
            let heard = read(attestation.spec, &catalogs).and_then(|reading| audience.hear(attestation.spec, &reading));
            Arc::new(Word {
                namespace: attestation.namespace.to_owned(),
                name: attestation.name.to_owned(),
                spec: attestation.spec.clone(),
                heard: heard.ok().flatten(),
            })
        })
    };
    attestations.into_iter().map(word).collect()
}

/// Whom an attestation is set against.
struct Audience<'a> {
    tree: Option<&'a Organization>,
    subjects: &'a [Subject],
    active: &'a BTreeSet<AccountId>,
}

impl Audience<'_> {
    /// What an attestation says here; nothing when it has none of the accounts.
    fn hear(&self, spec: &ControlAttestationSpec, reading: &Reading) -> Result<Option<Heard>, Refusal> {
        let accounts = self.accounts(spec)?;
        let missing = |concerned: &BTreeSet<AccountId>| match &accounts {
            None => Some(0),
            Some(attested) => {
                let missing = concerned.iter().filter(|account| !attested.contains(account)).count();
                (missing < concerned.len()).then(|| u32::try_from(missing).unwrap_or(u32::MAX))
            }
        };
        let Some(missing_of_all) = missing(self.active) else { return Ok(None) };
        let heard = |(number, subject): (usize, &Subject)| {
            let said = reading.said.iter().find(|said| said.thing == subject.thing)?;
            let missing = missing(subject.accounts.as_ref().unwrap_or(self.active))?;
            Some(HeardOf { subject: number, valid_until: said.valid_until, overdue_at: said.overdue_at, missing })
        };
        Ok(Some(Heard {
            performed_at: reading.performed_at,
            valid_until: reading.valid_until(),
            overdue_at: reading.overdue_at(),
            missing: missing_of_all,
            subjects: self.subjects.iter().enumerate().filter_map(heard).collect(),
        }))
    }

    /// Accounts that it is for; `None`: every account.
    fn accounts(&self, spec: &ControlAttestationSpec) -> Result<Option<BTreeSet<AccountId>>, Refusal> {
        let Some(wanted) = &spec.targets else { return Ok(None) };
        let not_read = |what: &str| Refusal::new("NotRead", format!("spec.targets: {what} not read yet"));
        let tree = self.tree.ok_or_else(|| not_read("the organization was"))?;
        let selection = targets::select(wanted, tree, "spec.targets");
        if selection.tags_missing { Err(not_read("account tags were")) } else { Ok(Some(selection.accounts)) }
    }
}
