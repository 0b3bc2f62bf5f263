//! What patterns with `*` and `?` have in common, without a text to match. Case is for the caller to fold.

/// Whether a pattern is stars only, which match everything.
pub(super) fn is_everything(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.bytes().all(|byte| byte == b'*')
}

/// Whether there is a wildcard in it.
pub(super) fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// Whether a principal that anybody makes can match the resource part of an ARN: it has a wildcard, and no fixed path in front of
/// it. What is below a fixed path can be protected as a whole. A variable stands for anything, as far as it is known here, but who
/// calls does not choose it freely.
pub(crate) fn is_open(resource: &str) -> bool {
    let Some((kind, rest)) = resource.split_once('/') else { return has_wildcard(resource) };
    let written = without_variables(rest);
    let fixed = written.split_once('/').is_some_and(|(first, _)| !first.is_empty() && !has_wildcard(first));
    has_wildcard(kind) || has_wildcard(rest) && !fixed
}

/// With `*` for each policy variable, as what it stands for is not known. The escapes `${*}`, `${?}` and `${$}` become one too.
pub(super) fn without_variables(pattern: &str) -> String {
    with_variables_as(pattern, "*")
}

/// What is written as it stands: without the policy variables.
pub(super) fn literal_parts(pattern: &str) -> String {
    with_variables_as(pattern, "")
}

fn with_variables_as(pattern: &str, stand_in: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((_, following)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(stand_in);
        rest = following;
    }
    out + rest
}

/// Whether there is a text that both match.
pub(super) fn overlap(left: &str, right: &str) -> bool {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    // Most pairs differ before the first wildcard.
    if ends_differ(left.iter().zip(&right)) || ends_differ(left.iter().rev().zip(right.iter().rev())) {
        return false;
    }
    // below[j]: the rest of `left` and right[j..] have a text in common.
    let mut below: Vec<bool> =
        (0..=right.len()).map(|from| right.iter().skip(from).all(|character| *character == '*')).collect();
    for a in left.iter().rev() {
        let mut row = vec![false; right.len() + 1];
        let mut after = false;
        for (from, cell) in row.iter_mut().enumerate().rev() {
            let here = below.get(from).copied().unwrap_or_default();
            let diagonal = below.get(from + 1).copied().unwrap_or_default();
            *cell = match (*a, right.get(from)) {
                ('*', None) => here,
                (_, None) => false,
                ('*', Some(_)) | (_, Some('*')) => here || after,
                (a, Some(b)) => diagonal && (a == '?' || *b == '?' || a == *b),
            };
            after = *cell;
        }
        below = row;
    }
    below.first().copied().unwrap_or_default()
}

/// Whether two characters differ before the first wildcard of either.
fn ends_differ<'a>(pairs: impl Iterator<Item = (&'a char, &'a char)>) -> bool {
    let literal = |character: &char| !matches!(character, '*' | '?');
    pairs.take_while(|(left, right)| literal(left) && literal(right)).any(|(left, right)| left != right)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{has_wildcard, is_everything, is_open, literal_parts, overlap, without_variables};
    use crate::pattern::{covers, matches};

    #[test]
    fn patterns_are_compared_without_a_text() {
        for (wide, narrow, expected) in [
            ("*", "a*b?", true),
            ("s3:*", "s3:get*", true),
            ("s3:get*", "s3:*", false),
            ("a?c", "abc", true),
            ("a?c", "a?c", true),
            ("a?c", "a*c", false),
            ("a*c", "a?c", true),
            ("*b", "*ab", true),
            ("**", "*", true),
            ("", "*", false),
        ] {
            assert_eq!(covers(wide, narrow), expected, "{wide} {narrow}");
        }
        for (left, right, expected) in [
            ("a*", "*b", true),
            ("a*", "b*", false),
            ("a?", "ab", true),
            ("a?", "a", false),
            ("arn:*:s3:::*", "arn:aws:s3::1:b", false),
            ("*x*", "*y*", true),
            ("", "*", true),
            ("", "?", false),
            ("*a", "*b", false),
        ] {
            assert_eq!((overlap(left, right), overlap(right, left)), (expected, expected), "{left} {right}");
        }
        assert!(is_everything("**") && !is_everything("") && !is_everything("*a"));
        assert!(has_wildcard("a?") && !has_wildcard("a"));
        assert_eq!(without_variables("a${b}c${*}d${e"), "a*c*d${e");
        assert_eq!(literal_parts("a${b}c${*}d"), "acd");
    }

    /// What the lint says of a pattern, and whether it may exempt anybody where people write one, are the same.
    #[test]
    fn exempt_patterns_by_how_open_they_are() {
        use crate::library::check_pattern;
        use crate::lint::{LintOptions, lint};
        for (resource, open) in [
            ("role/admin", false),
            ("role/platform/admin", false),
            ("role/platform/*", false),
            ("role/platform/admin-?", false),
            ("role/platform/*-admin", false),
            ("role/a/b/c-*", false),
            // All that matches is below a.
            ("role/a/*/b-*", false),
            ("role/aws-reserved/sso.amazonaws.com/*", false),
            ("role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Emergency_*", false),
            ("user/platform/*", false),
            ("role/admin-*", true),
            ("role/*-admin", true),
            ("role/ad*min", true),
            ("role/admin?", true),
            ("role/adm?n", true),
            ("role/?dmin", true),
            ("role/*/admin", true),
            ("role/plat*/admin", true),
            ("user/*-admin", true),
        ] {
            assert_eq!(is_open(resource), open, "{resource}");
            let pattern = format!("arn:aws:iam::*:{resource}");
            assert_eq!(check_pattern(&pattern).is_err(), open, "{pattern}");
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{{"ArnNotLike":{{"aws:PrincipalArn":"{pattern}"}}}}}}]}}"#
            );
            let found = lint(&text, &LintOptions::default());
            assert_eq!(found.iter().any(|found| found.id() == "SCP052"), open, "{pattern}: {found:?}");
        }
        // What people cannot write for exemptions, and the lint can find in a document.
        for (resource, open) in [
            ("root", false),
            ("role/${aws:PrincipalTag/team}", false),
            ("role/platform/${aws:PrincipalTag/team}/*", false),
            ("role/${aws:PrincipalTag/team}/*", true),
            ("role//*", true),
            ("*", true),
            ("*/admin", true),
        ] {
            assert_eq!(is_open(resource), open, "{resource}");
        }
    }

    proptest! {
        #[test]
        fn what_is_covered_or_common_matches(wide in "[ab*?]{0,6}", narrow in "[ab*?]{0,6}", text in "[ab]{0,7}") {
            let (by_wide, by_narrow) = (matches(&wide, &text), matches(&narrow, &text));
            if covers(&wide, &narrow) {
                prop_assert!(by_wide || !by_narrow);
            }
            if by_wide && by_narrow {
                prop_assert!(overlap(&wide, &narrow));
            }
        }

        #[test]
        fn patterns_that_overlap_share_a_text(left in "[ab*?]{0,4}", right in "[ab*?]{0,4}") {
            // As long as both patterns together is long enough for a text of both.
            let texts = (0..=8_u32).flat_map(|length| {
                (0..1_u32 << length).map(move |bits| {
                    (0..length).map(|at| if bits >> at & 1 == 0 { 'a' } else { 'b' }).collect::<String>()
                })
            });
            let shared = texts.into_iter().any(|text| matches(&left, &text) && matches(&right, &text));
            prop_assert_eq!(overlap(&left, &right), shared);
        }
    }
}
