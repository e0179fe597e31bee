//! The sounds on disk, which outlive the program.
//!
//! A file is named by its key and holds a magic word, the rate, the number of samples, their
//! SHA-256, and the samples. It is written beside its place and moved there whole; nothing is
//! synced, because a file that a power cut left half-written is found out by its hash.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use outdial_engine::ports::{Clip, Clock};
use sha2::{Digest, Sha256};

use super::{Key, lru::Lru};

const MAGIC: &[u8; 8] = b"ODCLIP1\n";
const HEADER: usize = MAGIC.len() + 4 + 8 + 32;
const ENDING: &str = ".clip";
const UNFINISHED: &str = ".unfinished-";

/// Sounds on disk, up to a number of bytes. All its functions may block.
pub(crate) struct DiskCache {
    directory: PathBuf,
    clock: Arc<dyn Clock>,
    index: Mutex<Lru<()>>,
}

impl DiskCache {
    /// Opens the directory, making it where there is none, and removes what is too much or unfinished.
    pub(crate) fn open(directory: PathBuf, most: u64, clock: Arc<dyn Clock>) -> io::Result<Self> {
        make_private(&directory)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(UNFINISHED) {
                remove(&entry.path());
            } else if let Some(key) = name.strip_suffix(ENDING).and_then(Key::parse) {
                let about = entry.metadata()?;
                found.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), key, about.len()));
            }
        }
        found.sort();
        let cache = Self {
            directory,
            clock,
            index: Mutex::new(Lru::new(most)),
        };
        for (_, key, size) in found {
            if !cache.lock().fits(size) {
                remove(&cache.path(&key));
            }
            cache.remember(key, size);
        }
        Ok(cache)
    }

    /// The sound, if it is there and whole. What is not whole is removed.
    pub(crate) fn get(&self, key: &Key) -> Option<Clip> {
        let (_, size) = self.lock().get(key)?;
        let path = self.path(key);
        match read(&path, size) {
            Ok(clip) => {
                // The times order the files when the program starts again; without one the file is merely older.
                let now = SystemTime::from(self.clock.now());
                let _ = File::options()
                    .append(true)
                    .open(&path)
                    .and_then(|file| file.set_modified(now));
                Some(clip)
            }
            Err(error) => {
                self.lock().remove(key);
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(file = %path.display(), %error, "a cached prompt is damaged and will be made again");
                    remove(&path);
                }
                None
            }
        }
    }

    /// Keeps a sound, unless it is larger than the whole.
    pub(crate) fn put(&self, key: Key, clip: &Clip) -> io::Result<()> {
        let size = (HEADER + 2 * clip.samples.len()) as u64;
        if !self.lock().fits(size) {
            return Ok(());
        }
        let mut file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(&self.directory)?;
        let samples: Vec<u8> = clip.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut bytes = Vec::with_capacity(HEADER + samples.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&clip.rate.to_le_bytes());
        bytes.extend_from_slice(&(clip.samples.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&Sha256::digest(&samples));
        bytes.extend_from_slice(&samples);
        file.write_all(&bytes)?;
        file.as_file().set_modified(SystemTime::from(self.clock.now()))?;
        file.persist(self.path(&key)).map_err(|failed| failed.error)?;
        self.remember(key, size);
        Ok(())
    }

    /// Counts a file, and removes those that must make room.
    fn remember(&self, key: Key, size: u64) {
        let gone = self.lock().put(key, (), size);
        for key in gone {
            remove(&self.path(&key));
        }
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.directory.join(format!("{key}{ENDING}"))
    }

    fn lock(&self) -> MutexGuard<'_, Lru<()>> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a file that should be `size` bytes long, and checks it.
fn read(path: &Path, size: u64) -> io::Result<Clip> {
    let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut bytes = Vec::new();
    File::open(path)?.take(size + 1).read_to_end(&mut bytes)?;
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or_else(|| damaged("not a cached prompt"))?;
    let (rate, rest) = rest.split_first_chunk::<4>().ok_or_else(|| damaged("cut off"))?;
    let (count, rest) = rest.split_first_chunk::<8>().ok_or_else(|| damaged("cut off"))?;
    let (hash, samples) = rest.split_first_chunk::<32>().ok_or_else(|| damaged("cut off"))?;
    if u64::from_le_bytes(*count).checked_mul(2) != Some(samples.len() as u64) {
        return Err(damaged("not as long as it says"));
    }
    if Sha256::digest(samples)[..] != hash[..] {
        return Err(damaged("its hash differs"));
    }
    let samples = samples
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    Ok(Clip {
        rate: u32::from_le_bytes(*rate),
        samples,
    })
}

/// Makes a directory that only we can look into: what was said to somebody is nobody else's business.
fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Removes a file that is no longer wanted; one that stays is found again at the next start.
fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(file = %path.display(), %error, "a cached prompt cannot be removed");
    }
}

#[cfg(test)]
mod tests {
    use outdial_engine::ports::SystemClock;

    use super::*;

    type Damage = fn(&mut Vec<u8>);

    fn open(directory: &Path, most: u64) -> DiskCache {
        DiskCache::open(directory.to_owned(), most, Arc::new(SystemClock)).unwrap()
    }

    fn clip(samples: &[i16]) -> Clip {
        Clip {
            rate: 8_000,
            samples: samples.into(),
        }
    }

    fn files(directory: &Path) -> usize {
        fs::read_dir(directory).unwrap().count()
    }

    #[test]
    fn a_sound_outlives_the_program() {
        let directory = tempfile::tempdir().unwrap();
        let key = Key::upload("a", 8_000);
        let sound = clip(&[0, 1, -1, i16::MAX, i16::MIN]);
        open(directory.path(), 1_000).put(key, &sound).unwrap();
        let again = open(directory.path(), 1_000);
        assert_eq!(again.get(&key), Some(sound));
        assert_eq!(again.get(&Key::upload("b", 8_000)), None);
    }

    #[test]
    fn a_damaged_file_is_found_out_and_removed() {
        let key = Key::upload("a", 8_000);
        let damage: [(&str, Damage); 6] = [
            ("a flipped bit", |bytes| bytes[HEADER + 3] ^= 1),
            ("a flipped bit in the hash", |bytes| bytes[HEADER - 1] ^= 1),
            ("cut off", |bytes| bytes.truncate(HEADER + 1)),
            ("cut off in the header", |bytes| bytes.truncate(9)),
            ("emptied", Vec::clear),
            ("longer", |bytes| bytes.extend_from_slice(&[0; 100])),
        ];
        for (name, damage) in damage {
            let directory = tempfile::tempdir().unwrap();
            let cache = open(directory.path(), 1_000);
            cache.put(key, &clip(&[7; 50])).unwrap();
            let path = cache.path(&key);
            let mut bytes = fs::read(&path).unwrap();
            damage(&mut bytes);
            fs::write(&path, bytes).unwrap();
            assert_eq!(cache.get(&key), None, "{name}");
            assert!(!path.exists(), "{name}");
            cache.put(key, &clip(&[7; 50])).unwrap();
            assert_eq!(cache.get(&key), Some(clip(&[7; 50])), "{name}");
        }
    }

    #[test]
    fn the_directory_stays_within_its_bound() {
        let directory = tempfile::tempdir().unwrap();
        let keys: Vec<Key> = (0..6).map(|n| Key::upload("a", n)).collect();
        let size = (HEADER + 2 * 50) as u64;
        let cache = open(directory.path(), 3 * size);
        for key in &keys[..3] {
            cache.put(*key, &clip(&[7; 50])).unwrap();
        }
        assert!(cache.get(&keys[0]).is_some());
        cache.put(keys[3], &clip(&[7; 50])).unwrap();
        assert_eq!(files(directory.path()), 3);
        assert!(cache.get(&keys[0]).is_some() && cache.get(&keys[1]).is_none());
        cache.put(keys[4], &clip(&[7; 5_000])).unwrap();
        assert_eq!(files(directory.path()), 3);

        let smaller = open(directory.path(), size);
        assert_eq!(files(directory.path()), 1);
        assert!(smaller.get(&keys[0]).is_some());
    }

    #[test]
    fn strangers_files_stay_and_unfinished_ones_go() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("notes.txt"), "mine").unwrap();
        fs::write(directory.path().join(".unfinished-abc"), "half").unwrap();
        open(directory.path(), 1);
        assert_eq!(files(directory.path()), 1);
        assert!(directory.path().join("notes.txt").exists());
    }
}
