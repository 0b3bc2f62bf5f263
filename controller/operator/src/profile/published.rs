//! What a former leader published of required guardrails. It stands until the policies are read for the first time: that nobody
//! has read them yet says nothing of the accounts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::ResourceExt;
use soc2_crds::{AccountPostureSpec, ComplianceProfile};
use soc2_posture::ids::AccountId;
use soc2_posture::organization::Organization;
use soc2_posture::protection::{Protection, ProtectionByAccount};

use super::observe::published_until;

/// By profile.
#[derive(Debug, Default)]
pub struct PublishedGuardrails(BTreeMap<String, OfProfile>);

#[derive(Debug, Default)]
struct OfProfile {
    /// Unprotected by these guardrails, by account.
    unprotected: BTreeMap<AccountId, Vec<String>>,
    /// How long it may stand.
    until: Option<Timestamp>,
}

impl PublishedGuardrails {
    /// Remembers how long what is published of a profile may stand.
    pub fn stands(&mut self, profile: &ComplianceProfile) {
        self.0.entry(profile.name_any()).or_default().until = published_until(profile);
    }

    /// Forgets a profile.
    pub fn forget(&mut self, profile: &str) {
        self.0.remove(profile);
    }

    /// Remembers a posture.
    pub fn remember(&mut self, profile: &str, account: AccountId, posture: &AccountPostureSpec) {
        if let Some(guardrails) = &posture.guardrails {
            let of_profile = self.0.entry(profile.to_owned()).or_default();
            of_profile.unprotected.insert(account, guardrails.unprotected.clone());
        }
    }

    /// What was published of a profile's required guardrails, while it may stand.
    #[must_use]
    pub fn protection(
        &self,
        profile: &ComplianceProfile,
        organization: &Organization,
        now: Timestamp,
    ) -> Option<BTreeMap<String, ProtectionByAccount>> {
        let of_profile =
            self.0.get(&profile.name_any()).filter(|found| found.until.is_some_and(|until| now < until))?;
        let status = profile.status.iter().flat_map(|status| &status.guardrails);
        let by: BTreeMap<&str, &Vec<String>> = status.map(|found| (found.name.as_str(), &found.by)).collect();
        let answers = |name: &String| {
            // One that was not required then was not asked about.
            let by = by.get(name.as_str())?;
            let answer = |(account, unprotected): (&AccountId, &Vec<String>)| {
                let answer = match unprotected.contains(name) {
                    _ if *account == organization.management_account => Protection::ManagementAccount,
                    true => Protection::Unprotected,
                    false => Protection::Protected { by: (*by).clone() },
                };
                (*account, answer)
            };
            Some((name.clone(), of_profile.unprotected.iter().map(answer).collect()))
        };
        Some(profile.spec.guardrails.required.iter().filter_map(answers).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_published_stands_while_it_is_fresh() {
        let profile: ComplianceProfile = serde_json::from_value(json!({
            "apiVersion": "soc2-operator.dev/v1alpha1", "kind": "ComplianceProfile", "metadata": {"name": "a"},
            "spec": {"organizationRef": {"name": "acme"}, "freshness": "2h", "guardrails": {"required": ["deny-leave-org", "new"]}},
            "status": {
                "assessedAt": "2026-11-26T00:00:00Z",
                "guardrails": [{"name": "deny-leave-org", "protected": 1, "unprotected": 1, "by": ["p-1"]}],
            },
        }))
        .unwrap();
        let account = |text: &str| text.parse::<AccountId>().unwrap();
        let organization = Organization {
            id: "o-example".to_owned(),
            management_account: account("111111111111"),
            root: "r-1".to_owned(),
            scp_enabled: true,
            units: BTreeMap::new(),
            accounts: BTreeMap::new(),
            read_at: Timestamp::UNIX_EPOCH,
        };
        let mut published = PublishedGuardrails::default();
        published.stands(&profile);
        for (id, unprotected) in
            [("111111111111", json!([])), ("222222222222", json!(["deny-leave-org"])), ("333333333333", json!([]))]
        {
            let posture: AccountPostureSpec = serde_json::from_value(json!({
                "account": {"id": id, "name": id, "ouPath": "", "state": "ACTIVE"},
                "summary": {"passed": 0, "failed": 0, "unknown": 0, "excepted": 0, "notApplicable": 0},
                "guardrails": {"unprotected": unprotected},
            }))
            .unwrap();
            published.remember("a", account(id), &posture);
        }
        let at = |time: &str| published.protection(&profile, &organization, time.parse().unwrap());
        let found = at("2026-11-26T01:00:00Z").unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["deny-leave-org"], "nobody asked about the new one");
        let of = |id: &str| found["deny-leave-org"][&account(id)].clone();
        assert_eq!(of("111111111111"), Protection::ManagementAccount);
        assert_eq!(of("222222222222"), Protection::Unprotected);
        assert_eq!(of("333333333333"), Protection::Protected { by: vec!["p-1".to_owned()] });
        assert_eq!(at("2026-11-26T02:00:00Z"), None, "too old");
        let other = ComplianceProfile { metadata: kube::api::ObjectMeta::default(), ..profile.clone() };
        assert_eq!(published.protection(&other, &organization, Timestamp::UNIX_EPOCH), None);
    }
}
