//! What is allowed: the SCP language, its evaluation, and the plan of what to write. Pure: no IO, no clock.
//!
//! - [`mod@document`]: a policy document, typed, with nothing lost.
//! - [`mod@evaluate`]: what AWS would decide about a request, or that it cannot be known.
//! - [`mod@levels`]: the policies that hold for an account, from the root down.
//! - [`mod@library`]: guardrails with parameters and exemptions, compiled to documents.
//! - [`mod@protection`]: whether a guardrail is in force, by whosever policy.
//! - [`mod@cover`]: where to attach so that exactly the wanted accounts are affected.
//! - [`mod@plan`]: what to write for a whole organization.

pub mod condition;
mod context;
pub mod cover;
pub mod document;
pub mod evaluate;
pub mod inventory;
mod json;
pub mod levels;
pub mod library;
mod pattern;
pub mod plan;
pub mod protection;
mod tree;
mod truth;
mod variables;

pub use condition::Condition;
pub use cover::{CoverError, Selection, Target, TargetId, TargetKind, affected, cover};
pub use document::{Clause, Document, DocumentError, Effect, Statement};
pub use evaluate::{Decision, Level, LevelPolicy, Request, denied_by, evaluate};
pub use inventory::{Policy, PolicyInventory};
pub use levels::{Effective, ReadPolicies};
pub use library::{Exemptions, Parameters};
pub use plan::{
    BaselinePlan, Drift, Limits, Mode, Owner, Plan, PlanInput, PolicyBody, PolicyRef, Refusal, SetInput, SetPlan, Step,
    plan,
};
pub use protection::protection;
