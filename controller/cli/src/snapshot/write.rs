//! Writes a snapshot: findings as they are read, the rest at the end.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use soc2_aws::{
    Aggregator, Aws, AwsError, Directory, EventQueue, FindingsPage, FindingsQuery, HubDescription, Objects,
    PolicyWriter, Role, SecurityHub, StateStore, Traffic,
};
use soc2_catalog::Catalog;
use soc2_guardrails::inventory::PolicyInventory;
use soc2_posture::World;
use soc2_posture::finding::Finding;
use soc2_posture::ids::{AccountId, Region};

use super::organization::OrganizationFile;
use super::sources::SourcesFile;

/// How much is done to make the files small; 3 is the compressor's own choice.
const COMPRESSION: i32 = 3;

/// The beginning of the name of the file with the findings that were read in a Region.
pub(super) fn stem(region: &str) -> String {
    region.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

/// Makes the folder of a snapshot. One that has something in it already is not touched.
///
/// # Errors
/// When it cannot be made, or is not empty.
pub fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("findings")).with_context(|| folder.display().to_string())?;
    let mut entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let found = entries.try_fold(0, |count, entry| entry.map(|_| count + 1))?;
    let below = fs::read_dir(folder.join("findings"))?.count();
    let name = folder.display();
    ensure!(found == 1 && below == 0, "--out {name}: is not empty; name another folder, or remove it first");
    Ok(())
}

/// Writes everything but the findings.
///
/// # Errors
/// When a file cannot be written, or the organization was not read.
pub fn write(
    folder: &Path,
    world: &World,
    inventory: Option<&PolicyInventory>,
    catalog: &Catalog,
    taken_at: Timestamp,
) -> Result<()> {
    let organization = world.organization.as_ref().context("the organization was not read")?;
    file(&folder.join("organization.json"), &OrganizationFile::new(organization, inventory))?;
    // Last: without it nothing in the folder counts.
    file(&folder.join("sources.json"), &SourcesFile::new(&world.sources, catalog, taken_at))
}

fn file(path: &Path, content: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(content)?;
    text.push('\n');
    fs::write(path, text).with_context(|| path.display().to_string())
}

/// A finding as ASFF, with the members that matter.
fn asff(finding: &Finding) -> Value {
    let Finding {
        id,
        product_arn,
        account_id,
        region,
        control_id,
        compliance,
        status_reason,
        workflow,
        record_state,
        updated_at,
        resource_type,
        resource_id,
        generator_id,
        product_name,
        types,
        severity,
        first_observed_at,
        created_at,
    } = finding;
    let reasons = status_reason.as_ref().map(|code| json!([{"ReasonCode": code}]));
    json!({
        "SchemaVersion": "2018-10-08",
        "Id": id,
        "ProductArn": product_arn,
        "ProductName": product_name,
        "Region": region,
        "GeneratorId": generator_id,
        "AwsAccountId": account_id,
        "Types": types,
        "FirstObservedAt": first_observed_at,
        "CreatedAt": created_at,
        "UpdatedAt": updated_at,
        "Severity": members([("Label", severity.as_ref().map(|text| json!(text)))]),
        "Resources": [members([("Type", resource_type.as_ref().map(|text| json!(text))), ("Id", resource_id.as_ref().map(|text| json!(text)))])],
        "Compliance": members([
            ("Status", compliance.as_ref().map(|text| json!(text))),
            ("SecurityControlId", control_id.as_ref().map(|text| json!(text))),
            ("StatusReasons", reasons),
        ]),
        "Workflow": members([("Status", workflow.as_ref().map(|text| json!(text)))]),
        "RecordState": record_state,
    })
}

/// An object of the members that there are.
fn members<const N: usize>(all: [(&str, Option<Value>); N]) -> Value {
    let present = all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

/// AWS, with every finding that is read written to a file of its Region too.
pub struct Recorder {
    aws: Arc<dyn Aws>,
    tape: Arc<Tape>,
}

type Encoder = zstd::Encoder<'static, File>;

struct Tape {
    folder: PathBuf,
    files: Mutex<BTreeMap<Region, Encoder>>,
    /// The first error of a file; everything read after it is missing.
    failed: Mutex<Option<io::Error>>,
}

impl Recorder {
    /// Records into the folder of a snapshot.
    #[must_use]
    pub fn new(aws: Arc<dyn Aws>, folder: &Path) -> Self {
        let tape = Tape { folder: folder.join("findings"), files: Mutex::default(), failed: Mutex::default() };
        Self { aws, tape: Arc::new(tape) }
    }

    /// Ends the files.
    ///
    /// # Errors
    /// When something could not be written.
    pub fn finish(&self) -> Result<()> {
        let failed = self.tape.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(error) = failed {
            return Err(error).with_context(|| self.tape.folder.display().to_string());
        }
        let files = std::mem::take(&mut *self.tape.files.lock().unwrap_or_else(PoisonError::into_inner));
        for encoder in files.into_values() {
            encoder.finish().with_context(|| self.tape.folder.display().to_string())?;
        }
        Ok(())
    }
}

impl Tape {
    fn record(&self, region: &str, findings: &[Finding]) {
        if let Err(error) = self.write(region, findings) {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }

    fn write(&self, region: &str, findings: &[Finding]) -> io::Result<()> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if !files.contains_key(region) {
            let path = self.folder.join(format!("{}.jsonl.zst", stem(region)));
            files.insert(region.to_owned(), Encoder::new(File::create_new(path)?, COMPRESSION)?);
        }
        let Some(file) = files.get_mut(region) else { return Ok(()) };
        for finding in findings {
            serde_json::to_writer(&mut *file, &asff(finding))?;
            file.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl Aws for Recorder {
    fn directory(&self, role: Option<&Role>) -> Arc<dyn Directory> {
        self.aws.directory(role)
    }

    fn policy_writer(&self, role: &Role) -> Arc<dyn PolicyWriter> {
        self.aws.policy_writer(role)
    }

    fn security_hub(&self, role: Option<&Role>, region: &str, get_findings_per_second: u32) -> Arc<dyn SecurityHub> {
        let hub = self.aws.security_hub(role, region, get_findings_per_second);
        Arc::new(RecordedHub { hub, region: region.to_owned(), tape: Arc::clone(&self.tape) })
    }

    fn state_store(&self, url: &str) -> Result<Arc<dyn StateStore>, AwsError> {
        self.aws.state_store(url)
    }

    fn objects(&self, role: Option<&Role>, url: &str, region: Option<&str>) -> Result<Arc<dyn Objects>, AwsError> {
        self.aws.objects(role, url, region)
    }

    fn event_queue(&self, role: Option<&Role>, url: &str, region: &str) -> Arc<dyn EventQueue> {
        self.aws.event_queue(role, url, region)
    }
}

struct RecordedHub {
    hub: Arc<dyn SecurityHub>,
    region: Region,
    tape: Arc<Tape>,
}

#[async_trait]
impl SecurityHub for RecordedHub {
    async fn hub(&self) -> Result<HubDescription, AwsError> {
        self.hub.hub().await
    }

    async fn standards(&self) -> Result<Vec<String>, AwsError> {
        self.hub.standards().await
    }

    async fn members(&self) -> Result<Vec<(AccountId, String)>, AwsError> {
        self.hub.members().await
    }

    async fn aggregator(&self) -> Result<Option<Aggregator>, AwsError> {
        self.hub.aggregator().await
    }

    async fn associations(&self, control: &str) -> Result<Vec<(String, bool)>, AwsError> {
        self.hub.associations(control).await
    }

    async fn control_ids(&self) -> Result<Vec<String>, AwsError> {
        self.hub.control_ids().await
    }

    async fn findings(&self, query: &FindingsQuery, token: Option<String>) -> Result<FindingsPage, AwsError> {
        let page = self.hub.findings(query, token).await?;
        self.tape.record(&self.region, &page.findings);
        Ok(page)
    }

    fn traffic(&self) -> Traffic {
        self.hub.traffic()
    }
}
