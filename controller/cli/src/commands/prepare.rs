//! What several commands begin with: manifests, a snapshot, the assessments.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use kube::ResourceExt;
use soc2_catalog::Catalog;
use soc2_crds::{AwsOrganization, ComplianceProfile, GuardrailSet};
use soc2_posture::assess::ExceptionVerdict;

use super::{Notes, complain};
use crate::args;
use crate::assess::{self, Assessed, Scope};
use crate::exit::Exit;
use crate::live;
use crate::manifests::Manifests;
use crate::owners;
use crate::snapshot::{self, Inputs, Purpose, Snapshot};

/// Profiles, assessed.
pub struct Prepared {
    /// The profiles.
    pub assessed: Vec<Assessed>,
    /// What is wrong with other objects, for the exit code.
    pub exit: Exit,
}

/// The built-in catalogue.
pub fn catalog() -> Result<&'static Arc<Catalog>> {
    Catalog::builtin().context("the built-in catalogue")
}

/// Reads manifests; says what is wrong with some of them, and goes on with the rest.
pub fn manifests(args: &args::Manifests, notes: &Notes) -> Result<(Manifests, Exit)> {
    let manifests = Manifests::load(&args.files)?;
    for problem in &manifests.problems {
        complain(&problem.to_string());
    }
    if manifests.others > 0 {
        notes.say(&format!("{} documents of other kinds were passed over", manifests.others));
    }
    let exit = if manifests.problems.is_empty() { Exit::Passed } else { Exit::Unusable };
    Ok((manifests, exit))
}

/// Reads everything and assesses.
pub fn prepare(
    world: &args::World,
    manifests: &args::Manifests,
    profiles: &[String],
    notes: &Notes,
) -> Result<Prepared> {
    let (manifests, exit) = self::manifests(manifests, notes)?;
    let scope = Scope::new(&manifests, world.organization.as_deref(), profiles)?;
    ensure!(
        !scope.profiles.is_empty(),
        "there is no ComplianceProfile of organization {} in these files",
        scope.organization.name_any()
    );
    if manifests.organizations.is_empty() {
        notes.say("there is no AwsOrganization in these files: its defaults are assumed");
    }
    let catalog = catalog()?;
    let now = world.now.unwrap_or_else(Timestamp::now);
    let snapshot = if world.live {
        read_live(&scope, &manifests, catalog, notes)?
    } else {
        read_files(&world.inputs(), &scope, catalog, now, notes)?
    };
    let assessed = assess::run(&scope, &snapshot, catalog, now)?;
    let told = tell(&scope, &assessed, notes);
    Ok(Prepared { assessed, exit: exit.max(told) })
}

/// Says which profiles are not assessed, and which exceptions have no effect.
pub fn tell(scope: &Scope<'_>, all: &[Assessed], notes: &Notes) -> Exit {
    for found in scope.profiles.iter().filter(|found| found.object.spec.suspend) {
        notes.say(&format!(
            "{}: ComplianceProfile {} is suspended: it is not assessed",
            found.origin,
            found.object.name_any()
        ));
    }
    let mut exit = Exit::Passed;
    let mut refused = BTreeMap::new();
    for assessed in all {
        match &assessed.result {
            Ok(assessment) => {
                for fact in assessment.exceptions() {
                    if let ExceptionVerdict::Refused { message, .. } = fact.verdict {
                        refused.insert((fact.namespace, fact.name), message);
                    }
                }
            }
            Err(error) => {
                let place = assessed.origin.of(&error.to_string());
                complain(&format!("{place}: ComplianceProfile {}: {error}", assessed.name()));
                exit = Exit::Unusable;
            }
        }
    }
    for (found, written) in scope.manifests.exceptions.iter().zip(owners::exceptions(scope.manifests)) {
        let key = (written.namespace.to_owned(), written.name.to_owned());
        if let Some(message) = refused.get(&key) {
            notes.say(&format!(
                "{}: ComplianceException {}/{} is refused and has no effect: {message}",
                found.origin.of(message),
                key.0,
                key.1
            ));
        }
    }
    exit
}

/// Reads files.
pub fn read_files(
    inputs: &Inputs,
    scope: &Scope<'_>,
    catalog: &Arc<Catalog>,
    now: Timestamp,
    notes: &Notes,
) -> Result<Snapshot> {
    let purpose = Purpose {
        catalog,
        organization: (!scope.assumed).then_some(&scope.organization.spec),
        interests: scope.interests(catalog),
        standards: scope.standards(),
        now,
    };
    let snapshot = snapshot::read(inputs, &purpose, &notes.progress())?;
    for damage in &snapshot.damage {
        notes.say(&format!("{}; nothing passes by its source", damage.message()));
    }
    Ok(snapshot)
}

/// Reads AWS.
pub fn read_live(scope: &Scope<'_>, manifests: &Manifests, catalog: &Arc<Catalog>, notes: &Notes) -> Result<Snapshot> {
    let wishes = Wishes::of(manifests, &scope.organization);
    let catalog_of = |profile: &ComplianceProfile| owners::catalog_of(profile, manifests, catalog).ok();
    let wanted = wishes.wanted(&scope.organization, catalog, &catalog_of);
    let progress = notes.progress();
    runtime()?.block_on(async { live::read(live::connect().await?, &wanted, &progress).await })
}

/// What the objects of an organization ask to be read.
pub struct Wishes {
    profiles: Vec<ComplianceProfile>,
    sets: Vec<GuardrailSet>,
    tags: bool,
}

impl Wishes {
    /// Of the objects in these files.
    pub fn of(manifests: &Manifests, organization: &AwsOrganization) -> Self {
        let name = organization.name_any();
        let profiles = manifests.profiles.iter().map(|found| &found.object);
        let sets = manifests.sets.iter().map(|found| &found.object);
        Self {
            profiles: profiles.filter(|profile| profile.spec.organization_ref.name == name).cloned().collect(),
            sets: sets.filter(|set| set.spec.organization_ref.name == name).cloned().collect(),
            tags: owners::use_tags(manifests, organization),
        }
    }

    /// As the reader wants it.
    pub fn wanted<'a>(
        &'a self,
        object: &'a AwsOrganization,
        catalog: &'a Arc<Catalog>,
        catalog_of: &'a dyn Fn(&ComplianceProfile) -> Option<Arc<Catalog>>,
    ) -> live::Wanted<'a> {
        live::Wanted { object, profiles: &self.profiles, sets: &self.sets, tags: self.tags, catalog, catalog_of }
    }
}

/// A runtime for the calls to AWS.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(soc2_aws::STACK)
        .enable_all()
        .build()
        .context("no runtime")
}
