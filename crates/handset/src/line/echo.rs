//! Sends back what is heard, packet by packet, as switches do that have a number for it.

use outdial_media::MAX_PACKET;
use outdial_media::rtp::RtpSender;
use rand::{Rng, SeedableRng};

use super::terms::Terms;

/// Samples of the longest packet that is sent back: 200 ms at 8 kHz.
const LONGEST: usize = 1600;

#[derive(Debug)]
pub(super) struct Echo {
    rtp: RtpSender,
    factor: f32,
    began: bool,
}

impl Echo {
    /// An echo that is louder than what came by so many decibels.
    pub(super) fn new(gain: f32) -> Self {
        let mut dice = rand::rngs::StdRng::from_os_rng();
        Self {
            rtp: RtpSender::new(dice.random(), dice.random()),
            factor: 10_f32.powf(gain / 20.0),
            began: false,
        }
    }

    pub(super) fn packets(&self) -> u64 {
        self.rtp.packets()
    }

    /// Writes the packet that sends this one back. `None` if it is none of the agreed audio.
    pub(super) fn answer(&mut self, datagram: &[u8], terms: &Terms, out: &mut [u8; MAX_PACKET]) -> Option<usize> {
        let packet = super::listener::agreed(datagram, terms)?;
        if packet.header.payload_type != terms.audio {
            return None;
        }
        let mut samples = [0; LONGEST];
        let length = terms.codec.decode(packet.payload, &mut samples);
        let samples = &mut samples[..length];
        for sample in &mut *samples {
            *sample = (f32::from(*sample) * self.factor).round() as i16;
        }
        let marker = !std::mem::replace(&mut self.began, true);
        // The far side's own clock, so that what got lost is missing here, too.
        let timestamp = packet.header.timestamp;
        self.rtp.write(out, terms.audio, marker, timestamp, |room| {
            terms.codec.encode(samples, room)
        })
    }
}
