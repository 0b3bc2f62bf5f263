//! Wildcards of IAM.

/// Whether a text matches a pattern with `*` (any characters, also none) and `?` (one character).
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    // The last `*` and how much of the text it was taken for; when what follows does not match, it takes one more.
    let mut star = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                at = place + 1;
                read = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|left| *left == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, wanted) in [
            ("*", "", true),
            ("*", "a:b", true),
            ("organizations:list*", "organizations:listaccounts", true),
            ("organizations:list", "organizations:listaccounts", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*b*c", "axbxbxc", true),
            ("a*b*c", "axbxbx", false),
            ("*aab", "aaaab", true),
            ("arn:aws:organizations::*:policy/o-*/service_control_policy/p-*", "*", false),
            ("arn:*:policy/o-*/x/p-*", "arn:aws:organizations::1:policy/o-1/x/p-2", true),
            ("arn:*:policy/o-*/x/p-*", "arn:aws:organizations::aws:policy/x/p-FullAWSAccess", false),
        ] {
            assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
        }
    }
}
