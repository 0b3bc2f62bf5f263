//! Formats of what owners write: waivers, attestations, and who may grant them.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::{control_glob, list, set, text};

/// Ids of controls, or globs over ids, at least one.
pub(crate) fn control_globs(generator: &mut SchemaGenerator) -> Schema {
    list(64, &control_glob(generator))
}

/// Ids of activities, at least one; that of a control that people answer for is one too.
pub(crate) fn activities(_: &mut SchemaGenerator) -> Schema {
    list(
        64,
        &json_schema!({ "type": "string", "maxLength": 64, "pattern": "^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$" }),
    )
}

/// Globs over ids of resources, at least one.
pub(crate) fn resource_globs(_: &mut SchemaGenerator) -> Schema {
    list(100, &json_schema!({ "type": "string", "minLength": 1, "maxLength": 1024 }))
}

/// Who is meant, as people can be found.
pub(crate) fn person(_: &mut SchemaGenerator) -> Schema {
    text(254, "self.trim().size() >= 3", "must say who, such as payments-team@example.com")
}

/// A URL or key of a ticket.
pub(crate) fn ticket(_: &mut SchemaGenerator) -> Schema {
    text(
        512,
        "self.matches('^[!-~]+$')",
        "must be a URL or a key without blanks, such as https://tickets.example.com/SEC-201 or SEC-201",
    )
}

/// Where a document is.
pub(crate) fn url(_: &mut SchemaGenerator) -> Schema {
    text(
        2048,
        "self.matches('^[a-z][a-z0-9+.-]*://[!-~]+$')",
        "must be a URL without blanks, such as s3://acme-evidence/2026-Q4/access-review.pdf",
    )
}

/// URL of an SQS queue.
pub(crate) fn queue_url(_: &mut SchemaGenerator) -> Schema {
    text(
        1024,
        "self.matches('^https?://[!-~]+/[0-9]{12}/[A-Za-z0-9_-]{1,80}([.]fifo)?$')",
        "must be the URL of an SQS queue, such as https://sqs.eu-west-1.amazonaws.com/222222222222/soc2",
    )
}

/// Digest of a file.
pub(crate) fn sha256(_: &mut SchemaGenerator) -> Schema {
    text(64, "self.matches('^[0-9A-Fa-f]{64}$')", "must be a SHA-256 digest: 64 hex digits, as sha256sum prints them")
}

/// Kind of a document, as a folder or a filter would call it.
pub(crate) fn evidence_type(_: &mut SchemaGenerator) -> Schema {
    text(63, "self.matches('^[A-Za-z][A-Za-z0-9-]*$')", "must be one word, such as AccessReview")
}

/// Name of something that is measured.
pub(crate) fn measurement_name(_: &mut SchemaGenerator) -> Schema {
    text(
        63,
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "must be lower-case letters, digits and '-', such as training",
    )
}

/// What was measured: a number, a percentage or a duration.
pub(crate) fn measured(_: &mut SchemaGenerator) -> Schema {
    text(
        24,
        "self.matches('^[0-9]{1,12}([.][0-9]{1,6})?%?$') || \
         self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && self != ''",
        "must be a number, a percentage or a duration, such as 12, 98.5% or 3h30m",
    )
}

/// Name of a namespace.
pub(crate) fn namespace(_: &mut SchemaGenerator) -> Schema {
    text(
        63,
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "must be the name of a namespace: lower-case letters, digits and '-', such as team-payments",
    )
}

/// How long a waiver may last.
pub(crate) fn waiver_duration(_: &mut SchemaGenerator) -> Schema {
    text(8, "self.matches('^([1-9][0-9]{0,2}d|[1-9][0-9]{0,3}h)$')", "must be days or hours, such as 30d or 720h")
}

/// Version of a catalogue.
pub(crate) fn catalog_version(_: &mut SchemaGenerator) -> Schema {
    text(
        32,
        "self.matches('^[0-9A-Za-z]([0-9A-Za-z.+-]*[0-9A-Za-z])?$')",
        "must be the version of a catalogue, such as 2026.11",
    )
}

/// How long a finding may be open.
pub(crate) fn finding_age(_: &mut SchemaGenerator) -> Schema {
    super::duration("1h", "8784h", "720h")
}

/// Different products, at least one.
pub(crate) fn products(_: &mut SchemaGenerator) -> Schema {
    set(
        4,
        &json_schema!({ "type": "string", "enum": ["GuardDuty", "Inspector", "Macie", "SecurityHub"] }),
        "must not name a product twice",
    )
}
