//! The enact step: the writes that the gate lets through, one after the other, each safe to repeat and safe to be the last one.
//!
//! Between any two writes the operator may die. The next one reads AWS, plans again and goes on: a policy exists with its
//! tags from the first moment, and an attachment is there or not. What is taken away is too much already when its turn comes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use soc2_aws::{AwsError, Directory, ErrorClass, NOT_PERMITTED, NewPolicy, PolicyWriter, Role, Tags as NewTags};
use soc2_guardrails::hold::HOLD_TAG;
use soc2_guardrails::{Because, Document, Policy, PolicyBody, PolicyRef, Step, Withheld};

use super::guard::{Guard, Object, Stands};
use super::observe::Observed;
use super::overlay::Effect;
use super::tags::Tags;
use crate::context::Context;

/// What was written.
#[derive(Debug, Default)]
pub struct Enacted {
    /// Steps that were done.
    pub done: Vec<Step>,
    /// Why it stopped, if it did.
    pub error: Option<AwsError>,
    /// Why nothing may be written now.
    pub held: Option<Hold>,
    /// Steps that a tag keeps back.
    pub withheld: Vec<Withheld>,
    /// Why it ended before the last step although nothing failed: the rest is looked at in the next turn.
    pub ended: Option<String>,
}

impl Enacted {
    /// Why a policy is not deleted: something keeps it attached.
    fn still_attached(&self, step: &Step) -> Option<Because> {
        let Step::Delete { id: policy, .. } = step else { return None };
        let keeps = |held: &&Withheld| matches!(&held.step, Step::Detach { id, .. } if id == policy);
        self.withheld.iter().find(keeps).map(|held| held.because.clone())
    }
}

/// Does the steps that the gate let through, in order, until one fails, what let them through does not stand any more, or the time of a
/// turn is over: others wait for theirs, a release among them.
pub async fn enact(
    context: &Context,
    observed: &Observed,
    set: &str,
    steps: &[Step],
    tags: &Tags<'_>,
    stands: &Stands<'_>,
) -> Enacted {
    let mut enacted = Enacted::default();
    if steps.is_empty() {
        return enacted;
    }
    let role = match may_write(observed) {
        Ok(role) => role,
        Err(held) => {
            enacted.held = Some(held);
            return enacted;
        }
    };
    let mut work = Work::new(context, observed, &role);
    let began = Instant::now();
    for (at, step) in steps.iter().enumerate() {
        if at > 0 && began.elapsed() >= context.write_turn {
            enacted.ended = Some("the rest is written in the next turn".to_owned());
            break;
        }
        if let Some(because) = enacted.still_attached(step) {
            enacted.withheld.push(Withheld { step: step.clone(), because });
            continue;
        }
        match work.perform(step, tags, stands).await {
            Ok(Some(because)) => enacted.withheld.push(Withheld { step: step.clone(), because }),
            Ok(None) => {
                tracing::info!(%set, organization = %observed.owner.organization_id, %step, "written to AWS");
                enacted.done.push(step.clone());
            }
            Err(error) => {
                match stands() {
                    Err(why) if error.is(NOT_PERMITTED) => enacted.ended = Some(why),
                    _ => {
                        tracing::warn!(%set, %step, %error, "a write failed; it is tried again");
                        enacted.error = Some(error);
                    }
                }
                break;
            }
        }
    }
    if enacted.done.is_empty() && enacted.error.is_none() {
        return enacted;
    }
    let outcome = (role.arn.clone(), enacted.error.clone());
    context.published.organization(&work.name, |snapshot| snapshot.write = Some(outcome));
    context.feeds.request_policies(&work.name);
    context.feeds.touch(&work.name);
    enacted
}

/// Tags policies. A tag is there or not: whoever comes after a crash tags the rest.
///
/// # Errors
/// Why it cannot be done now, in words.
pub async fn tag(context: &Context, observed: &Observed, ids: &[String], key: &str, value: &str) -> Result<(), String> {
    let role = may_write(observed).map_err(|hold| hold.to_string())?;
    let mut work = Work::new(context, observed, &role);
    let found = Tags::new(context, observed, &[]);
    let tags = BTreeMap::from([(key.to_owned(), value.to_owned())]);
    for id in ids {
        if let Some(Because::Tag { until, .. }) = found.hold_of(id).await.map_err(|error| error.message)? {
            return Err(format!("the tag {HOLD_TAG} of {id} stops every write there until {until}"));
        }
        let (organization, object) = (work.name.clone(), Object::Policy(id));
        let guard = Guard { context, organization: &organization, tags: &found, object, stands: &|| Ok(()) };
        work.tag(id, &tags, &guard).await.map_err(|error| error.message)?;
        tracing::info!(policy = %id, key, value, "tagged");
    }
    context.feeds.request_policies(&work.name);
    Ok(())
}

/// Why nothing at all may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A person said so.
    HoldWrites,
    /// There is no role to write with.
    NoWriteRole,
}

impl fmt::Display for Hold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::HoldWrites => "spec.guardrails.holdWrites of the AwsOrganization is true",
            Self::NoWriteRole => "the AwsOrganization has no spec.organizations.writeRole",
        })
    }
}

/// The role that writes.
///
/// # Errors
/// Why nothing may be written.
pub fn may_write(observed: &Observed) -> Result<Role, Hold> {
    if observed.object.spec.guardrails.hold_writes {
        return Err(Hold::HoldWrites);
    }
    observed.write_role().ok_or(Hold::NoWriteRole)
}

struct Work<'a> {
    context: &'a Context,
    observed: &'a Observed,
    name: String,
    writer: Arc<dyn PolicyWriter>,
    directory: Arc<dyn Directory>,
    /// Ids of policies created in this run, by name.
    created: BTreeMap<String, String>,
    /// Tags of policies that were tagged in this run, by id.
    tagged: BTreeMap<String, NewTags>,
}

impl<'a> Work<'a> {
    fn new(context: &'a Context, observed: &'a Observed, role: &Role) -> Self {
        let name = kube::ResourceExt::name_any(&observed.object);
        let read_role = observed.object.spec.organizations.role.as_ref();
        let read_role = read_role.map(|role| Role { arn: role.arn.clone(), external_id: role.external_id.clone() });
        Self {
            context,
            observed,
            writer: context.aws.policy_writer(role),
            directory: context.aws.directory(read_role.as_ref()),
            created: BTreeMap::new(),
            tagged: BTreeMap::new(),
            name,
        }
    }

    /// Does a step, unless a tag keeps it back: then it says which.
    async fn perform(
        &mut self,
        step: &Step,
        tags: &Tags<'_>,
        stands: &Stands<'_>,
    ) -> Result<Option<Because>, AwsError> {
        let held = tags.hold(step).await?;
        if held.is_some() {
            return Ok(held);
        }
        match self.write(step, tags, stands).await {
            // Somebody may have put a tag there while it was tried.
            Err(error) if error.is(NOT_PERMITTED) => tags.hold(step).await?.map(Some).ok_or(error),
            result => result.map(|()| None),
        }
    }

    async fn write(&mut self, step: &Step, tags: &Tags<'_>, stands: &Stands<'_>) -> Result<(), AwsError> {
        let name = self.name.clone();
        let guard = Guard { context: self.context, organization: &name, tags, object: Object::Step(step), stands };
        match step {
            Step::Adopt { id, tags, .. } => self.tag(id, tags, &guard).await,
            Step::Create { policy, .. } => self.create(policy, &guard).await,
            Step::Update { id, policy, .. } => {
                self.writer.update_policy(id, &new_policy(policy), &guard).await?;
                self.remember(id, policy);
                Ok(())
            }
            Step::Attach { policy, target, .. } => {
                let id = self.resolve(policy)?;
                self.writer.attach_policy(&id, &target.id.0, &guard).await?;
                self.push(Effect::Attached { id, target: target.id.0.clone() });
                Ok(())
            }
            Step::Detach { id, target, .. } => {
                self.writer.detach_policy(id, &target.0, &guard).await?;
                self.push(Effect::Detached { id: id.clone(), target: target.0.clone() });
                Ok(())
            }
            Step::Delete { id, .. } => {
                self.writer.delete_policy(id, &guard).await?;
                self.push(Effect::Deleted { id: id.clone() });
                Ok(())
            }
        }
    }

    async fn tag(&mut self, id: &str, tags: &NewTags, guard: &Guard<'_>) -> Result<(), AwsError> {
        self.writer.tag_policy(id, tags, guard).await?;
        if let Some(found) = self.observed.taken(id) {
            let mut policy = Policy { targets: std::collections::BTreeSet::new(), ..found.clone() };
            policy.tags.extend(tags.clone());
            self.tagged.insert(id.to_owned(), policy.tags.clone());
            self.push(Effect::Policy { id: id.to_owned(), policy, before: Some(found.clone()) });
        }
        Ok(())
    }

    async fn create(&mut self, policy: &PolicyBody, guard: &Guard<'_>) -> Result<(), AwsError> {
        let id = match self.writer.create_policy(&new_policy(policy), guard).await {
            Ok(id) => id,
            // An earlier run created it and did not live to see the answer.
            Err(error) if error.is("DuplicatePolicyException") => self.read_back(policy, error).await?,
            Err(error) => return Err(error),
        };
        self.created.insert(policy.name.clone(), id.clone());
        self.remember(&id, policy);
        Ok(())
    }

    /// The policy of this name, if it is ours and says what is planned.
    async fn read_back(&self, planned: &PolicyBody, duplicate: AwsError) -> Result<String, AwsError> {
        let name = planned.name.as_str();
        let policies = self.directory.policies().await?;
        let Some(found) = policies.into_iter().find(|policy| policy.name == name) else { return Err(duplicate) };
        let tags = self.directory.policy_tags(&found.id).await?;
        let policy = Policy { name: found.name, aws_managed: found.aws_managed, tags, ..Policy::default() };
        if self.observed.owner.owns(&policy) {
            let content = self.directory.policy_content(&found.id).await?;
            let same =
                matches!((Document::parse(&content), Document::parse(&planned.content)), (Ok(a), Ok(b)) if a == b);
            if same {
                return Ok(found.id);
            }
            // What nobody looked at is not attached: the next plan brings it up to date first.
            let message = format!("policy {} exists and does not say what is planned: AWS is read again", found.id);
            return Err(AwsError { class: ErrorClass::Transient, code: "PolicyDiffers".to_owned(), message });
        }
        let message =
            format!("policy {} has our name {name} but not our tags: rename or delete it; it is not touched", found.id);
        Err(AwsError { class: ErrorClass::Terminal, code: "NameTaken".to_owned(), message })
    }

    fn resolve(&self, policy: &PolicyRef) -> Result<String, AwsError> {
        match policy {
            PolicyRef::ById(id) => Ok(id.clone()),
            PolicyRef::ByName(name) => self.created.get(name).cloned().ok_or_else(|| AwsError {
                class: ErrorClass::Transient,
                code: "NotCreatedYet".to_owned(),
                message: format!("policy {name} was not created in this run"),
            }),
        }
    }

    fn remember(&self, id: &str, policy: &PolicyBody) {
        let before = self.observed.taken(id);
        let policy = Policy {
            name: policy.name.clone(),
            aws_managed: false,
            content: policy.content.clone(),
            // An update leaves tags alone; what is read of them, or was written just now, stays true.
            tags: self.tagged.get(id).or_else(|| before.map(|found| &found.tags)).unwrap_or(&policy.tags).clone(),
            targets: std::collections::BTreeSet::new(),
        };
        self.push(Effect::Policy { id: id.to_owned(), policy, before: before.cloned() });
    }

    fn push(&self, effect: Effect) {
        let now = (self.context.now)();
        self.context.feeds.overlay(&self.name, |overlay| overlay.push(effect, now));
    }
}

fn new_policy(body: &PolicyBody) -> NewPolicy {
    NewPolicy {
        name: body.name.clone(),
        description: body.description.clone(),
        content: body.content.clone(),
        tags: body.tags.clone(),
    }
}
