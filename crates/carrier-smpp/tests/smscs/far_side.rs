//! A far side that is written octet by octet.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Takes one connection at a time.
pub(crate) struct FarSide {
    listener: TcpListener,
}

/// A connection to it.
pub(crate) struct Connection(TcpStream);

/// A PDU that came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) command: u32,
    pub(crate) status: u32,
    pub(crate) sequence: u32,
}

impl FarSide {
    pub(crate) async fn start() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Self { listener }, address)
    }

    /// The next connection, bound as a transceiver.
    pub(crate) async fn bound(&self) -> Connection {
        let mut connection = self.connected().await;
        let bind = connection.hears().await.unwrap();
        assert_eq!(bind.command, 9);
        connection.says(0x8000_0009, 0, bind.sequence, b"far\0").await;
        connection
    }

    pub(crate) async fn connected(&self) -> Connection {
        Connection(self.listener.accept().await.unwrap().0)
    }
}

impl Connection {
    /// The next PDU; `None` when the connection is closed.
    pub(crate) async fn hears(&mut self) -> Option<Heard> {
        let length = self.0.read_u32().await.ok()?;
        let mut rest = vec![0; usize::try_from(length).unwrap() - 4];
        self.0.read_exact(&mut rest).await.ok()?;
        let number = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap());
        Some(Heard {
            command: number(0),
            status: number(4),
            sequence: number(8),
        })
    }

    pub(crate) async fn says(&mut self, command: u32, status: u32, sequence: u32, body: &[u8]) {
        let length = u32::try_from(16 + body.len()).unwrap();
        let mut octets: Vec<u8> = [length, command, status, sequence]
            .into_iter()
            .flat_map(u32::to_be_bytes)
            .collect();
        octets.extend_from_slice(body);
        self.writes(&octets).await;
    }

    /// Writes whatever; one that does not listen any more is no fault of ours.
    pub(crate) async fn writes(&mut self, octets: &[u8]) {
        let _ = self.0.write_all(octets).await;
    }
}
