//! Puts the organization together from what was listed, and says when the parts do not fit: then something changed while it was read.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use soc2_posture::ids::{AccountId, UnitId};
use soc2_posture::organization::{Account, AccountState, Organization, Unit};

/// What was listed.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub id: String,
    pub management_account: AccountId,
    pub root: UnitId,
    pub scp_enabled: bool,
    pub units: BTreeMap<UnitId, Unit>,
    pub accounts: Vec<Listed>,
    /// By the walk over all units, where accounts came without paths: the unit that each is in.
    pub homes: Option<Vec<(AccountId, UnitId)>>,
}

/// An account as `ListAccounts` gave it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub id: AccountId,
    pub name: String,
    pub state: AccountState,
    pub joined_at: Option<Timestamp>,
    /// Root and units down to the one that holds it.
    pub path: Option<Vec<UnitId>>,
}

/// Parts that do not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit(pub(crate) String);

/// Root and units in one of AWS's paths, `o-.../r-.../ou-.../...`, with or without the organization before and the account after.
pub(crate) fn parse_path(path: &str) -> Option<Vec<UnitId>> {
    let mut units: Vec<UnitId> = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        if segment.starts_with("r-") && units.is_empty() || segment.starts_with("ou-") && !units.is_empty() {
            units.push(segment.to_owned());
        } else if !(segment.starts_with("o-") && units.is_empty()
            || segment.parse::<AccountId>().is_ok() && !units.is_empty())
        {
            return None;
        }
    }
    Some(units).filter(|units| !units.is_empty())
}

/// The organization.
pub(crate) fn assemble(parts: Parts, now: Timestamp) -> Result<Organization, Misfit> {
    let homes = parts.homes.map(homes_by_account).transpose()?;
    let mut accounts = BTreeMap::new();
    for listed in parts.accounts {
        let parent = match &homes {
            Some(homes) => {
                homes.get(&listed.id).cloned().ok_or_else(|| misfit(listed.id, "is listed but is in no unit"))?
            }
            None => parent_by_path(&parts.units, &listed)?,
        };
        let account =
            Account { name: listed.name, state: listed.state, parent, joined_at: listed.joined_at, tags: None };
        if accounts.insert(listed.id, account).is_some() {
            return Err(misfit(listed.id, "is listed twice"));
        }
    }
    if let Some(stray) = homes.iter().flat_map(BTreeMap::keys).find(|id| !accounts.contains_key(id)) {
        return Err(misfit(*stray, "is in a unit but is not listed"));
    }
    if !accounts.contains_key(&parts.management_account) {
        return Err(misfit(parts.management_account, "is the management account but is not listed"));
    }
    Ok(Organization {
        id: parts.id,
        management_account: parts.management_account,
        root: parts.root,
        scp_enabled: parts.scp_enabled,
        units: parts.units,
        accounts,
        read_at: now,
    })
}

fn misfit(account: AccountId, what: &str) -> Misfit {
    Misfit(format!("account {account} {what}"))
}

fn homes_by_account(homes: Vec<(AccountId, UnitId)>) -> Result<BTreeMap<AccountId, UnitId>, Misfit> {
    let mut by_account = BTreeMap::new();
    for (account, unit) in homes {
        if by_account.insert(account, unit).is_some() {
            return Err(misfit(account, "is in two units"));
        }
    }
    Ok(by_account)
}

/// The last unit of an account's path, when the whole path is as the units say.
fn parent_by_path(units: &BTreeMap<UnitId, Unit>, listed: &Listed) -> Result<UnitId, Misfit> {
    let mut above: Option<&UnitId> = None;
    for step in listed.path.as_deref().unwrap_or_default() {
        let unit =
            units.get(step).ok_or_else(|| misfit(listed.id, &format!("is under {step}, which is not listed")))?;
        if unit.parent.as_ref() != above {
            return Err(misfit(listed.id, &format!("has a path in which {step} is elsewhere than listed")));
        }
        above = Some(step);
    }
    above.cloned().ok_or_else(|| misfit(listed.id, "has no path"))
}

/// The ids that a reading had, to tell whether the next one lost some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    accounts: BTreeSet<AccountId>,
    units: BTreeSet<UnitId>,
}

impl Known {
    pub(crate) fn of(organization: &Organization) -> Self {
        Self {
            accounts: organization.accounts.keys().copied().collect(),
            units: organization.units.keys().cloned().collect(),
        }
    }

    /// Whether `later` has everything that is here.
    pub(crate) fn is_in(&self, later: &Self) -> bool {
        self.accounts.is_subset(&later.accounts) && self.units.is_subset(&later.units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> AccountId {
        digit.to_string().repeat(12).parse().expect("an account id")
    }

    fn unit(name: &str, parent: Option<&str>) -> Unit {
        Unit { name: name.to_owned(), parent: parent.map(str::to_owned) }
    }

    fn listed(digit: char, path: Option<&str>) -> Listed {
        Listed {
            id: id(digit),
            name: format!("account-{digit}"),
            state: AccountState::Active,
            joined_at: None,
            path: path.map(|path| parse_path(path).expect("a path")),
        }
    }

    fn parts() -> Parts {
        Parts {
            id: "o-abc".to_owned(),
            management_account: id('1'),
            root: "r-ab12".to_owned(),
            scp_enabled: true,
            units: [
                ("r-ab12", unit("Root", None)),
                ("ou-ab12-1", unit("Prod", Some("r-ab12"))),
                ("ou-ab12-2", unit("Web", Some("ou-ab12-1"))),
            ]
            .map(|(id, unit)| (id.to_owned(), unit))
            .into(),
            accounts: vec![listed('1', Some("o-abc/r-ab12/")), listed('2', Some("o-abc/r-ab12/ou-ab12-1/ou-ab12-2/"))],
            homes: None,
        }
    }

    fn error(parts: Parts) -> String {
        assemble(parts, Timestamp::UNIX_EPOCH).expect_err("a misfit").0
    }

    #[test]
    fn paths_are_read_with_and_without_organization_and_account() {
        let expected: Vec<UnitId> = vec!["r-ab12".to_owned(), "ou-ab12-1".to_owned()];
        for path in [
            "o-abc/r-ab12/ou-ab12-1/",
            "o-abc/r-ab12/ou-ab12-1/222222222222/",
            "r-ab12/ou-ab12-1",
            "/r-ab12/ou-ab12-1/",
        ] {
            assert_eq!(parse_path(path), Some(expected.clone()), "{path}");
        }
        for path in ["", "/", "o-abc/", "ou-ab12-1/", "o-abc/r-ab12/x/", "r-ab12/r-ab13", "222222222222/r-ab12"] {
            assert_eq!(parse_path(path), None, "{path}");
        }
    }

    #[test]
    fn parts_that_fit_make_the_tree() {
        let organization = assemble(parts(), Timestamp::UNIX_EPOCH).expect("an organization");
        assert_eq!(organization.account_path(id('2')), "Prod/Web");
        assert_eq!(organization.accounts[&id('1')].parent, "r-ab12");

        let mut walked = parts();
        walked.accounts.iter_mut().for_each(|account| account.path = None);
        walked.homes = Some(vec![(id('2'), "ou-ab12-2".to_owned()), (id('1'), "r-ab12".to_owned())]);
        assert_eq!(assemble(walked, Timestamp::UNIX_EPOCH), Ok(organization));
    }

    #[test]
    fn parts_that_do_not_fit_are_never_a_smaller_tree() {
        let mut unknown = parts();
        unknown.units.remove("ou-ab12-2");
        assert_eq!(error(unknown), "account 222222222222 is under ou-ab12-2, which is not listed");

        let mut moved = parts();
        moved.units.insert("ou-ab12-2".to_owned(), unit("Web", Some("r-ab12")));
        assert_eq!(error(moved), "account 222222222222 has a path in which ou-ab12-2 is elsewhere than listed");

        let mut twice = parts();
        twice.accounts.push(listed('2', Some("r-ab12")));
        assert_eq!(error(twice), "account 222222222222 is listed twice");

        let mut none = parts();
        none.accounts.clear();
        assert_eq!(error(none), "account 111111111111 is the management account but is not listed");

        let mut homeless = parts();
        homeless.homes = Some(vec![(id('1'), "r-ab12".to_owned())]);
        assert_eq!(error(homeless), "account 222222222222 is listed but is in no unit");

        let all = vec![(id('1'), "r-ab12".to_owned()), (id('2'), "r-ab12".to_owned())];
        let mut stray = parts();
        stray.homes = Some([all.clone(), vec![(id('3'), "r-ab12".to_owned())]].concat());
        assert_eq!(error(stray), "account 333333333333 is in a unit but is not listed");

        let mut both = parts();
        both.homes = Some([all, vec![(id('2'), "ou-ab12-1".to_owned())]].concat());
        assert_eq!(error(both), "account 222222222222 is in two units");
    }

    #[test]
    fn what_went_missing_is_seen() {
        let organization = assemble(parts(), Timestamp::UNIX_EPOCH).expect("an organization");
        let before = Known::of(&organization);
        let mut later = organization.clone();
        later.accounts.insert(id('5'), organization.accounts[&id('1')].clone());
        assert!(before.is_in(&Known::of(&later)));
        later.accounts.remove(&id('2'));
        assert!(!before.is_in(&Known::of(&later)));
    }
}
