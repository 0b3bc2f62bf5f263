//! Conditions: texts compared, as they stand or with wildcards, one or many at a time.

use anyhow::{Context as _, anyhow, ensure};
use serde_json::Value;

use super::Context;
use super::document::{object, texts};
use super::pattern::matches;

/// Keys that a request may carry. Those that end in `/` go on with the key of a tag.
const KEYS: [&str; 4] = ["organizations:policytype", "aws:tagkeys", "aws:requesttag/", "aws:resourcetag/"];
/// The one of them that has many values.
const MANY: &str = "aws:tagkeys";

/// How the values of a request count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    /// There is one, and it must match.
    One,
    /// At least one must match.
    Any,
    /// None may fail to match; it holds where there are none.
    All,
}

/// One operator with one key: any of the values will do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Condition {
    count: Count,
    wildcards: bool,
    key: String,
    values: Vec<String>,
}

impl Condition {
    /// All conditions of a statement; errors name the field.
    pub(super) fn read(block: &Value) -> anyhow::Result<Vec<Self>> {
        let mut conditions = Vec::new();
        for (operator, keys) in object(block)? {
            for (key, values) in object(keys).with_context(|| operator.clone())? {
                let condition = Self::one(operator, key, values).with_context(|| format!("{operator}.{key}"))?;
                conditions.push(condition);
            }
        }
        ensure!(!conditions.is_empty(), "holds no condition");
        Ok(conditions)
    }

    fn one(operator: &str, key: &str, values: &Value) -> anyhow::Result<Self> {
        let (count, plain) = match operator.split_once(':') {
            Some(("ForAllValues", plain)) => (Count::All, plain),
            Some(("ForAnyValue", plain)) => (Count::Any, plain),
            _ => (Count::One, operator),
        };
        let wildcards = match plain {
            "StringEquals" => false,
            "StringLike" => true,
            _ => return Err(anyhow!("aws-sandbox does not know the operator {operator}")),
        };
        let key = key.to_ascii_lowercase();
        let tag = |known: &str| known.ends_with('/') && key.len() > known.len() && key.starts_with(known);
        let known = KEYS.iter().any(|known| key == *known && !known.ends_with('/') || tag(known));
        ensure!(known, "aws-sandbox does not know the key");
        ensure!(
            (count == Count::One) != (key == MANY),
            "a key with many values, and no other, needs ForAllValues or ForAnyValue"
        );
        Ok(Self { count, wildcards, key, values: texts(values)? })
    }

    /// Whether it holds for a request.
    pub(super) fn holds(&self, context: &Context) -> bool {
        let given = context.get(&self.key).map_or(&[][..], Vec::as_slice);
        let fits = |value: &String| {
            self.values.iter().any(|wanted| if self.wildcards { matches(wanted, value) } else { wanted == value })
        };
        match self.count {
            Count::One | Count::Any => given.iter().any(fits),
            Count::All => given.iter().all(fits),
        }
    }
}
