use std::path::PathBuf;
use std::time::Duration;

use super::{Network, PressWay, Sound, Step, Voicemail};

/// What a phone does with one call.
///
/// Build it from a constructor that says how the call is met, and methods that add to it:
///
/// ```
/// use std::time::Duration;
/// use outdial_handset::Behaviour;
///
/// let behaviour = Behaviour::answer().ring(Duration::from_secs(2)).wait_for_prompt().press("1#").hang_up();
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// How long it rings (180) before what comes then. With none no 180 is sent.
    pub ring: Duration,
    /// What it plays before the answer. If there is anything, a 183 with SDP is sent for it after the ringing.
    pub early: Vec<Step>,
    /// What comes then.
    pub then: Then,
    /// When it hangs up, counted from the answer, whatever the steps are at.
    pub hang_up_after: Option<Duration>,
    /// Sends no RTP, as if the way from the phone were cut.
    pub mute: bool,
    /// Hears no RTP, as if the way to the phone were cut.
    pub deaf: bool,
    /// Sends back what it hears instead of anything else, louder by so many decibels.
    pub echo: Option<f32>,
    /// What happens to the RTP on its way.
    pub network: Network,
}

/// How a call is met after the ringing.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// Answered; then the steps are done, one after the other.
    Answer(Vec<Step>),
    /// Refused with this status, 400 to 699.
    Reject(u16),
    /// Sent elsewhere.
    Redirect {
        /// The address it is sent to, for example `sip:100@127.0.0.1:5070`.
        contact: String,
        /// The status, 300 to 399; 302 is usual.
        code: u16,
    },
    /// Rung, and never answered.
    NoAnswer,
    /// Not a single reply, not even to a CANCEL, as if nobody were there.
    Silent,
}

impl Behaviour {
    /// Meets the call like this, at once.
    pub fn new(then: Then) -> Self {
        Self {
            ring: Duration::ZERO,
            early: Vec::new(),
            then,
            hang_up_after: None,
            mute: false,
            deaf: false,
            echo: None,
            network: Network::default(),
        }
    }

    /// Answers.
    pub fn answer() -> Self {
        Self::new(Then::Answer(Vec::new()))
    }

    /// Is busy (486).
    pub fn busy() -> Self {
        Self::reject(486)
    }

    /// Refuses with this status, 400 to 699.
    pub fn reject(code: u16) -> Self {
        Self::new(Then::Reject(code))
    }

    /// Sends the call elsewhere (302).
    pub fn redirect(contact: impl Into<String>) -> Self {
        Self::new(Then::Redirect {
            contact: contact.into(),
            code: 302,
        })
    }

    /// Rings until the caller gives up.
    pub fn never_answer() -> Self {
        Self::new(Then::NoAnswer)
    }

    /// Replies to nothing.
    pub fn silent() -> Self {
        Self::new(Then::Silent)
    }

    /// Plays the ringback tone as early media (183) until the caller gives up.
    pub fn early_media() -> Self {
        Self::never_answer().early(Sound::Ringback(Duration::from_secs(3600)))
    }

    /// Answers as a voicemail does.
    pub fn voicemail(voicemail: Voicemail) -> Self {
        Self::new(Then::Answer(voicemail.steps()))
    }

    /// Rings for so long first.
    pub fn ring(mut self, length: Duration) -> Self {
        self.ring = length;
        self
    }

    /// Plays this as early media before what comes then.
    pub fn early(mut self, sound: Sound) -> Self {
        self.early.push(Step::Speak(sound));
        self
    }

    /// Adds a step after the answer. Does nothing where the call is not answered.
    pub fn step(mut self, step: Step) -> Self {
        if let Then::Answer(steps) = &mut self.then {
            steps.push(step);
        }
        self
    }

    /// Then waits.
    pub fn wait(self, length: Duration) -> Self {
        self.step(Step::Wait(length))
    }

    /// Then waits until the far side spoke and fell silent.
    pub fn wait_for_prompt(self) -> Self {
        self.step(Step::wait_for_prompt())
    }

    /// Then presses keys as telephone events.
    pub fn press(self, digits: impl Into<String>) -> Self {
        self.step(Step::press(digits))
    }

    /// Then presses keys in another way.
    pub fn press_by(self, way: PressWay, digits: impl Into<String>) -> Self {
        let digits = digits.into();
        self.step(Step::Press { digits, way })
    }

    /// Then plays a WAV file.
    pub fn speak(self, file: impl Into<PathBuf>) -> Self {
        self.play(Sound::File(file.into()))
    }

    /// Then plays any sound.
    pub fn play(self, sound: Sound) -> Self {
        self.step(Step::Speak(sound))
    }

    /// Then plays a sine.
    pub fn tone(self, frequency: f32, length: Duration) -> Self {
        self.play(Sound::Tone { frequency, length })
    }

    /// Then listens until the far side fell silent for three seconds, or for so long at most.
    pub fn listen(self, limit: Duration) -> Self {
        self.step(Step::Listen {
            limit,
            silence: Step::MESSAGE_SILENCE,
        })
    }

    /// Then hangs up.
    pub fn hang_up(self) -> Self {
        self.step(Step::HangUp)
    }

    /// Hangs up so long after the answer, whatever it is doing.
    pub fn hang_up_after(mut self, length: Duration) -> Self {
        self.hang_up_after = Some(length);
        self
    }

    /// Sends no RTP.
    pub fn mute(mut self) -> Self {
        self.mute = true;
        self
    }

    /// Hears no RTP.
    pub fn deaf(mut self) -> Self {
        self.deaf = true;
        self
    }

    /// Sends back what it hears, louder by so many decibels, and does nothing else.
    pub fn echo(mut self, gain: f32) -> Self {
        self.echo = Some(gain);
        self
    }

    /// Puts its RTP on a bad network.
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Every step of it, early ones first.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        let after: &[Step] = match &self.then {
            Then::Answer(steps) => steps,
            Then::Reject(_) | Then::Redirect { .. } | Then::NoAnswer | Then::Silent => &[],
        };
        self.early.iter().chain(after)
    }
}
