//! What was found of one account, as an object.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use soc2_crds::{API_VERSION, AccountPosture, AccountPostureSpec, ComplianceProfile};

use crate::assess::CompliantLabel;
use crate::ids::AccountId;

/// Labels of an `AccountPosture`: its profile, account, organization, and whether the account is compliant.
pub const LABELS: [&str; 4] = [
    "soc2-operator.dev/profile",
    "soc2-operator.dev/account-id",
    "soc2-operator.dev/organization",
    "soc2-operator.dev/compliant",
];

/// Name of the posture of an account under a profile.
#[must_use]
pub fn posture_name(profile: &str, account: AccountId) -> String {
    format!("{profile}-{account}")
}

/// The object. It is owned by the profile, and goes with it; a profile without `uid`, from a file, owns nothing.
#[must_use]
pub fn account_posture(
    profile: &ComplianceProfile,
    account: AccountId,
    compliant: CompliantLabel,
    content: AccountPostureSpec,
) -> AccountPosture {
    let name = profile.metadata.name.clone().unwrap_or_default();
    let organization = profile.spec.organization_ref.name.clone();
    let values = [name.clone(), account.to_string(), organization, compliant.as_str().to_owned()];
    let labels: BTreeMap<String, String> = LABELS.iter().map(|label| (*label).to_owned()).zip(values).collect();
    let owner = |uid: &String| OwnerReference {
        api_version: API_VERSION.to_owned(),
        kind: "ComplianceProfile".to_owned(),
        name: name.clone(),
        uid: uid.clone(),
        controller: Some(true),
        block_owner_deletion: None,
    };
    let metadata = ObjectMeta {
        name: Some(posture_name(&name, account)),
        labels: Some(labels),
        owner_references: profile.metadata.uid.as_ref().map(|uid| vec![owner(uid)]),
        ..ObjectMeta::default()
    };
    AccountPosture { metadata, ..AccountPosture::new("", content) }
}
