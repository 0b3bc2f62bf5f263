//! The first and the last thing of leading an organization: what was published is read, and everything is forgotten.

use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;

use super::{Lead, Phase, Scope};
use crate::context::Context;
use crate::http::Readiness;
use crate::startup;
use crate::waiting::chain;

/// What could not be read is read again after this long.
const AGAIN: Duration = Duration::from_secs(2);

/// Reads what the leader before published, and has everything of the organization looked at.
pub(super) async fn begin(context: Arc<Context>, readiness: Arc<Readiness>, organization: String, lead: Arc<Lead>) {
    context.stores.ready().await;
    forget(&context, &organization).await;
    while let Err(error) = startup::load_postures(&context, &organization).await {
        let missing = format!("what was published before cannot be read: {}", chain(&error));
        if context.troubles.is_news(&missing) {
            tracing::warn!(organization, missing, "waiting; it is tried again");
        }
        readiness.missing("postures", missing);
        tokio::time::sleep(AGAIN).await;
    }
    readiness.there("postures");
    lead.begun();
    context.leads.changed(Scope::Organization(organization));
}

/// Waits for what is under way, writes to AWS included, ends the feed with a last checkpoint, and forgets. Nothing is begun meanwhile.
pub(super) async fn end(context: Arc<Context>, organization: String, lead: Arc<Lead>) -> Scope {
    let _nobody = lead.idle().await;
    lead.enter(Phase::Ending);
    context.feeds.end(&organization).await;
    forget(&context, &organization).await;
    Scope::Organization(organization)
}

async fn forget(context: &Context, organization: &str) {
    let profiles: Vec<String> = context.stores.profiles_of(organization).iter().map(ResourceExt::name_any).collect();
    let sets: Vec<String> = context.stores.sets_of(organization).iter().map(ResourceExt::name_any).collect();
    context.published.forget(organization, &profiles, &sets);
    context.attestations.forget(organization);
    for profile in &profiles {
        context.working.forget(profile);
        context.postures.leave(profile).await;
    }
    for set in &sets {
        context.written.forget(set);
        context.goods.forget(set);
        context.trails.forget(set);
    }
}
