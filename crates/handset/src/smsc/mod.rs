//! A simulated SMSC: takes texts over SMPP 3.4 and does with them what its script says.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use outdial_handset::{Reply, Smsc, SmscScript};
//!
//! let script = SmscScript::default().text("+6598765432", [Reply::throttled(), Reply::delivered()]);
//! let smsc = Smsc::start("127.0.0.1:0".parse()?, script, None).await?;
//! println!("bind to {}", smsc.address());
//! let taken = smsc.wait_for(1).await;
//! assert_eq!(taken[0].to, "+6598765432");
//! # Ok(())
//! # }
//! ```

mod center;
mod connection;
mod read;
mod script;
mod taken;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use script::{Fate, Receipt, ReceiptForm, Reply, SmscIds, SmscScript};
pub use taken::TakenText;

pub(crate) use read::{SmscTable, TextTable, smsc as read};

use center::Center;

/// A simulated SMSC. Dropped, it is gone with all of its connections.
#[derive(Debug)]
pub struct Smsc {
    address: SocketAddr,
    center: Arc<Center>,
    _stop: DropGuard,
}

/// Why a simulated SMSC could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SmscError {
    /// The address is not free, or not one of this machine.
    #[error("the simulated SMSC cannot listen on {address} (TCP): {source}; choose another address")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The log of texts cannot be written.
    #[error("the simulated SMSC cannot write to {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Smsc {
    /// Listens for binds. Every text is appended to `log`, one JSON object a line, before it is answered.
    /// Call it within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`SmscError`] when it cannot listen, or cannot write.
    pub async fn start(listen: SocketAddr, script: SmscScript, log: Option<PathBuf>) -> Result<Self, SmscError> {
        let listening = |source| SmscError::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        let center = Arc::new(Center::new(script, log)?);
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, Arc::clone(&center), stop.clone()));
        Ok(Self {
            address,
            center,
            _stop: stop.drop_guard(),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The texts that it took, in order: those that it refused are not among them.
    #[must_use]
    pub fn taken(&self) -> Vec<TakenText> {
        self.center.taken()
    }

    /// How many texts came, with those that it refused.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.center.asked()
    }

    /// How often it was asked what became of a text (`query_sm`).
    #[must_use]
    pub fn questions(&self) -> usize {
        self.center.questions()
    }

    /// Waits until it took so many texts.
    pub async fn wait_for(&self, count: usize) -> Vec<TakenText> {
        self.center.wait_for(|center| center.taken_count() >= count).await;
        self.taken()
    }

    /// Waits until so many receipts and texts were handed over and accepted.
    pub async fn wait_for_deliveries(&self, count: usize) {
        self.center.wait_for(|center| center.delivered() >= count).await;
    }

    /// Waits until so many binds are there.
    pub async fn wait_for_binds(&self, count: usize) {
        self.center.wait_for(|center| center.binds() == count).await;
    }

    /// Hands over a text of somebody's, as soon as a bind receives.
    pub fn send(&self, from: &str, to: &str, text: &str) {
        self.center.send(from, to, text);
    }

    /// Closes all connections without a word.
    pub fn hang_up(&self) {
        self.center.hang_up();
    }
}

async fn accept(listener: TcpListener, center: Arc<Center>, stop: CancellationToken) {
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        if let Ok((stream, _)) = stream {
            let connection = connection::serve(stream, Arc::clone(&center));
            let stop = stop.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = connection => {}
                    () = stop.cancelled() => {}
                }
            });
        }
    }
}
