//! Formats, as the CRD has them.

/// Characters of a text from outside that a message shows.
const SHOWN: usize = 64;

/// A text from outside as a message shows it.
pub(super) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() { format!("{shown:?}...") } else { format!("{shown:?}") }
}

/// A service and a number, such as `Custom.1`.
pub(super) fn is_control_id(id: &str) -> bool {
    let Some((service, number)) = id.split_once('.') else { return false };
    id.len() <= 64
        && service.starts_with(|first: char| first.is_ascii_alphabetic())
        && service.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && (1..=5).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Lower-case letters, digits and `-`, such as `vendor-review`.
pub(super) fn is_activity_id(id: &str) -> bool {
    id.len() <= 63
        && id.starts_with(|first: char| first.is_ascii_lowercase())
        && !id.ends_with('-')
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// One line of 5 to 256 characters.
pub(super) fn is_title(text: &str) -> bool {
    text.trim().chars().count() >= 5 && is_line(text, 256)
}

/// One line of at most `max` characters that begins with one.
pub(super) fn is_line(text: &str, max: usize) -> bool {
    text.chars().count() <= max
        && !text.contains(['\n', '\r'])
        && !text.starts_with(char::is_whitespace)
        && !text.is_empty()
}

/// An AWS Config type, such as `AWS::S3::Bucket` or `AWS::::Account`.
pub(super) fn is_resource_type(text: &str) -> bool {
    let parts: Vec<&str> = text.split("::").collect();
    let is_word = |part: &&str| part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 128
        && (3..=4).contains(&parts.len())
        && parts.iter().all(is_word)
        && parts.iter().enumerate().all(|(at, part)| at == 1 || !part.is_empty())
}

/// A glob that says something.
pub(super) fn is_glob(text: &str) -> bool {
    text.chars().count() <= 512 && text.contains(|c| c != '*' && c != '?')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_the_crd() {
        for (id, expected) in [
            ("Custom.1", true),
            ("IAM.12345", true),
            ("a.0", true),
            ("Custom", false),
            ("Custom.", false),
            (".1", false),
            ("1Custom.1", false),
            ("Custom.123456", false),
            ("Custom.1.2", false),
            ("Custom.*", false),
            ("Cüstom.1", false),
            (" Custom.1", false),
        ] {
            assert_eq!(is_control_id(id), expected, "{id}");
        }
        for (id, expected) in
            [("vendor-review", true), ("a", true), ("Vendor", false), ("a-", false), ("1a", false), ("", false)]
        {
            assert_eq!(is_activity_id(id), expected, "{id}");
        }
        for (text, expected) in [
            ("five!", true),
            ("four", false),
            (" leading", false),
            ("two\nlines", false),
            ("    x", false),
            ("", false),
        ] {
            assert_eq!(is_title(text), expected, "{text:?}");
        }
        for (text, expected) in [
            ("AWS::S3::Bucket", true),
            ("AWS::::Account", true),
            ("AWS::ApiGateway::Stage::Method", true),
            ("AwsS3Bucket", false),
            ("AWS::S3", false),
            ("::S3::Bucket", false),
            ("AWS::S3::", false),
            ("AWS::S3::Buck et", false),
        ] {
            assert_eq!(is_resource_type(text), expected, "{text}");
        }
        assert!(is_glob("a*") && !is_glob("*?") && !is_glob(""));
    }

    #[test]
    fn long_texts_are_cut_in_messages() {
        assert_eq!(quoted("short"), "\"short\"");
        let cut = quoted(&"ä".repeat(100));
        assert!(cut.ends_with("ä\"...") && cut.chars().count() == 64 + 5, "{cut}");
    }
}
