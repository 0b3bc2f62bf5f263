//! The operator: watches what people declare, reads AWS, reports how things stand, keeps guardrails in place.
//!
//! One reconcile is one visible pipeline of verbs: observe, assess or plan, enact, report. What can be decided without IO
//! is decided in other crates; here is what needs Kubernetes and AWS.

pub mod app;
mod assessed;
pub mod baseline;
pub mod context;
pub mod control;
pub mod error;
pub mod feeds;
pub mod guardrail;
pub mod http;
pub mod kubernetes;
pub mod leads;
pub mod logging;
pub mod metrics;
pub mod organization;
pub mod owners;
pub mod postures;
pub mod profile;
pub mod published;
mod reasons;
pub mod settings;
mod startup;
mod triggers;
mod upkeep;
mod waiting;

/// Annotation by which a person asks for a reconcile now; echoed in `status.lastHandledReconcileAt`.
pub const REQUESTED_AT: &str = "soc2-operator.dev/requestedAt";

/// The token of the annotation, if there is one.
pub fn requested_at(object: &impl kube::ResourceExt) -> Option<String> {
    object.annotations().get(REQUESTED_AT).cloned()
}
