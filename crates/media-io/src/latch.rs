//! Which packets belong to a stream, and where its own go.

use std::net::{IpAddr, SocketAddr};

use outdial_media::{
    rtp::{RtpHeader, RtpPacket},
    stream::PayloadTypes,
};

/// Packets in a row that a source other than the negotiated one must send to be believed.
const PACKETS_IN_A_ROW: u8 = 3;

/// Turns after which a stranger is not believed any more: five seconds.
const TURNS_FOR_STRANGERS: u32 = 250;

/// Where the far side said it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote {
    /// The address of its RTP, as its SDP said.
    pub address: SocketAddr,
    /// Where it wants RTCP, if not at the next port (RFC 3605).
    pub rtcp: Option<SocketAddr>,
    /// Whether it may turn out to be elsewhere, behind a network address translator (RFC 4961).
    pub symmetric: bool,
}

impl Remote {
    /// A far side at this address, or behind a translator that changed it.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            rtcp: None,
            symmetric: true,
        }
    }
}

/// Decides from where packets are taken until one source is settled on; then the socket is connected
/// to it and the kernel drops whatever comes from elsewhere.
///
/// - A valid packet from the negotiated address settles it at once.
/// - The negotiated host with another port, and any other host where `symmetric` is set, must send
///   three valid packets in a row of one SSRC; another host only within the first five seconds.
/// - Once settled, it stays until a new answer renegotiates it. Whoever guesses the port later
///   neither hears nor is heard.
#[derive(Debug)]
pub(crate) struct Latch {
    remote: Remote,
    candidate: Option<Candidate>,
    turns: u32,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    from: SocketAddr,
    last: RtpHeader,
    in_a_row: u8,
}

/// What to do with a packet that came before the latch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is not from the far side, as far as we know.
    Drop,
    /// It is from the far side, which is there from now on.
    Latch(SocketAddr),
}

impl Latch {
    pub(crate) fn new(remote: Remote) -> Self {
        Self {
            remote,
            candidate: None,
            turns: 0,
        }
    }

    /// Counts the time during which nobody was settled on.
    pub(crate) fn turn(&mut self) {
        self.turns = self.turns.saturating_add(1);
    }

    pub(crate) fn consider(&mut self, from: SocketAddr, datagram: &[u8], accepted: &PayloadTypes) -> Verdict {
        let Some(header) = valid(datagram, accepted) else {
            return Verdict::Drop;
        };
        if from == self.remote.address {
            return Verdict::Latch(from);
        }
        let same_host = same_host(from.ip(), self.remote.address.ip());
        let strangers_welcome = self.remote.symmetric && self.turns < TURNS_FOR_STRANGERS;
        if !same_host && !strangers_welcome {
            return Verdict::Drop;
        }
        let in_a_row = match self.candidate {
            Some(known)
                if known.from == from
                    && known.last.ssrc == header.ssrc
                    && header.sequence.wrapping_sub(known.last.sequence).wrapping_sub(1) < 16 =>
            {
                known.in_a_row + 1
            }
            // A second stranger does not push the first one aside unless that one went wrong itself.
            Some(known) if known.from != from && known.in_a_row > 1 => return Verdict::Drop,
            _ => 1,
        };
        if in_a_row >= PACKETS_IN_A_ROW {
            return Verdict::Latch(from);
        }
        self.candidate = Some(Candidate {
            from,
            last: header,
            in_a_row,
        });
        Verdict::Drop
    }
}

fn valid(datagram: &[u8], accepted: &PayloadTypes) -> Option<RtpHeader> {
    let header = RtpPacket::parse(datagram).ok()?.header;
    let payload_type = header.payload_type;
    (payload_type == accepted.audio
        || accepted.telephone_event == Some(payload_type)
        || accepted.comfort_noise == Some(payload_type))
    .then_some(header)
}

/// An IPv4 address may show up as one mapped into IPv6.
fn same_host(one: IpAddr, other: IpAddr) -> bool {
    one.to_canonical() == other.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: PayloadTypes = PayloadTypes {
        audio: 0,
        telephone_event: Some(101),
        comfort_noise: None,
    };

    fn packet(payload_type: u8, sequence: u16, ssrc: u32) -> [u8; 20] {
        let mut packet = [0; 20];
        RtpHeader {
            marker: false,
            payload_type,
            sequence,
            timestamp: 0,
            ssrc,
        }
        .write(&mut packet)
        .unwrap();
        packet
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn latch(symmetric: bool) -> Latch {
        Latch::new(Remote {
            symmetric,
            ..Remote::new(at("10.0.0.1:4000"))
        })
    }

    #[test]
    fn the_negotiated_address_is_believed_at_once() {
        let from = at("10.0.0.1:4000");
        assert_eq!(
            latch(false).consider(from, &packet(0, 1, 7), &PAYLOAD),
            Verdict::Latch(from)
        );
        assert_eq!(
            latch(false).consider(from, &packet(101, 1, 7), &PAYLOAD),
            Verdict::Latch(from)
        );
    }

    #[test]
    fn another_port_or_host_must_send_three_in_a_row() {
        for from in [at("10.0.0.1:4002"), at("192.0.2.9:999")] {
            let mut latch = latch(true);
            assert_eq!(latch.consider(from, &packet(0, 65_534, 7), &PAYLOAD), Verdict::Drop);
            assert_eq!(latch.consider(from, &packet(0, 65_535, 7), &PAYLOAD), Verdict::Drop);
            assert_eq!(latch.consider(from, &packet(0, 0, 7), &PAYLOAD), Verdict::Latch(from));
        }
    }

    #[test]
    fn a_stranger_who_sprays_is_never_believed() {
        let from = at("192.0.2.9:999");
        let mut sprayed = latch(true);
        for ssrc in 0..100 {
            assert_eq!(sprayed.consider(from, &packet(0, 1, ssrc), &PAYLOAD), Verdict::Drop);
        }
        let mut late = latch(true);
        for _ in 0..TURNS_FOR_STRANGERS {
            late.turn();
        }
        let mut strict = latch(false);
        for sequence in 0..10 {
            assert_eq!(late.consider(from, &packet(0, sequence, 7), &PAYLOAD), Verdict::Drop);
            assert_eq!(strict.consider(from, &packet(0, sequence, 7), &PAYLOAD), Verdict::Drop);
        }
    }

    #[test]
    fn garbage_from_the_right_place_is_garbage() {
        let from = at("10.0.0.1:4000");
        let mut latch = latch(true);
        assert_eq!(latch.consider(from, b"garbage, twenty octets", &PAYLOAD), Verdict::Drop);
        assert_eq!(latch.consider(from, &packet(8, 1, 7), &PAYLOAD), Verdict::Drop);
        assert_eq!(latch.consider(from, &[], &PAYLOAD), Verdict::Drop);
    }
}
