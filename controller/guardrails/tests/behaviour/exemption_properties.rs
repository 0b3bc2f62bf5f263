//! Exemptions of any patterns, against the obvious way to match them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use soc2_guardrails::library::compile;
use soc2_guardrails::{Decision, Effective, Exemptions, Parameters, ReadPolicies, Request, evaluate, protection};

use crate::exemptions::{ACCOUNT, CLOUDTRAIL, guardrail, leaving_out, world};
use crate::model::{add_policy, id};
use crate::protections::in_words;

/// Whether a pattern matches, part by part, the obvious way.
fn matches(pattern: &str, arn: &str) -> bool {
    fn glob(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => (0..=text.len()).any(|at| glob(rest, &text[at..])),
            (Some((b'?', rest)), Some((_, text))) => glob(rest, text),
            (Some((wanted, rest)), Some((found, text))) => wanted == found && glob(rest, text),
            _ => false,
        }
    }
    let (patterns, parts): (Vec<&str>, Vec<&str>) = (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    patterns.len() == parts.len() && patterns.iter().zip(parts).all(|(one, part)| glob(one.as_bytes(), part.as_bytes()))
}

fn names() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "/", "*", "?"]), 1..5).prop_map(|parts| parts.concat())
}

fn patterns() -> impl Strategy<Value = String> {
    let account = prop::sample::select(vec!["*", "333333333333", "555555555555"]);
    (account, names()).prop_map(|(account, name)| format!("arn:aws:iam::{account}:role/{name}"))
}

fn principals() -> impl Strategy<Value = String> {
    patterns().prop_map(|pattern| pattern.replace("::*", "::333333333333").replace(['*', '?'], "a"))
}

proptest! {
    #[test]
    fn what_a_pattern_covers_it_matches(wide in patterns(), narrow in patterns(), arn in principals()) {
        let covers = Exemptions::known([wide.clone()]).cover(&narrow);
        prop_assert!(!(covers && matches(&narrow, &arn)) || matches(&wide, &arn), "{wide} {narrow} {arn}");
        prop_assert!(Exemptions::known([wide.clone()]).cover(&wide));
        let all = Exemptions::known([wide.clone(), narrow.clone()]);
        let any = matches(&wide, &arn) || matches(&narrow, &arn);
        prop_assert_eq!(all.patterns().iter().any(|pattern| matches(pattern, &arn)), any, "none is lost");
    }

    #[test]
    fn protected_means_denied_to_everybody_who_is_not_exempt(
        exempt in prop::collection::vec(patterns(), 0..3),
        theirs in prop::collection::vec(patterns(), 0..3),
        operator in prop::sample::select(vec!["ArnNotLike", "ArnNotEquals", "StringNotLike", "StringNotEquals"]),
        suffix in prop::sample::select(vec!["", "IfExists"]),
        principal in principals(),
    ) {
        let mut world = world();
        let theirs: Vec<&str> = theirs.iter().map(String::as_str).collect();
        add_policy(&mut world.inventory, "p-1", &leaving_out(&format!("{operator}{suffix}"), &theirs), &["r-ab12"]);
        let known = Exemptions::known(exempt.clone());
        let answers = protection(guardrail(CLOUDTRAIL), &world.org, Some(&world.inventory), &known, &[]);
        let protected = in_words(&answers[&id(ACCOUNT)]) == "by p-1";
        if protected && !exempt.iter().any(|pattern| matches(pattern, &principal)) {
            let policies = ReadPolicies::new(&world.inventory);
            let Effective::Levels(levels) = policies.effective(&world.org, id(ACCOUNT)) else { panic!("no levels") };
            let context = BTreeMap::from([("aws:PrincipalArn".to_owned(), vec![principal.clone()])]);
            let request = Request {
                principal: Some(&principal), action: "cloudtrail:StopLogging", resource: "*", context: &context,
                unknown_context: false,
            };
            let decision = evaluate(&levels, &request);
            prop_assert!(matches!(decision, Decision::ExplicitDeny { .. }), "{decision:?}");
        }
    }

    #[test]
    fn compiling_is_stable_whatever_the_order(mut exempt in prop::collection::vec(patterns(), 0..5)) {
        let content = |exempt: &[String]| {
            let exempt = Exemptions::known(exempt.to_vec());
            compile(guardrail(CLOUDTRAIL), &Parameters::new(), &exempt, &exempt).unwrap().content
        };
        let once = content(&exempt);
        exempt.reverse();
        prop_assert_eq!(once, content(&exempt));
    }
}
