//! What the guardrails crate promises, checked from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod baselines;
mod covers;
mod decision_properties;
mod decisions;
mod documents;
mod effective;
mod exemption_properties;
mod exemptions;
mod findings;
mod foreign;
mod gates;
mod library;
mod lints;
mod lockouts;
mod minify;
mod minify_properties;
mod model;
mod oracle;
mod oracle_properties;
mod packing;
mod packs;
mod parameters;
mod plan_properties;
mod plans;
mod protections;
mod refusals;
mod removals;
mod restraints;
mod rights;
mod rollouts;
mod separate;
mod shared_releases;
mod transitions;
mod variants;
