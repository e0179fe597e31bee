use std::path::PathBuf;
use std::time::Duration;

use super::{Behaviour, Network, PressWay, Sound, Step, Voicemail};

/// A phone: the number it is rung by, and what it does.
///
/// All methods that add to a [`Behaviour`] are here too, and add to what it does with every call that is not in [`on_call`](Self::on_call).
///
/// ```
/// use std::time::Duration;
/// use outdial_handset::{Behaviour, Phone};
///
/// let confirming = Phone::answering("+6598765432").ring(Duration::from_secs(1)).wait_for_prompt().press("1");
/// let busy_once = Phone::answering("+6590000001").first(Behaviour::busy()).hang_up();
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Phone {
    /// The user part of the request URIs that ring it: a number, a prefix with `*` after it, or `*` for all others.
    pub number: String,
    /// What it does with its first call, its second and so on.
    pub on_call: Vec<Behaviour>,
    /// What it does with every further call.
    pub behaviour: Behaviour,
    /// Whether callers must prove who they are before it rings.
    pub challenge: Option<Challenge>,
    /// Whether what it hears is written to a WAV file, where there is a directory for that.
    pub record: bool,
    /// Whether it has RTP at all. Without, nothing is sent and nothing is heard: for loads of many calls.
    pub rtp: bool,
}

/// A digest challenge (RFC 3261, section 22) with MD5.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The user name it wants.
    pub user: String,
    /// The password it wants.
    pub password: String,
    /// 401, as a server asks, or 407, as a proxy does.
    pub status: u16,
    /// The realm it names.
    pub realm: String,
}

impl Challenge {
    /// A 407 for the realm `handset`.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
            status: 407,
            realm: "handset".to_owned(),
        }
    }

    /// The same with 401.
    pub fn unauthorized(mut self) -> Self {
        self.status = 401;
        self
    }
}

impl std::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Challenge")
            .field("user", &self.user)
            .field("status", &self.status)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

impl Phone {
    /// A phone with this behaviour.
    pub fn new(number: impl Into<String>, behaviour: Behaviour) -> Self {
        Self {
            number: number.into(),
            on_call: Vec::new(),
            behaviour,
            challenge: None,
            record: true,
            rtp: true,
        }
    }

    /// A phone that answers.
    pub fn answering(number: impl Into<String>) -> Self {
        Self::new(number, Behaviour::answer())
    }

    /// A phone that is busy (486).
    pub fn busy(number: impl Into<String>) -> Self {
        Self::new(number, Behaviour::busy())
    }

    /// A phone that refuses with this status, 400 to 699.
    pub fn rejecting(number: impl Into<String>, code: u16) -> Self {
        Self::new(number, Behaviour::reject(code))
    }

    /// A phone that sends its callers elsewhere (302).
    pub fn redirecting(number: impl Into<String>, contact: impl Into<String>) -> Self {
        Self::new(number, Behaviour::redirect(contact))
    }

    /// A phone that rings for ever.
    pub fn never_answering(number: impl Into<String>) -> Self {
        Self::new(number, Behaviour::never_answer())
    }

    /// A number where nobody replies to anything.
    pub fn silent(number: impl Into<String>) -> Self {
        Self::new(number, Behaviour::silent())
    }

    /// A voicemail with the usual greeting.
    pub fn voicemail(number: impl Into<String>) -> Self {
        Self::new(number, Behaviour::voicemail(Voicemail::default()))
    }

    /// What it does with its first call; called again, with its second, and so on.
    pub fn first(mut self, behaviour: Behaviour) -> Self {
        self.on_call.push(behaviour);
        self
    }

    /// Asks its callers for a user and a password by 407.
    pub fn challenge(mut self, challenge: Challenge) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// Writes no WAV files.
    pub fn without_recording(mut self) -> Self {
        self.record = false;
        self
    }

    /// Has no RTP.
    pub fn without_rtp(mut self) -> Self {
        self.rtp = false;
        self
    }

    /// What it does with the call of this ordinal, which begins with 1.
    pub fn behaviour_on(&self, ordinal: u64) -> &Behaviour {
        let index = usize::try_from(ordinal.saturating_sub(1)).unwrap_or(usize::MAX);
        self.on_call.get(index).unwrap_or(&self.behaviour)
    }

    /// How exactly its number is the one rung: longer is more exact; `None` if it is another.
    pub(super) fn matches(&self, number: &str) -> Option<usize> {
        match self.number.strip_suffix('*') {
            Some(prefix) => number.starts_with(prefix).then_some(prefix.len()),
            None => (self.number == number).then_some(usize::MAX),
        }
    }

    fn with(mut self, change: impl FnOnce(Behaviour) -> Behaviour) -> Self {
        self.behaviour = change(self.behaviour);
        self
    }

    /// Rings for so long first.
    pub fn ring(self, length: Duration) -> Self {
        self.with(|it| it.ring(length))
    }

    /// Plays this as early media before what comes then.
    pub fn early(self, sound: Sound) -> Self {
        self.with(|it| it.early(sound))
    }

    /// Adds a step after the answer.
    pub fn step(self, step: Step) -> Self {
        self.with(|it| it.step(step))
    }

    /// Then waits.
    pub fn wait(self, length: Duration) -> Self {
        self.with(|it| it.wait(length))
    }

    /// Then waits until the far side spoke and fell silent.
    pub fn wait_for_prompt(self) -> Self {
        self.with(Behaviour::wait_for_prompt)
    }

    /// Then presses keys as telephone events.
    pub fn press(self, digits: impl Into<String>) -> Self {
        self.with(|it| it.press(digits))
    }

    /// Then presses keys in another way.
    pub fn press_by(self, way: PressWay, digits: impl Into<String>) -> Self {
        self.with(|it| it.press_by(way, digits))
    }

    /// Then plays a WAV file.
    pub fn speak(self, file: impl Into<PathBuf>) -> Self {
        self.with(|it| it.speak(file))
    }

    /// Then plays any sound.
    pub fn play(self, sound: Sound) -> Self {
        self.with(|it| it.play(sound))
    }

    /// Then plays a sine.
    pub fn tone(self, frequency: f32, length: Duration) -> Self {
        self.with(|it| it.tone(frequency, length))
    }

    /// Then listens until the far side fell silent, or for so long at most.
    pub fn listen(self, limit: Duration) -> Self {
        self.with(|it| it.listen(limit))
    }

    /// Then hangs up.
    pub fn hang_up(self) -> Self {
        self.with(Behaviour::hang_up)
    }

    /// Hangs up so long after the answer, whatever it is doing.
    pub fn hang_up_after(self, length: Duration) -> Self {
        self.with(|it| it.hang_up_after(length))
    }

    /// Sends no RTP.
    pub fn mute(self) -> Self {
        self.with(Behaviour::mute)
    }

    /// Hears no RTP.
    pub fn deaf(self) -> Self {
        self.with(Behaviour::deaf)
    }

    /// Sends back what it hears, louder by so many decibels, and does nothing else.
    pub fn echo(self, gain: f32) -> Self {
        self.with(|it| it.echo(gain))
    }

    /// Puts its RTP on a bad network.
    pub fn network(self, network: Network) -> Self {
        self.with(|it| it.network(network))
    }
}
