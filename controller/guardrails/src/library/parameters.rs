//! Typed values of parameters.

use std::collections::BTreeMap;

use serde_json::Value;
use soc2_catalog::Guardrail;
use soc2_crds::{AnyValue, BaselineParameter, ParameterType};

use super::principals::check_pattern;

/// What a set says of a guardrail, by name of parameter.
pub type Parameters = BTreeMap<String, AnyValue>;

/// How alike a name must be to one that there is, of 1, to be meant for it.
const ALIKE: f64 = 0.88;
/// Bounds of an integer that says nothing else.
const INTEGERS: (i64, i64) = (0, 1_000_000_000);

/// A parameter that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("baseline {guardrail}, parameter {parameter}: {message}")]
pub struct ParameterError {
    /// Name of the guardrail.
    pub guardrail: String,
    /// Name of the parameter.
    pub parameter: String,
    /// What is wrong with which value, and what is allowed.
    pub message: String,
}

/// Checked values of all parameters of a guardrail, as texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Values(pub(super) BTreeMap<String, Vec<String>>);

impl Values {
    /// The values of a set, and defaults for what it does not say.
    ///
    /// # Errors
    /// All that is wrong, in order of name.
    pub(super) fn check(guardrail: &Guardrail, given: &Parameters) -> Result<Self, Vec<ParameterError>> {
        let (mut values, mut errors) = (BTreeMap::new(), Vec::new());
        let error = |parameter: &str, message: String| ParameterError {
            guardrail: guardrail.name.clone(),
            parameter: parameter.to_owned(),
            message,
        };
        for name in given.keys().filter(|name| guardrail.parameter(name).is_none()) {
            errors.push(error(name, unknown(guardrail, name)));
        }
        for parameter in &guardrail.parameters {
            let name = &parameter.name;
            match given.get(name).or(parameter.default.as_ref()).map(|value| check(parameter, value)) {
                Some(Ok(texts)) => drop(values.insert(name.clone(), texts)),
                Some(Err(message)) => errors.push(error(name, message)),
                None => {
                    let message = format!("has no default and is not given; it is {}", form(parameter));
                    errors.push(error(name, message));
                }
            }
        }
        errors.sort_by(|one, other| one.parameter.cmp(&other.parameter));
        if errors.is_empty() { Ok(Self(values)) } else { Err(errors) }
    }

    /// Values of a parameter.
    pub(super) fn of(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a Boolean is true.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.of(name) == ["true"]
    }
}

/// Whether a parameter's default is of its type.
pub(super) fn check_default(parameter: &BaselineParameter) -> Result<(), String> {
    parameter.default.as_ref().map_or(Ok(()), |default| check(parameter, default).map(drop))
}

fn unknown(guardrail: &Guardrail, name: &str) -> String {
    let names: Vec<&str> = guardrail.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    if names.is_empty() {
        return "there is no such parameter; this guardrail has none".to_owned();
    }
    match meant(name, names.iter().copied()) {
        Some(meant) => format!("there is no such parameter; did you mean {meant}?"),
        None => format!("there is no such parameter; there are {}", names.join(", ")),
    }
}

/// The name among these that one which is not there may be meant for.
#[must_use]
pub fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let alike = known.into_iter().map(|known| (strsim::jaro_winkler(&known.to_lowercase(), &name), known));
    let nearest = alike.filter(|(alike, _)| *alike > ALIKE).max_by(|one, other| one.0.total_cmp(&other.0));
    nearest.map(|(_, known)| known)
}

/// The values as texts, or which one is wrong and what is allowed.
fn check(parameter: &BaselineParameter, value: &AnyValue) -> Result<Vec<String>, String> {
    let wrong = |value: &Value| format!("{value} is not allowed; it is {}", form(parameter));
    let list = matches!(value.0, Value::Array(_));
    let items = value.items();
    match parameter.r#type {
        ParameterType::Integer | ParameterType::Boolean if list => Err(wrong(&value.0)),
        ParameterType::RegionList | ParameterType::AccountIdList | ParameterType::ResourceArnPattern
            if items.is_empty() =>
        {
            Err(format!("the list is empty; it is {}", form(parameter)))
        }
        kind => items.iter().map(|item| one(kind, parameter, item).ok_or_else(|| wrong(item))?).collect(),
    }
}

/// One value as text; `None` where it has not the form that is allowed. A pattern says itself what is wrong with it.
fn one(kind: ParameterType, parameter: &BaselineParameter, item: &Value) -> Option<Result<String, String>> {
    match kind {
        ParameterType::Integer => {
            let (least, most) = range(parameter);
            let number = item.as_i64().filter(|number| (least..=most).contains(number))?;
            Some(Ok(number.to_string()))
        }
        ParameterType::Boolean => item.as_bool().map(|flag| Ok(flag.to_string())),
        ParameterType::RegionList => text(item, is_region),
        ParameterType::AccountIdList => text(item, |id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())),
        ParameterType::ResourceArnPattern => text(item, is_resource_pattern),
        ParameterType::PrincipalArnPattern => {
            let pattern = item.as_str()?;
            Some(check_pattern(pattern).map(|()| pattern.to_owned()).map_err(|bad| bad.to_string()))
        }
    }
}

fn text(item: &Value, fits: impl Fn(&str) -> bool) -> Option<Result<String, String>> {
    item.as_str().filter(|text| fits(text)).map(|text| Ok(text.to_owned()))
}

fn range(parameter: &BaselineParameter) -> (i64, i64) {
    (parameter.minimum.unwrap_or(INTEGERS.0), parameter.maximum.unwrap_or(INTEGERS.1))
}

/// Letters of the area, words of the direction, a number: `eu-west-1`, `us-gov-east-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [area, words @ .., number] = parts.as_slice() else { return false };
    let letters = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    !words.is_empty()
        && (2..=4).contains(&area.len())
        && letters(area)
        && words.iter().all(letters)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// An ARN of six parts that names a service and a resource; no policy variable.
fn is_resource_pattern(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'$' | b'\\'));
    matches!(parts.as_slice(), ["arn", partition, service, _, _, resource]
        if plain && !partition.is_empty() && !resource.is_empty() && !service.is_empty() && !service.contains(['*', '?']))
}

/// What is allowed, with an example.
fn form(parameter: &BaselineParameter) -> String {
    match parameter.r#type {
        ParameterType::RegionList => "a list of AWS Regions, such as [eu-west-1, us-east-1]".to_owned(),
        ParameterType::AccountIdList => {
            "a list of account ids, twelve digits each in quotes, such as [\"111111111111\"]".to_owned()
        }
        ParameterType::PrincipalArnPattern => {
            "the ARN of an IAM role or user, in which wildcards may stand, or a list of these, such as \
             arn:aws:iam::*:role/Admin"
                .to_owned()
        }
        ParameterType::ResourceArnPattern => {
            "the ARN of a resource, in which wildcards may stand, or a list of these, such as arn:aws:s3:::audit-*"
                .to_owned()
        }
        ParameterType::Boolean => "true or false, without quotes".to_owned(),
        ParameterType::Integer => {
            let (least, most) = range(parameter);
            format!("a whole number from {least} to {most}, without quotes")
        }
    }
}
