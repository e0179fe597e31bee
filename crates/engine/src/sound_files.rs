//! Prompts as WAV files, for ways out that play from a directory.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::recording::wav::Format;

/// Writes a sound of one channel into this directory, unless it is there, and gives its path.
///
/// A file is named by what is in it, so the same prompt is written once, whoever says it, and never changes while
/// it is played. Everybody may read it. Blocks as long as the disk does.
///
/// # Errors
///
/// What the system says, or that the sound is too long.
pub fn write(dir: &Path, rate: u32, samples: &[i16]) -> io::Result<PathBuf> {
    let wav = wav(rate, samples)?;
    let path = path(dir, &wav);
    // What somebody else wrote under that name would be played instead, or nothing.
    if fs::read(&path).is_ok_and(|there| there == wav) {
        return Ok(path);
    }
    let mut file = tempfile::Builder::new().prefix(".outdial-").tempfile_in(dir)?;
    file.write_all(&wav)?;
    // Whoever plays it runs as another user.
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    // A power cut must not leave an empty file under a name that says what is in it.
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    File::open(dir)?.sync_all()?;
    Ok(path)
}

/// How long the paths of such files in a directory are, in bytes.
#[must_use]
pub fn length_of_path(dir: &Path) -> usize {
    path(dir, &[]).as_os_str().len()
}

fn path(dir: &Path, wav: &[u8]) -> PathBuf {
    let hash = Sha256::digest(wav);
    let hash: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    dir.join(format!("outdial-{hash}.wav"))
}

fn wav(rate: u32, samples: &[i16]) -> io::Result<Vec<u8>> {
    let bytes = samples.len() as u64 * 2;
    if bytes > crate::recording::wav::MOST {
        return Err(io::Error::other("the sound is too long for a WAV file"));
    }
    let mut wav = Format { rate, channels: 1 }.header(bytes).to_vec();
    wav.reserve_exact(samples.len() * 2);
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    Ok(wav)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_is_written_once_and_mended() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), 8_000, &[7; 80]).unwrap();
        assert_eq!(path.as_os_str().len(), length_of_path(dir.path()));
        let right = fs::read(&path).unwrap();
        assert_eq!((right.len(), &right[..4], right[44]), (44 + 160, b"RIFF".as_slice(), 7));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(write(dir.path(), 8_000, &[7; 80]).unwrap(), path);
        assert_ne!(write(dir.path(), 8_000, &[8; 80]).unwrap(), path);
        fs::write(&path, "garbage").unwrap();
        assert_eq!(write(dir.path(), 8_000, &[7; 80]).unwrap(), path);
        assert_eq!(fs::read(path).unwrap(), right);
    }
}
