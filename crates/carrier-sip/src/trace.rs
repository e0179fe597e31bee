//! What went over the wire, leg by leg, with secrets masked.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, PoisonError},
};

use outdial_engine::ports::{Ids, WireMessage, WireTransport};
use rsipstack::{
    sip::{Header, HeadersExt, SipMessage, StatusCodeKind, Transport},
    transaction::{Transaction, endpoint::MessageInspector},
    transport::{SipAddr, SipConnection},
};

use crate::{headers, hep::Exporter, legs::Legs};

/// The most messages that are kept of one leg.
const MESSAGES: usize = 200;

/// The most octets that are kept of one leg.
const OCTETS: usize = 64 * 1024;

/// How many messages of the beginning are kept when room is made for the end.
const BEGINNING: usize = 20;

/// The messages of one leg. When there are too many, those after the beginning go first, because a
/// call is explained by how it began and how it ended.
#[derive(Default)]
pub(crate) struct Trace {
    messages: VecDeque<WireMessage>,
    octets: usize,
}

impl Trace {
    pub(crate) fn keep(&mut self, message: WireMessage) {
        self.octets += message.text.len();
        self.messages.push_back(message);
        while self.messages.len() > MESSAGES || self.octets > OCTETS {
            let dropped = self
                .messages
                .remove(BEGINNING.min(self.messages.len().saturating_sub(1)));
            self.octets -= dropped.map_or(0, |message| message.text.len());
        }
    }

    /// Takes everything out.
    pub(crate) fn take(&mut self) -> Vec<WireMessage> {
        self.octets = 0;
        std::mem::take(&mut self.messages).into()
    }
}

/// Sees every message of the endpoint, and mends a fault on the way: a 2xx without a `Contact` could
/// be neither acknowledged nor hung up, so it gets the address it came from.
pub(crate) struct Inspector {
    pub(crate) legs: Arc<Legs>,
    pub(crate) witness: Witness,
    /// Who else is told of every message.
    pub(crate) hep: Option<Exporter>,
}

/// Writes down what it sees.
#[derive(Clone)]
pub(crate) struct Witness {
    pub(crate) ids: Ids,
    /// The address that we are seen at.
    pub(crate) local: SocketAddr,
    /// The port for TLS, where we have one.
    pub(crate) tls_port: Option<u16>,
}

impl Witness {
    fn seen_at(&self, transport: WireTransport) -> SocketAddr {
        let mut local = self.local;
        if let (WireTransport::Tls, Some(port)) = (transport, self.tls_port) {
            local.set_port(port);
        }
        local
    }

    fn wrote(&self, message: &[u8], sent: bool, (transport, peer): (Transport, String)) -> WireMessage {
        let transport = wire_transport(transport);
        WireMessage {
            at: self.ids.now(),
            sent,
            transport,
            local: self.seen_at(transport),
            peer,
            text: masked(message),
        }
    }

    /// The INVITE of a call that comes in, for the trace of its leg: the leg was not there yet when the
    /// inspector saw it.
    pub(crate) fn invited(&self, transaction: &Transaction) -> Option<WireMessage> {
        let connection = transaction.connection.as_ref()?;
        let peer = connection.get_remote_addr()?.addr.to_string();
        let message = SipMessage::Request(transaction.original.clone()).to_bytes();
        Some(self.wrote(&message, false, (connection.transport(), peer)))
    }
}

impl Inspector {
    fn keep(&self, message: &SipMessage, sent: bool, far: impl FnOnce() -> (Transport, String)) {
        let Ok(call_id) = message.call_id_header() else {
            return;
        };
        let line = self.legs.line(call_id.value());
        if line.is_some() || self.hep.is_some() {
            let kept = self.witness.wrote(&headers::as_it_came(message), sent, far());
            if let Some(hep) = &self.hep {
                hep.tell(call_id.value().trim(), &kept);
            }
            if let Some(line) = line {
                line.trace.lock().unwrap_or_else(PoisonError::into_inner).keep(kept);
            }
        }
    }
}

impl MessageInspector for Inspector {
    fn before_send(&self, message: SipMessage, destination: Option<&SipAddr>) -> SipMessage {
        if let (Ok(call_id), Some(Ok(far))) = (message.call_id_header(), destination.map(SipAddr::get_socketaddr))
            && let Some(line) = self.legs.line(call_id.value())
        {
            line.note(far.ip());
        }
        self.keep(&message, true, || match destination {
            Some(address) => place(address),
            None => return_address(&message),
        });
        message
    }

    fn after_received(&self, mut message: SipMessage, from: Option<&SipAddr>) -> SipMessage {
        // The library tells what it noticed itself as responses from nowhere; nothing went over the wire.
        let Some(from) = from else {
            if let SipMessage::Response(response) = &mut message {
                headers::mark_own(response, "the connection broke");
            }
            return message;
        };
        self.keep(&message, false, || place(from));
        if let SipMessage::Response(response) = &mut message {
            headers::unmark(response);
        }
        if let SipMessage::Response(response) = &mut message
            && response.status_code.kind() == StatusCodeKind::Successful
            && response.contact_header().is_err()
        {
            let contact = format!("<sip:{}>", from.addr);
            response.headers.push(Header::Contact(contact.into()));
        }
        message
    }
}

fn place(address: &SipAddr) -> (Transport, String) {
    (address.r#type.unwrap_or_default(), address.addr.to_string())
}

fn wire_transport(transport: Transport) -> WireTransport {
    match transport {
        Transport::Udp => WireTransport::Udp,
        Transport::Tcp | Transport::Sctp | Transport::Ws => WireTransport::Tcp,
        Transport::Tls | Transport::TlsSctp | Transport::Wss => WireTransport::Tls,
    }
}

/// Where a response goes, which its top `Via` says.
fn return_address(message: &SipMessage) -> (Transport, String) {
    message
        .via_header()
        .ok()
        .and_then(|via| SipConnection::parse_target_from_via(via).ok())
        .map(|(transport, address)| (transport, address.to_string()))
        .unwrap_or_default()
}

/// The text of a message without what would let its reader in elsewhere.
fn masked(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    if let Some(shown) = without_keys(&text) {
        return shown;
    }
    if !has_secret(&text) {
        return text.into_owned();
    }
    let mut shown = String::with_capacity(text.len());
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let Some(start) = secret_start(line) else {
            shown.push_str(line);
            continue;
        };
        shown.push_str(&line[..start]);
        shown.push_str(" ***\r\n");
        // A header goes on in the lines that begin with a blank.
        while lines.next_if(|next| next.starts_with([' ', '\t'])).is_some() {}
    }
    shown
}

/// An INFO request without the keys that it tells, if it tells any: they may be those of a PIN, and the call's events
/// have those that may be seen.
fn without_keys(text: &str) -> Option<String> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let lower = head.to_ascii_lowercase();
    if body.is_empty() || !head.starts_with("INFO ") || !["dtmf", "digits"].iter().any(|kind| lower.contains(kind)) {
        return None;
    }
    let mut shown = masked(format!("{head}\r\n\r\n").as_bytes());
    for line in body.split_inclusive('\n') {
        let (name, value) = line.split_at(line.find('=').map_or(0, |at| at + 1));
        if name.trim_start().to_ascii_lowercase().starts_with("duration") {
            shown.push_str(line);
        } else {
            let end = value.trim_end_matches(['\r', '\n']).len();
            shown = shown + name + "*" + &value[end..];
        }
    }
    Some(shown)
}

fn has_secret(text: &str) -> bool {
    text.split('\n').any(|line| secret_start(line).is_some())
}

/// Where the secret of a line begins.
fn secret_start(line: &str) -> Option<usize> {
    let (name, _) = line.split_once(':')?;
    let known = ["authorization", "proxy-authorization", "a=crypto"];
    known
        .iter()
        .any(|secret| name.trim_end().eq_ignore_ascii_case(secret))
        .then_some(name.len() + 1)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn message(text: &str) -> WireMessage {
        WireMessage {
            at: Timestamp::UNIX_EPOCH,
            sent: true,
            transport: WireTransport::Udp,
            local: ([127, 0, 0, 1], 5060).into(),
            peer: String::new(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn secrets_are_masked_and_nothing_else() {
        let text = "INVITE sip:a SIP/2.0\r\nProxy-Authorization: Digest username=\"u\",\r\n response=\"abc\"\r\n\
                    authorization : Digest response=\"def\"\r\nSubject: Authorization\r\n\r\n\
                    v=0\r\na=crypto:1 AES_CM_128 inline:key\r\na=ptime:20\r\n";
        let shown = masked(text.as_bytes());
        assert_eq!(
            shown,
            "INVITE sip:a SIP/2.0\r\nProxy-Authorization: ***\r\nauthorization : ***\r\nSubject: Authorization\r\n\r\n\
             v=0\r\na=crypto: ***\r\na=ptime:20\r\n"
        );
        assert_eq!(
            masked(b"OPTIONS sip:a SIP/2.0\r\n\r\n"),
            "OPTIONS sip:a SIP/2.0\r\n\r\n"
        );
    }

    #[test]
    fn pressed_keys_are_not_kept() {
        let info = |kind: &str, body: &str| masked(format!("INFO sip:a SIP/2.0\r\nc: {kind}\r\n\r\n{body}").as_bytes());
        for (kind, body, shown) in [
            (
                "application/dtmf-relay",
                "Signal=5\r\nDuration=160\r\n",
                "Signal=*\r\nDuration=160\r\n",
            ),
            ("Application/DTMF", "#", "*"),
            (
                "application/dtmf;x=y",
                "Duration=4\n signal = 11 \n",
                "Duration=4\n signal =*\n",
            ),
            ("application/media_control+xml", "<x>5</x>", "<x>5</x>"),
        ] {
            let text = info(kind, body);
            assert!(text.ends_with(&format!("\r\n\r\n{shown}")), "{text}");
        }
        assert_eq!(
            info("application/dtmf", ""),
            "INFO sip:a SIP/2.0\r\nc: application/dtmf\r\n\r\n"
        );
    }

    #[test]
    fn too_many_messages_leave_the_beginning_and_the_end() {
        let mut trace = Trace::default();
        for number in 0..1000 {
            trace.keep(message(&number.to_string()));
        }
        let kept = trace.take();
        assert_eq!(kept.len(), MESSAGES);
        assert_eq!((kept[0].text.as_str(), kept[19].text.as_str()), ("0", "19"));
        assert_eq!((kept[20].text.as_str(), kept[199].text.as_str()), ("820", "999"));
        assert!(trace.take().is_empty());
    }

    #[test]
    fn too_many_octets_do_the_same() {
        let mut trace = Trace::default();
        for _ in 0..100 {
            trace.keep(message(&"x".repeat(8000)));
        }
        let kept = trace.take();
        assert!(kept.iter().map(|message| message.text.len()).sum::<usize>() <= OCTETS);
        assert!(!kept.is_empty());
    }
}
