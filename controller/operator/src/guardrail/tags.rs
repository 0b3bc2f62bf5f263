//! Holds by a tag in AWS. Tags of roots, units and accounts are many and seldom change, so they are read only of what is about to be
//! written, and right before it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use soc2_aws::{AwsError, Directory, Role};
use soc2_crds::HoldStatus;
use soc2_guardrails::hold::{HOLD_TAG, Hold, places, read_tag};
use soc2_guardrails::{Because, Step};

use super::observe::Observed;
use crate::context::Context;
use crate::kubernetes::conditions::time;

/// Reason of such a hold.
pub const BY_TAG: &str = "HeldByTag";
/// Between two writes a reading need not be newer than this.
const FRESH: Duration = Duration::from_secs(5);
/// So long after its end a hold is remembered, so that the same tag does not hold twice.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Most holds that are remembered.
const MOST: usize = 50;

/// Reads the tags of what steps write to.
pub struct Tags<'a> {
    observed: &'a Observed,
    directory: Arc<dyn Directory>,
    now: Timestamp,
    /// What is on record.
    known: &'a [HoldStatus],
    read: Mutex<BTreeMap<String, (Instant, Option<String>)>>,
}

impl<'a> Tags<'a> {
    /// Reads with the role that reads the organization. `known` is what is on record of holds.
    pub fn new(context: &Context, observed: &'a Observed, known: &'a [HoldStatus]) -> Self {
        let role = observed.object.spec.organizations.role.as_ref();
        let role = role.map(|role| Role { arn: role.arn.clone(), external_id: role.external_id.clone() });
        let directory = context.aws.directory(role.as_ref());
        Self { observed, directory, now: (context.now)(), known, read: Mutex::default() }
    }

    /// The hold that keeps a step back, if there is one.
    ///
    /// # Errors
    /// When the tags cannot be read: then nobody knows, and nothing is written.
    pub async fn hold(&self, step: &Step) -> Result<Option<Because>, AwsError> {
        for id in places(step, &self.observed.inventory, &self.observed.organization) {
            if let Some(held) = self.hold_of(&id).await? {
                return Ok(Some(held));
            }
        }
        Ok(None)
    }

    /// Whether any of these steps may be done. One whose tags cannot be read may not.
    pub async fn let_any_through(&self, steps: &[Step]) -> bool {
        for step in steps {
            match self.hold(step).await {
                Ok(None) => return true,
                Ok(Some(_)) => {}
                Err(_) => return false,
            }
        }
        false
    }

    /// The hold that keeps writes to one thing back, if there is one.
    ///
    /// # Errors
    /// When its tags cannot be read.
    pub async fn hold_of(&self, id: &str) -> Result<Option<Because>, AwsError> {
        let Some(value) = self.value(id).await? else { return Ok(None) };
        let on = id.to_owned();
        Ok(match self.meaning(id, &value) {
            Hold::Until(until) => Some(Because::Tag { on, until, cut: false }),
            Hold::Cut(until) => Some(Because::Tag { on, until, cut: true }),
            Hold::Over | Hold::NotUnderstood => None,
        })
    }

    fn meaning(&self, id: &str, value: &str) -> Hold {
        let same = |hold: &&HoldStatus| hold.on == id && hold.tag.as_deref() == Some(value);
        let known = self.known.iter().find(same).map(|hold| hold.until.0);
        read_tag(value, known, self.now)
    }

    async fn value(&self, id: &str) -> Result<Option<String>, AwsError> {
        if let Some((at, value)) = self.entries().get(id)
            && at.elapsed() < FRESH
        {
            return Ok(value.clone());
        }
        let value = match self.directory.tags(id).await {
            Ok(mut tags) => tags.remove(HOLD_TAG),
            // What does not show yet, or not any more, has no tag.
            Err(error) if error.is("TargetNotFound") => None,
            Err(error) => return Err(error),
        };
        self.entries().insert(id.to_owned(), (Instant::now(), value.clone()));
        Ok(value)
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (Instant, Option<String>)>> {
        // Whole entries come and go.
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be on record of holds by tags from now on.
    #[must_use]
    pub fn on_record(&self) -> Vec<HoldStatus> {
        let read = self.entries();
        let is_there = |hold: &&HoldStatus| {
            let remembered = hold.until.0.checked_add(REMEMBERED).is_ok_and(|end| end > self.now);
            hold.reason == BY_TAG && remembered && !read.contains_key(&hold.on)
        };
        let mut holds: Vec<HoldStatus> = self.known.iter().filter(is_there).cloned().collect();
        for (id, value) in read.iter().filter_map(|(id, (_, value))| Some((id, value.as_ref()?))) {
            let before = self.known.iter().find(|hold| hold.on == *id && hold.tag.as_ref() == Some(value));
            let now = match self.meaning(id, value) {
                Hold::Until(until) | Hold::Cut(until) => Some(time(until)),
                Hold::Over | Hold::NotUnderstood => before.map(|hold| hold.until.clone()),
            };
            holds.extend(now.map(|until| HoldStatus {
                on: id.clone(),
                reason: BY_TAG.to_owned(),
                until,
                tag: Some(value.clone()),
                by: None,
            }));
        }
        holds.sort_by(|left, right| (&right.until.0, &left.on).cmp(&(&left.until.0, &right.on)));
        holds.truncate(MOST);
        holds
    }

    /// Tags that nobody can understand, in words.
    #[must_use]
    pub fn not_understood(&self) -> BTreeSet<String> {
        let read = self.entries();
        let tagged = read.iter().filter_map(|(id, (_, value))| Some((id, value.as_ref()?)));
        let bad = tagged.filter(|(id, value)| self.meaning(id, value) == Hold::NotUnderstood);
        let words = |(id, value): (&String, &String)| {
            format!(
                "the tag {HOLD_TAG} of {id} holds nothing, because {value:?} is no time: write it as {}",
                time(self.now.saturating_add(SignedDuration::from_hours(4)).unwrap_or(self.now)).0
            )
        };
        bad.map(words).collect()
    }
}
