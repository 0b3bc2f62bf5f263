//! An `ScpBaseline` object as an entry of the library.

use soc2_catalog::{Catalog, CatalogProblem, EXEMPT_ROLES, EXEMPT_USERS, Guardrail, references};
use soc2_crds::ScpBaselineSpec;

use super::examples::wrong_example;
use super::findings;
use super::parameters::check_default;
use super::principals::check_pattern;

/// The guardrail that an object describes, once everything about it is right: what it refers to is there, its values are of
/// their type, what it denies has bounds, its examples are decided as it says, and the lint finds no error in it.
///
/// # Errors
/// All that is wrong, by field. Nothing of the object may take effect then.
pub fn read_baseline(catalog: &Catalog, name: &str, spec: &ScpBaselineSpec) -> Result<Guardrail, Vec<CatalogProblem>> {
    let problem = |field: &str, message: String| CatalogProblem { field: field.to_owned(), message };
    if catalog.guardrail(name).is_some() {
        let message =
            format!("{name} is a guardrail of the built-in library: choose another name, such as {name}-acme");
        return Err(vec![problem("metadata.name", message)]);
    }
    let guardrail = Guardrail::read(catalog, name, spec)?;
    let mut problems = Vec::new();
    for (at, parameter) in guardrail.parameters.iter().enumerate() {
        if let Err(message) = check_default(parameter) {
            problems.push(problem(&format!("spec.parameters[{at}].default"), message));
        }
    }
    for (at, statement) in guardrail.statements.iter().enumerate() {
        for (number, pattern) in statement.exempt.iter().flatten().enumerate() {
            // What a parameter stands for is checked with its values.
            if references(pattern).next().is_none()
                && let Err(bad) = check_pattern(pattern)
            {
                problems.push(problem(&format!("spec.statements[{at}].exempt[{number}]"), bad.to_string()));
            }
        }
    }
    for (list, calls) in [("denied", &guardrail.denied), ("allowed", &guardrail.allowed)] {
        for (at, call) in calls.iter().enumerate() {
            if let Some((key, _)) = call.context.iter().find(|(_, values)| values.texts().is_none()) {
                let message = "must be a string, a whole number or a boolean, or a list of these".to_owned();
                problems.push(problem(&format!("spec.examples.{list}[{at}].context[{key}]"), message));
            }
            let known =
                |name: &&str| guardrail.parameter(name).is_some() || [EXEMPT_ROLES, EXEMPT_USERS].contains(name);
            for name in references(&call.resource).filter(|name| !known(name)) {
                let message = format!("there is no parameter {name:?}");
                problems.push(problem(&format!("spec.examples.{list}[{at}].resource"), message));
            }
        }
    }
    if problems.is_empty()
        && let Some(message) = wrong_example(&guardrail)
    {
        problems.push(problem("spec.examples", message));
    }
    problems.extend(findings::problems(&guardrail));
    if problems.is_empty() { Ok(guardrail) } else { Err(problems) }
}
