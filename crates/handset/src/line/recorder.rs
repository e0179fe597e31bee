//! Writes what is heard to a WAV file while it is heard.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::sound::RATE;

const HEADER: u64 = 44;
/// Samples that are kept back before they are written: half a second.
const KEPT_BACK: usize = RATE as usize / 2;
/// A timestamp this far from the clock is not believed: the sender began anew without a new source.
const BELIEVED: Duration = Duration::from_secs(10);

/// Where a source's timestamps lie on the recording's timeline.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    source: u32,
    /// The latest timestamp and its place, so that timestamps may wrap.
    timestamp: u32,
    position: u64,
    /// The place where this source was first heard.
    begin: u64,
}

/// A WAV file of one call, mono and 16 bits, placed by RTP timestamps; what never comes is silence.
///
/// The file is opened for each write, so that a thousand calls do not hold a thousand files.
#[derive(Debug)]
pub(super) struct Recorder {
    path: PathBuf,
    began: Option<Instant>,
    anchor: Option<Anchor>,
    on_disk: u64,
    pending: Vec<i16>,
}

impl Recorder {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        File::create(path)?.write_all(&header(0))?;
        Ok(Self {
            path: path.to_owned(),
            began: None,
            anchor: None,
            on_disk: 0,
            pending: Vec::new(),
        })
    }

    /// Places the samples of one packet.
    pub(super) fn place(&mut self, source: u32, timestamp: u32, samples: &[i16], now: Instant) -> io::Result<()> {
        let Some(position) = self.position(source, timestamp, now) else {
            return Ok(());
        };
        let Some(offset) = position.checked_sub(self.on_disk) else {
            return self.overwrite(position, samples);
        };
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let end = offset + samples.len();
        if self.pending.len() < end {
            self.pending.resize(end, 0);
        }
        self.pending[offset..end].copy_from_slice(samples);
        if self.pending.len() >= 2 * KEPT_BACK {
            return self.write_out(KEPT_BACK);
        }
        Ok(())
    }

    /// Writes what was kept back.
    pub(super) fn finish(mut self) -> io::Result<PathBuf> {
        self.write_out(0)?;
        Ok(self.path)
    }

    /// Where the samples of a packet belong; `None` if that is before its source was first heard.
    fn position(&mut self, source: u32, timestamp: u32, now: Instant) -> Option<u64> {
        let began = *self.began.get_or_insert(now);
        let elapsed = now.saturating_duration_since(began);
        let by_clock = elapsed.as_millis() as u64 * u64::from(RATE / 1000);
        if let Some(anchor) = self.anchor.as_mut().filter(|anchor| anchor.source == source) {
            let step = timestamp.wrapping_sub(anchor.timestamp).cast_signed();
            let position = anchor.position.cast_signed() + i64::from(step);
            if position.abs_diff(by_clock.cast_signed()) <= BELIEVED.as_secs() * u64::from(RATE) {
                let position = u64::try_from(position)
                    .ok()
                    .filter(|position| *position >= anchor.begin)?;
                if step > 0 {
                    anchor.timestamp = timestamp;
                    anchor.position = position;
                }
                return Some(position);
            }
        }
        let position = by_clock.max(self.on_disk + self.pending.len() as u64);
        self.anchor = Some(Anchor {
            source,
            timestamp,
            position,
            begin: position,
        });
        Some(position)
    }

    /// A packet that comes after its place has been written.
    fn overwrite(&mut self, position: u64, samples: &[i16]) -> io::Result<()> {
        let room = usize::try_from(self.on_disk - position).unwrap_or(usize::MAX);
        let (old, new) = samples.split_at(room.min(samples.len()));
        let mut file = OpenOptions::new().write(true).open(&self.path)?;
        file.seek(SeekFrom::Start(HEADER + 2 * position))?;
        file.write_all(&octets(old))?;
        if self.pending.len() < new.len() {
            self.pending.resize(new.len(), 0);
        }
        self.pending[..new.len()].copy_from_slice(new);
        Ok(())
    }

    fn write_out(&mut self, keep: usize) -> io::Result<()> {
        let length = self.pending.len().saturating_sub(keep);
        let mut file = OpenOptions::new().write(true).open(&self.path)?;
        file.seek(SeekFrom::Start(HEADER + 2 * self.on_disk))?;
        file.write_all(&octets(&self.pending[..length]))?;
        self.pending.drain(..length);
        self.on_disk += length as u64;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header(self.on_disk))
    }
}

fn octets(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn header(samples: u64) -> [u8; HEADER as usize] {
    let data = u32::try_from(2 * samples).unwrap_or(u32::MAX - 36);
    let mut header = [0; HEADER as usize];
    header[..4].copy_from_slice(b"RIFF");
    header[4..8].copy_from_slice(&(36 + data).to_le_bytes());
    header[8..16].copy_from_slice(b"WAVEfmt ");
    header[16..20].copy_from_slice(&16_u32.to_le_bytes());
    header[20..22].copy_from_slice(&1_u16.to_le_bytes());
    header[22..24].copy_from_slice(&1_u16.to_le_bytes());
    header[24..28].copy_from_slice(&RATE.to_le_bytes());
    header[28..32].copy_from_slice(&(2 * RATE).to_le_bytes());
    header[32..34].copy_from_slice(&2_u16.to_le_bytes());
    header[34..36].copy_from_slice(&16_u16.to_le_bytes());
    header[36..40].copy_from_slice(b"data");
    header[40..].copy_from_slice(&data.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(path: &Path) -> Vec<i16> {
        let mut reader = hound::WavReader::open(path).unwrap();
        assert_eq!((reader.spec().channels, reader.spec().sample_rate), (1, RATE));
        reader.samples().collect::<Result<_, _>>().unwrap()
    }

    /// Places packets of 160 equal samples: (source, timestamp, value).
    fn recorded(packets: &[(u32, u32, i16)]) -> Vec<i16> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.wav");
        let mut recorder = Recorder::create(&path).unwrap();
        let began = Instant::now();
        for (index, (source, timestamp, value)) in packets.iter().enumerate() {
            let now = began + Duration::from_millis(20) * u32::try_from(index).unwrap();
            recorder.place(*source, *timestamp, &[*value; 160], now).unwrap();
        }
        samples(&recorder.finish().unwrap())
    }

    fn frames(values: &[i16]) -> Vec<i16> {
        values.iter().flat_map(|value| [*value; 160]).collect()
    }

    #[test]
    fn gaps_are_silent_and_order_does_not_matter() {
        let start = u32::MAX - 200;
        let at = |frame: u32| start.wrapping_add(160 * frame);
        let heard = recorded(&[(1, at(0), 1), (1, at(3), 4), (1, at(1), 2), (1, at(4), 5)]);
        assert_eq!(heard, frames(&[1, 2, 0, 4, 5]));
    }

    #[test]
    fn a_packet_from_before_the_first_is_left_out() {
        assert_eq!(recorded(&[(1, 1600, 1), (1, 1440, 2)]), frames(&[1]));
    }

    #[test]
    fn another_source_or_a_jump_goes_on_where_the_clock_is() {
        assert_eq!(
            recorded(&[(1, 0, 1), (2, 77_777, 2), (2, 77_937, 3)]),
            frames(&[1, 2, 3])
        );
        assert_eq!(recorded(&[(1, 0, 1), (1, 1 << 30, 2)]), frames(&[1, 2]));
    }

    #[test]
    fn the_file_is_whole_while_it_grows_and_takes_the_late() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.wav");
        let mut recorder = Recorder::create(&path).unwrap();
        assert!(samples(&path).is_empty());
        let began = Instant::now();
        for frame in (0..100_u32).filter(|frame| *frame != 3) {
            let now = began + Duration::from_millis(20) * frame;
            recorder.place(1, 160 * frame, &[7; 160], now).unwrap();
        }
        assert!(samples(&path).len() >= 160 * 50, "half a second is kept back at most");
        recorder.place(1, 160 * 3, &[9; 160], began).unwrap();
        let heard = samples(&recorder.finish().unwrap());
        assert_eq!(heard.len(), 16_000);
        assert!(heard[480..640].iter().all(|sample| *sample == 9));
    }
}
