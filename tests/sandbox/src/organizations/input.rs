//! Parameters of a call, checked as the service's model says.

use std::collections::BTreeMap;

use serde_json::Value;

use super::errors::{invalid, serialization};
use super::ids;
use super::policy_types::PolicyType;
use crate::call::ApiError;

/// What a text parameter must look like.
pub(super) struct Text {
    least: usize,
    most: usize,
    pattern: Option<fn(&str) -> bool>,
    reason: &'static str,
}

impl Text {
    const fn any(least: usize, most: usize) -> Self {
        Self { least, most, pattern: None, reason: "INVALID_PATTERN" }
    }

    const fn id(most: usize, pattern: fn(&str) -> bool) -> Self {
        Self { least: 0, most, pattern: Some(pattern), reason: "INVALID_PATTERN" }
    }

    fn check(&self, member: &str, text: &str) -> Result<(), ApiError> {
        let length = text.chars().count();
        if length > self.most {
            let message = format!("You provided a value for {member} that is longer than {} characters.", self.most);
            return Err(invalid("MAX_LENGTH_EXCEEDED", message));
        }
        if length < self.least {
            let message = format!("You provided a value for {member} that is shorter than {} characters.", self.least);
            return Err(invalid("MIN_LENGTH_EXCEEDED", message));
        }
        if self.pattern.is_some_and(|matches| !matches(text)) {
            let message = format!("You provided a value for {member} that does not match the required pattern.");
            return Err(invalid(self.reason, message));
        }
        Ok(())
    }
}

pub(super) const POLICY_ID: Text = Text::id(130, ids::is_policy);
pub(super) const PARENT_ID: Text = Text::id(100, ids::is_parent);
pub(super) const CHILD_ID: Text = Text::id(100, ids::is_child);
pub(super) const ROOT_ID: Text = Text::id(34, ids::is_root);
pub(super) const OU_ID: Text = Text::id(68, ids::is_ou);
pub(super) const ACCOUNT_ID: Text = Text::id(12, ids::is_account);
pub(super) const RESOURCE_ID: Text = Text::id(130, ids::is_taggable);
pub(super) const TARGET_ID: Text =
    Text { least: 0, most: 100, pattern: Some(ids::is_target), reason: "INVALID_PATTERN_TARGET_ID" };
pub(super) const NAME: Text = Text::any(1, 128);
pub(super) const DESCRIPTION: Text = Text::any(0, 512);
/// Length and content of policies are checked elsewhere, with errors of their own.
pub(super) const CONTENT: Text = Text::any(0, usize::MAX);
pub(super) const NEXT_TOKEN: Text = Text::any(0, 100_000);
const TAG_KEY: Text = Text::id(128, is_tag_text);
const TAG_VALUE: Text = Text::id(256, is_tag_text);

/// The parameters of one call.
pub(super) struct Input<'a>(pub(super) &'a Value);

impl<'a> Input<'a> {
    pub(super) fn optional(&self, member: &str, rule: &Text) -> Result<Option<&'a str>, ApiError> {
        let Some(value) = present(self.0, member) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| wrong_type(member, "a String"))?;
        rule.check(member, text)?;
        Ok(Some(text))
    }

    pub(super) fn required(&self, member: &str, rule: &Text) -> Result<&'a str, ApiError> {
        self.optional(member, rule)?.ok_or_else(|| missing(member))
    }

    /// `MaxResults`, 1 to 20; 20 when left out.
    pub(super) fn max_results(&self) -> Result<usize, ApiError> {
        let Some(value) = present(self.0, "MaxResults") else { return Ok(20) };
        match value.as_i64().ok_or_else(|| wrong_type("MaxResults", "an Integer"))? {
            ..=0 => Err(invalid("MIN_VALUE_EXCEEDED", "You provided a value for MaxResults that is smaller than 1.")),
            21.. => Err(invalid("MAX_VALUE_EXCEEDED", "You provided a value for MaxResults that is larger than 20.")),
            number => usize::try_from(number).map_err(|error| serialization(error.to_string())),
        }
    }

    pub(super) fn policy_type(&self, member: &str) -> Result<&'static PolicyType, ApiError> {
        let name = self.required(member, &Text::any(0, usize::MAX))?;
        PolicyType::named(name).ok_or_else(|| {
            invalid("INVALID_ENUM_POLICY_TYPE", format!("You specified an invalid policy type string for {member}."))
        })
    }

    /// One of a few words.
    pub(super) fn word(&self, member: &str, words: &[&'static str]) -> Result<&'static str, ApiError> {
        let text = self.required(member, &Text::any(0, usize::MAX))?;
        let known = words.iter().find(|word| **word == text).copied();
        known.ok_or_else(|| invalid("INVALID_ENUM", format!("You specified an invalid value for {member}.")))
    }

    /// `Tags`: valid keys and values, no key twice.
    pub(super) fn tags(&self) -> Result<Option<BTreeMap<String, String>>, ApiError> {
        let Some(value) = present(self.0, "Tags") else { return Ok(None) };
        let mut tags = BTreeMap::new();
        for tag in value.as_array().ok_or_else(|| wrong_type("Tags", "a List"))? {
            let tag = Self(tag);
            let (key, value) = (tag.required("Key", &TAG_KEY)?, tag.required("Value", &TAG_VALUE)?);
            check_tag_key(key)?;
            if tags.insert(key.to_owned(), value.to_owned()).is_some() {
                let message = "Tag keys must be unique among the tags attached to the same entity.";
                return Err(invalid("DUPLICATE_TAG_KEY", message));
            }
        }
        Ok(Some(tags))
    }

    /// `TagKeys`.
    pub(super) fn tag_keys(&self) -> Result<Vec<&'a str>, ApiError> {
        let keys = present(self.0, "TagKeys").ok_or_else(|| missing("TagKeys"))?;
        let keys = keys.as_array().ok_or_else(|| wrong_type("TagKeys", "a List"))?;
        let key = |value: &'a Value| {
            let key = value.as_str().ok_or_else(|| wrong_type("TagKeys", "a String"))?;
            TAG_KEY.check("TagKeys", key)?;
            check_tag_key(key).map(|()| key)
        };
        keys.iter().map(key).collect()
    }
}

fn present<'a>(input: &'a Value, member: &str) -> Option<&'a Value> {
    input.get(member).filter(|value| !value.is_null())
}

fn missing(member: &str) -> ApiError {
    invalid("INPUT_REQUIRED", format!("You must include a value for all required parameters: {member}."))
}

fn wrong_type(member: &str, wanted: &str) -> ApiError {
    serialization(format!("The value of {member} can not be converted to {wanted}"))
}

fn check_tag_key(key: &str) -> Result<(), ApiError> {
    if key.is_empty() {
        return Err(invalid("MIN_LENGTH_EXCEEDED", "You provided a tag key that is shorter than 1 character."));
    }
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        return Err(invalid("INVALID_SYSTEM_TAGS_PARAMETER", "You specified a tag key that is a system tag."));
    }
    Ok(())
}

/// Letters, spaces, numbers and `_.:/=+-@`.
fn is_tag_text(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c))
}
