//! The library of guardrails: service control policies, and what shows that they work.

use crate::control::ControlIx;

/// A guardrail that can be put in place as a service control policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guardrail {
    /// Name, such as `deny-leave-org`.
    pub name: String,
    /// What it does, in short.
    pub title: String,
    /// Criteria it serves: indexes into [`crate::Catalog::criteria`].
    pub criteria: Vec<usize>,
    /// Controls that detect what it prevents.
    pub controls: Vec<ControlIx>,
    /// The policy: JSON without a superfluous character, because AWS counts each.
    pub document: String,
    /// Why nobody is exempt from it, where exemptions would defeat it.
    pub no_exemption: Option<String>,
    /// Calls that it denies, whoever makes them; where all are denied, the guardrail is in force.
    pub denied: Vec<ExampleCall>,
    /// Calls that it leaves alone.
    pub allowed: Vec<ExampleCall>,
}

/// A call to AWS. What is not said here (principal, other context keys) is not known, not absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExampleCall {
    /// Action, such as `organizations:LeaveOrganization`.
    pub action: String,
    /// ARN of the resource, or `*` for an action without one.
    pub resource: String,
    /// The call in words.
    pub what: String,
}
