//! Formats of guardrail sets and approvals.

use schemars::{Schema, SchemaGenerator};

use super::{duration, text};

/// A number of accounts or a percentage.
pub(crate) fn max_affected_accounts(_: &mut SchemaGenerator) -> Schema {
    text(
        4,
        "self.matches('^([0-9]|[1-4][0-9]|50|([0-9]{1,2}|100)%)$')",
        "must be a number from 0 to 50 or a percentage, quoted, such as \"25\" or \"10%\"",
    )
}

/// How long drift is left alone.
pub(crate) fn revert_after(_: &mut SchemaGenerator) -> Schema {
    duration("0s", "168h", "0s or 30m")
}

/// How long AWS may take to enforce a write everywhere.
pub(crate) fn propagation_delay(_: &mut SchemaGenerator) -> Schema {
    duration("0s", "24h", "15m")
}

/// How long a window stays open.
pub(crate) fn window_duration(_: &mut SchemaGenerator) -> Schema {
    duration("1m", "168h", "4h")
}

/// A cron expression of five fields. What it means is checked by the operator and by `soc2ctl validate`.
pub(crate) fn cron(_: &mut SchemaGenerator) -> Schema {
    text(
        100,
        "self.matches('^[0-9A-Za-z*,/#?L-]+( +[0-9A-Za-z*,/#?L-]+){4}$')",
        "must be a cron expression of five fields (minute, hour, day of month, month, day of week), such as 0 2 * * SAT",
    )
}

/// A time zone of the IANA database.
pub(crate) fn time_zone(_: &mut SchemaGenerator) -> Schema {
    text(
        64,
        "self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$')",
        "must be a time zone of the IANA database, such as Europe/Berlin or UTC",
    )
}

/// Id of a policy in AWS Organizations.
pub(crate) fn policy_id(_: &mut SchemaGenerator) -> Schema {
    text(
        130,
        "self.matches('^p-[0-9a-zA-Z_]{8,128}$')",
        "must be the id of a policy in AWS Organizations, such as p-abc12345",
    )
}

/// Hash of a plan.
pub(crate) fn plan_hash(_: &mut SchemaGenerator) -> Schema {
    text(
        64,
        "self.matches('^[0-9a-f]{64}$')",
        "must be the whole hash of a plan, 64 hex digits, as status.plan.hash of the guardrail set has it",
    )
}

/// How long a wave has to be in place.
pub(crate) fn soak(_: &mut SchemaGenerator) -> Schema {
    duration("1s", "720h", "24h")
}

/// Name of an S3 bucket.
pub(crate) fn bucket(_: &mut SchemaGenerator) -> Schema {
    text(
        63,
        "self.matches('^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$')",
        "must be the name of an S3 bucket, such as acme-trail",
    )
}

/// Prefix of a trail in its bucket.
pub(crate) fn bucket_prefix(_: &mut SchemaGenerator) -> Schema {
    text(
        200,
        "self.matches('^[A-Za-z0-9!_.*()-]+(/[A-Za-z0-9!_.*()-]+)*$')",
        "must be names joined by '/', without one at the beginning or end, such as trails/audit",
    )
}

/// Where the files of a trail are.
pub(crate) fn trail_url(_: &mut SchemaGenerator) -> Schema {
    text(
        512,
        "self.matches('^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^ ]*)?|file:///[^ ]+)$')",
        "must be s3://bucket/prefix or file:///folder",
    )
}

/// Name of a guardrail, or all of them.
pub(crate) fn released_baseline(_: &mut SchemaGenerator) -> Schema {
    text(
        63,
        "self == '*' || self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
        "must be the name of a guardrail, such as deny-leave-org, or '*' for every one",
    )
}

/// Where a guardrail is released.
pub(crate) fn release_target(_: &mut SchemaGenerator) -> Schema {
    text(
        700,
        "self == '/' || self.matches('^[^/]+(/[^/]+){0,4}$')",
        "must be an account id, the id or path of an organizational unit, such as Workloads/Prod, or '/' for the root",
    )
}
