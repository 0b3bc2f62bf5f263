//! Required guardrails over the accounts of a profile.

use std::collections::BTreeSet;

use soc2_crds::GuardrailCoverage;

use crate::ids::AccountId;
use crate::protection::{Protection, ProtectionByAccount};

/// Most names in a sample.
const SAMPLE: usize = 10;

/// How far one required guardrail protects the active accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GuardrailFacts {
    pub(crate) name: String,
    pub(crate) protected: u32,
    pub(crate) unprotected: u32,
    pub(crate) unknown: u32,
    not_applicable: u32,
    pub(crate) unprotected_sample: Vec<AccountId>,
    /// What is missing where nobody knows; the first of the messages.
    pub(crate) unknown_message: Option<String>,
    by: BTreeSet<String>,
}

impl GuardrailFacts {
    pub(crate) fn new(name: &str, protection: Option<&ProtectionByAccount>, accounts: &[AccountId]) -> Self {
        let mut facts = Self { name: name.to_owned(), ..Self::default() };
        for account in accounts {
            match protection.and_then(|accounts| accounts.get(account)) {
                Some(Protection::Protected { by }) => {
                    facts.protected += 1;
                    facts.by.extend(by.iter().cloned());
                }
                Some(Protection::Unprotected) => {
                    facts.unprotected += 1;
                    if facts.unprotected_sample.len() < SAMPLE {
                        facts.unprotected_sample.push(*account);
                    }
                }
                Some(Protection::ManagementAccount) => facts.not_applicable += 1,
                Some(Protection::Unknown { message }) => {
                    facts.unknown += 1;
                    facts.unknown_message.get_or_insert_with(|| message.clone());
                }
                None => facts.unknown += 1,
            }
        }
        facts
    }

    /// As the status shows it.
    pub(crate) fn coverage(&self) -> GuardrailCoverage {
        GuardrailCoverage {
            name: self.name.clone(),
            protected: self.protected,
            unprotected: self.unprotected,
            not_applicable: self.not_applicable,
            unprotected_sample: self.unprotected_sample.iter().map(ToString::to_string).collect(),
            by: self.by.iter().take(SAMPLE).cloned().collect(),
        }
    }
}
