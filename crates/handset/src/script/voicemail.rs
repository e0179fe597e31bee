use std::time::Duration;

use super::{Sound, Step};

/// A voicemail: it greets, beeps, records what is said and hangs up.
#[derive(Debug, Clone, PartialEq)]
pub struct Voicemail {
    /// What it says first.
    pub greeting: Sound,
    /// The longest message it takes.
    pub limit: Duration,
    /// The silence that ends a message.
    pub silence: Duration,
}

impl Default for Voicemail {
    /// Four seconds of murmured greeting, a message of a minute at most, ended by three seconds of silence.
    fn default() -> Self {
        Self {
            greeting: Sound::Murmur(Duration::from_secs(4)),
            limit: Duration::from_secs(60),
            silence: Step::MESSAGE_SILENCE,
        }
    }
}

impl Voicemail {
    /// The steps that make a voicemail.
    pub fn steps(self) -> Vec<Step> {
        let beep = Sound::Tone {
            frequency: 1000.0,
            length: Duration::from_millis(400),
        };
        vec![
            Step::Wait(Duration::from_millis(500)),
            Step::Speak(self.greeting),
            Step::Speak(beep),
            Step::Listen {
                limit: self.limit,
                silence: self.silence,
            },
            Step::HangUp,
        ]
    }
}
