//! The assess step of the operator, on files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use kube::ResourceExt;
use soc2_catalog::{Catalog, Guardrail, standards};
use soc2_crds::{AccountPosture, AwsOrganization, ComplianceProfile, ComplianceProfileStatus, TargetEntry};
use soc2_guardrails::library::accepted;
use soc2_guardrails::{declared, protection};
use soc2_posture::assess::Owners;
use soc2_posture::interest::Interests;
use soc2_posture::objects::conditions::{Fact, merge, time};
use soc2_posture::objects::{account_posture, facts, refused};
use soc2_posture::protection::ProtectionByAccount;
use soc2_posture::{Assessment, Desired, Memory, SpecError, assess};

use crate::exit::Exit;
use crate::manifests::{Manifests, Origin};
use crate::owners;
use crate::snapshot::Snapshot;

/// Annotation by which a person asks for a reconcile; echoed in the status.
const REQUESTED_AT: &str = "soc2-operator.dev/requestedAt";

/// A profile as it was assessed.
pub struct Assessed {
    /// The profile with its status, as the operator writes it.
    pub profile: ComplianceProfile,
    /// Where the profile was written.
    pub origin: Origin,
    /// Its catalogue.
    pub catalog: Arc<Catalog>,
    /// What was found; `Err`: somebody has to change the spec.
    pub result: Result<Assessment, SpecError>,
    /// One for each account, in order of their ids.
    pub postures: Vec<AccountPosture>,
}

impl Assessed {
    /// Name of the profile.
    #[must_use]
    pub fn name(&self) -> String {
        self.profile.name_any()
    }

    /// For each control in its scope the criteria that it answers for.
    #[must_use]
    pub fn criteria_by_control(&self) -> BTreeMap<String, Vec<String>> {
        self.result.as_ref().map(Assessment::criteria_by_control).unwrap_or_default()
    }

    /// Status of a condition, such as `True`, with its reason and message.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<(&str, &str, &str)> {
        let conditions = self.profile.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let found = conditions.iter().find(|condition| condition.type_ == kind)?;
        Some((&found.status, &found.reason, &found.message))
    }

    /// What it means for the exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match (&self.result, self.condition("Compliant")) {
            (Err(_), _) => Exit::Unusable,
            (Ok(_), Some(("True", _, _))) => Exit::Passed,
            (Ok(_), _) => Exit::Failed,
        }
    }
}

/// Which profiles of which organization are assessed.
pub struct Scope<'a> {
    /// The organization; the default where no file has one.
    pub organization: AwsOrganization,
    /// No file has one.
    pub assumed: bool,
    /// Its profiles.
    pub profiles: Vec<&'a crate::manifests::Loaded<ComplianceProfile>>,
    /// What else is in the files.
    pub manifests: &'a Manifests,
}

impl<'a> Scope<'a> {
    /// The organization of this name, or the only one, and those of its profiles that are named.
    ///
    /// # Errors
    /// When that is not clear.
    pub fn new(manifests: &'a Manifests, organization: Option<&str>, names: &[String]) -> Result<Self> {
        let name = match organization {
            Some(name) => name.to_owned(),
            None => only_organization(manifests)?,
        };
        let object = match manifests.organization(&name) {
            Some(object) => object.clone(),
            None if manifests.organizations.is_empty() => {
                AwsOrganization::new(&name, soc2_crds::AwsOrganizationSpec::default())
            }
            None => bail!("there is no AwsOrganization {name:?} in these files; there is {}", named(manifests)),
        };
        for wanted in names {
            let known = manifests.profiles.iter().any(|found| found.object.name_any() == *wanted);
            ensure!(known, "--profile {wanted}: there is no such ComplianceProfile in these files");
        }
        let profiles = manifests.profiles.iter().filter(|found| {
            let profile = &found.object;
            profile.spec.organization_ref.name == name && (names.is_empty() || names.contains(&profile.name_any()))
        });
        let assumed = manifests.organizations.is_empty();
        Ok(Self { organization: object, assumed, profiles: profiles.collect(), manifests })
    }

    /// What any of the profiles wants to know of other products.
    #[must_use]
    pub fn interests(&self, catalog: &Arc<Catalog>) -> Interests {
        let of = |profile: &ComplianceProfile| {
            // One whose catalogue is wrong is refused later, with the reason.
            let catalog = owners::catalog_of(profile, self.manifests, catalog).ok()?;
            Some(Interests::of(&profile.spec, &catalog))
        };
        let all = self.profiles.iter().filter_map(|found| of(&found.object));
        all.flat_map(|interests| interests.iter().collect::<Vec<_>>()).collect()
    }

    /// Standards that any of the profiles requires.
    #[must_use]
    pub fn standards(&self) -> BTreeSet<soc2_catalog::StandardCode> {
        let required = self.profiles.iter().flat_map(|found| &found.object.spec.standards.required);
        required.filter_map(|name| standards::parse(name)).collect()
    }
}

fn named(manifests: &Manifests) -> String {
    let names: Vec<String> = manifests.organizations.iter().map(|found| found.object.name_any()).collect();
    names.join(", ")
}

fn only_organization(manifests: &Manifests) -> Result<String> {
    let mut names: BTreeSet<String> = manifests.organizations.iter().map(|found| found.object.name_any()).collect();
    if names.is_empty() {
        names.extend(manifests.profiles.iter().map(|found| found.object.spec.organization_ref.name.clone()));
    }
    ensure!(
        names.len() <= 1,
        "there are several organizations in these files ({}): say --organization NAME",
        Vec::from_iter(names.clone()).join(", ")
    );
    names.pop_first().context("there is neither an AwsOrganization nor a ComplianceProfile in these files")
}

/// Assesses the profiles of the scope.
///
/// # Errors
/// When a profile asks for what the snapshot cannot know.
pub fn run(scope: &Scope<'_>, snapshot: &Snapshot, catalog: &Arc<Catalog>, now: Timestamp) -> Result<Vec<Assessed>> {
    let mut all = Vec::new();
    let (exceptions, attestations) = (owners::exceptions(scope.manifests), owners::attestations(scope.manifests));
    let catalogs = owners::catalogs(scope.manifests, catalog);
    let baselines = scope.manifests.baselines.iter().map(|found| (found.object.name_any(), &found.object.spec));
    let baselines: Vec<_> = baselines.collect();
    let (library, _) = declared::library(catalog, baselines.iter().map(|(name, spec)| (name.as_str(), *spec)));
    for found in &scope.profiles {
        let profile = &found.object;
        if profile.spec.suspend {
            continue;
        }
        if snapshot.lacks_units && asks_for_units(profile) {
            bail!(
                "{}: ComplianceProfile {} selects organizational units, which list-accounts does not tell: use a snapshot (soc2ctl snapshot)",
                found.origin,
                profile.name_any()
            );
        }
        let catalog = owners::catalog_of(profile, scope.manifests, catalog);
        let catalog =
            &catalog.with_context(|| format!("{}: ComplianceProfile {}", found.origin, profile.name_any()))?;
        let protection = protections(profile, &library, scope, snapshot);
        let desired = Desired {
            profile: &profile.spec,
            catalog,
            organization: &scope.organization.spec,
            protection: &protection,
            owners: Owners {
                exceptions: &exceptions,
                attestations: &attestations,
                operator_namespace: owners::OPERATOR_NAMESPACE,
                catalogs: &catalogs,
            },
            acknowledged_targets: None,
        };
        let result = assess(&desired, &snapshot.world, &Memory::default(), now);
        all.push(objects(profile, (found.origin.clone(), catalog), result, snapshot, now));
    }
    Ok(all)
}

fn asks_for_units(profile: &ComplianceProfile) -> bool {
    let targets = profile.spec.targets.targets();
    let own = targets.include.iter().chain(&targets.exclude).flatten();
    let tailored = profile.spec.controls.iter().filter_map(|entry| entry.targets.as_ref());
    let of_controls = tailored.flat_map(|targets| targets.include.iter().chain(&targets.exclude).flatten());
    let asks = |entry: &TargetEntry| entry.organizational_unit.is_some();
    own.into_iter().any(asks) || of_controls.into_iter().any(asks)
}

fn protections(
    profile: &ComplianceProfile,
    library: &[Guardrail],
    scope: &Scope<'_>,
    snapshot: &Snapshot,
) -> BTreeMap<String, ProtectionByAccount> {
    let Some(organization) = &snapshot.world.organization else { return BTreeMap::new() };
    let inventory = snapshot.inventory.as_ref();
    let named = scope.organization.name_any();
    let sets = || {
        let sets = scope.manifests.sets.iter().map(|found| &found.object.spec);
        sets.filter(|set| set.organization_ref.name == named)
    };
    let required = library.iter().filter(|guardrail| profile.spec.guardrails.required.contains(&guardrail.name));
    required
        .map(|guardrail| {
            let (exempt, settings) = accepted(&guardrail.name, &scope.organization.spec, inventory, sets());
            let answers = protection(guardrail, organization, inventory, &exempt, &settings);
            (guardrail.name.clone(), answers)
        })
        .collect()
}

/// The objects that the operator would write.
fn objects(
    profile: &ComplianceProfile,
    (origin, catalog): (Origin, &Arc<Catalog>),
    result: Result<Assessment, SpecError>,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Assessed {
    let (mut status, facts) = match &result {
        Ok(assessment) => {
            let status = ComplianceProfileStatus { assessed_at: Some(time(now)), ..assessment.status() };
            (status, facts(assessment))
        }
        Err(error) => (ComplianceProfileStatus::default(), refused(error)),
    };
    status.observed_generation = profile.metadata.generation;
    status.last_handled_reconcile_at = profile.annotations().get(REQUESTED_AT).cloned();
    status.conditions = conditions(profile, &facts, now);
    let postures = result.as_ref().map(|assessment| postures(profile, assessment, snapshot)).unwrap_or_default();
    let mut profile = profile.clone();
    profile.status = Some(status);
    Assessed { profile, origin, catalog: Arc::clone(catalog), result, postures }
}

fn conditions(
    profile: &ComplianceProfile,
    facts: &[Fact],
    now: Timestamp,
) -> Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition> {
    let before = profile.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    merge(facts, before, profile.metadata.generation, now)
}

fn postures(profile: &ComplianceProfile, assessment: &Assessment, snapshot: &Snapshot) -> Vec<AccountPosture> {
    let posture = |account| {
        let content = assessment.posture(account, &snapshot.world.index)?;
        Some(account_posture(profile, account, assessment.compliant(account)?, content))
    };
    assessment.accounts().filter_map(posture).collect()
}
