//! The types of policies and their quotas.

/// What is fixed for a type of policy.
#[derive(Debug, PartialEq, Eq)]
pub struct PolicyType {
    /// Name in the API.
    pub name: &'static str,
    /// Policies of this type that may be attached to one root, OU or account.
    pub attachments: usize,
    /// Characters of content.
    pub characters: usize,
    /// Policies of this type in one organization.
    pub policies: usize,
    /// The AWS-managed policy that allows everything and is attached to everything: id and name.
    pub managed: Option<(&'static str, &'static str)>,
}

const fn plain(name: &'static str, attachments: usize, characters: usize) -> PolicyType {
    PolicyType { name, attachments, characters, policies: 1000, managed: None }
}

/// Service control policies.
pub const SCP: &str = "SERVICE_CONTROL_POLICY";

static TYPES: &[PolicyType] = &[
    PolicyType {
        name: SCP,
        attachments: 10,
        characters: 10_240,
        policies: 10_000,
        managed: Some(("p-FullAWSAccess", "FullAWSAccess")),
    },
    PolicyType {
        name: "RESOURCE_CONTROL_POLICY",
        attachments: 5,
        characters: 5_120,
        policies: 1000,
        managed: Some(("p-RCPFullAWSAccess", "RCPFullAWSAccess")),
    },
    plain("TAG_POLICY", 10, 10_000),
    plain("BACKUP_POLICY", 10, 10_000),
    plain("AISERVICES_OPT_OUT_POLICY", 5, 2_500),
    plain("CHATBOT_POLICY", 5, 10_000),
    plain("DECLARATIVE_POLICY_EC2", 10, 10_000),
    plain("SECURITYHUB_POLICY", 10, 10_000),
    plain("SECURITYHUB_CSPM_POLICY", 10, 10_000),
    plain("INSPECTOR_POLICY", 10, 10_000),
    plain("UPGRADE_ROLLOUT_POLICY", 10, 10_000),
    plain("BEDROCK_POLICY", 10, 10_000),
    plain("S3_POLICY", 10, 10_000),
    plain("NETWORK_SECURITY_DIRECTOR_POLICY", 10, 10_000),
    plain("GUARDDUTY_POLICY", 10, 10_000),
];

impl PolicyType {
    /// All types.
    #[must_use]
    pub fn all() -> &'static [Self] {
        TYPES
    }

    /// The type of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TYPES.iter().find(|kind| kind.name == name)
    }
}
