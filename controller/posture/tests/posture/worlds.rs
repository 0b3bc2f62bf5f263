//! Made-up worlds for property tests: small, so that things meet; with all that can be wrong.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use soc2_catalog::StandardCode;
use soc2_crds::{ComplianceExceptionSpec, ControlAttestationSpec};
use soc2_posture::finding::Finding;
use soc2_posture::ids::AccountId;
use soc2_posture::organization::AccountState;
use soc2_posture::source::{HubError, HubRegion};

use crate::scene::{ACCOUNT, ADMIN, FindingExt, HOME, LINKED, Scene, broken, control, finding, hub, id, now};
use crate::written::{OPERATOR, Written, attestation, exception};

/// Another account of the profile.
pub const OTHER: &str = "444444444444";
/// A Region that no source reads.
pub const FAR: &str = "ap-south-1";
/// Controls of every reach, with and without an enabled standard, one that nobody asks for, one that nobody knows.
pub const CONTROLS: [&str; 8] = ["IAM.5", "IAM.4", "S3.2", "S3.5", "GuardDuty.1", "EC2.13", "Account.1", "Unheard.1"];

/// What a finding is about, and which version of it this is.
pub fn any_finding() -> impl Strategy<Value = Finding> {
    let about = (
        select(&[ACCOUNT, ACCOUNT, ACCOUNT, OTHER, ADMIN][..]),
        select(&CONTROLS[..]),
        select(&[HOME, HOME, LINKED, FAR][..]),
        select(&["a", "b", "account", "none"][..]),
        select(&["fsbp", "fsbp", "nist"][..]),
    );
    // Often all is well, or nothing would ever pass.
    let good = Just(("PASSED", "NEW", "ACTIVE", Some(now() - SignedDuration::from_hours(1))));
    let says = prop_oneof![3 => good, 2 => (any_status(), any_workflow(), any_record(), any_time())];
    let odd = (0..100_u32, 0..3_u32, 0..1000_i64);
    (about, says, odd).prop_map(|((account, control, region, resource, standard), says, (odd, shared, salt))| {
        let (status, workflow, record, time) = says;
        let mut made = finding(control)
            .account(account)
            .region(region)
            .resource(resource)
            .again(standard)
            .status(status)
            .workflow(workflow)
            .record(record)
            .change(|finding| finding.updated_at = time.map(|time| time.to_string()));
        match resource {
            "account" => made = made.of_type("AwsAccount"),
            "none" => made.resource_id = None,
            _ => {}
        }
        match odd {
            // An id that others have too: then the time tells the versions apart.
            0..5 => {
                let time = time.unwrap_or(now()) + SignedDuration::from_millis(salt);
                made = made.id(&format!("shared-{shared}")).updated(&time.to_string());
            }
            5 => made.product_arn = "arn:aws:securityhub:eu-west-1::product/aws/guardduty".to_owned(),
            6 => made.control_id = None,
            7 => made.account_id = "12".to_owned(),
            8 => made.workflow = None,
            9 => made.updated_at = Some("whenever".to_owned()),
            _ => {}
        }
        made
    })
}

fn any_status() -> impl Strategy<Value = &'static str> {
    select(&["PASSED", "PASSED", "PASSED", "PASSED", "FAILED", "WARNING", "NOT_AVAILABLE", "odd"][..])
}

fn any_workflow() -> impl Strategy<Value = &'static str> {
    select(&["NEW", "NEW", "NEW", "NOTIFIED", "RESOLVED", "NEW", "SUPPRESSED", "odd"][..])
}

fn any_record() -> impl Strategy<Value = &'static str> {
    select(&["ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ARCHIVED", "odd"][..])
}

/// Around the freshness limit of 36 hours, in the future, or none.
fn any_time() -> impl Strategy<Value = Option<Timestamp>> {
    let age = select(&["0s", "1h", "2h", "2h", "35h", "36h", "36h1ms", "37h", "99h", "-1ms", "-5h"][..]);
    proptest::option::weighted(0.95, age.prop_map(|age| now() - age.parse::<SignedDuration>().unwrap()))
}

pub fn findings() -> impl Strategy<Value = Vec<Finding>> {
    prop::collection::vec(any_finding(), 0..60)
}

fn accounts(all: &'static [&'static str]) -> impl Strategy<Value = BTreeSet<AccountId>> {
    subsequence(all, 0..=all.len()).prop_map(|some| some.into_iter().map(id).collect())
}

/// Mostly all of them.
fn most(all: &'static [&'static str]) -> impl Strategy<Value = BTreeSet<AccountId>> {
    prop_oneof![4 => Just(all.iter().map(|account| id(account)).collect()), 1 => accounts(all)]
}

fn any_hub(region: &'static str) -> impl Strategy<Value = HubRegion> {
    let error = prop_oneof![
        12 => Just(None),
        1 => Just(Some(HubError::AccessDenied("no".to_owned()))),
        1 => Just(Some(HubError::NotEnabled)),
        1 => Just(Some(HubError::NotRead("HTTP 500".to_owned()))),
    ];
    let standards = prop_oneof![
        4 => Just(vec![StandardCode::Fsbp]),
        1 => Just(vec![StandardCode::Fsbp, StandardCode::Nist53]),
        1 => Just(vec![StandardCode::Tag]),
        1 => Just(vec![]),
    ];
    let disabled = prop_oneof![3 => Just(vec![]), 1 => subsequence(&["IAM.5", "S3.2", "GuardDuty.1"][..], 0..=3)];
    let serves = prop::option::weighted(0.2, accounts(&[ACCOUNT, OTHER]));
    let parts = (error, standards, disabled, serves, most(&[ACCOUNT, OTHER]), most(&[ACCOUNT, OTHER, ADMIN]));
    parts.prop_map(move |(error, standards, disabled, serves, members, swept)| match error {
        Some(error) => HubRegion { serves, ..broken(region, error) },
        None => HubRegion {
            standards: standards.into_iter().collect(),
            disabled_controls: disabled.into_iter().map(control).collect(),
            serves,
            members,
            swept,
            ..hub(region)
        },
    })
}

fn any_account() -> impl Strategy<Value = (AccountState, Option<Timestamp>)> {
    let state =
        select(&[AccountState::Active, AccountState::Active, AccountState::Active, AccountState::Suspended][..]);
    let age = select(&["9999h", "9999h", "9999h", "1h", "72h", "71h59m59s", "-1h"][..]);
    let joined = proptest::option::weighted(0.9, age.prop_map(|age| now() - age.parse::<SignedDuration>().unwrap()));
    (state, joined)
}

fn any_profile() -> impl Strategy<Value = serde_json::Value> {
    let required = select(vec![None, None, Some(vec![HOME]), Some(vec![HOME, LINKED]), Some(vec![LINKED, FAR])]);
    let until = select(&[None, None, Some("2026-11-22"), Some("2026-11-23")][..]);
    (required, until, any::<bool>()).prop_map(|(required, until, no_findings)| {
        let mut fields = serde_json::json!({"targets": {"include": [{"accountIds": [ACCOUNT, OTHER]}]}});
        if let Some(required) = required {
            fields["requiredRegions"] = serde_json::json!(required);
        }
        if let Some(until) = until {
            fields["suppressed"] = serde_json::json!({"treatAs": "Excepted", "until": until, "rationale": "we move"});
        }
        if no_findings {
            fields["noFindings"] = serde_json::json!({"treatAs": "NotApplicable", "rationale": "few services"});
        }
        fields
    })
}

/// Around now, from a second before it to days away.
fn any_moment() -> impl Strategy<Value = Timestamp> {
    let offset = select(&["-9000h", "-48h", "-1s", "0s", "1s", "5h", "48h", "800h"][..]);
    offset.prop_map(|offset| now() + offset.parse::<SignedDuration>().unwrap())
}

/// Exceptions for single controls or whole criteria, most of them granted and holding.
pub fn any_exceptions() -> BoxedStrategy<Vec<Written<ComplianceExceptionSpec>>> {
    let names = prop_oneof![
        4 => subsequence(&CONTROLS[..7], 1..4).prop_map(|ids| serde_json::json!({"controls": ids})),
        1 => Just(serde_json::json!({"controls": ["Unheard.1"]})),
        3 => subsequence(&["CC3.2", "CC6.6", "CC6.1", "CC7.2"][..], 1..3)
            .prop_map(|ids| serde_json::json!({"controls": null, "criteria": ids})),
    ];
    let what = prop_oneof![
        3 => Just(serde_json::json!({})),
        2 => Just(serde_json::json!({"coversUnknown": true})),
        3 => subsequence(&["a", "b", "acc*", "*"][..], 1..3).prop_map(|globs| serde_json::json!({"resources": globs})),
    ];
    let accounts = subsequence(&[ACCOUNT, OTHER][..], 1..=2);
    let usual = Just((now() - SignedDuration::from_hours(24), now() + SignedDuration::from_hours(24)));
    let times = prop_oneof![3 => usual, 1 => (any_moment(), any_moment())];
    let namespace = prop_oneof![6 => Just(OPERATOR), 1 => Just("team-payments")];
    let one =
        (names, what, accounts, times, namespace).prop_map(|(names, what, accounts, (from, until), namespace)| {
            let targets = serde_json::json!({"include": [{"accountIds": accounts}]});
            let times = serde_json::json!({"startsAt": from, "expiresAt": until, "targets": targets});
            exception("e").within(namespace).but(names).but(what).but(times)
        });
    prop::collection::vec(one, 0..4)
        .prop_map(|mut all| {
            for (number, one) in all.iter_mut().enumerate() {
                one.name = format!("e{number}");
            }
            all
        })
        .boxed()
}

/// Attestations of activities, criteria and controls, old and new, for some accounts or all.
pub fn any_attestations() -> BoxedStrategy<Vec<Written<ControlAttestationSpec>>> {
    let names = prop_oneof![
        3 => subsequence(&["access-review", "restore-test", "no-such"][..], 1..3)
            .prop_map(|ids| serde_json::json!({"activities": ids})),
        2 => subsequence(&["CC1.1", "CC6.1", "CC6.6"][..], 1..3)
            .prop_map(|ids| serde_json::json!({"activities": null, "criteria": ids})),
        1 => Just(serde_json::json!({"activities": null, "controls": ["S3.*"]})),
    ];
    let cadence = select(&[None, None, Some("Weekly"), Some("Annual")][..]);
    let accounts = prop::option::of(subsequence(&[ACCOUNT, OTHER][..], 0..=2));
    let one = (names, any_moment(), cadence, accounts).prop_map(|(names, moment, cadence, accounts)| {
        let targets = accounts.map(|accounts| serde_json::json!({"include": [{"accountIds": accounts}]}));
        let fields = serde_json::json!({"performedAt": moment, "cadence": cadence, "targets": targets});
        attestation("a", "access-review").but(names).but(fields)
    });
    prop::collection::vec(one, 0..4)
        .prop_map(|mut all| {
            for (number, one) in all.iter_mut().enumerate() {
                one.name = format!("a{number}");
            }
            all
        })
        .boxed()
}

/// A world under a profile, without tailoring, with exceptions.
pub fn any_waived_scene() -> BoxedStrategy<Scene> {
    (any_scene(), any_exceptions()).prop_map(|(scene, exceptions)| scene.waived(exceptions)).boxed()
}

/// The same with attestations.
pub fn any_attested_scene() -> BoxedStrategy<Scene> {
    (any_waived_scene(), any_attestations()).prop_map(|(scene, attestations)| scene.attested(attestations)).boxed()
}

/// A world under a profile, without tailoring. Boxed: what makes it is too large for the stack of a test.
pub fn any_scene() -> BoxedStrategy<Scene> {
    let healthy = || {
        let of = |region| HubRegion {
            members: [ACCOUNT, OTHER].map(id).into(),
            swept: [ACCOUNT, OTHER].map(id).into(),
            ..hub(region)
        };
        Just((of(HOME), of(LINKED), None))
    };
    let odd = (any_hub(HOME), any_hub(LINKED), proptest::option::weighted(0.2, any_hub(LINKED)));
    let hubs = prop_oneof![healthy(), odd];
    let old = || Just((AccountState::Active, Some(now() - SignedDuration::from_hours(9999))));
    let account = || prop_oneof![2 => old(), 1 => any_account()];
    let accounts = (account(), account());
    (findings(), hubs, accounts, any_profile(), 0..20_u8)
        .prop_map(|(findings, hubs, accounts, profile, odd)| {
            let (home, linked, second) = hubs;
            let second =
                second.map(|hub| HubRegion { source: "second".to_owned(), read_through: LINKED.to_owned(), ..hub });
            let mut scene = Scene::silent().profile(profile).with(findings);
            scene.add_account(OTHER, "other", "ou-ab12-workloads");
            scene.sources.regions = [Some(home), Some(linked), second].into_iter().flatten().collect();
            for (account, (state, joined_at)) in [(ACCOUNT, accounts.0), (OTHER, accounts.1)] {
                if let Some(account) = scene.organization.accounts.get_mut(&id(account)) {
                    account.state = state;
                    account.joined_at = joined_at;
                }
            }
            match odd {
                0 => {
                    drop(
                        scene.sources.unattributed.insert(("second".to_owned(), LINKED.to_owned()), "lost".to_owned()),
                    );
                }
                1 => drop(scene.sources.unattributed.insert(("main".to_owned(), HOME.to_owned()), "lost".to_owned())),
                2 => drop(scene.sources.regions.pop()),
                _ => {}
            }
            scene
        })
        .boxed()
}

/// The same things in another order, some of them twice.
pub fn shuffled<T: Clone + std::fmt::Debug + 'static>(things: Vec<T>) -> impl Strategy<Value = Vec<T>> {
    let extra = subsequence(things.clone(), 0..=things.len());
    extra.prop_flat_map(move |extra| {
        let all: Vec<T> = things.iter().cloned().chain(extra).collect();
        Just(all).prop_shuffle()
    })
}
