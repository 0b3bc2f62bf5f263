//! `organization.json`: the tree, the accounts and the policies, in AWS's own spelling.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use soc2_guardrails::inventory::{Policy, PolicyInventory};
use soc2_posture::ids::AccountId;
use soc2_posture::organization::{Account, AccountState, Organization, Unit};

const SCP: &str = "SERVICE_CONTROL_POLICY";

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OrganizationFile {
    organization_id: String,
    management_account_id: AccountId,
    roots: Vec<RootEntry>,
    #[serde(default)]
    organizational_units: Vec<UnitEntry>,
    accounts: Vec<AccountEntry>,
    /// Absent: they were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policies: Option<Vec<PolicyEntry>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RootEntry {
    id: String,
    #[serde(default = "root_name")]
    name: String,
    #[serde(default)]
    policy_types: Vec<PolicyType>,
}

fn root_name() -> String {
    "Root".to_owned()
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyType {
    #[serde(rename = "Type")]
    kind: String,
    status: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UnitEntry {
    id: String,
    name: String,
    parent_id: String,
}

/// An account, as `list-accounts` prints it too.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AccountEntry {
    pub(crate) id: AccountId,
    #[serde(default)]
    pub(crate) name: String,
    /// `Status` until September 2026.
    #[serde(alias = "Status")]
    pub(crate) state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) joined_timestamp: Option<Moment>,
    /// Absent: they were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// Names the organization and its management account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) arn: Option<String>,
}

/// A time as the AWS CLI writes it: as text or as seconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Moment {
    Text(String),
    Seconds(f64),
}

impl Moment {
    fn timestamp(&self) -> Option<Timestamp> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Seconds(seconds) => {
                let span = jiff::SignedDuration::try_from_secs_f64(*seconds).ok()?;
                Timestamp::UNIX_EPOCH.checked_add(span).ok()
            }
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyEntry {
    id: String,
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default)]
    aws_managed: bool,
    content: Value,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attachment {
    policy_id: String,
    target_id: String,
}

impl AccountEntry {
    /// The account, in its own unit or in this one.
    pub(crate) fn account(self, parent: Option<&str>) -> Result<(AccountId, Account)> {
        let Self { id, name, state, parent_id, joined_timestamp, tags, arn: _ } = self;
        let parent =
            parent_id.as_deref().or(parent).with_context(|| format!("account {id} has no ParentId"))?.to_owned();
        let joined_at = match &joined_timestamp {
            None => None,
            Some(moment) => {
                let time = moment.timestamp();
                Some(time.with_context(|| format!("account {id}: JoinedTimestamp {moment:?} is no time"))?)
            }
        };
        Ok((id, Account { name, state: AccountState::parse(&state), parent, joined_at, tags }))
    }
}

impl OrganizationFile {
    /// From what was read.
    pub(crate) fn new(organization: &Organization, inventory: Option<&PolicyInventory>) -> Self {
        let status = if organization.scp_enabled { "ENABLED" } else { "DISABLED" };
        let root = organization.units.get(&organization.root);
        let scp = PolicyType { kind: SCP.to_owned(), status: status.to_owned() };
        let unit = |(id, unit): (&String, &Unit)| {
            Some(UnitEntry { id: id.clone(), name: unit.name.clone(), parent_id: unit.parent.clone()? })
        };
        let account = |(id, account): (&AccountId, &Account)| AccountEntry {
            id: *id,
            name: account.name.clone(),
            state: account.state.as_str().to_owned(),
            parent_id: Some(account.parent.clone()),
            joined_timestamp: account.joined_at.map(|time| Moment::Text(time.to_string())),
            tags: account.tags.clone(),
            arn: None,
        };
        let policies = || inventory.iter().flat_map(|inventory| &inventory.policies);
        let attachment =
            |(id, target): (&String, &String)| Attachment { policy_id: id.clone(), target_id: target.clone() };
        Self {
            organization_id: organization.id.clone(),
            management_account_id: organization.management_account,
            roots: vec![RootEntry {
                id: organization.root.clone(),
                name: root.map_or_else(root_name, |unit| unit.name.clone()),
                policy_types: vec![scp],
            }],
            organizational_units: organization.units.iter().filter_map(unit).collect(),
            accounts: organization.accounts.iter().map(account).collect(),
            policies: inventory.map(|_| policies().map(policy_entry).collect()),
            attachments: policies()
                .flat_map(|(id, policy)| policy.targets.iter().map(move |target| (id, target)))
                .map(attachment)
                .collect(),
        }
    }

    /// The tree and the policies; the file says of itself when it was written.
    pub(crate) fn parts(self, read_at: Timestamp) -> Result<(Organization, Option<PolicyInventory>)> {
        let [root] = self.roots.as_slice() else {
            bail!("Roots: an organization has one root, not {}", self.roots.len())
        };
        let scp_enabled = root.policy_types.iter().any(|found| found.kind == SCP && found.status == "ENABLED");
        let mut units = BTreeMap::from([(root.id.clone(), Unit { name: root.name.clone(), parent: None })]);
        for UnitEntry { id, name, parent_id } in self.organizational_units {
            let twice = units.insert(id.clone(), Unit { name, parent: Some(parent_id) }).is_some();
            ensure!(!twice, "OrganizationalUnits: {id} is there twice");
        }
        for (id, unit) in &units {
            let known = unit.parent.as_ref().is_none_or(|parent| units.contains_key(parent));
            ensure!(known, "OrganizationalUnits: the ParentId of {id} is no unit of this file");
        }
        let mut accounts = BTreeMap::new();
        for entry in self.accounts {
            let (id, account) = entry.account(None).context("Accounts")?;
            ensure!(units.contains_key(&account.parent), "Accounts: the ParentId of {id} is no unit of this file");
            ensure!(accounts.insert(id, account).is_none(), "Accounts: {id} is there twice");
        }
        let organization = Organization {
            id: self.organization_id,
            management_account: self.management_account_id,
            root: root.id.clone(),
            scp_enabled,
            units,
            accounts,
            read_at,
        };
        let cycle = organization
            .units
            .keys()
            .find(|unit| organization.ancestors(unit).first() != Some(&organization.root.as_str()));
        ensure!(cycle.is_none(), "OrganizationalUnits: {} is not below the root", cycle.map_or("", String::as_str));
        Ok((organization, self.policies.map(|policies| inventory(policies, self.attachments)).transpose()?))
    }
}

fn policy_entry((id, policy): (&String, &Policy)) -> PolicyEntry {
    PolicyEntry {
        id: id.clone(),
        name: policy.name.clone(),
        description: String::new(),
        aws_managed: policy.aws_managed,
        // What AWS would not have taken for JSON stays as it is.
        content: serde_json::from_str(&policy.content).unwrap_or_else(|_| Value::String(policy.content.clone())),
        tags: policy.tags.clone(),
    }
}

fn inventory(entries: Vec<PolicyEntry>, attachments: Vec<Attachment>) -> Result<PolicyInventory> {
    let mut policies = BTreeMap::new();
    for PolicyEntry { id, name, description: _, aws_managed, content, tags } in entries {
        let content = match content {
            Value::String(text) => text,
            content => content.to_string(),
        };
        let twice = policies.insert(id.clone(), Policy { name, aws_managed, content, tags, targets: BTreeSet::new() });
        ensure!(twice.is_none(), "Policies: {id} is there twice");
    }
    for Attachment { policy_id, target_id } in attachments {
        let policy = policies.get_mut(&policy_id);
        let policy = policy.with_context(|| format!("Attachments: {policy_id} is no policy of this file"))?;
        policy.targets.insert(target_id);
    }
    Ok(PolicyInventory { policies })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_as_the_aws_cli_writes_them() {
        for text in ["\"2026-11-20T00:00:00Z\"", "\"2026-11-20T01:00:00.000000+01:00\"", "1795132800.0", "1795132800"] {
            let moment: Moment = serde_json::from_str(text).unwrap();
            assert_eq!(moment.timestamp().unwrap().as_second(), 1_795_132_800, "{text}");
        }
        assert_eq!(Moment::Text("yesterday".to_owned()).timestamp(), None);
        assert_eq!(Moment::Seconds(f64::NAN).timestamp(), None);
    }
}
