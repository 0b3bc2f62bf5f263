//! Resources that are none, or that the actions never have.

use std::collections::{BTreeMap, BTreeSet};

use super::{effects, some};
use crate::lint::Diagnostic;
use crate::lint::model::{Clause, Statement};
use crate::lint::patterns::{has_wildcard, overlap, without_variables};
use crate::lint::rules::matching::{MALFORMED_RESOURCE, RESOURCE_NEVER_MATCHES};
use crate::lint::table::table;

pub(super) fn check(statement: &Statement, found: &mut Vec<Diagnostic>) {
    let Some(resources) = &statement.resources else { return };
    let before = found.len();
    found.extend(resources.patterns.iter().filter(|(_, pattern)| is_malformed(pattern)).map(|(pointer, pattern)| {
        statement.finding(&MALFORMED_RESOURCE, pointer, format!("{pattern:?} is neither * nor an ARN with six parts"))
    }));
    if found.len() == before && !resources.negated && !effects::matches_everything(resources) {
        never_matches(statement, resources, found);
    }
}

/// Whether AWS would not take it. What has a wildcard or a variable may be more than it seems.
fn is_malformed(pattern: &str) -> bool {
    let open = has_wildcard(pattern) || pattern.contains("${");
    !open && (!pattern.starts_with("arn:") || pattern.split(':').count() < crate::pattern::ARN_PARTS)
}

/// What the requests of one pattern of actions are for.
struct Targets<'a> {
    pointer: String,
    written: &'a str,
    /// ARNs of the resource types as patterns, each with how they are documented.
    arns: Vec<(&'static str, &'static str)>,
}

fn never_matches(statement: &Statement, resources: &Clause, found: &mut Vec<Diagnostic>) {
    let Some(targets) = statement.actions.as_ref().and_then(targets) else { return };
    let patterns: Vec<String> = resources.patterns.items.iter().map(|pattern| without_variables(pattern)).collect();
    // Many actions share their ARNs: each is compared once.
    let mut matching: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut used = BTreeSet::new();
    let mut without = Vec::new();
    for target in &targets {
        let before = without.len();
        without.push(target);
        for (arn, _) in &target.arns {
            let hits = matching.entry(arn).or_insert_with(|| {
                let hits = patterns.iter().enumerate().filter(|(_, pattern)| can_match(pattern, arn));
                hits.map(|(index, _)| index).collect()
            });
            used.extend(hits.iter().copied());
            if !hits.is_empty() {
                without.truncate(before);
            }
        }
    }
    // Where no pair matches, one finding for each resource says it all.
    if without.len() < targets.len() {
        found.extend(without.into_iter().map(|target| {
            let documented = documented(std::iter::once(target));
            let message =
                format!("{} is for {documented}, which no Resource of this statement matches", target.written);
            statement.finding(&RESOURCE_NEVER_MATCHES, target.pointer.as_str(), message)
        }));
    }
    if used.len() < patterns.len() {
        let documented = documented(targets.iter());
        let unused = resources.patterns.iter().enumerate().filter(|(index, _)| !used.contains(index));
        found.extend(unused.map(|(_, (pointer, pattern))| {
            let message = format!("{pattern} matches no resource of these actions, which are for {documented}");
            statement.finding(&RESOURCE_NEVER_MATCHES, pointer, message)
        }));
    }
}

/// Whether a pattern matches ARNs of a resource type. A star may run over colons, so that an account in a pattern could be a piece of a
/// resource's name; that is never meant where ARNs of the type have no account.
fn can_match(pattern: &str, arn: &str) -> bool {
    let named = account(pattern).is_some_and(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()));
    overlap(pattern, arn) && !(named && account(arn).is_some_and(str::is_empty))
}

/// The part of an ARN where its account is.
fn account(arn: &str) -> Option<&str> {
    arn.split(':').nth(4)
}

/// What the actions are for; `None` when it is not known of all of them.
fn targets(actions: &Clause) -> Option<Vec<Targets<'_>>> {
    if actions.negated {
        return None;
    }
    actions.patterns.iter().map(|(pointer, written)| Some(Targets { pointer, written, arns: arns(written)? })).collect()
}

/// ARNs of the resource types of all actions that a pattern matches; `None` when it is not known.
fn arns(written: &str) -> Option<Vec<(&'static str, &'static str)>> {
    let folded = written.to_ascii_lowercase();
    let (prefix, name) = folded.split_once(':').filter(|(prefix, _)| !has_wildcard(prefix))?;
    let service = table().service(prefix)?;
    let mut arns = Vec::new();
    let mut known = false;
    for action in service.matching(name) {
        known = true;
        arns.extend(service.resources(action).map(|resource| (resource.pattern.as_str(), resource.arn.as_str())));
    }
    arns.sort_unstable();
    arns.dedup();
    known.then_some(arns)
}

fn documented<'a>(targets: impl Iterator<Item = &'a Targets<'a>>) -> String {
    let mut arns: Vec<String> = targets.flat_map(|target| &target.arns).map(|(_, arn)| (*arn).to_owned()).collect();
    arns.sort_unstable();
    arns.dedup();
    if arns.is_empty() { "no resource types, only \"*\"".to_owned() } else { some(&arns) }
}

#[cfg(test)]
mod tests {
    use super::{can_match, is_malformed};

    #[test]
    fn an_account_is_where_the_type_has_one() {
        for (pattern, arn, expected) in [
            ("arn:aws:ec2:*:111111111111:image/*", "arn:*:ec2:*::image/*", false),
            ("arn:aws:ec2:*:*:image/*", "arn:*:ec2:*::image/*", true),
            ("arn:aws:ec2:*::image/*", "arn:*:ec2:*::image/*", true),
            ("arn:aws:iam:::role/a", "arn:*:iam::?*:role/*", false),
            ("arn:aws:iam::111111111111:role/a", "arn:*:iam::?*:role/*", true),
            ("arn:aws:iam::*:role/a", "arn:*:iam::?*:role/*", true),
            ("arn:aws:logs:*:log-group:a:*", "arn:*:logs:*:?*:log-group:*", true),
        ] {
            assert_eq!(can_match(pattern, arn), expected, "{pattern} {arn}");
        }
    }

    #[test]
    fn what_may_be_an_arn_is_not_malformed() {
        for (pattern, malformed) in [
            ("arn:aws:s3:::a", false),
            ("arn:aws:s3", true),
            ("*a", false),
            ("arn:*", false),
            ("${aws:PrincipalArn}", false),
            ("a", true),
            ("", true),
        ] {
            assert_eq!(is_malformed(pattern), malformed, "{pattern}");
        }
    }
}
