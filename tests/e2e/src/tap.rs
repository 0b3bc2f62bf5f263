//! An endpoint in front of AWS that remembers what was sent and which secrets were given out, and spoils answers when it is told to.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spoil {
    /// It is passed on.
    #[default]
    Nothing,
    /// Its second half is missing, though HTTP says that it is whole.
    Half,
    /// In its place there is a page of some gateway, which shows the request with its headers.
    Page,
}

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Path and query, or the whole URL where we are the proxy.
    pub uri: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body, as text.
    pub body: String,
}

impl Sent {
    /// A header's value; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    /// The operation of STS that it asks for.
    #[must_use]
    pub fn sts_action(&self) -> Option<&str> {
        self.body.split('&').find_map(|part| part.strip_prefix("Action="))
    }
}

#[derive(Debug, Default)]
struct Heard {
    sent: Vec<Sent>,
    issued: BTreeSet<String>,
    spoil: Spoil,
    spoiled: usize,
}

#[derive(Debug)]
struct Wire {
    target: String,
    http: reqwest::Client,
    heard: Mutex<Heard>,
}

/// The endpoint; it ends with this value.
#[derive(Debug)]
pub struct Tap {
    /// For AWS clients, as an endpoint or as a proxy.
    pub url: String,
    wire: Arc<Wire>,
    task: tokio::task::JoinHandle<()>,
}

impl Tap {
    /// Starts it in front of an endpoint.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(target: &str) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let wire = Arc::new(Wire { target: target.to_owned(), http, heard: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.context("listen")?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = Router::new().fallback(forward).with_state(Arc::clone(&wire));
        let task = tokio::spawn(async move {
            // It ends with the task only.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { url, wire, task })
    }

    /// Spoils every answer from now on, or no more.
    pub fn spoil(&self, spoil: Spoil) {
        let mut heard = self.wire.heard();
        (heard.spoil, heard.spoiled) = (spoil, 0);
    }

    /// How many answers were spoiled since it was told to.
    #[must_use]
    pub fn spoiled(&self) -> usize {
        self.wire.heard().spoiled
    }

    /// Everything that was sent so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.wire.heard().sent.clone()
    }

    /// Secret keys and session tokens that AWS gave out so far.
    #[must_use]
    pub fn issued(&self) -> BTreeSet<String> {
        self.wire.heard().issued.clone()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(State(wire): State<Arc<Wire>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    match wire.forward(method, &uri, headers, body).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}

impl Wire {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forward(&self, method: Method, uri: &Uri, mut headers: HeaderMap, body: Bytes) -> Result<Response> {
        let sent = Sent {
            uri: uri.to_string(),
            headers: headers
                .iter()
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        self.heard().sent.push(sent.clone());
        for name in [header::HOST, header::CONTENT_LENGTH, header::PROXY_AUTHORIZATION] {
            headers.remove(name);
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", self.target);
        let answer = self.http.request(method, url).headers(headers).body(body).send().await?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove(header::TRANSFER_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
        let body = answer.bytes().await?;
        let mut heard = self.heard();
        heard.learn(&String::from_utf8_lossy(&body));
        heard.spoiled += usize::from(heard.spoil != Spoil::Nothing);
        Ok(match heard.spoil {
            Spoil::Nothing => (status, headers, body).into_response(),
            Spoil::Half => (status, headers, body.slice(..body.len() / 2)).into_response(),
            Spoil::Page => {
                let page = format!("<html><body><h1>Bad gateway</h1><pre>{sent:#?}</pre></body></html>");
                (StatusCode::BAD_GATEWAY, [(header::CONTENT_TYPE, "text/html")], page).into_response()
            }
        })
    }
}

impl Heard {
    /// Keeps the secrets in an answer of STS.
    fn learn(&mut self, answer: &str) {
        for tag in ["SecretAccessKey", "SessionToken"] {
            for part in answer.split(&format!("<{tag}>")).skip(1) {
                if let Some((secret, _)) = part.split_once('<') {
                    self.issued.insert(secret.to_owned());
                }
            }
        }
    }
}
