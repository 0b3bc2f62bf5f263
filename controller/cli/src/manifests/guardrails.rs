//! Guardrails: whether baselines are without mistakes, and whether sets say what their baselines take.

use kube::ResourceExt;
use soc2_catalog::{Catalog, Guardrail};
use soc2_crds::{GuardrailSet, Limits};
use soc2_guardrails::Exemptions;
use soc2_guardrails::library::{self, CompileError, PROTECT_EXEMPT};

use super::{Loaded, Manifests, Problem, references};

/// What is wrong with `ScpBaseline`s and `GuardrailSet`s. With `elsewhere`, baselines that are in no file are taken to be in the
/// cluster.
pub(super) fn check(manifests: &Manifests, catalog: &Catalog, elsewhere: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut library: Vec<Guardrail> = catalog.guardrails().to_vec();
    for found in &manifests.baselines {
        let name = found.object.name_any();
        match library::read_baseline(catalog, &name, &found.object.spec) {
            Ok(guardrail) => library.push(guardrail),
            Err(wrong) => {
                let problem = |problem: soc2_catalog::CatalogProblem| {
                    references::of(found, "ScpBaseline", &name, problem.to_string())
                };
                problems.extend(wrong.into_iter().map(problem));
            }
        }
    }
    for found in &manifests.organizations {
        if let Err(message) = library::exempt_by_organization(&found.object.spec) {
            problems.push(references::of(found, "AwsOrganization", &found.object.name_any(), message));
        }
    }
    for found in manifests.profiles.iter().filter(|_| !elsewhere) {
        let name = found.object.name_any();
        let known = |wanted: &String| library.iter().any(|guardrail| guardrail.name == *wanted);
        let required = found.object.spec.guardrails.required.iter().enumerate();
        for (at, wanted) in required.filter(|(_, wanted)| !known(wanted)) {
            let field = format!("spec.guardrails.required[{at}]");
            let message = missing(&field, wanted, manifests, &library);
            problems.extend(message.map(|message| references::of(found, "ComplianceProfile", &name, message)));
        }
    }
    for found in &manifests.sets {
        problems.extend(set(found, manifests, &library, elsewhere));
    }
    problems
}

fn set(found: &Loaded<GuardrailSet>, manifests: &Manifests, library: &[Guardrail], elsewhere: bool) -> Vec<Problem> {
    let (name, spec) = (found.object.name_any(), &found.object.spec);
    let organization = manifests.organization(&spec.organization_ref.name).map(|object| &object.spec);
    let limits = organization.map_or_else(Limits::default, |organization| organization.limits.clone());
    let of_organization = organization.and_then(|organization| library::exempt_by_organization(organization).ok());
    let mut wrong = Vec::new();
    let of_set = Exemptions::written("spec.exemptPrincipals", spec.exempt_principals.iter().flatten());
    let of_set = of_set.unwrap_or_else(|message| {
        wrong.push(message);
        Exemptions::default()
    });
    let exempt = of_organization.unwrap_or_default().and(&of_set);
    for (at, baseline) in spec.baselines.iter().enumerate() {
        let field = format!("spec.baselines[{at}]");
        let Some(guardrail) = library.iter().find(|guardrail| guardrail.name == baseline.name) else {
            let field = format!("{field}.name");
            wrong.extend(missing(&field, &baseline.name, manifests, library).filter(|_| !elsewhere));
            continue;
        };
        let parameters = baseline.parameters.clone().unwrap_or_default();
        match library::compile(guardrail, &parameters, &exempt, &exempt) {
            Ok(compiled) => {
                let (length, limit) = (compiled.content.chars().count(), limits.scp_max_characters);
                if length > limit as usize {
                    wrong.push(format!(
                        "{field}: the policy of {} has {length} characters, and one may have {limit}: exempt fewer principals",
                        baseline.name
                    ));
                }
            }
            // Who is exempt is known in the cluster only.
            Err(CompileError::Nothing { .. }) if baseline.name == PROTECT_EXEMPT => {}
            Err(CompileError::Parameters(errors)) => {
                let message = |error: &library::ParameterError| format!("{field}.parameters: {error}");
                wrong.extend(errors.iter().map(message));
            }
            Err(error) => wrong.push(format!("{field}: {error}")),
        }
    }
    wrong.into_iter().map(|message| references::of(found, "GuardrailSet", &name, message)).collect()
}

/// That there is no such baseline; `None` where it is one of these files with mistakes, which are said already.
fn missing(field: &str, wanted: &str, manifests: &Manifests, library: &[Guardrail]) -> Option<String> {
    if manifests.baselines.iter().any(|found| found.object.name_any() == wanted) {
        return None;
    }
    let names = library.iter().map(|guardrail| guardrail.name.as_str());
    let advice = library::meant(wanted, names).map_or_else(
        || "name one of the library, or add the ScpBaseline".to_owned(),
        |meant| format!("did you mean {meant}?"),
    );
    Some(format!(
        "{field}: there is no guardrail {wanted:?} in the library and no such ScpBaseline in these files; {advice}"
    ))
}
