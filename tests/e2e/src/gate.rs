//! A door to a server, which a test opens and shuts: what is behind it is away, does not answer, or is there.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Connections that wait to be taken.
const BACKLOG: u32 = 128;

/// The door. It is shut with this value.
#[derive(Debug)]
pub struct Gate {
    /// Where clients connect.
    pub address: SocketAddr,
    target: String,
    /// Bound and not listening: connections are refused, and nobody else gets the port meanwhile.
    shut: Option<TcpSocket>,
    /// To whom connections go; none: nothing is ever answered.
    behind: watch::Sender<Option<String>>,
    task: Option<JoinHandle<()>>,
}

impl Gate {
    /// A shut door to `target`, a host and a port: connections are refused.
    ///
    /// # Errors
    /// When there is no free port.
    pub fn shut(target: &str) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let target = target.rsplit("://").next().unwrap_or(target).trim_end_matches('/').to_owned();
        Ok(Self {
            address: socket.local_addr()?,
            target,
            shut: Some(socket),
            behind: watch::Sender::new(None),
            task: None,
        })
    }

    /// Connections go through from now on.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub fn open(&mut self) -> Result<()> {
        self.behind.send_replace(Some(self.target.clone()));
        self.listen()
    }

    /// Connections are taken from now on, and nothing is ever answered.
    ///
    /// # Errors
    /// When the port cannot be listened on.
    pub fn fall_silent(&mut self) -> Result<()> {
        self.behind.send_replace(None);
        self.listen()
    }

    fn listen(&mut self) -> Result<()> {
        let Some(socket) = self.shut.take() else { return Ok(()) };
        let listener = socket.listen(BACKLOG).with_context(|| self.address.to_string())?;
        self.task = Some(tokio::spawn(serve(listener, self.behind.subscribe())));
        Ok(())
    }
}

/// Takes connections, and ends those of before when it changes who is behind the door.
async fn serve(listener: TcpListener, mut behind: watch::Receiver<Option<String>>) {
    loop {
        let target = behind.borrow_and_update().clone();
        let (mut through, mut held) = (JoinSet::new(), Vec::new());
        loop {
            let client = tokio::select! {
                changed = behind.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                taken = listener.accept() => taken,
            };
            let Ok((client, _)) = client else { return };
            match target.clone() {
                Some(target) => {
                    through.spawn(pass(client, target));
                }
                None => held.push(client),
            }
        }
    }
}

/// Lets one connection through, until either side goes away.
async fn pass(mut client: TcpStream, target: String) {
    if let Ok(mut server) = TcpStream::connect(&target).await {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}
