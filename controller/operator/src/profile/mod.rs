//! Profiles: observe, assess, report.

mod news;
mod observe;
mod published;
mod report;
mod working;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::controller::Action;
use soc2_crds::ComplianceProfile;
use soc2_posture::duration;

use crate::context::Context;
use crate::control::{Reconciler, jittered, until};
use crate::error::Error;

pub use observe::{Observed, Waiting};
pub use published::PublishedGuardrails;
pub use working::Working;

/// What is missing may be there soon.
const SOON: Duration = Duration::from_secs(30);

/// Reconciles profiles.
#[derive(Debug, Default)]
pub struct ProfileReconciler;

impl Reconciler for ProfileReconciler {
    type Kind = ComplianceProfile;
    const KIND: &'static str = "ComplianceProfile";
    const MANAGER: &'static str = crate::postures::MANAGER;

    async fn reconcile(&self, context: &Context, profile: Arc<ComplianceProfile>) -> Result<Action, Error> {
        if profile.metadata.deletion_timestamp.is_some() {
            return Ok(Action::await_change());
        }
        if profile.spec.suspend {
            return suspended(context, &profile).await;
        }
        if context.is_asked_anew(&*profile) {
            context.feeds.touch(&profile.spec.organization_ref.name);
        }
        let now = (context.now)();
        let observed = match observe::observe(context, &profile, context.working.has_assessed(&profile), now) {
            Ok(observed) => observed,
            Err(waiting) => {
                report::waiting(context, &profile, &waiting, now).await?;
                return Ok(Action::requeue(jittered(SOON)));
            }
        };
        let next = match context.working.assess(context, &profile, &observed, now) {
            Ok(assessed) => {
                let next = assessed.next_change_at;
                report::assessed(context, &profile, &observed, assessed, now).await?;
                next
            }
            Err(error) => {
                let refused = Waiting::refused(error.reason(), error.to_string());
                report::waiting(context, &profile, &refused, now).await?;
                None
            }
        };
        Ok(Action::requeue(until_next(&profile, next, now)))
    }
}

/// Nothing is assessed. What was published stands for its time, and then nothing is known.
async fn suspended(context: &Context, profile: &ComplianceProfile) -> Result<Action, Error> {
    let now = (context.now)();
    if let Some(end) = observe::stands_until(context, profile).filter(|end| now < *end) {
        // A waiver may come to end earlier.
        return Ok(Action::requeue(until(end, now).min(jittered(SOON))));
    }
    let message = "spec.suspend is true: nothing is assessed, and what was published is too old or counts on a waiver that is over";
    report::waiting(context, profile, &Waiting::nothing("Suspended", message), now).await?;
    context.postures.clear(&profile.name_any());
    Ok(Action::await_change())
}

/// The profile's interval, or earlier when time alone changes something before.
fn until_next(profile: &ComplianceProfile, next: Option<Timestamp>, now: Timestamp) -> Duration {
    let interval = jittered(duration::parse(&profile.spec.interval).unwrap_or(Duration::from_mins(10)));
    next.map_or(interval, |next| until(next, now).min(interval))
}
