//! Files that others write: in an S3 bucket, or in a folder.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _};
use tokio::task::spawn_blocking;

use crate::core::Core;
use crate::error::{AwsError, ErrorClass};
use crate::explain::{chain, who};
use crate::state::s3;
use crate::traits::Role;

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its path below where reading began.
    pub path: String,
    /// When it was written.
    pub modified: Timestamp,
}

/// Reads files.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Names of the folders directly in a folder. None when there is no such folder.
    async fn folders(&self, folder: &str) -> Result<Vec<String>, AwsError>;
    /// Files in a folder and below, in order of path. None when there is no such folder.
    async fn files(&self, folder: &str) -> Result<Vec<StoredFile>, AwsError>;
    /// The content of a file.
    async fn read(&self, path: &str) -> Result<Vec<u8>, AwsError>;
}

/// Opens what a URL names.
pub(crate) fn open(
    core: &Arc<Core>,
    role: Option<&Role>,
    url: &str,
    region: Option<&str>,
) -> Result<Arc<dyn Objects>, AwsError> {
    let wrong = |why: &str| AwsError::new(ErrorClass::Terminal, "InvalidUrl", format!("{url}: {why}"));
    if let Some(folder) = url.strip_prefix("file://").filter(|folder| folder.starts_with('/')) {
        return Ok(Arc::new(Folder(PathBuf::from(folder))));
    }
    let rest = url.strip_prefix("s3://").ok_or_else(|| wrong("it has to be s3://bucket/prefix or file:///folder"))?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = Path::parse(prefix.trim_matches('/')).map_err(|error| wrong(&error.to_string()))?;
    let session = core.session(role);
    let region = region.map_or_else(|| core.s3_region(), str::to_owned);
    let store = s3(core, &session, bucket, &region).map_err(|error| wrong(&chain(&error)))?;
    let who = who(role.map(|role| role.arn.as_str()));
    Ok(Arc::new(Bucket { store, prefix, place: format!("s3://{bucket}"), who }))
}

struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// For messages.
    place: String,
    /// Who reads it, for messages.
    who: String,
}

/// Whether S3 denied it. What a list was answered comes as text only.
fn is_denied(error: &Error, said: &str) -> bool {
    let listed = matches!(error, Error::Generic { .. }) && said.contains("403 Forbidden");
    listed || matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. })
}

impl Bucket {
    fn path(&self, below: &str) -> Path {
        self.prefix.parts().chain(Path::from(below).parts()).collect()
    }

    fn explain(&self, path: &Path, permission: &str, error: &Error) -> AwsError {
        let (place, who, why) = (&self.place, &self.who, chain(error));
        if is_denied(error, &why) {
            let message = format!(
                "{permission} on {place}/{path} is not allowed for {who}: grant s3:ListBucket on the bucket and s3:GetObject on what is in it: {why}"
            );
            return AwsError::new(ErrorClass::Denied, "AccessDenied", message);
        }
        AwsError::new(ErrorClass::Transient, "ReadFailed", format!("{place}/{path}: {why}"))
    }

    fn below(&self, path: &Path) -> String {
        path.prefix_match(&self.prefix)
            .into_iter()
            .flatten()
            .map(|part| part.as_ref().to_owned())
            .collect::<Vec<_>>()
            .join("/")
    }
}

#[async_trait]
impl Objects for Bucket {
    async fn folders(&self, folder: &str) -> Result<Vec<String>, AwsError> {
        let path = self.path(folder);
        let found = self.store.list_with_delimiter(Some(&path)).await;
        let found = found.map_err(|error| self.explain(&path, "s3:ListBucket", &error))?;
        Ok(found.common_prefixes.iter().filter_map(Path::filename).map(str::to_owned).collect())
    }

    async fn files(&self, folder: &str) -> Result<Vec<StoredFile>, AwsError> {
        let path = self.path(folder);
        let found: Vec<_> = self
            .store
            .list(Some(&path))
            .try_collect()
            .await
            .map_err(|error| self.explain(&path, "s3:ListBucket", &error))?;
        let file = |meta: object_store::ObjectMeta| {
            let modified = SystemTime::from(meta.last_modified);
            StoredFile { path: self.below(&meta.location), modified: Timestamp::try_from(modified).unwrap_or_default() }
        };
        let mut files: Vec<StoredFile> = found.into_iter().map(file).collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }

    async fn read(&self, path: &str) -> Result<Vec<u8>, AwsError> {
        let path = self.path(path);
        let failed = |error: Error| self.explain(&path, "s3:GetObject", &error);
        let found = self.store.get(&path).await.map_err(failed)?;
        Ok(found.bytes().await.map_err(failed)?.to_vec())
    }
}

/// A folder of the operator's own disk.
struct Folder(PathBuf);

impl Folder {
    async fn work<T: Send + 'static>(
        &self,
        below: &str,
        work: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
    ) -> Result<T, AwsError> {
        let path = self.0.join(below);
        let words = path.display().to_string();
        let failed = |error: io::Error| AwsError::new(ErrorClass::Transient, "ReadFailed", format!("{words}: {error}"));
        spawn_blocking(move || work(path)).await.map_err(|error| failed(io::Error::other(error)))?.map_err(failed)
    }
}

#[async_trait]
impl Objects for Folder {
    async fn folders(&self, folder: &str) -> Result<Vec<String>, AwsError> {
        self.work(folder, |path| {
            let entries = entries(&path)?.into_iter().filter(|entry| entry.path().is_dir());
            let mut names: Vec<String> =
                entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            Ok(names)
        })
        .await
    }

    async fn files(&self, folder: &str) -> Result<Vec<StoredFile>, AwsError> {
        let root = self.0.clone();
        self.work(folder, move |path| {
            let (mut files, mut folders) = (Vec::new(), vec![path]);
            while let Some(folder) = folders.pop() {
                for entry in entries(&folder)? {
                    let path = entry.path();
                    if path.is_dir() {
                        folders.push(path);
                        continue;
                    }
                    let modified = Timestamp::try_from(entry.metadata()?.modified()?).map_err(io::Error::other)?;
                    let below = path.strip_prefix(&root).map_err(io::Error::other)?;
                    files.push(StoredFile { path: below.to_string_lossy().into_owned(), modified });
                }
            }
            files.sort_by(|one, other| one.path.cmp(&other.path));
            Ok(files)
        })
        .await
    }

    async fn read(&self, path: &str) -> Result<Vec<u8>, AwsError> {
        self.work(path, std::fs::read).await
    }
}

/// What is in a folder; nothing, when it does not exist.
fn entries(folder: &std::path::Path) -> io::Result<Vec<std::fs::DirEntry>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use object_store::PutPayload;
    use object_store::memory::InMemory;

    use super::*;

    const FILES: [&str; 3] = ["AWSLogs/1/CloudTrail/eu/a.json", "AWSLogs/1/CloudTrail/us/b.json", "AWSLogs/2/c.json"];

    async fn shows_what_is_there(objects: &dyn Objects) {
        let paths = async |folder: &str| -> Vec<String> {
            objects.files(folder).await.unwrap().into_iter().map(|file| file.path).collect()
        };
        assert_eq!(objects.folders("AWSLogs").await.unwrap(), ["1", "2"]);
        assert_eq!(objects.folders("AWSLogs/1/CloudTrail").await.unwrap(), ["eu", "us"]);
        assert_eq!(objects.folders("AWSLogs/3").await.unwrap(), Vec::<String>::new());
        assert_eq!(paths("AWSLogs/1").await, FILES[..2]);
        assert_eq!(paths("AWSLogs/3").await, Vec::<String>::new());
        assert_eq!(objects.read(FILES[2]).await.unwrap(), b"x");
        assert!(objects.read("AWSLogs/none").await.unwrap_err().message.contains("AWSLogs/none"));
    }

    #[tokio::test]
    async fn a_folder_and_a_bucket_are_alike() {
        let folder = tempfile::tempdir().unwrap();
        let store = InMemory::new();
        for path in FILES {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, b"x").unwrap();
            store.put(&Path::from(format!("some/where/{path}")), PutPayload::from("x")).await.unwrap();
        }
        let bucket = Bucket {
            store: Arc::new(store),
            prefix: Path::from("some/where"),
            place: "s3://bucket".to_owned(),
            who: String::new(),
        };
        shows_what_is_there(&bucket).await;
        shows_what_is_there(&Folder(folder.path().to_owned())).await;
    }
}
