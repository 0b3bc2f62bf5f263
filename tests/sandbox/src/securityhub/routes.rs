//! Which operation a REST request means: Security Hub's methods and paths, as in the service's own model.

use std::collections::BTreeMap;

/// Path labels by member name, decoded.
pub type Labels = BTreeMap<String, String>;

/// The operations that the sandbox knows, with method and path. A path that ends with `/{Name+}` takes the rest of the
/// request's path as the member `Name`.
const ROUTES: &[(&str, &str, &str)] = &[
    ("POST", "/findings", "GetFindings"),
    ("GET", "/accounts", "DescribeHub"),
    ("POST", "/standards/get", "GetEnabledStandards"),
    ("GET", "/findingAggregator/list", "ListFindingAggregators"),
    ("GET", "/findingAggregator/get/{FindingAggregatorArn+}", "GetFindingAggregator"),
    ("GET", "/members", "ListMembers"),
    ("GET", "/securityControls/definitions", "ListSecurityControlDefinitions"),
    ("GET", "/associations", "ListStandardsControlAssociations"),
    ("POST", "/findings/import", "BatchImportFindings"),
    ("PATCH", "/findings/batchupdate", "BatchUpdateFindings"),
];

/// The operation of a request and its path labels, or nothing for what Security Hub's model (or the sandbox) does not have.
#[must_use]
pub fn operation_of(method: &http::Method, path: &str) -> Option<(&'static str, Labels)> {
    ROUTES.iter().filter(|route| route.0 == method.as_str()).find_map(|(_, template, operation)| {
        let labels = match template.split_once('{') {
            None if *template == path => Labels::new(),
            None => return None,
            Some((prefix, label)) => {
                let rest = path.strip_prefix(prefix).filter(|rest| !rest.is_empty())?;
                Labels::from([(label.trim_end_matches(['+', '}']).to_owned(), percent_decoded(rest))])
            }
        };
        Some((*operation, labels))
    })
}

/// `%3A` and its like decoded; what is not valid stays as it is.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = code.filter(|_| byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(decoded.unwrap_or(byte));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn requests_of_the_model_are_recognised() {
        for (method, path, expected) in [
            (Method::POST, "/findings", Some("GetFindings")),
            (Method::GET, "/findings", None),
            (Method::PATCH, "/findings/batchupdate", Some("BatchUpdateFindings")),
            (Method::PATCH, "/findings", None),
            (Method::GET, "/findingAggregator/get/", None),
            (Method::POST, "/insights/get", None),
        ] {
            assert_eq!(operation_of(&method, path).map(|found| found.0), expected, "{method} {path}");
        }
    }

    #[test]
    fn labels_are_greedy_and_decoded() {
        let path = "/findingAggregator/get/arn%3Aaws%3Asecurityhub:eu-west-1:222222222222:finding-aggregator/abc%zz";
        let (operation, labels) = operation_of(&Method::GET, path).unwrap();
        assert_eq!(operation, "GetFindingAggregator");
        assert_eq!(
            labels["FindingAggregatorArn"],
            "arn:aws:securityhub:eu-west-1:222222222222:finding-aggregator/abc%zz"
        );
    }
}
