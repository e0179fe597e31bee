//! The torture messages of RFC 4475, sent by a stranger while a call is in progress: each gets what
//! `interop/torture/expectations.txt` says, and the call goes on.

mod rig;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use outdial_domain::Outcome;
use outdial_testkit::peers::interop_dir;
use tokio::net::UdpSocket;

use crate::rig::{
    far::{Far, sdp},
    rig,
};

/// An answer that comes at all comes sooner: nothing is waited for on loopback.
const GRACE: Duration = Duration::from_millis(50);

/// Longer than a loaded machine takes to answer a good request.
const PATIENCE: Duration = Duration::from_secs(10);

struct Case {
    name: String,
    bytes: Vec<u8>,
    shall_be: String,
    /// What comes of it today, where that is something else.
    is_today: Option<String>,
}

fn folder() -> PathBuf {
    interop_dir().join("torture")
}

fn cases() -> Vec<Case> {
    let table = std::fs::read_to_string(folder().join("expectations.txt")).expect("there is a table");
    let rows = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|row| {
        let mut columns = row.split('|').map(|column| column.trim().to_owned());
        let mut column = || columns.next().unwrap_or_else(|| panic!("a column is missing: {row}"));
        let (name, _section, shall_be, is_today) = (column(), column(), column(), column());
        Case {
            bytes: std::fs::read(folder().join(format!("{name}.dat")))
                .unwrap_or_else(|error| panic!("{name}: {error}")),
            name,
            shall_be,
            is_today: (!is_today.is_empty()).then_some(is_today),
        }
    })
    .collect()
}

/// Somebody at the port where answers go when a message names none, on a loopback address that no
/// other test has.
struct Stranger {
    socket: UdpSocket,
    us: SocketAddr,
}

impl Stranger {
    async fn of(us: SocketAddr) -> Self {
        let [_, high, middle, low] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, high | 64, middle, low);
        let socket = UdpSocket::bind((address, 5060)).await.expect("nobody is there");
        Self { socket, us }
    }

    /// What is answered to these bytes: the statuses in order, or `dropped`.
    async fn outcome(&self, case: &Case) -> String {
        self.socket.send_to(&case.bytes, self.us).await.expect("it is sent");
        // A good request behind it: what was to be answered before has had its turn.
        let after = format!(
            "OPTIONS sip:outdial@{} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKafter{}\r\nFrom: <sip:x@y>;tag=1\r\n\
             To: <sip:outdial@{}>\r\nCall-ID: after-{}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            self.us,
            self.socket.local_addr().expect("it is bound"),
            case.name,
            self.us,
            case.name,
        );
        self.socket
            .send_to(after.as_bytes(), self.us)
            .await
            .expect("it is sent");
        let mut statuses = Vec::new();
        let mut wait = PATIENCE;
        while let Some(answer) = self.hear(wait).await {
            let call = call_id(&answer);
            if call.is_some_and(|id| id == format!("after-{}", case.name)) {
                wait = GRACE;
            } else if call.is_none_or(|id| id.starts_with(&format!("{}.", case.name))) {
                statuses.push(answer.split(' ').nth(1).unwrap_or_default().to_owned());
            }
        }
        assert_eq!(wait, GRACE, "nothing is answered any more after {}", case.name);
        if statuses.is_empty() {
            "dropped".to_owned()
        } else {
            statuses.join(",")
        }
    }

    async fn hear(&self, wait: Duration) -> Option<String> {
        let mut buffer = vec![0; 16_384];
        let received = tokio::time::timeout(wait, self.socket.recv(&mut buffer)).await;
        let length = received.ok()?.expect("the socket is open");
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}

fn call_id(message: &str) -> Option<&str> {
    message.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.eq_ignore_ascii_case("Call-ID") || name.eq_ignore_ascii_case("i")).then_some(value.trim())
    })
}

#[test]
fn every_message_is_in_the_table_and_every_row_has_one() {
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .expect("there is a folder")
        .filter_map(|entry| {
            let name = entry.expect("it can be read").file_name().into_string().ok()?;
            name.strip_suffix(".dat").map(str::to_owned)
        })
        .collect();
    let rows: BTreeSet<String> = cases().into_iter().map(|case| case.name).collect();
    assert_eq!(files, rows);
    assert_eq!(rows.len(), 49);
}

#[tokio::test]
async fn torture_gets_what_it_deserves_and_the_call_goes_on() {
    let mut far = Far::listen().await;
    let rig = rig(far.address());
    let mut call = rig.ring().await;
    let invite = far.hears("INVITE ").await;
    far.pick_up(&invite, &sdp("0 101")).await;
    far.hears("ACK ").await;
    call.until("answered").await;

    let stranger = Stranger::of(rig.carrier.local_addr()).await;
    let mut wrong = String::new();
    for case in cases() {
        let outcome = stranger.outcome(&case).await;
        let shall_be = case.shall_be.split(" or ").any(|one| one == outcome);
        match &case.is_today {
            None if !shall_be => {
                writeln!(wrong, "{}: {outcome}, and shall be {}", case.name, case.shall_be).expect("it is a string");
            }
            Some(_) if shall_be => {
                writeln!(wrong, "{}: {outcome}, which is right; say so in the table", case.name)
                    .expect("it is a string");
            }
            Some(known) if *known != outcome => {
                writeln!(wrong, "{}: {outcome}, and was {known}", case.name).expect("it is a string");
            }
            None | Some(_) => {}
        }
        assert_eq!(rig.carrier.live(), 1, "the call is gone after {}", case.name);
    }
    assert!(wrong.is_empty(), "\n{wrong}");

    far.send(&far.request(&invite, "OPTIONS", 2, &[], "")).await;
    far.hears("SIP/2.0 200").await;
    call.hang_up(Outcome::Completed).await;
    let bye = far.hears("BYE ").await;
    far.answer(&bye, "200 OK", &[], "").await;
    let (words, _) = call.end().await;
    assert_eq!(words, ["sent", "answered PCMU 8000", "ended completed flow 0"]);
    assert_eq!(rig.carrier.live(), 0);
}
