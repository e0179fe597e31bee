//! Prompts as files that Asterisk can play.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use sha2::{Digest, Sha256};

use crate::script::{Piece, RATE};

/// Silence is played from files of at most this length, again and again, so that a long pause takes
/// no disk.
const SILENCE: usize = 10 * RATE as usize;

/// The most bytes of an application's argument, so that its line fits into a call file.
const LONGEST: usize = 1_000;

/// Writes the sounds that are not there yet, and gives Playback's argument for all.
///
/// A file is named by what is in it, so the same prompt is written once, whoever says it, and never
/// changes while Asterisk plays it. When there are too many for one line they are made into one.
pub(crate) fn playable(dir: &Path, pieces: &[Piece]) -> io::Result<String> {
    let parts: Vec<Vec<i16>> = pieces.iter().flat_map(parts).collect();
    let length: usize = parts.len() * (path(dir, &[]).len() + 1);
    let sounds = if length <= LONGEST { parts } else { vec![parts.concat()] };
    let paths: io::Result<Vec<String>> = sounds.iter().map(|samples| write(dir, samples)).collect();
    Ok(paths?.join("&"))
}

fn parts(piece: &Piece) -> Vec<Vec<i16>> {
    match piece {
        Piece::Clip(clip) => vec![clip.samples.to_vec()],
        Piece::Silence(length) => {
            let mut parts = vec![vec![0; SILENCE]; length / SILENCE];
            if !length.is_multiple_of(SILENCE) {
                parts.push(vec![0; length % SILENCE]);
            }
            parts
        }
    }
}

/// The path as Playback wants it, without the suffix.
fn path(dir: &Path, wav: &[u8]) -> String {
    let hash = Sha256::digest(wav);
    let hash: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    dir.join(format!("outdial-{hash}")).to_string_lossy().into_owned()
}

fn write(dir: &Path, samples: &[i16]) -> io::Result<String> {
    let wav = wav(samples)?;
    let path = path(dir, &wav);
    let name = format!("{path}.wav");
    // What somebody else wrote under that name would be played instead, or nothing.
    if fs::read(&name).is_ok_and(|there| there == wav) {
        return Ok(path);
    }
    let mut file = tempfile::Builder::new().prefix(".outdial-").tempfile_in(dir)?;
    file.write_all(&wav)?;
    // Asterisk runs as another user.
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    // A power cut must not leave an empty file under a name that says what is in it.
    file.as_file().sync_all()?;
    file.persist(&name).map_err(|error| error.error)?;
    File::open(dir)?.sync_all()?;
    Ok(path)
}

/// A WAV file of one channel, 16 bits, as Asterisk's `format_wav` reads it.
fn wav(samples: &[i16]) -> io::Result<Vec<u8>> {
    let bytes = u32::try_from(samples.len() * 2)
        .ok()
        .filter(|bytes| *bytes < u32::MAX - 36);
    let bytes = bytes.ok_or_else(|| io::Error::other("the sound is too long for a WAV file"))?;
    let mut wav = Vec::with_capacity(44 + samples.len() * 2);
    wav.extend(b"RIFF");
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    // PCM, one channel.
    wav.extend([1, 0, 1, 0]);
    wav.extend(RATE.to_le_bytes());
    wav.extend((RATE * 2).to_le_bytes());
    // Two bytes a sample, 16 bits.
    wav.extend([2, 0, 16, 0]);
    wav.extend(b"data");
    wav.extend(bytes.to_le_bytes());
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    Ok(wav)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use outdial_engine::ports::Clip;

    use super::*;

    fn clip(sample: i16) -> Piece {
        Piece::Clip(Arc::new(Clip {
            rate: RATE,
            samples: vec![sample; 80].into(),
        }))
    }

    #[test]
    fn the_same_sound_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let pieces = [clip(1), Piece::Silence(SILENCE * 2 + 5), clip(1), clip(2)];
        let argument = playable(dir.path(), &pieces).unwrap();
        let paths: Vec<&str> = argument.split('&').collect();
        assert_eq!(paths.len(), 6);
        assert_eq!(paths[0], paths[4]);
        assert_eq!(paths[1], paths[2]);
        assert_eq!(playable(dir.path(), &pieces).unwrap(), argument);
        let names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 4, "{names:?}");
        let first = fs::read(format!("{}.wav", paths[0])).unwrap();
        assert_eq!((first.len(), &first[..4], first[44]), (44 + 160, b"RIFF".as_slice(), 1));
        let mode = fs::metadata(format!("{}.wav", paths[0])).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }

    #[test]
    fn a_sound_that_was_spoilt_is_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let argument = playable(dir.path(), &[clip(7)]).unwrap();
        let name = format!("{argument}.wav");
        let right = fs::read(&name).unwrap();
        fs::write(&name, "garbage").unwrap();
        assert_eq!(playable(dir.path(), &[clip(7)]).unwrap(), argument);
        assert_eq!(fs::read(name).unwrap(), right);
    }

    #[test]
    fn many_sounds_become_one() {
        let dir = tempfile::tempdir().unwrap();
        let pieces: Vec<Piece> = (0..40).map(clip).collect();
        let argument = playable(dir.path(), &pieces).unwrap();
        assert!(!argument.contains('&'), "{argument}");
        assert_eq!(fs::read(format!("{argument}.wav")).unwrap().len(), 44 + 40 * 160);
    }
}
