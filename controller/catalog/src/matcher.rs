//! Findings of other products that are evidence of an organization's own controls.

use serde::{Deserialize, Serialize};

use crate::ids::glob_match;

/// Findings by what is in their ASFF: every glob that is given must match the whole text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Matcher {
    /// Glob over `GeneratorId`.
    pub generator_id: Option<String>,
    /// Glob over `ProductName` and `ProductArn`: one of them must match.
    pub product: Option<String>,
    /// Glob over `Types`: one of them must match.
    pub kind: Option<String>,
}

impl Matcher {
    /// Whether a finding of another product is evidence. Whoever calls it leaves Security Hub's own findings out: they are
    /// evidence of its own controls only.
    #[must_use]
    pub fn matches(
        &self,
        generator_id: &str,
        product_name: &str,
        product_arn: &str,
        types: &[impl AsRef<str>],
    ) -> bool {
        let Self { generator_id: generator, product, kind } = self;
        generator.as_ref().is_none_or(|glob| glob_match(glob, generator_id))
            && product.as_ref().is_none_or(|glob| glob_match(glob, product_name) || glob_match(glob, product_arn))
            && kind.as_ref().is_none_or(|glob| types.iter().any(|text| glob_match(glob, text.as_ref())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:securityhub:eu-west-1:333333333333:product/acme/scanner";

    fn matcher(generator_id: &str, product: &str, kind: &str) -> Matcher {
        let given = |glob: &str| (!glob.is_empty()).then(|| glob.to_owned());
        Matcher { generator_id: given(generator_id), product: given(product), kind: given(kind) }
    }

    #[test]
    fn every_glob_that_is_given_must_match() {
        let types = ["Software and Configuration Checks/Vulnerabilities/CVE", "Effects/Data Exposure"];
        for (generator_id, product, kind, expected) in [
            ("acme/scanner/*", "", "", true),
            ("acme/scanner", "", "", false),
            ("Acme/scanner/*", "", "", false),
            ("", "Acme Scanner", "", true),
            ("", "acme scanner", "", false),
            ("", "arn:aws:securityhub:*:*:product/acme/*", "", true),
            ("", "arn:aws:securityhub:*:*:product/other/*", "", false),
            ("", "", "Effects/*", true),
            ("", "", "Effects", false),
            ("", "", "*/Vulnerabilities/CVE", true),
            ("acme/*", "Acme*", "Effects/*", true),
            ("acme/*", "Acme*", "TTPs/*", false),
            ("acme/*", "Other*", "Effects/*", false),
            ("other/*", "Acme*", "Effects/*", false),
        ] {
            let found = matcher(generator_id, product, kind).matches("acme/scanner/17", "Acme Scanner", ARN, &types);
            assert_eq!(found, expected, "{generator_id} {product} {kind}");
        }
        assert!(
            !matcher("", "", "*x").matches("", "", "", &[""; 0]),
            "a finding without types has no type that matches"
        );
    }
}
