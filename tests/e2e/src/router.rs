//! One AWS endpoint for several organizations. AWS finds an organization by whose credentials sign a call; here the calls of each further
//! one's credentials go to a sandbox of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// The endpoint; it ends with this value.
#[derive(Debug)]
pub struct Organizations {
    /// For AWS clients.
    pub url: String,
    task: tokio::task::JoinHandle<()>,
}

/// An organization beside the first.
#[derive(Debug)]
pub struct Further {
    /// Endpoint of its sandbox.
    pub aws: String,
    /// Part of the ARNs of its roles: the number of an account, each.
    pub accounts: BTreeSet<String>,
}

#[derive(Debug)]
struct Routes {
    first: String,
    further: Vec<Further>,
    /// Access keys that the further ones gave out, and where each belongs.
    keys: Mutex<BTreeMap<String, usize>>,
    http: reqwest::Client,
}

impl Organizations {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(first: &str, further: Vec<Further>) -> Result<Self> {
        let routes =
            Arc::new(Routes { first: first.to_owned(), further, keys: Mutex::default(), http: reqwest::Client::new() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.context("listen")?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = Router::new().fallback(forward).with_state(routes);
        let task = tokio::spawn(async move {
            // It ends with the task only.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { url, task })
    }
}

impl Drop for Organizations {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(
    State(routes): State<Arc<Routes>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match routes.forward(method, &uri, headers, body).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}

impl Routes {
    async fn forward(&self, method: Method, uri: &Uri, mut headers: HeaderMap, body: Bytes) -> Result<Response> {
        let further = self.further(&headers, &body);
        let base = further.and_then(|at| self.further.get(at)).map_or(&self.first, |found| &found.aws);
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        let url = format!("{base}{uri}");
        let answer = self.http.request(method, url).headers(headers).body(body).send().await?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove(header::TRANSFER_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
        let body = answer.bytes().await?;
        if let Some(at) = further {
            self.learn(at, &String::from_utf8_lossy(&body));
        }
        Ok((status, headers, body).into_response())
    }

    fn further(&self, headers: &HeaderMap, body: &[u8]) -> Option<usize> {
        let signature = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, at)) = keys.iter().find(|(key, _)| signature.contains(*key)) {
            return Some(*at);
        }
        let body = String::from_utf8_lossy(body);
        let is_of = |found: &Further| found.accounts.iter().any(|account| body.contains(account));
        if body.contains("Action=AssumeRole") { self.further.iter().position(is_of) } else { None }
    }

    /// Keeps the access keys in an answer of STS.
    fn learn(&self, at: usize, answer: &str) {
        for part in answer.split("<AccessKeyId>").skip(1) {
            if let Some((key, _)) = part.split_once('<') {
                self.keys.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), at);
            }
        }
    }
}

/// The same text with every account's number beginning with other digits, and the numbers that are in it then: the world of another
/// organization.
#[must_use]
pub fn renumbered(text: &str, first: &str) -> (String, BTreeSet<String>) {
    let (mut out, mut numbers, mut digits) = (String::new(), BTreeSet::new(), String::new());
    for character in text.chars().chain(['\n']) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        if digits.len() == 12 {
            digits.replace_range(0..first.len(), first);
            numbers.insert(digits.clone());
        }
        out.push_str(&digits);
        digits.clear();
        out.push(character);
    }
    (out, numbers)
}
