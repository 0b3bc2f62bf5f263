//! Releases of one of several guardrails in a policy: the others stay, and come to no harm on the way.

use soc2_guardrails::release::{kept_off, needed_by, reduced};
use soc2_guardrails::{Document, Mode, Release, Ruling, SetInput, Step, TargetId};

use crate::model::{World, add_policy, deny, set, unit, units, words};
use crate::packs::{named, world};

const NAMES: [&str; 3] = ["b-one", "b-two", "b-three"];
const SIDS: [&str; 3] = ["Denybone", "Denybtwo", "Denybthree"];

/// Three guardrails in one policy on these units, which have room for one more.
struct Packed {
    world: World,
    sets: Vec<SetInput>,
    /// Content and targets of the policy.
    before: (String, Vec<String>),
}

impl Packed {
    fn on(paths: &[&str]) -> Self {
        let mut world = world();
        for path in paths {
            for number in 0..6 {
                let name = format!("p-foreign-{}-{number}", path.to_lowercase());
                add_policy(&mut world.inventory, &name, &deny("s3:*"), &[&unit(path)]);
            }
        }
        let sets = vec![set("all", Mode::Enforce, units(&world.org, paths, &[]), &NAMES)];
        let steps = world.plan(&sets).steps;
        world.apply(&steps);
        let mut packed = Self { world, sets, before: (String::new(), Vec::new()) };
        packed.remember();
        packed.before = packed.policy("pack/all/1");
        assert_eq!(packed.before.1.len(), paths.len(), "{:?}", packed.world.plan(&packed.sets));
        packed
    }

    /// What the set's status has of it.
    fn remember(&mut self) {
        let plan = self.world.plan(&self.sets).sets[0].clone();
        let homes = plan.baselines.iter().filter_map(|one| Some((one.name.clone(), one.policy_id.clone()?)));
        self.sets[0].homes.extend(homes);
        self.sets[0].in_place = true;
        self.sets[0].applied = Some(plan.wanted);
    }

    fn policy(&self, key: &str) -> (String, Vec<String>) {
        let all = self.world.inventory.policies.values();
        let found = all.filter(|policy| policy.tags.get("soc2-operator.dev/baseline").is_some_and(|tag| tag == key));
        let found: Vec<_> = found.collect();
        assert_eq!(found.len(), 1, "{key}");
        (found[0].content.clone(), found[0].targets.iter().cloned().collect())
    }

    fn rule(&self, release: &Release) -> Ruling {
        let plan = self.world.plan(&self.sets);
        release.rule(&self.world.ground(&plan))
    }

    /// Which of the guardrails are in force at a target.
    fn denied(&self, path: &str) -> Vec<&'static str> {
        let above: Vec<String> = self.world.org.ancestors(&unit(path)).into_iter().map(str::to_owned).collect();
        let here = |sid: &&str| {
            let mut all = self.world.inventory.policies.values();
            all.any(|policy| above.iter().any(|id| policy.targets.contains(id)) && policy.content.contains(*sid))
        };
        SIDS.into_iter().filter(|sid| here(sid)).collect()
    }

    /// What the set does while releases hold: what is left, and how many steps they hold back.
    fn turn(&mut self, releases: &[Release]) -> (Vec<Step>, usize) {
        let plan = self.world.plan(&self.sets);
        let found = &plan.sets[0];
        assert_eq!(found.refused, None);
        let ground = self.world.ground(&plan);
        let steps = if found.steps.is_empty() { found.removals.clone() } else { found.steps.clone() };
        let mut held = 0;
        let mut done = Vec::new();
        for step in steps {
            let less = reduced(releases, &ground, &step);
            if let Some((Step::Update { id, policy, .. }, _)) = &less
                && Document::parse(&policy.content) == Document::parse(&self.world.inventory.policies[id].content)
            {
                held += 1;
            } else if let Some((less, _)) = less {
                done.push(less);
            } else if kept_off(releases, &ground, &step).or(needed_by(releases, &self.world.org, &step)).is_some() {
                held += 1;
            } else {
                done.push(step);
            }
        }
        (done, held)
    }

    /// Without releases, until nothing is left to do; `check` looks at every state on the way.
    fn settle(&mut self, check: impl Fn(&Self)) {
        for _ in 0..8 {
            let (steps, held) = self.turn(&[]);
            assert_eq!(held, 0);
            for step in steps {
                assert!(!step.weakens(), "what comes back takes nothing away: {step}");
                self.world.apply(&[step]);
                check(self);
            }
        }
        let plan = self.world.plan(&self.sets);
        assert!(plan.sets[0].in_sync && plan.sets[0].removals.is_empty(), "{:#?}", plan.sets);
        assert_eq!(self.policy("pack/all/1"), self.before);
        assert_eq!(plan.owned.len(), 1, "nothing is left over");
    }
}

fn release(baseline: &str, path: &str) -> Release {
    Release {
        name: format!("{baseline}-off"),
        baseline: baseline.to_owned(),
        target: TargetId(unit(path)),
        until: "2026-11-26T16:00:00Z".parse().unwrap(),
        by: "oncall".to_owned(),
        reason: "incident".to_owned(),
    }
}

#[test]
fn where_the_policy_is_nowhere_else_it_says_less_at_once() {
    let mut packed = Packed::on(&["Workloads"]);
    let off = [release("b-one", "Workloads")];
    let ruling = packed.rule(&off[0]);
    assert_eq!((ruling.refused.as_ref(), ruling.keep.len(), ruling.then.len()), (None, 0, 0), "{ruling:?}");
    assert_eq!(words(&ruling.detach).len(), 1, "{ruling:?}");
    packed.world.apply(&ruling.detach);
    assert_eq!(packed.denied("Workloads"), SIDS[1..]);
    assert_eq!(packed.rule(&off[0]), Ruling::default(), "once is enough");
    let (done, held) = packed.turn(&off);
    assert!(done.is_empty() && held == 1, "{:?}", words(&done));
    packed.settle(|_| {});
}

#[test]
fn where_it_is_elsewhere_too_the_others_have_one_of_their_own_first() {
    let mut packed = Packed::on(&["Workloads", "Sandbox"]);
    let off = [release("b-one", "Workloads")];
    let ruling = packed.rule(&off[0]);
    assert!(ruling.detach.is_empty() && ruling.keep.len() == 2 && ruling.then.len() == 1, "{ruling:#?}");
    for step in &ruling.keep {
        packed.world.apply(std::slice::from_ref(step));
        assert_eq!((packed.denied("Workloads"), packed.denied("Sandbox")), (SIDS.to_vec(), SIDS.to_vec()));
        let (done, _) = packed.turn(&off);
        assert!(done.is_empty(), "the set does not take away what stands in: {:?}", words(&done));
    }
    let ruling = packed.rule(&off[0]);
    assert!(ruling.keep.is_empty() && ruling.then.len() == 1, "{ruling:#?}");
    packed.world.apply(&ruling.then);
    assert_eq!((packed.denied("Workloads"), packed.denied("Sandbox")), (SIDS[1..].to_vec(), SIDS.to_vec()));
    assert_eq!(packed.rule(&off[0]), Ruling::default());
    let (done, held) = packed.turn(&off);
    assert!(done.is_empty() && held == 1, "{:?}", words(&done));

    // Somebody changes what stands in: the policy itself comes back, and goes again in the same order.
    let (key, id) =
        packed.world.plan(&packed.sets).carriers.into_iter().find(|(key, _)| key.ends_with("b-one")).unwrap();
    let good = packed.policy(&key).0;
    packed.world.policy(&id).content = good.replace("svc:btwo", "svc:nothing");
    let (done, _) = packed.turn(&off);
    assert_eq!(done.len(), 1, "{:?}", words(&done));
    packed.world.apply(&done);
    assert_eq!(packed.denied("Workloads"), SIDS);
    let ruling = packed.rule(&off[0]);
    assert_eq!((ruling.keep.len(), ruling.then.len()), (1, 1), "{ruling:#?}");
    packed.world.apply(&ruling.keep);
    packed.world.apply(&packed.rule(&off[0]).then.clone());
    assert_eq!((packed.denied("Workloads"), packed.policy(&key).0), (SIDS[1..].to_vec(), good));

    let others = |packed: &Packed| {
        assert!(packed.denied("Workloads").ends_with(&SIDS[1..]) && packed.denied("Sandbox") == SIDS);
    };
    packed.settle(others);
}

#[test]
fn without_a_slot_it_is_refused_and_said_what_would_do() {
    let mut packed = Packed::on(&["Workloads", "Sandbox"]);
    add_policy(&mut packed.world.inventory, "p-more", &deny("s3:*"), &[&unit("Workloads")]);
    let refused = packed.rule(&release("b-one", "Workloads")).refused.unwrap();
    for part in [
        "b-one is in one policy with",
        "b-two",
        "b-three",
        "organizational unit Workloads",
        "has 9 policies",
        "11 of 10",
        "release \"*\" there",
    ] {
        assert!(refused.contains(part), "no {part} in: {refused}");
    }
    // What it names does.
    let all = packed.rule(&release("*", "Workloads"));
    assert_eq!((all.refused, all.detach.len()), (None, 1));
    // Below where it is attached, the others are told apart as well.
    let refused = packed.rule(&release("b-one", "Workloads/Prod")).refused.unwrap();
    assert!(refused.starts_with("b-one is attached to organizational unit Workloads"), "{refused}");
}

#[test]
fn two_releases_of_one_policy_do_not_undo_each_other() {
    for paths in [vec!["Workloads"], vec!["Workloads", "Sandbox"]] {
        let mut packed = Packed::on(&paths);
        let releases = [release("b-one", "Workloads"), release("b-two", "Workloads")];
        for (count, one) in releases.iter().enumerate() {
            for _ in 0..2 {
                let ruling = packed.rule(one);
                assert_eq!(ruling.refused, None, "{paths:?}");
                let steps = [ruling.detach, if ruling.keep.is_empty() { ruling.then } else { ruling.keep }].concat();
                packed.world.apply(&steps);
            }
            let (done, _) = packed.turn(&releases[..=count]);
            assert!(done.is_empty(), "{paths:?}: {:?}", words(&done));
            assert_eq!(packed.denied("Workloads"), SIDS[count + 1..], "{paths:?}");
        }
        if let [_, other] = paths[..] {
            assert_eq!(packed.denied(other), SIDS);
        }
        packed.settle(|packed| assert!(packed.denied("Workloads").contains(&SIDS[2])));
    }
}

#[test]
fn a_change_of_the_set_goes_on_without_what_is_off() {
    let mut packed = Packed::on(&["Workloads"]);
    let off = [release("b-one", "Workloads")];
    let steps = packed.rule(&off[0]).detach;
    packed.world.apply(&steps);
    // One of the others says something else from now on.
    packed.world.library[1] = named("b-two", "svc:more");
    let (done, held) = packed.turn(&off);
    assert_eq!((done.len(), held), (1, 0), "{:?}", words(&done));
    packed.world.apply(&done);
    assert_eq!(packed.denied("Workloads"), SIDS[1..]);
    assert!(packed.policy("pack/all/1").0.contains("svc:more"));
    let (done, held) = packed.turn(&off);
    assert!(done.is_empty() && held == 1, "{:?}", words(&done));
    packed.before.0 = packed.before.0.replace("svc:btwo", "svc:more");
    packed.settle(|_| {});
}
