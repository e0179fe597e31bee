//! What a test call tells about sound: what comes, whether we are heard, and how late it is.

use outdial_media::loudness;
use serde_json::Value;

use super::{
    Finding,
    probe_signal::{self, Echo},
    tapped::Recording,
};
use crate::config::Config;

/// Losing more than this share of the sound is heard as gaps.
const LOSS: f64 = 0.05;
/// Below this level, in dBFS, it is no sound but the noise of a line that nobody speaks on.
const SILENCE: f32 = -60.0;
/// Below this level, in dBFS, people ask each other to speak up.
const QUIET: f32 = -45.0;
/// Above this level, in dBFS, speech is cut off at its peaks.
const LOUD: f32 = -6.0;
/// There and back in milliseconds: ITU-T G.114 asks that one way takes 400 ms at most, and 150 to go unnoticed.
const LATE: f32 = 800.0;
const NOTICED: f32 = 300.0;

const FROM: &str = "sound from it";
const TO: &str = "sound to it";
const DELAY: &str = "delay";

/// All that was heard of a call, and said about it.
pub(super) struct Listening<'a> {
    pub(super) recording: &'a Recording,
    /// Of the leg.
    pub(super) quality: &'a Value,
    /// How long our key took there and back, in milliseconds.
    pub(super) key_back: Option<i64>,
}

/// What to say of it.
pub(super) fn findings(heard: &Listening<'_>, config: &Config) -> Vec<Finding> {
    let Recording { rate, sent, received } = heard.recording;
    let echo = probe_signal::echo(sent, received, *rate);
    vec![
        from_it(heard, echo, config),
        to_it(heard, echo, probe_signal::level_sent(sent, *rate)),
        delay(heard, echo),
    ]
}

/// What came in.
fn from_it(heard: &Listening<'_>, echo: Option<Echo>, config: &Config) -> Finding {
    let number = |name: &str| heard.quality[name].as_u64().unwrap_or_default();
    let (received, lost, sent) = (number("received"), number("lost"), number("sent"));
    if received == 0 {
        let media = &config.media;
        let detail = format!(
            "nothing came, while we sent {sent} packets: it sends nothing, or to where we are not. Let UDP to the ports \
             {} to {} of `[media]` through the firewall, and if `nat` says that it sees us elsewhere, set `[sip] advertise`",
            media.first_port, media.last_port
        );
        return Finding::new(FROM, Err(detail));
    }
    let level = echo.map_or_else(|| loudness::speech_dbfs(&heard.recording.received), |echo| echo.level);
    #[expect(clippy::cast_precision_loss, reason = "nobody counts 2^52 packets")]
    let loss = lost as f64 / (received + lost) as f64;
    let jitter = heard.quality["jitter_ms"].as_f64().unwrap_or_default();
    let what = format!(
        "heard {}, {received} packets, {:.1} % lost, jitter {jitter:.1} ms",
        decibels(level),
        loss * 100.0
    );
    let result = if loss > LOSS {
        Err(format!("{what}: look at the network between"))
    } else if level < SILENCE {
        Err(format!(
            "{what}: there is nothing in its packets but silence. Is the phone there muted, or nobody speaking? Call a \
             number that echoes"
        ))
    } else if level < QUIET {
        Err(format!(
            "{what}: that is too quiet, people are near -25 dBFS. Look for a gain that is turned down on its side (an \
             analogue line, a telephone adapter)"
        ))
    } else if level > LOUD {
        Err(format!(
            "{what}: that is too loud, and cut off at its peaks. Turn down the gain on its side"
        ))
    } else {
        Ok(what)
    };
    Finding::new(FROM, result)
}

/// Whether the far side hears us: by its echo, or by its reports.
fn to_it(heard: &Listening<'_>, echo: Option<Echo>, level: Option<f32>) -> Finding {
    let far_loss = heard.quality["far_loss"].as_f64();
    let sent = level.map_or_else(
        || "we sent the test signal".to_owned(),
        |level| format!("we sent {}", decibels(level)),
    );
    let reported = match far_loss {
        Some(loss) => format!(
            "it reports that {:.1} % of our packets are lost on their way",
            loss * 100.0
        ),
        None => "it sends no reports of what arrives".to_owned(),
    };
    if far_loss.is_some_and(|loss| loss > LOSS) {
        return Finding::new(TO, Err(format!("{reported}: look at the network between")));
    }
    let came_back = match (echo, heard.key_back) {
        (Some(_), Some(time)) => Some(format!("it comes back, and so did our key, after {time} ms")),
        (Some(_), None) => Some("it comes back; our key does not".to_owned()),
        (None, Some(time)) => Some(format!("our key came back after {time} ms; the test signal did not")),
        (None, None) => None,
    };
    match (came_back, far_loss) {
        (Some(what), _) => Finding::new(TO, Ok(format!("{sent}, and {what}; {reported}"))),
        (None, Some(_)) => Finding::new(
            TO,
            Ok(format!(
                "{reported}; how we sound there is not known, because nothing came back of what we sent"
            )),
        ),
        (None, None) => Finding::not_known(
            TO,
            format!("{sent}, nothing came back, and {reported}. Call a number that echoes, or ask who is there"),
        ),
    }
}

/// How late sound is.
fn delay(heard: &Listening<'_>, echo: Option<Echo>) -> Finding {
    let network = heard.quality["round_trip_ms"].as_f64();
    let network = network.map_or_else(String::new, |time| {
        format!("; packets go there and back in {time:.0} ms")
    });
    let Some(Echo { delay_ms, .. }) = echo else {
        return Finding::not_known(
            DELAY,
            format!("only a number that echoes shows how late sound is{network}"),
        );
    };
    let what = format!("{delay_ms:.0} ms there and back, our jitter buffer included{network}");
    let result = if delay_ms > LATE {
        Err(format!(
            "{what}: people will talk at the same time. Choose a server of theirs that is nearer, and look for jitter"
        ))
    } else if delay_ms > NOTICED {
        Ok(format!("{what}; attentive people notice it"))
    } else {
        Ok(what)
    };
    Finding::new(DELAY, result)
}

fn decibels(level: f32) -> String {
    match level.is_finite() {
        true => format!("{level:.1} dBFS"),
        false => "nothing at all".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::Verdict, *};

    fn found(received: Vec<i16>, quality: &Value) -> Vec<(&'static str, Verdict, String)> {
        let mut sent = vec![0; 4_000];
        sent.extend(probe_signal::signal(8_000));
        sent.resize(sent.len() + 12_000, 0);
        let recording = Recording {
            rate: 8_000,
            sent,
            received,
        };
        let heard = Listening {
            recording: &recording,
            quality,
            key_back: None,
        };
        let found = findings(&heard, &Config::default());
        [FROM, TO, DELAY]
            .into_iter()
            .zip(found)
            .map(|(name, found)| {
                assert_eq!(found.what, name);
                (name, found.verdict, found.detail)
            })
            .collect()
    }

    #[test]
    fn levels_are_judged() {
        let quality = json!({ "received": 300, "lost": 3, "sent": 300, "jitter_ms": 1.0 });
        for (level, verdict, says) in [
            (-80.0, Verdict::Wrong, "silence"),
            (-50.0, Verdict::Wrong, "too quiet"),
            (-25.0, Verdict::Ok, "heard -25"),
            (-3.5, Verdict::Wrong, "too loud"),
        ] {
            // A sine's level in dBm0 is 6.15 dB above that in dBFS.
            let tone = outdial_media::tones::sine(8_000, 700.0, level + 6.15, 3_000);
            let found = found(tone, &quality);
            assert!(found[0].1 == verdict && found[0].2.contains(says), "{found:?}");
            assert_eq!(
                (found[1].1, found[2].1),
                (Verdict::NotKnown, Verdict::NotKnown),
                "{found:?}"
            );
        }
    }

    #[test]
    fn losses_are_judged_each_way() {
        let tone = || outdial_media::tones::sine(8_000, 700.0, -20.0, 3_000);
        let quality = json!({ "received": 90, "lost": 10, "sent": 300, "far_loss": 0.0, "round_trip_ms": 31.0 });
        let lossy = found(tone(), &quality);
        assert!(
            lossy[0].1 == Verdict::Wrong && lossy[0].2.contains("10.0 % lost"),
            "{lossy:?}"
        );
        assert!(
            lossy[1].1 == Verdict::Ok && lossy[1].2.contains("not known"),
            "{lossy:?}"
        );
        assert!(lossy[2].2.contains("31 ms"), "{lossy:?}");
        let deaf = found(tone(), &json!({ "received": 300, "lost": 0, "far_loss": 0.2 }));
        assert!(deaf[1].1 == Verdict::Wrong && deaf[1].2.contains("20.0 %"), "{deaf:?}");
    }
}
