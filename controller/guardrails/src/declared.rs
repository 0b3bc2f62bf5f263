//! From what people declare to what a plan is made from: the same for the operator and for the command line.

mod gate;
mod guarded;
mod selection;
mod waves;

use std::collections::BTreeMap;

use soc2_catalog::{Catalog, Guardrail};
use soc2_crds::{AwsOrganizationSpec, GuardrailMode, GuardrailSet, ScpBaselineSpec};
use soc2_posture::organization::Organization;
use soc2_posture::targets::select;

pub use guarded::{guarded, trail_access};
pub use selection::selection;
pub use waves::wave_name;

use crate::library::read_baseline;
use crate::plan::{Limits, Mode, Refusal, SetInput, reason};

/// A guardrail set as the plan wants it. `invalid`: `ScpBaseline`s that have no effect, and why. `removing`: it is being deleted, and
/// takes its policies away.
#[must_use]
pub fn set_input(
    set: &GuardrailSet,
    organization: &Organization,
    invalid: &BTreeMap<String, String>,
    removing: bool,
) -> SetInput {
    let spec = &set.spec;
    let parameters = spec.baselines.iter().filter_map(|one| Some((one.name.clone(), one.parameters.clone()?)));
    let named: Vec<String> = spec.baselines.iter().map(|baseline| baseline.name.clone()).collect();
    let had = set.status.iter().flat_map(|status| &status.baselines).map(|baseline| baseline.name.clone());
    let adopt = spec.baselines.iter().filter_map(|one| Some((one.name.clone(), one.adopt.clone()?)));
    let status = set.status.iter().flat_map(|status| &status.baselines);
    let homes = status.filter_map(|one| Some((one.name.clone(), one.policy_id.clone()?)));
    SetInput {
        name: set.metadata.name.clone().unwrap_or_default(),
        mode: match spec.mode {
            _ if removing => Mode::Enforce,
            GuardrailMode::Observe => Mode::Observe,
            GuardrailMode::Plan => Mode::Plan,
            GuardrailMode::Enforce => Mode::Enforce,
        },
        gate: gate::gate(spec),
        rules: waves::rules(spec),
        previous: had.chain(named.iter().filter(|_| removing).cloned()).collect(),
        applied: set.status.as_ref().and_then(|status| Some(status.applied.as_ref()?.hash.clone())),
        in_place: set.status.as_ref().is_some_and(|status| status.applied.is_some()),
        removing,
        suspended: spec.suspend && !removing,
        selection: selection(&spec.targets, organization),
        max_direct: spec.max_direct_attachments,
        baselines: if removing { Vec::new() } else { named },
        parameters: parameters.collect(),
        adopt: adopt.collect(),
        homes: homes.collect(),
        exempt_principals: spec.exempt_principals.clone().unwrap_or_default(),
        trail: trail_access(spec),
        waves: if removing { None } else { waves::waves(set, organization) },
        // What a set wants no longer matters when it goes.
        error: if removing { None } else { tags_missing(set, organization).or_else(|| invalid_baseline(set, invalid)) },
    }
}

/// AWS's quotas as the organization's object has them.
#[must_use]
pub fn limits(spec: &AwsOrganizationSpec) -> Limits {
    Limits { max_characters: spec.limits.scp_max_characters, max_per_target: spec.limits.scp_max_per_target }
}

/// The built-in guardrails and those of objects; and objects that have no effect, by name, with why.
#[must_use]
pub fn library<'a>(
    catalog: &Catalog,
    objects: impl Iterator<Item = (&'a str, &'a ScpBaselineSpec)>,
) -> (Vec<Guardrail>, BTreeMap<String, String>) {
    let (mut library, mut invalid) = (catalog.guardrails().to_vec(), BTreeMap::new());
    for (name, spec) in objects {
        match read_baseline(catalog, name, spec) {
            Ok(guardrail) => library.push(guardrail),
            // A name of the built-in library is the built-in guardrail's.
            Err(_) if catalog.guardrail(name).is_some() => {}
            Err(problems) => {
                let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
                invalid.insert(name.to_owned(), words.join("; "));
            }
        }
    }
    (library, invalid)
}

/// A baseline with a mistake is not there, and the set should say more than that.
fn invalid_baseline(set: &GuardrailSet, invalid: &BTreeMap<String, String>) -> Option<Refusal> {
    set.spec.baselines.iter().find_map(|baseline| {
        let problems = invalid.get(&baseline.name)?;
        let message =
            format!("ScpBaseline {} is not valid, so that nothing of it takes effect: {problems}", baseline.name);
        Some(Refusal { reason: reason::INVALID_BASELINE, message })
    })
}

/// A selection by tags that were not read would be wrong either way: nothing is planned on it.
fn tags_missing(set: &GuardrailSet, organization: &Organization) -> Option<Refusal> {
    select(&set.spec.targets, organization, "spec.targets").tags_missing.then(|| Refusal {
        reason: "TagsNotRead",
        message: "spec.targets asks for account tags, and those of some accounts are not read yet".to_owned(),
    })
}
