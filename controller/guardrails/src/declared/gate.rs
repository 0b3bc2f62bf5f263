//! What lets the changes of a guardrail set through.

use serde_json::json;
use soc2_crds::GuardrailSetSpec;

/// Approval, window and waves of a set, as one text: a change that one set's lets through is not let through by another's.
pub(super) fn gate(spec: &GuardrailSetSpec) -> String {
    json!([spec.approval, spec.max_affected_accounts, spec.window, spec.rollout]).to_string()
}
