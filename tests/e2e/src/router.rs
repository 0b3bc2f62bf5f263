//! One AWS endpoint for two organizations. AWS finds an organization by whose credentials sign a call; here the calls of the second
//! one's credentials go to a sandbox of its own.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// The endpoint; it ends with this value.
#[derive(Debug)]
pub struct TwoOrganizations {
    /// For AWS clients.
    pub url: String,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Routes {
    first: String,
    second: String,
    /// Part of the ARNs of the second organization's roles: the number of an account, each.
    accounts: BTreeSet<String>,
    /// Access keys that the second one gave out.
    keys: Mutex<BTreeSet<String>>,
    http: reqwest::Client,
}

impl TwoOrganizations {
    /// Starts it. `accounts` are those of the second organization.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(first: &str, second: &str, accounts: BTreeSet<String>) -> Result<Self> {
        let routes = Arc::new(Routes {
            first: first.to_owned(),
            second: second.to_owned(),
            accounts,
            keys: Mutex::default(),
            http: reqwest::Client::new(),
        });
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

impl Drop for TwoOrganizations {
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
        let second = self.is_second(&headers, &body);
        let base = if second { &self.second } else { &self.first };
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        let url = format!("{base}{uri}");
        let answer = self.http.request(method, url).headers(headers).body(body).send().await?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove(header::TRANSFER_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
        let body = answer.bytes().await?;
        if second {
            self.learn(&String::from_utf8_lossy(&body));
        }
        Ok((status, headers, body).into_response())
    }

    fn is_second(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let signature = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let known = self.keys.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|key| signature.contains(key));
        let body = String::from_utf8_lossy(body);
        known || (body.contains("Action=AssumeRole") && self.accounts.iter().any(|account| body.contains(account)))
    }

    /// Keeps the access keys in an answer of STS.
    fn learn(&self, answer: &str) {
        for part in answer.split("<AccessKeyId>").skip(1) {
            if let Some((key, _)) = part.split_once('<') {
                self.keys.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned());
            }
        }
    }
}
