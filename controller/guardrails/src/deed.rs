//! Who changed something in the organization, as CloudTrail tells it.

use jiff::{SignedDuration, Timestamp};

use crate::pattern;
use crate::plan::Drift;

/// A difference may be found later than it was made, but hardly by more than this.
const FOUND_WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// A successful call that changed the organization.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// The operation, such as `DetachPolicy`.
    pub call: String,
    /// ARN of the caller: a user, or the session of a role.
    pub by: String,
    /// ARN of the role of a session.
    pub role: Option<String>,
    /// The policy that it was about.
    pub policy: Option<String>,
    /// The root, unit or account that it was about.
    pub target: Option<String>,
}

impl Deed {
    /// Whether the caller is one whom a pattern over ARNs of roles and users matches.
    #[must_use]
    pub fn is_by(&self, patterns: &[String]) -> bool {
        let arn = self.role.as_ref().unwrap_or(&self.by);
        patterns.iter().any(|pattern| pattern::matches(pattern, arn))
    }

    /// Whether it can have made a difference. `carrier` is the policy that carried the baseline before.
    fn made(&self, drift: &Drift, carrier: Option<&str>) -> bool {
        let (call, about) = (self.call.as_str(), self.policy.as_deref());
        let at = |target: &str| self.target.as_deref() == Some(target);
        match drift {
            Drift::ScpDisabled { .. } => call == "DisablePolicyType",
            Drift::Missing { .. } => call == "DeletePolicy" && about.is_some() && about == carrier,
            Drift::Edited { policy, .. } | Drift::Renamed { policy, .. } => {
                call == "UpdatePolicy" && about == Some(policy)
            }
            Drift::Detached { policy, target, .. } => match call {
                "DetachPolicy" => about == Some(policy) && at(&target.id.0),
                "MoveAccount" | "CreateOrganizationalUnit" => at(&target.id.0),
                "DisablePolicyType" => true,
                _ => false,
            },
            Drift::Elsewhere { policy, target, .. } => call == "AttachPolicy" && about == Some(policy) && at(target),
            Drift::Foreign { .. } | Drift::Left { .. } | Drift::Staged { .. } => false,
            Drift::OtherCluster { policy, .. } => call == "TagResource" && about == Some(policy),
            Drift::Duplicate { other, .. } => matches!(call, "CreatePolicy" | "TagResource") && about == Some(other),
        }
    }
}

/// The newest call that can have made a difference that was found at `found`, and not before `in_place`, when there was none.
#[must_use]
pub fn responsible<'a>(
    drift: &Drift,
    carrier: Option<&str>,
    deeds: &'a [Deed],
    found: Timestamp,
    in_place: Option<Timestamp>,
) -> Option<&'a Deed> {
    let oldest = found.checked_sub(FOUND_WITHIN).ok().max(in_place);
    let lately = deeds.iter().filter(|deed| oldest.is_none_or(|oldest| deed.at >= oldest));
    lately.filter(|deed| deed.made(drift, carrier)).max_by_key(|deed| deed.at)
}
