//! Postures as they should be, made from what a profile's assessment says now.
//!
//! None is kept: ten thousand of them, as objects, would take more memory than everything else.

use std::hash::{DefaultHasher, Hash, Hasher};

use kube::ResourceExt;
use soc2_crds::{AccountPosture, ComplianceProfile, PosturesWanted};
use soc2_feed::WorldHandle;
use soc2_posture::assess::CompliantLabel;
use soc2_posture::ids::AccountId;
use soc2_posture::objects::{LABELS, account_posture, posture_name};

use crate::assessed::Current;

/// Where the postures of one profile come from.
pub struct Source {
    profile: ComplianceProfile,
    assessment: Current,
    world: WorldHandle,
}

impl Source {
    /// Postures of a profile's accounts under this assessment.
    #[must_use]
    pub fn new(mut profile: ComplianceProfile, assessment: Current, world: WorldHandle) -> Self {
        // Kept while its postures wait to be written.
        profile.status = None;
        profile.metadata.managed_fields = None;
        Self { profile, assessment, world }
    }

    /// All accounts of the profile.
    pub(super) fn accounts(&self) -> Vec<AccountId> {
        self.assessment.read().as_ref().map(|assessment| assessment.accounts().collect()).unwrap_or_default()
    }

    /// Name of an account's posture.
    pub(super) fn name(&self, account: AccountId) -> String {
        posture_name(&self.profile.name_any(), account)
    }

    /// Whether a posture is of this profile.
    pub(super) fn owns(&self, name: &str) -> bool {
        is_of(name, &self.profile.name_any())
    }

    /// Hands the posture of each of these accounts to `visit`; `None` for an account that should have none. Keep them few:
    /// the feed and the profile's next assessment wait meanwhile.
    pub(super) fn each(&self, accounts: &[AccountId], mut visit: impl FnMut(AccountId, Option<AccountPosture>)) {
        let guard = self.assessment.read();
        let Some(assessment) = guard.as_ref() else { return };
        self.world.read(|world| {
            for account in accounts {
                let label = assessment.compliant(*account).filter(|label| wants(self.profile.spec.postures, *label));
                let posture = label.and_then(|label| {
                    let content = assessment.posture(*account, &world.index)?;
                    Some(account_posture(&self.profile, *account, label, content))
                });
                visit(*account, posture);
            }
        });
    }

    /// The posture of an account; `None` when it should have none.
    pub(super) fn one(&self, account: AccountId) -> Option<AccountPosture> {
        let mut found = None;
        self.each(&[account], |_, posture| found = posture);
        found
    }
}

/// Whether an account gets a posture.
fn wants(wanted: PosturesWanted, label: CompliantLabel) -> bool {
    match wanted {
        PosturesWanted::All => true,
        PosturesWanted::NotCompliant => label != CompliantLabel::True,
        PosturesWanted::None => false,
    }
}

/// Tells contents apart.
pub(super) fn hash(posture: &AccountPosture) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(&posture.spec).unwrap_or_default().hash(&mut hasher);
    for label in LABELS {
        posture.labels().get(label).hash(&mut hasher);
    }
    hasher.finish()
}

/// Whether a posture's name is the profile and an account id: profile `a` must not take `a-b-<id>` for its own.
pub(super) fn is_of(name: &str, profile: &str) -> bool {
    let rest = name.strip_prefix(profile).and_then(|rest| rest.strip_prefix('-'));
    rest.is_some_and(|rest| rest.parse::<AccountId>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_posture_belongs_to_the_profile_whose_name_is_all_before_the_account() {
        assert!(is_of("prod-333333333333", "prod"));
        assert!(!is_of("prod-eu-333333333333", "prod"));
        assert!(is_of("prod-eu-333333333333", "prod-eu"));
    }

    #[test]
    fn which_accounts_get_a_posture_is_the_profile_to_say() {
        use CompliantLabel::{False, True, Unknown};
        let getting = |wanted| [True, False, Unknown].map(|label| wants(wanted, label));
        assert_eq!(getting(PosturesWanted::All), [true, true, true]);
        assert_eq!(getting(PosturesWanted::NotCompliant), [false, true, true]);
        assert_eq!(getting(PosturesWanted::None), [false, false, false]);
    }
}
