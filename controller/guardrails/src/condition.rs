//! Conditions of a statement.

mod compare;
mod operator;

use crate::call::{Call, Key, Values};
use crate::truth::Truth;

use self::compare::Wanted;
use self::operator::{Kind, Operator, Quantifier};

/// One condition: an operator, a key and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The operator as it is written, such as `ForAnyValue:StringLikeIfExists`.
    pub operator: String,
    /// The condition key, such as `aws:PrincipalArn`.
    pub key: String,
    /// The values; one that matches is enough.
    pub values: Vec<String>,
}

/// A condition made ready: its operator and its values read once.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    /// The operator, or the name of one that is not known.
    operator: Result<Operator, Box<str>>,
    key: Key,
    wanted: Vec<Wanted>,
}

impl Test {
    /// Makes a condition ready. `variables`: whether `${...}` in its values are policy variables.
    pub(crate) fn new(condition: &Condition, variables: bool) -> Self {
        let operator = Operator::parse(&condition.operator);
        let wanted = operator.map_or_else(Vec::new, |operator| {
            condition.values.iter().map(|value| Wanted::new(operator.kind, value, variables)).collect()
        });
        let operator = operator.ok_or_else(|| condition.operator.as_str().into());
        Self { operator, key: Key::new(&condition.key), wanted }
    }

    /// Whether it holds for a request. What is missing goes to `missing` when the answer is `Unknown`.
    pub(crate) fn holds(&self, call: &Call<'_>, missing: &mut Vec<String>) -> Truth {
        let operator = match &self.operator {
            Ok(operator) => *operator,
            Err(name) => {
                missing.push(format!("{} ({name} is an operator that is not known)", self.key.name));
                return Truth::Unknown;
            }
        };
        let before = missing.len();
        let truth = match call.values(&self.key) {
            values if operator.kind == Kind::Null => self.is_absent(values, call),
            Values::Unknown => Truth::Unknown,
            Values::Absent => operator.holds_when_absent(),
            Values::One(found) => self.compare_one(operator, found, call, missing),
            Values::Many(found) => self.compare(operator, found, call, missing),
        };
        if truth != Truth::Unknown {
            missing.truncate(before);
        } else if missing.len() == before {
            missing.push(self.key.name.to_string());
        }
        truth
    }

    /// `Null`: `true` asks for a key that is absent, `false` for one that is there.
    fn is_absent(&self, values: Values<'_>, call: &Call<'_>) -> Truth {
        let absent = match values {
            Values::Unknown => Truth::Unknown,
            Values::Absent => Truth::True,
            Values::One(_) | Values::Many(_) => Truth::False,
        };
        Truth::any(self.wanted.iter().map(|wanted| match wanted.flag() {
            Some(true) => absent,
            Some(false) => absent.not(),
            None => not_read(call),
        }))
    }

    /// One value of the request against those of the condition.
    fn compare_one(&self, operator: Operator, found: &str, call: &Call<'_>, missing: &mut Vec<String>) -> Truth {
        if self.wanted.is_empty() && call.is_careful() {
            return Truth::Unknown;
        }
        let matched = Truth::any(self.wanted.iter().map(|wanted| wanted.matches(operator.kind, found, call, missing)));
        if operator.negated { matched.not() } else { matched }
    }

    /// Several values of the request against those of the condition.
    fn compare(&self, operator: Operator, found: &[String], call: &Call<'_>, missing: &mut Vec<String>) -> Truth {
        let mut answers = found.iter().map(|found| self.compare_one(operator, found, call, missing));
        match operator.quantifier {
            Some(Quantifier::All) => Truth::all(answers),
            // AWS does not define a plain operator on several values: where they differ, it is not known.
            None if call.is_careful() => {
                let first = answers.next().unwrap_or(Truth::Unknown);
                if answers.all(|answer| answer == first) { first } else { Truth::Unknown }
            }
            // If there has to be an answer, they are combined as several values of a condition are: one that matches, or none.
            None if operator.negated => Truth::all(answers),
            Some(Quantifier::Any) | None => Truth::any(answers),
        }
    }
}

/// What a value that cannot be read says: we do not guess how AWS takes it, unless there has to be an answer; then it
/// matches nothing.
fn not_read(call: &Call<'_>) -> Truth {
    if call.is_careful() { Truth::Unknown } else { Truth::False }
}

#[cfg(test)]
mod tests;
