//! Audio that was not spoken: uploads, and the file that is played when speaking fails.

use std::{fs, sync::Arc};

use crate::common::{Engine, open, say, tone};
use outdial_engine::ports::{PromptError, Prompts, SystemClock};
use outdial_speech::{PromptLibrary, SpeechConfig};

#[tokio::test]
async fn an_upload_is_read_once_for_each_rate() {
    let library = open(SpeechConfig::default()).await;
    let bytes: Arc<[u8]> = tone(44_100, 500).into();
    assert_eq!(library.cached("abc", 8_000), None);
    let clip = library.decode("abc", Arc::clone(&bytes), 8_000).await.unwrap();
    assert_eq!((clip.rate, clip.samples.len()), (8_000, 4_000));
    assert!(Arc::ptr_eq(&library.cached("abc", 8_000).unwrap(), &clip));
    let again = library
        .decode("abc", Arc::from(&b"not looked at"[..]), 8_000)
        .await
        .unwrap();
    assert!(Arc::ptr_eq(&again, &clip));
    assert_eq!(library.cached("abc", 16_000), None);
    assert_eq!(library.decode("abc", bytes, 16_000).await.unwrap().samples.len(), 8_000);
}

#[tokio::test]
async fn an_upload_that_cannot_be_played_is_refused_and_not_kept() {
    let mut config = SpeechConfig::default();
    config.limits.upload_seconds = 2;
    let library = open(config).await;
    let whole = tone(8_000, 1_000);
    for bytes in [
        &b""[..],
        b"ID3\x04 an mp3, perhaps",
        &whole[..20],
        &whole[..44],
        &tone(8_000, 2_001),
    ] {
        let refused = library.inspect(bytes.into()).await.unwrap_err();
        assert!(matches!(refused, PromptError::Unreadable(_)), "{refused}");
        let refused = library.decode("abc", bytes.into(), 8_000).await.unwrap_err();
        assert!(matches!(refused, PromptError::Unreadable(_)), "{refused}");
        assert_eq!(library.cached("abc", 8_000), None);
    }
    let audio = library.inspect(whole.clone().into()).await.unwrap();
    assert_eq!(
        (audio.format.as_str(), audio.millis),
        ("WAV, PCM 16 bit, 8000 Hz, 1 channel", 1_000)
    );
    assert!(library.decode("abc", whole.into(), 7).await.is_err());
}

#[tokio::test]
async fn the_fallback_is_heard_when_speaking_fails() {
    for script in ["exit 1", "true", "echo noise"] {
        let engine = Engine::counting(&format!("test -e works || {{ {script}; exit; }}; cat tone.wav"));
        fs::write(engine.path("sorry.wav"), tone(16_000, 250)).unwrap();
        let mut config = engine.config();
        config.fallback = Some(engine.path("sorry.wav"));
        let library = open(config).await;
        for runs in 1..3 {
            assert_eq!(say(&library, "Hello").await.unwrap().samples.len(), 2_000, "{script}");
            assert_eq!(engine.runs(), runs);
        }
        fs::write(engine.path("works"), "").unwrap();
        assert_eq!(say(&library, "Hello").await.unwrap().samples.len(), 8_000, "{script}");
        // What is asked wrongly is refused as ever.
        assert!(say(&library, "").await.is_err());
    }
}

#[tokio::test]
async fn a_fallback_that_cannot_be_played_is_found_at_the_start() {
    let engine = Engine::new("");
    for (file, words) in [
        ("engine", "WAV, AU, MP3 or Ogg Vorbis"),
        ("nowhere.wav", "cannot be read"),
    ] {
        let mut config = engine.config();
        config.fallback = Some(engine.path(file));
        let error = PromptLibrary::open(config, Arc::new(SystemClock))
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("speech.fallback") && error.contains(words), "{error}");
    }
}
