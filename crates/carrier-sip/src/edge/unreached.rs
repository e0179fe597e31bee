//! What the network says of datagrams that it could not deliver (ICMP).
//!
//! RFC 3261, section 8.1.3.1, has a request that is reported so treated as if it had been answered with
//! 503, and after 503 another server may be rung. That must not ring a phone twice, so a report counts
//! only when it is certain that nothing was delivered:
//!
//! - It is about the first copy of the request. After T1 the library sends another, and whether the
//!   first arrived is not known then; so reports are believed for less than T1 after the request was made.
//! - No response to the request came.
//! - It quotes our request as far as its branch, which nobody off the path knows.
//! - It says that there is no way on: no route, no host, no such port, or not allowed. That a datagram
//!   was too large or too long under way is not enough.
//!
//! Everything else stays what it is without the report: silence, after which the phone may have rung.

use std::{
    collections::HashMap,
    io::{self, IoSliceMut},
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use nix::{
    errno::Errno,
    sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt},
};
use rsipstack::{
    sip::Response,
    transaction::transaction::{TransactionEvent, TransactionEventSender},
};

use crate::headers;

use super::head::Head;

/// Where reports come from, in the kernel's words (`linux/errqueue.h`).
const FROM_ICMP: u8 = 2;
const FROM_ICMP6: u8 = 3;

/// Requests whose first copy is under way.
#[derive(Default)]
pub(crate) struct Unreached {
    watched: Mutex<HashMap<String, Watched>>,
}

struct Watched {
    teller: TransactionEventSender,
    /// What the transaction hears if its request comes back.
    response: Response,
    to: SocketAddr,
    until: Instant,
}

/// A report.
pub(super) struct Report {
    /// Where the datagram was to go.
    to: SocketAddr,
    why: String,
    /// How it began.
    quoted: Vec<u8>,
}

impl Unreached {
    /// Listens for reports about a request that is about to be sent there, until it is sent again.
    pub(crate) fn watch(
        &self,
        branch: &str,
        teller: TransactionEventSender,
        response: Response,
        to: SocketAddr,
        until: Instant,
    ) {
        let now = Instant::now();
        let watched = Watched {
            teller,
            response,
            to,
            until,
        };
        let mut all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, watched| now < watched.until);
        all.insert(branch.to_owned(), watched);
    }

    /// A response came, so its request arrived.
    pub(super) fn arrived(&self, response: &Head<'_>) {
        let mut all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.is_empty()
            && let Some(branch) = response.first("Via").and_then(branch)
        {
            all.remove(branch);
        }
    }

    /// Tells the transaction whose request came back.
    pub(super) fn came_back(&self, report: &Report) {
        let quoted = String::from_utf8_lossy(&report.quoted);
        let via = quoted.split("\r\n").skip(1).find_map(|line| line.strip_prefix("Via: "));
        let Some(branch) = via.and_then(branch) else {
            return;
        };
        let mut all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let is_about = |watched: &Watched| watched.to == report.to && Instant::now() < watched.until;
        if !all.get(branch).is_some_and(is_about) {
            return;
        }
        if let Some(watched) = all.remove(branch) {
            let mut response = watched.response;
            headers::mark_own(&mut response, &report.why);
            tracing::debug!(to = %report.to, why = report.why, "a request came back");
            // Whoever asked may have gone.
            let _ = watched.teller.send(TransactionEvent::Received(response.into(), None));
        }
    }
}

/// The branch of a `Via`.
fn branch(via: &str) -> Option<&str> {
    let first = via.split(',').next()?;
    let parameter = first
        .split(';')
        .find_map(|parameter| parameter.trim().strip_prefix("branch="))?;
    // One that is cut off is not found among those that are watched.
    Some(parameter.trim())
}

/// Asks for reports about what is sent from this socket.
pub(super) fn ask_for(socket: &impl AsFd, is_v4: bool) -> io::Result<()> {
    let asked = match is_v4 {
        true => setsockopt(socket, sockopt::Ipv4RecvErr, &true),
        false => setsockopt(socket, sockopt::Ipv6RecvErr, &true),
    };
    asked.map_err(io::Error::from)
}

/// The next report about what was sent from this socket: nothing, if it was about something that says
/// nothing for sure. The error is `WouldBlock` when there are no more.
pub(super) fn next(socket: &impl AsRawFd) -> io::Result<Option<Report>> {
    let mut quoted = [0; 2048];
    let mut control = nix::cmsg_space!([u8; 128]);
    let (to, error, length) = {
        let mut pieces = [IoSliceMut::new(&mut quoted)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut pieces, Some(&mut control), flags);
        let message = message.map_err(io::Error::from)?;
        let error = message
            .cmsgs()
            .map_err(io::Error::from)?
            .find_map(|control| match control {
                ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => Some(error),
                _ => None,
            });
        (message.address.and_then(address), error, message.bytes)
    };
    Ok(match (to, error) {
        (Some(to), Some(error)) if says_no_way(error.ee_origin, error.ee_type, error.ee_code) => Some(Report {
            to,
            why: why(to, error.ee_errno),
            quoted: quoted[..length].to_vec(),
        }),
        _ => None,
    })
}

/// Whether a report says that a datagram could go no further (RFC 792; RFC 1812, section 5.2.7.1;
/// RFC 4443, section 3.1).
fn says_no_way(origin: u8, kind: u8, code: u8) -> bool {
    match origin {
        FROM_ICMP => kind == 3 && matches!(code, 0 | 1 | 3 | 5..=7 | 9..=13),
        FROM_ICMP6 => kind == 1,
        _ => false,
    }
}

fn why(to: SocketAddr, code: u32) -> String {
    let errno = Errno::from_raw(code.cast_signed());
    match errno {
        Errno::ECONNREFUSED => format!("nobody listens at {to} over UDP (ICMP: port unreachable)"),
        Errno::EACCES | Errno::EPERM => format!("a firewall keeps us from {to} (ICMP: administratively prohibited)"),
        _ => format!("no way leads to {to} (ICMP: {})", errno.desc()),
    }
}

fn address(address: SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|v4| SocketAddr::new(v4.ip().into(), v4.port()));
    v4.or_else(|| {
        let v6 = address.as_sockaddr_in6()?;
        Some(SocketAddr::new(v6.ip().into(), v6.port()))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rsipstack::transaction::transaction::TransactionEventReceiver;

    use super::*;

    const TO: &str = "127.0.0.1:5060";

    fn watched(within: Duration) -> (Unreached, TransactionEventReceiver) {
        let unreached = Unreached::default();
        let (teller, heard) = tokio::sync::mpsc::unbounded_channel();
        let response = Response::try_from("SIP/2.0 503 Service Unavailable\r\nCall-ID: 1\r\n\r\n").unwrap();
        let until = Instant::now() + within;
        unreached.watch("z9hG4bK1", teller, response, TO.parse().unwrap(), until);
        (unreached, heard)
    }

    fn report(to: &str, branch: &str) -> Report {
        Report {
            to: to.parse().unwrap(),
            why: "nobody listens".into(),
            quoted: format!("INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP us:1;rport;branch={branch}\r\nX: ").into(),
        }
    }

    #[test]
    fn only_a_report_about_the_first_copy_of_our_request_counts() {
        const LONG: Duration = Duration::from_secs(60);
        for (within, to, branch, counts) in [
            (LONG, TO, "z9hG4bK1", true),
            (LONG, TO, "z9hG4bK2", false),
            (LONG, TO, "z9hG4b", false),
            (LONG, "127.0.0.1:5061", "z9hG4bK1", false),
            (Duration::ZERO, TO, "z9hG4bK1", false),
        ] {
            let (unreached, mut heard) = watched(within);
            unreached.came_back(&report(to, branch));
            unreached.came_back(&report(to, branch));
            let told = std::iter::from_fn(|| heard.try_recv().ok()).count();
            assert_eq!(told, usize::from(counts), "{within:?} {to} {branch}");
        }
    }

    #[test]
    fn what_was_answered_has_arrived() {
        let (unreached, mut heard) = watched(Duration::from_secs(60));
        let answer = b"SIP/2.0 100 Trying\r\nv: SIP/2.0/UDP us:1;branch=z9hG4bK1;rport=1\r\n\r\n";
        unreached.arrived(&Head::read(answer).unwrap());
        unreached.came_back(&report(TO, "z9hG4bK1"));
        assert!(heard.try_recv().is_err());
    }

    #[test]
    fn too_large_and_too_old_are_no_reasons() {
        for (origin, kind, code, expected) in [
            (FROM_ICMP, 3, 3, true),
            (FROM_ICMP, 3, 1, true),
            (FROM_ICMP, 3, 13, true),
            (FROM_ICMP, 3, 4, false),
            (FROM_ICMP, 11, 0, false),
            (FROM_ICMP6, 1, 4, true),
            (FROM_ICMP6, 2, 0, false),
            (1, 3, 3, false),
        ] {
            assert_eq!(says_no_way(origin, kind, code), expected, "{origin} {kind} {code}");
        }
    }
}
