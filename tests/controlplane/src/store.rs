//! What a control plane stores, for others to begin with: half of the work of a start is to store what every cluster has.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};

use crate::ControlPlane;

/// The files of etcd, as [`ControlPlane::store`] found them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(Arc<Vec<(PathBuf, Vec<u8>)>>);

impl Store {
    /// Everything in etcd's folder, which nobody may write meanwhile.
    fn read(dir: &Path) -> Result<Self> {
        let mut files = Vec::new();
        let mut folders = vec![dir.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_none_or(|extension| extension != "tmp") {
                    let content = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
                    files.push((path.strip_prefix(dir)?.to_owned(), without_reserve(&path, content)));
                }
            }
        }
        Ok(Self(Arc::new(files)))
    }

    /// Writes them into a folder that is not there yet.
    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        ensure!(!dir.exists(), "{} is there already, and would be lost", dir.display());
        for (path, content) in self.0.iter() {
            let path = dir.join(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
            }
            fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }
}

/// etcd keeps its log in files of 64 MB that are zeros beyond the last record, and fills them up again when it opens them.
fn without_reserve(path: &Path, mut content: Vec<u8>) -> Vec<u8> {
    // A record may end with zeros.
    const MARGIN: usize = 4096;
    if path.extension().is_some_and(|extension| extension == "wal") {
        let used = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        content.truncate(used + MARGIN);
        content.shrink_to_fit();
    }
    content
}

impl ControlPlane {
    /// What is stored now; [`crate::Builder::store`] begins with it. etcd is killed for that and started again, and the
    /// API is ready when this returns. Fails when it does not come back, or a file cannot be read.
    pub async fn store(&self) -> Result<Store> {
        let store = {
            let mut servers = self.servers();
            servers.etcd.kill()?;
            let store = Store::read(&self.layout().etcd_data())?;
            servers.etcd = self.spawn("etcd", self.layout().etcd())?;
            store
        };
        self.wait_until_ready().await?;
        Ok(store)
    }
}
