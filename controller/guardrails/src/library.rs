//! The library of guardrails: from what an entry says, what a set tells it, and who is exempt, to a policy document.
//!
//! | module | what |
//! |---|---|
//! | `parameters` | typed values of parameters, checked |
//! | `principals` | patterns over principals, who is exempt, and from where that follows |
//! | `compile` | statements with parameters and exemptions put in, as minified JSON |
//! | `examples` | the calls of an entry, made concrete, and whether a document decides them as the entry says |
//! | `findings` | what the lint finds in a policy that must not be written |
//! | `baseline` | an `ScpBaseline` object as an entry, or all that is wrong with it |
//!
//! # Exemptions
//! An exempt principal is left out of a deny by `ArnNotLike` on `aws:PrincipalArn`. For a session AWS puts the ARN of the role
//! there, with its path and without the session's name, for a user the user's, for the root user that of the root; so a
//! pattern names a role or a user, and one for `sts` assumed roles would match nothing. The key is in every signed request of
//! a principal in the organization. Where it is absent (requests of AWS services, and anonymous ones, neither of which
//! service control policies affect) a negated operator holds, so that the deny applies; `ArnNotLikeIfExists` would decide the
//! same and costs eight characters more. A service that calls with a principal's session has that principal's ARN there.

mod baseline;
mod compile;
mod examples;
mod findings;
mod parameters;
mod principals;
mod stricter;

pub use baseline::read_baseline;
pub use compile::{CompileError, CompiledBaseline, compile};
pub use examples::{Call, Proof, proof, wrong_example};
pub use findings::lint_errors;
pub use parameters::{ParameterError, Parameters, meant};
pub use principals::{
    BadPattern, Exemptions, accepted, check_pattern, exempt_by_organization, landing_zone, landing_zone_of,
};
pub(crate) use stricter::differences;

/// The guardrail that every plan with exemptions contains.
pub const PROTECT_EXEMPT: &str = "protect-exempt-principals";
