//! Security Hub standards: one code for each, whatever the spelling.
//!
//! AWS writes a standard in four ways, and the last three with any partition:
//!
//! | where | spelling |
//! |---|---|
//! | short, as in a `ComplianceProfile` | `pci-dss/v/4.0.1` |
//! | `Compliance.AssociatedStandards` of a finding | `standards/pci-dss/v/4.0.1` |
//! | ARN of the standard | `arn:aws:securityhub:eu-west-1::standards/pci-dss/v/4.0.1` |
//! | ARN of a subscription | `arn:aws:securityhub:eu-west-1:111111111111:subscription/pci-dss/v/4.0.1` |

use std::fmt;

/// A Security Hub standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StandardCode {
    /// AWS Foundational Security Best Practices 1.0.0.
    Fsbp,
    /// CIS AWS Foundations Benchmark 1.2.0.
    Cis12,
    /// CIS AWS Foundations Benchmark 1.4.0.
    Cis14,
    /// CIS AWS Foundations Benchmark 3.0.0.
    Cis3,
    /// CIS AWS Foundations Benchmark 5.0.0.
    Cis5,
    /// NIST SP 800-53 revision 5.
    Nist53,
    /// NIST SP 800-171 revision 2.
    Nist171,
    /// PCI DSS 3.2.1.
    Pci3,
    /// PCI DSS 4.0.1.
    Pci4,
    /// AWS Resource Tagging Standard 1.0.0.
    Tag,
    /// A standard for AI services whose ARN is not known yet: some controls belong to it, [`parse`] never gives it.
    AiSecurity,
}

/// Code in the data files and short spelling of each standard that AWS names by ARN (data/standards.csv).
const SPELLINGS: [(StandardCode, &str, &str); 10] = [
    (StandardCode::Fsbp, "FSBP", "aws-foundational-security-best-practices/v/1.0.0"),
    (StandardCode::Cis12, "CIS1.2", "cis-aws-foundations-benchmark/v/1.2.0"),
    (StandardCode::Cis14, "CIS1.4", "cis-aws-foundations-benchmark/v/1.4.0"),
    (StandardCode::Cis3, "CIS3", "cis-aws-foundations-benchmark/v/3.0.0"),
    (StandardCode::Cis5, "CIS5", "cis-aws-foundations-benchmark/v/5.0.0"),
    (StandardCode::Nist53, "NIST53", "nist-800-53/v/5.0.0"),
    (StandardCode::Nist171, "NIST171", "nist-800-171/v/2.0.0"),
    (StandardCode::Pci3, "PCI3", "pci-dss/v/3.2.1"),
    (StandardCode::Pci4, "PCI4", "pci-dss/v/4.0.1"),
    (StandardCode::Tag, "TAG", "aws-resource-tagging-standard/v/1.0.0"),
];

/// Code and name of the standard without a known ARN.
const AI_SECURITY: &str = "AISEC";

/// Every standard that can be required and enabled, in the order of the data file.
pub fn all() -> impl Iterator<Item = StandardCode> {
    SPELLINGS.iter().map(|(code, _, _)| *code)
}

/// The standard that `spelling` means, in any of AWS's spellings; surrounding blanks and case do not matter.
#[must_use]
pub fn parse(spelling: &str) -> Option<StandardCode> {
    let spelling = spelling.trim();
    let path = match spelling.strip_prefix("arn:") {
        Some(rest) => arn_path(rest)?,
        None => spelling,
    };
    let short = ["standards/", "ruleset/", "subscription/"].iter().find_map(|kind| path.strip_prefix(kind));
    // An ARN without a kind of resource is none of these; a short form has none.
    let short = match (short, spelling.starts_with("arn:")) {
        (Some(short), _) => short,
        (None, false) => path,
        (None, true) => return None,
    };
    SPELLINGS.iter().find(|(_, _, known)| known.eq_ignore_ascii_case(short)).map(|(code, _, _)| *code)
}

/// The resource of an ARN of Security Hub, given what follows `arn:`.
fn arn_path(rest: &str) -> Option<&str> {
    // partition:service:region:account:resource
    let mut fields = rest.splitn(5, ':');
    let partition = fields.next()?;
    let service = fields.next()?;
    let (_region, _account) = (fields.next()?, fields.next()?);
    let resource = fields.next()?;
    let aws = partition == "aws" || partition.starts_with("aws-");
    (aws && service == "securityhub").then_some(resource)
}

/// The short spelling, such as `pci-dss/v/4.0.1`: the one that profiles use and that is printed.
#[must_use]
pub fn short(code: StandardCode) -> &'static str {
    SPELLINGS.iter().find(|(known, _, _)| *known == code).map_or(AI_SECURITY, |(_, _, short)| short)
}

/// The standard of a code in the data files, such as `FSBP`.
pub(crate) fn from_code(code: &str) -> Option<StandardCode> {
    if code == AI_SECURITY {
        return Some(StandardCode::AiSecurity);
    }
    SPELLINGS.iter().find(|(_, known, _)| *known == code).map(|(found, _, _)| *found)
}

impl fmt::Display for StandardCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(short(*self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_data_file_means_its_standard() {
        let mut rows = 0;
        for row in csv::Reader::from_reader(include_str!("../data/2026.11/standards.csv").as_bytes()).records() {
            let row = row.unwrap();
            let code = from_code(&row[0]).expect("known code");
            assert_eq!(short(code), &row[1]);
            for region in ["eu-west-1", "us-gov-west-1", ""] {
                for partition in ["arn:aws:", "arn:aws-us-gov:", "arn:aws-cn:"] {
                    let arn = row[3].replace("REGION", region).replace("arn:aws:", partition);
                    assert_eq!(parse(&arn), Some(code), "{arn}");
                }
            }
            let subscription = format!("arn:aws:securityhub:eu-west-1:111111111111:subscription/{}", &row[1]);
            assert_eq!(parse(&subscription), Some(code));
            assert_eq!(parse(&row[1]), Some(code));
            assert_eq!(parse(&row[2]), Some(code));
            assert_eq!(parse(&format!(" {} ", row[1].to_uppercase())), Some(code));
            rows += 1;
        }
        assert_eq!(rows, all().count());
    }

    #[test]
    fn what_is_no_standard_is_none() {
        for spelling in [
            "",
            "FSBP",
            "AISEC",
            "pci-dss",
            "pci-dss/v/4.0.1/extra",
            "arn:aws:securityhub:eu-west-1::pci-dss/v/4.0.1",
            "arn:aws:iam:eu-west-1::standards/pci-dss/v/4.0.1",
            "arn:evil:securityhub:eu-west-1::standards/pci-dss/v/4.0.1",
            "arn:aws:securityhub:eu-west-1:standards/pci-dss/v/4.0.1",
            "control/pci-dss/v/4.0.1",
        ] {
            assert_eq!(parse(spelling), None, "{spelling}");
        }
    }
}
