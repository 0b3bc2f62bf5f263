//! What every reconcile shares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, Resource, ResourceExt};
use soc2_aws::Aws;
use soc2_catalog::Catalog;
use soc2_crds::{
    AwsOrganization, ComplianceException, ComplianceProfile, ControlAttestation, ControlCatalog, GuardrailApproval,
    GuardrailRelease, GuardrailSet, ScpBaseline,
};
use tokio::sync::watch;

use crate::baseline::{Baselines, Library};
use crate::feeds::Feeds;
use crate::kubernetes::events::Events;
use crate::kubernetes::own::OwnWrites;
use crate::kubernetes::status::StatusWriter;
use crate::leads::Leads;
use crate::metrics::{Budget, ReconcileMetrics};
use crate::owners::{AttestationStandings, CatalogTrouble, Catalogs, Nudges};
use crate::postures::PostureWriter;
use crate::profile::Working;
use crate::published::Published;
use crate::waiting::Troubles;

/// Shared by all reconciles.
pub struct Context {
    /// Kubernetes.
    pub client: Client,
    /// What this process wrote last of each object.
    pub own: OwnWrites,
    /// The operator's own namespace.
    pub namespace: String,
    /// The catalogues.
    pub catalogs: Catalogs,
    /// The guardrails of `ScpBaseline` objects.
    pub baselines: Baselines,
    /// How attestations stand.
    pub attestations: AttestationStandings,
    /// What has to be looked at again.
    pub nudges: Nudges,
    /// AWS.
    pub aws: Arc<dyn Aws>,
    /// One feed per organization.
    pub feeds: Arc<Feeds>,
    /// What people declared.
    pub stores: Stores,
    /// What was found, for the metrics.
    pub published: Arc<Published>,
    /// Events.
    pub events: Events,
    /// What this replica leads, and until when it may write.
    pub leads: Arc<Leads>,
    /// UID of kube-system: this cluster in the tags of AWS policies. Known before anything is reconciled.
    pub cluster_id: OnceLock<String>,
    /// Assessments of profiles.
    pub working: Working,
    /// Writer of `AccountPosture` objects.
    pub postures: Arc<PostureWriter>,
    /// The cap on series.
    pub budget: Arc<Budget>,
    /// Whether metrics show tags of accounts, so that they have to be read.
    pub tags_shown: bool,
    /// Guardrail sets whose writes failed.
    pub written: crate::guardrail::Written,
    /// How long a turn of writes goes on while others wait.
    pub write_turn: std::time::Duration,
    /// What was last in place of guardrail sets with waves.
    pub goods: crate::guardrail::Goods,
    /// Recorded calls of the accounts of waves.
    pub trails: Arc<crate::guardrail::Trails>,
    /// Counters of reconciles.
    pub metrics: ReconcileMetrics,
    /// What the log has said already.
    pub troubles: Troubles,
    /// The clock.
    pub now: fn() -> Timestamp,
    /// What was asked for the last time, by kind, namespace and name, to tell others once.
    pub asked: Mutex<BTreeMap<Key, Asked>>,
    /// Profiles of which every posture has to be compared again, because somebody deleted one.
    pub rewrite: Mutex<BTreeSet<String>>,
}

impl Context {
    /// A writer of status: the field manager, and the fields and conditions that are its.
    #[must_use]
    pub fn status_writer(
        &self,
        manager: &'static str,
        fields: &'static [&'static str],
        conditions: &'static [&'static str],
    ) -> StatusWriter {
        StatusWriter::new(self.client.clone(), self.own.clone(), manager, fields, conditions)
    }

    /// This cluster in the tags of AWS policies.
    #[must_use]
    pub fn cluster_id(&self) -> String {
        self.cluster_id.get().cloned().unwrap_or_default()
    }

    /// Name of another object for the same AWS Organization that is older, if there is one: read by this replica, or, as its status
    /// says, by another.
    #[must_use]
    pub fn older_twin(&self, name: &str) -> Option<String> {
        if let Some(found) = self.feeds.older_twin(name) {
            return Some(found);
        }
        let id =
            self.feeds.view(name)?.world.read(|world| world.organization.as_ref().map(|found| found.id.clone()))?;
        let age =
            |object: &AwsOrganization| (object.metadata.creation_timestamp.as_ref().map(|at| at.0), object.name_any());
        let own = age(&self.stores.organization(name)?);
        let reads_it = |object: &AwsOrganization| {
            object.status.as_ref().is_some_and(|status| status.organization_id.as_ref() == Some(&id))
        };
        let mut others = self.stores.all_organizations();
        others.retain(|other| other.name_any() != name && age(other) < own && reads_it(other));
        others.first().map(ResourceExt::name_any)
    }

    /// The catalogue of a profile.
    ///
    /// # Errors
    /// When there is no such catalogue, or something is wrong with it.
    pub fn catalog_of(&self, profile: &ComplianceProfile) -> Result<Arc<Catalog>, CatalogTrouble> {
        self.catalogs.of_profile(profile, |name| self.stores.catalogs.get(&ObjectRef::new(name)))
    }

    /// The guardrails that sets can name: the built-in ones and those of valid objects.
    #[must_use]
    pub fn library(&self) -> Library {
        self.baselines.library(self.catalogs.builtin(), &self.stores.baselines.state())
    }

    /// Has all postures of a profile compared with what stands, and the profile looked at. Gives whether there is such a
    /// profile: the postures of one that is gone go with it.
    pub fn rewrite(&self, profile: &str) -> bool {
        let Some(guard) = self.stores.profiles.get(&ObjectRef::new(profile)) else { return false };
        let Ok(found) = &guard.0 else { return false };
        if found.metadata.deletion_timestamp.is_some() {
            return false;
        }
        if let Ok(mut rewrite) = self.rewrite.lock() {
            rewrite.insert(profile.to_owned());
        }
        self.feeds.touch(&found.spec.organization_ref.name);
        true
    }

    /// Whether all postures of a profile have to be compared; asked once.
    pub fn take_rewrite(&self, profile: &str) -> bool {
        self.rewrite.lock().is_ok_and(|mut rewrite| rewrite.remove(profile))
    }

    /// Whether a person asks for something else than the last time: the first time that this generation of an object, or these of
    /// our annotations, are seen.
    pub fn is_asked_anew<K: Resource<DynamicType = ()>>(&self, object: &K) -> bool {
        let Some(uid) = object.uid() else { return false };
        let ours = object.annotations().iter().filter(|(key, _)| key.starts_with(ANNOTATIONS));
        let annotations = ours.map(|(key, value)| (key.clone(), value.clone())).collect();
        let asked = Asked { uid, generation: object.meta().generation.unwrap_or_default(), annotations };
        let key = key::<K>(object.namespace().as_deref(), &object.name_any());
        self.asked.lock().is_ok_and(|mut known| known.insert(key, asked.clone()) != Some(asked))
    }

    /// Forgets an object that is gone.
    pub fn forget<K: Resource<DynamicType = ()>>(&self, namespace: Option<&str>, name: &str) {
        if let Ok(mut known) = self.asked.lock() {
            known.remove(&key::<K>(namespace, name));
        }
    }
}

/// How annotations begin by which a person asks for something.
const ANNOTATIONS: &str = "soc2-operator.dev/";

/// What a person asks for with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    uid: String,
    generation: i64,
    /// Those that are ours.
    annotations: BTreeMap<String, String>,
}

/// Kind, namespace and name.
type Key = (String, String, String);

fn key<K: Resource<DynamicType = ()>>(namespace: Option<&str>, name: &str) -> Key {
    (K::kind(&()).into_owned(), namespace.unwrap_or_default().to_owned(), name.to_owned())
}

/// The stores of the watched kinds.
#[derive(Clone)]
pub struct Stores {
    /// Organizations.
    pub organizations: Store<DeserializeGuard<AwsOrganization>>,
    /// Profiles.
    pub profiles: Store<DeserializeGuard<ComplianceProfile>>,
    /// Guardrail sets.
    pub sets: Store<DeserializeGuard<GuardrailSet>>,
    /// Approvals of plans.
    pub approvals: Store<DeserializeGuard<GuardrailApproval>>,
    /// Releases of guardrails.
    pub releases: Store<DeserializeGuard<GuardrailRelease>>,
    /// Exceptions.
    pub exceptions: Store<DeserializeGuard<ComplianceException>>,
    /// Attestations.
    pub attestations: Store<DeserializeGuard<ControlAttestation>>,
    /// Catalogues.
    pub catalogs: Store<DeserializeGuard<ControlCatalog>>,
    /// Guardrails beyond the built-in library.
    pub baselines: Store<DeserializeGuard<ScpBaseline>>,
    /// Whether every store has what there is.
    pub filled: watch::Sender<bool>,
}

impl Stores {
    /// Waits until every store has what there is.
    pub async fn ready(&self) {
        // It is told by a sender that lives as long as we do.
        let _ = self.filled.subscribe().wait_for(|filled| *filled).await;
    }

    /// Waits until every store has what there is, and tells all who wait for that. For one task alone, that of the controllers: a store
    /// wakes only who asked it last, and each reconcile is a task of its own.
    pub async fn fill(&self) {
        let Self { organizations, profiles, sets, approvals, releases, exceptions, attestations, .. } = self;
        let Self { catalogs, baselines, filled, .. } = self;
        // One that is never filled ends with the process.
        let _ = tokio::join!(
            organizations.wait_until_ready(),
            profiles.wait_until_ready(),
            sets.wait_until_ready(),
            approvals.wait_until_ready(),
            releases.wait_until_ready(),
            exceptions.wait_until_ready(),
            attestations.wait_until_ready(),
            catalogs.wait_until_ready(),
            baselines.wait_until_ready()
        );
        filled.send_replace(true);
    }

    /// An organization that can be read.
    #[must_use]
    pub fn organization(&self, name: &str) -> Option<AwsOrganization> {
        self.organizations.get(&ObjectRef::new(name)).and_then(|guard| guard.0.clone().ok())
    }

    /// All organizations that can be read.
    #[must_use]
    pub fn all_organizations(&self) -> Vec<AwsOrganization> {
        self.organizations.state().iter().filter_map(|guard| guard.0.clone().ok()).collect()
    }

    /// Names of all organizations that a profile or a set refers to.
    #[must_use]
    pub fn referenced_organizations(&self) -> BTreeSet<String> {
        let of_profiles = self.profiles.state().into_iter().filter_map(|guard| guard.0.clone().ok());
        let of_sets = self.sets.state().into_iter().filter_map(|guard| guard.0.clone().ok());
        of_profiles
            .map(|profile| profile.spec.organization_ref.name)
            .chain(of_sets.map(|set| set.spec.organization_ref.name))
            .collect()
    }

    /// Profiles of an organization that can be read, in order of name.
    #[must_use]
    pub fn profiles_of(&self, organization: &str) -> Vec<ComplianceProfile> {
        let mut found: Vec<ComplianceProfile> = self
            .profiles
            .state()
            .iter()
            .filter_map(|guard| guard.0.clone().ok())
            .filter(|profile| profile.spec.organization_ref.name == organization)
            .collect();
        found.sort_by_key(ResourceExt::name_any);
        found
    }

    /// Profiles of an organization that can be read, where they are: none is copied.
    #[must_use]
    pub fn guarded_profiles_of(&self, organization: &str) -> Vec<Arc<DeserializeGuard<ComplianceProfile>>> {
        let of_organization = |guard: &Arc<DeserializeGuard<ComplianceProfile>>| {
            guard.0.as_ref().is_ok_and(|profile| profile.spec.organization_ref.name == organization)
        };
        self.profiles.state().into_iter().filter(of_organization).collect()
    }

    /// Organizations with a set that names a guardrail, or a profile that requires it.
    #[must_use]
    pub fn organizations_with(&self, guardrail: &str) -> BTreeSet<String> {
        let (sets, profiles) = (self.sets.state(), self.profiles.state());
        let sets = sets.iter().filter_map(|guard| guard.0.as_ref().ok());
        let with_it = sets.filter(|set| set.spec.baselines.iter().any(|baseline| baseline.name == guardrail));
        let profiles = profiles.iter().filter_map(|guard| guard.0.as_ref().ok());
        let requiring =
            profiles.filter(|profile| profile.spec.guardrails.required.iter().any(|name| name == guardrail));
        let requiring = requiring.map(|profile| profile.spec.organization_ref.name.clone());
        with_it.map(|set| set.spec.organization_ref.name.clone()).chain(requiring).collect()
    }

    /// Approvals for a guardrail set, in order of name.
    #[must_use]
    pub fn approvals_of(&self, set: &str) -> Vec<GuardrailApproval> {
        let mut found: Vec<GuardrailApproval> = self
            .approvals
            .state()
            .iter()
            .filter_map(|guard| guard.0.clone().ok())
            .filter(|approval| {
                approval.spec.guardrail_set_ref.name == set && approval.metadata.deletion_timestamp.is_none()
            })
            .collect();
        found.sort_by_key(ResourceExt::name_any);
        found
    }

    /// Releases in an organization, in order of name.
    #[must_use]
    pub fn releases_of(&self, organization: &str) -> Vec<GuardrailRelease> {
        let releases = self.releases.state();
        let mut found: Vec<GuardrailRelease> = releases.iter().filter_map(|guard| guard.0.clone().ok()).collect();
        found.retain(|release| {
            release.spec.organization_ref.name == organization && release.metadata.deletion_timestamp.is_none()
        });
        found.sort_by_key(ResourceExt::name_any);
        found
    }

    /// Guardrail sets of an organization that can be read, in order of name; of those that are being deleted only the ones
    /// that have policies to take away.
    #[must_use]
    pub fn sets_of(&self, organization: &str) -> Vec<GuardrailSet> {
        let mut found: Vec<GuardrailSet> = self
            .sets
            .state()
            .iter()
            .filter_map(|guard| guard.0.clone().ok())
            .filter(|set| set.spec.organization_ref.name == organization)
            .filter(|set| set.metadata.deletion_timestamp.is_none() || crate::guardrail::is_removing(set))
            .collect();
        found.sort_by_key(ResourceExt::name_any);
        found
    }
}
