//! Rule 1: the account's state.

use soc2_posture::organization::AccountState;

use crate::scene::{ACCOUNT, FindingExt, Scene, finding, id};

#[test]
fn an_account_that_is_not_active_has_no_result_but_not_applicable() {
    for (state, expected) in [
        (AccountState::Active, "Failed: FindingsFailed"),
        (AccountState::Suspended, "NotApplicable: AccountSuspended"),
        (AccountState::PendingActivation, "NotApplicable: AccountSuspended"),
        (AccountState::PendingClosure, "NotApplicable: AccountSuspended"),
        (AccountState::Other, "NotApplicable: AccountSuspended"),
    ] {
        let scene = Scene::new().with([finding("IAM.5").failed()]).but(|scene| scene.account().state = state);
        assert_eq!(scene.check("IAM.5"), expected, "{state:?}");
    }
}

#[test]
fn it_comes_before_every_other_reason() {
    let retired = serde_json::json!([
        {"id": "RDS.18", "action": "Enable", "criteria": ["CC6.6"], "rationale": "it was there before"}
    ]);
    let scene = Scene::new().profile(serde_json::json!({"controls": retired})).but(|scene| {
        scene.account().state = AccountState::Suspended;
        scene.sources.regions.clear();
    });
    assert_eq!(scene.check("RDS.18"), "NotApplicable: AccountSuspended");
    assert_eq!(scene.check("S3.2"), "NotApplicable: AccountSuspended");
    let summary = scene.posture().summary;
    assert_eq!((summary.passed, summary.failed, summary.unknown), (0, 0, 0));
}

#[test]
fn closed_and_absent_accounts_have_no_posture() {
    let closed = Scene::new().but(|scene| scene.account().state = AccountState::Closed);
    assert_eq!(closed.assess().accounts().count(), 0);
    assert_eq!(closed.assess().posture(id(ACCOUNT), &closed.index()), None);
    assert_eq!(closed.assess().compliant(id(ACCOUNT)), None);

    let gone = Scene::new().but(|scene| drop(scene.organization.accounts.remove(&id(ACCOUNT))));
    assert_eq!(gone.assess().accounts().count(), 0);
    assert_eq!(gone.assess().status().targets.unwrap().unmatched, ["spec.targets.include[0].accountIds[0]"]);
}
