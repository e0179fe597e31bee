//! The SIP messages of a call as packets.
//!
//! Messages are kept without what carried them, so the headers here are made up: an IP header of the
//! right version, and UDP, also for what went over a connection. Sound is not kept at all.

use std::net::SocketAddr;

use etherparse::PacketBuilder;
use outdial_domain::masking;
use outdial_engine::{
    ports::{Trace, WireMessage},
    verbs::Disclosure,
};

use super::pcapng::{self, Packet};

/// How many routers a packet may pass; it has passed none.
const HOPS: u8 = 64;
/// What a datagram can carry: 65,535 octets with the headers of UDP and of IPv4, or of UDP only (RFC 8200).
const LONGEST_V4: usize = 65_507;
const LONGEST_V6: usize = 65_527;

/// A capture file (pcapng) of the messages of all legs, in the order of their times; `None` when there
/// are none.
pub(in crate::native) fn capture(call: &str, traces: Vec<Trace>, disclosure: Disclosure) -> Option<Vec<u8>> {
    let mut packets: Vec<Packet> = Vec::new();
    for trace in traces {
        let leg = trace.leg.to_string();
        let messages = trace.messages.into_iter();
        packets.extend(messages.map(|message| packet(&leg, message, disclosure)));
    }
    if packets.is_empty() {
        return None;
    }
    packets.sort_by_key(|packet| packet.at);
    let people = match disclosure {
        Disclosure::Masked => "numbers and names are masked",
        Disclosure::Whole => "numbers and names are whole",
    };
    let comment = format!(
        "The SIP messages of {call}; {people}, secrets always. IP and UDP headers are made up; sound is not kept."
    );
    Some(pcapng::file(&comment, &packets))
}

fn packet(leg: &str, message: WireMessage, disclosure: Disclosure) -> Packet {
    let (source, destination) = message.ends();
    let text = match disclosure {
        Disclosure::Masked => masking::message(&message.text),
        Disclosure::Whole => message.text,
    };
    let longest = if source.is_ipv4() { LONGEST_V4 } else { LONGEST_V6 };
    let carried = &text.as_bytes()[..text.len().min(longest)];
    let bytes = datagram(source, destination, carried);
    let mut comment = format!("{leg}, over {}", message.transport.as_str().to_uppercase());
    let cut = text.len() - carried.len();
    if cut > 0 {
        comment += &format!(", {cut} octets cut off at its end");
    }
    Packet {
        at: message.at,
        length: bytes.len() + cut,
        bytes,
        comment,
    }
}

fn datagram(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let ip = match (source, destination) {
        (SocketAddr::V4(source), SocketAddr::V4(destination)) => {
            PacketBuilder::ipv4(source.ip().octets(), destination.ip().octets(), HOPS)
        }
        (source, destination) => PacketBuilder::ipv6(v6(source), v6(destination), HOPS),
    };
    let udp = ip.udp(source.port(), destination.port());
    let mut bytes = Vec::with_capacity(udp.size(payload.len()));
    udp.write(&mut bytes, payload)
        .expect("a vector takes everything, and the payload is no longer than a datagram can carry");
    bytes
}

fn v6(address: SocketAddr) -> [u8; 16] {
    match address {
        SocketAddr::V4(address) => address.ip().to_ipv6_mapped().octets(),
        SocketAddr::V6(address) => address.ip().octets(),
    }
}

#[cfg(test)]
mod tests;
