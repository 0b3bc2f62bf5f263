//! What is allowed: the SCP language, its evaluation, and the plan of what to write. Pure: no IO, no clock.
//!
//! - [`mod@document`]: a policy document, typed, with nothing lost.
//! - [`mod@evaluate`]: what AWS would decide about a request, or that it cannot be known.
//! - [`mod@levels`]: the policies that hold for an account, from the root down.
//! - [`mod@protection`]: whether a guardrail is in force, by whosever policy.
//! - [`mod@cover`]: where to attach so that exactly the wanted accounts are affected.
//! - [`mod@plan`]: what to write for a whole organization.
//! - [`mod@gate`]: what of a plan may be written now.
//! - [`mod@window`]: when changes may be made.

pub mod condition;
mod context;
pub mod cover;
pub mod document;
pub mod evaluate;
pub mod gate;
pub mod inventory;
mod json;
pub mod levels;
mod pattern;
pub mod plan;
pub mod protection;
mod tree;
mod truth;
mod variables;
pub mod window;

pub use condition::Condition;
pub use cover::{CoverError, Selection, Target, TargetId, TargetKind, affected, cover};
pub use document::{Clause, Document, DocumentError, Effect, Statement};
pub use evaluate::{Decision, Level, LevelPolicy, Request, denied_by, evaluate};
pub use gate::{Approval, GateInput, MaxAffected, Verdict, Waiting, WaitingKind, gate};
pub use inventory::{Policy, PolicyInventory};
pub use levels::{Effective, ReadPolicies};
pub use plan::{
    Access, BaselinePlan, Call, Counts, Drift, Guarded, Limits, Mode, Owner, Plan, PlanInput, PolicyBody, PolicyRef,
    RETAINED_TAG, Refusal, SetInput, SetPlan, Step, plan,
};
pub use protection::protection;
pub use window::{Window, WindowError};
