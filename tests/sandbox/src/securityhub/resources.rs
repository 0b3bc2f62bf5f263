//! Plausible resources: ASFF types and ids for the `CloudFormation` types of controls.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::catalog::Control;
use super::rng::{hash, mix};
use super::row::{Made, Row, Subject};
use super::tables::Tables;

/// ASFF types that do not follow from the `CloudFormation` type.
const TYPES: &[(&str, &str)] = &[
    ("AWS::::Account", "AwsAccount"),
    ("AWS::ElasticLoadBalancing::LoadBalancer", "AwsElbLoadBalancer"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "AwsElbv2LoadBalancer"),
    ("AWS::ACM::Certificate", "AwsCertificateManagerCertificate"),
    ("AWS::OpenSearch::Domain", "AwsOpenSearchServiceDomain"),
    ("AWS::DynamoDB::Table", "AwsDynamoDbTable"),
    ("AWS::CloudTrail::Trail", "AwsCloudTrailTrail"),
    ("AWS::EC2::EIP", "AwsEc2Eip"),
];

const WORDS: &[&str] = &[
    "billing",
    "checkout",
    "ledger",
    "orders",
    "search",
    "reports",
    "events",
    "audit",
    "media",
    "gateway",
    "batch",
    "identity",
    "inventory",
    "metrics",
    "notify",
    "catalog",
];

const PEOPLE: &[&str] = &[
    "alice", "bruno", "chen", "dana", "emre", "fatima", "goran", "hana", "ivan", "julia", "kofi", "lena", "marta",
    "nils", "olga", "pavel",
];

/// A `CloudFormation` name in ASFF's spelling: `DBInstance` becomes `DbInstance`, `EC2` `Ec2`.
fn camel(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let upper = |at: usize| letters.get(at).is_some_and(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let mut out = String::with_capacity(name.len());
    for (at, letter) in letters.iter().enumerate() {
        let inside = at > 0 && upper(at - 1) && (at + 1 == letters.len() || upper(at + 1));
        out.push(if inside { letter.to_ascii_lowercase() } else { *letter });
    }
    out
}

/// ASFF type of a control's resources.
pub(super) fn kind(control: &Control, subject: &Subject) -> String {
    if *subject == Subject::Account {
        return "AwsAccount".to_owned();
    }
    if let Some((_, known)) = TYPES.iter().find(|(cloudformation, _)| *cloudformation == control.resource_type) {
        return (*known).to_owned();
    }
    let mut parts = control.resource_type.split("::").skip(1);
    match (parts.next(), parts.next()) {
        (Some(service), Some(resource)) => format!("Aws{}{}", camel(service), camel(resource)),
        _ => "Other".to_owned(),
    }
}

/// Id of the resource of a row.
pub(super) fn id<'a>(tables: &'a Tables, row: &'a Row, made: &'a Made) -> Cow<'a, str> {
    let account = tables.accounts.get(row.account);
    match &made.subject {
        Subject::Named(name) => Cow::Borrowed(name),
        Subject::Account => Cow::Owned(account_id(account)),
        Subject::Numbered(number) => {
            let control = tables.catalog.control(made.control);
            let mut id = numbered(&tables.partition, account, tables.regions.get(row.region), control, *number);
            if made.resource_groups > 1 {
                let _ = write!(id, "-g{}", made.control % made.resource_groups);
            }
            let wanted = usize::from(made.resource_id_length).min(512);
            if id.len() < wanted {
                let filler = format!("-{:016x}", mix(hash(&id))).repeat(32);
                id.extend(filler.chars().take(wanted - id.len()));
            }
            Cow::Owned(id)
        }
    }
}

/// Id of an account as a resource.
pub(super) fn account_id(account: &str) -> String {
    format!("AWS::::Account:{account}")
}

/// Id of a resource that the sandbox makes up. The same number means the same resource for all controls of one type.
fn numbered(partition: &str, account: &str, region: &str, control: &Control, number: u32) -> String {
    let seed = mix(hash(account) ^ hash(region).rotate_left(17) ^ hash(&control.resource_type) ^ u64::from(number));
    let pick = |list: &[&'static str]| list[usize::try_from(seed % list.len() as u64).unwrap_or(0)];
    let hex = seed >> 4;
    let (word, person) = (pick(WORDS), pick(PEOPLE));
    let here = format!("{region}:{account}");
    let (service, rest) = match control.resource_type.as_str() {
        "AWS::IAM::User" => ("iam", format!(":{account}:user/{person}-{number}")),
        "AWS::IAM::Role" => ("iam", format!(":{account}:role/{word}-{number}")),
        "AWS::IAM::Group" => ("iam", format!(":{account}:group/{word}-{number}")),
        "AWS::IAM::Policy" => ("iam", format!(":{account}:policy/{word}-{number}")),
        "AWS::S3::Bucket" => ("s3", format!("::{word}-{:08x}-{number}", hex & 0xFFFF_FFFF)),
        "AWS::CloudFront::Distribution" => {
            ("cloudfront", format!(":{account}:distribution/E{:012X}{number}", hex >> 16))
        }
        "AWS::EC2::Instance" => ("ec2", format!("{here}:instance/i-{hex:016x}{number}")),
        "AWS::EC2::SecurityGroup" => ("ec2", format!("{here}:security-group/sg-{hex:016x}{number}")),
        "AWS::EC2::Volume" => ("ec2", format!("{here}:volume/vol-{hex:016x}{number}")),
        "AWS::EC2::VPC" => ("ec2", format!("{here}:vpc/vpc-{hex:016x}{number}")),
        "AWS::RDS::DBInstance" => ("rds", format!("{here}:db:{word}-{number}")),
        "AWS::RDS::DBCluster" => ("rds", format!("{here}:cluster:{word}-{number}")),
        "AWS::Lambda::Function" => ("lambda", format!("{here}:function:{word}-{number}")),
        "AWS::KMS::Key" => ("kms", format!("{here}:key/{hex:016x}-{number}")),
        "AWS::DynamoDB::Table" => ("dynamodb", format!("{here}:table/{word}-{number}")),
        "AWS::SQS::Queue" => ("sqs", format!("{here}:{word}-{number}")),
        "AWS::SNS::Topic" => ("sns", format!("{here}:{word}-{number}")),
        other => {
            let mut parts = other.split("::").skip(1);
            let service = parts.next().unwrap_or_else(|| control.id.split('.').next().unwrap_or("service"));
            let resource = parts.next().unwrap_or("resource").to_ascii_lowercase();
            return format!("arn:{partition}:{}:{here}:{resource}/{word}-{number}", service.to_ascii_lowercase());
        }
    };
    format!("arn:{partition}:{service}:{rest}")
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Catalog;
    use super::*;

    #[test]
    fn types_are_spelled_as_asff_does() {
        let catalog = Catalog::load().unwrap();
        for (control, expected) in [
            ("IAM.5", "AwsIamUser"),
            ("S3.2", "AwsS3Bucket"),
            ("RDS.3", "AwsRdsDbInstance"),
            ("EC2.2", "AwsEc2SecurityGroup"),
            ("ELB.6", "AwsElbv2LoadBalancer"),
            ("KMS.4", "AwsKmsKey"),
        ] {
            let control = catalog.control(catalog.find(control).unwrap());
            assert_eq!(kind(control, &Subject::Numbered(0)), expected, "{}", control.id);
        }
    }

    #[test]
    fn one_resource_for_all_controls_of_a_type() {
        let catalog = Catalog::load().unwrap();
        let id = |control: &str, number| {
            let control = catalog.control(catalog.find(control).unwrap());
            numbered("aws", "333333333333", "eu-west-1", control, number)
        };
        assert_eq!(id("S3.2", 1), id("S3.3", 1));
        assert_ne!(id("S3.2", 1), id("S3.2", 2));
        assert!(id("IAM.5", 3).starts_with("arn:aws:iam::333333333333:user/"));
    }
}
