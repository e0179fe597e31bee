//! A server of HTTP that says what it is told to, byte by byte, and keeps what it was asked.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What it was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// As `POST /path HTTP/1.1`.
    pub line: String,
    /// The headers, in small letters.
    pub head: String,
    /// The body, as text.
    pub body: String,
}

/// What it does then.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Answers with this status and body.
    Say(u16, String),
    /// The same with another header.
    With(u16, &'static str, String),
    /// Says these bytes.
    Raw(&'static str),
    /// Closes the connection.
    Close,
    /// Says nothing, and keeps the connection.
    Nothing,
}

/// A good answer.
pub fn ok(body: impl Into<String>) -> Reply {
    Reply::Say(200, body.into())
}

/// What it answers: it is given the request, and how many with this method and path came before it.
type Script = Arc<dyn Fn(&Asked, usize) -> Reply + Send + Sync>;

/// The server. It runs until the test ends.
pub struct Fake {
    /// Where it listens.
    pub address: SocketAddr,
    asked: watch::Receiver<Vec<Asked>>,
}

impl Fake {
    /// Starts it with this script, which is given each request, and how many of its method and path came before.
    ///
    /// # Panics
    ///
    /// When no port of this machine is free.
    pub async fn start(script: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has one");
        let (keep, asked) = watch::channel(Vec::new());
        let (script, keep): (Script, _) = (Arc::new(script), Arc::new(keep));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&keep)));
            }
        });
        Self { address, asked }
    }

    /// Its address as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Those requests whose first line begins so.
    #[must_use]
    pub fn asked(&self, line: &str) -> Vec<Asked> {
        let all = self.asked.borrow();
        all.iter()
            .filter(|asked| asked.line.starts_with(line))
            .cloned()
            .collect()
    }

    /// Waits until so many of them came.
    ///
    /// # Panics
    ///
    /// When they do not come within 20 s.
    pub async fn wait_for(&self, line: &str, count: usize) -> Vec<Asked> {
        let mut asked = self.asked.clone();
        let enough = |all: &Vec<Asked>| all.iter().filter(|asked| asked.line.starts_with(line)).count() >= count;
        tokio::time::timeout(Duration::from_secs(20), asked.wait_for(enough))
            .await
            .unwrap_or_else(|_| panic!("{line} came {} times", self.asked(line).len()))
            .expect("the server lives as long");
        self.asked(line)
    }
}

async fn serve(mut stream: TcpStream, script: Script, keep: Arc<watch::Sender<Vec<Asked>>>) {
    let Some(asked) = read(&mut stream).await else { return };
    let same = |line: &str| line.split(['?', ' ']).take(2).map(str::to_owned).collect::<Vec<_>>();
    let mut before = 0;
    keep.send_modify(|all| {
        before = all
            .iter()
            .filter(|other| same(&other.line) == same(&asked.line))
            .count();
        all.push(asked.clone());
    });
    let answer = match script(&asked, before) {
        Reply::Say(status, body) => answer(status, "", &body),
        Reply::With(status, header, body) => answer(status, &format!("{header}\r\n"), &body),
        Reply::Raw(bytes) => bytes.to_owned(),
        Reply::Close => return,
        Reply::Nothing => return std::future::pending().await,
    };
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn answer(status: u16, header: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n{header}\r\n{body}",
        body.len()
    )
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let (line, head) = head.split_once("\r\n").unwrap_or((head, ""));
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap_or(usize::MAX)) {
                return Some(Asked {
                    line: line.to_owned(),
                    head,
                    body: body.to_owned(),
                });
            }
        }
        let mut some = [0; 4096];
        match stream.read(&mut some).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&some[..count]),
        }
    }
}
