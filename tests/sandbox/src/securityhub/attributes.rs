//! The attributes by which findings are filtered and sorted, and how to read them from a row.

use std::cell::OnceCell;

use serde_json::{Map, Value};

use super::row::{Body, Made, Row};
use super::tables::Tables;
use super::{render, resources, when};

/// What kind of filter an attribute takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Date,
    Number,
    Boolean,
    Map,
    Ip,
    Keyword,
}

/// A filter attribute: name, kind, and where its values are in a finding (`[]` for each of a list).
pub(super) type Attribute = (&'static str, Kind, &'static str);

/// The attribute of a name, as in the service's model.
pub(super) fn find(name: &str) -> Option<&'static Attribute> {
    ATTRIBUTES.iter().find(|attribute| attribute.0 == name)
}

/// A row while it is compared: the whole finding is made only when an attribute needs it.
pub(super) struct Reading<'a> {
    tables: &'a Tables,
    row: &'a Row,
    whole: OnceCell<Map<String, Value>>,
}

impl<'a> Reading<'a> {
    /// Begins to read a row.
    pub(super) fn new(tables: &'a Tables, row: &'a Row) -> Self {
        Self { tables, row, whole: OnceCell::new() }
    }

    /// The finding as ASFF.
    pub(super) fn whole(&self) -> &Map<String, Value> {
        match &self.row.body {
            Body::Raw(map) => map,
            Body::Made(_) => self.whole.get_or_init(|| render::finding(self.tables, self.row)),
        }
    }

    /// The compact form, when the row has it and nothing was put over it.
    fn made(&self) -> Option<&'a Made> {
        match &self.row.body {
            Body::Made(made) if made.overlay.is_none() => Some(made),
            _ => None,
        }
    }

    /// Whether any of the attribute's texts passes the test.
    pub(super) fn any_text(&self, attribute: &Attribute, test: &mut dyn FnMut(&str) -> bool) -> bool {
        if let Some(found) = self.made().and_then(|made| self.quick(made, attribute.0, test)) {
            return found;
        }
        let mut any = false;
        self.each(attribute, &mut |value| any = any || value.as_str().is_some_and(&mut *test));
        any
    }

    /// The same without making the whole finding, for the attributes that queries commonly use.
    fn quick(&self, made: &Made, name: &str, test: &mut dyn FnMut(&str) -> bool) -> Option<bool> {
        let (tables, row) = (self.tables, self.row);
        Some(match name {
            "AwsAccountId" => test(tables.accounts.get(row.account)),
            "Region" | "ResourceRegion" => test(tables.regions.get(row.region)),
            "ComplianceStatus" => test(made.status.as_str()),
            "WorkflowStatus" => test(made.workflow.as_str()),
            "RecordState" => test(made.record.as_str()),
            "ComplianceSecurityControlId" => test(&tables.catalog.control(made.control).id),
            "ComplianceAssociatedStandardsId" => {
                let set = made.standard.map_or(made.standards, |standard| 1 << standard);
                tables.catalog.members(set).any(|(_, standard)| test(standard.in_findings))
            }
            "ProductName" => test("Security Hub CSPM"),
            "CompanyName" => test("AWS"),
            "SeverityLabel" => test(render::severity_label(tables, made)),
            "ProductArn" => test(&render::product_arn(tables, row)),
            "GeneratorId" => test(&render::generator_id(tables, made)),
            "Id" => test(&render::id(tables, row)),
            "Title" => test(&render::title(tables, made)),
            "ResourceId" => test(&row.resource_id(tables)),
            "ResourceType" => test(&resources::kind(tables.catalog.control(made.control), &made.subject)),
            _ => return None,
        })
    }

    /// The attribute's first time, in milliseconds.
    pub(super) fn date(&self, attribute: &Attribute) -> Option<i64> {
        match (self.made(), attribute.0) {
            (Some(_), "UpdatedAt" | "LastObservedAt") => Some(self.row.updated),
            (Some(made), "CreatedAt" | "FirstObservedAt") => Some(made.created),
            _ => {
                let mut first = None;
                self.each(attribute, &mut |value| first = first.or_else(|| value.as_str().and_then(when::of_asff)));
                first
            }
        }
    }

    /// The attribute's first number.
    pub(super) fn number(&self, attribute: &Attribute) -> Option<f64> {
        let mut first = None;
        self.each(attribute, &mut |value| first = first.or(value.as_f64()));
        first
    }

    /// Calls back with each value of the attribute in the whole finding.
    pub(super) fn each(&self, attribute: &Attribute, f: &mut dyn FnMut(&Value)) {
        let mut steps = attribute.2.split('.');
        let first = steps.next().unwrap_or_default();
        if let Some(value) = self.whole().get(first.trim_end_matches("[]")) {
            walk(value, first.ends_with("[]"), &mut steps, f);
        }
    }
}

fn walk(value: &Value, list: bool, steps: &mut std::str::Split<'_, char>, f: &mut dyn FnMut(&Value)) {
    if list {
        for item in value.as_array().into_iter().flatten() {
            walk(item, false, &mut steps.clone(), f);
        }
        return;
    }
    match steps.next() {
        None => f(value),
        Some(step) => {
            if let Some(inner) = value.get(step.trim_end_matches("[]")) {
                walk(inner, step.ends_with("[]"), steps, f);
            }
        }
    }
}

/// The attributes of `AwsSecurityFindingFilters` in the service's model.
const ATTRIBUTES: &[Attribute] = &[
    ("ProductArn", Kind::Text, "ProductArn"),
    ("AwsAccountId", Kind::Text, "AwsAccountId"),
    ("Id", Kind::Text, "Id"),
    ("GeneratorId", Kind::Text, "GeneratorId"),
    ("Region", Kind::Text, "Region"),
    ("Type", Kind::Text, "Types[]"),
    ("FirstObservedAt", Kind::Date, "FirstObservedAt"),
    ("LastObservedAt", Kind::Date, "LastObservedAt"),
    ("CreatedAt", Kind::Date, "CreatedAt"),
    ("UpdatedAt", Kind::Date, "UpdatedAt"),
    ("SeverityProduct", Kind::Number, "Severity.Product"),
    ("SeverityNormalized", Kind::Number, "Severity.Normalized"),
    ("SeverityLabel", Kind::Text, "Severity.Label"),
    ("Confidence", Kind::Number, "Confidence"),
    ("Criticality", Kind::Number, "Criticality"),
    ("Title", Kind::Text, "Title"),
    ("Description", Kind::Text, "Description"),
    ("RecommendationText", Kind::Text, "Remediation.Recommendation.Text"),
    ("SourceUrl", Kind::Text, "SourceUrl"),
    ("ProductFields", Kind::Map, "ProductFields"),
    ("ProductName", Kind::Text, "ProductName"),
    ("CompanyName", Kind::Text, "CompanyName"),
    ("UserDefinedFields", Kind::Map, "UserDefinedFields"),
    ("MalwareName", Kind::Text, "Malware[].Name"),
    ("MalwareType", Kind::Text, "Malware[].Type"),
    ("MalwarePath", Kind::Text, "Malware[].Path"),
    ("MalwareState", Kind::Text, "Malware[].State"),
    ("NetworkDirection", Kind::Text, "Network.Direction"),
    ("NetworkProtocol", Kind::Text, "Network.Protocol"),
    ("NetworkSourceIpV4", Kind::Ip, "Network.SourceIpV4"),
    ("NetworkSourceIpV6", Kind::Ip, "Network.SourceIpV6"),
    ("NetworkSourcePort", Kind::Number, "Network.SourcePort"),
    ("NetworkSourceDomain", Kind::Text, "Network.SourceDomain"),
    ("NetworkSourceMac", Kind::Text, "Network.SourceMac"),
    ("NetworkDestinationIpV4", Kind::Ip, "Network.DestinationIpV4"),
    ("NetworkDestinationIpV6", Kind::Ip, "Network.DestinationIpV6"),
    ("NetworkDestinationPort", Kind::Number, "Network.DestinationPort"),
    ("NetworkDestinationDomain", Kind::Text, "Network.DestinationDomain"),
    ("ProcessName", Kind::Text, "Process.Name"),
    ("ProcessPath", Kind::Text, "Process.Path"),
    ("ProcessPid", Kind::Number, "Process.Pid"),
    ("ProcessParentPid", Kind::Number, "Process.ParentPid"),
    ("ProcessLaunchedAt", Kind::Date, "Process.LaunchedAt"),
    ("ProcessTerminatedAt", Kind::Date, "Process.TerminatedAt"),
    ("ThreatIntelIndicatorType", Kind::Text, "ThreatIntelIndicators[].Type"),
    ("ThreatIntelIndicatorValue", Kind::Text, "ThreatIntelIndicators[].Value"),
    ("ThreatIntelIndicatorCategory", Kind::Text, "ThreatIntelIndicators[].Category"),
    ("ThreatIntelIndicatorLastObservedAt", Kind::Date, "ThreatIntelIndicators[].LastObservedAt"),
    ("ThreatIntelIndicatorSource", Kind::Text, "ThreatIntelIndicators[].Source"),
    ("ThreatIntelIndicatorSourceUrl", Kind::Text, "ThreatIntelIndicators[].SourceUrl"),
    ("ResourceType", Kind::Text, "Resources[].Type"),
    ("ResourceId", Kind::Text, "Resources[].Id"),
    ("ResourcePartition", Kind::Text, "Resources[].Partition"),
    ("ResourceRegion", Kind::Text, "Resources[].Region"),
    ("ResourceTags", Kind::Map, "Resources[].Tags"),
    ("ResourceAwsEc2InstanceType", Kind::Text, "Resources[].Details.AwsEc2Instance.Type"),
    ("ResourceAwsEc2InstanceImageId", Kind::Text, "Resources[].Details.AwsEc2Instance.ImageId"),
    ("ResourceAwsEc2InstanceIpV4Addresses", Kind::Ip, "Resources[].Details.AwsEc2Instance.IpV4Addresses[]"),
    ("ResourceAwsEc2InstanceIpV6Addresses", Kind::Ip, "Resources[].Details.AwsEc2Instance.IpV6Addresses[]"),
    ("ResourceAwsEc2InstanceKeyName", Kind::Text, "Resources[].Details.AwsEc2Instance.KeyName"),
    (
        "ResourceAwsEc2InstanceIamInstanceProfileArn",
        Kind::Text,
        "Resources[].Details.AwsEc2Instance.IamInstanceProfileArn",
    ),
    ("ResourceAwsEc2InstanceVpcId", Kind::Text, "Resources[].Details.AwsEc2Instance.VpcId"),
    ("ResourceAwsEc2InstanceSubnetId", Kind::Text, "Resources[].Details.AwsEc2Instance.SubnetId"),
    ("ResourceAwsEc2InstanceLaunchedAt", Kind::Date, "Resources[].Details.AwsEc2Instance.LaunchedAt"),
    ("ResourceAwsS3BucketOwnerId", Kind::Text, "Resources[].Details.AwsS3Bucket.OwnerId"),
    ("ResourceAwsS3BucketOwnerName", Kind::Text, "Resources[].Details.AwsS3Bucket.OwnerName"),
    ("ResourceAwsIamAccessKeyUserName", Kind::Text, "Resources[].Details.AwsIamAccessKey.UserName"),
    ("ResourceAwsIamAccessKeyPrincipalName", Kind::Text, "Resources[].Details.AwsIamAccessKey.PrincipalName"),
    ("ResourceAwsIamAccessKeyStatus", Kind::Text, "Resources[].Details.AwsIamAccessKey.Status"),
    ("ResourceAwsIamAccessKeyCreatedAt", Kind::Date, "Resources[].Details.AwsIamAccessKey.CreatedAt"),
    ("ResourceAwsIamUserUserName", Kind::Text, "Resources[].Details.AwsIamUser.UserName"),
    ("ResourceContainerName", Kind::Text, "Resources[].Details.Container.Name"),
    ("ResourceContainerImageId", Kind::Text, "Resources[].Details.Container.ImageId"),
    ("ResourceContainerImageName", Kind::Text, "Resources[].Details.Container.ImageName"),
    ("ResourceContainerLaunchedAt", Kind::Date, "Resources[].Details.Container.LaunchedAt"),
    ("ResourceDetailsOther", Kind::Map, "Resources[].Details.Other"),
    ("ComplianceStatus", Kind::Text, "Compliance.Status"),
    ("VerificationState", Kind::Text, "VerificationState"),
    ("WorkflowState", Kind::Text, "WorkflowState"),
    ("WorkflowStatus", Kind::Text, "Workflow.Status"),
    ("RecordState", Kind::Text, "RecordState"),
    ("RelatedFindingsProductArn", Kind::Text, "RelatedFindings[].ProductArn"),
    ("RelatedFindingsId", Kind::Text, "RelatedFindings[].Id"),
    ("NoteText", Kind::Text, "Note.Text"),
    ("NoteUpdatedAt", Kind::Date, "Note.UpdatedAt"),
    ("NoteUpdatedBy", Kind::Text, "Note.UpdatedBy"),
    ("Keyword", Kind::Keyword, ""),
    ("FindingProviderFieldsConfidence", Kind::Number, "FindingProviderFields.Confidence"),
    ("FindingProviderFieldsCriticality", Kind::Number, "FindingProviderFields.Criticality"),
    ("FindingProviderFieldsRelatedFindingsId", Kind::Text, "FindingProviderFields.RelatedFindings[].Id"),
    (
        "FindingProviderFieldsRelatedFindingsProductArn",
        Kind::Text,
        "FindingProviderFields.RelatedFindings[].ProductArn",
    ),
    ("FindingProviderFieldsSeverityLabel", Kind::Text, "FindingProviderFields.Severity.Label"),
    ("FindingProviderFieldsSeverityOriginal", Kind::Text, "FindingProviderFields.Severity.Original"),
    ("FindingProviderFieldsTypes", Kind::Text, "FindingProviderFields.Types[]"),
    ("Sample", Kind::Boolean, "Sample"),
    ("ComplianceSecurityControlId", Kind::Text, "Compliance.SecurityControlId"),
    ("ComplianceAssociatedStandardsId", Kind::Text, "Compliance.AssociatedStandards[].StandardsId"),
    ("VulnerabilitiesExploitAvailable", Kind::Text, "Vulnerabilities[].ExploitAvailable"),
    ("VulnerabilitiesFixAvailable", Kind::Text, "Vulnerabilities[].FixAvailable"),
    ("ComplianceSecurityControlParametersName", Kind::Text, "Compliance.SecurityControlParameters[].Name"),
    ("ComplianceSecurityControlParametersValue", Kind::Text, "Compliance.SecurityControlParameters[].Value[]"),
    ("AwsAccountName", Kind::Text, "AwsAccountName"),
    ("ResourceApplicationName", Kind::Text, "Resources[].ApplicationName"),
    ("ResourceApplicationArn", Kind::Text, "Resources[].ApplicationArn"),
    ("ResourceOwnerAccountId", Kind::Text, "Resources[].Owner.AccountId"),
    ("ResourceOwnerOrgId", Kind::Text, "Resources[].Owner.OrganizationId"),
    ("ResourceProvider", Kind::Text, "Resources[].Provider"),
];
