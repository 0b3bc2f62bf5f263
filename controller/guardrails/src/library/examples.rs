//! The calls of a guardrail, made concrete, and whether it decides them as it says.

use std::collections::BTreeMap;

use soc2_catalog::{ExampleCall, Guardrail};
use soc2_crds::ParameterType;

use super::compile::{CompileError, CompiledBaseline, Lists, Principals, danger, put_together};
use super::parameters::{Parameters, Values};
use super::principals::Exemptions;
use crate::document::Document;
use crate::evaluate::{Decision, Level, LevelPolicy, Request, evaluate};
use crate::lint::regions;

/// Who is exempt where examples are evaluated and nobody really is.
const SAMPLES: [&str; 2] = ["arn:aws:iam::*:role/soc2-example-exempt", "arn:aws:iam::*:user/soc2-example-exempt"];
/// The key by which a call says its Region.
const REGION: &str = "aws:RequestedRegion";
/// What a wildcard of an ARN's part stands for in a sample: partition, service, Region, account, resource.
const PARTS: [&str; 6] = ["arn", "aws", "*", "eu-west-1", "333333333333", "example"];

/// A call to AWS of an example, without parameters in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// ARN of who calls; `None`: anyone who is not exempt.
    pub principal: Option<String>,
    /// Action.
    pub action: String,
    /// ARN of the resource, or `*`.
    pub resource: String,
    /// Condition keys and their values; what is not here is not known.
    pub context: BTreeMap<String, Vec<String>>,
}

impl Call {
    /// As the evaluator takes it.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request {
            principal: self.principal.as_deref(),
            action: &self.action,
            resource: &self.resource,
            context: &self.context,
            unknown_context: true,
        }
    }
}

/// What shows that a guardrail is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Calls that have to be denied.
    pub calls: Vec<Call>,
    /// Principals for whom they need not be.
    pub exempt: Exemptions,
}

/// The calls that a guardrail with these parameters denies, of those that it has as examples. Those of parts that are
/// switched off are not among them. Parameters that are not given have their default, or else the examples' value.
/// `exempt` are the principals that no guardrail restricts.
///
/// # Errors
/// As [`super::compile`].
pub fn proof(guardrail: &Guardrail, parameters: &Parameters, exempt: &Exemptions) -> Result<Proof, CompileError> {
    let mut given = parameters.clone();
    for parameter in guardrail.parameters.iter().filter(|parameter| parameter.default.is_none()) {
        if let Some(value) = guardrail.example_parameters.get(&parameter.name) {
            given.entry(parameter.name.clone()).or_insert_with(|| value.clone());
        }
    }
    let both = Both::new(guardrail, &given, exempt)?;
    let calls = guardrail.denied.iter().flat_map(|example| both.calls(example));
    let elsewhere = |call: Call| in_other_regions(guardrail, parameters, call);
    let calls = calls.flat_map(elsewhere).filter(|call| both.decide(call).is_denied()).collect();
    let principals = Principals { exempt: Some(exempt), protected: exempt };
    Ok(Proof { calls, exempt: put_together(guardrail, &both.values, principals)?.exempt })
}

/// A call to a Region, and the same call to every Region that is not in the list of Regions that somebody gave: an example names
/// only one, and a policy that lets others through would deny that too.
fn in_other_regions(guardrail: &Guardrail, given: &Parameters, call: Call) -> Vec<Call> {
    let is_list = |name: &&String| guardrail.parameter(name).is_some_and(|one| one.r#type == ParameterType::RegionList);
    let named: Vec<String> = given
        .iter()
        .filter(|(name, _)| is_list(name))
        .flat_map(|(_, value)| value.texts().unwrap_or_default())
        .collect();
    if named.is_empty() || !call.context.contains_key(REGION) {
        return vec![call];
    }
    let there = |region: &str| {
        let mut there = call.clone();
        there.context.insert(REGION.to_owned(), vec![region.to_owned()]);
        there
    };
    let others = regions().filter(|region| !named.iter().any(|one| one == region)).map(there);
    std::iter::once(call.clone()).chain(others).collect()
}

/// Why a guardrail must not be put in place: what it denies has no bounds, or an example of its own is not decided as it says.
#[must_use]
pub fn wrong_example(guardrail: &Guardrail) -> Option<String> {
    let samples = samples();
    let both = match Both::new(guardrail, &guardrail.example_parameters, &samples) {
        Ok(both) => both,
        Err(error) => return Some(format!("with the examples' parameters: {error}")),
    };
    if let Some(problem) = danger(&both.to_others.document) {
        return Some(problem);
    }
    let examples = guardrail.denied.iter().map(|example| (example, true));
    let mut examples = examples.chain(guardrail.allowed.iter().map(|example| (example, false)));
    examples.find_map(|(example, denied)| both.wrong(example, denied))
}

/// Who is exempt from anything where nobody really is.
pub(super) fn samples() -> Exemptions {
    Exemptions::known(SAMPLES)
}

/// A guardrail as it is to named principals, and to everybody who is not exempt.
struct Both<'a> {
    values: Values,
    protected: &'a Exemptions,
    to_named: CompiledBaseline,
    to_others: CompiledBaseline,
    all: Document,
}

impl<'a> Both<'a> {
    fn new(guardrail: &Guardrail, parameters: &Parameters, protected: &'a Exemptions) -> Result<Self, CompileError> {
        let values = Values::check(guardrail, parameters).map_err(CompileError::Parameters)?;
        let principals = |exempt| Principals { exempt, protected };
        let no_policy = |error: crate::DocumentError| CompileError::NoPolicy {
            guardrail: guardrail.name.clone(),
            message: error.to_string(),
        };
        Ok(Self {
            to_named: put_together(guardrail, &values, principals(Some(&Exemptions::default())))?,
            to_others: put_together(guardrail, &values, principals(None))?,
            all: Document::parse(r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#)
                .map_err(no_policy)?,
            values,
            protected,
        })
    }

    /// The calls that an example stands for: one for each value of a parameter in its resource.
    fn calls(&self, example: &ExampleCall) -> Vec<Call> {
        let resources = Lists { values: &self.values, protected: self.protected }.put_in(&example.resource);
        let context: BTreeMap<String, Vec<String>> =
            example.context.iter().map(|(key, values)| (key.clone(), values.texts().unwrap_or_default())).collect();
        let call = |resource: String| Call {
            principal: example.principal.clone(),
            action: example.action.clone(),
            resource: if resource == "*" || resource == example.resource { resource } else { sample(&resource) },
            context: context.clone(),
        };
        resources.into_iter().map(call).collect()
    }

    /// What the guardrail decides beside a policy that allows everything.
    fn decide(&self, call: &Call) -> Decision {
        let compiled = if call.principal.is_some() { &self.to_named } else { &self.to_others };
        let policies = [("p-FullAWSAccess", &self.all), ("baseline", &compiled.document)];
        let policies = policies.map(|(id, document)| LevelPolicy { id, document: Some(document) }).to_vec();
        evaluate(&[Level { target: String::new(), policies }], &call.request())
    }

    /// What is wrong with an example.
    fn wrong(&self, example: &ExampleCall, denied: bool) -> Option<String> {
        let shown = example.what.as_ref().map_or_else(String::new, |what| format!(" ({what:?})"));
        self.calls(example).iter().find_map(|call| match self.decide(call) {
            Decision::Unknown { keys } => {
                let keys: Vec<String> = keys.into_iter().collect();
                Some(format!(
                    "whether it denies {}, its own example{shown}, depends on {}: say it in the example's context or principal",
                    call.action,
                    keys.join(", ")
                ))
            }
            decision if decision.is_denied() == denied => None,
            _ if denied => Some(format!("it does not deny {}, its own example{shown}", call.action)),
            _ => Some(format!("it denies {}, which it must not{shown}", call.action)),
        })
    }
}

/// An ARN that a pattern matches.
fn sample(pattern: &str) -> String {
    let parts: Vec<String> = pattern
        .splitn(PARTS.len(), ':')
        .zip(PARTS)
        .map(|(part, usual)| match part {
            "*" => usual.to_owned(),
            _ => part.replace('*', "example").replace('?', "x"),
        })
        .collect();
    parts.join(":")
}
