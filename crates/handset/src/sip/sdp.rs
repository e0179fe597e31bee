//! Session descriptions (RFC 8866) in the offer/answer model (RFC 3264), for one audio stream of G.711.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use outdial_media::codec::Codec;
use sdp_types::{Media, Session};

use crate::line::Terms;

const TELEPHONE_EVENT: &str = "telephone-event/8000";
/// Which streams follow in an answer, where the phone takes only one.
type Others = Vec<(String, String, String)>;

/// What a phone makes of the far side's description: what is agreed on, and the answer's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) terms: Terms,
    direction: &'static str,
    /// The streams of the offer before and after the one taken, refused each in its place.
    before: Others,
    after: Others,
}

/// The description has nothing that the phone can take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAcceptable {
    #[error("the session description cannot be read: {0}")]
    Unreadable(String),
    #[error("no audio stream of RTP/AVP with PCMU or PCMA is in the session description")]
    NoAudio,
}

impl Agreement {
    /// Reads an offer, or the answer to one of ours, and takes the first codec of it that the phone knows.
    pub(crate) fn read(body: &[u8]) -> Result<Self, NotAcceptable> {
        let session = Session::parse(body).map_err(|error| NotAcceptable::Unreadable(error.to_string()))?;
        let found = session
            .medias
            .iter()
            .enumerate()
            .find_map(|(index, media)| Some((index, terms(&session, media)?)));
        let (index, terms) = found.ok_or(NotAcceptable::NoAudio)?;
        let media = &session.medias[index];
        let refused = |medias: &[Media]| -> Others {
            medias
                .iter()
                .map(|media| (media.media.clone(), media.proto.clone(), media.fmt.clone()))
                .collect()
        };
        Ok(Self {
            terms,
            direction: answered_direction(&session, media),
            before: refused(&session.medias[..index]),
            after: refused(&session.medias[index + 1..]),
        })
    }

    /// What the phone offers where the far side left that to it.
    pub(crate) fn own_offer() -> Self {
        let terms = Terms {
            codec: Codec::Pcmu,
            audio: 0,
            events: Some(101),
            remote: None,
        };
        Self {
            terms,
            direction: "sendrecv",
            before: Vec::new(),
            after: Vec::new(),
        }
    }

    /// The description to send, with RTP at this address.
    pub(crate) fn write(&self, rtp: SocketAddr, version: u64) -> Vec<u8> {
        let kind = if rtp.is_ipv4() { "IP4" } else { "IP6" };
        let address = rtp.ip();
        let session = rtp.port();
        let mut text = format!(
            "v=0\r\no=- {session} {version} IN {kind} {address}\r\ns=handset\r\nc=IN {kind} {address}\r\nt=0 0\r\n"
        );
        let refuse = |text: &mut String, others: &Others| {
            for (media, proto, formats) in others {
                // Writing to a string cannot fail.
                let _ = write!(text, "m={media} 0 {proto} {formats}\r\n");
            }
        };
        refuse(&mut text, &self.before);
        let Terms {
            codec, audio, events, ..
        } = self.terms;
        let events_format = events.map(|events| format!(" {events}")).unwrap_or_default();
        let _ = write!(text, "m=audio {} RTP/AVP {audio}{events_format}\r\n", rtp.port());
        let _ = write!(text, "a=rtpmap:{audio} {}/{}\r\n", codec.name(), codec.clock_rate());
        if let Some(events) = events {
            let _ = write!(text, "a=rtpmap:{events} {TELEPHONE_EVENT}\r\na=fmtp:{events} 0-15\r\n");
        }
        let _ = write!(text, "a=ptime:20\r\na={}\r\n", self.direction);
        refuse(&mut text, &self.after);
        text.into_bytes()
    }
}

fn terms(session: &Session, media: &Media) -> Option<Terms> {
    if media.media != "audio" || media.proto != "RTP/AVP" || media.port == 0 {
        return None;
    }
    let names = media
        .attributes
        .iter()
        .filter(|attribute| attribute.attribute == "rtpmap");
    let names: Vec<(u8, &str)> = names
        .filter_map(|attribute| attribute.value.as_deref()?.split_once(' '))
        .filter_map(|(payload_type, name)| Some((payload_type.parse().ok()?, name.trim())))
        .collect();
    let name = |payload_type: u8| {
        names
            .iter()
            .find(|(known, _)| *known == payload_type)
            .map(|(_, name)| *name)
    };
    let codec = |payload_type: u8| match name(payload_type) {
        Some(name) => {
            let (name, rate) = name.split_once('/')?;
            Codec::from_name(name).filter(|codec| rate.split('/').next() == Some(&codec.clock_rate().to_string()))
        }
        None => Codec::from_payload_type(payload_type),
    };
    // Handsets play and record 8,000 samples a second.
    let codec = |payload_type| codec(payload_type).filter(|codec| codec.sample_rate() == crate::sound::RATE);
    let formats: Vec<u8> = media
        .fmt
        .split_whitespace()
        .filter_map(|format| format.parse().ok())
        .collect();
    let (audio, codec) = formats.iter().find_map(|format| Some((*format, codec(*format)?)))?;
    let is_event = |format: &u8| name(*format).is_some_and(|name| name.eq_ignore_ascii_case(TELEPHONE_EVENT));
    let address: Option<IpAddr> = media
        .connections
        .first()
        .or(session.connection.as_ref())
        .and_then(|connection| connection.connection_address.split('/').next()?.parse().ok());
    let receives = !matches!(direction(session, media), "sendonly" | "inactive");
    Some(Terms {
        codec,
        audio,
        events: formats.iter().copied().find(is_event),
        // An unspecified address is how hold was said before directions (RFC 3264, section 8.4).
        remote: address
            .filter(|address| receives && !address.is_unspecified())
            .map(|address| SocketAddr::new(address, media.port)),
    })
}

fn direction<'a>(session: &'a Session, media: &'a Media) -> &'a str {
    let attributes = media.attributes.iter().chain(&session.attributes);
    attributes
        .map(|attribute| attribute.attribute.as_str())
        .find(|name| ["sendrecv", "sendonly", "recvonly", "inactive"].contains(name))
        .unwrap_or("sendrecv")
}

fn answered_direction(session: &Session, media: &Media) -> &'static str {
    match direction(session, media) {
        "sendonly" => "recvonly",
        "recvonly" => "sendonly",
        "inactive" => "inactive",
        _ => "sendrecv",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(media: &str) -> Result<Agreement, NotAcceptable> {
        let text = format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n{media}");
        Agreement::read(text.as_bytes())
    }

    #[test]
    fn the_first_known_codec_is_taken() {
        let cases = [
            ("m=audio 4000 RTP/AVP 0\r\n", Codec::Pcmu, 0, None),
            ("m=audio 4000 RTP/AVP 8 0\r\n", Codec::Pcma, 8, None),
            ("m=audio 4000 RTP/AVP 18 3 0 8\r\n", Codec::Pcmu, 0, None),
            (
                "m=audio 4000 RTP/AVP 9 97 96\r\na=rtpmap:97 pcma/8000/1\r\na=rtpmap:96 Telephone-Event/8000\r\n",
                Codec::Pcma,
                97,
                Some(96),
            ),
            (
                "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 opus/48000/2\r\na=rtpmap:101 PCMU/8000\r\n",
                Codec::Pcmu,
                101,
                None,
            ),
        ];
        for (media, codec, audio, events) in cases {
            let terms = offer(media).unwrap().terms;
            let remote = Some("127.0.0.1:4000".parse().unwrap());
            assert_eq!(
                terms,
                Terms {
                    codec,
                    audio,
                    events,
                    remote
                },
                "{media}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_not_acceptable() {
        let cases = [
            "",
            "m=audio 4000 RTP/AVP 18\r\n",
            "m=audio 0 RTP/AVP 0\r\n",
            "m=audio 4000 RTP/SAVP 0\r\n",
            "m=video 4000 RTP/AVP 0\r\n",
        ];
        for media in cases {
            assert_eq!(offer(media), Err(NotAcceptable::NoAudio), "{media}");
        }
        assert!(matches!(
            Agreement::read(b"nonsense"),
            Err(NotAcceptable::Unreadable(_))
        ));
    }

    #[test]
    fn an_answer_refuses_the_other_streams_in_their_places() {
        let offer = offer(
            "m=video 4002 RTP/AVP 34\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\nm=audio 4004 RTP/AVP 0\r\n",
        );
        let offer = offer.unwrap();
        assert_eq!(offer.terms.remote, None, "on hold nothing is sent");
        let answer = String::from_utf8(offer.write("127.0.0.1:5000".parse().unwrap(), 3)).unwrap();
        let lines: Vec<&str> = answer.lines().collect();
        let expected = [
            "v=0",
            "o=- 5000 3 IN IP4 127.0.0.1",
            "s=handset",
            "c=IN IP4 127.0.0.1",
            "t=0 0",
            "m=video 0 RTP/AVP 34",
            "m=audio 5000 RTP/AVP 0 101",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
            "a=ptime:20",
            "a=recvonly",
            "m=audio 0 RTP/AVP 0",
        ];
        assert_eq!(lines, expected);
    }
}
