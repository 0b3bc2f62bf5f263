//! An organization as a world file describes it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, anyhow, bail, ensure};
use jiff::{SignedDuration, Timestamp};

use super::policies::{By, Policy, PolicyBook};
use super::policy_writes::Draft;
use super::tree::{Account, Tree};
use super::{Organization, PolicyType, ids};
use crate::clock::{moment, shifted};
use crate::iam;
use crate::world::{
    AccountEntry, FeatureSet, Generate, OrganizationSection, OuEntry, PolicyEntry, World, content_text,
};

const FULL_ACCESS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const RCP_FULL_ACCESS: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

impl Organization {
    /// The organization of a world file; errors name the field.
    pub fn new(world: &World, now: Timestamp) -> anyhow::Result<Self> {
        let mut org = Self::bare(world).context("organization")?;
        org.add_managed_policies(now);
        for (index, entry) in world.organizational_units.iter().enumerate() {
            org.found_ou(entry).with_context(|| format!("organizationalUnits[{index}]"))?;
        }
        for (index, entry) in world.accounts.iter().enumerate() {
            let joined = shifted(now, -SignedDuration::from_hours(365 * 24));
            org.add_account(entry, joined, now).with_context(|| format!("accounts[{index}]"))?;
        }
        org.ensure_management_account(&world.organization.management_email, now)?;
        if let Some(generate) = &world.generate {
            org.generate(generate, now).context("generate")?;
        }
        for (index, account) in world.organization.delegated_administrators.iter().enumerate() {
            let field = || format!("organization.delegatedAdministrators[{index}]: no account {}", account.0);
            ensure!(org.has_account(&account.0), field());
        }
        let by = By { actor: "world", now };
        for (index, name) in world.organization.policy_types.iter().enumerate() {
            let field = || format!("organization.policyTypes[{index}]");
            let kind = PolicyType::named(name).ok_or_else(|| anyhow!("no policy type {name}")).with_context(field)?;
            org.enable(kind, by).with_context(field)?;
        }
        for (index, entry) in world.policies.iter().enumerate() {
            org.found_policy(entry, by).with_context(|| format!("policies[{index}]"))?;
        }
        for (index, target) in world.without_full_aws_access.iter().enumerate() {
            let field = || format!("withoutFullAwsAccess[{index}]");
            let target = org.resolve(&target.0).with_context(field)?;
            org.detach("p-FullAWSAccess", &target, by).with_context(field)?;
        }
        org.book.history.clear();
        org.book.settle();
        Ok(org)
    }

    fn bare(world: &World) -> anyhow::Result<Self> {
        let OrganizationSection { id, root_id, management_account, partition, feature_set, .. } = &world.organization;
        ensure!(ids::is_organization(id), "id: must be `o-` and 10 to 32 of a-z0-9, not {id:?}");
        let root = root_id.clone().unwrap_or_else(|| format!("r-{}", ids::digest(&[id], 4)));
        ensure!(ids::is_root(&root), "rootId: must be `r-` and 4 to 32 of a-z0-9, not {root:?}");
        let (partition, home_region) = partition.facts();
        let tree = Tree {
            id: id.clone(),
            partition: partition.to_owned(),
            management: management_account.0.clone(),
            root,
            root_tags: world.organization.root_tags.clone(),
            ous: BTreeMap::new(),
            accounts: BTreeMap::new(),
            children: BTreeMap::new(),
            paths: world.paths,
        };
        let feature_set = match feature_set {
            FeatureSet::All => "ALL",
            FeatureSet::ConsolidatedBilling => "CONSOLIDATED_BILLING",
        };
        let delegated: BTreeSet<String> =
            world.organization.delegated_administrators.iter().map(|account| account.0.clone()).collect();
        let delegation = world.organization.delegation_policy.as_ref();
        let delegation = delegation.map(iam::Policy::of_resource).transpose().context("delegationPolicy")?;
        Ok(Self {
            tree,
            book: PolicyBook::new(),
            feature_set: feature_set.to_owned(),
            in_use: world.organization.in_use,
            delegated,
            delegation,
            enabled: BTreeSet::new(),
            home_region,
            made: 0,
        })
    }

    fn add_managed_policies(&mut self, now: Timestamp) {
        for kind in PolicyType::all() {
            let Some((id, name)) = kind.managed else { continue };
            let content = if kind.name == super::SCP { FULL_ACCESS } else { RCP_FULL_ACCESS };
            let policy = Policy {
                id: id.into(),
                name: name.to_owned(),
                kind,
                description: "Allows access to every operation".to_owned(),
                content: content.into(),
                managed: true,
                tags: BTreeMap::new(),
            };
            self.book.put(policy, By { actor: "aws", now });
        }
    }

    fn found_ou(&mut self, entry: &OuEntry) -> anyhow::Result<()> {
        if let Some(id) = &entry.id {
            ensure!(ids::is_ou(id), "id: must be like ou-ab12-12345678, not {id:?}");
            ensure!(self.tree.node(id).is_none(), "id: {id} is taken");
        }
        let id = self.make_path(&entry.path, entry.id.clone())?;
        if let Some(wanted) = entry.id.as_ref().filter(|wanted| **wanted != id) {
            bail!("id: {} is already {id}, not {wanted}; list parents before children", entry.path);
        }
        if let (false, Some(tags)) = (entry.tags.is_empty(), self.tree.tags_mut(&id)) {
            tags.clone_from(&entry.tags);
        }
        Ok(())
    }

    /// Makes an OU and those above it that do not exist yet; `id` is for the last.
    pub(super) fn make_path(&mut self, path: &str, id: Option<String>) -> anyhow::Result<String> {
        let names: Vec<&str> = path.split('/').map(str::trim).filter(|name| !name.is_empty()).collect();
        let Some((last, above)) = names.split_last() else { bail!("path: {path:?} names no OU") };
        let mut parent = self.tree.root.clone();
        let steps = above.iter().map(|name| (name, None)).chain(std::iter::once((last, id)));
        for (name, id) in steps {
            parent = match self.tree.ou_named(&parent, name) {
                Some(existing) => existing.to_owned(),
                None => self.create_ou(&parent, name, id, BTreeMap::new()).with_context(|| format!("path: {path}"))?,
            };
        }
        Ok(parent)
    }

    /// Adds an account that joined at `joined` unless the entry says when.
    pub(super) fn add_account(
        &mut self,
        entry: &AccountEntry,
        joined: Timestamp,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let id = &entry.id.0;
        ensure!(!self.has_account(id), "id: account {id} exists");
        let parent = self.tree.by_path(&entry.path).ok_or_else(|| anyhow!("path: no OU {}", entry.path))?.to_owned();
        let joined = entry.joined_at.as_ref().map_or(Ok(joined), |text| moment(text, now)).context("joinedAt")?;
        let account = Account {
            name: entry.name.clone(),
            email: entry.email.clone().unwrap_or_else(|| format!("aws+{id}@example.com")),
            parent,
            state: entry.state,
            joined,
            invited: entry.invited,
            tags: entry.tags.clone(),
        };
        self.tree.add_account(id.clone(), account);
        Ok(())
    }

    fn ensure_management_account(&mut self, email: &str, now: Timestamp) -> anyhow::Result<()> {
        let management = self.tree.management.clone();
        if let Some(account) = self.tree.accounts.get_mut(&management) {
            email.clone_into(&mut account.email);
            return Ok(());
        }
        let entry = AccountEntry {
            id: crate::world::AccountId(management),
            name: "management".to_owned(),
            email: Some(email.to_owned()),
            path: String::new(),
            state: super::AccountState::Active,
            joined_at: None,
            invited: true,
            tags: BTreeMap::new(),
        };
        self.add_account(&entry, shifted(now, -SignedDuration::from_hours(365 * 24)), now)
    }

    fn generate(&mut self, generate: &Generate, now: Timestamp) -> anyhow::Result<()> {
        let first: u64 = generate.first_id.0.parse().context("firstId")?;
        let mut parents = Vec::new();
        for (index, path) in generate.paths.iter().enumerate() {
            let parent = self.tree.by_path(path).ok_or_else(|| anyhow!("paths[{index}]: no OU {path}"))?;
            parents.push(parent.to_owned());
        }
        if parents.is_empty() {
            parents.extend(self.tree.ous.keys().cloned());
        }
        let paths: Vec<String> = parents.iter().map(|parent| self.tree.name_path(parent)).collect();
        for n in 0..generate.accounts {
            let turn = usize::try_from(n).unwrap_or_default();
            let pick = |values: &[String]| values.get(turn % values.len().max(1)).cloned();
            let tags = generate.tags.iter().filter_map(|(key, values)| Some((key.clone(), pick(values)?))).collect();
            let entry = AccountEntry {
                id: crate::world::AccountId(format!("{:012}", first + n)),
                name: format!("generated-{n}"),
                email: None,
                path: pick(&paths).unwrap_or_default(),
                state: super::AccountState::Active,
                joined_at: None,
                invited: false,
                tags,
            };
            self.add_account(&entry, shifted(now, -SignedDuration::from_hours(365 * 24)), now)?;
        }
        Ok(())
    }

    fn found_policy(&mut self, entry: &PolicyEntry, by: By<'_>) -> anyhow::Result<()> {
        if let Some(id) = &entry.id {
            ensure!(ids::is_policy(id), "id: must be `p-` and 8 to 128 of a-zA-Z0-9_, not {id:?}");
            ensure!(self.policy(id).is_err(), "id: {id} is taken");
        }
        let kind = PolicyType::named(&entry.kind).ok_or_else(|| anyhow!("type: no policy type {}", entry.kind))?;
        let content = content_text(&entry.content);
        let draft = Draft {
            kind,
            name: &entry.name,
            description: &entry.description,
            content: &content,
            tags: entry.tags.clone(),
        };
        let id = self.create(draft, entry.id.clone(), by).with_context(|| entry.name.clone())?;
        for (index, target) in entry.attach.iter().enumerate() {
            let field = || format!("{}: attach[{index}]", entry.name);
            let target = self.resolve(&target.0).with_context(field)?;
            self.attach(&id, &target, by).with_context(field)?;
        }
        Ok(())
    }

    /// An id or a path of a root, OU or account.
    pub(super) fn resolve(&self, target: &str) -> anyhow::Result<String> {
        self.tree.target(target).map(str::to_owned).ok_or_else(|| anyhow!("no root, OU or account {target:?}"))
    }
}
