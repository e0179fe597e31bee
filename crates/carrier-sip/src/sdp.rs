//! Offers and answers of sound (RFC 3264, RFC 8866).

use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
};

use outdial_media::{codec::Codec, stream::PayloadTypes};
use outdial_media_io::Remote;
use sdp_types::{AddrType, Direction, Media, RtpMap, Session};

/// The payload type under which we offer telephone-event; dynamic, and by far the usual one.
const TELEPHONE_EVENT: u8 = 101;

/// Our side of a session.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    /// Where we want to be sent to.
    pub(crate) address: SocketAddr,
    /// Names the session; random.
    pub(crate) session: u32,
    /// Grows with each description we send.
    pub(crate) version: u32,
    /// What we offer, best first.
    pub(crate) codecs: Vec<Codec>,
}

/// What both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) codec: Codec,
    /// What we put on our packets.
    pub(crate) send: PayloadTypes,
    /// What comes in.
    pub(crate) receive: PayloadTypes,
    /// Where the far side wants to be sent to; `None` while it wants nothing (`c=0.0.0.0`).
    pub(crate) remote: Option<Remote>,
    /// Whether we send and receive, as we see it.
    pub(crate) direction: Direction,
}

/// Why a description of the far side cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SdpError {
    #[error("it sent no description of its sound")]
    Missing,
    #[error("its description of its sound cannot be read: {0}")]
    Unreadable(String),
    #[error("it refused sound")]
    NoAudio,
    #[error("it wants {0}, and we speak RTP/AVP only")]
    Profile(String),
    #[error("it has none of the codecs that we have ({ours}), only {theirs}")]
    NoCodec { ours: String, theirs: String },
    #[error("its address `{0}` is not one that sound can be sent to")]
    Address(String),
}

/// The description that we offer.
pub(crate) fn offer(local: &Local) -> String {
    let formats: Vec<(u8, Codec)> = local
        .codecs
        .iter()
        .map(|codec| (codec.payload_type(), *codec))
        .collect();
    describe(local, &formats, Some(TELEPHONE_EVENT), Direction::SendRecv)
}

/// The description that answers what the far side offered and we agreed to.
pub(crate) fn answer(local: &Local, agreed: &Agreed) -> String {
    let formats = [(agreed.receive.audio, agreed.codec)];
    describe(local, &formats, agreed.receive.telephone_event, agreed.direction)
}

/// Reads the far side's answer to our offer.
pub(crate) fn read_answer(body: &[u8], local: &Local) -> Result<Agreed, SdpError> {
    let theirs = read(body, local, None)?;
    let ours = PayloadTypes {
        audio: theirs.codec.payload_type(),
        telephone_event: theirs.send.telephone_event.map(|_| TELEPHONE_EVENT),
        comfort_noise: theirs.send.comfort_noise,
    };
    Ok(Agreed {
        receive: ours,
        ..theirs
    })
}

/// Reads an offer of the far side. The codec in use goes before others. The numbers of the offer are
/// used both ways (RFC 3264, section 6.1).
pub(crate) fn read_offer(body: &[u8], local: &Local, in_use: Codec) -> Result<Agreed, SdpError> {
    read(body, local, Some(in_use))
}

fn describe(local: &Local, formats: &[(u8, Codec)], telephone_event: Option<u8>, direction: Direction) -> String {
    let (ip, port) = (local.address.ip(), local.address.port());
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    let mut text = String::with_capacity(320);
    let (session, version) = (local.session, local.version);
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "v=0\r\no=- {session} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP"
    );
    for number in formats.iter().map(|(number, _)| *number).chain(telephone_event) {
        let _ = write!(text, " {number}");
    }
    text.push_str("\r\n");
    for (number, codec) in formats {
        let _ = write!(text, "a=rtpmap:{number} {}/8000\r\n", codec.name());
    }
    if let Some(number) = telephone_event {
        let _ = write!(
            text,
            "a=rtpmap:{number} telephone-event/8000\r\na=fmtp:{number} 0-16\r\n"
        );
    }
    let _ = write!(text, "a=ptime:20\r\na={}\r\n", direction.as_str());
    text
}

fn read(body: &[u8], local: &Local, in_use: Option<Codec>) -> Result<Agreed, SdpError> {
    if body.is_empty() {
        return Err(SdpError::Missing);
    }
    let session = Session::parse(body).map_err(|error| SdpError::Unreadable(error.to_string()))?;
    let audio = session
        .medias
        .iter()
        .find(|media| media.media.eq_ignore_ascii_case("audio") && media.port != 0)
        .ok_or(SdpError::NoAudio)?;
    if !audio.proto.eq_ignore_ascii_case("RTP/AVP") {
        return Err(SdpError::Profile(audio.proto.chars().take(40).collect()));
    }
    let formats = Formats::of(audio);
    let wanted = in_use.into_iter().filter(|codec| local.codecs.contains(codec));
    let (number, codec) = wanted
        .filter_map(|codec| formats.codecs.iter().find(|(_, theirs)| *theirs == codec))
        .chain(formats.codecs.iter().filter(|(_, codec)| local.codecs.contains(codec)))
        .next()
        .copied()
        .ok_or_else(|| SdpError::NoCodec {
            ours: local
                .codecs
                .iter()
                .map(|codec| codec.name())
                .collect::<Vec<_>>()
                .join(", "),
            theirs: formats.names.join(", "),
        })?;
    let send = PayloadTypes {
        audio: number,
        telephone_event: formats.telephone_event,
        comfort_noise: formats.comfort_noise,
    };
    let remote = remote(&session, audio)?;
    let theirs = direction(&session, audio);
    Ok(Agreed {
        codec,
        send,
        receive: send,
        direction: match remote {
            Some(_) => theirs.reverse(),
            // An address of nothing is the old way to hold (RFC 3264, section 8.4).
            None => Direction::Inactive,
        },
        remote,
    })
}

/// The formats of an audio line that mean something to us.
#[derive(Debug, Default)]
struct Formats {
    codecs: Vec<(u8, Codec)>,
    telephone_event: Option<u8>,
    comfort_noise: Option<u8>,
    names: Vec<String>,
}

impl Formats {
    fn of(audio: &Media) -> Self {
        let mut formats = Self::default();
        for number in audio
            .fmt
            .split_whitespace()
            .take(40)
            .filter_map(|text| text.parse::<u8>().ok())
        {
            let map = audio
                .attributes_typed::<RtpMap>()
                .flatten()
                .find(|map| map.payload_type == number);
            let (name, rate) = match &map {
                Some(map) => (map.encoding_name.as_str(), map.clock_rate),
                None => match Codec::from_payload_type(number) {
                    Some(codec) => (codec.name(), 8000),
                    None if number == 13 => ("CN", 8000),
                    None => ("", 0),
                },
            };
            formats.names.push(match name {
                "" => number.to_string(),
                name => name.chars().take(20).collect(),
            });
            if rate != 8000 {
                continue;
            }
            if name.eq_ignore_ascii_case("telephone-event") {
                formats.telephone_event.get_or_insert(number);
            } else if name.eq_ignore_ascii_case("CN") {
                formats.comfort_noise.get_or_insert(number);
            } else if let Some(codec) = Codec::from_name(name) {
                formats.codecs.push((number, codec));
            }
        }
        formats
    }
}

fn remote(session: &Session, audio: &Media) -> Result<Option<Remote>, SdpError> {
    let connection = audio
        .connections
        .first()
        .or(session.connection.as_ref())
        .ok_or(SdpError::NoAudio)?;
    let bad = || SdpError::Address(connection.connection_address.chars().take(60).collect());
    if !matches!(connection.addrtype, AddrType::Ip4 | AddrType::Ip6) {
        return Err(bad());
    }
    let ip: IpAddr = connection.connection_address.parse().map_err(|_| bad())?;
    if ip.is_unspecified() {
        return Ok(None);
    }
    if ip.is_multicast() || ip == IpAddr::V4(std::net::Ipv4Addr::BROADCAST) {
        return Err(bad());
    }
    let rtcp = match audio.get_first_attribute_typed::<sdp_types::Rtcp>() {
        Some(Ok(rtcp)) if rtcp.port != 0 => {
            let host = rtcp
                .connection_address
                .and_then(|address| address.parse().ok())
                .unwrap_or(ip);
            Some(SocketAddr::new(host, rtcp.port))
        }
        _ => None,
    };
    Ok(Some(Remote {
        rtcp,
        ..Remote::new(SocketAddr::new(ip, audio.port))
    }))
}

fn direction(session: &Session, audio: &Media) -> Direction {
    let all = [
        Direction::SendRecv,
        Direction::SendOnly,
        Direction::RecvOnly,
        Direction::Inactive,
    ];
    all.into_iter()
        .find(|direction| audio.has_attribute(direction.as_str()))
        .or_else(|| {
            all.into_iter()
                .find(|direction| session.has_attribute(direction.as_str()))
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Local {
        Local {
            address: "192.0.2.1:16384".parse().unwrap(),
            session: 42,
            version: 1,
            codecs: Codec::G711.to_vec(),
        }
    }

    fn answer_with(audio: &str) -> Result<Agreed, SdpError> {
        let body = format!("v=0\r\no=x 1 1 IN IP4 192.0.2.9\r\ns=x\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{audio}");
        read_answer(body.as_bytes(), &local())
    }

    #[test]
    fn the_offer_has_both_laws_and_telephone_event() {
        let text = offer(&local());
        assert!(text.contains("m=audio 16384 RTP/AVP 0 8 101\r\n"), "{text}");
        assert!(
            text.contains("a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"),
            "{text}"
        );
        assert!(text.contains("a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"));
        assert!(Session::parse(text.as_bytes()).is_ok());
    }

    #[test]
    fn the_first_common_codec_of_the_answer_is_taken() {
        let agreed = answer_with("m=audio 4000 RTP/AVP 18 8 0 96\r\na=rtpmap:96 telephone-event/8000\r\n").unwrap();
        assert_eq!(agreed.codec, Codec::Pcma);
        assert_eq!((agreed.send.audio, agreed.receive.audio), (8, 8));
        assert_eq!(
            (agreed.send.telephone_event, agreed.receive.telephone_event),
            (Some(96), Some(101))
        );
        assert_eq!(agreed.remote.unwrap().address, "192.0.2.9:4000".parse().unwrap());
        assert_eq!(agreed.direction, Direction::SendRecv);
    }

    #[test]
    fn an_answer_may_leave_digits_out_and_put_the_address_into_the_media() {
        let agreed = answer_with("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 198.51.100.7\r\na=rtcp:5001\r\n").unwrap();
        assert_eq!(agreed.send.telephone_event, None);
        assert_eq!(agreed.receive.telephone_event, None);
        let remote = agreed.remote.unwrap();
        assert_eq!(remote.address, "198.51.100.7:4000".parse().unwrap());
        assert_eq!(remote.rtcp, Some("198.51.100.7:5001".parse().unwrap()));
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        assert_eq!(answer_with(""), Err(SdpError::NoAudio));
        assert_eq!(answer_with("m=audio 0 RTP/AVP 0\r\n"), Err(SdpError::NoAudio));
        assert_eq!(answer_with("m=video 4000 RTP/AVP 31\r\n"), Err(SdpError::NoAudio));
        assert!(matches!(
            answer_with("m=audio 4000 RTP/SAVP 0\r\n"),
            Err(SdpError::Profile(_))
        ));
        let no_codec = answer_with("m=audio 4000 RTP/AVP 18 97\r\na=rtpmap:97 opus/48000/2\r\n").unwrap_err();
        assert!(
            no_codec.to_string().ends_with("(PCMU, PCMA), only 18, opus"),
            "{no_codec}"
        );
        assert!(matches!(
            answer_with("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 224.0.0.1\r\n"),
            Err(SdpError::Address(_))
        ));
        assert!(matches!(
            answer_with("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 pbx.example.com\r\n"),
            Err(SdpError::Address(_))
        ));
        assert_eq!(read_answer(b"", &local()), Err(SdpError::Missing));
        assert!(matches!(read_answer(b"hello", &local()), Err(SdpError::Unreadable(_))));
    }

    #[test]
    fn hold_is_understood_in_both_spellings() {
        let old = answer_with("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n").unwrap();
        assert_eq!((old.remote, old.direction), (None, Direction::Inactive));
        let new = answer_with("m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n").unwrap();
        assert_eq!(new.direction, Direction::RecvOnly);
        assert!(answer(&local(), &new).contains("a=recvonly\r\n"));
    }

    #[test]
    fn an_offer_keeps_the_codec_in_use_and_its_own_numbers() {
        let body = "v=0\r\no=x 1 2 IN IP4 192.0.2.9\r\ns=x\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
                    m=audio 4000 RTP/AVP 0 8 100\r\na=rtpmap:100 telephone-event/8000\r\n";
        let agreed = read_offer(body.as_bytes(), &local(), Codec::Pcma).unwrap();
        assert_eq!(agreed.codec, Codec::Pcma);
        let text = answer(&local(), &agreed);
        assert!(text.contains("m=audio 16384 RTP/AVP 8 100\r\n"), "{text}");
    }
}
