//! Speech for tests, made or found on this machine and never kept: a synthetic voice, and the prompts of a switch.

use std::path::{Path, PathBuf};
use std::process::Command;

use outdial_media::wav;
use outdial_testkit::peers::{Peer, require, target_dir};

const TEXTS: [(&str, &str); 4] = [
    (
        "en-us",
        "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. It is easy to tell the depth of a well.",
    ),
    (
        "en-gb+f3",
        "Four hours of steady work faced us. A large size in stockings is hard to sell. The boy was there when the sun rose.",
    ),
    (
        "de",
        "Guten Tag. Bitte geben Sie nach dem Ton Ihre vierstellige Geheimzahl ein und drücken Sie die Rautetaste.",
    ),
    (
        "fr",
        "Bonjour. Pour parler à un conseiller, tapez un. Pour écouter à nouveau ce message, tapez étoile.",
    ),
];

/// Clips of a synthetic voice in several languages at this rate.
pub(crate) fn synthetic(rate: u32) -> Vec<Vec<i16>> {
    if !require(Peer::EspeakNg) {
        return Vec::new();
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("spoken.wav");
    TEXTS
        .iter()
        .map(|(voice, text)| {
            let spoken = Command::new("espeak-ng")
                .args(["-v", voice, "-w"])
                .arg(&file)
                .arg(text)
                .status();
            assert!(spoken.expect("it starts").success());
            read(&file, rate)
        })
        .collect()
}

/// The first prompts of the switch at 8 kHz, in the order of their names; nothing where there are none or nobody can read them.
pub(crate) fn prompts(most: usize) -> Vec<Vec<i16>> {
    if !require(Peer::Asterisk) || !require(Peer::Sox) {
        return Vec::new();
    }
    let mut files = Vec::new();
    find(
        &target_dir().join("peers/asterisk/root/usr/share/asterisk/sounds"),
        &mut files,
    );
    files.sort();
    let folder = tempfile::tempdir().expect("a folder");
    let converted = folder.path().join("prompt.wav");
    files
        .iter()
        .take(most)
        .filter_map(|file| {
            let done = Command::new("sox")
                .arg(file)
                .args(["-r", "8000", "-b", "16"])
                .arg(&converted)
                .status();
            done.is_ok_and(|status| status.success())
                .then(|| read(&converted, 8000))
        })
        .collect()
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|kind| kind == "gsm" || kind == "wav") {
            files.push(path);
        }
    }
}

fn read(file: &Path, rate: u32) -> Vec<i16> {
    let clip = wav::read(&std::fs::read(file).expect("it is there"), 600).expect("it is WAV");
    clip.at_rate(rate).expect("a usual rate").samples
}
