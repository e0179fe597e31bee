//! The default engine itself.

use crate::common::{espeak, open, say, text};
use outdial_engine::ports::{PromptError, Prompts, Say};
use outdial_media::loudness;
use outdial_speech::SpeechConfig;

#[tokio::test]
async fn it_speaks_at_the_usual_loudness() {
    if !espeak() {
        return;
    }
    let library = open(SpeechConfig::default()).await;
    for rate in [8_000, 16_000] {
        let clip = library
            .say(&text("Hello. This is a test call. Press one."), rate)
            .await
            .unwrap();
        let seconds = clip.samples.len() as f64 / f64::from(rate);
        assert!((1.5..6.0).contains(&seconds), "{seconds} s");
        let (loud, peak) = (loudness::speech_dbfs(&clip.samples), loudness::peak_dbfs(&clip.samples));
        assert!(
            (-26.0..-18.0).contains(&loud) && peak < -2.9,
            "{loud} and at most {peak} dBFS"
        );
    }
}

#[tokio::test]
async fn it_speaks_languages_and_voices() {
    if !espeak() {
        return;
    }
    let mut config = SpeechConfig {
        voice: Some("en-gb".into()),
        ..SpeechConfig::default()
    };
    config.voices.insert("de".into(), "de+f3".into());
    let library = open(config).await;
    let mut clips = Vec::new();
    for (voice, language) in [
        (None, None),
        (Some("en-us+f3"), None),
        (None, Some("hi")),
        (None, Some("de-AT")),
        (None, Some("pt-BR")),
    ] {
        let asked = Say {
            voice: voice.map(Into::into),
            language: language.map(Into::into),
            ..text("Hotel 12")
        };
        clips.push(library.say(&asked, 8_000).await.unwrap());
    }
    for (index, clip) in clips.iter().enumerate() {
        assert!(clips[..index].iter().all(|other| other != clip));
    }
    let unknown = Say {
        voice: Some("klingon-opera".into()),
        ..text("Hello")
    };
    let error = library.say(&unknown, 8_000).await.unwrap_err();
    assert!(
        matches!(&error, PromptError::Engine { reason, .. } if reason.contains("voice does not exist")),
        "{error}"
    );
}

#[tokio::test]
async fn hostile_texts_are_only_texts() {
    if !espeak() {
        return;
    }
    let library = open(SpeechConfig::default()).await;
    let hello = say(&library, "Hello").await.unwrap().samples.len();
    for words in [
        "-w stolen.wav Hello",
        "--help",
        "--stdout -f /etc/passwd",
        "<speak><break time=\"60s\"/>Hello</speak>",
        "<audio src=\"/etc/passwd\"/>Hello",
        "[[h@l]] Hello",
        "$(reboot) `reboot` ; reboot",
        "%s%n%x Hello",
        "\u{202e}olleH \u{1f600} \u{feff}",
        "Zalgo h\u{36f}\u{36f}\u{36f}\u{36f}e",
    ] {
        let clip = say(&library, words).await.unwrap();
        assert!(clip.samples.len() < 80 * hello, "{words}");
    }
    // Control characters would set its speed and pitch.
    assert_eq!(
        *say(&library, "\u{1}\u{1}Hello\0").await.unwrap(),
        *say(&library, "Hello").await.unwrap()
    );
    for silent in ["...", "- - -"] {
        let error = say(&library, silent).await.err();
        assert!(
            matches!(error, Some(PromptError::Silent(_)) | None),
            "{silent}: {error:?}"
        );
    }
    assert!(!std::path::Path::new("stolen.wav").exists());
    let long = "All work and no play. ".repeat(90);
    let clip = say(&library, &long).await.unwrap();
    assert!(clip.samples.len() > 60 * 8_000);
}

#[tokio::test]
async fn a_probe_reports_it() {
    if !espeak() {
        return;
    }
    let report = open(SpeechConfig::default()).await.probe().await.unwrap();
    assert_eq!(report.engine, "espeak-ng");
    assert!(report.version.starts_with(|c: char| c.is_ascii_digit()), "{report:?}");
    assert!(!report.audio.is_zero() && !report.time_to_audio.is_zero(), "{report:?}");
}

#[tokio::test]
async fn where_it_is_missing_a_probe_says_what_to_install() {
    let mut config = SpeechConfig::default();
    config.espeak.program = "no-such-espeak".to_owned();
    let library = open(config).await;
    for error in [
        library.probe().await.unwrap_err(),
        say(&library, "Hello").await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("apt install espeak-ng"), "{error}");
    }
}
