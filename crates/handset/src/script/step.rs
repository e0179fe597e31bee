use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// One thing a phone does on an answered call, or before the answer with early media.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Does nothing for so long.
    Wait(Duration),
    /// Waits until the far side spoke and then fell silent. Speech counts once: what an earlier `WaitForPrompt` heard does not satisfy this one.
    ///
    /// Beyond the limit the phone gives up: it hangs up and says so in [`HeardCall::problems`](crate::HeardCall::problems).
    WaitForPrompt {
        /// How long it waits at most.
        limit: Duration,
        /// How long the far side must have been silent; longer than the pauses within the prompt.
        silence: Duration,
    },
    /// Presses keys, 100 ms each with 60 ms between them.
    Press {
        /// The keys: `0` to `9`, `*`, `#`, `A` to `D`.
        digits: String,
        /// How they travel.
        way: PressWay,
    },
    /// Plays a sound to the far side and waits for its end.
    Speak(Sound),
    /// Listens until the far side fell silent after speaking, or for so long at most; then goes on. Never fails.
    Listen {
        /// How long at most.
        limit: Duration,
        /// How long the far side must have been silent.
        silence: Duration,
    },
    /// Hangs up. Without it the phone stays until the far side hangs up.
    HangUp,
}

impl Step {
    /// How long [`Step::WaitForPrompt`] waits unless it is told.
    pub const PROMPT_LIMIT: Duration = Duration::from_secs(30);
    /// The silence that ends a prompt unless it is told: longer than the pauses between the sentences of a synthetic voice.
    pub const PROMPT_SILENCE: Duration = Duration::from_millis(800);
    /// The silence that ends a message left with a voicemail.
    pub const MESSAGE_SILENCE: Duration = Duration::from_secs(3);

    /// [`Step::WaitForPrompt`] with the usual limits.
    pub const fn wait_for_prompt() -> Self {
        Self::WaitForPrompt {
            limit: Self::PROMPT_LIMIT,
            silence: Self::PROMPT_SILENCE,
        }
    }

    /// Presses keys as telephone events.
    pub fn press(digits: impl Into<String>) -> Self {
        Self::Press {
            digits: digits.into(),
            way: PressWay::Rtp,
        }
    }
}

/// How pressed keys travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PressWay {
    /// As telephone events (RFC 4733); as tones in the audio where the far side did not offer them.
    #[default]
    Rtp,
    /// In SIP INFO requests (`application/dtmf-relay`).
    Info,
    /// As tones in the audio, whatever was offered.
    InBand,
}

/// Something a phone plays.
#[derive(Debug, Clone, PartialEq)]
pub enum Sound {
    /// A WAV file of any usual kind and rate, read when the phones are started.
    File(PathBuf),
    /// Samples at 8 kHz.
    Samples(Arc<[i16]>),
    /// A sine at −10 dBm0.
    Tone {
        /// In Hz.
        frequency: f32,
        /// How long.
        length: Duration,
    },
    /// The ringback tone, 440 and 480 Hz for two seconds of every six, for so long.
    Ringback(Duration),
    /// A hum with the rhythm of speech: enough for whoever listens for a voice.
    Murmur(Duration),
}
