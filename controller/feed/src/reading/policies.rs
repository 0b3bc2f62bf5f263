//! The inventory of service control policies: complete, or an error. What seldom changes is read seldom.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _};
use soc2_aws::{AwsError, Directory, PolicySummary};
use soc2_guardrails::inventory::{Policy, PolicyInventory};

/// A policy with this tag is ours, or of another cluster.
const OWNER_TAG: &str = "soc2-operator.dev/owner-id";
/// Foreign policies whose content is read again at each reading.
const FOREIGN_PER_READING: usize = 3;
/// Policies that are read at once.
const AT_ONCE: usize = 4;
/// Readings in all when a policy goes away while it is read.
const TRIES: u32 = 3;

/// Reads the policies, and remembers what need not be read again.
#[derive(Debug, Default)]
pub(crate) struct PolicyReader {
    known: BTreeMap<String, Known>,
    /// The foreign policy that was read again last.
    turn: String,
}

/// What is remembered of a policy.
#[derive(Clone, Debug)]
struct Known {
    name: String,
    content: String,
    tags: BTreeMap<String, String>,
}

impl PolicyReader {
    /// Everything there is now.
    pub(crate) async fn read(&mut self, directory: &dyn Directory) -> Result<PolicyInventory, AwsError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.attempt(directory).await {
                // Deleted since it was listed: what is there now is another list.
                Err(error) if error.is("PolicyNotFound") && tries < TRIES => {}
                result => return result,
            }
        }
    }

    async fn attempt(&mut self, directory: &dyn Directory) -> Result<PolicyInventory, AwsError> {
        let listed = directory.policies().await?;
        let stale = self.stale(&listed);
        let known = &self.known;
        let read = stream::iter(listed).map(|summary| {
            let known =
                known.get(&summary.id).filter(|known| known.name == summary.name && !stale.contains(&summary.id));
            read_one(directory, summary, known)
        });
        let mut read = read.buffered(AT_ONCE);
        let mut policies = BTreeMap::new();
        let mut error = None;
        while let Some(result) = read.next().await {
            match result {
                Ok((id, policy)) => drop(policies.insert(id, policy)),
                Err(because) => {
                    error = Some(because);
                    break;
                }
            }
        }
        drop(read);
        // What was read need not be read again, even if the rest could not be.
        self.known.extend(policies.iter().map(|(id, policy)| (id.clone(), Known::of(policy))));
        if let Some(error) = error {
            return Err(error);
        }
        self.known.retain(|id, _| policies.contains_key(id));
        self.take_turn(&policies, &stale);
        Ok(PolicyInventory { policies })
    }

    /// Policies that are to be read again although they are known: our own, and a few foreign ones in turn.
    fn stale(&self, listed: &[PolicySummary]) -> BTreeSet<String> {
        let known = |summary: &&PolicySummary| !summary.aws_managed && self.known.contains_key(&summary.id);
        let owned = |summary: &&PolicySummary| {
            self.known.get(&summary.id).is_some_and(|known| known.tags.contains_key(OWNER_TAG))
        };
        let (own, mut foreign): (Vec<_>, Vec<_>) = listed.iter().filter(known).partition(owned);
        foreign.sort_by_key(|summary| (summary.id <= self.turn, &summary.id));
        own.into_iter().chain(foreign.into_iter().take(FOREIGN_PER_READING)).map(|summary| summary.id.clone()).collect()
    }

    /// Foreign policies take turns: what comes behind the last one, then from the front.
    fn take_turn(&mut self, policies: &BTreeMap<String, Policy>, stale: &BTreeSet<String>) {
        let foreign = |id: &&String| policies.get(*id).is_some_and(|policy| !policy.tags.contains_key(OWNER_TAG));
        if let Some(last) = stale.iter().filter(foreign).max_by_key(|id| (**id <= self.turn, *id)) {
            self.turn.clone_from(last);
        }
    }
}

impl Known {
    fn of(policy: &Policy) -> Self {
        Self { name: policy.name.clone(), content: policy.content.clone(), tags: policy.tags.clone() }
    }
}

/// A policy: its targets now, the rest as it is known or read again.
async fn read_one(
    directory: &dyn Directory,
    summary: PolicySummary,
    known: Option<&Known>,
) -> Result<(String, Policy), AwsError> {
    let targets = directory.policy_targets(&summary.id).await?;
    let (content, tags) = if let Some(known) = known {
        (known.content.clone(), known.tags.clone())
    } else {
        let content = directory.policy_content(&summary.id).await?;
        // AWS's own have none.
        let tags = if summary.aws_managed { BTreeMap::new() } else { directory.policy_tags(&summary.id).await? };
        (content, tags)
    };
    let policy = Policy { name: summary.name, aws_managed: summary.aws_managed, content, tags, targets };
    Ok((summary.id, policy))
}
