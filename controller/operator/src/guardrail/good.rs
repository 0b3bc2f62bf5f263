//! What was last in place, kept in the operator's namespace to go back to: one immutable `ConfigMap` for each set with waves, named
//! by what is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use soc2_crds::GuardrailSet;
use soc2_guardrails::{Good, Mode, SetPlan};

use super::kept;
use super::observe::Observed;
use crate::context::Context;
use crate::error::Error;

/// Beginning of their names.
const PREFIX: &str = "soc2-guardrails-";
/// The one key of the data.
const KEY: &str = "content.json";

/// What was read or kept, by set: the name of its `ConfigMap`, and what is in it.
#[derive(Debug, Default)]
pub struct Goods(Mutex<BTreeMap<String, (String, Good)>>);

#[derive(Serialize, Deserialize)]
struct Kept {
    targets: BTreeSet<String>,
    contents: BTreeMap<String, String>,
}

impl Goods {
    /// What was last in place of a set, if it is known.
    #[must_use]
    pub fn of(&self, set: &GuardrailSet) -> Option<Good> {
        let name = recorded(set)?;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&set.name_any()).filter(|(found, _)| found == name).map(|(_, good)| good.clone())
    }

    /// Nothing is kept about a set any more; what is on record is read again.
    pub fn forget(&self, set: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(set);
    }

    fn remember(&self, set: &str, name: &str, good: Good) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(set.to_owned(), (name.to_owned(), good));
    }
}

fn recorded(set: &GuardrailSet) -> Option<&str> {
    set.status.as_ref()?.applied.as_ref()?.content.as_deref()
}

/// Reads what was last in place of a set, unless it is known. One that somebody deleted is not known any more.
///
/// # Errors
/// Of the API server.
pub async fn load(context: &Context, set: &GuardrailSet) -> Result<(), Error> {
    let Some(name) = recorded(set).filter(|_| set.spec.rollout.is_some() && context.goods.of(set).is_none()) else {
        return Ok(());
    };
    // What has another content than its name says would be written to AWS.
    let text = kept::get(context, set, (PREFIX, name), KEY).await?;
    if let Some(Kept { targets, contents }) = text.and_then(|text| serde_json::from_str(&text).ok()) {
        context.goods.remember(&set.name_any(), name, Good { targets, contents });
    } else {
        tracing::warn!(set = %set.name_any(), config_map = name, "what was last in place is not on record, or not as it was kept");
    }
    Ok(())
}

/// Keeps what is in place now, and gives the name of its `ConfigMap`. `None` when nothing is to be kept.
///
/// # Errors
/// Of the API server.
pub async fn keep(
    context: &Context,
    set: &GuardrailSet,
    observed: &Observed,
    plan: &SetPlan,
) -> Result<Option<String>, Error> {
    let in_place = plan.mode == Mode::Enforce && !plan.removing && plan.refused.is_none() && plan.steps.is_empty();
    if set.spec.rollout.is_none() || !in_place || observed.settling {
        return Ok(recorded(set).map(str::to_owned));
    }
    let targets = plan.baselines.iter().flat_map(|baseline| &baseline.targets).map(|target| target.id.0.clone());
    let says = |id: &String| observed.policy(id).map(|policy| policy.content.clone());
    let contents = plan.baselines.iter().filter_map(|one| Some((one.name.clone(), says(one.policy_id.as_ref()?)?)));
    let (targets, contents): (BTreeSet<String>, BTreeMap<String, String>) = (targets.collect(), contents.collect());
    let text =
        serde_json::to_string(&Kept { targets: targets.clone(), contents: contents.clone() }).unwrap_or_default();
    let set_name = set.name_any();
    let name = kept::name_of(PREFIX, set, &text);
    if recorded(set) == Some(name.as_str()) {
        context.goods.remember(&set_name, &name, Good { targets, contents });
        return Ok(Some(name));
    }
    kept::put(context, set, &name, (KEY, text)).await?;
    context.goods.remember(&set_name, &name, Good { targets, contents });
    Ok(Some(name))
}

/// Deletes what is not on record any more.
///
/// # Errors
/// Of the API server.
pub async fn forget(context: &Context, set: &GuardrailSet, kept: Option<&str>) -> Result<(), Error> {
    match recorded(set).filter(|old| Some(*old) != kept) {
        Some(old) => kept::remove(context, old).await,
        None => Ok(()),
    }
}
