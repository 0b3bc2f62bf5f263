//! `Aws` on the AWS SDK.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::core::{Core, http_client};
use crate::directory::OrganizationsDirectory;
use crate::error::AwsError;
use crate::metrics::AwsMetrics;
use crate::objects::Objects;
use crate::policies::OrganizationsWriter;
use crate::queue::SqsQueue;
use crate::security_hub::RegionalHub;
use crate::settings::Settings;
use crate::state::{StateStore, open};
use crate::traits::{Aws, Directory, EventQueue, PolicyWriter, Role, SecurityHub};

/// Opens clients on the AWS SDK. They share configuration, connections, credentials, rate limiter and metrics.
#[derive(Debug)]
pub struct SdkAws {
    core: Arc<Core>,
    /// A directory remembers its last reading, so there is one for each role.
    directories: Mutex<HashMap<Option<Role>, Arc<OrganizationsDirectory>>>,
}

impl SdkAws {
    /// Reads the configuration. Calls nothing: credentials are looked for, and roles assumed, when they are first needed.
    pub async fn connect(settings: Settings, metrics: &AwsMetrics) -> Result<Arc<dyn Aws>, AwsError> {
        let core = Core::load(settings, metrics, http_client()).await?;
        Ok(Arc::new(Self { core, directories: Mutex::default() }))
    }
}

impl Aws for SdkAws {
    fn directory(&self, role: Option<&Role>) -> Arc<dyn Directory> {
        let mut directories = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || Arc::new(OrganizationsDirectory::new(&self.core, role));
        Arc::<OrganizationsDirectory>::clone(directories.entry(role.cloned()).or_insert_with(open))
    }

    fn policy_writer(&self, role: &Role) -> Arc<dyn PolicyWriter> {
        Arc::new(OrganizationsWriter::new(&self.core, role))
    }

    fn security_hub(&self, role: Option<&Role>, region: &str, get_findings_per_second: u32) -> Arc<dyn SecurityHub> {
        Arc::new(RegionalHub::new(&self.core, role, region, get_findings_per_second))
    }

    fn state_store(&self, url: &str) -> Result<Arc<dyn StateStore>, AwsError> {
        open(&self.core, url)
    }

    fn objects(&self, role: Option<&Role>, url: &str, region: Option<&str>) -> Result<Arc<dyn Objects>, AwsError> {
        crate::objects::open(&self.core, role, url, region)
    }

    fn event_queue(&self, role: Option<&Role>, url: &str, region: &str) -> Arc<dyn EventQueue> {
        Arc::new(SqsQueue::new(&self.core, role, url, region))
    }
}
