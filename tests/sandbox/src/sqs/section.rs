//! Queues in a world file, and what the control port can change of them.

use anyhow::ensure;
use serde::Deserialize;

use crate::world::{AccountId, Name};

/// A standard queue.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueueSection {
    /// Name, unique in its account and Region.
    pub name: String,
    /// Account that owns it.
    pub account: AccountId,
    /// Region that it is in.
    pub region: String,
    /// How long a message that was received stays out of sight.
    #[serde(default = "half_a_minute")]
    pub visibility_timeout_seconds: i64,
    /// How long a message is kept.
    #[serde(default = "four_days")]
    pub retention_seconds: i64,
    /// Where messages go that were received too often.
    pub redrive: Option<RedriveSection>,
    /// Who of other accounts may use it: `*`, an account id, an ARN.
    #[serde(default)]
    pub principals: Vec<Name>,
    /// `EventBridge` sends it the findings that Security Hub imports, as its account sees them in its Region.
    #[serde(default)]
    pub events: bool,
    /// `EventBridge` sends it what CloudTrail tells of calls that change the organization, if it is the management account's.
    #[serde(default)]
    pub management_events: bool,
    /// Each n-th message is there twice; 0 for none.
    #[serde(default)]
    pub duplicate_every: u64,
    /// Messages come in an order that means nothing.
    #[serde(default)]
    pub shuffle: bool,
}

/// A redrive policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedriveSection {
    /// Name of the dead-letter queue, in the same account and Region.
    pub dead_letter_queue: String,
    /// After so many receives without a deletion a message goes there.
    pub max_receive_count: u32,
}

fn half_a_minute() -> i64 {
    30
}

fn four_days() -> i64 {
    345_600
}

/// What the control port changes of a queue; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct QueueChange {
    events: Option<bool>,
    management_events: Option<bool>,
    duplicate_every: Option<u64>,
    shuffle: Option<bool>,
    visibility_timeout_seconds: Option<i64>,
    principals: Option<Vec<Name>>,
}

impl QueueSection {
    /// Whether AWS would make such a queue.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let name = self.name.as_str();
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        ensure!(
            (1..=80).contains(&name.len()) && plain,
            "name: {name:?}: 1 to 80 letters, digits, hyphens, underscores"
        );
        ensure!(
            (0..=43_200).contains(&self.visibility_timeout_seconds),
            "visibilityTimeoutSeconds: from 0 to 43200, not {}",
            self.visibility_timeout_seconds
        );
        ensure!(
            (60..=1_209_600).contains(&self.retention_seconds),
            "retentionSeconds: from 60 to 1209600, not {}",
            self.retention_seconds
        );
        if let Some(redrive) = &self.redrive {
            let most = redrive.max_receive_count;
            ensure!((1..=1000).contains(&most), "redrive.maxReceiveCount: from 1 to 1000, not {most}");
        }
        Ok(())
    }

    /// Takes a change over, unless AWS would refuse it.
    pub(super) fn change(&mut self, change: QueueChange) -> anyhow::Result<()> {
        let mut changed = self.clone();
        changed.events = change.events.unwrap_or(self.events);
        changed.management_events = change.management_events.unwrap_or(self.management_events);
        changed.duplicate_every = change.duplicate_every.unwrap_or(self.duplicate_every);
        changed.shuffle = change.shuffle.unwrap_or(self.shuffle);
        changed.visibility_timeout_seconds =
            change.visibility_timeout_seconds.unwrap_or(self.visibility_timeout_seconds);
        changed.principals = change.principals.unwrap_or_else(|| self.principals.clone());
        changed.check()?;
        *self = changed;
        Ok(())
    }
}
