//! Names the sound files that we know to be such and do not read.

/// What a file is, if it is one of those.
pub(super) fn name(bytes: &[u8]) -> Option<&'static str> {
    let at = |place: usize, magic: &[u8]| bytes.get(place..).is_some_and(|rest| rest.starts_with(magic));
    let known: [(&[u8], &'static str); 9] = [
        (b"fLaC", "a FLAC file"),
        (b"#!AMR", "an AMR file"),
        (b"caff", "a CAF file"),
        (b"\x1A\x45\xDF\xA3", "a WebM or Matroska file"),
        (b"\x30\x26\xB2\x75", "a Windows Media file"),
        (b"RIFX", "a WAV file with its bytes in the other order"),
        (b"RF64", "a WAV file for more than 4 GB"),
        (b".RMF", "a RealMedia file"),
        (b"MThd", "a MIDI file"),
    ];
    if let Some((_, name)) = known.into_iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(name);
    }
    if at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) {
        return Some("an AIFF file");
    }
    if at(4, b"ftyp") {
        return Some("an MP4, M4A or 3GP file");
    }
    if at(0, b"OggS") {
        // The first page holds the first packet of the first stream, which says what it is.
        return match () {
            () if at(28, b"OpusHead") => Some("an Opus file"),
            () if at(28, b"Speex   ") => Some("a Speex file"),
            () if at(28, b"\x7FFLAC") => Some("a FLAC file"),
            () => None,
        };
    }
    None
}
