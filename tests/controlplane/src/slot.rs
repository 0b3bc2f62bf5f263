//! Ports and a folder that nobody else uses.
//!
//! A free port that the kernel picks can be taken by somebody else before a server binds it, or while
//! kube-apiserver is down in a fault test. So ports are numbered slots below the range that the kernel
//! hands out, and a slot is owned by holding a file lock. The kernel releases the lock however the
//! owner ends; the next owner of the slot removes what was left in its folder. The lowest free slot is
//! taken, so that leftovers never exceed the number of control planes that ran at one time.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// Below 32768, where Linux begins to hand out ports.
const FIRST_PORT: u16 = 20_000;
const PORTS_PER_SLOT: u16 = 3;
const SLOTS: u16 = 4_000;

/// A slot, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    first_port: u16,
    dir: PathBuf,
    _lock: File,
}

impl Slot {
    /// Takes the lowest free slot under `cache`; its folder does not exist yet.
    pub(crate) fn take(cache: &Path) -> Result<Self> {
        let root = cache.join("run");
        fs::create_dir_all(&root).with_context(|| format!("create {}", root.display()))?;
        for slot in 0..SLOTS {
            let first_port = FIRST_PORT + slot * PORTS_PER_SLOT;
            let path = root.join(format!("{first_port}.lock"));
            let lock = File::create(&path).with_context(|| format!("create {}", path.display()))?;
            // A port that is taken belongs to an unrelated server, or to one whose owner died just now.
            if lock.try_lock().is_err() || !(first_port..first_port + PORTS_PER_SLOT).all(is_free) {
                continue;
            }
            let dir = root.join(first_port.to_string());
            if dir.exists() {
                fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
            }
            return Ok(Self { first_port, dir, _lock: lock });
        }
        bail!("none of {SLOTS} groups of ports from {FIRST_PORT} is free on 127.0.0.1")
    }

    /// The folder of this slot, for its owner to create; who owns the slot next removes what is left.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn apiserver_port(&self) -> u16 {
        self.first_port
    }

    pub(crate) fn etcd_client_port(&self) -> u16 {
        self.first_port + 1
    }

    pub(crate) fn etcd_peer_port(&self) -> u16 {
        self.first_port + 2
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_owners_never_share_and_a_freed_slot_is_cleaned() {
        let cache = tempfile::tempdir().unwrap();
        let first = Slot::take(cache.path()).unwrap();
        let second = Slot::take(cache.path()).unwrap();
        assert!(second.apiserver_port() >= first.apiserver_port() + PORTS_PER_SLOT);

        let left = first.dir().join("left-behind");
        fs::create_dir(first.dir()).unwrap();
        fs::write(&left, "").unwrap();
        let port = first.apiserver_port();
        drop(first);
        // Another program may take the port in between; then a later slot is used.
        let third = Slot::take(cache.path()).unwrap();
        if third.apiserver_port() == port {
            assert!(!left.exists());
        }
    }

    #[test]
    fn a_slot_with_a_port_in_use_is_passed_over() {
        let cache = tempfile::tempdir().unwrap();
        let first = Slot::take(cache.path()).unwrap();
        let port = first.etcd_client_port();
        drop(first);
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert_ne!(Slot::take(cache.path()).unwrap().etcd_client_port(), port);
    }
}
