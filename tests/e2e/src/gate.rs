//! A door to a server, which a test opens and shuts: what is behind it is away, does not answer, or is there.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The door. It is shut with this value.
#[derive(Debug)]
pub struct Gate {
    /// Where clients connect.
    pub address: SocketAddr,
    target: String,
    task: Option<JoinHandle<()>>,
}

impl Gate {
    /// A shut door to `target`, a host and a port: connections are refused.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn shut(target: &str) -> Result<Self> {
        // Whoever binds a free port next gets another one.
        let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let target = target.rsplit("://").next().unwrap_or(target).trim_end_matches('/').to_owned();
        Ok(Self { address, target, task: None })
    }

    /// Connections go through from now on.
    ///
    /// # Errors
    /// When somebody else took the port.
    pub async fn open(&mut self) -> Result<()> {
        let target = self.target.clone();
        self.serve(Some(target)).await
    }

    /// Connections are taken from now on, and nothing is ever answered.
    ///
    /// # Errors
    /// When somebody else took the port.
    pub async fn fall_silent(&mut self) -> Result<()> {
        self.serve(None).await
    }

    async fn serve(&mut self, target: Option<String>) -> Result<()> {
        if let Some(task) = self.task.take() {
            task.abort();
            // It ends by being aborted.
            let _ = task.await;
        }
        let listener = TcpListener::bind(self.address).await.with_context(|| self.address.to_string())?;
        self.task = Some(tokio::spawn(async move {
            let (mut through, mut held) = (JoinSet::new(), Vec::new());
            while let Ok((mut client, _)) = listener.accept().await {
                let Some(target) = target.clone() else {
                    held.push(client);
                    continue;
                };
                through.spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(&target).await {
                        // Either side may go away.
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        }));
        Ok(())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}
