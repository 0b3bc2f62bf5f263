//! `snapshot`.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use soc2_aws::Aws;
use soc2_crds::ComplianceProfile;

use super::prepare::{Wishes, catalog, manifests, runtime};
use super::{Notes, complain};
use crate::args::SnapshotArgs;
use crate::assess::Scope;
use crate::exit::Exit;
use crate::live;
use crate::owners;
use crate::snapshot::{Recorder, make_folder, write};

pub fn run(args: &SnapshotArgs, notes: &Notes) -> Result<Exit> {
    let (manifests, exit) = manifests(&args.manifests, notes)?;
    ensure!(
        !manifests.organizations.is_empty(),
        "there is no AwsOrganization in these files: it says which roles read AWS, and where"
    );
    let scope = Scope::new(&manifests, args.organization.as_deref(), &[])?;
    make_folder(&args.out)?;
    let catalog = catalog()?;
    let wishes = Wishes::of(&manifests, &scope.organization);
    let catalog_of = |profile: &ComplianceProfile| owners::catalog_of(profile, &manifests, catalog).ok();
    let wanted = wishes.wanted(&scope.organization, catalog, &catalog_of);
    let progress = notes.progress();
    let read = async {
        let recorder = Arc::new(Recorder::new(live::connect().await?, &args.out));
        let aws: Arc<dyn Aws> = Arc::<Recorder>::clone(&recorder);
        let snapshot = live::read(aws, &wanted, &progress).await?;
        recorder.finish()?;
        Ok::<_, anyhow::Error>(snapshot)
    };
    let snapshot = runtime()?.block_on(read)?;
    let taken_at = snapshot.taken_at.context("a reading has a time")?;
    write(&args.out, &snapshot.world, snapshot.inventory.as_ref(), catalog, taken_at)?;
    let accounts = snapshot.world.organization.as_ref().map_or(0, |organization| organization.accounts.len());
    let (findings, out) = (snapshot.world.index.len(), args.out.display());
    notes.say(&format!("{out}: {accounts} accounts, {findings} findings"));
    let mut complete = true;
    for hub in &snapshot.world.sources.regions {
        if let Some(error) = &hub.error {
            complain(&format!("source {} in {}: {}", hub.source, hub.region, describe(error)));
            complete = false;
        }
    }
    if snapshot.inventory.is_none() {
        complain("the policies could not be read: required guardrails are unknown");
        complete = false;
    }
    // What is incomplete is written as such, and nothing passes by it.
    Ok(exit.max(if complete { Exit::Passed } else { Exit::Failed }))
}

fn describe(error: &soc2_posture::source::HubError) -> &str {
    use soc2_posture::source::HubError::{AccessDenied, NotEnabled, NotRead};
    match error {
        AccessDenied(message) | NotRead(message) => message,
        NotEnabled => "Security Hub is not enabled",
    }
}
