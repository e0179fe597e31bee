use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

use crate::event::{EventKind, PhoneEvent};
use crate::heard::HeardCall;
use crate::journal::{Journal, Rings};
use crate::script::Script;
use crate::sip::switchboard::{Setup, Switchboard};
use crate::sound::{SoundError, Sounds};

/// How long a shutdown waits for the far sides to agree to the end of their calls.
const FAREWELL: Duration = Duration::from_secs(3);

/// Many phones on one UDP address. Dropped, they fall silent at once; [`shutdown`](Self::shutdown) lets them hang up.
pub struct HandsetSet {
    switchboard: Switchboard,
    address: SocketAddr,
    journal: Arc<Journal>,
}

/// Why phones could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is not free, or not one of this machine.
    #[error("the handsets cannot listen on {address} (UDP): {source}; {}", advice(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A sound of the script cannot be played.
    #[error(transparent)]
    Sound(#[from] SoundError),
    /// The recordings directory or the ring log cannot be written.
    #[error("the handsets cannot write to {}: {source}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The SIP library failed.
    #[error("the SIP library could not be started: {0}")]
    Sip(String),
}

fn advice(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "another program has this port; stop it or choose another port (0 takes any free one)"
        }
        std::io::ErrorKind::PermissionDenied => "choose a port of 1024 or above",
        std::io::ErrorKind::AddrNotAvailable => "choose an address of this machine, for example 127.0.0.1",
        _ => "choose another address",
    }
}

impl HandsetSet {
    /// Puts the phones of a script on an address. Port 0 takes a free one, which [`address`](Self::address) tells.
    ///
    /// What is heard is written into `recordings`, which is made if it is not there; without it nothing is recorded.
    /// Call it within a tokio runtime.
    pub async fn start(listen: SocketAddr, script: Script, recordings: Option<PathBuf>) -> Result<Self, StartError> {
        let sounds = Sounds::load(&script)?;
        if let Some(directory) = &recordings {
            std::fs::create_dir_all(directory).map_err(|source| write_error(directory, source))?;
        }
        let in_recordings = recordings.as_ref().map(|directory| directory.join("rings.jsonl"));
        let log = script.ring_log.clone().or(in_recordings);
        let listening = |source| StartError::Listen {
            address: listen,
            source,
        };
        let socket = UdpSocket::bind(listen).map_err(listening)?;
        let address = socket.local_addr().map_err(listening)?;
        let sink = UdpSocket::bind((address.ip(), 0)).map_err(listening)?;
        let journal = Journal::open(log.as_deref())
            .map_err(|source| write_error(log.as_deref().unwrap_or(Path::new("")), source))?;
        let journal = Arc::new(journal);
        let setup = Setup {
            script,
            sounds,
            recordings,
            journal: journal.clone(),
            socket,
            sink,
        };
        let switchboard = Switchboard::open(setup)
            .await
            .map_err(|error| StartError::Sip(error.to_string()))?;
        Ok(Self {
            switchboard,
            address,
            journal,
        })
    }

    /// Where the phones are.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The SIP URI that rings a number.
    pub fn uri(&self, number: &str) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        format!("sip:{number}@{address}")
    }

    /// How often a number was rung so far, and by which calls.
    pub fn rings(&self, number: &str) -> Rings {
        self.journal.rings(number)
    }

    /// How often all phones together were rung so far.
    pub fn all_rings(&self) -> u64 {
        self.journal.all_rings()
    }

    /// Everything that happened so far, oldest first; the latest hundred thousand of it.
    pub fn events(&self) -> Vec<PhoneEvent> {
        self.journal.events()
    }

    /// The calls of a number that are over, in the order in which they ended.
    pub fn calls(&self, number: &str) -> Vec<HeardCall> {
        self.journal.calls(number)
    }

    /// Waits until this has happened to a number, in the past or from now on.
    pub async fn wait_for(&self, number: &str, kind: EventKind) -> PhoneEvent {
        self.wait_until(|event| event.number == number && event.kind == kind)
            .await
    }

    /// Waits for an event that satisfies `wanted`. It is shown every event once, from the very first on, so that it may count them.
    pub async fn wait_until(&self, wanted: impl FnMut(&PhoneEvent) -> bool) -> PhoneEvent {
        self.journal.wait_until(wanted).await
    }

    /// Waits until a call of this number is over. Of several it is the one that ended first.
    pub async fn finished(&self, number: &str) -> HeardCall {
        self.nth_finished(number, 1).await
    }

    /// Waits until so many calls of this number are over, and returns the last of them.
    pub async fn nth_finished(&self, number: &str, ordinal: usize) -> HeardCall {
        self.journal.finished(number, ordinal).await
    }

    /// Every call that ends from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<HeardCall> {
        self.journal.subscribe()
    }

    /// Lets the phone of a number hang up the calls it has now; those it has not answered yet are refused (480).
    pub fn hang_up(&self, number: &str) {
        // Without calls there is nobody to tell.
        let _ = self.switchboard.exchange.hang_ups.send(number.to_owned());
    }

    /// Hangs up all calls, waits until they are over and their recordings are whole, and leaves the address.
    pub async fn shutdown(self) {
        let exchange = &self.switchboard.exchange;
        exchange.closing.cancel();
        exchange.calls.close();
        if tokio::time::timeout(FAREWELL, exchange.calls.wait()).await.is_err() {
            tracing::warn!(
                calls = exchange.calls.len(),
                "some far sides did not agree to the end of their calls"
            );
        }
        self.switchboard.close().await;
    }
}

impl std::fmt::Debug for HandsetSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandsetSet")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn write_error(path: &Path, source: std::io::Error) -> StartError {
    StartError::Write {
        path: path.to_owned(),
        source,
    }
}
