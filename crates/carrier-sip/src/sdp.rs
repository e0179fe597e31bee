//! Offers and answers of sound (RFC 3264, RFC 4568, RFC 8866).

mod formats;

use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
};

use outdial_media::{
    codec::Codec,
    srtp::{
        MasterKey, SrtpKey, SrtpKeys, Suite,
        sdes::{Crypto, SdesError},
    },
    stream::PayloadTypes,
};
use outdial_media_io::Remote;
use sdp_types::{AddrType, Direction, Media, Session};

use self::formats::Formats;

/// The payload type under which we offer telephone-event; dynamic, and by far the usual one.
const TELEPHONE_EVENT: u8 = 101;

/// Whether sound is protected (RFC 3711), with keys in the description.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Srtp {
    /// It is not, and whoever insists on it is refused.
    #[default]
    Off,
    /// It is where the far side does it. Offers are those of plain sound with keys beside them.
    Prefer,
    /// It is, or there is no call.
    Require,
}

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
    /// How much sound we want in a packet, in milliseconds.
    pub(crate) packet_time: u8,
    pub(crate) srtp: Srtp,
    /// Our keys, one for each suite, whether they are used or not.
    pub(crate) keys: Vec<Crypto>,
}

/// Keys of ours, from 60 random octets.
pub(crate) fn keys(random: &[u8; 64]) -> Vec<Crypto> {
    let octets = random.chunks_exact(MasterKey::LENGTH);
    (1..)
        .zip(Suite::ALL.into_iter().zip(octets))
        .map(|(tag, (suite, octets))| {
            let mut master = [0; MasterKey::LENGTH];
            master.copy_from_slice(octets);
            Crypto::new(tag, SrtpKey::new(suite, MasterKey::new(master)))
        })
        .collect()
}

/// What both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) codec: Codec,
    /// What we put on our packets.
    pub(crate) send: PayloadTypes,
    /// What comes in.
    pub(crate) receive: PayloadTypes,
    /// The clock of telephone-event.
    pub(crate) event_clock: u32,
    /// How much sound the far side wants in a packet, in milliseconds.
    pub(crate) packet_time: u8,
    /// Where the far side wants to be sent to; `None` while it wants nothing (`c=0.0.0.0`).
    pub(crate) remote: Option<Remote>,
    /// Whether we send and receive, as we see it.
    pub(crate) direction: Direction,
    /// The keys of both ways, where the sound is protected.
    pub(crate) keys: Option<SrtpKeys>,
    /// Our line with the key, and the profile that the far side wrote.
    crypto: Option<Crypto>,
    profile: Profile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    Avp,
    Savp,
}

impl Profile {
    const fn name(self) -> &'static str {
        match self {
            Self::Avp => "RTP/AVP",
            Self::Savp => "RTP/SAVP",
        }
    }
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
    #[error("it wants {0}, and we speak RTP/AVP, and RTP/SAVP where `srtp` of the trunk allows it")]
    Profile(String),
    #[error("it does not protect its sound, and `srtp` of the trunk wants that")]
    NotProtected,
    #[error("it protects its sound in a way that we cannot: {0}")]
    Keys(SdesError),
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
    let (profile, lines) = match local.srtp {
        Srtp::Off => (Profile::Avp, &[][..]),
        Srtp::Prefer => (Profile::Avp, &local.keys[..]),
        Srtp::Require => (Profile::Savp, &local.keys[..]),
    };
    let description = Description {
        formats: &formats,
        telephone_event: Some((TELEPHONE_EVENT, 8000)),
        direction: Direction::SendRecv,
        profile,
        lines,
    };
    describe(local, &description)
}

/// The description that answers what the far side offered and we agreed to.
pub(crate) fn answer(local: &Local, agreed: &Agreed) -> String {
    let event = agreed.receive.telephone_event;
    let description = Description {
        formats: &[(agreed.receive.audio, agreed.codec)],
        telephone_event: event.map(|number| (number, agreed.event_clock)),
        direction: agreed.direction,
        profile: agreed.profile,
        lines: agreed.crypto.as_slice(),
    };
    describe(local, &description)
}

/// Reads the far side's answer to our offer.
pub(crate) fn read_answer(body: &[u8], local: &Local) -> Result<Agreed, SdpError> {
    let theirs = read(body, local, Side::Answer)?;
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

/// Reads an offer of the far side. The codec in use goes before others, and only those of its sample
/// rate are taken, because what is played has that rate. The numbers of the offer are used both ways
/// (RFC 3264, section 6.1).
pub(crate) fn read_offer(body: &[u8], local: &Local, in_use: Option<Codec>) -> Result<Agreed, SdpError> {
    read(body, local, Side::Offer { in_use })
}

struct Description<'a> {
    formats: &'a [(u8, Codec)],
    telephone_event: Option<(u8, u32)>,
    direction: Direction,
    profile: Profile,
    lines: &'a [Crypto],
}

fn describe(local: &Local, description: &Description<'_>) -> String {
    let Description {
        formats,
        telephone_event,
        direction,
        profile,
        lines,
    } = description;
    let (ip, port) = (local.address.ip(), local.address.port());
    let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
    let mut text = String::with_capacity(480);
    let (session, version, profile) = (local.session, local.version, profile.name());
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "v=0\r\no=- {session} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {port} {profile}"
    );
    for number in formats
        .iter()
        .map(|(number, _)| *number)
        .chain(telephone_event.map(|(number, _)| number))
    {
        let _ = write!(text, " {number}");
    }
    text.push_str("\r\n");
    for (number, codec) in *formats {
        let _ = write!(text, "a=rtpmap:{number} {}/{}\r\n", codec.name(), codec.clock_rate());
    }
    if let Some((number, clock)) = telephone_event {
        let _ = write!(
            text,
            "a=rtpmap:{number} telephone-event/{clock}\r\na=fmtp:{number} 0-16\r\n"
        );
    }
    for line in *lines {
        let _ = write!(text, "a=crypto:{line}\r\n");
    }
    let _ = write!(text, "a=ptime:{}\r\na={}\r\n", local.packet_time, direction.as_str());
    text
}

#[derive(Clone, Copy)]
enum Side {
    Offer { in_use: Option<Codec> },
    Answer,
}

fn read(body: &[u8], local: &Local, side: Side) -> Result<Agreed, SdpError> {
    if body.is_empty() {
        return Err(SdpError::Missing);
    }
    let session = Session::parse(body).map_err(|error| SdpError::Unreadable(error.to_string()))?;
    let audio = session
        .medias
        .iter()
        .find(|media| media.media.eq_ignore_ascii_case("audio") && media.port != 0)
        .ok_or(SdpError::NoAudio)?;
    let (profile, crypto, keys) = protection(audio, local, side)?;
    let formats = Formats::of(audio);
    let in_use = match side {
        Side::Offer { in_use } => in_use,
        Side::Answer => None,
    };
    let fits = |codec: &Codec| {
        local.codecs.contains(codec) && in_use.is_none_or(|in_use| in_use.sample_rate() == codec.sample_rate())
    };
    let wanted = in_use.into_iter().filter(fits);
    let (number, codec) = wanted
        .filter_map(|codec| formats.codecs.iter().find(|(_, theirs)| *theirs == codec))
        .chain(formats.codecs.iter().filter(|(_, codec)| fits(codec)))
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
    let event = formats.telephone_event_for(codec);
    let send = PayloadTypes {
        audio: number,
        telephone_event: event.map(|(number, _)| number),
        comfort_noise: formats.comfort_noise,
    };
    let remote = remote(&session, audio)?;
    let theirs = direction(&session, audio);
    Ok(Agreed {
        codec,
        send,
        receive: send,
        event_clock: event.map_or(8000, |(_, clock)| clock),
        packet_time: packet_time(audio),
        direction: match remote {
            Some(_) => theirs.reverse(),
            // An address of nothing is the old way to hold (RFC 3264, section 8.4).
            None => Direction::Inactive,
        },
        remote,
        keys,
        crypto,
        profile,
    })
}

type Protection = (Profile, Option<Crypto>, Option<SrtpKeys>);

/// Whether the sound is protected, and by which keys.
fn protection(audio: &Media, local: &Local, side: Side) -> Result<Protection, SdpError> {
    let profile = match audio.proto.as_str() {
        proto if proto.eq_ignore_ascii_case("RTP/AVP") => Profile::Avp,
        proto if proto.eq_ignore_ascii_case("RTP/SAVP") && local.srtp != Srtp::Off => Profile::Savp,
        other => return Err(SdpError::Profile(other.chars().take(40).collect())),
    };
    let lines: Vec<&str> = audio
        .attributes
        .iter()
        .filter(|attribute| attribute.attribute.eq_ignore_ascii_case("crypto"))
        .filter_map(|attribute| attribute.value.as_deref())
        .take(16)
        .collect();
    let plain = || match (profile, local.srtp) {
        (Profile::Avp, Srtp::Off | Srtp::Prefer) => Ok((profile, None, None)),
        (Profile::Savp, _) | (Profile::Avp, Srtp::Require) => Err(SdpError::NotProtected),
    };
    if local.srtp == Srtp::Off || lines.is_empty() {
        return plain();
    }
    let theirs = match Crypto::choose(lines) {
        Ok(theirs) => theirs,
        Err(error) if plain().is_err() => return Err(SdpError::Keys(error)),
        Err(_) => return plain(),
    };
    let ours = local.keys.iter().find(|ours| match side {
        Side::Offer { .. } => ours.key.suite == theirs.key.suite,
        Side::Answer => ours.tag == theirs.tag && ours.key.suite == theirs.key.suite,
    });
    let Some(ours) = ours else {
        return Err(SdpError::Keys(SdesError::Missing("a line of ours that it answers")));
    };
    let keys = SrtpKeys {
        send: ours.key.clone(),
        receive: theirs.key.clone(),
    };
    Ok((profile, Some(Crypto::new(theirs.tag, ours.key.clone())), Some(keys)))
}

/// What the far side wants in a packet; never more than it can take.
fn packet_time(audio: &Media) -> u8 {
    let number = |name: &str| {
        let value = audio.get_first_attribute_value(name)??;
        value
            .trim()
            .parse::<f32>()
            .ok()
            .filter(|millis| (1.0..=1000.0).contains(millis))
    };
    let wanted = number("ptime").unwrap_or(20.0);
    let most = number("maxptime").unwrap_or(wanted.max(20.0));
    wanted.min(most).clamp(10.0, 60.0) as u8
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
            packet_time: 20,
            srtp: Srtp::Off,
            keys: keys(&[7; 64]),
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
        let agreed = read_offer(body.as_bytes(), &local(), Some(Codec::Pcma)).unwrap();
        assert_eq!(agreed.codec, Codec::Pcma);
        let text = answer(&local(), &agreed);
        assert!(text.contains("m=audio 16384 RTP/AVP 8 100\r\n"), "{text}");
    }

    fn protected(srtp: Srtp) -> Local {
        Local { srtp, ..local() }
    }

    fn described(audio: &str) -> Vec<u8> {
        format!("v=0\r\no=x 1 1 IN IP4 192.0.2.9\r\ns=x\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n{audio}").into_bytes()
    }

    const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    #[test]
    fn keys_are_offered_as_the_trunk_wants() {
        let plain = offer(&protected(Srtp::Off));
        assert!(plain.contains("RTP/AVP 0") && !plain.contains("crypto"), "{plain}");
        let either = offer(&protected(Srtp::Prefer));
        assert!(
            either.contains("RTP/AVP 0") && either.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"),
            "{either}"
        );
        assert!(
            either.contains("a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:"),
            "{either}"
        );
        assert!(offer(&protected(Srtp::Require)).contains("RTP/SAVP 0"));
    }

    #[test]
    fn protection_is_agreed_on_or_refused() {
        let with_key = |profile: &str| {
            described(&format!(
                "m=audio 4000 {profile} 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n"
            ))
        };
        let without = described("m=audio 4000 RTP/AVP 0\r\n");
        for (srtp, body, expected) in [
            (Srtp::Off, with_key("RTP/AVP"), Ok(false)),
            (Srtp::Off, with_key("RTP/SAVP"), Err(true)),
            (Srtp::Prefer, with_key("RTP/AVP"), Ok(true)),
            (Srtp::Prefer, with_key("RTP/SAVP"), Ok(true)),
            (Srtp::Prefer, without.clone(), Ok(false)),
            (Srtp::Require, with_key("RTP/SAVP"), Ok(true)),
            (Srtp::Require, without, Err(true)),
            (Srtp::Require, described("m=audio 4000 RTP/SAVP 0\r\n"), Err(true)),
            (
                Srtp::Prefer,
                described("m=audio 4000 RTP/SAVP 0\r\na=crypto:1 F8_128_HMAC_SHA1_80 inline:x\r\n"),
                Err(true),
            ),
        ] {
            let text = String::from_utf8(body.clone()).unwrap();
            let answered = read_answer(&body, &protected(srtp)).map(|agreed| agreed.keys.is_some());
            assert_eq!(answered.map_err(|_| true), expected, "{srtp:?} {text}");
            let offered = read_offer(&body, &protected(srtp), None);
            assert_eq!(
                offered.clone().map(|agreed| agreed.keys.is_some()).map_err(|_| true),
                expected,
                "{srtp:?} {text}"
            );
            if let (Ok(agreed), Ok(true)) = (offered, expected) {
                let shown = answer(&protected(srtp), &agreed);
                assert!(shown.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"), "{shown}");
                assert_eq!(shown.contains("RTP/SAVP"), text.contains("RTP/SAVP"), "{shown}");
            }
        }
        let other_tag = described(&format!(
            "m=audio 4000 RTP/SAVP 0\r\na=crypto:9 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n"
        ));
        assert!(read_answer(&other_tag, &protected(Srtp::Require)).is_err());
        assert!(read_offer(&other_tag, &protected(Srtp::Require), None).is_ok());
    }

    #[test]
    fn wide_sound_has_its_clock_and_its_own_keys() {
        let mut wide = local();
        wide.codecs = vec![Codec::G722, Codec::Pcmu];
        let shown = offer(&wide);
        assert!(shown.contains("RTP/AVP 9 0 101\r\na=rtpmap:9 G722/8000\r\n"), "{shown}");
        let events = "a=rtpmap:100 telephone-event/16000\r\n";
        let body = described(&format!("m=audio 4000 RTP/AVP 9 0 100\r\n{events}"));
        let agreed = read_offer(&body, &wide, None).unwrap();
        assert_eq!(
            (agreed.codec, agreed.send.telephone_event, agreed.event_clock),
            (Codec::G722, Some(100), 16_000)
        );
        assert!(answer(&wide, &agreed).contains("telephone-event/16000"));
        // A codec of another rate cannot be changed to while something is played.
        let narrow = read_offer(&body, &wide, Some(Codec::Pcmu)).unwrap();
        assert_eq!((narrow.codec, narrow.send.telephone_event), (Codec::Pcmu, None));
        assert!(read_offer(&described("m=audio 4000 RTP/AVP 9\r\n"), &wide, Some(Codec::Pcmu)).is_err());
    }

    #[test]
    fn packets_are_as_long_as_the_far_side_wants() {
        for (lines, expected) in [
            ("", 20),
            ("a=ptime:30\r\n", 30),
            ("a=ptime:200\r\n", 60),
            ("a=ptime:5\r\n", 10),
            ("a=ptime:60\r\na=maxptime:40\r\n", 40),
            ("a=maxptime:10\r\n", 10),
            ("a=ptime:soon\r\n", 20),
        ] {
            let agreed = answer_with(&format!("m=audio 4000 RTP/AVP 0\r\n{lines}")).unwrap();
            assert_eq!(agreed.packet_time, expected, "{lines}");
        }
    }
}
