//! State in an object store: S3, or what speaks its protocol.
//!
//! An object is replaced as a whole or not at all, and only if it still is what was last loaded or saved (by its `ETag`). So a
//! former leader that wakes up late cannot put its old state in the place of a newer one. Which of two processes came later
//! is told by when it first loaded, kept in the object's metadata.

use std::collections::HashMap;
use std::io::{self, Cursor, Write};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, ClientOptions, CredentialProvider, Error, GetOptions, GetResult, ObjectStore, PutMode,
    PutOptions, PutPayload, PutPayloadMut, UpdateVersion,
};
use tokio::sync::Mutex;

use super::{Draft, Saved, StateStore, file_name};
use crate::core::Core;
use crate::error::{AwsError, ErrorClass};
use crate::explain::chain;
use crate::session::Session;

/// How long one attempt may last: hundreds of megabytes, from a place that is not near.
const ATTEMPT: Duration = Duration::from_mins(5);
/// Size of the pieces in which an object is put together, in bytes.
const BLOCK: usize = 1 << 20;
/// Since when the process that wrote an object has been at work.
const SINCE: Attribute = Attribute::Metadata(std::borrow::Cow::Borrowed("soc2-writer-since"));

/// Opens the object store at a URL.
pub(crate) fn open(core: &Arc<Core>, url: &str) -> Result<Arc<dyn StateStore>, AwsError> {
    let (bucket, prefix) = parse(url)?;
    let session = core.session(None);
    let store = s3(core, &session, bucket, &core.s3_region()).map_err(|error| wrong(url, &chain(&error)))?;
    Ok(Arc::new(ObjectState::new(store, prefix, format!("s3://{bucket}"), Some(session))))
}

/// A bucket, as who holds these credentials.
pub(crate) fn s3(
    core: &Arc<Core>,
    session: &Arc<Session>,
    bucket: &str,
    region: &str,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    let mut options = ClientOptions::new().with_timeout(ATTEMPT).with_connect_timeout(core.settings.connect_timeout);
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_credentials(Arc::new(Own { core: Arc::clone(core), session: Arc::clone(session) }));
    if let Some(endpoint) = core.s3_endpoint() {
        options = options.with_allow_http(endpoint.starts_with("http://"));
        builder = builder.with_endpoint(endpoint);
    }
    Ok(Arc::new(builder.with_client_options(options).build()?))
}

/// Bucket and prefix of a URL.
fn parse(url: &str) -> Result<(&str, Path), AwsError> {
    let rest = url.strip_prefix("s3://").ok_or_else(|| wrong(url, "it has to begin with s3://"))?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(wrong(url, "it names no bucket"));
    }
    let prefix = Path::parse(prefix.trim_matches('/')).map_err(|error| wrong(url, &error.to_string()))?;
    Ok((bucket, prefix))
}

fn wrong(url: &str, why: &str) -> AwsError {
    let message = format!("{url} is no object store that state can be kept in: {why}; give s3://bucket/prefix");
    AwsError::new(ErrorClass::Terminal, "InvalidState", message)
}

/// Credentials as all of the operator's calls have them.
#[derive(Debug)]
struct Own {
    core: Arc<Core>,
    session: Arc<Session>,
}

#[async_trait]
impl CredentialProvider for Own {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Generic { store: "S3", source };
        self.core.ready(&self.session).await.map_err(|error| failed(Box::new(error)))?;
        let held = self.session.held().ok_or_else(|| failed("there are no credentials".into()))?;
        Ok(Arc::new(AwsCredential {
            key_id: held.access_key_id().to_owned(),
            secret_key: held.secret_access_key().to_owned(),
            token: held.session_token().map(str::to_owned),
        }))
    }
}

/// Objects below a prefix, one per name.
#[derive(Clone, Debug)]
struct ObjectState {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// The bucket, for messages.
    place: String,
    /// Whose credentials to renew when they have expired.
    session: Option<Arc<Session>>,
    known: Arc<Mutex<HashMap<String, Known>>>,
}

/// What this process knows of an object.
#[derive(Clone, Debug)]
struct Known {
    /// When it first loaded it.
    since: Timestamp,
    version: Version,
}

#[derive(Clone, Debug)]
enum Version {
    /// To be found out.
    Unknown,
    Absent,
    Is(UpdateVersion),
}

impl ObjectState {
    fn new(store: Arc<dyn ObjectStore>, prefix: Path, place: String, session: Option<Arc<Session>>) -> Self {
        Self { store, prefix, place, session, known: Arc::default() }
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(file_name(name))
    }

    /// The object, or only what is known about it.
    async fn get(&self, path: &Path, head: bool) -> io::Result<Option<GetResult>> {
        let get = || self.store.get_opts(path, GetOptions { head, ..GetOptions::default() });
        let result = match get().await {
            Err(error) if self.renew(&error) => get().await,
            result => result,
        };
        match result {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.explain(path, "s3:GetObject", &error)),
        }
    }

    /// What stands there now, unless a process wrote it that came after this one.
    async fn look(&self, path: &Path, since: Timestamp) -> io::Result<Version> {
        let Some(found) = self.get(path, true).await? else { return Ok(Version::Absent) };
        let writer = found.attributes.get(&SINCE).and_then(|since| since.as_ref().parse::<Timestamp>().ok());
        if writer.is_some_and(|writer| writer > since) {
            return Err(io::Error::other(format!(
                "{}/{path}: a process that came later writes it; this one leaves it alone",
                self.place
            )));
        }
        Ok(Version::Is(version_of(&found)))
    }

    async fn put(&self, path: &Path, known: &Known, bytes: PutPayload) -> object_store::Result<UpdateVersion> {
        let mode = match &known.version {
            Version::Is(version) => PutMode::Update(version.clone()),
            Version::Absent | Version::Unknown => PutMode::Create,
        };
        let attributes = Attributes::from_iter([(SINCE, known.since.to_string())]);
        let put = || {
            let options = PutOptions { mode: mode.clone(), attributes: attributes.clone(), ..PutOptions::default() };
            self.store.put_opts(path, bytes.clone(), options)
        };
        match put().await {
            Err(error) if self.renew(&error) => put().await,
            result => result,
        }
        .map(UpdateVersion::from)
    }

    /// Whether an error may be over with new credentials, which are then got.
    fn renew(&self, error: &Error) -> bool {
        let expired = ["ExpiredToken", "RequestExpired"].iter().any(|code| chain(error).contains(code));
        if expired && let Some(session) = &self.session {
            session.expire();
        }
        expired && self.session.is_some()
    }

    fn explain(&self, path: &Path, permission: &str, error: &Error) -> io::Error {
        let (place, why) = (&self.place, chain(error));
        let text = match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => format!(
                "{permission} on {place}/{path} is not allowed for the operator's own credentials: grant s3:GetObject and s3:PutObject \
                 there, and s3:ListBucket on the bucket, without which what is not there looks forbidden: {why}"
            ),
            Error::NotImplemented { .. } | Error::NotSupported { .. } => {
                format!("{place}/{path}: the store has to know conditional writes (If-Match): {why}")
            }
            _ => format!("{place}/{path}: {why}"),
        };
        io::Error::other(text)
    }
}

fn version_of(found: &GetResult) -> UpdateVersion {
    UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() }
}

#[async_trait]
impl StateStore for ObjectState {
    async fn load(&self, name: &str) -> io::Result<Option<Box<dyn Saved>>> {
        let (path, mut known) = (self.path(name), self.known.lock().await);
        let since = known.get(name).map_or_else(Timestamp::now, |known| known.since);
        known.insert(name.to_owned(), Known { since, version: Version::Unknown });
        let found = self.get(&path, false).await?;
        let (version, bytes) = match found {
            None => (Version::Absent, None),
            Some(found) => {
                let version = Version::Is(version_of(&found));
                let bytes = found.bytes().await.map_err(|error| self.explain(&path, "s3:GetObject", &error))?;
                (version, Some(Box::new(Cursor::new(bytes)) as Box<dyn Saved>))
            }
        };
        known.insert(name.to_owned(), Known { since, version });
        Ok(bytes)
    }

    async fn draft(&self, name: &str) -> io::Result<Box<dyn Draft>> {
        let bytes = PutPayloadMut::new().with_block_size(BLOCK);
        Ok(Box::new(ObjectDraft { state: self.clone(), name: name.to_owned(), bytes }))
    }
}

/// An object to be. It is in memory: an upload in parts cannot be made conditional.
struct ObjectDraft {
    state: ObjectState,
    name: String,
    bytes: PutPayloadMut,
}

impl Write for ObjectDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Draft for ObjectDraft {
    async fn keep(self: Box<Self>) -> io::Result<()> {
        let Self { state, name, bytes } = *self;
        state.replace(&name, bytes.freeze()).await
    }
}

impl ObjectState {
    async fn replace(&self, name: &str, bytes: PutPayload) -> io::Result<()> {
        let (path, mut all) = (self.path(name), self.known.lock().await);
        let mut known =
            all.remove(name).unwrap_or_else(|| Known { since: Timestamp::now(), version: Version::Unknown });
        // Until it is known how this ended, nothing is known of what stands there.
        all.insert(name.to_owned(), Known { version: Version::Unknown, ..known.clone() });
        if matches!(known.version, Version::Unknown) {
            known.version = self.look(&path, known.since).await?;
        }
        let result = match self.put(&path, &known, bytes.clone()).await {
            Err(Error::Precondition { .. } | Error::AlreadyExists { .. }) => {
                known.version = self.look(&path, known.since).await?;
                self.put(&path, &known, bytes).await
            }
            result => result,
        };
        known.version = Version::Is(result.map_err(|error| self.explain(&path, "s3:PutObject", &error))?);
        all.insert(name.to_owned(), known);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use object_store::memory::InMemory;

    use super::*;

    fn process(store: &Arc<InMemory>) -> ObjectState {
        let prefix = Path::parse("some/where").unwrap();
        ObjectState::new(Arc::clone(store) as Arc<dyn ObjectStore>, prefix, "s3://bucket".to_owned(), None)
    }

    async fn load(process: &ObjectState) -> Option<String> {
        let mut text = String::new();
        process.load("acme").await.unwrap()?.read_to_string(&mut text).unwrap();
        Some(text)
    }

    async fn save(process: &ObjectState, text: &str) -> Result<(), String> {
        save_as(process, "acme", text).await
    }

    async fn save_as(process: &ObjectState, name: &str, text: &str) -> Result<(), String> {
        let mut draft = process.draft(name).await.unwrap();
        draft.write_all(text.as_bytes()).unwrap();
        draft.keep().await.map_err(|error| error.to_string())
    }

    #[test]
    fn urls_name_a_bucket_and_a_prefix() {
        for (url, expected) in
            [("s3://bucket", ("bucket", "")), ("s3://bucket/", ("bucket", "")), ("s3://bucket/a/b/", ("bucket", "a/b"))]
        {
            let (bucket, prefix) = parse(url).unwrap();
            assert_eq!((bucket, prefix.as_ref()), expected);
        }
        for url in ["s3://", "s3:///x", "gs://bucket", "https://bucket.s3.amazonaws.com", "s3://bucket/a//b"] {
            let error = parse(url).unwrap_err().to_string();
            assert!(error.contains(url) && error.contains("give s3://bucket/prefix"), "{error}");
        }
    }

    #[tokio::test]
    async fn what_is_saved_is_loaded_and_names_stay_below_the_prefix() {
        let store = Arc::new(InMemory::new());
        let one = process(&store);
        assert_eq!(load(&one).await, None);
        save(&one, "first").await.unwrap();
        save(&one, "second").await.unwrap();
        assert_eq!(load(&one).await.as_deref(), Some("second"));
        assert_eq!(load(&process(&store)).await.as_deref(), Some("second"));
        save_as(&one, "../../evil", "x").await.unwrap();
        assert_eq!(one.path("../../evil").as_ref(), "some/where/feed-.._.._evil.checkpoint");
        // Without loading first, too.
        save(&process(&store), "third").await.unwrap();
        assert_eq!(load(&one).await.as_deref(), Some("third"));
    }

    #[tokio::test]
    async fn a_former_leader_cannot_replace_what_a_later_one_wrote() {
        let store = Arc::new(InMemory::new());
        let former = process(&store);
        load(&former).await;
        save(&former, "old").await.unwrap();
        let leader = process(&store);
        assert_eq!(load(&leader).await.as_deref(), Some("old"));
        // The former leader's last word arrives before the new one's first: what it says is older, and gives way.
        save(&former, "older").await.unwrap();
        save(&leader, "new").await.unwrap();
        for _ in 0..3 {
            let refused = save(&former, "oldest").await.unwrap_err();
            assert!(refused.contains("a process that came later writes it"), "{refused}");
        }
        assert_eq!(load(&process(&store)).await.as_deref(), Some("new"));
        save(&leader, "newer").await.unwrap();
    }
}
