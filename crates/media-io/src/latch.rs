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
/// - So does one that the far side's key opened, from wherever translators may have moved it.
/// - The negotiated host with another port, and any other host where `symmetric` is set, must send
///   three valid packets in a row of one SSRC; another host only within the first five seconds.
///   Until these are over it is believed on trial: the negotiated address, should it be heard, takes
///   the stream back, so that whoever was quicker than the far side does not keep its sound.
/// - After a new answer moved the far side, its old address is not taken for a translated new one.
/// - Once settled, it stays until a new answer renegotiates it. Whoever guesses the port later
///   neither hears nor is heard.
#[derive(Debug)]
pub(crate) struct Latch {
    remote: Remote,
    left: Option<SocketAddr>,
    state: State,
    turns: u32,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Nobody,
    Candidate(Candidate),
    OnTrial(SocketAddr),
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
    /// It is from where the far side seems to be; that is where our packets go until it turns out otherwise.
    Trust(SocketAddr),
    /// It is from the far side, which is there from now on.
    Latch(SocketAddr),
}

/// A packet as the latch sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) datagram: &'a [u8],
    /// Whether the far side's key opened it.
    pub(crate) proven: bool,
}

impl Latch {
    pub(crate) fn new(remote: Remote) -> Self {
        Self {
            remote,
            left: None,
            state: State::Nobody,
            turns: 0,
        }
    }

    /// The same for a far side that was settled on at another address before.
    pub(crate) fn moved(remote: Remote, left: SocketAddr) -> Self {
        Self {
            left: Some(left),
            ..Self::new(remote)
        }
    }

    /// Counts the time during which nobody was settled on, and ends the trial of whoever was believed.
    pub(crate) fn turn(&mut self) -> Option<SocketAddr> {
        self.turns = self.turns.saturating_add(1);
        match self.state {
            State::OnTrial(from) if self.turns >= TURNS_FOR_STRANGERS => Some(from),
            State::OnTrial(_) | State::Nobody | State::Candidate(_) => None,
        }
    }

    pub(crate) fn consider(&mut self, seen: Seen<'_>, accepted: &PayloadTypes) -> Verdict {
        let from = seen.from;
        let Some(header) = valid(seen.datagram, accepted) else {
            return Verdict::Drop;
        };
        if same_place(from, self.remote.address) {
            return Verdict::Latch(from);
        }
        let same_host = same_host(from.ip(), self.remote.address.ip());
        let welcome = self.remote.symmetric && (seen.proven || self.turns < TURNS_FOR_STRANGERS);
        if !(same_host || welcome) || self.left.is_some_and(|left| same_place(from, left)) {
            return Verdict::Drop;
        }
        if seen.proven {
            return Verdict::Latch(from);
        }
        let in_a_row = match self.state {
            State::OnTrial(trusted) if trusted == from => return Verdict::Trust(from),
            State::OnTrial(_) => return Verdict::Drop,
            State::Candidate(known)
                if known.from == from
                    && known.last.ssrc == header.ssrc
                    && header.sequence.wrapping_sub(known.last.sequence).wrapping_sub(1) < 16 =>
            {
                known.in_a_row + 1
            }
            // A second stranger does not push the first one aside unless that one went wrong itself.
            State::Candidate(known) if known.from != from && known.in_a_row > 1 => return Verdict::Drop,
            State::Candidate(_) | State::Nobody => 1,
        };
        if in_a_row >= PACKETS_IN_A_ROW {
            self.state = State::OnTrial(from);
            return Verdict::Trust(from);
        }
        self.state = State::Candidate(Candidate {
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
pub(crate) fn same_host(one: IpAddr, other: IpAddr) -> bool {
    one.to_canonical() == other.to_canonical()
}

fn same_place(one: SocketAddr, other: SocketAddr) -> bool {
    same_host(one.ip(), other.ip()) && one.port() == other.port()
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

    fn consider(latch: &mut Latch, from: &str, datagram: &[u8]) -> Verdict {
        let from = at(from);
        let proven = false;
        latch.consider(Seen { from, datagram, proven }, &PAYLOAD)
    }

    const FAR: &str = "10.0.0.1:4000";
    const STRANGER: &str = "192.0.2.9:999";

    #[test]
    fn the_negotiated_address_is_believed_at_once() {
        for payload_type in [0, 101] {
            let verdict = consider(&mut latch(false), FAR, &packet(payload_type, 1, 7));
            assert_eq!(verdict, Verdict::Latch(at(FAR)));
        }
        // As a socket for both families sees it.
        let mapped = "[::ffff:10.0.0.1]:4000";
        assert_eq!(
            consider(&mut latch(false), mapped, &packet(0, 1, 7)),
            Verdict::Latch(at(mapped))
        );
    }

    #[test]
    fn another_port_or_host_must_send_three_in_a_row() {
        for from in ["10.0.0.1:4002", STRANGER] {
            let mut latch = latch(true);
            assert_eq!(consider(&mut latch, from, &packet(0, 65_534, 7)), Verdict::Drop);
            assert_eq!(consider(&mut latch, from, &packet(0, 65_535, 7)), Verdict::Drop);
            assert_eq!(consider(&mut latch, from, &packet(0, 0, 7)), Verdict::Trust(at(from)));
            assert_eq!(consider(&mut latch, from, &packet(0, 1, 7)), Verdict::Trust(at(from)));
        }
    }

    #[test]
    fn who_is_on_trial_loses_to_the_negotiated_address_and_to_nobody_else() {
        let mut latch = latch(true);
        for sequence in 0..3 {
            consider(&mut latch, STRANGER, &packet(0, sequence, 7));
        }
        for sequence in 0..20 {
            let other = consider(&mut latch, "198.51.100.3:4000", &packet(0, sequence, 8));
            assert_eq!(other, Verdict::Drop);
        }
        assert_eq!(consider(&mut latch, FAR, &packet(0, 9, 8)), Verdict::Latch(at(FAR)));
    }

    #[test]
    fn a_trial_ends_with_the_time_for_strangers() {
        let mut latch = latch(true);
        for sequence in 0..3 {
            consider(&mut latch, STRANGER, &packet(0, sequence, 7));
        }
        let ends: Vec<_> = (0..TURNS_FOR_STRANGERS).map(|_| latch.turn()).collect();
        let (last, before) = ends.split_last().unwrap();
        assert!(before.iter().all(Option::is_none));
        assert_eq!(*last, Some(at(STRANGER)));
    }

    #[test]
    fn a_packet_that_the_key_opened_is_believed_wherever_it_comes_from() {
        let datagram = &packet(0, 1, 7);
        let from = at(STRANGER);
        let proven = true;
        for _ in 0..TURNS_FOR_STRANGERS {
            let mut late = latch(true);
            late.turn();
            let verdict = late.consider(Seen { from, datagram, proven }, &PAYLOAD);
            assert_eq!(verdict, Verdict::Latch(from));
        }
        let verdict = latch(false).consider(Seen { from, datagram, proven }, &PAYLOAD);
        assert_eq!(verdict, Verdict::Drop);
    }

    #[test]
    fn the_address_that_was_left_is_no_translated_new_one() {
        let mut latch = Latch::moved(Remote::new(at(FAR)), at(STRANGER));
        for sequence in 0..20 {
            assert_eq!(consider(&mut latch, STRANGER, &packet(0, sequence, 7)), Verdict::Drop);
        }
        assert_eq!(consider(&mut latch, FAR, &packet(0, 1, 8)), Verdict::Latch(at(FAR)));
    }

    #[test]
    fn a_stranger_who_sprays_is_never_believed() {
        let mut sprayed = latch(true);
        for ssrc in 0..100 {
            assert_eq!(consider(&mut sprayed, STRANGER, &packet(0, 1, ssrc)), Verdict::Drop);
        }
        let mut late = latch(true);
        for _ in 0..TURNS_FOR_STRANGERS {
            late.turn();
        }
        let mut strict = latch(false);
        for sequence in 0..10 {
            assert_eq!(consider(&mut late, STRANGER, &packet(0, sequence, 7)), Verdict::Drop);
            assert_eq!(consider(&mut strict, STRANGER, &packet(0, sequence, 7)), Verdict::Drop);
        }
    }

    #[test]
    fn garbage_from_the_right_place_is_garbage() {
        let mut latch = latch(true);
        assert_eq!(consider(&mut latch, FAR, b"garbage, twenty octets"), Verdict::Drop);
        assert_eq!(consider(&mut latch, FAR, &packet(8, 1, 7)), Verdict::Drop);
        assert_eq!(consider(&mut latch, FAR, &[]), Verdict::Drop);
    }
}
