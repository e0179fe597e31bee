//! Packets of HEP version 3, as sipcapture's "HEP/EEP protocol version 3" describes them: a header of
//! six octets, then chunks, each with vendor, type, its whole length, and a value; all in network order.

use std::net::{IpAddr, SocketAddr};

use outdial_engine::ports::{WireMessage, WireTransport};
use secrecy::ExposeSecret;

use super::HepSettings;

/// The vendor of the chunks that the protocol itself knows.
const GENERIC: u16 = 0;
/// What a datagram over IPv4 can carry.
const LONGEST: usize = 65_507;

const FAMILY: u16 = 0x0001;
const PROTOCOL: u16 = 0x0002;
const SOURCE_V4: u16 = 0x0003;
const DESTINATION_V4: u16 = 0x0004;
const SOURCE_V6: u16 = 0x0005;
const DESTINATION_V6: u16 = 0x0006;
const SOURCE_PORT: u16 = 0x0007;
const DESTINATION_PORT: u16 = 0x0008;
const SECONDS: u16 = 0x0009;
const MICROSECONDS: u16 = 0x000a;
const KIND: u16 = 0x000b;
const CAPTURE_ID: u16 = 0x000c;
const AUTH_KEY: u16 = 0x000e;
const PAYLOAD: u16 = 0x000f;
const CORRELATION_ID: u16 = 0x0011;

/// The address families and protocols as the system numbers them (Linux's `AF_INET`, IANA).
const INET: u8 = 2;
const INET6: u8 = 10;
const UDP: u8 = 17;
const TCP: u8 = 6;
/// The kind of payload that SIP is.
const SIP: u8 = 1;

/// One message as a packet; `None` when it is longer than a packet can be.
pub(super) fn encode(message: &WireMessage, call_id: &str, settings: &HepSettings) -> Option<Vec<u8>> {
    let mut packet = b"HEP3\0\0".to_vec();
    let (source, destination) = message.ends();
    chunk(&mut packet, FAMILY, &[if source.is_ipv4() { INET } else { INET6 }])?;
    let protocol = match message.transport {
        WireTransport::Udp => UDP,
        WireTransport::Tcp | WireTransport::Tls => TCP,
    };
    chunk(&mut packet, PROTOCOL, &[protocol])?;
    end(&mut packet, source, [SOURCE_V4, SOURCE_V6, SOURCE_PORT])?;
    end(
        &mut packet,
        destination,
        [DESTINATION_V4, DESTINATION_V6, DESTINATION_PORT],
    )?;
    let seconds = u32::try_from(message.at.as_second()).unwrap_or(0);
    let micros = u32::try_from(message.at.subsec_microsecond()).unwrap_or(0);
    chunk(&mut packet, SECONDS, &seconds.to_be_bytes())?;
    chunk(&mut packet, MICROSECONDS, &micros.to_be_bytes())?;
    chunk(&mut packet, KIND, &[SIP])?;
    chunk(&mut packet, CAPTURE_ID, &settings.capture_id.to_be_bytes())?;
    if let Some(key) = &settings.auth_key {
        chunk(&mut packet, AUTH_KEY, key.expose_secret().as_bytes())?;
    }
    chunk(&mut packet, CORRELATION_ID, call_id.as_bytes())?;
    chunk(&mut packet, PAYLOAD, message.text.as_bytes())?;
    let length = u16::try_from(packet.len()).ok().filter(|_| packet.len() <= LONGEST)?;
    packet[4..6].copy_from_slice(&length.to_be_bytes());
    Some(packet)
}

fn end(packet: &mut Vec<u8>, address: SocketAddr, [v4, v6, port]: [u16; 3]) -> Option<()> {
    match address.ip() {
        IpAddr::V4(ip) => chunk(packet, v4, &ip.octets())?,
        IpAddr::V6(ip) => chunk(packet, v6, &ip.octets())?,
    }
    chunk(packet, port, &address.port().to_be_bytes())
}

fn chunk(packet: &mut Vec<u8>, kind: u16, value: &[u8]) -> Option<()> {
    let length = u16::try_from(value.len() + 6).ok()?;
    packet.extend(GENERIC.to_be_bytes());
    packet.extend(kind.to_be_bytes());
    packet.extend(length.to_be_bytes());
    packet.extend_from_slice(value);
    Some(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn settings(auth_key: Option<&str>) -> HepSettings {
        HepSettings {
            collector: ([127, 0, 0, 1], 9060).into(),
            capture_id: 0x0102_0304,
            auth_key: auth_key.map(Into::into),
            unmasked: true,
        }
    }

    fn message(local: &str, peer: &str, text: String) -> WireMessage {
        WireMessage {
            at: Timestamp::from_microsecond(1_000_000_000_000_007).unwrap(),
            sent: false,
            transport: WireTransport::Tls,
            local: local.parse().unwrap(),
            peer: peer.to_owned(),
            text,
        }
    }

    #[test]
    fn every_octet_is_where_it_belongs() {
        let message = message("192.0.2.9:5060", "192.0.2.1:5061", "BYE".into());
        let packet = encode(&message, "a@b", &settings(Some("key"))).unwrap();
        let expected: [&[u8]; 15] = [
            b"HEP3\x00\x70",
            b"\0\0\0\x01\0\x07\x02",
            b"\0\0\0\x02\0\x07\x06",
            b"\0\0\0\x03\0\x0a\xc0\0\x02\x01",
            b"\0\0\0\x07\0\x08\x13\xc5",
            b"\0\0\0\x04\0\x0a\xc0\0\x02\x09",
            b"\0\0\0\x08\0\x08\x13\xc4",
            b"\0\0\0\x09\0\x0a\x3b\x9a\xca\0",
            b"\0\0\0\x0a\0\x0a\0\0\0\x07",
            b"\0\0\0\x0b\0\x07\x01",
            b"\0\0\0\x0c\0\x0a\x01\x02\x03\x04",
            b"\0\0\0\x0e\0\x09key",
            b"\0\0\0\x11\0\x09a@b",
            b"\0\0\0\x0f\0\x09BYE",
            b"",
        ];
        let mut expected = expected.concat();
        let length = u8::try_from(expected.len()).unwrap();
        expected[5] = length;
        assert_eq!(packet, expected);
    }

    #[test]
    fn version_6_has_chunks_of_its_own() {
        let message = message("[2001:db8::9]:5060", "[2001:db8::1]:5061", "BYE".into());
        let packet = encode(&message, "", &settings(None)).unwrap();
        let has = |part: &[u8]| packet.windows(part.len()).any(|window| window == part);
        assert!(has(b"\0\0\0\x01\0\x07\x0a") && has(b"\0\0\0\x05\0\x16\x20\x01\x0d\xb8"));
        assert!(has(b"\0\0\0\x06\0\x16\x20\x01\x0d\xb8") && !has(b"\0\0\0\x0e"));
    }

    #[test]
    fn what_is_too_long_is_no_packet() {
        let of = |length: usize| encode(&message("[::1]:1", "[::1]:2", "x".repeat(length)), "a", &settings(None));
        assert!(of(65_000).is_some());
        for length in [65_450, 65_529, 65_530, 70_000] {
            assert!(of(length).is_none(), "{length}");
        }
    }
}
