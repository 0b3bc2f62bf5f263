//! The organization tree, and the tags of its accounts where a selector uses them.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use soc2_aws::{AwsError, Directory};
use soc2_posture::ids::AccountId;
use soc2_posture::organization::{AccountState, Organization};

use crate::clock::Clock;

/// How old tags may become.
const TAGS_LAST: SignedDuration = SignedDuration::from_hours(1);
/// Accounts whose tags are read at once.
const AT_ONCE: usize = 4;

type Tags = BTreeMap<String, String>;

/// Tags of accounts, and when they were all read.
#[derive(Clone, Debug, Default)]
pub(crate) struct TagBook {
    tags: BTreeMap<AccountId, Tags>,
    read_at: Option<Timestamp>,
}

impl TagBook {
    /// What an organization that was read before knows.
    pub(crate) fn from_organization(organization: &Organization) -> Self {
        let tags = organization.accounts.iter().filter_map(|(id, account)| Some((*id, account.tags.clone()?)));
        Self { tags: tags.collect(), read_at: Some(organization.read_at) }
    }
}

/// The organization tree, with tags if `tags` is given; they are read when they are old, and for new accounts.
pub(crate) async fn read(
    directory: Arc<dyn Directory>,
    clock: Arc<dyn Clock>,
    tags: Option<TagBook>,
) -> Result<(Organization, Option<TagBook>), AwsError> {
    let mut organization = directory.organization(clock.now()).await?;
    let Some(mut book) = tags else { return Ok((organization, None)) };
    let now = clock.now();
    let old = book.read_at.is_none_or(|read_at| now.duration_since(read_at) >= TAGS_LAST);
    let wanted: Vec<AccountId> = organization
        .accounts
        .iter()
        .filter(|(id, account)| account.state != AccountState::Closed && (old || !book.tags.contains_key(id)))
        .map(|(id, _)| *id)
        .collect();
    let read = stream::iter(wanted).map(|id| {
        let directory = Arc::clone(&directory);
        async move { directory.account_tags(id).await.map(|tags| (id, tags)) }
    });
    let read: Vec<(AccountId, Tags)> = read.buffer_unordered(AT_ONCE).try_collect().await?;
    book.tags.extend(read);
    book.tags.retain(|id, _| organization.accounts.contains_key(id));
    if old {
        book.read_at = Some(now);
    }
    for (id, account) in &mut organization.accounts {
        account.tags = book.tags.get(id).cloned();
    }
    Ok((organization, Some(book)))
}
