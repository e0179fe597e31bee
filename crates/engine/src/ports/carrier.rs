//! The port to whatever rings phones.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::{BoxFuture, ready};
use jiff::Timestamp;
use outdial_domain::{AccountId, Address, Digit, Ending, EventKind, LegId, Quality, RoomId, digit::Digits};
use outdial_flow::{Flow, Prompt};
use tokio::sync::mpsc;

use super::{Clip, Joining, TapSink};

/// A kind of way out. One carrier may serve several trunks.
///
/// A carrier is asked what it can do before it is asked to do it, so that routing can fall to the
/// next trunk and a request that nobody can serve is refused at once with all the reasons.
pub trait VoiceCarrier: Send + Sync {
    /// Whether this carrier can serve the request over one of its trunks, and how.
    fn can(&self, ask: &Ask<'_>) -> Answer;

    /// Rings one leg. The leg must be in the journal before this is called.
    ///
    /// Returns as soon as the request is accepted for sending; all that happens afterwards comes as
    /// [`LegEvent`]s, the last of which is always [`LegEvent::Ended`]. Dropping the handle hangs up.
    ///
    /// # Errors
    ///
    /// [`RingError`] when nothing was sent, and nothing will be.
    fn ring(&self, order: LegOrder) -> BoxFuture<'_, Result<LegHandle, RingError>>;

    /// Takes one call as a whole: rings it, does what its flow says, and reports back. It is asked only
    /// when [`VoiceCarrier::can`] said [`Answer::Whole`], and the leg is in the journal by then.
    ///
    /// The events are those of [`VoiceCarrier::ring`] as far as the carrier learns of them; of the
    /// commands only [`LegCommand::HangUp`] is given.
    ///
    /// # Errors
    ///
    /// [`RingError`] when nothing was handed over, and nothing will be.
    fn take(&self, order: WholeOrder) -> BoxFuture<'_, Result<LegHandle, RingError>> {
        let reason = format!(
            "this carrier gives legs and takes no whole plans, as for {}",
            order.leg.to
        );
        Box::pin(ready(Err(RingError::Refused(reason))))
    }

    /// Stays again with a call that an earlier run had handed over as a whole. What becomes of it comes as by
    /// [`VoiceCarrier::take`]; where nobody can know, the events end without [`LegEvent::Ended`], and the leg
    /// is `unknown`. Nothing is rung by this.
    ///
    /// `None` when the carrier can know nothing of any such leg.
    fn take_up(&self, left: LeftBehind) -> Option<LegHandle> {
        let _ = left;
        None
    }

    /// The calls that come in over this carrier's trunks. The engine takes the receiver once, at its
    /// start; a carrier that takes no calls has none.
    ///
    /// When nobody receives in time, the carrier refuses the call as congestion.
    fn incoming(&self) -> Option<mpsc::Receiver<IncomingLeg>> {
        None
    }
}

/// A call that comes in over a trunk. Nothing but "trying" has been said to the far side.
///
/// The engine answers it with [`LegCommand::Answer`], after which [`LegEvent::Answered`] follows, or
/// refuses it with [`LegCommand::HangUp`], whose outcome chooses the status that the far side gets.
#[derive(Debug)]
pub struct IncomingLeg {
    /// Its name, made by the carrier.
    pub leg: LegId,
    /// The trunk it came by.
    pub trunk: String,
    /// Who calls; `None` when that is withheld.
    pub from: Option<Address>,
    /// The number that was called.
    pub to: Address,
    /// What happens to it, and what it is told.
    pub handle: LegHandle,
}

/// What a carrier is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The trunk it would go out by; `None` for a SIP URI that is dialled without a trunk.
    pub trunk: Option<&'a str>,
    /// Whom to reach.
    pub to: &'a Address,
    /// The caller id to show, where the plan has one.
    pub from: Option<&'a Address>,
    /// How long the phone would ring.
    pub ring: Duration,
    /// How long the call might last from its answer.
    pub talk: Duration,
    /// What the call would do.
    pub flow: &'a Flow,
}

/// What a carrier says to an [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It gives legs and media, and our engine runs the flow.
    Legs,
    /// It takes the plan as a whole and reports back.
    Whole,
    /// It cannot, for this reason.
    No(String),
}

/// One leg to ring.
#[derive(Debug, Clone)]
pub struct LegOrder {
    /// The leg, from which the carrier makes its idempotent name on the wire.
    pub leg: LegId,
    /// The trunk; `None` for a SIP URI that is dialled without one.
    pub trunk: Option<String>,
    /// Whom to reach.
    pub to: Address,
    /// The caller id to show.
    pub from: Option<Address>,
    /// Nothing may be sent after this moment: another node may own the call by then.
    pub send_before: Option<Instant>,
}

/// One call that a carrier takes as a whole.
#[derive(Debug, Clone)]
pub struct WholeOrder {
    /// Its leg.
    pub leg: LegOrder,
    /// Whose call it is: rooms of the same name are not the same for another.
    pub account: AccountId,
    /// How long the phone rings.
    pub ring: Duration,
    /// How long the call may last from its answer.
    pub talk: Duration,
    /// What to do after the answer.
    pub flow: Flow,
    /// The sound of every prompt of the flow, at 8 kHz.
    pub sounds: Vec<(Prompt, Arc<Clip>)>,
}

/// A leg that an earlier run had handed over as the whole of its call, and did not see the end of.
#[derive(Debug, Clone)]
pub struct LeftBehind {
    /// The leg.
    pub leg: LegId,
    /// The trunk it went out by.
    pub trunk: String,
    /// What was handed over by it, without its sounds.
    pub order: WholeOrder,
    /// When it was journalled: nothing of it was sent before.
    pub since: Timestamp,
    /// What time it is.
    pub now: Timestamp,
    /// How long it may still ring and talk by its plan.
    pub longest: Duration,
}

/// A leg under way.
#[derive(Debug)]
pub struct LegHandle {
    /// What happens to it.
    pub events: mpsc::Receiver<LegEvent>,
    /// What it is told to do.
    pub commands: mpsc::Sender<LegCommand>,
}

/// Why nothing was sent. The leg has certainly not rung.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// The far side's address cannot be found out.
    #[error("the host `{host}` cannot be resolved: {reason}. Check the name, and this machine's name servers")]
    Unresolved {
        /// The host.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// No port, socket or other means was left to carry it.
    #[error("no means left to carry the call: {0}")]
    Exhausted(String),
    /// The moment until which it might be sent has passed.
    #[error("the moment until which this leg might be sent has passed")]
    TooLate,
    /// The order makes no sense to this carrier.
    #[error("{0}")]
    Refused(String),
}

/// What a leg is told to do.
#[derive(Debug)]
pub enum LegCommand {
    /// Answer a call that came in.
    Answer,
    /// Play these, one after the other; [`LegEvent::PlayDone`] follows with the same number. In a room only this leg hears it,
    /// over what it hears of the others.
    Play {
        /// Chosen by the engine.
        play: u64,
        /// At the sample rate that [`LegEvent::Answered`] told.
        clips: Vec<Arc<Clip>>,
    },
    /// Stop what is played, at once. No [`LegEvent::PlayDone`] follows.
    StopPlaying,
    /// Press keys; [`LegEvent::DigitsSent`] follows.
    SendDigits {
        /// What to press.
        digits: Digits,
    },
    /// Put the sound of both sides in here, from now on, or from its beginning where there is none yet.
    /// There may be several; one whose other end is gone is let go.
    Tap(TapSink),
    /// Hear the others in a room, and be heard by them; [`LegEvent::Joined`] follows. A leg that is in another room leaves it.
    /// Before the answer this is for legs only that told of early media.
    Join(Joining),
    /// Leave the room, if it is in one; [`LegEvent::Left`] follows. Nothing but what is played to it is heard then.
    Leave,
    /// Keep what it says out of the room, or let it in again.
    Mute(bool),
    /// Report the keys that are pressed in a [`RoomKind::Bridge`](super::RoomKind::Bridge), which are passed to the other side
    /// and else are its own affair.
    Listen(bool),
    /// Put the far side on hold, or take it back. [`LegEvent::OnHold`] follows when it agreed, else [`LegEvent::HoldRefused`].
    /// Who is held hears only what is played to it, and is not heard in its room.
    Hold(bool),
    /// Ask the far side to call somebody else instead of us, who is reached by the same trunk; [`LegEvent::Transferred`] follows
    /// unless the leg ends before. The leg lives on until one of the sides hangs up.
    Transfer {
        /// Whom.
        to: Box<Address>,
    },
    /// End the leg: CANCEL before the answer, BYE after it. The ending is what
    /// [`LegEvent::Ended`] will report, unless the far side ended it first. Whoever has the call as a whole says
    /// [`LegEvent::HungUp`], and stays with a call that goes on.
    HangUp {
        /// Why.
        ending: Ending,
    },
}

/// What happens to a leg, in order.
#[derive(Debug, Clone)]
pub enum LegEvent {
    /// The request has left.
    Sent,
    /// The far side rings, or plays something before the answer.
    Ringing {
        /// The SIP status.
        sip_code: Option<u16>,
        /// Whether sound may come before the answer.
        early_media: bool,
    },
    /// The far side answered, and sound can flow.
    Answered {
        /// The codec agreed on, as in SDP: `PCMU`, `PCMA`.
        codec: &'static str,
        /// The sample rate at which clips are to be given, in hertz.
        sample_rate: u32,
    },
    /// What was agreed on beside the codec, where there is something of it; again when it changes.
    Session(Terms),
    /// The far side put us on hold, or took us back.
    FarHold(bool),
    /// What was played has been sent to its last packet.
    PlayDone {
        /// The number given with [`LegCommand::Play`].
        play: u64,
    },
    /// The keys were pressed.
    DigitsSent,
    /// It is in the room, and heard there unless it is muted.
    Joined {
        /// Which one.
        room: RoomId,
    },
    /// It is in no room any more.
    Left,
    /// The far side is on hold by us, or is not any more.
    OnHold(bool),
    /// The far side does not want to be put on hold, or taken back; all is as it was.
    HoldRefused,
    /// The far side reached whom it was asked to call, or says why not.
    Transferred(Result<(), String>),
    /// What a carrier that took the call as a whole says to [`LegCommand::HangUp`]: it ends the call, or why the call goes
    /// on. A later one takes the place of an earlier one; none is needed before [`LegEvent::Ended`].
    HungUp(Result<(), String>),
    /// The far side pressed a key.
    Digit {
        /// The key.
        digit: Digit,
        /// How it came.
        way: DigitWay,
    },
    /// It is over. Nothing follows.
    Ended(Box<LegEnd>),
}

/// What was agreed on with a far side beside the codec.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// The suite that protects the sound, as in SDP.
    pub srtp: Option<&'static str>,
    /// After how long the session ends unless it is refreshed, and whether we do that.
    pub refresh: Option<(Duration, bool)>,
}

impl Terms {
    /// The event that tells it of a leg.
    #[must_use]
    pub fn event(self, leg: LegId) -> EventKind {
        EventKind::Session {
            leg,
            srtp: self.srtp.map(str::to_owned),
            refresh_seconds: self
                .refresh
                .map(|(every, _)| u32::try_from(every.as_secs()).unwrap_or(u32::MAX)),
            refreshed_by_us: self.refresh.is_some_and(|(_, ours)| ours),
        }
    }
}

/// How a digit came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigitWay {
    /// As a telephone-event in RTP (RFC 4733).
    Rtp,
    /// In a SIP INFO request.
    SipInfo,
    /// As tones in the sound.
    InBand,
}

impl DigitWay {
    /// The stable word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rtp => "rtp",
            Self::SipInfo => "sip_info",
            Self::InBand => "in_band",
        }
    }
}

/// How a leg ended, with all that is worth keeping.
#[derive(Debug, Clone)]
pub struct LegEnd {
    /// The verdict.
    pub ending: Ending,
    /// How good its sound was, if there was any.
    pub quality: Option<Quality>,
    /// The messages that were exchanged, with secrets masked; bounded in number and size.
    pub trace: Vec<WireMessage>,
    /// Where its sound came from, where the carrier knows and any came.
    pub far_sound: Option<FarSound>,
}

/// Where the sound of a far side came from. The two differ behind a network address translator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FarSound {
    /// Where it said that its sound is.
    pub said: SocketAddr,
    /// Where its first packet came from.
    pub from: SocketAddr,
}

impl LegEnd {
    /// The end of a leg of which nothing was sent.
    #[must_use]
    pub fn unsent(ending: Ending) -> Self {
        Self {
            ending,
            quality: None,
            trace: Vec::new(),
            far_sound: None,
        }
    }
}

/// What a message travelled over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WireTransport {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// A connection that nobody else can read.
    Tls,
}

impl WireTransport {
    /// The stable word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

impl WireMessage {
    /// The two ends, from the sender to the receiver. Where the far side's address is not known as one,
    /// the unspecified address stands for it; both are of the far side's family.
    #[must_use]
    pub fn ends(&self) -> (SocketAddr, SocketAddr) {
        let host = || self.peer.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        let unspecified = || match self.local {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let peer = self.peer.parse().ok();
        let peer: SocketAddr = peer.unwrap_or_else(|| (host().unwrap_or_else(unspecified), 5060).into());
        let local = match (peer.is_ipv4(), self.local.is_ipv4()) {
            (true, false) => (Ipv4Addr::UNSPECIFIED, self.local.port()).into(),
            (false, true) => (Ipv6Addr::UNSPECIFIED, self.local.port()).into(),
            _ => self.local,
        };
        if self.sent { (local, peer) } else { (peer, local) }
    }
}

/// One message as it went over the wire.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WireMessage {
    /// When.
    pub at: Timestamp,
    /// Whether we sent it.
    pub sent: bool,
    /// What it travelled over.
    pub transport: WireTransport,
    /// Our address. Of a connection that we opened only the host is known; the port is the one we
    /// listen at.
    pub local: SocketAddr,
    /// The far side's address.
    pub peer: String,
    /// The whole text, with secrets masked.
    pub text: String,
}
