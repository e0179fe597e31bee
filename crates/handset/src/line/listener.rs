//! The receiving half of a line: decodes, records, hears voices and keys.

use std::time::Instant;

use outdial_media::digit::Digit;
use outdial_media::dtmf_inband::DtmfDetector;
use outdial_media::rtp::{RtpPacket, SequenceTracker};
use outdial_media::telephone_event::{EventReceiver, TelephoneEvent};

use super::recorder::Recorder;
use super::terms::Terms;
use super::voice::VoiceDetector;
use crate::event::HeardWay;
use crate::sound::RATE;

/// The longest packet that is decoded: 200 ms.
const LONGEST: usize = 1600;

#[derive(Debug)]
pub(super) struct Listener {
    recorder: Option<Recorder>,
    voice: VoiceDetector,
    events: EventReceiver,
    tones: DtmfDetector,
    tracker: Option<(u32, SequenceTracker)>,
    lost_before: u64,
    pub(super) received: u64,
    pub(super) refused: u64,
    pub(super) problem: Option<String>,
}

/// What one packet meant.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) voice: bool,
    pub(super) digit: Option<(Digit, HeardWay)>,
}

/// The packet in a datagram, if it is RTP of a payload type that was agreed on.
pub(super) fn agreed<'a>(datagram: &'a [u8], terms: &Terms) -> Option<RtpPacket<'a>> {
    let packet = RtpPacket::parse(datagram).ok()?;
    let payload_type = packet.header.payload_type;
    (payload_type == terms.audio || Some(payload_type) == terms.events).then_some(packet)
}

impl Listener {
    pub(super) fn new(recorder: Option<Recorder>) -> Self {
        Self {
            recorder,
            voice: VoiceDetector::default(),
            events: EventReceiver::new(),
            tones: DtmfDetector::new(RATE),
            tracker: None,
            lost_before: 0,
            received: 0,
            refused: 0,
            problem: None,
        }
    }

    /// Takes a datagram. `None` if it is no packet of this call.
    pub(super) fn hear(&mut self, datagram: &[u8], terms: &Terms, now: Instant) -> Option<Heard> {
        let Some(packet) = agreed(datagram, terms) else {
            self.refused += 1;
            return None;
        };
        self.received += 1;
        self.track(packet.header.ssrc, packet.header.sequence);
        let mut heard = Heard::default();
        if packet.header.payload_type != terms.audio {
            if let Some(event) = TelephoneEvent::parse(packet.payload) {
                let reception = self
                    .events
                    .handle(packet.header.ssrc, packet.header.timestamp, event, now);
                heard.digit = reception.pressed.map(|digit| (digit, HeardWay::Rtp));
            }
            return Some(heard);
        }
        let mut samples = [0; LONGEST];
        let length = terms.codec.decode(packet.payload, &mut samples);
        let samples = &samples[..length];
        heard.voice = self.voice.hears(samples);
        if terms.events.is_none() {
            let heard = &mut heard.digit;
            self.tones
                .feed(samples, |digit| *heard = Some((digit, HeardWay::InBand)));
        }
        let source = packet.header.ssrc;
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.place(source, packet.header.timestamp, samples, now)
        {
            self.problem = Some(format!("the recording stopped: {error}"));
            self.recorder = None;
        }
        Some(heard)
    }

    /// Ends the recording and tells where it is.
    pub(super) fn finish(&mut self) -> Option<std::path::PathBuf> {
        match self.recorder.take()?.finish() {
            Ok(path) => Some(path),
            Err(error) => {
                self.problem = Some(format!("the end of the recording could not be written: {error}"));
                None
            }
        }
    }

    /// Packets that never came.
    pub(super) fn lost(&self) -> u64 {
        self.lost_before + self.tracker.as_ref().map_or(0, |(_, tracker)| never_came(tracker))
    }

    fn track(&mut self, source: u32, sequence: u16) {
        match &mut self.tracker {
            Some((known, tracker)) if *known == source => {
                tracker.update(sequence);
            }
            tracker => {
                let before = tracker.replace((source, SequenceTracker::new(sequence)));
                self.lost_before += before.map_or(0, |(_, tracker)| never_came(&tracker));
            }
        }
    }
}

fn never_came(tracker: &SequenceTracker) -> u64 {
    u64::try_from(tracker.lost()).unwrap_or_default()
}
