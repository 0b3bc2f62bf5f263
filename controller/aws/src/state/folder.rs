//! State in a folder.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::spawn_blocking;

use super::{Draft, Saved, StateStore, file_name};

/// A folder: one file per name.
#[derive(Clone, Debug)]
pub struct FolderStore {
    folder: PathBuf,
    /// A write cannot be cut off; the next one waits for it.
    writing: Arc<Mutex<()>>,
}

impl FolderStore {
    /// Keeps state in `folder`, which is made when something is saved.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), writing: Arc::default() }
    }
}

#[async_trait]
impl StateStore for FolderStore {
    async fn load(&self, name: &str) -> io::Result<Option<Box<dyn Saved>>> {
        let path = self.folder.join(file_name(name));
        match spawn_blocking(move || File::open(path)).await.map_err(io::Error::other)? {
            Ok(file) => Ok(Some(Box::new(BufReader::new(file)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn draft(&self, name: &str) -> io::Result<Box<dyn Draft>> {
        let turn = Arc::clone(&self.writing).lock_owned().await;
        let (folder, name) = (self.folder.clone(), file_name(name));
        let begin = move || {
            std::fs::create_dir_all(&folder)?;
            let (path, temporary) = (folder.join(&name), folder.join(format!("{name}.tmp")));
            let file = BufWriter::new(File::create(&temporary)?);
            Ok::<_, io::Error>(FileDraft { file, temporary, path, folder, _turn: turn })
        };
        Ok(Box::new(spawn_blocking(begin).await.map_err(io::Error::other)??))
    }
}

/// A file beside the old one.
struct FileDraft {
    file: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
    folder: PathBuf,
    _turn: OwnedMutexGuard<()>,
}

impl Write for FileDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[async_trait]
impl Draft for FileDraft {
    /// Makes it durable, and puts it in its place.
    async fn keep(self: Box<Self>) -> io::Result<()> {
        let replace = move || {
            let Self { file, temporary, path, folder, _turn } = *self;
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            std::fs::rename(&temporary, &path)?;
            // The new name is durable only when its folder is.
            File::open(folder)?.sync_all()
        };
        spawn_blocking(replace).await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    async fn load(store: &FolderStore) -> Option<String> {
        let mut text = String::new();
        store.load("acme").await.unwrap()?.read_to_string(&mut text).unwrap();
        Some(text)
    }

    async fn save(store: &FolderStore, name: &str, text: &str) {
        let mut draft = store.draft(name).await.unwrap();
        draft.write_all(text.as_bytes()).unwrap();
        draft.keep().await.unwrap();
    }

    #[tokio::test]
    async fn what_is_saved_is_loaded_and_names_stay_inside() {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::new(folder.path().join("state"));
        assert_eq!(load(&store).await, None);
        save(&store, "acme", "one").await;
        save(&store, "acme", "two").await;
        assert_eq!(load(&store).await.as_deref(), Some("two"));
        // What is not kept never was.
        store.draft("acme").await.unwrap().write_all(b"three").unwrap();
        assert_eq!(load(&store).await.as_deref(), Some("two"));
        save(&store, "../../evil", "x").await;
        let files: Vec<_> =
            std::fs::read_dir(folder.path().join("state")).unwrap().map(|f| f.unwrap().file_name()).collect();
        let kept = files.iter().filter(|name| !name.to_string_lossy().ends_with(".tmp")).count();
        assert_eq!(kept, 2, "{files:?}");
        assert!(!folder.path().join("evil").exists());
    }

    #[tokio::test]
    async fn a_left_over_temporary_file_does_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::new(folder.path());
        std::fs::write(folder.path().join("feed-acme.checkpoint.tmp"), b"half").unwrap();
        assert_eq!(load(&store).await, None);
        save(&store, "acme", "whole").await;
        assert_eq!(load(&store).await.as_deref(), Some("whole"));
    }
}
