//! What is waited for at the start, and what cannot be had for a while: `/readyz` says it all the time, the log once.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::http::Readiness;

/// How often what is missing is looked for.
const AGAIN: Duration = Duration::from_secs(2);
/// The same trouble is said again after this long.
const REMIND: Duration = Duration::from_hours(1);
/// Most troubles that are remembered.
const REMEMBERED: usize = 100;

/// Tries until it succeeds. An attempt may take as long as `patience`, and fails with what is missing.
pub async fn until_there<T, F>(
    readiness: &Readiness,
    what: &'static str,
    patience: Duration,
    mut attempt: impl FnMut() -> F,
) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let mut said: Option<String> = None;
    loop {
        let silent = || Err(format!("the Kubernetes API does not answer within {} s", patience.as_secs()));
        match tokio::time::timeout(patience, attempt()).await.unwrap_or_else(|_| silent()) {
            Ok(found) => {
                readiness.there(what);
                if said.is_some() {
                    tracing::info!(what, "it is there now");
                }
                return found;
            }
            Err(missing) => {
                let missing = without_passwords(&missing);
                readiness.missing(what, missing.clone());
                if said.as_ref() != Some(&missing) {
                    tracing::warn!(what, missing, "waiting; it is tried again");
                    said = Some(missing);
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Troubles that come again and again, each said once, and once more every hour.
#[derive(Debug, Default)]
pub struct Troubles {
    said: Mutex<BTreeMap<String, Instant>>,
    /// The newest of each kind that is watched.
    of_kinds: Mutex<BTreeMap<&'static str, String>>,
}

impl Troubles {
    /// Whether this trouble has to be said now.
    pub fn is_news(&self, trouble: &str) -> bool {
        let Ok(mut said) = self.said.lock() else { return true };
        let now = Instant::now();
        if said.get(trouble).is_some_and(|at| now.duration_since(*at) < REMIND) {
            return false;
        }
        if said.len() >= REMEMBERED {
            said.clear();
        }
        said.insert(trouble.to_owned(), now);
        true
    }

    /// Says that a kind cannot be watched. All kinds fail alike when the API server is away: that is one line.
    pub fn watch_failed(&self, kind: &'static str, error: &(dyn Error + 'static)) {
        let trouble = without_passwords(&chain(error));
        // What every watch is told that was away for long; it lists anew.
        if trouble.contains("too old resource version") {
            tracing::debug!(kind, trouble, "listed anew");
            return;
        }
        if let Ok(mut of_kinds) = self.of_kinds.lock() {
            of_kinds.insert(kind, trouble.clone());
        }
        if self.is_news(&trouble) {
            tracing::warn!(kind, error = trouble, "a kind cannot be watched; it is tried again");
        }
    }

    /// Why these kinds are not read yet.
    pub fn why(&self, kinds: &[&'static str]) -> String {
        let known = self.of_kinds.lock().map(|known| known.clone()).unwrap_or_default();
        let (mut waiting, mut troubled) = (Vec::new(), Vec::new());
        for kind in kinds {
            match known.get(kind) {
                Some(trouble) => troubled.push(format!("{kind} cannot be watched: {trouble}")),
                None => waiting.push(*kind),
            }
        }
        if !waiting.is_empty() {
            troubled.push(format!("not read yet: {}", waiting.join(", ")));
        }
        troubled.join("; ")
    }
}

/// What kind of trouble it is, whichever object it is about.
pub fn class_of(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.reason.clone(),
        other => chain(other),
    }
}

/// What an error and its sources say, outermost first, each thing once.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !said.iter().any(|earlier| earlier.contains(&text)) {
            said.push(text);
        }
        next = error.source();
    }
    said.join(": ")
}

/// The text without what stands before the `@` of a URL: a proxy's name and password are no one's business.
fn without_passwords(text: &str) -> String {
    let mut parts = text.split("://");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str("://");
        let end = part.find(['/', ' ', '"', '?']).unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        clean.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        clean.push_str(rest);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (text, clean) in [
            ("proxy \"http://u:p@w.example:3128/\" is odd", "proxy \"http://w.example:3128/\" is odd"),
            ("http://u:a@b@host", "http://host"),
            ("https://host/a@b", "https://host/a@b"),
            ("a@b: no URL", "a@b: no URL"),
            ("one http://h1, two https://u@h2.", "one http://h1, two https://h2."),
        ] {
            assert_eq!(without_passwords(text), clean);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_trouble_is_news_once_an_hour() {
        let troubles = Troubles::default();
        assert!(troubles.is_news("refused") && !troubles.is_news("refused") && troubles.is_news("forbidden"));
        tokio::time::advance(REMIND).await;
        assert!(troubles.is_news("refused"));
        for number in 0..10 * REMEMBERED {
            troubles.is_news(&number.to_string());
        }
        assert!(troubles.said.lock().unwrap().len() <= REMEMBERED);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_missing_is_named_until_it_is_there() {
        let readiness = Readiness::default();
        let (mut attempts, seen) = (0, Mutex::new(Vec::new()));
        let found = until_there(&readiness, "crds", Duration::from_secs(10), || {
            attempts += 1;
            seen.lock().unwrap().extend(readiness.report().missing.into_iter().map(|missing| missing.message));
            async move {
                if attempts == 2 {
                    tokio::time::sleep(Duration::from_hours(1)).await;
                }
                if attempts < 3 { Err("no CRD".to_owned()) } else { Ok(attempts) }
            }
        });
        assert_eq!(found.await, 3);
        assert_eq!(*seen.lock().unwrap(), ["no CRD", "the Kubernetes API does not answer within 10 s"]);
        assert!(readiness.report().ready);
    }

    #[test]
    fn kinds_that_are_not_read_are_named_with_why() {
        let troubles = Troubles::default();
        troubles.watch_failed("ScpBaseline", &std::io::Error::other("forbidden"));
        assert_eq!(
            troubles.why(&["AwsOrganization", "ScpBaseline"]),
            "ScpBaseline cannot be watched: forbidden; not read yet: AwsOrganization"
        );
    }
}
