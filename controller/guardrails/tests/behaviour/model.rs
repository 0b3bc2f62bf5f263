//! A small organization and its policies, and what AWS does with the steps of a plan.

use std::collections::{BTreeMap, BTreeSet};

use proptest::test_runner::Config;
use soc2_catalog::{Catalog, ExampleCall, Guardrail};
use soc2_guardrails::library::compile;
use soc2_guardrails::pack::{Sids, minify};
use soc2_guardrails::{
    Counts, Document, Exemptions, Ground, Guarded, Limits, Mode, Owner, Parameters, Plan, PlanInput, Policy,
    PolicyBody, PolicyInventory, PolicyRef, Selection, SetInput, Step, plan,
};
use soc2_posture::ids::AccountId;
use soc2_posture::organization::{Account, AccountState, Organization, Unit};

pub const ROOT: &str = "r-ab12";
pub const MANAGEMENT: &str = "111111111111";
pub const FULL_ACCESS: &str = "p-FullAWSAccess";
pub const ALLOW_ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

pub fn id(text: &str) -> AccountId {
    text.parse().unwrap()
}

/// Id of the unit at a path; the root's for an empty one.
pub fn unit(path: &str) -> String {
    if path.is_empty() { ROOT.to_owned() } else { format!("ou-{}", path.replace('/', "-").to_lowercase()) }
}

/// Each line is a path and the accounts in it, such as `Workloads/Prod 333333333333`; `/` is the root. The management
/// account is in the root unless a line says otherwise.
pub fn organization(lines: &[&str]) -> Organization {
    let mut org = Organization {
        id: "o-example".to_owned(),
        management_account: id(MANAGEMENT),
        root: ROOT.to_owned(),
        scp_enabled: true,
        units: [(ROOT.to_owned(), Unit { name: "Root".to_owned(), parent: None })].into(),
        accounts: BTreeMap::new(),
        read_at: "2026-11-22T00:00:00Z".parse().unwrap(),
    };
    add_account(&mut org, MANAGEMENT, "");
    for line in lines {
        let mut words = line.split(' ');
        let path = words.next().unwrap().trim_matches('/');
        add_unit(&mut org, path);
        words.for_each(|account| add_account(&mut org, account, path));
    }
    org
}

pub fn add_unit(org: &mut Organization, path: &str) {
    if path.is_empty() {
        return;
    }
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    add_unit(org, parent);
    org.units.insert(unit(path), Unit { name: name.to_owned(), parent: Some(unit(parent)) });
}

pub fn add_account(org: &mut Organization, account: &str, path: &str) {
    let state = AccountState::Active;
    let account_in = Account { name: format!("a{account}"), state, parent: unit(path), joined_at: None, tags: None };
    org.accounts.insert(id(account), account_in);
}

/// Everything: `include` is omitted.
pub fn everything(org: &Organization) -> Selection {
    Selection {
        accounts: org.accounts.keys().copied().collect(),
        units: org.units.keys().cloned().collect(),
        excluded_units: BTreeSet::new(),
    }
}

fn below(org: &Organization, path: &str) -> BTreeSet<String> {
    org.units.keys().filter(|id| org.ancestors(id).contains(&unit(path).as_str())).cloned().collect()
}

/// Units with all below them, without others with all below them.
pub fn units(org: &Organization, include: &[&str], exclude: &[&str]) -> Selection {
    let units: BTreeSet<String> = include.iter().flat_map(|path| below(org, path)).collect();
    let excluded: BTreeSet<String> = exclude.iter().flat_map(|path| below(org, path)).collect();
    let selected = |account: &Account| units.contains(&account.parent) && !excluded.contains(&account.parent);
    let accounts = org.accounts.iter().filter(|(_, account)| selected(account)).map(|(id, _)| *id).collect();
    Selection { accounts, units: units.difference(&excluded).cloned().collect(), excluded_units: excluded }
}

/// Accounts one by one.
pub fn accounts(ids: &[&str]) -> Selection {
    Selection { accounts: ids.iter().map(|text| id(text)).collect(), ..Selection::default() }
}

/// `FullAWSAccess` everywhere, as AWS has it in the beginning.
pub fn fresh_inventory(org: &Organization) -> PolicyInventory {
    let targets = org.units.keys().cloned().chain(org.accounts.keys().map(ToString::to_string)).collect();
    let name = "FullAWSAccess".to_owned();
    let policy = Policy { name, aws_managed: true, content: ALLOW_ALL.to_owned(), tags: BTreeMap::new(), targets };
    PolicyInventory { policies: [(FULL_ACCESS.to_owned(), policy)].into() }
}

pub fn add_policy(inventory: &mut PolicyInventory, id: &str, content: &str, targets: &[&str]) {
    let targets = targets.iter().map(ToString::to_string).collect();
    let policy = Policy { name: format!("name of {id}"), content: content.to_owned(), targets, ..Policy::default() };
    inventory.policies.insert(id.to_owned(), policy);
}

pub fn deny(actions: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":"{actions}","Resource":"*"}}]}}"#)
}

/// A guardrail that denies these actions everywhere, to everybody.
pub fn denying(name: &str, actions: &[&str]) -> Guardrail {
    let call = |action: &str| -> ExampleCall { serde_json::from_value(serde_json::json!({"action": action})).unwrap() };
    let statement = serde_json::json!({"sid": "S", "actions": actions, "resources": ["*"]});
    Guardrail {
        name: name.to_owned(),
        title: format!("Title of {name}"),
        criteria: Vec::new(),
        controls: Vec::new(),
        parameters: Vec::new(),
        statements: vec![serde_json::from_value(statement).unwrap()],
        no_exemption: None,
        caveats: Vec::new(),
        source: None,
        example_parameters: BTreeMap::new(),
        denied: actions.iter().map(|action| call(action)).collect(),
        allowed: vec![call("s3:GetObject")],
    }
}

pub fn guardrail(name: &str, action: &str) -> Guardrail {
    denying(name, &[action])
}

/// What is written for a guardrail with its defaults when nobody is exempt.
pub fn content(guardrail: &Guardrail) -> String {
    let nobody = Exemptions::default();
    let compiled = compile(guardrail, &Parameters::new(), &nobody, &nobody).unwrap();
    minify(&compiled.document, Sids::Keep).content
}

/// The first guardrail of the built-in library, and one more.
pub fn library() -> Vec<Guardrail> {
    let mut library = Catalog::builtin().unwrap().guardrails()[..1].to_vec();
    library.push(guardrail("protect-config", "config:StopConfigurationRecorder"));
    library
}

pub fn set(name: &str, mode: Mode, selection: Selection, baselines: &[&str]) -> SetInput {
    SetInput {
        name: name.to_owned(),
        mode,
        gate: String::new(),
        suspended: false,
        selection,
        max_direct: 50,
        rules: String::new(),
        baselines: baselines.iter().map(ToString::to_string).collect(),
        previous: Vec::new(),
        in_place: false,
        applied: None,
        removing: false,
        parameters: BTreeMap::new(),
        adopt: BTreeMap::new(),
        homes: BTreeMap::new(),
        exempt_principals: Vec::new(),
        trail: None,
        waves: None,
        error: None,
    }
}

pub fn enforce(selection: Selection) -> Vec<SetInput> {
    vec![set("all", Mode::Enforce, selection, &["deny-leave-org"])]
}

/// All that a plan is made from.
#[derive(Clone, Debug)]
pub struct World {
    pub org: Organization,
    pub inventory: PolicyInventory,
    pub owner: Owner,
    pub library: Vec<Guardrail>,
    pub exempt: Exemptions,
    pub limits: Limits,
    pub reserved_slots: u32,
    pub guarded: Guarded,
    pub take_over: Option<String>,
    pub created: u32,
}

impl World {
    pub fn new(lines: &[&str]) -> Self {
        let org = organization(lines);
        Self {
            inventory: fresh_inventory(&org),
            owner: Owner {
                owner_id: "acme".to_owned(),
                cluster_id: "cluster-1".to_owned(),
                organization_id: org.id.clone(),
            },
            org,
            library: library(),
            exempt: Exemptions::default(),
            limits: Limits { max_characters: 10_240, max_per_target: 10 },
            reserved_slots: 1,
            guarded: Guarded::default(),
            take_over: None,
            created: 0,
        }
    }

    pub fn plan(&self, sets: &[SetInput]) -> Plan {
        plan(&PlanInput {
            org: &self.org,
            inventory: &self.inventory,
            owner: &self.owner,
            library: &self.library,
            sets,
            exempt: &self.exempt,
            limits: self.limits,
            reserved_slots: self.reserved_slots,
            guarded: &self.guarded,
            take_over: self.take_over.as_deref(),
        })
    }

    /// What releases are ruled on.
    pub fn ground<'a>(&'a self, plan: &'a Plan) -> Ground<'a> {
        Ground {
            org: &self.org,
            owner: &self.owner,
            inventory: &self.inventory,
            carriers: &plan.carriers,
            library: &self.library,
            limits: self.limits,
            reserved_slots: self.reserved_slots,
        }
    }

    /// Does what AWS does, and is as strict.
    pub fn apply(&mut self, steps: &[Step]) {
        for step in steps {
            self.apply_one(step);
        }
    }

    fn apply_one(&mut self, step: &Step) {
        match step {
            Step::Adopt { id, tags, .. } => {
                let found = self.inventory.policies.get_mut(id).expect("the policy to adopt exists");
                assert!(!found.aws_managed);
                found.tags.extend(tags.clone());
            }
            Step::Create { policy, .. } => {
                self.created += 1;
                let id = format!("p-created{}", self.created);
                self.check(&id, policy);
                let tags = policy.tags.clone();
                let created =
                    Policy { name: policy.name.clone(), content: policy.content.clone(), tags, ..Policy::default() };
                self.inventory.policies.insert(id, created);
            }
            Step::Update { id, policy, .. } => {
                self.check(id, policy);
                let found = self.inventory.policies.get_mut(id).expect("the policy to update exists");
                assert!(self.owner.owns(found), "{id} is not ours");
                found.name.clone_from(&policy.name);
                found.content.clone_from(&policy.content);
            }
            Step::Attach { policy, target, .. } => {
                assert!(self.org.scp_enabled);
                let found = self.inventory.policies.iter_mut().find(|(id, found)| match policy {
                    PolicyRef::ById(wanted) => *id == wanted,
                    PolicyRef::ByName(name) => found.name == *name,
                });
                let (id, found) = found.expect("the policy to attach exists");
                assert!(self.owner.owns(found), "{id} is not ours");
                assert!(found.targets.insert(target.id.0.clone()), "{id} is on {target} already");
                let attached = self.inventory.policies.values().filter(|policy| policy.targets.contains(&target.id.0));
                assert!(attached.count() <= self.limits.max_per_target as usize, "too many policies on {target}");
            }
            Step::Detach { id, target, .. } => {
                let attached = self.inventory.policies.values().filter(|policy| policy.targets.contains(&target.0));
                assert!(attached.count() > 1, "{id} is the last policy of {target}");
                let found = self.inventory.policies.get_mut(id).expect("the policy to detach exists");
                assert!(self.owner.owns(found), "{id} is not ours");
                assert!(found.targets.remove(&target.0), "{id} is not on {target}");
            }
            Step::Delete { id, .. } => {
                let found = self.inventory.policies.remove(id).expect("the policy to delete exists");
                assert!(self.owner.owns(&found) && found.targets.is_empty(), "PolicyInUse");
            }
        }
    }

    fn check(&self, id: &str, policy: &PolicyBody) {
        let same_name = self.inventory.policies.iter().find(|(other, found)| *other != id && found.name == policy.name);
        assert_eq!(same_name, None, "DuplicatePolicyException");
        assert!(policy.content.chars().count() <= self.limits.max_characters as usize);
        assert!(policy.name.chars().count() <= 128 && policy.description.chars().count() <= 512);
        let sids: Vec<&str> = self
            .library
            .iter()
            .flat_map(|guardrail| &guardrail.statements)
            .map(|statement| statement.sid.as_str())
            .collect();
        let document = Document::parse(&policy.content).expect("only documents are written");
        for statement in document.statements() {
            let sid = statement.sid.as_deref().unwrap();
            assert!(sids.contains(&sid), "only statements of the library are written, not {sid}");
        }
    }

    /// Plans and applies, and gives the id of the policy for `deny-leave-org`.
    pub fn enforce(&mut self, sets: &[SetInput]) -> String {
        let plan = self.plan(sets);
        self.apply(&plan.steps);
        let name = self.owner.policy_name("deny-leave-org");
        let (id, _) = self.inventory.policies.iter().find(|(_, policy)| policy.name == name).unwrap();
        id.clone()
    }

    pub fn policy(&mut self, id: &str) -> &mut Policy {
        self.inventory.policies.get_mut(id).unwrap()
    }
}

/// The steps in words.
pub fn words(steps: &[Step]) -> Vec<String> {
    steps.iter().map(ToString::to_string).collect()
}

/// Policies to create and update, and attachments.
pub fn counts(create: u32, update: u32, attach: u32) -> Counts {
    Counts { create, update, attach, ..Counts::default() }
}

/// So many cases of a property; a soak tries fifty times as many.
pub fn cases(usual: u32) -> Config {
    let soak = std::env::var_os("SOC2_SOAK").is_some();
    Config::with_cases(if soak { usual * 50 } else { usual })
}
