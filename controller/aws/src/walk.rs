//! Lists the parts of an organization.

use std::collections::BTreeMap;

use aws_sdk_organizations::types::{self as sdk, PolicyTypeStatus};
use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use soc2_posture::ids::{AccountId, UnitId};
use soc2_posture::organization::{AccountState, Unit};

use crate::directory::{OrganizationsDirectory, PAGE, absent};
use crate::error::{AwsError, ErrorClass};
use crate::pages::{Listing, all};
use crate::tree::{Listed, Parts, parse_path};

/// Units whose children are asked for at the same time. AWS's rate decides how fast that is; this only hides its latency.
const AT_ONCE: usize = 6;

impl OrganizationsDirectory {
    /// All parts, and whether each listing was of one moment.
    pub(crate) async fn parts(&self) -> Result<(Parts, bool), AwsError> {
        let (id, management_account) = self.describe().await?;
        let (root, name, scp_enabled) = self.root().await?;
        let (units, units_at_once) = self.units(&root, name).await?;
        let Listing { items: accounts, one_page } = self.accounts().await?;
        // Every account came with its path, or every unit is asked. The two listings then vouch for each other.
        let homes =
            if accounts.iter().all(|account| account.path.is_some()) { None } else { Some(self.homes(&units).await?) };
        let at_once = units_at_once && (one_page || homes.is_some());
        Ok((Parts { id, management_account, root, scp_enabled, units, accounts, homes }, at_once))
    }

    async fn describe(&self) -> Result<(String, AccountId), AwsError> {
        let output = self.caller.call("DescribeOrganization", || self.client.describe_organization().send()).await?;
        let organization = output.organization.ok_or_else(|| absent("organization"))?;
        let id = organization.id.ok_or_else(|| absent("organization id"))?;
        Ok((id, account_id(organization.master_account_id)?))
    }

    async fn root(&self) -> Result<(UnitId, String, bool), AwsError> {
        let mut roots = all(async |token: Option<String>| {
            let send = || self.client.list_roots().max_results(PAGE).set_next_token(token.clone()).send();
            let output = self.caller.call("ListRoots", send).await?;
            Ok((output.roots.unwrap_or_default(), output.next_token))
        })
        .await?
        .items;
        let root = roots.pop().filter(|_| roots.is_empty()).ok_or_else(|| {
            AwsError::new(ErrorClass::Transient, "InvalidResponse", "the organization does not have exactly one root")
        })?;
        let scp_enabled = root.policy_types().iter().any(|kind| {
            kind.r#type() == Some(&sdk::PolicyType::ServiceControlPolicy)
                && kind.status() == Some(&PolicyTypeStatus::Enabled)
        });
        Ok((root.id.ok_or_else(|| absent("root id"))?, root.name.unwrap_or_else(|| "Root".to_owned()), scp_enabled))
    }

    /// The root and all units below it.
    async fn units(&self, root: &UnitId, name: String) -> Result<(BTreeMap<UnitId, Unit>, bool), AwsError> {
        let mut units = BTreeMap::from([(root.clone(), Unit { name, parent: None })]);
        let mut at_once = true;
        let mut waiting = vec![root.clone()];
        let mut asked = FuturesUnordered::new();
        loop {
            while asked.len() < AT_ONCE
                && let Some(parent) = waiting.pop()
            {
                asked.push(self.children(parent));
            }
            let Some(answer) = asked.next().await else { return Ok((units, at_once)) };
            let (parent, children) = answer?;
            at_once &= children.one_page;
            for child in children.items {
                let id = child.id.ok_or_else(|| absent("unit id"))?;
                let unit = Unit { name: child.name.unwrap_or_default(), parent: Some(parent.clone()) };
                if units.insert(id.clone(), unit).is_none() {
                    waiting.push(id);
                }
            }
        }
    }

    async fn children(&self, parent: UnitId) -> Result<(UnitId, Listing<sdk::OrganizationalUnit>), AwsError> {
        let children = all(async |token: Option<String>| {
            let send = || {
                let list = self.client.list_organizational_units_for_parent().parent_id(&parent);
                list.max_results(PAGE).set_next_token(token.clone()).send()
            };
            let output = self.caller.call("ListOrganizationalUnitsForParent", send).await?;
            Ok((output.organizational_units.unwrap_or_default(), output.next_token))
        })
        .await?;
        Ok((parent, children))
    }

    async fn accounts(&self) -> Result<Listing<Listed>, AwsError> {
        let Listing { items, one_page } = all(async |token: Option<String>| {
            let send = || self.client.list_accounts().max_results(PAGE).set_next_token(token.clone()).send();
            let output = self.caller.call("ListAccounts", send).await?;
            Ok((output.accounts.unwrap_or_default(), output.next_token))
        })
        .await?;
        Ok(Listing { items: items.into_iter().map(listed).collect::<Result<_, _>>()?, one_page })
    }

    /// The unit of each account, by asking every unit.
    async fn homes(&self, units: &BTreeMap<UnitId, Unit>) -> Result<Vec<(AccountId, UnitId)>, AwsError> {
        let mut homes = Vec::new();
        let mut waiting = units.keys();
        let mut asked = FuturesUnordered::new();
        loop {
            while asked.len() < AT_ONCE
                && let Some(unit) = waiting.next()
            {
                asked.push(self.residents(unit));
            }
            let Some(answer) = asked.next().await else { return Ok(homes) };
            homes.extend(answer?);
        }
    }

    async fn residents(&self, unit: &UnitId) -> Result<Vec<(AccountId, UnitId)>, AwsError> {
        let accounts = all(async |token: Option<String>| {
            let send = || {
                let list = self.client.list_accounts_for_parent().parent_id(unit);
                list.max_results(PAGE).set_next_token(token.clone()).send()
            };
            let output = self.caller.call("ListAccountsForParent", send).await?;
            Ok((output.accounts.unwrap_or_default(), output.next_token))
        })
        .await?;
        accounts.items.into_iter().map(|account| Ok((account_id(account.id)?, unit.clone()))).collect()
    }
}

fn account_id(id: Option<String>) -> Result<AccountId, AwsError> {
    let id = id.ok_or_else(|| absent("account id"))?;
    id.parse().map_err(|error| {
        AwsError::new(ErrorClass::Transient, "InvalidResponse", format!("AWS gave an odd account id: {error}"))
    })
}

/// `Status` is what AWS gave until September 2026, and stand-ins for AWS still do, instead of `State`.
fn listed(account: sdk::Account) -> Result<Listed, AwsError> {
    let word = account
        .state
        .as_ref()
        .map(aws_sdk_organizations::types::AccountState::as_str)
        .or_else(|| account.status.as_ref().map(aws_sdk_organizations::types::AccountStatus::as_str));
    Ok(Listed {
        state: AccountState::parse(word.unwrap_or_default()),
        path: account.paths.unwrap_or_default().iter().find_map(|path| parse_path(path)),
        name: account.name.unwrap_or_default(),
        joined_at: account
            .joined_timestamp
            .and_then(|at| Timestamp::new(at.secs(), at.subsec_nanos().cast_signed()).ok()),
        id: account_id(account.id)?,
    })
}
