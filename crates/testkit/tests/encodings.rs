//! The encodings of texts, next to those of others.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fmt::Write as _,
    process::{Command, Stdio},
};

use outdial_domain::text::Encoding;
use outdial_testkit::peers::{Peer, interop_dir, require, venv_python};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// The octets in GSM 03.38, where they can be, and in UTF-16, by Python.
type Octets = (Option<String>, String);

fn by_python(texts: &[String]) -> Vec<Octets> {
    let mut child = Command::new(venv_python())
        .arg(interop_dir().join("peers/encodings.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), texts).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}

fn same_as_python(texts: &[String]) {
    for (text, theirs) in texts.iter().zip(by_python(texts)) {
        let gsm = Encoding::Gsm7.octets(text);
        assert_eq!(gsm.as_deref().map(hexadecimal), theirs.0, "{text:?} in GSM 03.38");
        if let Some(gsm) = gsm {
            assert_eq!(&Encoding::Gsm7.text(&gsm), text);
        }
        let ucs2 = Encoding::Ucs2.octets(text).unwrap();
        assert_eq!(hexadecimal(&ucs2), theirs.1, "{text:?} in UTF-16");
        assert_eq!(&Encoding::Ucs2.text(&ucs2), text);
    }
}

#[test]
fn every_character_of_the_basic_plane_is_written_as_others_write_it() {
    if require(Peer::Gsm0338) {
        let characters: Vec<String> = ('\0'..='\u{FFFF}').map(String::from).collect();
        same_as_python(&characters);
    }
}

#[test]
fn random_texts_are_written_as_others_write_them() {
    if !require(Peer::Gsm0338) {
        return;
    }
    let mut random = StdRng::seed_from_u64(3_38);
    let alphabet: Vec<char> = ('\0'..='\u{FFFF}')
        .filter(|character| Encoding::Gsm7.units_of(*character).is_some())
        .collect();
    let mut text = |any: bool| -> String {
        (0..random.random_range(1..300))
            .map(|_| match any {
                true => random.random(),
                false => alphabet[random.random_range(0..alphabet.len())],
            })
            .collect()
    };
    let texts: Vec<String> = (0..2_000).map(|number| text(number % 2 == 0)).collect();
    same_as_python(&texts);
}
