//! State in a folder.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{StateStore, file_name};

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
    async fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.folder.join(file_name(name));
        match tokio::fs::read(path).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn save(&self, name: &str, bytes: Vec<u8>) -> io::Result<()> {
        let (folder, name, writing) = (self.folder.clone(), file_name(name), Arc::clone(&self.writing));
        let write = move || {
            let _turn = writing.lock().unwrap_or_else(PoisonError::into_inner);
            replace(&folder, &name, &bytes)
        };
        tokio::task::spawn_blocking(write).await.map_err(io::Error::other)?
    }
}

/// Writes a file beside the old one, makes it durable, and puts it in its place.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;

    std::fs::create_dir_all(folder)?;
    let path = folder.join(name);
    let temporary = folder.join(format!("{name}.tmp"));
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&temporary, &path)?;
    // The new name is durable only when its folder is.
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_saved_is_loaded_and_names_stay_inside() {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::new(folder.path().join("state"));
        assert_eq!(store.load("acme").await.unwrap(), None);
        store.save("acme", b"one".to_vec()).await.unwrap();
        store.save("acme", b"two".to_vec()).await.unwrap();
        assert_eq!(store.load("acme").await.unwrap().as_deref(), Some(&b"two"[..]));
        store.save("../../evil", b"x".to_vec()).await.unwrap();
        let files: Vec<_> =
            std::fs::read_dir(folder.path().join("state")).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert_eq!(files.len(), 2, "{files:?}");
        assert!(!folder.path().join("evil").exists());
    }

    #[tokio::test]
    async fn a_left_over_temporary_file_does_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::new(folder.path());
        std::fs::write(folder.path().join("feed-acme.checkpoint.tmp"), b"half").unwrap();
        assert_eq!(store.load("acme").await.unwrap(), None);
        store.save("acme", b"whole".to_vec()).await.unwrap();
        assert_eq!(store.load("acme").await.unwrap().as_deref(), Some(&b"whole"[..]));
    }
}
