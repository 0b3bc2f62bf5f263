//! Awaiting conditions.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long anything may take before a test gives up. Generous: two cores run everything.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How soon it is asked again, at first and in the end: each question costs the API server something, and many tests ask at once.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];

/// The same for a question that costs most of a second of a core, such as one by the AWS CLI.
const SELDOM: Duration = Duration::from_secs(2);

/// Asks until the answer is there.
///
/// # Errors
/// After [`PATIENCE`], with the last reason why not.
pub async fn eventually<T, F, Fut>(what: &str, ask: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    within(PATIENCE, what, ask).await
}

/// Asks until the answer is there, seldom: for questions that take a program's start.
///
/// # Errors
/// After [`PATIENCE`], with the last reason why not.
pub async fn eventually_by_cli<T, F, Fut>(what: &str, ask: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    asked(PATIENCE, [SELDOM; 2], what, ask).await
}

/// Asks until the answer is there, at most `patience` long.
///
/// # Errors
/// When it never was, with the last reason why not.
pub async fn within<T, F, Fut>(patience: Duration, what: &str, ask: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    asked(patience, PAUSES, what, ask).await
}

async fn asked<T, F, Fut>(patience: Duration, pauses: [Duration; 2], what: &str, mut ask: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let started = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) if started.elapsed() > patience => {
                bail!("gave up after {} s waiting for {what}: {error:#}", patience.as_secs())
            }
            Err(_) => tokio::time::sleep((started.elapsed() / 20).clamp(pauses[0], pauses[1])).await,
        }
    }
}
