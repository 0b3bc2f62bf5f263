//! Rows as ASFF, the format that Security Hub answers with.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::rng::mix;
use super::row::{Body, Made, Row, Status};
use super::tables::Tables;
use super::{resources, when};

/// A UUID made of a row's serial number.
fn uuid(serial: u64) -> String {
    let (high, low) = (mix(serial), mix(!serial));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFF,
        0x8000 | ((low >> 48) & 0x3FFF),
        low & 0xFFFF_FFFF_FFFF
    )
}

/// `Id` of a finding.
pub(super) fn id<'a>(tables: &Tables, row: &'a Row) -> Cow<'a, str> {
    let made = match &row.body {
        Body::Raw(map) => return Cow::Borrowed(map.get("Id").and_then(Value::as_str).unwrap_or_default()),
        Body::Made(made) => made,
    };
    let control = &tables.catalog.control(made.control).id;
    let (account, region) = (tables.accounts.get(row.account), tables.regions.get(row.region));
    let owner = match made.standard {
        None => format!("security-control/{control}"),
        Some(standard) => {
            format!("subscription/{}/{control}", tables.catalog.standards[usize::from(standard)].short)
        }
    };
    let (partition, uuid) = (&tables.partition, uuid(made.serial));
    let mut id = format!("arn:{partition}:securityhub:{region}:{account}:{owner}/finding/{uuid}");
    let wanted = usize::from(made.id_length).min(512);
    if id.len() < wanted {
        let filler = format!("/{}", uuid.replace('-', "")).repeat(16);
        id.extend(filler.chars().take(wanted - id.len()));
    }
    Cow::Owned(id)
}

/// `ProductArn` of a finding.
pub(super) fn product_arn<'a>(tables: &Tables, row: &'a Row) -> Cow<'a, str> {
    match &row.body {
        Body::Raw(map) => Cow::Borrowed(map.get("ProductArn").and_then(Value::as_str).unwrap_or_default()),
        Body::Made(_) => Cow::Owned(tables.product_arn(tables.regions.get(row.region))),
    }
}

/// `GeneratorId` of a finding of Security Hub.
pub(super) fn generator_id(tables: &Tables, made: &Made) -> String {
    let control = &tables.catalog.control(made.control).id;
    match made.standard {
        None => format!("security-control/{control}"),
        Some(standard) => {
            let standard = &tables.catalog.standards[usize::from(standard)];
            let owner =
                if standard.code == "CIS1.2" { standard.arn(&tables.partition, "") } else { standard.short.to_owned() };
            let separator = if standard.code == "CIS1.2" { "/rule/" } else { "/" };
            format!("{owner}{separator}{control}")
        }
    }
}

/// `Severity.Label`: informational once passed, as Security Hub does.
pub(super) fn severity_label<'a>(tables: &'a Tables, made: &Made) -> &'a str {
    if made.status == Status::Passed { "INFORMATIONAL" } else { &tables.catalog.control(made.control).severity }
}

/// The number that belongs to a severity label.
pub(super) fn normalized(label: &str) -> u8 {
    match label {
        "LOW" => 1,
        "MEDIUM" => 40,
        "HIGH" => 70,
        "CRITICAL" => 90,
        _ => 0,
    }
}

/// `Title`: with the control's id in front where findings belong to a standard.
pub(super) fn title(tables: &Tables, made: &Made) -> String {
    let control = tables.catalog.control(made.control);
    if made.standard.is_some() { format!("{} {}", control.id, control.title) } else { control.title.clone() }
}

/// The whole finding.
pub(super) fn finding(tables: &Tables, row: &Row) -> Map<String, Value> {
    match &row.body {
        Body::Raw(map) => map.as_ref().clone(),
        Body::Made(made) => made_finding(tables, row, made),
    }
}

fn made_finding(tables: &Tables, row: &Row, made: &Made) -> Map<String, Value> {
    let control = tables.catalog.control(made.control);
    let (account, region) = (tables.accounts.get(row.account), tables.regions.get(row.region));
    let id = id(tables, row);
    let (created, updated) = (when::text(made.created), when::text(row.updated));
    let label = severity_label(tables, made);
    let severity = json!({"Label": label, "Normalized": normalized(label), "Original": label});
    let types = json!(["Software and Configuration Checks/Industry and Regulatory Standards"]);
    let finding = json!({
        "SchemaVersion": "2018-10-08",
        "Id": id,
        "ProductArn": tables.product_arn(region),
        "ProductName": "Security Hub CSPM",
        "CompanyName": "AWS",
        "Region": region,
        "GeneratorId": generator_id(tables, made),
        "AwsAccountId": account,
        "Types": types,
        "FirstObservedAt": created,
        "LastObservedAt": updated,
        "CreatedAt": created,
        "UpdatedAt": updated,
        "ProcessedAt": updated,
        "Severity": severity,
        "Title": title(tables, made),
        "Description": format!("This control checks the following. {}.", control.title),
        "Remediation": {"Recommendation": {
            "Text": "For information on how to correct this issue, consult the AWS Security Hub controls documentation.",
            "Url": remediation_url(&control.id),
        }},
        "ProductFields": product_fields(tables, row, made, &id),
        "Resources": [{
            "Type": resources::kind(control, &made.subject),
            "Id": row.resource_id(tables),
            "Partition": tables.partition,
            "Region": region,
        }],
        "Compliance": compliance(tables, made),
        "WorkflowState": "NEW",
        "Workflow": {"Status": made.workflow.as_str()},
        "RecordState": made.record.as_str(),
        "FindingProviderFields": {"Severity": {"Label": label, "Original": label}, "Types": types},
    });
    let mut finding = if let Value::Object(map) = finding { map } else { Map::new() };
    if let Some(overlay) = &made.overlay {
        finding.extend(overlay.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    finding
}

/// Where Security Hub's documentation tells how to fix a control.
pub(super) fn remediation_url(control: &str) -> String {
    format!("https://docs.aws.amazon.com/console/securityhub/{control}/remediation")
}

fn compliance(tables: &Tables, made: &Made) -> Value {
    let control = tables.catalog.control(made.control);
    let set = made.standard.map_or(made.standards, |standard| 1 << standard);
    let standards: Vec<_> =
        tables.catalog.members(set).map(|(_, standard)| json!({"StandardsId": standard.in_findings})).collect();
    let mut compliance =
        json!({"Status": made.status.as_str(), "SecurityControlId": control.id, "AssociatedStandards": standards});
    let reason = match made.status {
        Status::Warning => Some((
            "CONFIG_RECORDER_MISSING_REQUIRED_RESOURCE_TYPES",
            format!("AWS Config does not record {} in this account and Region.", control.resource_type),
        )),
        Status::NotAvailable => Some((
            "CONFIG_RETURNS_NOT_APPLICABLE",
            "AWS Config returned NOT_APPLICABLE for the resource in scope.".to_owned(),
        )),
        Status::Passed | Status::Failed => None,
    };
    if let Some((code, description)) = reason {
        compliance["StatusReasons"] = json!([{"ReasonCode": code, "Description": description}]);
    }
    compliance
}

fn product_fields(tables: &Tables, row: &Row, made: &Made, id: &str) -> Value {
    let (account, region) = (tables.accounts.get(row.account), tables.regions.get(row.region));
    let control = tables.catalog.control(made.control);
    let product = tables.product_arn(region);
    let mut fields = json!({
        "RelatedAWSResources:0/name": format!("securityhub-{}-{:08x}", control.id.to_lowercase().replace('.', "-"), mix(u64::from(made.control)) >> 32),
        "RelatedAWSResources:0/type": "AWS::Config::ConfigRule",
        "Resources:0/Id": row.resource_id(tables),
        "aws/securityhub/ProductName": "Security Hub CSPM",
        "aws/securityhub/CompanyName": "AWS",
        "aws/securityhub/FindingId": format!("{product}/{id}"),
    });
    if let Some(standard) = made.standard {
        let standard = &tables.catalog.standards[usize::from(standard)];
        let prefix = format!("arn:{}:securityhub:{region}:{account}", tables.partition);
        fields["StandardsArn"] = json!(standard.arn(&tables.partition, ""));
        fields["StandardsSubscriptionArn"] = json!(format!("{prefix}:subscription/{}", standard.short));
        fields["StandardsControlArn"] = json!(format!("{prefix}:control/{}/{}", standard.short, control.id));
        fields["ControlId"] = json!(control.id);
        fields["RecommendationUrl"] = json!(remediation_url(&control.id));
    }
    fields
}
