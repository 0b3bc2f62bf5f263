//! Regions, and the ARN under which Security Hub itself reports in each.

use std::collections::BTreeSet;

use soc2_crds::FindingProduct;
use soc2_posture::ids::Region;
use soc2_posture::interest::product_arn;

/// Most values of one filter.
pub(crate) const MAX_VALUES: usize = 20;

/// AWS partitions: how names of their Regions begin, and the Regions known in 2026. A list is needed where an aggregator says "all".
const PARTITIONS: [(&str, &str, &[&str]); 7] = [
    ("us-gov-", "aws-us-gov", &["us-gov-east-1", "us-gov-west-1"]),
    ("cn-", "aws-cn", &["cn-north-1", "cn-northwest-1"]),
    ("us-iso-", "aws-iso", &["us-iso-east-1", "us-iso-west-1"]),
    ("us-isob-", "aws-iso-b", &["us-isob-east-1", "us-isob-west-1"]),
    ("us-isof-", "aws-iso-f", &["us-isof-east-1", "us-isof-south-1"]),
    ("eu-isoe-", "aws-iso-e", &["eu-isoe-west-1"]),
    ("eusc-", "aws-eusc", &["eusc-de-east-1"]),
];

/// Regions of the partition `aws`.
const COMMERCIAL: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// The partition of a Region.
pub(crate) fn partition(region: &str) -> &'static str {
    PARTITIONS.iter().find(|(prefix, ..)| region.starts_with(prefix)).map_or("aws", |(_, partition, _)| partition)
}

/// All Regions known in the partition of `region`.
pub(crate) fn known_beside(region: &str) -> &'static [&'static str] {
    PARTITIONS.iter().find(|(prefix, ..)| region.starts_with(prefix)).map_or(COMMERCIAL, |(_, _, regions)| regions)
}

/// ARNs of Security Hub itself in these Regions, in lists that fit into one filter.
pub(crate) fn product_arns(regions: &BTreeSet<Region>) -> Vec<Vec<String>> {
    arns_of(&[FindingProduct::SecurityHub], regions)
}

/// ARNs of products in these Regions, in lists that fit into one filter.
pub(crate) fn arns_of(products: &[FindingProduct], regions: &BTreeSet<Region>) -> Vec<Vec<String>> {
    let of_product = |product: &FindingProduct| {
        let product = *product;
        regions.iter().map(move |region| product_arn(product, partition(region), region))
    };
    let arns: Vec<String> = products.iter().flat_map(of_product).collect();
    arns.chunks(MAX_VALUES).map(<[String]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_its_arns() {
        for (region, expected) in [
            ("eu-west-1", "arn:aws:securityhub:eu-west-1::product/aws/securityhub"),
            ("us-gov-west-1", "arn:aws-us-gov:securityhub:us-gov-west-1::product/aws/securityhub"),
            ("cn-north-1", "arn:aws-cn:securityhub:cn-north-1::product/aws/securityhub"),
            ("us-isob-east-1", "arn:aws-iso-b:securityhub:us-isob-east-1::product/aws/securityhub"),
        ] {
            assert_eq!(product_arns(&BTreeSet::from([region.to_owned()])), [[expected]]);
            assert!(known_beside(region).contains(&region));
        }
    }

    #[test]
    fn more_than_twenty_regions_are_several_filters() {
        let regions: BTreeSet<Region> = COMMERCIAL.iter().map(|region| (*region).to_owned()).collect();
        let lists = product_arns(&regions);
        assert_eq!(lists.iter().map(Vec::len).collect::<Vec<_>>(), [20, COMMERCIAL.len() - 20]);
    }
}
