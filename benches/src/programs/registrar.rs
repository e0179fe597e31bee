use std::{
    collections::HashSet,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{net::UdpSocket, task::JoinHandle};

/// Lets everybody register who asks, over UDP, and counts them.
#[derive(Debug)]
pub(crate) struct Registrar {
    port: u16,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    taken: AtomicUsize,
    names: Mutex<HashSet<String>>,
}

impl Registrar {
    /// Starts one that grants so much time.
    pub(crate) async fn start(granted: Duration) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("bind a socket")?;
        let port = socket.local_addr().context("ask for its port")?.port();
        let seen = Arc::new(Seen::default());
        let task = tokio::spawn(serve(socket, granted, Arc::clone(&seen)));
        Ok(Self { port, seen, task })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many requests it has granted.
    pub(crate) fn taken(&self) -> usize {
        self.seen.taken.load(Ordering::Relaxed)
    }

    /// How many names have registered.
    pub(crate) fn names(&self) -> usize {
        self.seen.names.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Registrar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, granted: Duration, seen: Arc<Seen>) {
    let mut buffer = vec![0; 8_192];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let text = String::from_utf8_lossy(&buffer[..length]);
        if !text.starts_with("REGISTER ") {
            continue;
        }
        let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
        for line in text.lines().skip(1) {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            match name {
                "Via" | "From" | "Call-ID" | "CSeq" => answer += &format!("{line}\r\n"),
                "To" => {
                    answer += &format!("{line};tag=registrar\r\n");
                    let mut names = seen.names.lock().unwrap_or_else(PoisonError::into_inner);
                    names.insert(value.trim().to_owned());
                }
                "Contact" => answer += &format!("{line};expires={}\r\n", granted.as_secs()),
                _ => {}
            }
        }
        answer += "Content-Length: 0\r\n\r\n";
        seen.taken.fetch_add(1, Ordering::Relaxed);
        // One that is lost is asked for again.
        let _ = socket.send_to(answer.as_bytes(), from).await;
    }
}
