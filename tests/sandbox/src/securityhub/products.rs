//! Findings of other products, in the shapes in which they come to Security Hub.

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::changes::Met;
use super::rng::{hash, mix};
use super::row::{Body, Change, RecordState, Row, Status, Workflow};
use super::section::Accounts;
use super::{Hub, generate, when};

/// Findings of one product: what they say, in which accounts and Regions, how many in each. The same in a world file and on
/// the control port.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ProductSection {
    /// `GuardDuty`, `Inspector`, `Macie`, `Prowler`, or another name: then it is an integration of the account's own.
    product: String,
    accounts: Accounts,
    /// Default: every Region where Security Hub is enabled.
    regions: Vec<String>,
    /// So many findings in each account and Region; default one.
    each: Option<u32>,
    /// Makes other ids and resources.
    seed: u64,
    severity: Option<String>,
    generator_id: Option<String>,
    types: Option<Vec<String>>,
    /// Id of the resource.
    resource: Option<String>,
    /// Compliance status; most products give none.
    status: Option<Status>,
    workflow: Option<Workflow>,
    record_state: Option<RecordState>,
    /// Absolute, or relative such as `-40d`; default a day ago. `Macie` only says when a finding was created.
    first_observed_at: Option<String>,
    updated_at: Option<String>,
}

/// What a product's findings have in common.
struct Shape {
    /// Behind `product/` in its ARN.
    path: String,
    company: &'static str,
    generator: String,
    kind: &'static str,
    severity: &'static str,
    resource_kind: &'static str,
    resource: String,
    id: String,
    /// It says when the problem was first observed.
    observed: bool,
    /// What only this product says.
    more: Value,
}

/// Where a finding is, and which of several.
struct Place<'a> {
    partition: &'a str,
    account: &'a str,
    region: &'a str,
    number: u64,
}

impl Place<'_> {
    fn hex(&self, salt: &str) -> String {
        let seed =
            hash(self.account) ^ hash(self.region).rotate_left(21) ^ hash(salt).rotate_left(42) ^ mix(self.number);
        format!("{:016x}{:016x}", mix(seed), mix(!seed))
    }

    fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{rest}", self.partition, self.region, self.account)
    }

    fn instance(&self) -> String {
        self.arn("ec2", &format!("instance/i-{}", &self.hex("instance")[..17]))
    }

    fn bucket(&self) -> String {
        format!("arn:{}:s3:::data-{}", self.partition, &self.hex("bucket")[..12])
    }
}

fn shape(product: &str, place: &Place<'_>) -> Shape {
    match product {
        "GuardDuty" => guard_duty(place),
        "Inspector" => inspector(place),
        "Macie" => macie(place),
        "Prowler" => Shape {
            path: "prowler/prowler".to_owned(),
            company: "Prowler",
            generator: "prowler-iam_user_mfa_enabled_console_access".to_owned(),
            kind: "Software and Configuration Checks/Industry and Regulatory Standards",
            severity: "HIGH",
            resource_kind: "AwsIamUser",
            resource: format!("arn:{}:iam::{}:user/user-{}", place.partition, place.account, place.number),
            id: format!("prowler-iam_user_mfa_enabled_console_access-{}", place.hex("prowler")),
            observed: true,
            more: json!({"ProductFields": {"ProviderName": "Prowler", "ProviderVersion": "5.12.0"}}),
        },
        _ => Shape {
            path: format!("{}/default", place.account),
            company: "Personal",
            generator: format!("{}/rule", product.to_ascii_lowercase().replace(' ', "-")),
            kind: "Software and Configuration Checks",
            severity: "HIGH",
            resource_kind: "Other",
            resource: format!("host-{}", place.number),
            id: format!("{}/{}", product.to_ascii_lowercase().replace(' ', "-"), place.hex("own")),
            observed: true,
            more: json!({}),
        },
    }
}

fn guard_duty(place: &Place<'_>) -> Shape {
    let detector = place.arn("guardduty", &format!("detector/{}", Place { number: 0, ..*place }.hex("detector")));
    Shape {
        path: "aws/guardduty".to_owned(),
        company: "Amazon",
        id: format!("{detector}/finding/{}", place.hex("finding")),
        more: json!({
            "SourceUrl": format!("https://{0}.console.aws.amazon.com/guardduty/home?region={0}#/findings", place.region),
            "ProductFields": {
                "aws/guardduty/service/archived": "false",
                "aws/guardduty/service/count": "7",
                "aws/guardduty/service/detectorId": detector.rsplit('/').next(),
                "aws/guardduty/service/resourceRole": "TARGET",
                "aws/guardduty/service/serviceName": "guardduty",
            },
        }),
        generator: detector,
        kind: "TTPs/Command and Control/Backdoor:EC2-C&CActivity.B!DNS",
        severity: "HIGH",
        resource_kind: "AwsEc2Instance",
        resource: place.instance(),
        observed: true,
    }
}

fn inspector(place: &Place<'_>) -> Shape {
    let cve = format!("CVE-2026-{}", 10_000 + place.number);
    Shape {
        path: "aws/inspector".to_owned(),
        company: "Amazon",
        generator: "AWSInspector".to_owned(),
        kind: "Software and Configuration Checks/Vulnerabilities/CVE",
        severity: "HIGH",
        resource_kind: "AwsEc2Instance",
        resource: place.instance(),
        id: place.arn("inspector2", &format!("finding/{}", place.hex("vulnerability"))),
        observed: true,
        more: json!({
            "ProductFields": {
                "aws/inspector/FindingStatus": "ACTIVE",
                "aws/inspector/ProductVersion": "2",
                "aws/inspector/inspectorScore": "9.8",
            },
            "Vulnerabilities": [{
                "Id": cve,
                "VulnerablePackages": [{"Name": "openssl", "Version": "3.0.7", "PackageManager": "OS"}],
                "FixAvailable": "YES",
                "ExploitAvailable": "NO",
                "Vendor": {"Name": "NVD", "Url": format!("https://nvd.nist.gov/vuln/detail/{cve}")},
            }],
        }),
    }
}

fn macie(place: &Place<'_>) -> Shape {
    Shape {
        path: "aws/macie".to_owned(),
        company: "Amazon",
        generator: "aws/macie".to_owned(),
        kind: "Sensitive Data Identifications/Personal/SensitiveData:S3Object-Personal",
        severity: "HIGH",
        resource_kind: "AwsS3Bucket",
        resource: place.bucket(),
        id: place.hex("sensitive"),
        observed: false,
        more: json!({
            "ProductFields": {"S3Object.Extension": "csv", "S3Bucket.allowsUnencryptedObjectUploads": "UNKNOWN"},
            "Sample": false,
        }),
    }
}

/// Makes the findings of a section; one that is there already is changed instead.
pub(super) fn set(hub: &mut Hub, section: &ProductSection, now: Timestamp) -> anyhow::Result<Met> {
    if section.product.is_empty() {
        bail!("product: give GuardDuty, Inspector, Macie, Prowler or another name");
    }
    let all: Vec<String> = hub.hubs.regions.keys().cloned().collect();
    let regions = if section.regions.is_empty() { all } else { section.regions.clone() };
    let mut met = Met::default();
    for region in &regions {
        let accounts = generate::accounts(&section.accounts, &hub.hubs, &hub.org, region)?;
        let accounts: Vec<String> = accounts.into_iter().map(str::to_owned).collect();
        for account in &accounts {
            for number in 0..u64::from(section.each.unwrap_or(1)) {
                one(hub, section, (account, region, number), now, &mut met)
                    .with_context(|| format!("{} in {account}, {region}", section.product))?;
            }
        }
    }
    Ok(met)
}

fn one(
    hub: &mut Hub,
    section: &ProductSection,
    (account, region, number): (&str, &str, u64),
    now: Timestamp,
    met: &mut Met,
) -> anyhow::Result<()> {
    let partition = hub.tables.partition.clone();
    let seed = if section.seed == 0 { 0 } else { mix(section.seed) & 0xFFFF_FF00 };
    let place = Place { partition: &partition, account, region, number: seed + number };
    let finding = finding(section, &shape(&section.product, &place), &place, now)?;
    let text = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or_default();
    if let Some(known) = hub.store.find(&hub.tables, text("Id"), text("ProductArn")) {
        let change = Change {
            status: section.status,
            workflow: section.workflow,
            record: section.record_state,
            updated: section.updated_at.as_deref().map(|text| when::parse(text, now)).transpose()?,
        };
        let severity = section.severity.as_deref().map(severity);
        hub.store.change(known, |row| {
            if let (Some(severity), Body::Raw(map)) = (severity, &mut row.body) {
                map.insert("Severity".to_owned(), severity);
            }
            row.apply(change, now);
        });
        met.changed += 1;
        return Ok(());
    }
    let (account, region) = (hub.tables.accounts.intern(account)?, hub.tables.regions.intern(region)?);
    hub.store.push(&hub.tables, Row::raw(account, region, finding));
    met.created += 1;
    Ok(())
}

fn severity(label: &str) -> Value {
    super::import::severity(&json!({"Label": label}))
}

fn finding(
    section: &ProductSection,
    shape: &Shape,
    place: &Place<'_>,
    now: Timestamp,
) -> anyhow::Result<Map<String, Value>> {
    let moment = |text: &Option<String>, otherwise: &str| when::parse(text.as_deref().unwrap_or(otherwise), now);
    let first = when::text(moment(&section.first_observed_at, "-24h")?);
    let updated = when::text(moment(&section.updated_at, "-1h")?);
    let own = shape.path.starts_with(place.account);
    let owner = if own { place.account } else { "" };
    let product_arn = format!("arn:{}:securityhub:{}:{owner}:product/{}", place.partition, place.region, shape.path);
    let label = section.severity.as_deref().unwrap_or(shape.severity);
    let types = section.types.clone().unwrap_or_else(|| vec![shape.kind.to_owned()]);
    let mut fields = json!({
        "aws/securityhub/ProductName": section.product,
        "aws/securityhub/CompanyName": shape.company,
        "aws/securityhub/FindingId": format!("{product_arn}/{}", shape.id),
    });
    let mut finding = json!({
        "SchemaVersion": "2018-10-08",
        "Id": shape.id,
        "ProductArn": product_arn,
        "ProductName": section.product,
        "CompanyName": shape.company,
        "Region": place.region,
        "GeneratorId": section.generator_id.as_deref().unwrap_or(&shape.generator),
        "AwsAccountId": place.account,
        "Types": types,
        "CreatedAt": first,
        "UpdatedAt": updated,
        "ProcessedAt": updated,
        "Severity": severity(label),
        "Title": format!("A finding of {}", section.product),
        "Description": format!("{} found something in account {}.", section.product, place.account),
        "Resources": [{
            "Type": shape.resource_kind,
            "Id": section.resource.as_deref().unwrap_or(&shape.resource),
            "Partition": place.partition,
            "Region": place.region,
        }],
        "WorkflowState": "NEW",
        "Workflow": {"Status": section.workflow.unwrap_or(Workflow::New).as_str()},
        "RecordState": section.record_state.unwrap_or(RecordState::Active).as_str(),
        "FindingProviderFields": {"Severity": {"Label": label}, "Types": types},
    });
    if shape.observed {
        finding["FirstObservedAt"] = json!(first);
        finding["LastObservedAt"] = json!(updated);
    }
    if let Some(status) = section.status {
        finding["Compliance"] = json!({"Status": status.as_str()});
    }
    let mut more = shape.more.as_object().cloned().unwrap_or_default();
    if let (Some(fields), Some(Value::Object(own))) = (fields.as_object_mut(), more.remove("ProductFields")) {
        fields.extend(own);
    }
    finding["ProductFields"] = fields;
    let mut finding = if let Value::Object(map) = finding { map } else { Map::new() };
    finding.extend(more);
    Ok(finding)
}
