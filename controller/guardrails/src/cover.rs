//! Where to attach a policy so that it affects the selected accounts and no other.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use soc2_posture::ids::{AccountId, UnitId};
use soc2_posture::organization::Organization;

use crate::tree::Tree;

/// What a policy can be attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// The root: every account.
    Root,
    /// An organizational unit: every account in it and below.
    Unit,
    /// One account.
    Account,
}

/// Id of a root, an organizational unit or an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub String);

impl fmt::Display for TargetId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Something to attach a policy to. Prints as `organizational unit Workloads/Prod (ou-ab12-11111111)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// What it is.
    pub kind: TargetKind,
    /// Its id.
    pub id: TargetId,
    /// For people: path of a unit, name of an account, empty for the root.
    pub name: String,
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TargetKind::Root => write!(formatter, "the root ({})", self.id),
            TargetKind::Unit => write!(formatter, "organizational unit {} ({})", self.name, self.id),
            TargetKind::Account => write!(formatter, "account {} ({})", self.name, self.id),
        }
    }
}

/// What a set's targets select.
///
/// `units` and `excluded_units` are there for what accounts cannot say: whether an account that is not there yet would
/// be selected in a unit that has none now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The selected accounts, whatever their state. The management account may be among them; it makes no difference.
    pub accounts: BTreeSet<AccountId>,
    /// Root and units that are selected as such: `include` is omitted, or one of its entries has no other key than
    /// `organizationalUnit` and matches the unit; and it is not in `excluded_units`. A recursive entry selects the units
    /// below as well, empty ones too. Not here: units whose accounts are selected one by one, by id, name or tag.
    pub units: BTreeSet<UnitId>,
    /// Root and units that are excluded as such: an entry of `exclude` that has no other key than `organizationalUnit`
    /// matches them.
    pub excluded_units: BTreeSet<UnitId>,
}

/// Why there is no cover.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoverError {
    /// More accounts than allowed would get an attachment of their own.
    #[error(
        "{direct} accounts are in no organizational unit that is selected as a whole, and at most {max_direct} may get \
         an attachment of their own: select {unit} as a whole ({others} accounts more), or raise maxDirectAttachments"
    )]
    TooFine {
        /// How many would.
        direct: usize,
        /// How many may.
        max_direct: u32,
        /// The smallest unit that, selected as a whole, would bring the number down far enough.
        unit: Box<Target>,
        /// Accounts in that unit that are not selected.
        others: usize,
    },
    /// A selected account is not below the root: the tree is not complete.
    #[error("account {0} is not below the root: the reading of the organization is not complete")]
    NotInTree(AccountId),
}

/// The fewest, highest targets through which exactly the selected accounts are affected, in order of kind and id.
///
/// A unit is taken when its whole subtree is selected: every account, and every unit below that has no account, which
/// must be selected as a unit (an account that moves there later would inherit). No unit of the subtree may be excluded.
/// The same holds for the root. But units that were each selected as such do not add up to the one above, unless that
/// has accounts of its own and they are selected too: who selects `Workloads` does not get the root, where every new
/// account is first, only because there is nothing else below it.
///
/// The management account counts nowhere, as no policy affects it. Accounts that are suspended or being closed count
/// like others: they inherit. A unit that is selected as such and has no account yet is taken too, so that its first
/// account is protected from its first minute. Empty when nothing is selected.
pub fn cover(org: &Organization, selection: &Selection, max_direct: u32) -> Result<Vec<Target>, CoverError> {
    let in_tree = |account: &AccountId| {
        let parent = org.accounts.get(account).map(|found| found.parent.as_str());
        parent.is_some_and(|parent| org.ancestors(parent).first() == Some(&org.root.as_str()))
    };
    if let Some(stray) = selection.accounts.iter().find(|id| **id != org.management_account && !in_tree(id)) {
        return Err(CoverError::NotInTree(*stray));
    }
    let tree = Tree::new(org);
    let mut subtrees = BTreeMap::new();
    let direct = survey(&tree, selection, &org.root, 0, &mut subtrees).direct;
    if direct > max_direct as usize {
        return Err(too_fine(&tree, &subtrees, direct, max_direct));
    }
    let mut targets = BTreeSet::new();
    collect(&tree, selection, &org.root, &subtrees, &mut targets);
    Ok(targets.into_iter().collect())
}

/// What is known of a unit and all below it. The management account is not counted.
#[derive(Clone, Copy, Debug)]
struct Subtree {
    /// How far below the root.
    depth: usize,
    /// Accounts.
    accounts: usize,
    /// Accounts that are selected.
    selected: usize,
    /// Accounts that need an attachment of their own.
    direct: usize,
    /// All of it is selected.
    whole: bool,
}

/// Looks at a unit and all below it, and keeps what it finds for each.
fn survey<'a>(
    tree: &Tree<'a>,
    selection: &Selection,
    unit: &'a str,
    depth: usize,
    subtrees: &mut BTreeMap<&'a str, Subtree>,
) -> Subtree {
    let accounts = tree.accounts(unit);
    let selected = accounts.iter().filter(|account| selection.accounts.contains(account)).count();
    let whole = selected == accounts.len() && !selection.excluded_units.contains(unit);
    let mut sum = Subtree { depth, accounts: accounts.len(), selected, direct: selected, whole };
    for child in tree.units(unit) {
        let below = survey(tree, selection, child, depth + 1, subtrees);
        sum.accounts += below.accounts;
        sum.selected += below.selected;
        sum.direct += below.direct;
        sum.whole &= below.whole;
    }
    let named_below = || tree.units(unit).iter().any(|child| selection.units.contains(*child));
    let as_accounts = !accounts.is_empty() || (sum.accounts > 0 && !named_below());
    sum.whole &= as_accounts || selection.units.contains(unit);
    if sum.whole {
        sum.direct = 0;
    }
    subtrees.insert(unit, sum);
    sum
}

/// Takes whole units, and the selected accounts of the others.
fn collect(
    tree: &Tree<'_>,
    selection: &Selection,
    unit: &str,
    subtrees: &BTreeMap<&str, Subtree>,
    targets: &mut BTreeSet<Target>,
) {
    if subtrees.get(unit).is_some_and(|subtree| subtree.whole) {
        targets.insert(tree.unit_target(unit));
        return;
    }
    let selected = tree.accounts(unit).iter().filter(|account| selection.accounts.contains(account));
    targets.extend(selected.map(|account| tree.account_target(*account)));
    for child in tree.units(unit) {
        collect(tree, selection, child, subtrees, targets);
    }
}

/// Names the unit that would take in the fewest accounts more; of those, the lowest.
fn too_fine(tree: &Tree<'_>, subtrees: &BTreeMap<&str, Subtree>, direct: usize, max_direct: u32) -> CoverError {
    let enough = |below: &Subtree| below.direct > 0 && direct - below.direct <= max_direct as usize;
    let others = |below: &Subtree| below.accounts - below.selected;
    let best = subtrees
        .iter()
        .filter(|(_, below)| enough(below))
        .min_by_key(|(unit, below)| (others(below), Reverse(below.depth), **unit));
    CoverError::TooFine {
        direct,
        max_direct,
        unit: Box::new(tree.unit_target(best.map_or("", |(unit, _)| unit))),
        others: best.map_or(0, |(_, below)| others(below)),
    }
}

/// The accounts that a policy attached to these targets affects: all below them but the management account.
#[must_use]
pub fn affected(org: &Organization, targets: &[Target]) -> BTreeSet<AccountId> {
    below(org, &targets.iter().map(|target| target.id.0.as_str()).collect())
}

/// All accounts at or below these ids but the management account.
pub(crate) fn below(org: &Organization, ids: &BTreeSet<&str>) -> BTreeSet<AccountId> {
    // Once for each unit, not for each account.
    let units: BTreeSet<&str> = org
        .units
        .keys()
        .filter(|unit| org.ancestors(unit).iter().any(|id| ids.contains(id)))
        .map(String::as_str)
        .collect();
    let is_below = |id: AccountId, parent: &str| units.contains(parent) || ids.contains(id.to_string().as_str());
    let others = org.accounts.iter().filter(|(id, _)| **id != org.management_account);
    others.filter(|(id, account)| is_below(**id, &account.parent)).map(|(id, _)| *id).collect()
}
