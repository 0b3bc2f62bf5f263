//! What one Security Hub says about itself: mode, standards, members.

use std::collections::BTreeSet;
use std::future::Future;

use serde::{Deserialize, Serialize};
use soc2_aws::{AwsError, ErrorClass, SecurityHub};
use soc2_catalog::standards;
use soc2_posture::ids::AccountId;
use soc2_posture::source::{HubError, HubRegion};

use super::pages::not_enabled;
use crate::timer::wait_after;

/// Attempts of one call here; the client of AWS makes several for each of them.
const TRIES: u32 = 2;

/// One Region's Security Hub as it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HubReading {
    /// Without what the lane knows: `swept`, `complete_at`.
    pub(crate) hub: HubRegion,
    /// Enabled standards, those too that the catalogue does not know.
    pub(crate) standards: Vec<String>,
    /// The error of the newest reading; with one that may pass, what was read before stands.
    #[serde(skip)]
    pub(crate) error: Option<AwsError>,
    /// What could not be read but does not stop the rest.
    #[serde(skip)]
    pub(crate) notes: Vec<String>,
}

/// Reads Security Hub where `empty` says. `members`: whether it may have any. `before` stands where an error may pass.
pub(crate) async fn read(
    client: &dyn SecurityHub,
    empty: HubRegion,
    members: bool,
    before: Option<&HubReading>,
) -> HubReading {
    let error = match describe(client, empty.clone(), members).await {
        Ok(reading) => return reading,
        Err(error) => error,
    };
    match (hub_error(&error), before) {
        (HubError::NotRead(_), Some(before)) => HubReading { error: Some(error), notes: Vec::new(), ..before.clone() },
        (because, before) => HubReading {
            // The account is still known, and which it was decides whether what was swept stands.
            hub: HubRegion { error: Some(because), account: before.and_then(|before| before.hub.account), ..empty },
            standards: Vec::new(),
            error: Some(error),
            notes: Vec::new(),
        },
    }
}

async fn describe(client: &dyn SecurityHub, empty: HubRegion, members: bool) -> Result<HubReading, AwsError> {
    let mut notes = Vec::new();
    let described = patiently(|| client.hub()).await?;
    let arns = optional(patiently(|| client.standards()).await, &mut notes)?;
    let listed = if members { optional(patiently(|| client.members()).await, &mut notes)? } else { Vec::new() };
    let enabled =
        listed.into_iter().filter(|(_, status)| status.eq_ignore_ascii_case("enabled")).map(|(account, _)| account);
    let members: BTreeSet<AccountId> = enabled.filter(|account| Some(*account) != described.account).collect();
    let hub = HubRegion {
        account: described.account,
        consolidated: described.consolidated,
        members,
        standards: arns.iter().filter_map(|arn| standards::parse(arn)).collect(),
        ..empty
    };
    let mut names: Vec<String> = arns.iter().map(|arn| standard_name(arn)).collect();
    names.sort();
    Ok(HubReading { hub, standards: names, error: None, notes })
}

/// In the short spelling, or as AWS spells it.
fn standard_name(arn: &str) -> String {
    standards::parse(arn).map_or_else(|| arn.to_owned(), |code| standards::short(code).to_owned())
}

/// An operation that does not exist (there are stand-ins for AWS without it) gives nothing, and says so.
fn optional<T: Default>(result: Result<T, AwsError>, notes: &mut Vec<String>) -> Result<T, AwsError> {
    match result {
        Err(error) if unknown_operation(&error) => {
            notes.push(error.message);
            Ok(T::default())
        }
        result => result,
    }
}

/// Whether the operation does not exist there.
pub(crate) fn unknown_operation(error: &AwsError) -> bool {
    error.is("UnknownOperation") || error.is("NotImplemented")
}

/// Why a hub cannot be read, as the assessment wants to know it.
pub(crate) fn hub_error(error: &AwsError) -> HubError {
    if not_enabled(error) {
        return HubError::NotEnabled;
    }
    match error.class {
        ErrorClass::Denied => HubError::AccessDenied(error.message.clone()),
        ErrorClass::Terminal | ErrorClass::Transient | ErrorClass::Throttled => {
            HubError::NotRead(error.message.clone())
        }
    }
}

/// Calls once more where that may help.
pub(crate) async fn patiently<T, F>(call: impl Fn() -> F) -> Result<T, AwsError>
where
    F: Future<Output = Result<T, AwsError>>,
{
    let mut tries = 0;
    loop {
        let result = call().await;
        tries += 1;
        match &result {
            Err(error) if tries < TRIES && matches!(error.class, ErrorClass::Transient | ErrorClass::Throttled) => {
                tokio::time::sleep(wait_after(tries)).await;
            }
            _ => return result,
        }
    }
}
