use super::paths::interop_dir;
use super::policy::venv_python;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// The speech quality of ITU-T P.862: how near what was heard is to what was said.
#[derive(Debug)]
pub struct Pesq;

impl Pesq {
    /// The narrow-band score, from about 1 (bad) to 4.5 (the same), of two WAV files of any rate.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or holds no speech to compare.
    pub fn narrow_band(reference: &Path, degraded: &Path) -> Result<f64> {
        let output = Command::new(venv_python())
            .arg(interop_dir().join("peers/speech_quality.py"))
            .args([reference, degraded])
            .output()
            .context("start the Python of the interop environment")?;
        if !output.status.success() {
            bail!("pesq: {}", String::from_utf8_lossy(&output.stderr));
        }
        let printed = String::from_utf8_lossy(&output.stdout);
        printed
            .trim()
            .parse()
            .with_context(|| format!("a score, not {printed:?}"))
    }
}
