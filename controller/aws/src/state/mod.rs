//! Where state is kept between runs: a folder, or an object store.

mod folder;
mod object;

use std::io::{self, Read, Seek, Write};

use async_trait::async_trait;

pub use folder::FolderStore;
pub(crate) use object::{open, s3};

/// Keeps named blobs, which may be as large as all findings together: they are written and read piece by piece.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// What was saved last under this name; `None` when nothing was.
    async fn load(&self, name: &str) -> io::Result<Option<Box<dyn Saved>>>;
    /// Begins to save something under this name.
    async fn draft(&self, name: &str) -> io::Result<Box<dyn Draft>>;
}

/// What was saved.
pub trait Saved: Read + Seek + Send {}

impl<T: Read + Seek + Send> Saved for T {}

/// Something that is being saved. Dropped before it is kept, it never was.
#[async_trait]
pub trait Draft: Write + Send {
    /// Puts it in the place of what is saved, as a whole or not at all.
    async fn keep(self: Box<Self>) -> io::Result<()>;
}

/// A name that stays where it belongs, whatever is asked for.
fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    format!("feed-{}.checkpoint", name.chars().map(safe).collect::<String>())
}
