//! What a command may do as a speech engine, and what becomes of it.

use std::{fs::File, io::Write, time::Duration};

use crate::common::{Engine, everybody_gone, open, say, text};
use outdial_engine::ports::{PromptError, Prompts, Say};
use tokio::task::spawn_blocking;

#[tokio::test]
async fn a_command_speaks() {
    let engine = Engine::new("cat > heard; cat tone.wav");
    let clip = say(&engine.library().await, "  Press\t1.\n").await.unwrap();
    assert_eq!((clip.rate, clip.samples.len()), (8_000, 8_000));
    assert_eq!(std::fs::read_to_string(engine.path("heard")).unwrap(), "Press 1.");
}

#[tokio::test]
async fn a_command_need_not_read_its_text() {
    let engine = Engine::new("exec 0<&-; cat tone.wav");
    let mut config = engine.config();
    config.limits.text_bytes = 1 << 20;
    say(&open(config).await, &"word ".repeat(200_000)).await.unwrap();
}

#[tokio::test]
async fn what_fails_says_why_and_what_to_do() {
    let engine: fn(&PromptError) -> bool = |error| matches!(error, PromptError::Engine { .. });
    let silent: fn(&PromptError) -> bool = |error| matches!(error, PromptError::Silent(_));
    let limit: fn(&PromptError) -> bool = |error| matches!(error, PromptError::Limit(_));
    for (script, kind, words) in [
        (
            "echo 'no such voice' >&2; exit 3",
            engine,
            "exit status: 3 and said: no such voice",
        ),
        (
            "yes complaint | head -c 10000000 >&2; exit 1",
            engine,
            "complaint complaint",
        ),
        ("kill -9 $$", engine, "signal: 9"),
        ("cat tone.wav; exit 1", engine, "exit status: 1"),
        ("echo this is no audio", engine, "not a WAV file"),
        ("head -c 30 tone.wav", engine, "cut short"),
        ("head -c 300 /dev/urandom", engine, "not a WAV file"),
        ("true", silent, "nothing at all"),
        ("head -c 44 tone.wav", silent, "only silence"),
        ("head -c 44 tone.wav; head -c 44100 /dev/zero", silent, "only silence"),
        ("head -c 1000000000 /dev/zero", limit, "audio_bytes"),
        ("cat tone.wav; head -c 1000000000 /dev/zero", limit, "audio_bytes"),
        (
            "head -c 40 tone.wav; printf '\\377\\377\\377\\177'; head -c 2000000 /dev/zero",
            limit,
            "audio_seconds",
        ),
    ] {
        let engine = Engine::new(script);
        let mut config = engine.config();
        config.limits.time = Duration::from_secs(60);
        config.limits.audio_bytes = 4 << 20;
        config.limits.audio_seconds = 5;
        let error = say(&open(config).await, "Hello").await.unwrap_err();
        assert!(kind(&error) && error.to_string().contains(words), "{script}: {error}");
    }
}

#[tokio::test]
async fn a_command_that_is_not_there_says_what_to_correct() {
    for (program, words) in [("no-such-program-here", "No such file"), ("/", "denied")] {
        let mut config = Engine::new("").config();
        config.command.args = vec![program.to_owned()];
        let error = say(&open(config).await, "Hello").await.unwrap_err().to_string();
        assert!(
            error.contains(words) && error.contains("speech.command.args"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_with_all_it_started() {
    let engine = Engine::new("(sleep 1000 > alive) & (sleep 1000 > alive) & wait");
    let path = engine.pipe("alive");
    // With both ends held by us, neither side waits for the other to open it.
    let both = File::options().read(true).write(true).open(&path).unwrap();
    let mut config = engine.config();
    config.limits.time = Duration::from_millis(500);
    let error = say(&open(config).await, "Hello").await.unwrap_err();
    assert!(
        matches!(error, PromptError::Limit(_)) && error.to_string().contains("time_seconds"),
        "{error}"
    );
    let pipe = File::open(path).unwrap();
    drop(both);
    everybody_gone(pipe).await;
}

#[tokio::test]
async fn a_command_ends_when_nobody_waits_for_it() {
    let engine = Engine::new("sleep 1000 > alive");
    let path = engine.pipe("alive");
    let library = engine.library().await;
    let caller = tokio::spawn(async move { say(&library, "Hello").await });
    // Opening the pipe for reading waits until the command has opened it for writing.
    let pipe = spawn_blocking(move || File::open(path).unwrap()).await.unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    everybody_gone(pipe).await;
}

#[tokio::test]
async fn a_command_sees_neither_the_text_nor_our_environment() {
    let engine = Engine::new("env > seen; echo \"$@\" >> seen; cat tone.wav");
    let mut config = engine.config();
    config.command.args.extend(["{voice}", "{language}"].map(str::to_owned));
    config.command.environment = vec!["CARGO_PKG_NAME".to_owned()];
    config.voice = Some("slt".to_owned());
    let library = open(config).await;
    let asked = Say {
        text: "Secret $(touch hacked); `touch hacked`".to_owned(),
        voice: None,
        language: Some("hi".into()),
    };
    library.say(&asked, 8_000).await.unwrap();
    let seen = std::fs::read_to_string(engine.path("seen")).unwrap();
    assert!(seen.ends_with("slt hi\n"), "{seen}");
    assert!(
        seen.contains("CARGO_PKG_NAME=outdial-speech") && seen.contains("PATH="),
        "{seen}"
    );
    assert!(
        !seen.contains("Secret") && !seen.contains("CARGO_MANIFEST_DIR"),
        "{seen}"
    );
    assert!(!engine.path("hacked").exists());
}

#[tokio::test]
async fn a_voice_that_could_be_an_option_never_reaches_a_command() {
    let engine = Engine::counting("cat tone.wav");
    let library = engine.library().await;
    for name in ["-w", "--help", "../../etc/passwd", "a b", "", "x;y", "é"] {
        for (voice, language) in [(Some(name), None), (None, Some(name))] {
            let asked = Say {
                voice: voice.map(Into::into),
                language: language.map(Into::into),
                ..text("Hello")
            };
            let error = library.say(&asked, 8_000).await.unwrap_err();
            assert!(matches!(error, PromptError::Engine { .. }), "{error}");
        }
    }
    assert_eq!(engine.runs(), 0);
}

#[tokio::test]
async fn texts_wait_for_a_turn_only_so_long() {
    let engine = Engine::counting("read line < go; cat tone.wav");
    let go = engine.pipe("go");
    let mut config = engine.config();
    config.limits.concurrency = Some(1);
    config.limits.queue = Duration::from_millis(50);
    let library = open(config).await;
    let first = tokio::spawn({
        let library = library.clone();
        async move { say(&library, "First").await }
    });
    // The pipe opens for writing when the first command reads it, so it has the only turn.
    let pipe = spawn_blocking(move || File::options().write(true).open(go).unwrap());
    let mut pipe = pipe.await.unwrap();
    let error = say(&library, "Second").await.unwrap_err();
    assert!(
        matches!(&error, PromptError::Limit(words) if words.contains("concurrency")),
        "{error}"
    );
    pipe.write_all(b"go\n").unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(engine.runs(), 1);
}

#[tokio::test]
async fn a_text_is_refused_before_anything_runs() {
    let engine = Engine::counting("cat tone.wav");
    let library = engine.library().await;
    let megabyte = "x".repeat(1 << 20);
    for (words, rate) in [
        (megabyte.as_str(), 8_000),
        ("", 8_000),
        ("\0\r\n\u{7}", 8_000),
        ("Hello", 0),
        ("Hello", 1 << 30),
    ] {
        assert!(library.say(&text(words), rate).await.is_err());
    }
    assert_eq!(engine.runs(), 0);
}
