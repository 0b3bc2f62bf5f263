//! Which baselines share policies, what stays where it is, and what is refused.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use soc2_guardrails::pack::{Existing, PackInput, PackedPolicy, Packing, Piece, Sids, Unfit, pack};
use soc2_guardrails::{Document, TargetId};

/// A baseline with its targets.
#[derive(Clone, Debug)]
struct Want {
    baseline: String,
    document: Document,
    targets: BTreeSet<TargetId>,
    group: String,
}

/// A policy in AWS.
#[derive(Clone, Debug, PartialEq)]
struct There {
    id: String,
    key: String,
    content: String,
    targets: BTreeSet<String>,
}

fn targets(ids: &[&str]) -> BTreeSet<TargetId> {
    ids.iter().map(|id| TargetId((*id).to_owned())).collect()
}

/// A baseline that denies `count` actions of a service of this name.
fn want(baseline: &str, count: usize, on: &[&str], group: &str) -> Want {
    let actions: Vec<String> = (0..count).map(|number| format!("{baseline}:Action{number:04}")).collect();
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Sid":"{baseline}","Effect":"Deny","Action":{actions:?},"Resource":"{baseline}"}}}}"#
    );
    Want {
        baseline: baseline.to_owned(),
        document: Document::parse(&text).unwrap(),
        targets: targets(on),
        group: group.to_owned(),
    }
}

struct Options {
    free: usize,
    max: usize,
    repack: bool,
}

const PLAIN: Options = Options { free: 5, max: 1000, repack: false };

fn run(wants: &[Want], there: &[There], options: &Options) -> Packing {
    let pieces: Vec<Piece<'_>> = wants
        .iter()
        .map(|want| Piece {
            baseline: &want.baseline,
            document: &want.document,
            targets: &want.targets,
            group: &want.group,
        })
        .collect();
    let existing: Vec<Existing<'_>> = there
        .iter()
        .map(|policy| Existing {
            id: &policy.id,
            name: &policy.id,
            key: &policy.key,
            content: &policy.content,
            targets: &policy.targets,
        })
        .collect();
    let free = |_: &TargetId| options.free;
    pack(&PackInput {
        pieces: &pieces,
        existing: &existing,
        free: &free,
        max_characters: options.max,
        sids: Sids::Keep,
        repack: options.repack,
    })
}

/// AWS after the packing was enacted.
fn enacted(packing: &Packing) -> Vec<There> {
    let there = |policy: &PackedPolicy| There {
        id: policy.existing.as_ref().map_or_else(|| format!("p-{}", policy.key), |(id, _)| id.clone()),
        key: policy.key.clone(),
        content: policy.document.content.clone(),
        targets: policy.targets.iter().map(|target| target.0.clone()).collect(),
    };
    packing.policies.iter().map(there).collect()
}

/// Keys and baselines.
fn shape(packing: &Packing) -> Vec<(&str, String)> {
    packing.policies.iter().map(|policy| (policy.key.as_str(), policy.baselines.join(" "))).collect()
}

fn pairs<'a>(expected: &[(&'a str, &str)]) -> Vec<(&'a str, String)> {
    expected.iter().map(|(key, baselines)| (*key, (*baselines).to_owned())).collect()
}

#[test]
fn only_what_has_the_same_targets_and_group_shares_a_policy() {
    let wants = [
        want("a", 2, &["ou-1", "ou-2"], "g"),
        want("b", 2, &["ou-2", "ou-1"], "g"),
        want("c", 2, &["ou-1"], "g"),
        want("d", 2, &["ou-1", "ou-2"], "h"),
        want("a", 2, &["ou-3"], "g"),
    ];
    let packing = run(&wants, &[], &PLAIN);
    assert_eq!(shape(&packing), pairs(&[("a", "a"), ("c", "c"), ("d", "d"), ("pack", "a b")]));
    assert_eq!(packing.policies[3].targets, targets(&["ou-1", "ou-2"]));
    let mut reversed = wants.to_vec();
    reversed.reverse();
    assert_eq!(run(&reversed, &[], &PLAIN), packing);
}

#[test]
fn the_same_baseline_of_two_sets_is_on_a_target_once() {
    let wants =
        [want("a", 2, &["ou-1", "ou-2"], "g"), want("a", 2, &["ou-2", "ou-3"], "g"), want("a", 2, &["ou-4"], "g")];
    let packing = run(&wants, &[], &PLAIN);
    let found: Vec<_> = packing.policies.iter().map(|policy| policy.targets.clone()).collect();
    assert_eq!(found, [targets(&["ou-1", "ou-2", "ou-3"]), targets(&["ou-4"])]);
}

#[test]
fn a_baseline_joins_a_policy_that_keeps_its_name() {
    let first = run(&[want("b", 10, &["ou-1"], "g")], &[], &PLAIN);
    assert_eq!(shape(&first), pairs(&[("b", "b")]));
    let both = [want("a", 10, &["ou-1"], "g"), want("b", 10, &["ou-1"], "g")];
    let second = run(&both, &enacted(&first), &PLAIN);
    assert_eq!(shape(&second), pairs(&[("b", "a b")]));
    assert_eq!(second.policies[0].existing, Some(("p-b".to_owned(), "p-b".to_owned())));
    // It is recognized there, also when its parameters change, and when the first one goes.
    let grown = [want("a", 20, &["ou-1"], "g"), want("b", 10, &["ou-1"], "g")];
    assert_eq!(shape(&run(&grown, &enacted(&second), &PLAIN)), pairs(&[("b", "a b")]));
    assert_eq!(shape(&run(&both[..1], &enacted(&second), &PLAIN)), pairs(&[("b", "a")]));
    // A new policy for the first one does not get the name that is taken.
    let apart = [both[0].clone(), want("b", 10, &["ou-2"], "g")];
    let there = enacted(&run(&both[..1], &enacted(&second), &PLAIN));
    let packing = run(&apart, &there, &PLAIN);
    assert_eq!(shape(&packing), pairs(&[("b", "a"), ("b-2", "b")]));
    assert_eq!(shape(&run(&apart, &enacted(&packing), &PLAIN)), shape(&packing));
}

#[test]
fn what_was_edited_by_hand_is_still_the_policy_of_its_baseline() {
    let wants = [want("a", 5, &["ou-1"], "g")];
    let mut there = enacted(&run(&wants, &[], &PLAIN));
    for content in ["{", "{}", r#"{"Statement":[]}"#] {
        content.clone_into(&mut there[0].content);
        let packing = run(&wants, &there, &PLAIN);
        assert_eq!(packing.policies[0].existing.as_ref().map(|(id, _)| id.as_str()), Some("p-a"), "{content}");
    }
}

#[test]
fn statements_stay_where_they_are_until_a_repack_is_asked_for() {
    let wants: Vec<Want> = ["a", "b", "c"].iter().map(|name| want(name, 10, &["ou-1"], "g")).collect();
    let there: Vec<There> =
        wants.iter().flat_map(|one| enacted(&run(std::slice::from_ref(one), &[], &PLAIN))).collect();
    let sticky = run(&wants, &there, &PLAIN);
    assert_eq!(shape(&sticky), pairs(&[("a", "a"), ("b", "b"), ("c", "c")]));
    let repacked = run(&wants, &there, &Options { repack: true, ..PLAIN });
    assert_eq!(shape(&repacked), pairs(&[("a", "a b c")]));
    // What is there stays, also where there would be no room for it now; what comes needs room.
    assert!(run(&wants, &there, &Options { free: 1, ..PLAIN }).refused.is_empty());
    let more = [&wants[..], &[want("d", 50, &["ou-1"], "g")]].concat();
    let refused = run(&more, &there, &Options { free: 3, ..PLAIN }).refused;
    assert_eq!(
        refused[0].unfit.to_string(),
        "ou-1 would have 4 policies of ours and has room for 3; the 1560 characters of this group go into policies of at \
         most 1000: a repack, which moves statements, would need 2"
    );
    assert_eq!(refused[0].baselines, ["a", "b", "c", "d"]);
}

#[test]
fn what_grows_out_of_its_policy_leaves_last_in_what_was_made_for_it() {
    let wants = [want("a", 20, &["ou-1"], "g"), want("b", 20, &["ou-1"], "g")];
    let there = enacted(&run(&wants[1..], &[], &PLAIN));
    let there = enacted(&run(&wants, &there, &PLAIN));
    let grown = [want("a", 45, &["ou-1"], "g"), want("b", 20, &["ou-1"], "g")];
    assert_eq!(shape(&run(&grown, &there, &PLAIN)), pairs(&[("a", "a"), ("b", "b")]));
}

#[test]
fn a_group_is_refused_as_a_whole_and_no_other_with_it() {
    let max = |wants: &[Want]| run(wants, &[], &Options { free: 1, ..PLAIN });
    let wants = [
        want("a", 10, &["ou-1", "ou-2"], "g"),
        want("b", 10, &["ou-1", "ou-2", "ou-3"], "h"),
        want("c", 10, &["ou-4"], "h"),
        want("d", 10, &["ou-4"], "i"),
    ];
    let packing = max(&wants);
    assert_eq!(shape(&packing), pairs(&[("a", "a"), ("d", "d")]), "a refused group takes no slots");
    let Unfit::NoFreeSlot { target, needed, free, more, repacked, .. } = &packing.refused[0].unfit else {
        panic!("{:?}", packing.refused)
    };
    assert_eq!((target.0.as_str(), needed, free, more, repacked), ("ou-1", &2, &1, &1, &None));
    assert_eq!((packing.refused[0].group.as_str(), packing.refused.len()), ("h", 1));

    let packing = max(&[want("a", 70, &["ou-1"], "g"), want("b", 10, &["ou-1"], "g"), want("c", 10, &["ou-1"], "h")]);
    assert_eq!(shape(&packing), pairs(&[("c", "c")]));
    let message = packing.refused[0].unfit.to_string();
    assert_eq!(
        message,
        "a has 1140 characters, minified, and a policy may have 1000: split it in two, or shorten its lists"
    );

    let text = r#"{"Version":"2012-10-17","New":1,"Statement":[]}"#;
    let strange = Want { document: Document::parse(text).unwrap(), ..want("a", 1, &["ou-1"], "g") };
    let message = max(&[strange]).refused[0].unfit.to_string();
    assert_eq!(message, "a has elements whose meaning is not known (New): remove them");
}

#[test]
fn the_limit_is_the_last_character_that_fits() {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"a:B","Resource":"ü\\\""}}"#;
    let one = Want { document: Document::parse(text).unwrap(), ..want("a", 1, &["ou-1"], "g") };
    let characters = text.chars().count();
    let at = |max: usize| run(std::slice::from_ref(&one), &[], &Options { max, ..PLAIN });
    assert_eq!(at(characters).policies[0].document.content, text);
    let expected = Unfit::TooLarge { baseline: "a".to_owned(), characters, max_characters: characters - 1 };
    assert_eq!(at(characters - 1).refused[0].unfit, expected);
}

#[test]
fn what_is_there_comes_before_what_is_first_in_order() {
    let there = enacted(&run(&[want("b", 10, &["ou-1"], "h")], &[], &PLAIN));
    let wants = [want("a", 10, &["ou-1"], "g"), want("b", 10, &["ou-1"], "h")];
    let packing = run(&wants, &there, &Options { free: 1, ..PLAIN });
    assert_eq!(shape(&packing), pairs(&[("b", "b")]));
    assert_eq!(packing.refused[0].group, "g");
}

#[test]
fn other_versions_of_the_language_stay_apart_where_it_matters() {
    let old = |baseline: &str, resource: &str| {
        let text = format!(r#"{{"Statement":{{"Effect":"Deny","Action":"a:{baseline}","Resource":"{resource}"}}}}"#);
        Want { document: Document::parse(&text).unwrap(), ..want(baseline, 1, &["ou-1"], "g") }
    };
    let wants = [old("a", "arn:${aws:username}"), old("b", "arn:x"), want("c", 1, &["ou-1"], "g")];
    let packing = run(&wants, &[], &PLAIN);
    assert_eq!(shape(&packing), pairs(&[("a", "a"), ("pack", "b c")]));
    assert!(packing.policies[0].document.content.starts_with(r#"{"Version":"2008-10-17""#));
    assert!(packing.policies[1].document.content.starts_with(r#"{"Version":"2012-10-17""#));
}

/// Policies and characters of the best of all ways to part `wants`, each part measured by itself, once.
fn best(wants: &[Want], max: usize) -> (usize, usize) {
    let chosen = |mask: usize| -> Vec<Want> {
        wants.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, want)| want.clone()).collect()
    };
    let sizes: Vec<usize> = (0..1 << wants.len()).map(|mask| if mask == 0 { 0 } else { size(&chosen(mask)) }).collect();
    let mut found = (usize::MAX, usize::MAX);
    part(0, wants.len(), &mut Vec::new(), &mut |parts: &[usize]| {
        let sizes: Vec<usize> = parts.iter().map(|mask| sizes[*mask]).collect();
        if sizes.iter().all(|size| *size <= max) {
            found = found.min((sizes.len(), sizes.iter().sum()));
        }
    });
    found
}

/// Calls `visit` with every way to part what is from `next` on, as sets of bits.
fn part(next: usize, count: usize, parts: &mut Vec<usize>, visit: &mut dyn FnMut(&[usize])) {
    if next == count {
        visit(parts);
        return;
    }
    for at in 0..parts.len() {
        parts[at] |= 1 << next;
        part(next + 1, count, parts, visit);
        parts[at] &= !(1 << next);
    }
    parts.push(1 << next);
    part(next + 1, count, parts, visit);
    parts.pop();
}

fn size(wants: &[Want]) -> usize {
    let packing = run(wants, &[], &Options { max: usize::MAX, ..PLAIN });
    packing.policies[0].document.characters()
}

/// Baselines of a few actions each, some of which come together with others.
fn wants(most: usize) -> impl Strategy<Value = Vec<Want>> {
    let one = (1..25usize, 0..3usize, 0..4usize, 0..2usize);
    prop::collection::vec(one, 1..=most).prop_map(|picks| {
        let one = |(number, (count, joins, place, group)): (usize, (usize, usize, usize, usize))| {
            let mut one = want(
                &format!("b{number}"),
                count,
                [&["ou-1"][..], &["ou-1"], &["ou-2"], &["ou-1", "ou-2"]][place],
                ["g", "h"][group],
            );
            if joins > 0 {
                let text = one
                    .document
                    .to_string()
                    .replace(&format!(r#""Resource":"b{number}""#), &format!(r#""Resource":"r{joins}""#));
                one.document = Document::parse(&text).unwrap();
            }
            one
        };
        picks.into_iter().enumerate().map(one).collect()
    })
}

/// Where each baseline is: id or key by baseline and targets.
fn places(packing: &Packing) -> BTreeMap<(String, String), String> {
    let place = |policy: &PackedPolicy| {
        policy.existing.as_ref().map_or_else(|| format!("p-{}", policy.key), |(id, _)| id.clone())
    };
    let each = |policy: &PackedPolicy| {
        let (place, group) = (place(policy), policy.group.clone());
        policy.baselines.clone().into_iter().map(move |baseline| ((baseline, group.clone()), place.clone()))
    };
    packing.policies.iter().flat_map(each).collect()
}

proptest! {
    #![proptest_config(crate::model::cases(64))]

    #[test]
    fn up_to_six_are_packed_as_well_as_can_be(mut wants in wants(6), max in 500usize..1500) {
        for want in &mut wants {
            (want.targets, want.group) = (targets(&["ou-1"]), "g".to_owned());
        }
        let packing = run(&wants, &[], &Options { free: 6, max, repack: false });
        prop_assume!(packing.refused.is_empty());
        let characters = packing.policies.iter().map(|policy| policy.document.characters()).sum();
        prop_assert_eq!((packing.policies.len(), characters), best(&wants, max));
    }

    #[test]
    fn many_are_packed_completely_and_in_bounds(wants in wants(20), max in 700usize..1500, free in 1usize..8) {
        let packing = run(&wants, &[], &Options { free, max, repack: false });
        let mut used: BTreeMap<&TargetId, usize> = BTreeMap::new();
        for policy in &packing.policies {
            prop_assert!(policy.document.characters() <= max);
            for target in &policy.targets {
                *used.entry(target).or_default() += 1;
            }
        }
        prop_assert!(used.values().all(|used| *used <= free));
        // Every group is either there with all its baselines, or refused with all of them.
        for group in ["g", "h"] {
            let mut wanted: Vec<&str> = wants.iter().filter(|want| want.group == group).map(|want| want.baseline.as_str()).collect();
            let of_group = packing.policies.iter().filter(|policy| policy.group == group);
            let mut found: Vec<&str> = of_group.flat_map(|policy| &policy.baselines).map(String::as_str).collect();
            if let Some(refused) = packing.refused.iter().find(|refused| refused.group == group) {
                prop_assert!(found.is_empty());
                found = refused.baselines.iter().map(String::as_str).collect();
            }
            wanted.sort_unstable();
            found.sort_unstable();
            prop_assert_eq!(found, wanted);
        }
        let keys: BTreeSet<&String> = packing.policies.iter().map(|policy| &policy.key).collect();
        prop_assert_eq!(keys.len(), packing.policies.len());
    }

    #[test]
    fn what_is_packed_stays_as_it_is_and_where_it_is(wants in wants(10), cut in any::<prop::sample::Index>(), shift in any::<bool>()) {
        let options = Options { free: 9, max: 1200, repack: false };
        let cut = cut.index(wants.len()) + 1;
        let before = run(&wants[..cut], &[], &options);
        let mut there = enacted(&before);
        let again = run(&wants[..cut], &there, &options);
        prop_assert_eq!(shape(&again), shape(&before));
        prop_assert_eq!(enacted(&again), there.clone());
        if shift {
            there.reverse();
        }
        let more = run(&wants, &there, &options);
        let (old, new) = (places(&before), places(&more));
        prop_assert!(old.iter().all(|(baseline, place)| new.get(baseline) == Some(place)), "{:?} became {:?}", old, new);
        prop_assert_eq!(enacted(&run(&wants, &enacted(&more), &options)), enacted(&more));
        // Fewer wants: what is left stays too.
        let less = run(&wants[..cut], &enacted(&more), &options);
        prop_assert!(places(&less).iter().all(|(baseline, place)| new.get(baseline) == Some(place)));
        let dense = run(&wants, &enacted(&more), &Options { repack: true, ..options });
        prop_assert!(dense.policies.len() <= more.policies.len());
    }
}
