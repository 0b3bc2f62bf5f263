//! Which controls are disabled: read hourly, politely, and never needed for anything to pass.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use soc2_aws::{AwsError, ErrorClass, SecurityHub};
use soc2_catalog::{Catalog, ControlIx, StandardCode, Tier, normalize_control_id, standards};
use soc2_posture::ids::Region;

use super::hub::{patiently, unknown_operation};
use super::survey::LaneKey;

/// Hubs that are read at once, each with one call at a time.
const AT_ONCE: usize = 2;

/// One hub to read.
pub(crate) struct Ask {
    pub(crate) lane: LaneKey,
    pub(crate) region: Region,
    pub(crate) client: Arc<dyn SecurityHub>,
    /// Enabled standards.
    pub(crate) standards: BTreeSet<StandardCode>,
}

/// What one hub answered.
pub(crate) struct Answer {
    pub(crate) lane: LaneKey,
    pub(crate) region: Region,
    pub(crate) disabled: Result<BTreeSet<ControlIx>, AwsError>,
}

/// Asks each hub, about the controls of the Default tier and about these.
pub(crate) async fn read(asks: Vec<Ask>, catalog: &Catalog, controls: &BTreeSet<String>) -> Vec<Answer> {
    let answers = stream::iter(asks).map(|ask| async move {
        let disabled = ask.disabled(catalog, controls).await;
        Answer { lane: ask.lane, region: ask.region, disabled }
    });
    answers.buffer_unordered(AT_ONCE).collect().await
}

impl Ask {
    /// Controls that are disabled in every enabled standard they belong to.
    async fn disabled(&self, catalog: &Catalog, controls: &BTreeSet<String>) -> Result<BTreeSet<ControlIx>, AwsError> {
        let mut disabled = BTreeSet::new();
        let known = self.control_ids().await?;
        for control in relevant(catalog, &self.standards, controls) {
            let id = &catalog.get(control).id;
            if known.as_ref().is_some_and(|known| !known.contains(&normalize_control_id(id))) {
                continue;
            }
            match patiently(|| self.client.associations(id)).await {
                Ok(associations) if self.says_disabled(&associations) => {
                    disabled.insert(control);
                }
                Ok(_) => {}
                // This control does not exist there; the others may.
                Err(error) if error.class == ErrorClass::Terminal && !unknown_operation(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(disabled)
    }

    /// Ids of the controls that exist there; `None` when that cannot be known.
    async fn control_ids(&self) -> Result<Option<BTreeSet<String>>, AwsError> {
        match patiently(|| self.client.control_ids()).await {
            Ok(ids) => Ok(Some(ids.iter().map(|id| normalize_control_id(id)).collect())),
            Err(error) if matches!(error.class, ErrorClass::Transient | ErrorClass::Throttled) => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn says_disabled(&self, associations: &[(String, bool)]) -> bool {
        let ours = |arn: &String| standards::parse(arn).is_some_and(|code| self.standards.contains(&code));
        let mut enabled = associations.iter().filter(|(arn, _)| ours(arn)).map(|(_, enabled)| *enabled).peekable();
        enabled.peek().is_some() && !enabled.any(|enabled| enabled)
    }
}

/// Controls that a profile may use and that an enabled standard has.
fn relevant(catalog: &Catalog, standards: &BTreeSet<StandardCode>, controls: &BTreeSet<String>) -> BTreeSet<ControlIx> {
    let mapped = catalog.mappings().iter().filter(|mapping| mapping.tier == Tier::Default);
    mapped
        .map(|mapping| mapping.control)
        .chain(controls.iter().filter_map(|id| catalog.control(id)))
        .filter(|ix| {
            let control = catalog.get(*ix);
            !control.retired && control.standards.iter().any(|code| standards.contains(code))
        })
        .collect()
}
