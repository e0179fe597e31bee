use outdial_media::{loudness, resample, tones};
use proptest::prelude::*;

use super::*;

/// What a file sounds like at its own rate.
fn sound(bytes: &[u8], most_seconds: u32) -> Result<wav::Clip, ImportError> {
    let mut sound = wav::Clip::default();
    read(&bytes.into(), most_seconds, &mut |rate, piece| {
        sound.rate = rate;
        sound.samples.extend_from_slice(piece);
        Ok(())
    })?;
    Ok(sound)
}

fn inspect(bytes: &[u8], most_seconds: u32) -> Result<ImportedAudio, PromptError> {
    super::inspect(&bytes.into(), most_seconds)
}

/// An AU file.
fn au(coding: u32, rate: u32, channels: u32, data: &[u8]) -> Vec<u8> {
    let mut file = b".snd".to_vec();
    for number in [28, u32::MAX, coding, rate, channels] {
        file.extend(number.to_be_bytes());
    }
    file.extend(b"note");
    file.extend(data);
    file
}

const MP3: &[u8] = include_bytes!("../../tests/fixtures/tone.mp3");
const OGG: &[u8] = include_bytes!("../../tests/fixtures/tone.ogg");

fn file(rate: u32, samples: usize) -> Vec<u8> {
    let mut file = Vec::new();
    wav::write_stereo(&mut file, rate, &vec![7; samples], &[]).unwrap();
    file
}

#[test]
fn files_of_all_kinds_are_described() {
    for (bytes, kind, millis) in [
        (
            &file(44_100, 66_150)[..],
            "WAV, PCM 16 bit, 44100 Hz, 2 channels",
            1_500..1_501,
        ),
        (MP3, "MP3, 16000 Hz, 2 channels", 950..1_110),
        (OGG, "Ogg Vorbis, 44100 Hz, 1 channel", 990..1_010),
        (
            &au(1, 8_000, 1, &[0xFF; 4_000]),
            "AU, µ-law, 8000 Hz, 1 channel",
            500..501,
        ),
        (
            &au(3, 16_000, 2, &[0; 32_000]),
            "AU, PCM 16 bit, 16000 Hz, 2 channels",
            500..501,
        ),
        (
            &describe_raw("a.au", au(27, 8_000, 1, &[0xD5; 4_000])),
            "AU, A-law, 8000 Hz, 1 channel",
            500..501,
        ),
        (
            &describe_raw("a.ulaw", au(1, 8_000, 1, &[0xFF; 4_000])),
            "AU, µ-law, 8000 Hz, 1 channel",
            500..501,
        ),
        (
            &describe_raw("a.ulaw", vec![0xFF; 4_001]),
            "WAV, µ-law, 8000 Hz, 1 channel",
            500..501,
        ),
        (
            &describe_raw("a.b.AL", vec![0xD5; 4_000]),
            "WAV, A-law, 8000 Hz, 1 channel",
            500..501,
        ),
    ] {
        let audio = inspect(bytes, 10).unwrap();
        assert_eq!(audio.format, kind);
        assert!(millis.contains(&audio.millis), "{kind}: {}", audio.millis);
    }
}

/// Both fixtures are a tone of 440 Hz for a second.
#[test]
fn compressed_files_sound_as_they_should() {
    for bytes in [MP3, OGG] {
        let sound = sound(bytes, 10).unwrap();
        let samples = resample::resample(&sound.samples, sound.rate, 8_000).unwrap();
        let middle = &samples[2_000..6_000];
        let crossings = middle.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
        assert!((435..=445).contains(&crossings), "{crossings}");
        let level = loudness::rms_dbfs(middle);
        assert!((-16.0..-12.0).contains(&level), "{level}");
    }
}

#[test]
fn raw_audio_is_what_its_name_says() {
    let tone = tones::sine(8_000, 440.0, -10.0, 500);
    let mut octets = vec![0; tone.len()];
    for (codec, name) in [
        (outdial_media::codec::Codec::Pcmu, "hello.ulaw"),
        (outdial_media::codec::Codec::Pcma, "hello.alaw"),
    ] {
        codec.encode(&tone, &mut octets);
        let mut expected = vec![0; tone.len()];
        codec.decode(&octets, &mut expected);
        let sound = sound(&describe_raw(name, octets.clone()), 10).unwrap();
        assert_eq!((sound.rate, sound.samples), (8_000, expected));
    }
    // A whole file stays what it is, whatever it is called.
    assert_eq!(describe_raw("x.ulaw", file(8_000, 10)), file(8_000, 10));
    assert_eq!(describe_raw("ulaw", vec![1, 2]), [1, 2]);
    assert!(describe_raw("x.ulaw", Vec::new()).is_empty());
}

#[test]
fn a_header_of_a_stream_is_taken_at_what_is_there() {
    let mut bytes = file(8_000, 8_000);
    bytes[40..44].fill(0xff);
    assert_eq!(inspect(&bytes, 10).unwrap().millis, 1_000);
}

#[test]
fn what_cannot_be_played_is_refused_with_the_reason() {
    let whole = file(8_000, 8_000);
    for (bytes, reason) in [
        (&b"ID3 and more than twelve bytes"[..], "MP3 file cannot be read"),
        (b"OggS and more than twelve bytes", "Ogg Vorbis file cannot be read"),
        (b"MZ\x90\x00", "WAV, AU, MP3 or Ogg Vorbis"),
        (b"", "WAV, AU, MP3 or Ogg Vorbis"),
        (b"fLaC\0\0\0\x22", "FLAC"),
        (b"\0\0\0\x20ftypM4A ", "M4A"),
        (b"OggS\0\x02............\0\0\0\0....\x01\x13OpusHead", "Opus"),
        (b".snd\0\0\0\x18", "cut short"),
        (&au(23, 8_000, 1, &[0; 100]), "coding 23"),
        (&au(1, 4_000, 1, &[0; 100]), "4000"),
        (&au(3, 8_000, 0, &[0; 100]), "0 channels"),
        (&whole[..30], "fmt"),
        (&whole[..40], "data"),
        (&whole[..44], "no sound"),
        (&file(8_000, 80_001), "at most 10 s"),
        (&file(4_000, 100), "4000"),
    ] {
        let error = inspect(bytes, 10).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    for bytes in [MP3, OGG] {
        let error = inspect(bytes, 0).unwrap_err().to_string();
        assert!(error.contains("0 s that are allowed"), "{error}");
    }
}

#[test]
fn an_au_file_sounds_as_the_wav_file_does() {
    let tone = tones::sine(16_000, 440.0, -10.0, 500);
    let octets: Vec<u8> = tone.iter().flat_map(|sample| sample.to_be_bytes()).collect();
    assert_eq!(
        sound(&au(3, 16_000, 1, &octets), 10).unwrap(),
        wav::Clip {
            rate: 16_000,
            samples: tone
        }
    );
}

#[test]
fn no_word_of_the_library_is_told() {
    for bytes in [MP3, OGG] {
        for end in (4..bytes.len()).step_by(61) {
            let mut cut = bytes[..end].to_vec();
            cut[end / 2..].reverse();
            if let Err(error) = inspect(&cut, 10) {
                let error = error.to_string();
                let ours = [
                    "damaged",
                    "cut short",
                    "not read here",
                    "too much",
                    "no sound",
                    "no audio",
                    "how it is coded",
                ];
                let known = ours.iter().any(|word| error.contains(word));
                assert!(
                    known || error.contains("sample") || error.contains("changes"),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn any_cut_of_a_file_is_answered() {
    let whole = file(8_000, 10);
    for end in 0..whole.len() {
        let _ = inspect(&whole[..end], 10);
        let mut spoilt = whole.clone();
        spoilt[end] ^= 0xff;
        let _ = inspect(&spoilt, 10);
    }
    for whole in [MP3, OGG] {
        for end in (0..whole.len()).step_by(97) {
            let _ = inspect(&whole[..end], 10);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_change_of_a_file_is_answered(
        ogg: bool, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut bytes = if ogg { OGG } else { MP3 }.to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(sound) = sound(&bytes, 10) {
            prop_assert!(sound.samples.len() <= 10 * 192_000);
        }
    }

    #[test]
    fn any_bytes_after_a_beginning_are_answered(
        beginning in prop::sample::select(vec![&b"OggS"[..], b"ID3\x04", b"\xFF\xFB\x90", b"RIFF....WAVE", b".snd\0\0\0\x18", b""]), rest: Vec<u8>,
    ) {
        let bytes = [beginning, &rest].concat();
        let _ = inspect(&bytes, 1);
    }

    #[test]
    fn any_raw_bytes_are_sound(bytes in prop::collection::vec(any::<u8>(), 1..500)) {
        prop_assume!(describe_raw("a.al", bytes.clone()).len() > bytes.len());
        let millis = inspect(&describe_raw("a.al", bytes.clone()), 10).unwrap().millis;
        prop_assert_eq!(millis, bytes.len() as u64 / 8);
    }
}
