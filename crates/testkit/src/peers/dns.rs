use anyhow::{Context, Result};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const IN: u16 = 1;

const NO_ERROR: u8 = 0;
const NO_SUCH_NAME: u8 = 3;

/// Names and what a server of names says about them.
#[derive(Clone, Debug)]
pub struct DnsTable {
    records: HashMap<String, Vec<Record>>,
    seconds: u32,
}

#[derive(Clone, Debug)]
enum Record {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    Service {
        priority: u16,
        weight: u16,
        port: u16,
        host: String,
    },
}

impl Default for DnsTable {
    fn default() -> Self {
        Self {
            records: HashMap::new(),
            seconds: 60,
        }
    }
}

impl DnsTable {
    /// A table without names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the answers may be kept; 60 s unless said.
    #[must_use]
    pub fn lasting(mut self, seconds: u32) -> Self {
        self.seconds = seconds;
        self
    }

    /// One more address of a host, of either family.
    #[must_use]
    pub fn host(self, name: &str, address: IpAddr) -> Self {
        self.with(
            name,
            match address {
                IpAddr::V4(address) => Record::V4(address),
                IpAddr::V6(address) => Record::V6(address),
            },
        )
    }

    /// One more target of a service such as `_sip._udp.example.test` (RFC 2782).
    #[must_use]
    pub fn service(self, name: &str, priority: u16, weight: u16, port: u16, host: &str) -> Self {
        let host = host.to_owned();
        self.with(
            name,
            Record::Service {
                priority,
                weight,
                port,
                host,
            },
        )
    }

    fn with(mut self, name: &str, record: Record) -> Self {
        self.records.entry(plain(name)).or_default().push(record);
        self
    }

    /// The whole answer to a query; none to what is no query.
    fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let question = Question::read(query)?;
        let of_name = self.records.get(&question.name);
        let fitting: Vec<Vec<u8>> = of_name
            .into_iter()
            .flatten()
            .filter_map(|record| record.data(question.kind))
            .collect();
        let code = if of_name.is_some() { NO_ERROR } else { NO_SUCH_NAME };
        let count = u16::try_from(fitting.len()).ok()?;

        let mut answer = query[..2].to_vec();
        // An authoritative answer that repeats whether recursion was wanted, and can do it.
        answer.extend([0x84 | (query[2] & 1), 0x80 | code]);
        answer.extend([0, 1]);
        answer.extend(count.to_be_bytes());
        answer.extend([0, 0, 0, 0]);
        answer.extend(&query[12..question.end]);
        for data in fitting {
            // The name is the one at the 12th byte, that of the question.
            answer.extend([0xc0, 12]);
            answer.extend(question.kind.to_be_bytes());
            answer.extend(IN.to_be_bytes());
            answer.extend(self.seconds.to_be_bytes());
            answer.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
            answer.extend(data);
        }
        Some(answer)
    }
}

impl Record {
    /// Its bytes, where it is of the kind that is asked for.
    fn data(&self, kind: u16) -> Option<Vec<u8>> {
        match (self, kind) {
            (Self::V4(address), A) => Some(address.octets().to_vec()),
            (Self::V6(address), AAAA) => Some(address.octets().to_vec()),
            (
                Self::Service {
                    priority,
                    weight,
                    port,
                    host,
                },
                SRV,
            ) => {
                let numbers = [priority, weight, port].map(|number| number.to_be_bytes());
                let mut data = numbers.concat();
                for label in plain(host).split('.').filter(|label| !label.is_empty()) {
                    data.push(u8::try_from(label.len()).ok()?);
                    data.extend(label.as_bytes());
                }
                data.push(0);
                Some(data)
            }
            _ => None,
        }
    }
}

struct Question {
    name: String,
    kind: u16,
    /// Where in the message it ends.
    end: usize,
}

impl Question {
    /// The single question of a query.
    fn read(message: &[u8]) -> Option<Self> {
        let header = message.get(..12)?;
        let (is_response, questions) = (header[2] & 0x80 != 0, [header[4], header[5]]);
        if is_response || questions != [0, 1] {
            return None;
        }
        let mut labels = Vec::new();
        let mut at = 12;
        loop {
            let length = usize::from(*message.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            let label = message.get(at..at + length)?;
            labels.push(String::from_utf8_lossy(label).into_owned());
            at += length;
        }
        let kind = message.get(at..at + 2)?;
        message.get(at + 2..at + 4)?;
        Some(Self {
            name: plain(&labels.join(".")),
            kind: u16::from_be_bytes([kind[0], kind[1]]),
            end: at + 4,
        })
    }
}

/// A name without the dot at its end, in small letters: they make no difference.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// A server of names on 127.0.0.1 over UDP, which knows one table and is asked by tests only.
///
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// use outdial_testkit::peers::{Dns, DnsTable};
///
/// let dns = Dns::start(
///     DnsTable::new()
///         .service("_sip._udp.trunk.test", 10, 0, 5080, "first.trunk.test")
///         .host("first.trunk.test", "127.0.0.1".parse()?),
/// )
/// .await?;
/// let server = dns.address();
/// // … ask `server` …
/// assert_eq!(dns.asked("_sip._udp.trunk.test"), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Dns {
    address: SocketAddr,
    table: Arc<Mutex<DnsTable>>,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Dns {
    /// Starts it on a port that the system gives.
    ///
    /// # Errors
    ///
    /// When there is no port.
    pub async fn start(table: DnsTable) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("bind a server of names")?;
        let address = socket.local_addr().context("see where it is bound")?;
        let table = Arc::new(Mutex::new(table));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(socket, Arc::clone(&table), Arc::clone(&asked)));
        Ok(Self {
            address,
            table,
            asked,
            task,
        })
    }

    /// Where it is asked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Knows another table from now on.
    pub fn change(&self, table: DnsTable) {
        *self.table.lock().unwrap_or_else(PoisonError::into_inner) = table;
    }

    /// How often a name was asked for so far, whatever the kind.
    #[must_use]
    pub fn asked(&self, name: &str) -> usize {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|one| **one == plain(name)).count()
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, table: Arc<Mutex<DnsTable>>, asked: Arc<Mutex<Vec<String>>>) {
    let mut buffer = [0; 2048];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let query = &buffer[..length];
        if let Some(question) = Question::read(query) {
            asked.lock().unwrap_or_else(PoisonError::into_inner).push(question.name);
        }
        let answer = table.lock().unwrap_or_else(PoisonError::into_inner).answer(query);
        if let Some(answer) = answer {
            // A lost answer is asked for again.
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut query = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            query.push(label.len() as u8);
            query.extend(label.as_bytes());
        }
        query.push(0);
        query.extend(kind.to_be_bytes());
        query.extend(IN.to_be_bytes());
        query
    }

    fn table() -> DnsTable {
        DnsTable::new()
            .lasting(5)
            .service("_sip._udp.Trunk.test", 10, 60, 5080, "a.trunk.test")
            .service("_sip._udp.trunk.test", 20, 0, 5090, "b.trunk.test.")
            .host("a.trunk.test", "127.0.0.2".parse().unwrap())
            .host("a.trunk.test", "::1".parse().unwrap())
    }

    #[test]
    fn every_record_of_the_kind_is_told() {
        let asked = query("_SIP._udp.trunk.test", SRV);
        let told = table().answer(&asked).unwrap();
        assert_eq!(told[..4], [0xab, 0xcd, 0x85, 0x80]);
        assert_eq!(told[4..12], [0, 1, 0, 2, 0, 0, 0, 0]);
        assert_eq!(told[12..asked.len()], asked[12..]);
        let first = &told[asked.len()..];
        assert_eq!(first[..12], [0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 5, 0, 20]);
        assert_eq!(first[12..18], [0, 10, 0, 60, 0x13, 0xd8]);
        assert_eq!(&first[18..32], b"\x01a\x05trunk\x04test\0");

        let told = table().answer(&query("a.trunk.test", AAAA)).unwrap();
        assert_eq!((told[7], told.last()), (1, Some(&1)));
        let told = table().answer(&query("a.trunk.test", A)).unwrap();
        assert_eq!(told[told.len() - 4..], [127, 0, 0, 2]);
    }

    #[test]
    fn a_name_without_records_is_not_a_name_that_is_none() {
        let told = table().answer(&query("a.trunk.test", SRV)).unwrap();
        assert_eq!((told[3], told[7]), (0x80, 0));
        let told = table().answer(&query("c.trunk.test", A)).unwrap();
        assert_eq!((told[3], told[7]), (0x83, 0));
    }

    #[test]
    fn what_is_no_query_is_not_answered() {
        let whole = query("a.trunk.test", A);
        for length in 0..whole.len() {
            assert_eq!(table().answer(&whole[..length]), None, "{length}");
        }
        let mut response = whole;
        response[2] |= 0x80;
        assert_eq!(table().answer(&response), None);
    }

    #[tokio::test]
    async fn it_is_asked_over_udp_and_can_change_its_mind() {
        let dns = Dns::start(table()).await.unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(dns.address()).await.unwrap();
        let mut buffer = [0; 512];
        for (rounds, code) in [(1, 0x80), (2, 0x83)] {
            socket.send(&query("a.trunk.test", A)).await.unwrap();
            let length = socket.recv(&mut buffer).await.unwrap();
            assert!(length > 12);
            assert_eq!((buffer[3], dns.asked("A.trunk.test")), (code, rounds));
            dns.change(DnsTable::new());
        }
    }
}
