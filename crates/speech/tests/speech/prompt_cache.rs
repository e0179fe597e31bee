//! What is kept, what is not, and who waits for whom.

use std::{fs, io::Write, sync::Arc};

use crate::common::{Engine, open, say, text};
use futures_util::{future::join_all, poll};
use outdial_engine::ports::{Prompts, SystemClock};
use outdial_speech::PromptLibrary;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_want_the_same_text_start_one_command() {
    let engine = Engine::counting("cat tone.wav");
    let library = engine.library().await;
    let callers = (0..1_000).map(|n| {
        let library = library.clone();
        // They are equal once they are normalised.
        tokio::spawn(async move { say(&library, &format!("{}Press 1.", " ".repeat(n % 7))).await })
    });
    let clips: Vec<_> = join_all(callers)
        .await
        .into_iter()
        .map(|clip| clip.unwrap().unwrap())
        .collect();
    assert_eq!(engine.runs(), 1);
    assert!(clips.iter().all(|clip| Arc::ptr_eq(clip, &clips[0])));
}

#[tokio::test]
async fn who_hangs_up_takes_nothing_from_the_others() {
    let engine = Engine::counting("read line < go; cat tone.wav");
    let go = engine.pipe("go");
    let library = engine.library().await;
    let mut first = Box::pin(say(&library, "Hello"));
    let mut second = Box::pin(say(&library, "Hello"));
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
    let opened = tokio::task::spawn_blocking(move || fs::File::options().write(true).open(go).unwrap());
    // The command is started by whoever polls; it waits at the pipe while the first one goes.
    let mut pipe = tokio::select! {
        pipe = opened => pipe.unwrap(),
        _ = &mut first => panic!("it cannot be done yet"),
    };
    drop(first);
    pipe.write_all(b"go\n").unwrap();
    drop(pipe);
    second.await.unwrap();
    assert_eq!(engine.runs(), 1);
}

#[tokio::test]
async fn another_text_voice_language_or_rate_is_another_prompt() {
    let engine = Engine::counting("cat tone.wav");
    let library = engine.library().await;
    let asked = [
        (text("One"), 8_000),
        (text("Two"), 8_000),
        (text("One"), 16_000),
        (
            outdial_engine::ports::Say {
                voice: Some("slt".into()),
                ..text("One")
            },
            8_000,
        ),
        (
            outdial_engine::ports::Say {
                language: Some("hi".into()),
                ..text("One")
            },
            8_000,
        ),
    ];
    for _ in 0..3 {
        for (say, rate) in &asked {
            assert_eq!(library.say(say, *rate).await.unwrap().rate, *rate);
        }
    }
    assert_eq!(engine.runs(), asked.len());
}

#[tokio::test]
async fn failures_and_silence_are_never_kept() {
    for script in [
        "exit 1",
        "true",
        "head -c 44 tone.wav",
        "head -c 44 tone.wav; head -c 9000 /dev/zero",
        "echo noise",
    ] {
        let engine = Engine::counting(&format!("test -e works || {{ {script}; exit; }}; cat tone.wav"));
        let cache = tempfile::tempdir().unwrap();
        let mut config = engine.config();
        config.cache.directory = Some(cache.path().to_owned());
        let library = open(config).await;
        for _ in 0..2 {
            assert!(say(&library, "Hello").await.is_err(), "{script}");
        }
        assert_eq!(
            (engine.runs(), fs::read_dir(cache.path()).unwrap().count()),
            (2, 0),
            "{script}"
        );
        fs::write(engine.path("works"), "").unwrap();
        say(&library, "Hello").await.unwrap();
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1, "{script}");
    }
}

#[tokio::test]
async fn the_disk_remembers_over_a_start_and_mends_itself() {
    let engine = Engine::counting("cat tone.wav");
    let cache = tempfile::tempdir().unwrap();
    let mut config = engine.config();
    config.cache.directory = Some(cache.path().join("made/for/us"));
    let spoken = say(&open(config.clone()).await, "Hello").await.unwrap();
    assert_eq!(say(&open(config.clone()).await, "Hello").await.unwrap(), spoken);
    assert_eq!(engine.runs(), 1);

    let file = fs::read_dir(cache.path().join("made/for/us"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    fs::write(&file, bytes).unwrap();
    assert_eq!(say(&open(config.clone()).await, "Hello").await.unwrap(), spoken);
    assert_eq!(engine.runs(), 2);
    assert_eq!(say(&open(config).await, "Hello").await.unwrap(), spoken);
    assert_eq!(engine.runs(), 2);
}

#[tokio::test]
async fn memory_holds_no_more_than_it_may() {
    let engine = Engine::counting("cat tone.wav");
    let mut config = engine.config();
    // One second is 16,000 bytes and what surrounds them: there is room for two.
    config.cache.memory_bytes = 40_000;
    let library = open(config).await;
    for (words, runs) in [("One", 1), ("Two", 2), ("One", 2), ("Three", 3), ("One", 3), ("Two", 4)] {
        say(&library, words).await.unwrap();
        assert_eq!(engine.runs(), runs, "{words}");
    }
}

#[tokio::test]
async fn a_full_or_vanished_disk_costs_nobody_a_prompt() {
    let engine = Engine::counting("cat tone.wav");
    let cache = tempfile::tempdir().unwrap();
    let mut config = engine.config();
    config.cache.directory = Some(cache.path().join("cache"));
    config.cache.memory_bytes = 0;
    let library = open(config).await;
    fs::remove_dir(cache.path().join("cache")).unwrap();
    say(&library, "Hello").await.unwrap();
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_named() {
    let engine = Engine::new("");
    let mut config = engine.config();
    config.cache.directory = Some(engine.path("tone.wav").join("cache"));
    let error = PromptLibrary::open(config, Arc::new(SystemClock))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("speech.cache.directory") && error.contains("tone.wav"),
        "{error}"
    );
}
