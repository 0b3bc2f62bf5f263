//! What the gate let through and is left alone all the same, and why.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::plan::{PolicyRef, Step};

/// Why a step is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// A tag in AWS says so.
    Tag {
        /// Id of what has it.
        on: String,
        /// Until when.
        until: Timestamp,
        /// It says a later time than it may.
        cut: bool,
    },
    /// A break-glass principal made the difference.
    BreakGlass {
        /// Its ARN.
        who: String,
        /// Until when.
        until: Timestamp,
    },
    /// A person released the guardrail there.
    Release {
        /// Name of the release.
        name: String,
        /// Until when.
        until: Timestamp,
    },
    /// The same was put back too often.
    Fight {
        /// Since when it is left alone.
        since: Timestamp,
    },
    /// Events that tell who made the difference are still to be read.
    Unheard,
}

impl Because {
    /// When it passes by itself.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Tag { until, .. } | Self::BreakGlass { until, .. } | Self::Release { until, .. } => Some(*until),
            Self::Fight { .. } | Self::Unheard => None,
        }
    }
}

/// A step that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// The step.
    pub step: Step,
    /// Why.
    pub because: Because,
}

/// Splits steps into those that are done and those that are not. A policy that is not created cannot be attached.
#[must_use]
pub fn withhold(steps: Vec<Step>, why: impl Fn(&Step) -> Option<Because>) -> (Vec<Step>, Vec<Withheld>) {
    let (mut done, mut withheld): (Vec<Step>, Vec<Withheld>) = (Vec::new(), Vec::new());
    let mut not_created = BTreeSet::new();
    for step in steps {
        let because = why(&step).or_else(|| match &step {
            Step::Attach { policy: PolicyRef::ByName(name), .. } if not_created.contains(name) => {
                let created =
                    |found: &&Withheld| matches!(&found.step, Step::Create { policy, .. } if policy.name == *name);
                withheld.iter().find(created).map(|found| found.because.clone())
            }
            _ => None,
        });
        match because {
            None => done.push(step),
            Some(because) => {
                if let Step::Create { policy, .. } = &step {
                    not_created.insert(policy.name.clone());
                }
                withheld.push(Withheld { step, because });
            }
        }
    }
    (done, withheld)
}
