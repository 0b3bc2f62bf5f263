//! Listings that come in pages.

use std::future::Future;

use crate::error::{AwsError, ErrorClass};

/// A page, and the token of the next.
pub(crate) type Page<T> = (Vec<T>, Option<String>);

/// Far above what AWS's quotas allow (50,000 accounts, 20 a page).
const MOST_PAGES: usize = 10_000;

/// A whole listing.
#[derive(Debug)]
pub(crate) struct Listing<T> {
    pub(crate) items: Vec<T>,
    /// Whether one page had it all. Then it is of one moment.
    pub(crate) one_page: bool,
}

/// Reads pages until one has no token; an empty page with a token goes on. A token that AWS no longer takes begins the listing again, once.
pub(crate) async fn all<T, F>(page: impl Fn(Option<String>) -> F) -> Result<Listing<T>, AwsError>
where
    F: Future<Output = Result<Page<T>, AwsError>>,
{
    match try_all(&page).await {
        Err((error, true)) if error.is("InvalidInput") || error.is("InvalidNextToken") => try_all(&page).await,
        result => result,
    }
    .map_err(|(error, _)| error)
}

/// The error says whether it came after the first page.
async fn try_all<T, F>(page: &impl Fn(Option<String>) -> F) -> Result<Listing<T>, (AwsError, bool)>
where
    F: Future<Output = Result<Page<T>, AwsError>>,
{
    let (mut items, next) = page(None).await.map_err(|error| (error, false))?;
    let (mut token, one_page) = (next.clone(), next.is_none());
    for _ in 0..MOST_PAGES {
        let Some(next) = token.filter(|token| !token.is_empty()) else { return Ok(Listing { items, one_page }) };
        let (more, after) = page(Some(next)).await.map_err(|error| (error, true))?;
        items.extend(more);
        token = after;
    }
    let message = format!("a listing does not end after {MOST_PAGES} pages");
    Err((AwsError::new(ErrorClass::Transient, "EndlessListing", message), true))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn empty_pages_go_on_and_an_old_token_begins_again_once() {
        let calls = AtomicUsize::new(0);
        let expired = || AwsError::new(ErrorClass::Terminal, "InvalidInputException", "token");
        let listing = all(|token| {
            let call = calls.fetch_add(1, Ordering::SeqCst);
            let answer = match (token.as_deref(), call) {
                (None, _) => Ok((vec![1], Some("a".to_owned()))),
                (Some("a"), 1) => Err(expired()),
                (Some("a"), _) => Ok((vec![], Some("b".to_owned()))),
                _ => Ok((vec![2], None)),
            };
            async { answer }
        })
        .await
        .expect("a listing");
        assert_eq!((listing.items, listing.one_page), (vec![1, 2], false));

        let error = all(|token: Option<String>| {
            let answer: Result<Page<u8>, _> =
                if token.is_none() { Ok((vec![], Some("a".to_owned()))) } else { Err(expired()) };
            async { answer }
        })
        .await
        .expect_err("expired twice");
        assert!(error.is("InvalidInput"));
    }
}
