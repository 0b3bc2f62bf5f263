//! Control ids and globs, compared the same way everywhere.

/// What AWS called the service of the `PCA` controls before, in lower case.
const PCA_LONG: &str = "privatecertificateauthority.";
const PCA: &str = "pca.";

/// The form in which control ids are compared: trimmed, lower case, `PrivateCertificateAuthority` as `PCA`.
///
/// Globs over ids are normalised the same way.
#[must_use]
pub fn normalize_control_id(id: &str) -> String {
    let id = id.trim().to_ascii_lowercase();
    match id.strip_prefix(PCA_LONG) {
        Some(number) => format!("{PCA}{number}"),
        None => id,
    }
}

/// The other spelling of an id, if it has one: `PrivateCertificateAuthority.1` of `PCA.1`.
pub(crate) fn alias(id: &str) -> Option<String> {
    let number = normalize_control_id(id).strip_prefix(PCA)?.to_owned();
    Some(format!("PrivateCertificateAuthority.{number}"))
}

/// Whether a normalised glob means a normalised id, in its short or its long spelling.
pub(crate) fn id_matches(glob: &str, id: &str) -> bool {
    glob_match(glob, id) || id.strip_prefix(PCA).is_some_and(|number| glob_match(glob, &format!("{PCA_LONG}{number}")))
}

/// Whether `pattern` matches the whole of `text`: `*` is any number of characters, `?` exactly one, case matters.
///
/// Takes time proportional to the product of the lengths at worst, and no memory.
#[must_use]
pub fn glob_match(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Where to go on when a character does not fit: behind the last `*`, one character further in the text.
    let mut retry = None;
    loop {
        let rest = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((pattern.clone(), rest.clone()));
                text = rest;
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            (_, _) => {
                let Some((after_star, mut from)) = retry.take() else { return false };
                if from.next().is_none() {
                    return false;
                }
                pattern = after_star.clone();
                text = from.clone();
                retry = Some((after_star, from));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_compare_trimmed_without_case_and_pca_both_ways() {
        assert_eq!(normalize_control_id(" Autoscaling.5\n"), "autoscaling.5");
        assert_eq!(normalize_control_id("PrivateCertificateAuthority.1"), normalize_control_id("pca.1"));
        assert!(id_matches("privatecert*", "pca.1"));
        assert!(id_matches("p*.1", "pca.1"));
        assert!(!id_matches("p*.2", "pca.1"));
        assert_eq!(alias("PCA.2").as_deref(), Some("PrivateCertificateAuthority.2"));
        assert_eq!(alias("IAM.2"), None);
    }

    #[test]
    fn globs_match_the_whole_string() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "any thing/at all", true),
            ("?", "", false),
            ("?", "ä", true),
            ("prod-*", "prod-payments", true),
            ("prod-*", "my-prod-payments", false),
            ("prod-*", "Prod-payments", false),
            ("*-prod", "eu-prod-prod", true),
            ("*-prod", "eu-prod-prods", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXcXb", false),
            ("a**b", "ab", true),
            ("*?", "", false),
            ("*?", "x", true),
            ("cloudwatch.1?", "cloudwatch.1", false),
            ("cloudwatch.1?", "cloudwatch.14", true),
        ] {
            assert_eq!(glob_match(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// The definition, exponential and obvious.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| by_definition(rest, &text[skip..])),
            Some((first, rest)) => text
                .split_first()
                .is_some_and(|(found, tail)| (*first == '?' || first == found) && by_definition(rest, tail)),
        }
    }

    proptest! {
        #[test]
        fn globs_do_what_the_definition_says(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(glob_match(&pattern, &text), by_definition(&p, &t));
        }
    }
}
