//! On the way from one state to another: never less protected, never more restricted, and never an account too many.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use soc2_guardrails::{Effective, Mode, ReadPolicies, Request, SetInput, Step, evaluate};

use crate::model::{MANAGEMENT, World, add_policy, deny, id, set, units};
use crate::packs::named;
use crate::variants::{REGIONS, parameters, world};

const ACCOUNTS: [&str; 4] = ["333333333333", "444444444444", "555555555555", "666666666666"];
pub const PLACES: [&[&str]; 5] =
    [&["Workloads"], &["Workloads/Prod"], &["Sandbox"], &["Workloads", "Sandbox"], &["Workloads/Dev"]];
pub const LISTS: [&[&str]; 3] = [&["eu-west-1", "us-east-1"], &["eu-west-1"], &["eu-west-1", "us-west-2"]];
const OTHERS: [&str; 4] = ["x-one", "x-two", "x-three", "x-four"];

/// Whether a call is denied, by account and call.
pub type Denied = BTreeMap<(String, String), bool>;

/// Which calls are denied.
pub fn denied(world: &World) -> Denied {
    let policies = ReadPolicies::new(&world.inventory);
    let mut found = BTreeMap::new();
    let regions = ["eu-west-1", "us-east-1", "us-west-2"].map(|region| ("ec2:RunInstances", region));
    let calls = regions.into_iter().chain(OTHERS.iter().map(|name| (*name, "")));
    for (action, region) in calls {
        let action = if region.is_empty() { format!("svc:{}", action.replace('-', "")) } else { action.to_owned() };
        let context = BTreeMap::from([("aws:RequestedRegion".to_owned(), vec![region.to_owned()])]);
        for account in ACCOUNTS {
            let Effective::Levels(levels) = policies.effective(&world.org, id(account)) else { panic!("{account}") };
            let principal = format!("arn:aws:iam::{account}:role/somebody");
            let request = Request {
                principal: Some(&principal),
                action: &action,
                resource: "*",
                context: &context,
                unknown_context: false,
            };
            let call = (account.to_owned(), format!("{action} {region}"));
            found.insert(call, evaluate(&levels, &request).is_denied());
        }
    }
    found
}

/// Everything that is done, each step with what is denied after it.
fn walk(world: &mut World, sets: &[SetInput]) -> Vec<(String, Denied)> {
    let mut way = Vec::new();
    let mut go = |world: &mut World, step: &Step| {
        world.apply(std::slice::from_ref(step));
        way.push((step.to_string(), denied(world)));
    };
    for _ in 0..12 {
        let plan = world.plan(sets);
        for step in &plan.steps {
            go(world, step);
        }
        if plan.steps.is_empty() {
            let removals: Vec<Step> = plan.sets.iter().flat_map(|set| set.removals.clone()).collect();
            if removals.is_empty() {
                break;
            }
            for step in &removals {
                go(world, step);
            }
        }
    }
    way
}

/// Two sets with Regions, and baselines besides.
fn pick(world: &World, choice: &[(usize, usize, usize)]) -> Vec<SetInput> {
    let one = |(number, (place, list, others)): (usize, &(usize, usize, usize))| {
        let name = format!("set-{number}");
        let mut made = set(&name, Mode::Enforce, units(&world.org, PLACES[*place], &[]), &[]);
        made.baselines = OTHERS[..*others].iter().map(|name| (*name).to_owned()).collect();
        if *list < LISTS.len() {
            made.baselines.push(REGIONS.to_owned());
            let value = serde_json::json!({"allowedRegions": LISTS[*list]});
            made.parameters.insert(REGIONS.to_owned(), parameters(&value));
        }
        // What it had is on record.
        made.previous = OTHERS.iter().map(|name| (*name).to_owned()).chain([REGIONS.to_owned()]).collect();
        made
    };
    choice.iter().enumerate().map(one).filter(|set| !set.baselines.is_empty()).collect()
}

fn choices() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    prop::collection::vec((0..PLACES.len(), 0..=LISTS.len(), 0..=OTHERS.len()), 1..3)
}

fn small_world(foreign: usize) -> World {
    let mut world = world();
    world.library.extend(OTHERS.iter().map(|name| named(name, &format!("svc:{}", name.replace('-', "")))));
    for number in 0..foreign {
        let targets = ["ou-workloads", "ou-workloads-prod", "ou-workloads-dev", "ou-sandbox"];
        add_policy(&mut world.inventory, &format!("p-foreign{number}"), &deny("s3:*"), &targets);
    }
    world
}

proptest! {
    #![proptest_config(crate::model::cases(96))]

    /// Denied before and after is denied all the way, allowed before and after is allowed all the way, whatever is short.
    #[test]
    fn no_account_is_less_protected_or_more_restricted_on_the_way(
        first in choices(), second in choices(), foreign in 0..7usize,
    ) {
        let mut world = small_world(foreign);
        let (first, second) = (pick(&world, &first), pick(&world, &second));
        walk(&mut world, &first);
        let before = denied(&world);
        let way = walk(&mut world, &second);
        let after = denied(&world);
        for (call, was) in &before {
            if after[call] == *was {
                let wrong = way.iter().find(|(_, now)| now[call] != *was);
                let steps: Vec<&String> = way.iter().map(|(step, _)| step).collect();
                prop_assert!(wrong.is_none(), "{call:?} was {was}, not so after {:?} of {steps:#?}", wrong.map(|(step, _)| step));
            }
        }
        let plan = world.plan(&second);
        prop_assert!(plan.steps.is_empty());
        for set in plan.sets.iter().filter(|set| set.refused.is_none()) {
            prop_assert!(set.removals.is_empty(), "{:?}", set.removals);
            prop_assert!(set.in_sync || plan.sets.iter().any(|set| set.refused.is_some()), "{:?}", set.drift);
        }
    }

    /// However they are packed, the same calls are denied.
    #[test]
    fn packs_change_no_decision(choice in choices(), foreign in 1..7usize) {
        let (mut roomy, mut tight) = (small_world(0), small_world(foreign));
        let sets = pick(&roomy, &choice);
        walk(&mut roomy, &sets);
        walk(&mut tight, &sets);
        let plan = tight.plan(&sets);
        if plan.sets.iter().all(|set| set.refused.is_none()) {
            prop_assert_eq!(denied(&roomy), denied(&tight));
        }
    }

    /// The accounts that a policy of ours reaches are those of the targets less the management account.
    #[test]
    fn the_accounts_affected_are_those_of_the_targets(choice in (0..PLACES.len(), 0..LISTS.len(), 0..=OTHERS.len()), foreign in 0..7usize) {
        let mut world = small_world(foreign);
        let sets = pick(&world, &[choice]);
        walk(&mut world, &sets);
        let plan = world.plan(&sets);
        if plan.sets[0].refused.is_none() {
            let ours: BTreeSet<&str> = world.inventory.policies.values().filter(|policy| world.owner.owns(policy)).flat_map(|policy| &policy.targets).map(String::as_str).collect();
            for (account, found) in &world.org.accounts {
                let reached = world.org.ancestors(&found.parent).iter().any(|unit| ours.contains(unit)) || ours.contains(account.to_string().as_str());
                let wanted = sets[0].selection.accounts.contains(account) && account.to_string() != MANAGEMENT;
                prop_assert_eq!(reached, wanted, "{}", account);
            }
        }
    }
}
