//! Reads of the organization, its OUs and accounts.

use serde_json::{Value, json};

use super::input::{ACCOUNT_ID, CHILD_ID, Input, OU_ID, PARENT_ID};
use super::paging::page;
use super::{Organization, PolicyType, SCP, errors, ids};
use crate::call::{Answer, ApiError, Call};

pub(super) fn describe_organization(org: &mut Organization, _call: &Call) -> Answer {
    let tree = &org.tree;
    let management = tree.accounts.get(&tree.management).ok_or_else(errors::not_in_use)?;
    let arn = format!("arn:{}:organizations::{}:organization/{}", tree.partition, tree.management, tree.id);
    Ok(json!({"Organization": {
        "Id": tree.id,
        "Arn": arn,
        "FeatureSet": org.feature_set,
        "MasterAccountArn": tree.arn("account", &tree.management),
        "MasterAccountId": tree.management,
        "MasterAccountEmail": management.email,
        // Deprecated and not to be trusted: AWS says ENABLED here whatever is enabled in the root.
        "AvailablePolicyTypes": [{"Type": SCP, "Status": "ENABLED"}],
    }}))
}

pub(super) fn list_roots(org: &mut Organization, call: &Call) -> Answer {
    page(call, "Roots", std::iter::once((org.tree.root.as_str(), ())), |()| org.show_root())
}

impl Organization {
    /// The root with the policy types that are enabled in it.
    pub(super) fn show_root(&self) -> Value {
        let enabled = PolicyType::all().iter().filter(|kind| self.enabled.contains(kind.name));
        let types: Vec<Value> = enabled.map(|kind| json!({"Type": kind.name, "Status": "ENABLED"})).collect();
        let root = &self.tree.root;
        json!({"Id": root, "Arn": self.tree.arn("root", root), "Name": "Root", "PolicyTypes": types})
    }

    /// `ParentId`, which must exist.
    fn parent_of<'a>(&self, input: &Input<'a>) -> Result<&'a str, ApiError> {
        let parent = input.required("ParentId", &PARENT_ID)?;
        if self.tree.is_container(parent) { Ok(parent) } else { Err(errors::parent_not_found()) }
    }
}

pub(super) fn list_organizational_units_for_parent(org: &mut Organization, call: &Call) -> Answer {
    let parent = org.parent_of(&Input(&call.input))?;
    let tree = &org.tree;
    let ous = tree.children_of(parent).filter_map(|id| Some((id, (id, tree.ous.get(id)?))));
    page(call, "OrganizationalUnits", ous, |(id, ou)| tree.show_ou(id, ou))
}

pub(super) fn describe_organizational_unit(org: &mut Organization, call: &Call) -> Answer {
    let id = Input(&call.input).required("OrganizationalUnitId", &OU_ID)?;
    let ou = org.tree.ous.get(id).ok_or_else(errors::ou_not_found)?;
    Ok(json!({"OrganizationalUnit": org.tree.show_ou(id, ou)}))
}

pub(super) fn list_accounts(org: &mut Organization, call: &Call) -> Answer {
    let tree = &org.tree;
    let accounts = tree.accounts.iter().map(|(id, account)| (id.as_str(), (id, account)));
    page(call, "Accounts", accounts, |(id, account)| tree.show_account(id, account))
}

pub(super) fn list_accounts_for_parent(org: &mut Organization, call: &Call) -> Answer {
    let parent = org.parent_of(&Input(&call.input))?;
    let tree = &org.tree;
    let accounts = tree.children_of(parent).filter_map(|id| Some((id, (id, tree.accounts.get(id)?))));
    page(call, "Accounts", accounts, |(id, account)| tree.show_account(id, account))
}

pub(super) fn describe_account(org: &mut Organization, call: &Call) -> Answer {
    let id = Input(&call.input).required("AccountId", &ACCOUNT_ID)?;
    let account = org.tree.accounts.get(id).ok_or_else(errors::account_not_found)?;
    Ok(json!({"Account": org.tree.show_account(id, account)}))
}

pub(super) fn list_parents(org: &mut Organization, call: &Call) -> Answer {
    let child = Input(&call.input).required("ChildId", &CHILD_ID)?;
    let parent = org.tree.parent(child).ok_or_else(errors::child_not_found)?;
    let kind = if ids::is_root(parent) { "ROOT" } else { "ORGANIZATIONAL_UNIT" };
    page(call, "Parents", std::iter::once((parent, parent)), |id| json!({"Id": id, "Type": kind}))
}

pub(super) fn list_children(org: &mut Organization, call: &Call) -> Answer {
    let input = Input(&call.input);
    let kind = input.word("ChildType", &["ACCOUNT", "ORGANIZATIONAL_UNIT"])?;
    let parent = org.parent_of(&input)?;
    let wanted = org.tree.children_of(parent).filter(|id| ids::is_account(id) == (kind == "ACCOUNT"));
    page(call, "Children", wanted.map(|id| (id, id)), |id| json!({"Id": id, "Type": kind}))
}
