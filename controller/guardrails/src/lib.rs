//! What is allowed: the SCP language, its evaluation, and the plan of what to write. Pure: no IO, no clock.
//!
//! - [`mod@document`]: a policy document, typed, with nothing lost.
//! - [`mod@evaluate`]: what AWS would decide about a request, or that it cannot be known.
//! - [`mod@explain`]: why each statement applies to a request, or does not.
//! - [`mod@levels`]: the policies that hold for an account, from the root down.
//! - [`mod@lint`]: what is wrong with a policy document.
//! - [`mod@library`]: guardrails with parameters and exemptions, compiled to documents.
//! - [`mod@protection`]: whether a guardrail is in force, by whosever policy.
//! - [`mod@cover`]: where to attach so that exactly the wanted accounts are affected.
//! - [`mod@pack`]: as few policies and characters as can be, without changing a decision.
//! - [`mod@declared`]: from what people declare to what a plan is made from.
//! - [`mod@plan`]: what to write for a whole organization.
//! - [`mod@gate`]: what of a plan may be written now.
//! - [`mod@rollout`]: which wave of a plan comes next.
//! - [`mod@cloudtrail`]: the calls that CloudTrail recorded.
//! - [`mod@restraint`]: what of that is left alone all the same: [`mod@hold`], [`mod@release`], [`mod@fight`].
//! - [`mod@deed`]: who changed something.
//! - [`mod@window`]: when changes may be made.

mod call;
pub mod cloudtrail;
pub mod condition;
pub mod cover;
pub mod declared;
pub mod deed;
pub mod document;
pub mod evaluate;
pub mod explain;
pub mod fight;
pub mod gate;
pub mod hold;
pub mod inventory;
mod json;
pub mod levels;
pub mod library;
pub mod lint;
pub mod pack;
mod pattern;
pub mod plan;
pub mod protection;
pub mod release;
pub mod restraint;
pub mod rollout;
mod rule;
mod tree;
mod truth;
mod variables;
pub mod window;

pub use condition::Condition;
pub use cover::{CoverError, Selection, Target, TargetId, TargetKind, affected, cover};
pub use deed::{Deed, responsible};
pub use document::{Clause, Document, DocumentError, Effect, Statement};
pub use evaluate::{Decision, Level, LevelPolicy, Request, Verdict, denied_by, evaluate, verdict};
pub use explain::{Part, Reason, explain};
pub use gate::{Approval, Begun, Clearance, GateInput, MaxAffected, Waiting, WaitingKind, gate};
pub use inventory::{Policy, PolicyInventory};
pub use levels::{Effective, ReadPolicies};
pub use library::{Exemptions, Parameters};
pub use pack::{PackInput, Packing, minify, pack};
pub use plan::{
    Access, BaselinePlan, CLUSTER_TAG, Call, Counts, Drift, Good, Guarded, Limits, Mode, OWNER_TAG, Owner, Plan,
    PlanInput, PolicyBody, PolicyRef, RETAINED_TAG, Refusal, RolloutPlan, STAGED_TAG, SetInput, SetPlan, Shared, Step,
    WavePlan, Waves, plan, staged,
};
pub use protection::protection;
pub use release::{Ground, Release, Ruling};
pub use restraint::{Because, Withheld, withhold};
pub use window::{Window, WindowError};
