//! Scripts that play the part of speech engines, and libraries that use them.

use std::{
    fs::{self, File},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use outdial_engine::ports::{Clip, PromptError, Prompts, Say, SystemClock};
use outdial_media::{tones, wav};
use outdial_speech::{EngineKind, PromptLibrary, SpeechConfig};
use tempfile::TempDir;

/// A directory with a script that is run for each text, and a WAV file `tone.wav` that it may give.
pub(crate) struct Engine {
    pub(crate) directory: TempDir,
}

impl Engine {
    /// An engine that runs these lines of shell in its directory.
    pub(crate) fn new(script: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().display();
        fs::write(
            directory.path().join("engine"),
            format!("cd '{at}' || exit 9\n{script}\n"),
        )
        .unwrap();
        fs::write(directory.path().join("tone.wav"), tone(22_050, 1_000)).unwrap();
        Self { directory }
    }

    /// An engine that counts its runs, and then goes on with these lines.
    pub(crate) fn counting(script: &str) -> Self {
        Self::new(&format!("echo run >> runs\n{script}"))
    }

    /// Makes a named pipe in its directory, for waiting on what it does.
    pub(crate) fn pipe(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        path
    }

    /// How often it ran.
    pub(crate) fn runs(&self) -> usize {
        fs::read_to_string(self.path("runs")).map_or(0, |runs| runs.lines().count())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A configuration that speaks by it.
    pub(crate) fn config(&self) -> SpeechConfig {
        let mut config = SpeechConfig {
            engine: EngineKind::Command,
            ..SpeechConfig::default()
        };
        config.command.args = vec!["sh".to_owned(), self.path("engine").display().to_string()];
        config
    }

    /// A library that speaks by it.
    pub(crate) async fn library(&self) -> PromptLibrary {
        open(self.config()).await
    }
}

/// Opens a library.
pub(crate) async fn open(config: SpeechConfig) -> PromptLibrary {
    PromptLibrary::open(config, Arc::new(SystemClock)).await.unwrap()
}

/// A text without wishes.
pub(crate) fn text(text: &str) -> Say {
    Say {
        text: text.to_owned(),
        voice: None,
        language: None,
    }
}

/// Speaks a text for a telephone.
pub(crate) async fn say(library: &PromptLibrary, words: &str) -> Result<Arc<Clip>, PromptError> {
    library.say(&text(words), 8_000).await
}

/// The bytes of a WAV file with a tone.
pub(crate) fn tone(rate: u32, millis: u32) -> Vec<u8> {
    let mut file = Vec::new();
    wav::write_mono(&mut file, rate, &tones::sine(rate, 440.0, -10.0, millis)).unwrap();
    file
}

/// Reads a named pipe to its end, which comes when everybody who could write to it is gone.
pub(crate) async fn everybody_gone(pipe: File) {
    let read = tokio::task::spawn_blocking(move || std::io::read_to_string(pipe).unwrap());
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .expect("somebody still runs")
        .unwrap();
}

/// Whether espeak-ng is here. Where it is not, the test says that it is skipped, and fails in CI.
pub(crate) fn espeak() -> bool {
    let here = std::process::Command::new("espeak-ng")
        .arg("--version")
        .output()
        .is_ok();
    if !here {
        println!("skipped: espeak-ng");
        assert!(
            std::env::var_os("CI").is_none(),
            "espeak-ng is missing, and nothing is skipped in CI"
        );
    }
    here
}
