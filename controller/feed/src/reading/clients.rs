//! Clients of Security Hub, opened once and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use soc2_aws::{Aws, Role, SecurityHub};
use soc2_posture::ids::Region;

type Open = HashMap<(Option<Role>, Region), Arc<dyn SecurityHub>>;

/// The clients of one feed.
pub(crate) struct Clients {
    aws: Arc<dyn Aws>,
    per_second: u32,
    open: Mutex<Open>,
}

impl Clients {
    pub(crate) fn new(aws: Arc<dyn Aws>, per_second: u32) -> Self {
        Self { aws, per_second, open: Mutex::default() }
    }

    /// The client with this role in this Region.
    pub(crate) fn hub(&self, role: Option<&Role>, region: &str) -> Arc<dyn SecurityHub> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (role.cloned(), region.to_owned());
        let client = open.entry(key).or_insert_with(|| self.aws.security_hub(role, region, self.per_second));
        Arc::clone(client)
    }

    /// Closes those that are not wanted any more.
    pub(crate) fn retain(&self, wanted: impl Fn(Option<&Role>, &str) -> bool) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(role, region), _| wanted(role.as_ref(), region));
    }
}
