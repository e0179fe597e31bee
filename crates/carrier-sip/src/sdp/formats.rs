//! The formats of an audio line.

use outdial_media::codec::Codec;
use sdp_types::{Media, RtpMap};

/// The formats of an audio line that mean something to us.
#[derive(Debug, Default)]
pub(super) struct Formats {
    pub(super) codecs: Vec<(u8, Codec)>,
    /// Its number and its clock.
    pub(super) telephone_event: Vec<(u8, u32)>,
    pub(super) comfort_noise: Option<u8>,
    pub(super) names: Vec<String>,
}

impl Formats {
    /// The telephone-event that goes with a codec: one of the same clock, or, beside 16,000 samples a
    /// second, one of theirs.
    pub(super) fn telephone_event_for(&self, codec: Codec) -> Option<(u8, u32)> {
        let with = |clock| {
            self.telephone_event
                .iter()
                .find(move |(_, rate)| *rate == clock)
                .copied()
        };
        with(8000).or_else(|| with(16_000).filter(|_| codec.sample_rate() == 16_000))
    }

    pub(super) fn of(audio: &Media) -> Self {
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
            if name.eq_ignore_ascii_case("telephone-event") {
                formats.telephone_event.push((number, rate));
                continue;
            }
            if rate != 8000 {
                continue;
            }
            if name.eq_ignore_ascii_case("CN") {
                formats.comfort_noise.get_or_insert(number);
            } else if let Some(codec) = Codec::from_name(name) {
                formats.codecs.push((number, codec));
            }
        }
        formats
    }
}
