//! What is the same in the schemas of all kinds: formats with the message that a person gets, and their tidying.
//!
//! A format is a CEL rule with a message that says what is allowed, and not a `pattern`, of which the API server shows
//! only the regular expression. Items of long or deeply nested lists have a `pattern` all the same: it costs nothing of
//! the CEL budget, and the API server names the item.

mod guardrails;
mod owners;
mod tidy;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

pub(crate) use guardrails::*;
pub(crate) use owners::*;
pub(crate) use tidy::tidy;

/// A string of at most `max` characters for which `rule` holds.
pub(crate) fn text(max: u32, rule: &str, message: &str) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": max,
        "x-kubernetes-validations": [{ "rule": rule, "message": message }],
    })
}

/// A list of 1 to `max` strings. Lists are atomic: whoever applies one says all of it.
pub(crate) fn list(max: u32, item: &Schema) -> Schema {
    json_schema!({ "type": "array", "minItems": 1, "maxItems": max, "items": item })
}

/// A list of 1 to `max` different strings. A rule and not a list type `set`, of which a server-side apply says only
/// "duplicate entries for key".
pub(crate) fn set(max: u32, item: &Schema, message: &str) -> Schema {
    let mut schema = list(max, item);
    schema.insert(
        "x-kubernetes-validations".to_owned(),
        json!([{ "rule": "self.all(one, self.exists_one(other, other == one))", "message": message }]),
    );
    schema
}

/// Name of another object: it becomes a label.
pub(crate) fn object_name(_: &mut SchemaGenerator) -> Schema {
    text(
        63,
        "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
        "must be the name of an object: lower-case letters, digits, '-' and '.', such as acme",
    )
}

/// Value of the owner tag; part of the names of policies.
pub(crate) fn owner_id(_: &mut SchemaGenerator) -> Schema {
    text(
        63,
        "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
        "must be lower-case letters, digits, '-' and '.', and begin and end with a letter or digit, such as acme",
    )
}

/// ARN of an IAM role in any partition.
pub(crate) fn role_arn(_: &mut SchemaGenerator) -> Schema {
    text(
        640,
        "self.matches('^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/([!-~]+/)?[A-Za-z0-9+=,.@_-]{1,64}$')",
        "must be the ARN of an IAM role, such as arn:aws:iam::111111111111:role/soc2-read",
    )
}

/// Name of an IAM role, with its path.
pub(crate) fn role_name(_: &mut SchemaGenerator) -> Schema {
    text(
        576,
        "self.matches('^([A-Za-z0-9+=,.@_-]+/)*[A-Za-z0-9+=,.@_-]{1,64}$')",
        "must be the name of an IAM role, not its ARN, such as soc2-read or audit/soc2-read",
    )
}

/// External id of a trust policy.
pub(crate) fn external_id(_: &mut SchemaGenerator) -> Schema {
    text(
        1224,
        "self.matches('^[A-Za-z0-9_+=,.@:/-]{2,}$')",
        "must be 2 to 1224 letters, digits and characters of _+=,.@:/-",
    )
}

/// Name of a source: label of metrics.
pub(crate) fn source_name(_: &mut SchemaGenerator) -> Schema {
    text(
        63,
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "must be the name of a source: lower-case letters, digits and '-', such as main",
    )
}

/// Name of an AWS Region.
pub(crate) fn region(_: &mut SchemaGenerator) -> Schema {
    text(
        32,
        "self.matches('^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$')",
        "must be the name of an AWS Region, such as eu-west-1",
    )
}

/// Different Regions, at least one.
pub(crate) fn regions(generator: &mut SchemaGenerator) -> Schema {
    set(32, &region(generator), "must not name a Region twice")
}

/// Account ids, at least one.
pub(crate) fn account_ids(_: &mut SchemaGenerator) -> Schema {
    list(500, &json_schema!({ "type": "string", "pattern": "^[0-9]{12}$" }))
}

/// Globs over account names, at least one.
pub(crate) fn account_names(_: &mut SchemaGenerator) -> Schema {
    list(100, &json_schema!({ "type": "string", "minLength": 1, "maxLength": 100 }))
}

/// Tags by key, at least one.
pub(crate) fn account_tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 20,
        "additionalProperties": { "type": "string", "maxLength": 256 },
    })
}

/// Names of organizational units from below the root.
pub(crate) fn unit_path(_: &mut SchemaGenerator) -> Schema {
    text(
        700,
        "self == '/' || self.matches('^[^/]+(/[^/]+){0,4}$')",
        "must be names of organizational units from below the root, joined by '/', such as Workloads/Prod; '/' alone is the root",
    )
}

/// Id of an organizational unit or root.
pub(crate) fn unit_id(_: &mut SchemaGenerator) -> Schema {
    text(
        68,
        "self.matches('^(r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32})$')",
        "must be the id of an organizational unit, such as ou-ab12-11111111, or of a root, such as r-ab12",
    )
}

/// Why something is so.
pub(crate) fn rationale(_: &mut SchemaGenerator) -> Schema {
    text(1024, "self.trim().size() >= 10", "must have at least 10 characters: auditors read it")
}

/// Id of a control, or a glob over ids.
pub(crate) fn control_glob(_: &mut SchemaGenerator) -> Schema {
    text(
        64,
        r"self.matches('^\\s*([A-Za-z0-9*?]+[.][0-9*?]+|[A-Za-z0-9.?]*[*][A-Za-z0-9.*?]*)\\s*$')",
        "must be the id of a Security Hub control, such as IAM.6, or a glob over ids, such as CloudWatch.*",
    )
}

/// Id of a criterion.
pub(crate) fn criterion(_: &mut SchemaGenerator) -> Schema {
    text(
        16,
        "self.matches('^(CC1[.][1-5]|CC2[.][1-3]|CC3[.][1-4]|CC4[.][12]|CC5[.][1-3]|CC6[.][1-8]|CC7[.][1-5]|CC8[.]1|CC9[.][12]|\
         A1[.][1-3]|C1[.][12]|PI1[.][1-5]|P1[.]1|P2[.]1|P3[.][12]|P4[.][1-3]|P5[.][12]|P6[.][1-7]|P7[.]1|P8[.]1)$')",
        "must be the id of a Trust Services criterion: CC1.1 to CC9.2, A1.1 to A1.3, C1.1, C1.2, PI1.1 to PI1.5, P1.1 to P8.1",
    )
}

/// Criteria, at least one.
pub(crate) fn criteria(generator: &mut SchemaGenerator) -> Schema {
    list(61, &criterion(generator))
}

/// Different Security Hub standards in their short spelling, at least one.
pub(crate) fn standards(_: &mut SchemaGenerator) -> Schema {
    set(16, &json_schema!({ "type": "string", "enum": crate::STANDARDS }), "must not name a standard twice")
}

/// Name of a guardrail: of the library, or of an `ScpBaseline`.
pub(crate) fn baseline_name(_: &mut SchemaGenerator) -> Schema {
    text(
        63,
        "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
        "must be the name of a guardrail of the library or of an ScpBaseline, such as deny-leave-org",
    )
}

/// Different guardrails of the library, or of objects, at least one.
pub(crate) fn guardrails(generator: &mut SchemaGenerator) -> Schema {
    set(64, &baseline_name(generator), "must not name a guardrail twice")
}

/// ARN patterns of IAM roles and users, at least one.
pub(crate) fn principal_patterns(_: &mut SchemaGenerator) -> Schema {
    set(
        32,
        &text(
            700,
            "self.matches('^arn:([*]|aws(-[a-z]+)*):iam::([*]|[0-9]{12}):(role|user)/[A-Za-z0-9+=,.@_*?-][A-Za-z0-9+=,.@_/*?-]*$') && \
             (!self.matches('/.*[*?]') || self.matches(':(role|user)/[A-Za-z0-9+=,.@_-]+/'))",
            "must be the ARN of an IAM role or user, such as arn:aws:iam::*:role/BreakGlass; where wildcards stand in its name, a \
             fixed path has to stand before them, as in arn:aws:iam::*:role/platform/*, or whoever can create a role is exempt",
        ),
        "must not name a pattern twice",
    )
}

/// A day.
pub(crate) fn day(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date" })
}

/// A duration in hours, minutes and seconds between two others.
pub(super) fn duration(min: &str, max: &str, example: &str) -> Schema {
    text(
        20,
        &format!(
            "self.matches('^([0-9]{{1,5}}h)?([0-9]{{1,5}}m)?([0-9]{{1,6}}s)?$') && self != '' && \
             duration(self) >= duration('{min}') && duration(self) <= duration('{max}')"
        ),
        &format!("must be a duration in hours, minutes and seconds from {min} to {max}, such as {example}"),
    )
}

/// How often something is done.
pub(crate) fn interval(_: &mut SchemaGenerator) -> Schema {
    duration("5s", "24h", "10m or 1h30m")
}

/// How often every finding is read.
pub(crate) fn sweep_interval(_: &mut SchemaGenerator) -> Schema {
    duration("5s", "168h", "12h or 1h30m")
}

/// How old evidence may be; Security Hub deletes what is older than 90 days.
pub(crate) fn freshness(_: &mut SchemaGenerator) -> Schema {
    duration("1h", "2160h", "36h")
}

/// How long an account is new.
pub(crate) fn onboarding(_: &mut SchemaGenerator) -> Schema {
    duration("0s", "2160h", "72h")
}
