//! Releases: a guardrail is taken off somewhere now, past windows, waves and approval, and kept off until the end; then its set puts it
//! back, as it puts back anything.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};
use soc2_catalog::Guardrail;
use soc2_crds::{GuardrailRelease, GuardrailReleaseStatus, ReleaseState};
use soc2_guardrails::release::place;
use soc2_guardrails::{Because, Ground, Release, Ruling, Step, declared};

use super::clearance::signed;
use super::enact::{self, Enacted};
use super::observe::{Blocked, Observed, observe};
use super::report::MANAGER;
use super::tags::Tags;
use super::{AFTER_FAILURE, AFTER_WRITES, IDLE, TURNS, unreadable};
use crate::context::Context;
use crate::control::{Reconciler, jittered, until};
use crate::error::Error;
use crate::kubernetes::conditions::{Fact, time};
use crate::kubernetes::events::Happening;
use crate::kubernetes::status::{Desired, fields_of};

const FIELDS: &[&str] = &["observedGeneration", "state", "detached", "keptSince"];
const CONDITIONS: &[&str] = &["Ready", "Released", "Stalled"];
/// The longest that a release lasts after it was created; clocks differ a little.
const LONGEST: SignedDuration = SignedDuration::from_mins(24 * 60 + 5);
/// Reason of one that cannot be done.
const CANNOT: &str = "CannotRelease";
/// Most lines of what was taken off.
const MOST: usize = 50;

/// Reconciles releases.
#[derive(Debug, Default)]
pub struct ReleaseReconciler;

/// How a release stands.
struct Standing {
    state: ReleaseState,
    reason: String,
    message: String,
    /// What was taken off in this turn.
    done: Vec<String>,
    /// Since when all that stays is in place beside what is to come off.
    kept_since: Option<Timestamp>,
    next: Duration,
}

impl Standing {
    fn new(state: ReleaseState, reason: &str, message: impl Into<String>, next: Duration) -> Self {
        Self { state, reason: reason.to_owned(), message: message.into(), done: Vec::new(), kept_since: None, next }
    }

    fn refused(reason: &str, message: impl Into<String>) -> Self {
        Self::new(ReleaseState::Refused, reason, message, jittered(IDLE))
    }
}

impl Reconciler for ReleaseReconciler {
    type Kind = GuardrailRelease;
    const KIND: &'static str = "GuardrailRelease";
    const MANAGER: &'static str = MANAGER;
    const LIMIT: Duration = TURNS;

    async fn reconcile(&self, context: &Context, release: Arc<GuardrailRelease>) -> Result<Action, Error> {
        let organization = &release.spec.organization_ref.name;
        if release.metadata.deletion_timestamp.is_some() {
            context.feeds.touch(organization);
            return Ok(Action::await_change());
        }
        context.nudges.saw::<GuardrailRelease>("", &release.name_any(), organization);
        let now = (context.now)();
        let before = release.status.clone().unwrap_or_default();
        let standing = if let Some(standing) = over(&release, now) {
            standing
        } else {
            let writing = context.feeds.writing(organization);
            // One writer per organization.
            let _turn = writing.lock().await;
            // One that was deleted meanwhile takes nothing off any more.
            if !context.stores.releases_of(organization).iter().any(|found| found.uid() == release.uid()) {
                return Ok(Action::await_change());
            }
            take_off(context, &release, now).await
        };
        report(context, &release, &before, &standing, now).await?;
        if before.state != Some(standing.state) {
            // The sets have to say so, and put back what is over.
            context.feeds.touch(organization);
        }
        if standing.state == ReleaseState::Expired {
            return Ok(Action::await_change());
        }
        let next = [release.spec.starts_at.0, release.spec.expires_at.0].into_iter().filter(|at| *at > now);
        Ok(Action::requeue(next.map(|at| until(at, now)).fold(standing.next, Duration::min)))
    }
}

/// How a release stands that has nothing to do with AWS now.
fn over(release: &GuardrailRelease, now: Timestamp) -> Option<Standing> {
    let spec = &release.spec;
    if spec.expires_at.0 <= now {
        let message = format!("it was over at {}", spec.expires_at.0);
        return Some(Standing::new(ReleaseState::Expired, "Expired", message, IDLE));
    }
    if let Some(message) = refused_before(release) {
        return Some(Standing::refused(CANNOT, message));
    }
    if !is_short(release) {
        let message = "spec.expiresAt is more than 24h after the object was created: create one that ends earlier";
        return Some(Standing::refused("TooLong", message));
    }
    let later = spec.starts_at.0 > now;
    later.then(|| {
        Standing::new(ReleaseState::Pending, "BeginsLater", format!("it begins at {}", spec.starts_at.0), IDLE)
    })
}

/// Why it was refused before, if it was: what could not be done then is not done later, when nobody thinks of it.
fn refused_before(release: &GuardrailRelease) -> Option<String> {
    let conditions = release.status.iter().flat_map(|status| &status.conditions);
    let mut refused = conditions.filter(|found| found.type_ == "Stalled" && found.reason == CANNOT);
    refused.next().map(|found| found.message.clone())
}

fn is_short(release: &GuardrailRelease) -> bool {
    let created = release.metadata.creation_timestamp.as_ref().map(|at| at.0);
    created.and_then(|at| at.checked_add(LONGEST).ok()).is_none_or(|latest| release.spec.expires_at.0 <= latest)
}

/// Releases that hold now and are not refused.
pub fn active(context: &Context, observed: &Observed, library: &[Guardrail], now: Timestamp) -> Vec<Release> {
    let objects = context.stores.releases_of(&observed.object.name_any());
    let holding = objects.iter().filter(|object| over(object, now).is_none());
    let release = |object: &GuardrailRelease| {
        let release = understood(observed, object).ok()?;
        release.rule(&ground(observed, library)).refused.is_none().then_some(release)
    };
    holding.filter_map(release).collect()
}

/// Whether nobody took a release back while it was being carried out.
fn still_asked(context: &Context, object: &GuardrailRelease) -> Result<(), String> {
    let found = context.stores.releases_of(&object.spec.organization_ref.name);
    let found = found.iter().any(|other| other.uid() == object.uid() && over(other, (context.now)()).is_none());
    if found { Ok(()) } else { Err("the GuardrailRelease was deleted, or is over".to_owned()) }
}

fn understood(observed: &Observed, object: &GuardrailRelease) -> Result<Release, String> {
    let spec = &object.spec;
    let target = place(&observed.organization, &spec.target)?;
    Ok(Release {
        name: object.name_any(),
        baseline: spec.baseline.clone(),
        target: target.id,
        until: spec.expires_at.0,
        by: spec.released_by.clone(),
        reason: spec.reason.clone(),
    })
}

/// What releases are ruled on.
pub fn ground<'a>(observed: &'a Observed, library: &'a [Guardrail]) -> Ground<'a> {
    Ground {
        org: &observed.organization,
        owner: &observed.owner,
        inventory: &observed.planned_on,
        carriers: &observed.plan.carriers,
        library,
        limits: declared::limits(&observed.object.spec),
        reserved_slots: observed.object.spec.guardrails.reserved_slots,
    }
}

/// Takes off what there is to take off.
async fn take_off(context: &Context, object: &GuardrailRelease, now: Timestamp) -> Standing {
    let observed = match observe(context, &object.spec.organization_ref.name) {
        Ok(observed) => observed,
        Err(Blocked { reason, message, .. }) => {
            return Standing::new(ReleaseState::Pending, &reason, message, jittered(AFTER_FAILURE));
        }
    };
    let release = match understood(&observed, object) {
        Ok(release) => release,
        Err(message) => return Standing::refused("NoTarget", format!("spec.target: {message}")),
    };
    let library = context.library().guardrails;
    if let Some(message) = unknown_baseline(&library, &observed, &release) {
        return Standing::refused("UnknownBaseline", message);
    }
    let mut ruling = release.rule(&ground(&observed, &library));
    if let Some(message) = ruling.refused {
        return Standing::refused(CANNOT, message);
    }
    let parting = match Parting::of(&ruling, object, &observed, now) {
        Ok(parting) => parting,
        Err(message) => return Standing::new(ReleaseState::Pending, "InvalidSpec", message, jittered(AFTER_FAILURE)),
    };
    let mut steps = std::mem::take(&mut ruling.detach);
    steps.append(&mut ruling.keep);
    if parting.is_due(now) {
        steps.append(&mut ruling.then);
    }
    if let Some(rest) = after_another(context, object, &steps) {
        let message = "what was written before this process led may not be readable yet: AWS is read once more";
        return Standing::new(ReleaseState::Pending, "Reading", message, rest);
    }
    let tags = Tags::new(context, &observed, &[]);
    let stands = || still_asked(context, object);
    let enacted = enact::enact(context, &observed, &release.name, &steps, &tags, &stands).await;
    // Readings that do not show what was written are asked for again by the sets; without one it is asked for here.
    if observed.settling {
        context.feeds.request_policies(&object.spec.organization_ref.name);
    }
    let mut standing = standing(&release, &ruling.above, &enacted);
    parting.wait(&mut standing, &release, now);
    if observed.settling && standing.state == ReleaseState::Active {
        standing.next = AFTER_WRITES;
    }
    standing.done = enacted.done.iter().map(Step::to_string).collect();
    standing
}

/// How long a release rests that a former process may have been carrying out when it ended. Only an update that is done already can be
/// done twice; AWS refuses everything else.
fn after_another(context: &Context, object: &GuardrailRelease, steps: &[Step]) -> Option<Duration> {
    let organization = &object.spec.organization_ref.name;
    let is_reported = object.status.as_ref().is_some_and(|status| status.state == Some(ReleaseState::Active));
    let created = object.metadata.creation_timestamp.as_ref().map(|at| at.0);
    let is_older = created <= context.feeds.since(organization);
    let updates = steps.iter().any(|step| matches!(step, Step::Update { .. }));
    if updates && is_older && !is_reported { unreadable(context, organization) } else { None }
}

/// How far it is that guardrails which stay have a policy of their own, where one of several in a policy comes off.
enum Parting {
    /// There is nothing to wait for.
    None,
    /// That policy is not in place yet.
    Begun,
    /// It is, since then, and surely enforced at that time.
    Kept { since: Timestamp, due: Timestamp },
}

impl Parting {
    fn of(ruling: &Ruling, object: &GuardrailRelease, observed: &Observed, now: Timestamp) -> Result<Self, String> {
        if ruling.then.is_empty() {
            return Ok(Self::None);
        }
        let before = object.status.as_ref().and_then(|status| status.kept_since.as_ref()).map(|at| at.0);
        // What was written a moment ago may not be there yet; what is on record was.
        if !ruling.keep.is_empty() || (before.is_none() && observed.settling) {
            return Ok(Self::Begun);
        }
        let delay = &observed.object.spec.guardrails.propagation_delay;
        let delay = signed("spec.guardrails.propagationDelay", delay).map_err(|blocked| blocked.message)?;
        let since = before.unwrap_or(now);
        Ok(Self::Kept { since, due: since.checked_add(delay).unwrap_or(Timestamp::MAX) })
    }

    fn is_due(&self, now: Timestamp) -> bool {
        matches!(self, Self::Kept { due, .. } if *due <= now)
    }

    /// Says what is waited for, unless something else stands in the way.
    fn wait(&self, standing: &mut Standing, release: &Release, now: Timestamp) {
        let (since, due) = match self {
            Self::None => return,
            Self::Begun => (None, None),
            Self::Kept { since, due } => (Some(*since), Some(*due)),
        };
        standing.kept_since = since;
        if standing.state != ReleaseState::Active || self.is_due(now) {
            return;
        }
        let when = due.map_or_else(|| "some time from now".to_owned(), |due| format!("at {due}"));
        let message = format!(
            "{} shares a policy with guardrails that stay on {}: these get a policy of their own there first, and it comes off when that is \
             surely enforced, {when} (spec.guardrails.propagationDelay); to have it off at once, release \"*\" there, which takes off all",
            release.baseline, release.target
        );
        let next = due.map_or(AFTER_WRITES, |due| until(due, now));
        *standing = Standing { kept_since: since, ..Standing::new(ReleaseState::Pending, "Parting", message, next) };
    }
}

fn standing(release: &Release, above: &[String], enacted: &Enacted) -> Standing {
    let again = jittered(AFTER_FAILURE);
    if let Some(error) = &enacted.error {
        return Standing::new(ReleaseState::Pending, "ApplyFailed", error.message.clone(), again);
    }
    if let Some(why) = &enacted.ended {
        return Standing::new(ReleaseState::Pending, "Releasing", why.clone(), AFTER_WRITES);
    }
    if let Some(held) = &enacted.held {
        return Standing::new(ReleaseState::Pending, "Held", format!("nothing is written: {held}"), again);
    }
    if let Some(Because::Tag { on, until, .. }) = enacted.withheld.first().map(|withheld| &withheld.because) {
        let message = format!("the hold tag of {on} stops every write there until {until}: take it away first");
        return Standing::new(ReleaseState::Pending, "HeldByTag", message, again);
    }
    let but = if above.is_empty() { String::new() } else { format!("; but {}", above.join("; ")) };
    let Release { baseline, target, until, by, reason, .. } = release;
    let what = if baseline == "*" { "every guardrail" } else { baseline };
    let message = format!("{by} released {what} on {target} until {until}: {reason}{but}");
    Standing::new(ReleaseState::Active, "Released", message, jittered(IDLE))
}

/// A name that no guardrail has, in words.
fn unknown_baseline(library: &[Guardrail], observed: &Observed, release: &Release) -> Option<String> {
    let name = &release.baseline;
    let known = name == "*"
        || observed.plan.carriers.contains_key(name)
        || library.iter().any(|guardrail| guardrail.name == *name);
    (!known)
        .then(|| format!("spec.baseline: there is no guardrail {name:?}, in the library or in AWS; correct the name"))
}

async fn report(
    context: &Context,
    release: &GuardrailRelease,
    before: &GuardrailReleaseStatus,
    standing: &Standing,
    now: Timestamp,
) -> Result<(), Error> {
    let Standing { state, reason, message, done, kept_since, .. } = standing;
    let facts = match state {
        ReleaseState::Active => {
            vec![Fact::yes("Ready", reason, message.clone()), Fact::yes("Released", reason, message.clone())]
        }
        ReleaseState::Refused => {
            vec![Fact::no("Ready", reason, message.clone()), Fact::yes("Stalled", reason, message.clone())]
        }
        ReleaseState::Expired => vec![Fact::yes("Ready", reason, message.clone())],
        ReleaseState::Pending => vec![Fact::no("Ready", reason, message.clone())],
    };
    let mut detached = before.detached.clone();
    detached.extend(done.iter().filter(|line| !before.detached.contains(line)).cloned());
    detached.truncate(MOST);
    let status = GuardrailReleaseStatus {
        observed_generation: release.metadata.generation,
        state: Some(*state),
        detached,
        // Whole seconds are kept: what is waited for is not to be shorter for that.
        kept_since: kept_since.map(|at| time(at.saturating_add(SignedDuration::from_millis(999)).unwrap_or(at))),
        conditions: Vec::new(),
    };
    let writer = context.status_writer(MANAGER, FIELDS, CONDITIONS);
    let live = serde_json::to_value(&release.status).unwrap_or_default();
    let desired = Desired { fields: fields_of(&status), conditions: facts };
    if writer.write(release, &live, &desired, now).await? && before.state != Some(*state) {
        let warning = matches!(state, ReleaseState::Active | ReleaseState::Refused);
        let event = Happening { warning, reason: reason.clone(), action: "Release", note: message.clone() };
        context.events.publish(&release.object_ref(&()), vec![event]);
    }
    Ok(())
}
