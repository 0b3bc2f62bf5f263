//! What owners wrote, as it was judged; kept from one assessment to the next, so that what did not change costs nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use soc2_catalog::Catalog;
use soc2_crds::{ComplianceProfileSpec, ExceptionPolicy};
use xxhash_rust::xxh3::Xxh3;

use super::Desired;
use super::people::{Attestation, Subject, Word, words};
use super::waivers::{ByAccount, Exception, Judged, Jurisdiction, by_account, judge_all};
use crate::ids::AccountId;
use crate::organization::Organization;
use crate::targets::uses_tags;
use crate::world::World;

/// What owners of controls and accounts wrote.
#[derive(Clone, Copy, Debug, Default)]
pub struct Owners<'a> {
    /// Every `ComplianceException`; those of other organizations are left out here.
    pub exceptions: &'a [Exception<'a>],
    /// Every `ControlAttestation`; those of other organizations are left out here.
    pub attestations: &'a [Attestation<'a>],
    /// The operator's namespace: without an `exceptionPolicy` only exceptions in it count.
    pub operator_namespace: &'a str,
    /// Every catalogue in use beside the profile's: an id that any of them knows is not unknown.
    pub catalogs: &'a [Arc<Catalog>],
}

impl Owners<'_> {
    /// Whether any selector asks for account tags: of what owners wrote, or of what may be waived. Then they must be read.
    #[must_use]
    pub fn use_tags(&self, policy: Option<&ExceptionPolicy>) -> bool {
        let grants = policy.into_iter().flat_map(|policy| policy.namespaces.iter().flatten());
        self.exceptions.iter().any(|exception| uses_tags(&exception.spec.targets))
            || self.attestations.iter().filter_map(|attestation| attestation.spec.targets.as_ref()).any(uses_tags)
            || grants.filter_map(|grant| grant.targets.as_ref()).any(uses_tags)
    }
}

/// What judgements depend on, apart from the objects that are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Basis {
    /// Digest of the organization tree; `None`: not read.
    tree: Option<u64>,
    profile: ComplianceProfileSpec,
    policy: Option<ExceptionPolicy>,
    /// Digests of the catalogues.
    catalogs: Vec<String>,
    operator_namespace: String,
}

/// What owners wrote, as it was judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judgements {
    /// `None`: owners wrote nothing.
    basis: Option<Basis>,
    /// By namespace and name.
    pub(crate) exceptions: Vec<Arc<Judged>>,
    pub(crate) waivers: Arc<ByAccount>,
    /// By namespace and name.
    pub(crate) words: Vec<Arc<Word>>,
}

/// Equal are those that say the same.
impl PartialEq for Judgements {
    fn eq(&self, other: &Self) -> bool {
        self.exceptions == other.exceptions && self.words == other.words
    }
}

impl Judgements {
    /// Whether they are of what owners wrote now.
    pub(crate) fn are_of(&self, desired: &Desired<'_>) -> bool {
        let organization = &desired.profile.organization_ref.name;
        let Owners { exceptions, attestations, .. } = desired.owners;
        let mut exceptions: Vec<_> =
            exceptions.iter().filter(|one| one.spec.organization_ref.name == *organization).collect();
        let mut attestations: Vec<_> =
            attestations.iter().filter(|one| one.spec.organization_ref.name == *organization).collect();
        exceptions.sort_by_key(|one| (one.namespace, one.name));
        attestations.sort_by_key(|one| (one.namespace, one.name));
        let known =
            self.exceptions.iter().map(|judged| (judged.namespace.as_str(), judged.name.as_str(), &judged.spec));
        let heard = self.words.iter().map(|word| (word.namespace.as_str(), word.name.as_str(), &word.spec));
        known.eq(exceptions.into_iter().map(|one| (one.namespace, one.name, one.spec)))
            && heard.eq(attestations.into_iter().map(|one| (one.namespace, one.name, one.spec)))
    }

    /// Judges what owners wrote, again only where it, or what it is judged by, changed since `before`.
    pub(crate) fn new(
        desired: &Desired<'_>,
        world: &World,
        criteria: &[usize],
        (subjects, active): (&[Subject], &BTreeSet<AccountId>),
        before: &Self,
    ) -> Self {
        let Owners { exceptions, attestations, operator_namespace, catalogs } = desired.owners;
        if exceptions.is_empty() && attestations.is_empty() {
            return Self::default();
        }
        let tree = world.organization.as_ref();
        let organization = &desired.profile.organization_ref.name;
        let basis = Basis {
            tree: tree.map(digest),
            profile: desired.profile.clone(),
            policy: desired.organization.exception_policy.clone(),
            catalogs: std::iter::once(desired.catalog).chain(catalogs).map(|one| one.digest().to_owned()).collect(),
            operator_namespace: operator_namespace.to_owned(),
        };
        let nothing = Self::default();
        let before = if before.basis.as_ref() == Some(&basis) { before } else { &nothing };
        let policy = desired.organization.exception_policy.as_ref();
        let by =
            Jurisdiction { organization, policy, owners: desired.owners, catalog: desired.catalog, tree, criteria };
        let exceptions = judge_all(&by, &before.exceptions);
        let same = exceptions.len() == before.exceptions.len()
            && exceptions.iter().zip(&before.exceptions).all(|(one, other)| Arc::ptr_eq(one, other));
        let waivers = if same { Arc::clone(&before.waivers) } else { Arc::new(by_account(&exceptions)) };
        let words = words(desired, tree, subjects, active, &before.words);
        Self { basis: Some(basis), exceptions, waivers, words }
    }
}

/// Digest of what selectors see of a tree.
fn digest(tree: &Organization) -> u64 {
    let mut hash = Xxh3::new();
    let mut text = |text: &str| {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    for (id, unit) in &tree.units {
        [id.as_str(), &unit.name, unit.parent.as_deref().unwrap_or_default()].into_iter().for_each(&mut text);
    }
    for (id, account) in &tree.accounts {
        [&id.to_string(), account.name.as_str(), &account.parent, account.state.as_str()]
            .into_iter()
            .for_each(&mut text);
        let tags = account.tags.as_ref();
        text(if tags.is_some() { "tags" } else { "" });
        for (key, value) in tags.into_iter().flatten() {
            [key.as_str(), value].into_iter().for_each(&mut text);
        }
        text("");
    }
    hash.digest()
}
