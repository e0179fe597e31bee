//! Prompts as files that Asterisk can play.

use std::{io, path::Path};

use outdial_engine::sound_files;

use crate::script::{Piece, RATE};

/// Silence is played from files of at most this length, again and again, so that a long pause takes
/// no disk.
const SILENCE: usize = 10 * RATE as usize;

/// The most bytes of an application's argument, so that its line fits into a call file.
const LONGEST: usize = 1_000;

/// Writes the sounds that are not there yet, and gives Playback's argument for all. When there are too many for one
/// line they are made into one.
pub(crate) fn playable(dir: &Path, pieces: &[Piece]) -> io::Result<String> {
    let parts: Vec<Vec<i16>> = pieces.iter().flat_map(parts).collect();
    // Without their suffix, and with what divides them.
    let length: usize = parts.len() * (sound_files::length_of_path(dir) + 1 - ".wav".len());
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

/// Writes a sound, and gives its path as Playback wants it, without the suffix.
fn write(dir: &Path, samples: &[i16]) -> io::Result<String> {
    let path = sound_files::write(dir, RATE, samples)?;
    Ok(path.with_extension("").to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc};

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
