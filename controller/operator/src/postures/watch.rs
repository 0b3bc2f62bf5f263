//! Postures that somebody else deletes.

use std::collections::BTreeSet;
use std::pin::pin;

use futures::StreamExt;
use kube::api::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use soc2_crds::AccountPosture;

use super::PostureWriter;

impl PostureWriter {
    /// Forgets each posture that somebody deletes, so that the next comparison has it written again, and tells of it. Never ends.
    pub async fn watch(&self, client: Client, mut deleted: impl FnMut(&str)) {
        let api: Api<PartialObjectMeta<AccountPosture>> = Api::all(client);
        let mut events = pin!(watcher(api, watcher::Config::default().any_semantic()).default_backoff());
        let mut gone = |name: &str| {
            if self.forget(name) {
                deleted(name);
            }
        };
        // What was there when the list began, and what of it is still there: a deletion between two watches has no event.
        let (mut known, mut listed) = (BTreeSet::new(), BTreeSet::new());
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => (known, listed) = (self.names(), BTreeSet::new()),
                Ok(watcher::Event::InitApply(posture)) => drop(listed.insert(posture.name_any())),
                Ok(watcher::Event::InitDone) => {
                    let (known, listed) = (std::mem::take(&mut known), std::mem::take(&mut listed));
                    known.difference(&listed).for_each(|name| gone(name));
                }
                Ok(watcher::Event::Delete(posture)) => gone(&posture.name_any()),
                Ok(watcher::Event::Apply(_)) => {}
                Err(error) => tracing::debug!(%error, "watching AccountPostures"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use futures::stream;
    use serde_json::{Value, json};
    use tokio::sync::mpsc;

    use super::*;

    fn posture(name: &str) -> Value {
        let metadata = json!({"name": name, "resourceVersion": "1"});
        json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata})
    }

    fn list(names: &[&str]) -> Body {
        let items: Vec<Value> = names.iter().map(|name| posture(name)).collect();
        let kind = "PartialObjectMetadataList";
        let metadata = json!({"resourceVersion": "1"});
        let list = json!({"apiVersion": "meta.k8s.io/v1", "kind": kind, "metadata": metadata, "items": items});
        Body::from(list.to_string())
    }

    /// Events, and nothing more.
    fn events(events: &[(&str, Value)]) -> Body {
        let line = |(kind, object): &(&str, Value)| format!("{}\n", json!({"type": kind, "object": object}));
        let lines: Vec<Result<String, Infallible>> = events.iter().map(|event| Ok(line(event))).collect();
        Body::from_stream(stream::iter(lines).chain(stream::pending()))
    }

    /// An API server whose first watch is over at once; `a` is deleted before the next list, and others after that.
    fn answer(request: &Request, lists: &AtomicUsize) -> Body {
        let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        let list_before = if watches { lists.load(Ordering::SeqCst) } else { lists.fetch_add(1, Ordering::SeqCst) };
        match (watches, list_before) {
            (false, 0) => list(&["a", "b", "c"]),
            (false, _) => list(&["b", "c", "others"]),
            (true, 1) => {
                let gone =
                    json!({"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "old"});
                events(&[("ERROR", gone)])
            }
            (true, _) => events(&[("DELETED", posture("others")), ("DELETED", posture("c"))]),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_somebody_deletes_is_forgotten_also_between_two_watches() {
        let lists = Arc::new(AtomicUsize::new(0));
        let server = Router::new().fallback(move |request: Request| {
            let lists = Arc::clone(&lists);
            async move { answer(&request, &lists) }
        });
        let client = Client::new(server, "default");
        let writer = PostureWriter::new(client.clone(), 1);
        writer.state().known.extend(["a", "b", "c"].map(|name| (name.to_owned(), 1)));
        let (told, mut deleted) = mpsc::unbounded_channel();
        let watch = writer.watch(client, |name| told.send(name.to_owned()).unwrap());
        let first = async { [deleted.recv().await.unwrap(), deleted.recv().await.unwrap()] };
        tokio::select! {
            () = watch => panic!("the watch ended"),
            first = tokio::time::timeout(Duration::from_mins(1), first) => assert_eq!(first.unwrap(), ["a", "c"]),
        }
        assert_eq!(writer.names(), ["b".to_owned()].into());
    }
}
