//! Organizations: keep a feed for each, and report what it found.

mod events;
mod findings;
mod held;
mod policies;
mod report;

use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use kube::runtime::controller::Action;
use soc2_crds::{AwsOrganization, ComplianceProfile};
use soc2_feed::feed_config;
use soc2_posture::assess::Owners;

use crate::context::Context;
use crate::control::{Reconciler, jittered};
use crate::error::Error;
use crate::guardrail::observe;
use crate::owners::{Nudge, Written};
use crate::requested_at;

/// The feed tells of changes; this is for what no one tells, such as deleted profiles.
const INTERVAL: Duration = Duration::from_mins(1);

/// Reconciles organizations.
#[derive(Debug, Default)]
pub struct OrganizationReconciler;

impl Reconciler for OrganizationReconciler {
    type Kind = AwsOrganization;
    const KIND: &'static str = "AwsOrganization";
    const MANAGER: &'static str = report::MANAGER;

    fn seen(&self, context: &Context, _object: &AwsOrganization) {
        // A new one needs a leader.
        context.leads.wake();
    }

    async fn reconcile(&self, context: &Context, object: Arc<AwsOrganization>) -> Result<Action, Error> {
        let name = object.name_any();
        if held::is_gone(&object) {
            return Ok(Action::await_change());
        }
        let profiles = context.stores.profiles_of(&name);
        let sets = context.stores.sets_of(&name);
        let tags = context.tags_shown || owners_use_tags(context, &object);
        let catalog = |profile: &ComplianceProfile| context.catalog_of(profile).ok();
        context.feeds.ensure(&object, feed_config(&object, &profiles, &sets, tags, catalog));
        if context.is_asked_anew(&*object) {
            context.feeds.touch(&name);
            // Its exceptionPolicy may say something else.
            context.nudges.send(Nudge::ExceptionsOf(name.clone()));
        }
        let handled = object.status.as_ref().and_then(|status| status.last_handled_reconcile_at.clone());
        if requested_at(&*object).is_some_and(|token| Some(token) != handled) {
            context.feeds.request_now(&name);
        }
        // After it is read: what goes wrong here must not keep it from that.
        if held::keep(context, &object).await? {
            return Ok(Action::await_change());
        }
        if object.spec.suspend {
            if object.metadata.deletion_timestamp.is_some() {
                report::report(context, &object, &profiles, None).await?;
            }
            // What was published stands.
            return Ok(Action::requeue(jittered(INTERVAL)));
        }
        let observed = observe(context, &name);
        let foreign = observed.as_ref().ok().and_then(|observed| observed.plan.foreign_cluster.clone());
        report::report(context, &object, &profiles, foreign.as_deref()).await?;
        policies::report(context, &object, &observed).await?;
        Ok(Action::requeue(jittered(INTERVAL)))
    }
}

/// Whether what owners wrote, or the policy that it is judged by, asks for tags of accounts.
fn owners_use_tags(context: &Context, object: &AwsOrganization) -> bool {
    let written = Written::of(&object.name_any(), &context.stores.exceptions, &context.stores.attestations);
    let (exceptions, attestations) = (written.exceptions(), written.attestations());
    let owners = Owners {
        exceptions: &exceptions,
        attestations: &attestations,
        operator_namespace: &context.namespace,
        catalogs: &[],
    };
    owners.use_tags(object.spec.exception_policy.as_ref())
}
