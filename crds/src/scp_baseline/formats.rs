//! Formats of what a guardrail says. Values that may be one or a list have no type that a schema can say: whoever uses them
//! checks them and names the field.

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::schema::{list, set, text};

/// Most condition keys of an operator, and of an example.
const MOST_KEYS: u32 = 32;

/// One line of text.
pub(crate) fn title(_: &mut SchemaGenerator) -> Schema {
    text(
        256,
        r"self.matches('^\\S[^\\n]*$') && self.trim().size() >= 5",
        "must be one line of at least 5 characters: people read it",
    )
}

/// Where something comes from, or what it is for.
pub(crate) fn source(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": 1024 })
}

/// Sentences, at least one.
pub(crate) fn caveats(_: &mut SchemaGenerator) -> Schema {
    list(16, &json_schema!({ "type": "string", "minLength": 1, "maxLength": 1024 }))
}

/// Ids of controls, at least one.
pub(crate) fn controls(_: &mut SchemaGenerator) -> Schema {
    let item = json_schema!({ "type": "string", "maxLength": 64, "pattern": "^[A-Za-z][A-Za-z0-9]*[.][0-9]{1,5}$" });
    set(64, &item, "must not name a control twice")
}

/// Name of a parameter.
pub(crate) fn parameter_name(_: &mut SchemaGenerator) -> Schema {
    text(
        63,
        "self.matches('^[a-z][A-Za-z0-9]*$')",
        "must be the name of a parameter: letters and digits, a lower-case letter first, such as allowedRegions",
    )
}

/// Values of parameters, by name.
pub(crate) fn parameter_values(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 16,
        "additionalProperties": { "x-kubernetes-preserve-unknown-fields": true },
    })
}

/// A value or a list of values.
pub(crate) fn any_value(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}

/// Id of a statement, as IAM has it.
pub(crate) fn sid(_: &mut SchemaGenerator) -> Schema {
    text(64, "self.matches('^[A-Za-z0-9]+$')", "must be letters and digits, such as DenyPublicSnapshot")
}

/// Patterns over actions, at least one.
pub(crate) fn actions(_: &mut SchemaGenerator) -> Schema {
    list(256, &json_schema!({ "type": "string", "maxLength": 128, "pattern": "^([*]|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$" }))
}

/// Patterns over ARNs, or parameters, at least one.
pub(crate) fn resources(_: &mut SchemaGenerator) -> Schema {
    let pattern = "^([*]|arn:[!-~]+|[$][{][a-z][A-Za-z0-9]*[}])$";
    list(64, &json_schema!({ "type": "string", "maxLength": 2048, "pattern": pattern }))
}

/// Patterns over ARNs of principals, or parameters, at least one.
pub(crate) fn exempt(_: &mut SchemaGenerator) -> Schema {
    let pattern = "^(arn:[!-~]+|[$][{][a-z][A-Za-z0-9]*[}])$";
    list(32, &json_schema!({ "type": "string", "maxLength": 700, "pattern": pattern }))
}

/// Conditions: operator, key, values.
pub(crate) fn condition(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 16,
        "additionalProperties": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": MOST_KEYS,
            "additionalProperties": { "x-kubernetes-preserve-unknown-fields": true },
        },
    })
}

/// Condition keys with their values.
pub(crate) fn context(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": MOST_KEYS,
        "additionalProperties": { "x-kubernetes-preserve-unknown-fields": true },
    })
}

/// One action, no pattern. Of examples there are many in one object: a pattern costs nothing of the CEL budget.
pub(crate) fn call(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": 128, "pattern": "^[A-Za-z0-9-]+:[A-Za-z0-9]+$" })
}

/// ARN of one principal.
pub(crate) fn caller(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": 2048, "pattern": "^arn:[a-z-]+:(iam|sts)::[0-9]{12}:[!-~]+$" })
}

/// ARN of one resource, `*`, or a parameter.
pub(crate) fn resource(_: &mut SchemaGenerator) -> Schema {
    let pattern = "^([*]|arn:[!-~]+|[$][{][a-z][A-Za-z0-9]*[}])$";
    json_schema!({ "type": "string", "maxLength": 2048, "pattern": pattern })
}
