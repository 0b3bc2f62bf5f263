//! Which of two values of a parameter is the stricter one.

use std::collections::BTreeSet;
use std::fmt;

use soc2_catalog::Guardrail;
use soc2_crds::{BaselineParameter, ParameterType, Stricter};

use super::parameters::{Parameters, Values};

/// A parameter that two sets say differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Name of the parameter.
    pub(crate) parameter: String,
    /// Its values in each of the two.
    pub(crate) values: [String; 2],
    /// The value that holds where both are in force; else why there is none.
    pub(crate) stricter: Result<String, &'static str>,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, other] = &self.values;
        match &self.stricter {
            Ok(value) => write!(formatter, "{} is {value} there", self.parameter),
            Err(why) => write!(formatter, "parameter {} is {one} and {other}, and {why}", self.parameter),
        }
    }
}

/// What two sets say differently of a guardrail. Parameters that cannot be used are not compared: they refuse their set.
pub(crate) fn differences(guardrail: &Guardrail, one: &Parameters, other: &Parameters) -> Vec<Difference> {
    let (Ok(one), Ok(other)) = (Values::check(guardrail, one), Values::check(guardrail, other)) else {
        return Vec::new();
    };
    let compare = |parameter: &BaselineParameter| {
        let (one, other) = (one.of(&parameter.name), other.of(&parameter.name));
        let sets: [BTreeSet<&str>; 2] = [one, other].map(|list| list.iter().map(String::as_str).collect());
        (sets[0] != sets[1]).then(|| Difference {
            parameter: parameter.name.clone(),
            values: [shown(parameter, &sets[0]), shown(parameter, &sets[1])],
            stricter: stricter(parameter, &sets).map(|set| shown(parameter, &set)),
        })
    };
    guardrail.parameters.iter().filter_map(compare).collect()
}

/// The stricter of two values. Both policies are in force where both sets want it, and denies add up; so this is what comes of it.
fn stricter<'a>(
    parameter: &BaselineParameter,
    [one, other]: &[BTreeSet<&'a str>; 2],
) -> Result<BTreeSet<&'a str>, &'static str> {
    let number = |set: &BTreeSet<&str>| set.first().and_then(|text| text.parse::<i64>().ok());
    let first_if = |first: bool| if first { one.clone() } else { other.clone() };
    let found = match parameter.stricter {
        None => return Err("the guardrail does not say which is stricter"),
        Some(Stricter::Union) => one | other,
        Some(Stricter::Intersection) => one & other,
        Some(Stricter::Min) => first_if(number(one) <= number(other)),
        Some(Stricter::Max) => first_if(number(one) >= number(other)),
        Some(Stricter::WhenTrue) => first_if(one.contains("true")),
        Some(Stricter::WhenFalse) => first_if(one.contains("false")),
    };
    // That nobody is exempt is strict; that no Region is allowed is a mistake.
    if found.is_empty() && parameter.r#type != ParameterType::PrincipalArnPattern {
        return Err("nothing is in both");
    }
    Ok(found)
}

/// A value as people write it.
fn shown(parameter: &BaselineParameter, values: &BTreeSet<&str>) -> String {
    let list: Vec<&str> = values.iter().copied().collect();
    match parameter.r#type {
        ParameterType::Integer | ParameterType::Boolean => list.concat(),
        _ => format!("[{}]", list.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use soc2_catalog::Catalog;

    use super::*;

    fn said(guardrail: &str, one: &Value, other: &Value) -> Vec<String> {
        let parameters = |value: &Value| serde_json::from_value::<Parameters>(value.clone()).unwrap();
        let guardrail = Catalog::builtin().unwrap().guardrail(guardrail).unwrap();
        let found = differences(guardrail, &parameters(one), &parameters(other));
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_stricter_value_is_known_for_every_built_in_parameter() {
        let regions = |list: &[&str]| json!({"allowedRegions": list});
        let admins = |list: &[&str]| json!({"allowedRegions": ["eu-west-1"], "administrators": list});
        let (one, two) = ("arn:aws:iam::*:role/One", "arn:aws:iam::*:role/Two");
        for (guardrail, first, second, expected) in [
            (
                "restrict-regions",
                regions(&["eu-west-1", "us-east-1"]),
                regions(&["us-east-1", "us-west-2"]),
                vec!["allowedRegions is [us-east-1] there".to_owned()],
            ),
            (
                "restrict-regions",
                regions(&["eu-west-1"]),
                regions(&["us-east-1"]),
                vec!["parameter allowedRegions is [eu-west-1] and [us-east-1], and nothing is in both".to_owned()],
            ),
            ("restrict-regions", admins(&[one]), admins(&[two]), vec!["administrators is [] there".to_owned()]),
            ("restrict-regions", admins(&[one, two]), admins(&[two, one]), vec![]),
            ("protect-kms", json!({}), json!({"denyDeletion": true}), vec![]),
            (
                "protect-kms",
                json!({"denyDeletion": false, "minimumWindowDays": 7}),
                json!({"minimumWindowDays": 14}),
                vec!["denyDeletion is true there".to_owned(), "minimumWindowDays is 14 there".to_owned()],
            ),
            (
                "protect-operator-roles",
                json!({"roles": [one]}),
                json!({"roles": [two]}),
                vec![format!("roles is [{one}, {two}] there")],
            ),
        ] {
            assert_eq!(said(guardrail, &first, &second), expected, "{guardrail} {first} {second}");
        }
        let all = Catalog::builtin().unwrap().guardrails();
        assert!(all.iter().flat_map(|one| &one.parameters).all(|parameter| parameter.stricter.is_some()));
    }

    #[test]
    fn without_a_word_about_it_two_values_contradict() {
        let mut guardrail = Catalog::builtin().unwrap().guardrail("protect-kms").unwrap().clone();
        guardrail.parameters[1].stricter = None;
        let days = |days: i64| Parameters::from([("minimumWindowDays".to_owned(), json!(days).into())]);
        let found = differences(&guardrail, &days(7), &days(30));
        let words = "parameter minimumWindowDays is 7 and 30, and the guardrail does not say which is stricter";
        assert_eq!(found[0].to_string(), words);
        guardrail.parameters[1].stricter = Some(Stricter::Min);
        assert_eq!(differences(&guardrail, &days(7), &days(30))[0].stricter, Ok("7".to_owned()));
    }
}
