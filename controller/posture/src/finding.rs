//! A finding as it comes from a source, before it is judged.

/// The members of an ASFF finding that matter, as the source spelled them. Nothing is trusted yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// `Id`.
    pub id: String,
    /// `ProductArn`.
    pub product_arn: String,
    /// `AwsAccountId`.
    pub account_id: String,
    /// `Region`, else that of the product ARN.
    pub region: String,
    /// `Compliance.SecurityControlId`.
    pub control_id: Option<String>,
    /// `Compliance.Status`.
    pub compliance: Option<String>,
    /// Of `Compliance.StatusReasons` the first reason code, such as `CONFIG_RECORDER_DISABLED`.
    pub status_reason: Option<String>,
    /// `Workflow.Status`.
    pub workflow: Option<String>,
    /// `RecordState`.
    pub record_state: Option<String>,
    /// `UpdatedAt`, as text.
    pub updated_at: Option<String>,
    /// `Resources[0].Type`.
    pub resource_type: Option<String>,
    /// `Resources[0].Id`.
    pub resource_id: Option<String>,
    /// `GeneratorId`: the rule or detector of the product that found it.
    pub generator_id: Option<String>,
    /// `ProductName`, such as `GuardDuty`.
    pub product_name: Option<String>,
    /// `Types`, in their order, such as `TTPs/Command and Control/Backdoor:EC2-C&CActivity.B`.
    pub types: Vec<String>,
    /// `Severity.Label`, such as `CRITICAL`.
    pub severity: Option<String>,
    /// `FirstObservedAt`, as text.
    pub first_observed_at: Option<String>,
    /// `CreatedAt`, as text.
    pub created_at: Option<String>,
}
