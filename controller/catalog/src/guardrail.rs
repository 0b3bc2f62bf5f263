//! The library of guardrails: service control policies, and what shows that they work.

use std::collections::{BTreeMap, BTreeSet};

pub use soc2_crds::ExampleCall;
use soc2_crds::{AnyValue, BaselineParameter, BaselineStatement, ParameterType, ScpBaselineSpec};

use crate::control::ControlIx;
use crate::{Catalog, CatalogProblem};

/// A guardrail that can be put in place as a service control policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guardrail {
    /// Name, such as `deny-leave-org`.
    pub name: String,
    /// What it does, in short.
    pub title: String,
    /// Criteria it serves: indexes into [`crate::Catalog::criteria`].
    pub criteria: Vec<usize>,
    /// Controls that detect what it prevents.
    pub controls: Vec<ControlIx>,
    /// What a guardrail set can say of it.
    pub parameters: Vec<BaselineParameter>,
    /// Statements of the policy, before parameters and exemptions are put in.
    pub statements: Vec<BaselineStatement>,
    /// Why nobody is exempt from it, where exemptions would defeat it.
    pub no_exemption: Option<String>,
    /// What to know before it is put in place.
    pub caveats: Vec<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// Parameters with which the examples are evaluated.
    pub example_parameters: BTreeMap<String, AnyValue>,
    /// Calls that it denies; where all are denied, the guardrail is in force. One without a principal is denied whoever makes
    /// it and is not exempt.
    pub denied: Vec<ExampleCall>,
    /// Calls that it leaves alone.
    pub allowed: Vec<ExampleCall>,
}

/// Lists that every statement can use in `resources`: the principals that are exempt in the plan it becomes part of. A
/// statement for which such a list is empty is left out.
pub const EXEMPT_ROLES: &str = "exemptRoles";
/// The same for users.
pub const EXEMPT_USERS: &str = "exemptUsers";

impl Guardrail {
    /// The guardrail that a spec describes. What is looked at here is what it refers to: criteria, controls, and its own
    /// parameters, each by name. Values and examples are for whoever compiles it.
    ///
    /// # Errors
    /// Everything that refers to nothing, by field.
    pub fn read(catalog: &Catalog, name: &str, spec: &ScpBaselineSpec) -> Result<Self, Vec<CatalogProblem>> {
        let mut problems = Problems(Vec::new());
        let criteria = problems.resolve("spec.criteria", &spec.criteria, "criterion", |id| catalog.criterion(id));
        let named = spec.controls.as_deref().unwrap_or_default();
        let controls = problems.resolve("spec.controls", named, "control", |id| catalog.control(id));
        let parameters = spec.parameters.clone().unwrap_or_default();
        problems.parameters(&parameters);
        for (at, statement) in spec.statements.iter().enumerate() {
            problems.statement(&format!("spec.statements[{at}]"), statement, &parameters);
            if spec.no_exemption.is_some() && statement.exempt.is_some() {
                let message = "nobody is exempt from it, as noExemption says: leave one of the two out";
                problems.add(format!("spec.statements[{at}].exempt"), message);
            }
        }
        if !problems.0.is_empty() {
            return Err(problems.0);
        }
        Ok(Self {
            name: name.to_owned(),
            title: spec.title.clone(),
            criteria,
            controls,
            parameters,
            statements: spec.statements.clone(),
            no_exemption: spec.no_exemption.clone(),
            caveats: spec.caveats.clone().unwrap_or_default(),
            source: spec.source.clone(),
            example_parameters: spec.examples.parameters.clone().unwrap_or_default(),
            denied: spec.examples.denied.clone(),
            allowed: spec.examples.allowed.clone(),
        })
    }

    /// The parameter of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&BaselineParameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

/// Names of parameters in a text: `${name}`. Policy variables of IAM have a colon and are none; `${*}`, `${?}` and `${$}` are
/// IAM's way to write these characters.
pub fn references(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name));
    parts.filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// What is wrong so far.
struct Problems(Vec<CatalogProblem>);

impl Problems {
    fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(CatalogProblem { field: field.into(), message: message.into() });
    }

    /// What ids stand for; each that stands for nothing is a problem.
    fn resolve<T>(&mut self, field: &str, ids: &[String], what: &str, find: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        for (at, id) in ids.iter().enumerate() {
            match find(id) {
                Some(one) => found.push(one),
                None => self.add(format!("{field}[{at}]"), format!("there is no {what} {id:?} in the catalogue")),
            }
        }
        found
    }

    fn parameters(&mut self, parameters: &[BaselineParameter]) {
        let mut names = BTreeSet::new();
        for (at, parameter) in parameters.iter().enumerate() {
            let field = format!("spec.parameters[{at}].name");
            if [EXEMPT_ROLES, EXEMPT_USERS].contains(&parameter.name.as_str()) {
                self.add(field, format!("{} is the list of exempt principals: choose another name", parameter.name));
            } else if !names.insert(&parameter.name) {
                self.add(field, format!("{} is there twice", parameter.name));
            }
        }
    }

    fn statement(&mut self, field: &str, statement: &BaselineStatement, parameters: &[BaselineParameter]) {
        let one_of = |a: &Option<Vec<String>>, b: &Option<Vec<String>>| a.is_some() != b.is_some();
        if !one_of(&statement.actions, &statement.not_actions) {
            self.add(field, "a statement needs exactly one of actions and notActions");
        }
        if !one_of(&statement.resources, &statement.not_resources) {
            self.add(field, "a statement needs exactly one of resources and notResources");
        }
        let mut texts: Vec<(String, &str)> = Vec::new();
        for (key, list) in [("resources", &statement.resources), ("notResources", &statement.not_resources)] {
            texts.extend(list.iter().flatten().map(|text| (format!("{field}.{key}"), text.as_str())));
        }
        for (operator, keys) in statement.condition.iter().flatten() {
            for (key, values) in keys {
                let field = format!("{field}.condition.{operator}[{key}]");
                if values.texts().is_none_or(|texts| texts.is_empty()) {
                    self.add(
                        &field,
                        "must be a string, a whole number or a boolean, or a list of these that is not empty",
                    );
                }
                let values = values.items().iter().filter_map(|value| value.as_str());
                texts.extend(values.map(|text| (field.clone(), text)));
            }
        }
        for (field, text) in texts {
            for name in references(text).filter(|name| ![EXEMPT_ROLES, EXEMPT_USERS].contains(name)) {
                self.known(&field, name, parameters, None);
            }
        }
        for text in statement.exempt.iter().flatten() {
            for name in references(text) {
                self.known(&format!("{field}.exempt"), name, parameters, Some(ParameterType::PrincipalArnPattern));
            }
        }
        if let Some(name) = &statement.when {
            self.known(&format!("{field}.when"), name, parameters, Some(ParameterType::Boolean));
        }
    }

    /// A reference has to be to a parameter, of a type where one is asked for.
    fn known(&mut self, field: &str, name: &str, parameters: &[BaselineParameter], wanted: Option<ParameterType>) {
        let found = parameters.iter().find(|parameter| parameter.name == name);
        match (found, wanted) {
            (None, _) => {
                let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
                let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                self.add(field, format!("there is no parameter {name:?}; spec.parameters has {there}"));
            }
            (Some(found), Some(wanted)) if found.r#type != wanted => {
                self.add(
                    field,
                    format!("parameter {name} is of type {:?}, and has to be {wanted:?} here", found.r#type),
                );
            }
            _ => {}
        }
    }
}
