use proptest::prelude::*;

use super::*;
use crate::pattern::{matches, matches_symbols};

#[test]
fn what_covers_what() {
    for (outer, inner, covered) in [
        ("*", "${a:b}", true),
        ("a*", "a*b", true),
        ("a*b", "a*", false),
        ("a?", "ab", true),
        ("a?", "a*", false),
        ("a*", "a?b", true),
        ("*b*", "a?b*c", true),
        ("ab", "ab", true),
        ("${a:b}*", "${a:b}c", false),
        ("a*", "a${b:c}", false),
    ] {
        assert_eq!(Pattern::text(outer).covers(&Pattern::text(inner)), covered, "{outer} {inner}");
    }
    // In the first five parts of an ARN, a star in the middle is within its part.
    let resource = |outer: &str, inner: &str| Pattern::resource(outer).covers(&Pattern::resource(inner));
    assert!(resource("arn:a*s:s3:::b", "arn:aws:s3:::b"));
    assert!(!resource("arn:a*s:s3:::b", "arn:a*:s3:::b"), "the star on the right runs over colons");
    assert!(resource("arn:a*:s3:::b", "arn:a*s:s3:::b"));
    assert!(!resource("arn:?:s3:::b", "arn:::s3:::b"));
    let arn = |outer: &str, inner: &str| Pattern::text(outer).covers_by_part(&Pattern::text(inner));
    assert!(arn("arn:aws:iam::*:role/*", "arn:aws:iam::1:role/x"));
    assert!(!arn("arn:*", "arn:aws:iam::1:role/x"), "what is no ARN is not known");
    assert!(arn("arn:*", "arn:*"));
}

#[test]
fn of_two_that_cover_each_other_the_first_stays() {
    let reduced = |texts: &[&str]| -> Vec<String> {
        let patterns: Vec<Pattern> = texts.iter().map(|text| Pattern::text(text)).collect();
        reduce(&patterns, Pattern::covers).into_iter().map(|pattern| pattern.text.clone()).collect()
    };
    assert_eq!(reduced(&["a**", "a*", "ab", "b", "a*", "b"]), ["a**", "b"]);
    assert_eq!(reduced(&["ab", "a?", "a*", "**", "*"]), ["**"]);
}

/// Whether the `Resource` element matches.
fn matches_resource(pattern: &str, text: &str) -> bool {
    let mut symbols = symbols(pattern);
    keep_in_segments(&mut symbols);
    matches_symbols(&symbols, text)
}

/// Whether the `Action` element matches.
fn matches_action(pattern: &str, text: &str) -> bool {
    matches(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase())
}

/// A text over few characters.
fn over(alphabet: &'static [char], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(alphabet), 0..=most)
        .prop_map(|characters| characters.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_is_covered_never_matches_alone(
        outer in over(&['a', 'A', ':', '*', '?', '*'], 6), inner in over(&['a', 'b', ':', '*', '?'], 6),
        texts in prop::collection::vec(over(&['a', 'b', 'A', ':'], 8), 20)
    ) {
        for text in &texts {
            if Pattern::text(&outer).covers(&Pattern::text(&inner)) && matches(&inner, text) {
                prop_assert!(matches(&outer, text), "{} {} {}", outer, inner, text);
            }
            if Pattern::action(&outer).covers(&Pattern::action(&inner)) && matches_action(&inner, text) {
                prop_assert!(matches_action(&outer, text), "{} {} {}", outer, inner, text);
            }
            if Pattern::resource(&outer).covers(&Pattern::resource(&inner)) && matches_resource(&inner, text) {
                prop_assert!(matches_resource(&outer, text), "{} {} {}", outer, inner, text);
            }
        }
    }

    /// A pattern made wider is found to cover what it was made of.
    #[test]
    fn what_is_made_wider_covers(inner in over(&['a', 'b', ':', '*', '?'], 8), at in any::<prop::sample::Index>()) {
        let at = at.index(inner.len() + 1);
        let wider = format!("{}*{}", &inner[..at], &inner[at..]);
        prop_assert!(Pattern::text(&wider).covers(&Pattern::text(&inner)), "{} {}", wider, inner);
        prop_assert!(Pattern::action(&wider).covers(&Pattern::action(&inner)), "{} {}", wider, inner);
    }
}
