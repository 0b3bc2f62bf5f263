//! The objective about findings that are open for too long.

use serde_json::json;
use soc2_crds::ObjectiveStatus;
use soc2_posture::finding::Finding;
use soc2_posture::organization::AccountState;
use soc2_posture::source::HubError;
use soc2_posture::{World, reassess};

use crate::scene::{ACCOUNT, ADMIN, Change, FindingExt, HOME, LINKED, Scene, at, broken, finding, id, now};
use crate::signals::{scan, signal, threat};
use crate::written::{merge, object};

fn asking(fields: serde_json::Value) -> Scene {
    let mut objective = json!({"type": "CriticalFindingsAge"});
    merge(&mut objective, fields);
    Scene::new().profile(object("objectives", vec![objective].into())).others_read()
}

/// At most 30 days, critical ones, of all four products, none.
fn scene() -> Scene {
    asking(json!({}))
}

fn status(scene: &Scene) -> ObjectiveStatus {
    scene.assess().objectives().remove(0).status
}

/// Whether it is met, and how many are open for too long.
fn met(scene: &Scene) -> (bool, Option<u64>) {
    let status = status(scene);
    (status.met, status.count)
}

/// First observed so long ago.
fn since(finding: Finding, age: &str) -> Finding {
    let age: jiff::SignedDuration = age.parse().unwrap();
    finding.change(|finding| finding.first_observed_at = Some((now() - age).to_string()))
}

fn old() -> Finding {
    since(threat("i-1"), "721h")
}

fn severity(finding: Finding, word: &str) -> Finding {
    finding.change(|finding| finding.severity = Some(word.to_owned()))
}

#[test]
fn one_finding_counts_or_not() {
    let created = |finding: Finding, at: Option<&str>| {
        finding.change(|finding| {
            finding.first_observed_at = None;
            finding.created_at = at.map(str::to_owned);
        })
    };
    for (finding, expected) in [
        (old(), 1),
        (since(threat("i-1"), "720h"), 0),
        (since(threat("i-1"), "720h1s"), 1),
        (since(threat("i-1"), "1h"), 0),
        (old().workflow("NOTIFIED"), 1),
        (old().workflow("RESOLVED"), 0),
        (old().suppressed(), 0),
        (old().archived(), 0),
        (old().status("FAILED"), 1),
        (old().status("PASSED"), 0),
        (severity(old(), "HIGH"), 0),
        // What nobody understands is not better than what is understood.
        (severity(old(), "severe"), 1),
        (old().workflow("odd"), 1),
        (old().record("odd").workflow("RESOLVED"), 1),
        (created(old(), Some("2026-10-01T00:00:00Z")), 1),
        (created(old(), Some("2026-11-21T00:00:00Z")), 0),
        (created(old(), None), 1),
        (old().change(|finding| finding.first_observed_at = Some("long ago".to_owned())), 1),
        (since(threat("i-1"), "-9m"), 0),
        (since(threat("i-1"), "-11m"), 1),
        (since(signal("aws/inspector", "AWSInspector", "i-1"), "721h"), 1),
        (since(signal("aws/macie", "aws/macie", "bucket"), "721h"), 1),
        (since(scan("host"), "9999h"), 0),
        (since(severity(finding("IAM.6").failed(), "CRITICAL"), "721h"), 1),
        (since(severity(finding("IAM.6"), "INFORMATIONAL"), "721h"), 0),
        (old().account("444444444444"), 0),
        (old().change(|finding| "ap-south-1".clone_into(&mut finding.region)), 1),
    ] {
        assert_eq!(met(&scene().with([finding.clone()])), (expected == 0, Some(expected)), "{finding:?}");
    }
}

#[test]
fn the_objective_says_what_counts() {
    let mixed = || {
        let inspector = |resource: &str| signal("aws/inspector", "AWSInspector", resource);
        vec![
            old(),
            severity(since(threat("i-2"), "800h"), "HIGH"),
            since(inspector("i-3"), "1000h"),
            since(inspector("i-4"), "30h"),
        ]
    };
    for (fields, expected) in [
        (json!({}), (false, Some(2))),
        (json!({"maxCount": 2}), (true, Some(2))),
        (json!({"maxCount": 1}), (false, Some(2))),
        (json!({"severity": "High"}), (false, Some(3))),
        (json!({"products": ["GuardDuty"]}), (false, Some(1))),
        (json!({"products": ["Macie", "SecurityHub"]}), (true, Some(0))),
        (json!({"maxAge": "24h", "severity": "Low"}), (false, Some(4))),
        (json!({"maxAge": "900h"}), (false, Some(1))),
    ] {
        assert_eq!(met(&asking(fields.clone()).with(mixed())), expected, "{fields}");
    }
    let said = status(&asking(json!({"severity": "High"})).with(mixed()));
    assert_eq!(
        said.message.as_deref(),
        Some(
            "3 findings are open for too long: 1 of GuardDuty (Critical), 1 of GuardDuty (High), 1 of Inspector (Critical); \
             the oldest since 2026-10-11T20:00:00Z about i-3 in account 333333333333"
        )
    );
    assert_eq!(status(&scene()).message, None);
    let unknown = old().change(|finding| (finding.first_observed_at, finding.resource_id) = (None, None));
    let said = status(&scene().with(mixed()).with([unknown.id("lost")])).message.unwrap();
    assert!(said.ends_with("the oldest since nobody knows when in account 333333333333"), "{said}");
}

#[test]
fn without_data_it_is_not_met_and_says_where() {
    let not_read: Change = |scene| [HOME, LINKED].into_iter().for_each(|region| scene.not_read(region));
    let denied: Change = |scene| scene.sources.regions[1] = broken(LINKED, HubError::AccessDenied("no".to_owned()));
    let required: Change =
        |scene| scene.profile.required_regions = Some(vec![HOME.to_owned(), "ap-south-1".to_owned()]);
    let stale: Change = |scene| scene.now += "36h1s".parse::<jiff::SignedDuration>().unwrap();
    let changes: [(&str, Change, &str); 7] = [
        ("nothing read", not_read, "eu-west-1, us-east-1"),
        ("one product missing", |scene| scene.hub(LINKED).signals.truncate(3), "us-east-1 of 1 account"),
        ("the account came later", |scene| scene.came_later(HOME), "eu-west-1"),
        ("no member", |scene| scene.not_member(LINKED), "us-east-1"),
        ("not readable", denied, "us-east-1"),
        ("not covered", required, "ap-south-1"),
        ("too long ago", stale, "longer ago than 36h"),
    ];
    for (what, change, said) in changes {
        let status = status(&scene().but(change));
        assert_eq!((status.met, status.count), (false, None), "{what}");
        let message = status.message.unwrap();
        assert!(message.starts_with("there are no data") && message.contains(said), "{what}: {message}");
    }
    // A milder severity that was read answers too.
    let wider = asking(json!({"severity": "High"}));
    let signals = wider.sources.regions[0].signals.clone();
    let narrow = scene().but(|scene| scene.sources.regions.iter_mut().for_each(|hub| hub.signals.clone_from(&signals)));
    assert_eq!(met(&narrow), (true, Some(0)));
    let wide = asking(json!({"severity": "High"})).but(|scene| {
        let critical = self::scene().sources.regions[0].signals.clone();
        scene.sources.regions.iter_mut().for_each(|hub| hub.signals.clone_from(&critical));
    });
    assert_eq!(met(&wide), (false, None));
}

#[test]
fn new_and_suspended_accounts_wait() {
    let missing = |scene: &mut Scene| [HOME, LINKED].into_iter().for_each(|region| scene.came_later(region));
    let both = || scene().profile(json!({"targets": {"include": [{"accountIds": [ACCOUNT, ADMIN]}]}}));
    assert_eq!(met(&both().but(missing)), (false, None));
    let new = both().but(missing).but(|scene| scene.account().joined_at = Some(now()));
    assert_eq!(met(&new), (true, Some(0)), "nothing needs to be known of it yet");
    let alone = scene().but(missing).but(|scene| scene.account().joined_at = Some(now()));
    assert_eq!(met(&alone), (false, None), "nothing at all is known");
    let suspended = both().but(missing).with([old()]).but(|scene| scene.account().state = AccountState::Suspended);
    assert_eq!(met(&suspended), (true, Some(0)));
}

#[test]
fn time_alone_makes_a_finding_too_old() {
    let scene = scene().with([since(threat("i-1"), "700h"), since(threat("i-2"), "710h")]);
    let first = scene.assess();
    assert!(first.objectives()[0].status.met);
    let at_last = first.next_change_at().unwrap();
    assert_eq!(at_last, now() + "10h1s".parse::<jiff::SignedDuration>().unwrap());
    let later = scene.clone().but(|scene| scene.now = at_last);
    let again = |now| reassess(scene.assess(), &scene.wanted().desired(), &scene.world(), &[].into(), now).unwrap();
    let found = again(at_last).objectives().remove(0).status;
    assert_eq!((found.met, found.count), (false, Some(1)));
    assert_eq!(found, status(&later));
    let before = again(at_last - jiff::SignedDuration::from_secs(1));
    assert!(before.objectives()[0].status.met);
    // With nothing open, when the reading is too old.
    let quiet = asking(json!({})).but(|scene| scene.findings.clear());
    assert_eq!(quiet.assess().next_change_at(), Some(at("2026-11-24T00:00:00.001Z")));
}

#[test]
fn resolving_is_seen_at_once_and_changes_nothing_else() {
    let scene = scene().with([old(), finding("IAM.5")]);
    let first = scene.assess();
    let mut index = scene.index();
    let changes = index.refresh(&[old().workflow("RESOLVED")]);
    assert_eq!(changes.accounts, [id(ACCOUNT)].into());
    let world = World { index, ..scene.world() };
    let before = first.posture(id(ACCOUNT), &scene.index());
    let second = reassess(first, &scene.wanted().desired(), &world, &changes.accounts, now()).unwrap();
    assert!(second.objectives()[0].status.met);
    assert_eq!(second.posture(id(ACCOUNT), &world.index), before);
}
