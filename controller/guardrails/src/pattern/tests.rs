use proptest::prelude::*;

use super::*;

/// Whether a resource matches, with the pattern taken apart.
fn matches_resource(pattern: &str, resource: &str) -> bool {
    Resource::new(pattern).matches(resource)
}

#[test]
fn wildcards_stand_for_what_aws_documents() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("*", "", true),
        ("*", "s3:GetObject", true),
        ("?", "", false),
        ("s3:Get*", "s3:GetObject", true),
        ("s3:*Object", "s3:GetObject", true),
        ("s3:*Object", "s3:GetObjectAcl", false),
        ("s3:?etObject", "s3:GetObject", true),
        ("s3:?etObject", "s3:etObject", false),
        ("*:*", "s3:GetObject", true),
        ("a*b*c", "aXbYbc", true),
        ("a*b*c", "aXbYbd", false),
        ("**a", "bca", true),
        ("ü?", "üß", true),
        ("s3:GetObject", "s3:getobject", false),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern:?} on {text:?}");
    }
    assert!(matches_ignore_case("S3:getO*", "s3:GetObject"));
}

#[test]
fn wildcards_of_a_resource_stay_in_their_part_of_the_arn() {
    for (pattern, resource, expected) in [
        ("*", "*", true),
        ("*", "arn:aws:s3:::bucket", true),
        ("arn:aws:s3:::bucket/*/test/*", "arn:aws:s3:::bucket/1///test/object.jpg", true),
        ("arn:aws:s3:::bucket/*/test/*", "arn:aws:s3:::bucket/1-test/object.jpg", false),
        ("arn:aws:s3:::Bucket", "arn:aws:s3:::bucket", false),
        // A `*` that ends its part may run on over colons.
        ("arn:aws:dynamodb:*:table/prod-*", "arn:aws:dynamodb:eu-west-1:111111111111:table/prod-1", true),
        ("arn:aws:s3*", "arn:aws:s3:::bucket", true),
        // One within a part may not.
        ("arn:aws:ec2:eu-*-1:111111111111:volume/*", "arn:aws:ec2:eu-west-1:111111111111:volume/vol-1", true),
        ("arn:aws:ec2:e*1:111111111111:volume/*", "arn:aws:ec2:eu:x1:111111111111:volume/vol-1", false),
        ("arn:aws:ec2:eu?west-1:111111111111:volume/*", "arn:aws:ec2:eu:west-1:111111111111:volume/vol-1", false),
        // In the last part a colon is like any other character.
        ("arn:aws:logs:*:*:log-group:foo*bar", "arn:aws:logs:eu-west-1:111111111111:log-group:foo:x:bar", true),
        ("arn:aws:s3:::bucket", "*", false),
    ] {
        assert_eq!(matches_resource(pattern, resource), expected, "{pattern:?} on {resource:?}");
    }
}

#[test]
fn arns_are_compared_part_by_part() {
    for (pattern, arn, expected) in [
        ("arn:aws:iam::*:role/admin", "arn:aws:iam::111111111111:role/admin", Some(true)),
        ("arn:aws:iam::*:role/*", "arn:aws:iam::111111111111:role/team/admin", Some(true)),
        ("arn:aws:iam::*", "arn:aws:iam::111111111111:role/admin", None),
        ("*", "arn:aws:iam::111111111111:role/admin", None),
        ("arn:*:iam:*:*:role/a", "arn:aws:iam::1:role/a", Some(true)),
        ("arn:aws:*:*:*:*", "arn:aws:logs:eu-west-1:1:log-group:x:*", Some(true)),
        ("arn:aws:iam::*:role/a", "arn:aws:iam::1:2:role/a", Some(false)),
        ("arn:aws:iam::*:role/a", "no arn", Some(false)),
    ] {
        assert_eq!(matches_arn(&symbols(pattern), arn), expected, "{pattern:?} on {arn:?}");
        assert_eq!(Arn::new(pattern).map(|pattern| pattern.matches(arn)), expected, "{pattern:?} on {arn:?}");
    }
}

#[test]
fn a_pattern_made_to_be_slow_is_not() {
    let pattern = "*a".repeat(200);
    let text = "a".repeat(199);
    assert!(!matches(&pattern, &text));
    assert!(!matches_symbols(&symbols(&pattern), &text));
}

proptest! {
    #[test]
    fn the_fast_way_gives_what_the_thorough_one_does(pattern in "[ab:*?]{0,12}", text in "[ab:]{0,12}") {
        prop_assert_eq!(matches(&pattern, &text), matches_symbols(&symbols(&pattern), &text));
        prop_assert_eq!(matches(&pattern, &text), Pattern::new(&pattern).matches(&text));
    }

    #[test]
    fn actions_by_service_match_as_the_patterns_one_by_one_do(
        patterns in prop::collection::vec("[aBé*?]{0,3}(:[aBé*?:]{0,4})?", 0..4),
        action in "[AbÉé]{0,3}(:[AbÉé:]{0,4})?",
    ) {
        let expected = patterns.iter().any(|pattern| matches_ignore_case(pattern, &action));
        prop_assert_eq!(Actions::new(&patterns).contain(Action::new(&action)), expected);
    }

    #[test]
    fn arns_match_alike_both_ways(pattern in "([ab*?]{0,3}:){0,6}[ab*?:]{0,4}", arn in "([ab]{0,2}:){0,7}[ab]{0,3}") {
        let expected = matches_arn(&symbols(&pattern), &arn);
        prop_assert_eq!(Arn::new(&pattern).map(|pattern| pattern.matches(&arn)), expected);
    }

    #[test]
    fn resources_match_alike_both_ways(pattern in "([ab*?]{0,3}:){0,6}[ab*?:]{0,4}", text in "([ab]{0,2}:){0,7}[ab]{0,3}") {
        let mut thorough = symbols(&pattern);
        keep_in_segments(&mut thorough);
        prop_assert_eq!(matches_resource(&pattern, &text), pattern == "*" || matches_symbols(&thorough, &text));
    }

    #[test]
    fn a_resource_matches_at_most_what_the_plain_pattern_does(pattern in "([ab*?]{0,3}:){0,6}[ab*?:]{0,4}", text in "([ab]{0,2}:){0,7}[ab]{0,3}") {
        prop_assert!(!matches_resource(&pattern, &text) || matches(&pattern, &text));
    }
}
