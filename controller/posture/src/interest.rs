//! What somebody wants to know of the findings of other products: it decides what is read of them, and what is kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use soc2_catalog::{Catalog, Matcher};
use soc2_crds::{ComplianceProfileSpec, FindingProduct, FindingSeverity, ObjectiveType};

use crate::finding::Finding;

/// One thing that somebody wants to know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Interest {
    /// Which findings of a product are open, of this severity and worse.
    Open(FindingProduct, FindingSeverity),
    /// What the findings say that a custom control is about.
    Matching(Matcher),
}

/// All that is wanted of one organization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interests {
    /// By product the mildest severity that counts.
    open: BTreeMap<FindingProduct, FindingSeverity>,
    patterns: BTreeSet<Matcher>,
}

impl Interest {
    /// Whether who knows this knows the other too.
    #[must_use]
    pub fn answers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Open(product, severity), Self::Open(wanted, at_least)) => product == wanted && severity >= at_least,
            _ => self == other,
        }
    }
}

impl Interests {
    /// What a profile wants to know: for its objectives about the age of findings, and for the controls of an organization's
    /// own in its catalogue.
    #[must_use]
    pub fn of(profile: &ComplianceProfileSpec, catalog: &Catalog) -> Self {
        let aged = profile.objectives.iter().filter(|objective| objective.type_ == ObjectiveType::CriticalFindingsAge);
        let open = aged.flat_map(|objective| {
            let severity = objective.severity.unwrap_or(FindingSeverity::Critical);
            let all = || PRODUCTS.iter().map(|(_, product)| *product).collect();
            let products: Vec<FindingProduct> = objective.products.clone().unwrap_or_else(all);
            products.into_iter().map(move |product| Interest::Open(product, severity))
        });
        let matching = catalog.controls().iter().filter_map(|control| control.matcher.clone()).map(Interest::Matching);
        open.chain(matching).collect()
    }

    /// Adds what an objective, or a control, wants to know.
    pub fn add(&mut self, interest: Interest) {
        match interest {
            Interest::Open(product, severity) => {
                let mildest = self.open.entry(product).or_insert(severity);
                *mildest = severity.max(*mildest);
            }
            Interest::Matching(pattern) => {
                self.patterns.insert(pattern);
            }
        }
    }

    /// Whether nobody wants to know anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.patterns.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Interest> + '_ {
        let open = self.open.iter().map(|(product, severity)| Interest::Open(*product, *severity));
        open.chain(self.patterns.iter().cloned().map(Interest::Matching))
    }

    /// The patterns of custom controls.
    pub fn patterns(&self) -> impl Iterator<Item = &Matcher> {
        self.patterns.iter()
    }

    /// The mildest severity of a product's findings that counts, if any does.
    #[must_use]
    pub fn severity_of(&self, product: FindingProduct) -> Option<FindingSeverity> {
        self.open.get(&product).copied()
    }
}

impl Extend<Interest> for Interests {
    fn extend<T: IntoIterator<Item = Interest>>(&mut self, interests: T) {
        interests.into_iter().for_each(|interest| self.add(interest));
    }
}

impl FromIterator<Interest> for Interests {
    fn from_iter<T: IntoIterator<Item = Interest>>(interests: T) -> Self {
        let mut all = Self::default();
        all.extend(interests);
        all
    }
}

/// Whether a finding is evidence of a custom control. Findings of Security Hub itself never are: they belong to its own
/// controls.
pub(crate) fn is_meant(pattern: &Matcher, finding: &Finding) -> bool {
    let text = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    !is_security_hub(&finding.product_arn)
        && pattern.matches(
            &text(&finding.generator_id),
            &text(&finding.product_name),
            &finding.product_arn,
            &finding.types,
        )
}

/// Names of AWS's own products as their ARN has them: `arn:<partition>:securityhub:<region>::product/aws/<name>`.
const PRODUCTS: [(&str, FindingProduct); 4] = [
    ("guardduty", FindingProduct::GuardDuty),
    ("inspector", FindingProduct::Inspector),
    ("macie", FindingProduct::Macie),
    ("securityhub", FindingProduct::SecurityHub),
];

/// The product of an ARN, when it is one whose findings have an age.
#[must_use]
pub fn product(product_arn: &str) -> Option<FindingProduct> {
    let name = aws_product(product_arn)?;
    PRODUCTS.iter().find(|(known, _)| *known == name).map(|(_, product)| *product)
}

/// The ARN of a product in a Region.
#[must_use]
pub fn product_arn(product: FindingProduct, partition: &str, region: &str) -> String {
    let name = PRODUCTS.iter().find(|(_, known)| *known == product).map_or("", |(name, _)| name);
    format!("arn:{partition}:securityhub:{region}::product/aws/{name}")
}

/// Whether a finding is of Security Hub itself: `arn:<partition>:securityhub:<region>::product/aws/securityhub`, nothing else.
pub(crate) fn is_security_hub(product_arn: &str) -> bool {
    aws_product(product_arn) == Some("securityhub")
}

/// The name of one of AWS's own products.
fn aws_product(product_arn: &str) -> Option<&str> {
    let mut fields = product_arn.splitn(6, ':');
    let mut field = || fields.next().unwrap_or_default();
    let (arn, partition, service, region, account, resource) = (field(), field(), field(), field(), field(), field());
    let genuine = arn == "arn"
        && (partition == "aws" || partition.starts_with("aws-"))
        && service == "securityhub"
        && !region.is_empty()
        && account.is_empty();
    resource.strip_prefix("product/aws/").filter(|_| genuine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_security_hub_itself_is_evidence() {
        for (arn, expected) in [
            ("arn:aws:securityhub:eu-west-1::product/aws/securityhub", true),
            ("arn:aws-us-gov:securityhub:us-gov-west-1::product/aws/securityhub", true),
            ("arn:aws-cn:securityhub:cn-north-1::product/aws/securityhub", true),
            ("arn:aws:securityhub:eu-west-1::product/aws/guardduty", false),
            ("arn:aws:securityhub:eu-west-1::product/aws/securityhub2", false),
            ("arn:aws:securityhub:eu-west-1::product/aws/securityhub/x", false),
            ("arn:aws:securityhub:eu-west-1:111111111111:product/111111111111/default", false),
            ("arn:aws:securityhub:eu-west-1:111111111111:product/aws/securityhub", false),
            ("arn:aws:securityhub:::product/aws/securityhub", false),
            ("arn:aws:guardduty:eu-west-1::product/aws/securityhub", false),
            ("arn:evil:securityhub:eu-west-1::product/aws/securityhub", false),
            ("ARN:aws:securityhub:eu-west-1::product/aws/securityhub", false),
            (" arn:aws:securityhub:eu-west-1::product/aws/securityhub", false),
            ("", false),
        ] {
            assert_eq!(is_security_hub(arn), expected, "{arn}");
        }
    }

    #[test]
    fn products_have_the_arns_that_aws_gives_them() {
        for (at, expected) in PRODUCTS {
            let arn = product_arn(expected, "aws-cn", "cn-north-1");
            assert_eq!(arn, format!("arn:aws-cn:securityhub:cn-north-1::product/aws/{at}"));
            assert_eq!(product(&arn), Some(expected));
        }
        assert_eq!(product("arn:aws:securityhub:eu-west-1::product/prowler/prowler"), None);
        assert_eq!(product("arn:aws:securityhub:eu-west-1::product/aws/config"), None);
    }

    #[test]
    fn only_findings_of_other_products_are_meant() {
        let anything = Matcher { product: Some("*".to_owned()), ..Matcher::default() };
        let of = |arn: &str| is_meant(&anything, &Finding { product_arn: arn.to_owned(), ..Finding::default() });
        assert!(of("arn:aws:securityhub:eu-west-1::product/aws/guardduty"));
        assert!(!of("arn:aws:securityhub:eu-west-1::product/aws/securityhub"));
        let by_scanner = Matcher { generator_id: Some("acme/*".to_owned()), ..Matcher::default() };
        let finding = |generator_id: Option<&str>| Finding {
            generator_id: generator_id.map(str::to_owned),
            ..Finding::default()
        };
        assert!(is_meant(&by_scanner, &finding(Some("acme/7"))));
        assert!(!is_meant(&by_scanner, &finding(Some("other"))) && !is_meant(&by_scanner, &finding(None)));
    }

    #[test]
    fn of_one_product_the_mildest_severity_is_wanted() {
        use FindingProduct::{GuardDuty, Macie};
        use FindingSeverity::{Critical, High, Low};
        let wanted = [(GuardDuty, High), (GuardDuty, Critical), (Macie, Low)];
        let interests: Interests =
            wanted.into_iter().map(|(product, severity)| Interest::Open(product, severity)).collect();
        let all: Vec<Interest> = interests.iter().collect();
        assert_eq!(all, [Interest::Open(GuardDuty, High), Interest::Open(Macie, Low)]);
        assert!(Interest::Open(GuardDuty, High).answers(&Interest::Open(GuardDuty, Critical)));
        assert!(!Interest::Open(GuardDuty, Critical).answers(&Interest::Open(GuardDuty, High)));
        assert!(!Interest::Open(GuardDuty, Low).answers(&Interest::Open(Macie, Critical)));
        assert!(Interests::default().is_empty() && !interests.is_empty());
    }
}
