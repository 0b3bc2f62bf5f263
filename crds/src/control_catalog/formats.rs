//! Formats of what a catalogue says.

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::schema::text;

/// Id of one control, no glob. A pattern and not a rule: of these there are many in one object.
pub(crate) fn control_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": 64, "pattern": "^[A-Za-z][A-Za-z0-9]*[.][0-9]{1,5}$" })
}

/// Id of an activity.
pub(crate) fn activity_id(_: &mut SchemaGenerator) -> Schema {
    text(
        63,
        "self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "must be the id of an activity: lower-case letters, digits and '-', such as vendor-review",
    )
}

/// Who or what says that a control answers for a criterion.
pub(crate) fn source(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": 256, "pattern": "^\\S(.*\\S)?$" })
}

/// One line of text.
pub(crate) fn title(_: &mut SchemaGenerator) -> Schema {
    text(
        256,
        r"self.matches('^\\S[^\\n]*$') && self.trim().size() >= 5",
        "must be one line of at least 5 characters: people read it",
    )
}

/// AWS Config type of a resource.
pub(crate) fn resource_type(_: &mut SchemaGenerator) -> Schema {
    text(
        128,
        "self.matches('^[A-Za-z0-9]+::[A-Za-z0-9]*::[A-Za-z0-9]+(::[A-Za-z0-9]+)?$')",
        "must be an AWS Config type of resource, such as AWS::S3::Bucket",
    )
}

/// A glob that says something.
pub(crate) fn glob(_: &mut SchemaGenerator) -> Schema {
    text(
        512,
        "self.matches('[^*?]')",
        "must hold a character other than '*' and '?': what matches every finding is no control",
    )
}

/// A glob over products.
pub(crate) fn product(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = glob(generator);
    if let Some(rules) = schema.get_mut("x-kubernetes-validations").and_then(serde_json::Value::as_array_mut) {
        rules.push(serde_json::json!({
            "rule": "self != 'Security Hub' && !self.endsWith(':product/aws/securityhub')",
            "message": "must be another product than Security Hub: its findings are evidence of its own controls only",
        }));
    }
    schema
}
