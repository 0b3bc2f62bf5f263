//! Where state is kept between runs: a folder, or an object store.

mod folder;
mod object;

use std::io;

use async_trait::async_trait;

pub use folder::FolderStore;
pub(crate) use object::open;

/// Keeps named blobs.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// What was saved last under this name; `None` when nothing was.
    async fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Replaces what is saved under this name, as a whole or not at all.
    async fn save(&self, name: &str, bytes: Vec<u8>) -> io::Result<()>;
}

/// A name that stays where it belongs, whatever is asked for.
fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    format!("feed-{}.checkpoint", name.chars().map(safe).collect::<String>())
}
