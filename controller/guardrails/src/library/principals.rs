//! Patterns over principals, and who is exempt.

use std::collections::BTreeSet;

use soc2_crds::{AwsOrganizationSpec, GuardrailSetSpec};

use super::parameters::Parameters;
use crate::inventory::{Policy, PolicyInventory};
use crate::lint::is_open;
use crate::pattern::covers_arn;

/// Control Tower sets accounts up and mends them with these; both names are fixed, by it and by stack sets of AWS.
const CONTROL_TOWER: [&str; 2] = ["arn:*:iam::*:role/AWSControlTowerExecution", "arn:*:iam::*:role/stacksets-exec-*"];
/// Landing Zone Accelerator works in every account with these.
const ACCELERATOR: [&str; 2] = ["arn:*:iam::*:role/AWSAccelerator-*", "arn:*:iam::*:role/AWSControlTowerExecution"];
/// How Control Tower's policies are called.
const CONTROL_TOWER_POLICY: &str = "aws-guardrails-";
/// How Landing Zone Accelerator's policies are called unless somebody chose otherwise, and the tag that its resources have.
const ACCELERATOR_POLICIES: [&str; 2] = ["AcceleratorGuardrails", "AWSAccelerator"];
const ACCELERATOR_TAG: &str = "Accelerator";

/// A pattern that must not exempt anybody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pattern:?} {problem}")]
pub struct BadPattern {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it, and what is allowed.
    pub problem: &'static str,
}

/// Whether a pattern over principals names roles or users that not everybody can make.
///
/// # Errors
/// When it names neither, or has a wildcard without a fixed path, as the lint decides it: then a role that whoever can create
/// roles makes is exempt.
pub fn check_pattern(pattern: &str) -> Result<(), BadPattern> {
    let bad = |problem| Err(BadPattern { pattern: pattern.to_owned(), problem });
    let parts: Vec<&str> = pattern.splitn(6, ':').collect();
    let ["arn", partition, service, region, account, resource] = parts[..] else {
        return bad("is no ARN; write one of an IAM role or user, such as arn:aws:iam::*:role/Admin");
    };
    if service == "sts" {
        return bad("is the ARN of a session; AWS compares that of its role: write arn:aws:iam::<account>:role/<name>");
    }
    let of_partition = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let account_id = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let named = partition == "*" || (partition.starts_with("aws") && of_partition(partition));
    if !(named && service == "iam" && region.is_empty() && (account == "*" || account_id)) {
        return bad("names no IAM principal; write arn:aws:iam::<account id or *>:role/<name> or :user/<name>");
    }
    let Some(name) = resource.strip_prefix("role/").or_else(|| resource.strip_prefix("user/")) else {
        return bad("is neither a role nor a user; write arn:aws:iam::<account id or *>:role/<name> or :user/<name>");
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-/*?".contains(c);
    if name.is_empty() || name.starts_with('/') || !name.chars().all(allowed) {
        return bad(
            "has a name that no role or user can have; letters, digits and +=,.@_-/ may stand there, and * and ?",
        );
    }
    if is_open(resource) {
        return bad(
            "has a wildcard and no fixed path in front of it, so that whoever can create roles could be exempt; write the whole \
             name, or a path before the wildcard, such as arn:aws:iam::*:role/platform/*",
        );
    }
    Ok(())
}

/// Principals that guardrails do not restrict, as patterns over their ARNs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exemptions(BTreeSet<String>);

impl Exemptions {
    /// Those that people wrote; `field` is where.
    ///
    /// # Errors
    /// The first pattern that must not exempt anybody, with its field.
    pub fn written<'a>(field: &str, patterns: impl IntoIterator<Item = &'a String>) -> Result<Self, String> {
        let mut found = BTreeSet::new();
        for (at, pattern) in patterns.into_iter().enumerate() {
            check_pattern(pattern).map_err(|bad| format!("{field}[{at}]: {bad}"))?;
            found.insert(pattern.clone());
        }
        Ok(Self(found))
    }

    /// Those that are known by other means.
    pub fn known(patterns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(patterns.into_iter().map(Into::into).collect())
    }

    /// These and others.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        Self(self.0.union(&others.0).cloned().collect())
    }

    /// Whether nobody is exempt.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The patterns without those that another one takes in, in order. Of two that take in each other, the first stays.
    #[must_use]
    pub fn patterns(&self) -> Vec<&str> {
        let taken_in = |pattern: &&String| {
            let takes_in =
                |other: &String| covers_arn(other, pattern) && (!covers_arn(pattern, other) || other < *pattern);
            self.0.iter().any(|other| other != *pattern && takes_in(other))
        };
        self.0.iter().filter(|pattern| !taken_in(pattern)).map(String::as_str).collect()
    }

    /// The patterns of roles, or of users.
    pub(super) fn of_kind(&self, kind: &str) -> Vec<String> {
        let marker = format!(":{kind}/");
        self.patterns().into_iter().filter(|pattern| pattern.contains(&marker)).map(str::to_owned).collect()
    }

    /// Whether everybody whom a pattern matches is exempt.
    #[must_use]
    pub fn cover(&self, pattern: &str) -> bool {
        self.0.iter().any(|exempt| covers_arn(exempt, pattern))
    }
}

/// The principals that an organization exempts: those for emergencies, and the operator's own roles. Where its object names no
/// role, the operator works with its own credentials, whose ARN is not known here: name it for emergencies then.
///
/// # Errors
/// A pattern that must not exempt anybody, with its field.
pub fn exempt_by_organization(spec: &AwsOrganizationSpec) -> Result<Exemptions, String> {
    let written = spec.guardrails.break_glass_principals.iter().flatten();
    let written = Exemptions::written("spec.guardrails.breakGlassPrincipals", written)?;
    let access = [&spec.organizations.role, &spec.organizations.write_role];
    let of_sources = spec
        .security_hub
        .iter()
        .flat_map(|source| [source.role.as_ref(), source.events.as_ref().and_then(|events| events.role.as_ref())]);
    let of_events = spec.organizations.events.as_ref().and_then(|events| events.role.as_ref());
    let arns = access
        .into_iter()
        .map(Option::as_ref)
        .chain(of_sources)
        .chain([of_events])
        .flatten()
        .map(|role| role.arn.clone());
    let per_account = spec.security_hub.iter().filter_map(|source| source.per_account.as_ref());
    // In any partition: an account is in one only.
    let names = per_account.map(|role| format!("arn:*:iam::*:role/{}", role.role_name));
    Ok(written.and(&Exemptions::known(arns.chain(names))))
}

/// What guardrail sets say of a guardrail: whom those that name it exempt, and its parameters in each of them.
fn said_by_sets<'a>(
    guardrail: &str,
    sets: impl IntoIterator<Item = &'a GuardrailSetSpec>,
) -> (Exemptions, Vec<Parameters>) {
    let (mut exempt, mut settings) = (Exemptions::default(), Vec::new());
    for set in sets {
        let named = set.baselines.iter().find(|baseline| baseline.name == guardrail);
        // Exempt principals are protected wherever they are exempt, by a guardrail that need not be named.
        if named.is_none() && guardrail != super::PROTECT_EXEMPT {
            continue;
        }
        // A set with a pattern that exempts nobody is refused as a whole.
        let Ok(of_set) = Exemptions::written("", set.exempt_principals.iter().flatten()) else { continue };
        exempt = exempt.and(&of_set);
        settings.extend(named.map(|baseline| baseline.parameters.clone().unwrap_or_default()));
    }
    (exempt, settings)
}

/// Whom policies of a guardrail may exempt so that it still counts as in force, and its parameters in guardrail sets.
#[must_use]
pub fn accepted<'a>(
    guardrail: &str,
    organization: &AwsOrganizationSpec,
    inventory: Option<&PolicyInventory>,
    sets: impl IntoIterator<Item = &'a GuardrailSetSpec>,
) -> (Exemptions, Vec<Parameters>) {
    let (of_sets, settings) = said_by_sets(guardrail, sets);
    // With a pattern that exempts nobody, no set of the organization is planned, and nobody is exempt.
    let of_organization = exempt_by_organization(organization).unwrap_or_default();
    let seen = inventory.map(landing_zone).unwrap_or_default();
    (of_organization.and(&seen).and(&of_sets), settings)
}

/// The roles of Control Tower and of Landing Zone Accelerator, where policies of theirs are seen.
#[must_use]
pub fn landing_zone(inventory: &PolicyInventory) -> Exemptions {
    let mut patterns = BTreeSet::new();
    for policy in inventory.policies.values().filter(|policy| !policy.aws_managed) {
        if is_control_tower(policy) {
            patterns.extend(CONTROL_TOWER);
        }
        if is_accelerator(policy) {
            patterns.extend(ACCELERATOR);
        }
    }
    Exemptions::known(patterns)
}

/// The landing zone that made a policy, if one did.
#[must_use]
pub fn landing_zone_of(policy: &Policy) -> Option<&'static str> {
    match policy {
        _ if is_control_tower(policy) => Some("Control Tower"),
        _ if is_accelerator(policy) => Some("Landing Zone Accelerator"),
        _ => None,
    }
}

fn is_control_tower(policy: &Policy) -> bool {
    policy.name.starts_with(CONTROL_TOWER_POLICY)
}

fn is_accelerator(policy: &Policy) -> bool {
    let named = ACCELERATOR_POLICIES.iter().any(|prefix| policy.name.starts_with(prefix));
    named || policy.tags.contains_key(ACCELERATOR_TAG)
}
