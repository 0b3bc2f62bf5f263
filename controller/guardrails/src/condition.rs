//! Conditions of a statement.

mod compare;
mod operator;

use crate::context::{self, Values};
use crate::evaluate::Request;
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

impl Condition {
    /// Whether it holds for a request. `variables`: whether `${...}` in the values are policy variables. What is missing
    /// goes to `missing` when the answer is `Unknown`.
    pub(crate) fn holds(&self, request: &Request<'_>, variables: bool, missing: &mut Vec<String>) -> Truth {
        let Some(operator) = Operator::parse(&self.operator) else {
            missing.push(format!("{} ({} is an operator that is not known)", self.key, self.operator));
            return Truth::Unknown;
        };
        let values = context::values(request, &self.key);
        let before = missing.len();
        let truth = if operator.kind == Kind::Null {
            self.is_absent(&values)
        } else {
            match &values {
                Values::Unknown => Truth::Unknown,
                Values::Absent => operator.holds_when_absent(),
                Values::Present(found) => self.compare(operator, found, request, variables, missing),
            }
        };
        if truth == Truth::Unknown && missing.len() == before {
            missing.push(self.key.clone());
        }
        truth
    }

    /// `Null`: `true` asks for a key that is absent, `false` for one that is there.
    fn is_absent(&self, values: &Values<'_>) -> Truth {
        let absent = match values {
            Values::Unknown => Truth::Unknown,
            Values::Absent => Truth::True,
            Values::Present(_) => Truth::False,
        };
        Truth::any(self.values.iter().map(|wanted| match compare::boolean(wanted) {
            Some(true) => absent,
            Some(false) => absent.not(),
            None => Truth::Unknown,
        }))
    }

    /// The values of the request against those of the condition.
    fn compare(
        &self,
        operator: Operator,
        found: &[String],
        request: &Request<'_>,
        variables: bool,
        missing: &mut Vec<String>,
    ) -> Truth {
        if self.values.is_empty() {
            return Truth::Unknown;
        }
        let wanted: Vec<Wanted> =
            self.values.iter().map(|value| Wanted::new(operator.kind, value, variables, request)).collect();
        let mut answers = found.iter().map(|found| {
            let matched = Truth::any(wanted.iter().map(|wanted| wanted.matches(operator.kind, found)));
            if operator.negated { matched.not() } else { matched }
        });
        let truth = match operator.quantifier {
            Some(Quantifier::All) => Truth::all(answers),
            Some(Quantifier::Any) => Truth::any(answers),
            // AWS does not define a plain operator on several values: where they differ, it is not known.
            None => {
                let first = answers.next().unwrap_or(Truth::Unknown);
                if answers.all(|answer| answer == first) { first } else { Truth::Unknown }
            }
        };
        if truth == Truth::Unknown {
            missing.extend(wanted.into_iter().filter_map(Wanted::into_unknown_key));
        }
        truth
    }
}

#[cfg(test)]
mod tests;
