//! Rule 6 a second time, word by word; shares no code with what it checks. In these worlds exceptions name accounts and controls by id,
//! and resources by their whole id, or its beginning and `*`.

use soc2_catalog::Control;
use soc2_crds::ComplianceExceptionSpec;

use crate::scene::{Scene, catalog};
use crate::written::{OPERATOR, Written};

type Exception = Written<ComplianceExceptionSpec>;

/// Exceptions that hold for a control of an account now, wherever it counts, or inside a criterion.
pub fn holding<'a>(scene: &'a Scene, account: &str, control: &Control, criterion: Option<&str>) -> Vec<&'a Exception> {
    let holds = |one: &&Exception| {
        let spec = &one.spec;
        let (from, until) = (spec.starts_at.0, spec.expires_at.0);
        let names_account = spec.targets.include.iter().flatten().flat_map(|entry| entry.account_ids.iter().flatten());
        let everywhere = spec.controls.iter().flatten().any(|id| *id == control.id);
        let inside = spec.criteria.iter().flatten().any(|id| Some(id.as_str()) == criterion);
        from <= scene.now
            && scene.now < until
            && is_granted(scene, one)
            && names_account.into_iter().any(|id| id == account)
            && (everywhere || inside)
    };
    scene.exceptions.iter().filter(holds).collect()
}

/// Without a policy the operator's namespace may waive anything for 366 days.
pub fn is_granted(scene: &Scene, one: &Exception) -> bool {
    let seconds = one.spec.expires_at.0.as_second() - one.spec.starts_at.0.as_second();
    let known = one.spec.controls.iter().flatten().all(|id| catalog().control(id).is_some());
    scene.aws.exception_policy.is_none()
        && one.namespace == OPERATOR
        && known
        && (1..=366 * 86_400).contains(&seconds)
        && !(one.spec.covers_unknown && one.spec.resources.is_some())
}

pub fn covers(one: &Exception, resource: Option<&str>) -> bool {
    let Some(globs) = &one.spec.resources else { return true };
    let matches = |glob: &String, resource: &str| match glob.strip_suffix('*') {
        Some(beginning) => resource.starts_with(beginning),
        None => glob == resource,
    };
    resource.is_some_and(|resource| globs.iter().any(|glob| matches(glob, resource)))
}
