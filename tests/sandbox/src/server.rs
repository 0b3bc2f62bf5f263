//! The two HTTP servers: AWS, and the control port.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, State as Extract};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::call::{Answer, ApiError};
use crate::control;
use crate::protocol::{Reply, Request, Service};
use crate::signature::{self, SignatureError};
use crate::state::{Admitted, Plan, Shared, State, outcome};

/// The largest request that is read: a hundred findings of 240 KB fit.
const LARGEST_BODY: usize = 32 << 20;
/// How long a call that times out is held before its connection is cut, if the caller waits so long.
const HANG: Duration = Duration::from_hours(1);

/// A running sandbox; it stops when dropped.
#[derive(Debug)]
pub struct Sandbox {
    /// Where AWS is, such as `http://127.0.0.1:4566`.
    pub aws: String,
    /// Where the control port is.
    pub control: String,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Starts a sandbox on two addresses; port 0 picks a free one.
pub async fn start(state: State, aws: SocketAddr, control: SocketAddr) -> io::Result<Sandbox> {
    let shared = Arc::new(Shared::new(state));
    let aws = TcpListener::bind(aws).await?;
    let control = TcpListener::bind(control).await?;
    let urls = (format!("http://{}", aws.local_addr()?), format!("http://{}", control.local_addr()?));
    let aws_router = Router::new().fallback(aws_call).with_state(Arc::clone(&shared));
    let service = aws_router.into_make_service_with_connect_info::<Scissors>();
    let control_router = Router::new().fallback(control_call).with_state(shared);
    let tasks = vec![
        tokio::spawn(async move { report(axum::serve(Cuttable(aws), service).await) }),
        tokio::spawn(async move { report(axum::serve(control, control_router).await) }),
    ];
    Ok(Sandbox { aws: urls.0, control: urls.1, tasks })
}

fn report(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::error!(%error, "server stopped");
    }
}

async fn control_call(Extract(shared): Extract<Arc<Shared>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    let (status, answer) = control::answer(&mut shared.lock(), &parts.method, &parts.uri, &body);
    shared.changed.notify_waiters();
    let body = format!("{answer}\n");
    respond(Reply { status, content_type: "application/json", error_type: None, query_error: None, body }, "")
}

/// Answers one AWS call. It runs in a task of its own: a caller that goes away does not undo what it asked for.
async fn aws_call(
    Extract(shared): Extract<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else { return cut(&scissors) };
    let request_id = request_id();
    let guessed = Service::guessed(&parts.headers);
    // Dropped with this future, which is when the caller goes away.
    let (_here, gone) = oneshot::channel();
    let done = tokio::spawn(answer(shared, parts, body, request_id.clone(), gone)).await;
    match done {
        Ok(Some(reply)) => respond(reply, &request_id),
        Ok(None) => cut(&scissors),
        Err(error) => {
            tracing::error!(%error, "a handler failed");
            respond(guessed.write("", &Err(guessed.broken()), &request_id), &request_id)
        }
    }
}

/// The reply to one call; `None` when the connection is to be cut.
async fn answer(
    shared: Arc<Shared>,
    parts: Parts,
    body: Bytes,
    request_id: String,
    gone: oneshot::Receiver<()>,
) -> Option<Reply> {
    let (service, admitted) = match admit(&shared, &parts, &body) {
        Ok(admitted) => admitted,
        Err((service, error)) => return Some(service.write("", &Err(error), &request_id)),
    };
    let mut turn = Turn { shared: &shared, admitted, gone };
    let answer = turn.run().await?;
    Some(service.write(&turn.admitted.call.operation, &answer, &request_id))
}

/// Who calls what: signature, protocol, then all that the state decides. What cannot be read is not logged.
fn admit(shared: &Shared, parts: &Parts, body: &[u8]) -> Result<(Service, Admitted), (Service, ApiError)> {
    let guessed = Service::guessed(&parts.headers);
    let read = |service: Service| {
        service.read(&parts.method, &parts.uri, &parts.headers, body).map_err(|error| (service, error))
    };
    let path = parts.uri.path();
    let scope = match signature::scope(&parts.headers) {
        Ok(scope) => scope,
        Err(SignatureError::Missing) => {
            let needs_none = |request: &Request| request.known && request.operation == "AssumeRoleWithWebIdentity";
            return match read(guessed) {
                Ok(request) if needs_none(&request) => Ok((guessed, shared.lock().admit(guessed, None, request, path))),
                _ => Err((guessed, unsigned(guessed, &SignatureError::Missing))),
            };
        }
        Err(error) => return Err((guessed, unsigned(guessed, &error))),
    };
    let Some(service) = Service::signed(&scope.service) else {
        let error =
            SignatureError::Invalid(format!("Credential should be scoped to correct service: '{}'.", guessed.name()));
        return Err((guessed, unsigned(guessed, &error)));
    };
    let request = read(service)?;
    Ok((service, shared.lock().admit(service, Some(&scope), request, path)))
}

fn unsigned(service: Service, error: &SignatureError) -> ApiError {
    let message = error.to_string();
    match error {
        SignatureError::Missing => {
            service.refusal("MissingAuthenticationTokenException", "MissingAuthenticationToken", message)
        }
        SignatureError::Incomplete(_) => {
            ApiError { status: 400, ..service.refusal("IncompleteSignatureException", "IncompleteSignature", message) }
        }
        SignatureError::Invalid(_) => service.refusal("InvalidSignatureException", "SignatureDoesNotMatch", message),
    }
}

/// A call on its way; the gate for writes opens again however it ends.
struct Turn<'a> {
    shared: &'a Shared,
    admitted: Admitted,
    /// Ends when the caller goes away.
    gone: oneshot::Receiver<()>,
}

impl Turn<'_> {
    /// Half of the time passes before the call is done, half after. `None`: cut the connection.
    async fn run(&mut self) -> Option<Answer> {
        let half = self.admitted.takes / 2;
        tokio::time::sleep(half).await;
        let answer = match self.admitted.plan.clone() {
            Plan::Refuse(error) => Err(error),
            Plan::Do | Plan::DoAndCut => self.perform().await,
            Plan::Cut => return self.end("cut"),
            Plan::Hang => {
                self.end("timeout");
                tokio::time::sleep(HANG).await;
                return None;
            }
        };
        tokio::time::sleep(half).await;
        self.end(outcome(&answer));
        (self.admitted.plan != Plan::DoAndCut).then_some(answer)
    }

    /// Does the call. One that may wait for an answer is done again when there may be one, until its patience ends or
    /// nobody listens any more.
    async fn perform(&mut self) -> Answer {
        let patience = State::patience(&self.admitted);
        let deadline = Instant::now() + patience;
        loop {
            let changed = self.shared.changed.notified();
            let (answer, visible) = {
                let mut state = self.shared.lock();
                (state.perform(&mut self.admitted), state.until_visible())
            };
            let nothing = answer.as_ref().is_ok_and(|answer| answer.as_object().is_some_and(serde_json::Map::is_empty));
            if patience.is_zero() || !nothing {
                self.shared.changed.notify_waiters();
                return answer;
            }
            let wake = visible.map_or(deadline, |visible| deadline.min(Instant::now() + visible));
            tokio::select! {
                () = changed => {}
                () = sleep_until(wake) => {}
                _ = &mut self.gone => return answer,
            }
            if Instant::now() >= deadline {
                return answer;
            }
        }
    }

    fn end(&self, outcome: &str) -> Option<Answer> {
        self.shared.lock().log(&self.admitted, outcome);
        None
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.shared.lock().release(&self.admitted);
    }
}

fn respond(reply: Reply, request_id: &str) -> Response {
    let mut response = Response::builder()
        .status(reply.status)
        .header("content-type", reply.content_type)
        .header("x-amzn-requestid", request_id);
    if let Some(kind) = &reply.error_type {
        response = response.header("x-amzn-errortype", kind);
    }
    if let Some(code) = &reply.query_error {
        response = response.header("x-amzn-query-error", code);
    }
    response.body(Body::from(reply.body)).unwrap_or_default()
}

/// Something like a UUID.
pub(crate) fn request_id() -> String {
    let id = format!("{:032x}", rand::random::<u128>());
    [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-")
}

/// Cuts a connection: whatever is still written to it fails, and it is closed.
#[derive(Debug, Clone, Default)]
struct Scissors(Arc<AtomicBool>);

fn cut(scissors: &Scissors) -> Response {
    scissors.0.store(true, Ordering::Relaxed);
    Response::default()
}

impl Connected<IncomingStream<'_, Cuttable>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, Cuttable>) -> Self {
        stream.io().scissors.clone()
    }
}

struct Cuttable(TcpListener);

impl Listener for Cuttable {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        let _ = stream.set_nodelay(true);
        (CuttableStream { stream, scissors: Scissors::default() }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

struct CuttableStream {
    stream: TcpStream,
    scissors: Scissors,
}

impl CuttableStream {
    fn check(&self) -> io::Result<()> {
        if self.scissors.0.load(Ordering::Relaxed) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
