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
pub(crate) const TELEPHONE_EVENT: u8 = 101;

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
    /// Whether we hold the far side: we want to hear nothing of it.
    pub(crate) holds: bool,
    /// Our number of telephone-event in this session, which keeps it.
    pub(crate) telephone_event: u8,
}

impl Local {
    /// What we do of what the far side lets us do.
    fn restricted(&self, direction: Direction) -> Direction {
        match direction {
            Direction::SendRecv if self.holds => Direction::SendOnly,
            Direction::RecvOnly if self.holds => Direction::Inactive,
            _ => direction,
        }
    }
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

impl Agreed {
    /// The suite that protects the sound.
    pub(crate) fn suite(&self) -> Option<&'static str> {
        self.keys.as_ref()?;
        Some(self.crypto.as_ref()?.key.suite.name())
    }
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
        telephone_event: Some((local.telephone_event, 8000)),
        direction: local.restricted(Direction::SendRecv),
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

/// The description of a session that is agreed on, as an offer of ours: only the direction may change.
pub(crate) fn offer_again(local: &Local, agreed: &Agreed) -> String {
    let agreed = Agreed {
        direction: local.restricted(Direction::SendRecv),
        ..agreed.clone()
    };
    answer(local, &agreed)
}

/// Reads the far side's answer to our offer.
pub(crate) fn read_answer(body: &[u8], local: &Local) -> Result<Agreed, SdpError> {
    let theirs = read(body, local, Side::Answer)?;
    let ours = PayloadTypes {
        audio: theirs.codec.payload_type(),
        telephone_event: theirs.send.telephone_event.map(|_| local.telephone_event),
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

/// Where a description is written in a way of its own.
fn unreadable(error: &sdp_types::ParserError, body: &[u8]) -> String {
    let text = error.to_string();
    let line = text.split_once("line ").and_then(|(_, rest)| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    });
    let Some(line) = line else {
        return "it does not begin with `v=0`".into();
    };
    let written = String::from_utf8_lossy(body);
    let written = written.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let written: String = written.chars().filter(|c| !c.is_control()).take(40).collect();
    format!("line {line}, `{written}`, is not as RFC 8866 has it")
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
    let session = Session::parse(body).map_err(|error| SdpError::Unreadable(unreadable(&error, body)))?;
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
            Some(_) => local.restricted(theirs.reverse()),
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
mod tests;
