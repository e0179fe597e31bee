//! What holds for every flow, whatever the far side does.

use std::collections::BTreeMap;

use outdial_domain::{AudioId, Outcome, RecordingEnd};
use proptest::prelude::*;

use super::*;
use crate::{AudioRef, Conference, Consent, Dial, OnFailure, RecordingAction, Say, Until};

/// A far side that keeps the port's contract, and counts.
struct World {
    now: Instant,
    interpreter: Interpreter,
    playing: bool,
    sending: bool,
    dialing: bool,
    connected: bool,
    in_room: bool,
    recording: bool,
    hang_ups: usize,
    /// How many dials have ended.
    hops: usize,
    pressed: String,
    gathered: String,
    /// Instructions under way: a dial, and those of a code beside it.
    open: Vec<String>,
}

impl World {
    fn new(flow: Flow) -> Self {
        Self {
            now: Instant::now(),
            interpreter: Interpreter::new(flow),
            playing: false,
            sending: false,
            dialing: false,
            connected: false,
            in_room: false,
            recording: false,
            hang_ups: 0,
            hops: 0,
            pressed: String::new(),
            gathered: String::new(),
            open: Vec::new(),
        }
    }

    fn handle(&mut self, input: Input) {
        self.interpreter.handle(input, self.now);
        self.obey();
    }

    fn press(&mut self, digit: Digit) {
        self.pressed.push(digit.as_char());
        self.handle(Input::Digit(digit));
    }

    /// Time passes as far as it is waited for.
    fn wait(&mut self, deadline: Instant) {
        self.now = self.now.max(deadline);
        self.interpreter.handle_timeout(self.now);
        self.obey();
    }

    /// Lets happen what is awaited.
    fn go_on(&mut self) {
        match self.interpreter.deadline() {
            Some(deadline) => self.wait(deadline),
            None if self.playing => {
                self.playing = false;
                self.handle(Input::PlayDone);
            }
            None if self.sending => {
                self.sending = false;
                self.handle(Input::DigitsSent);
            }
            None if self.recording => {
                self.recording = false;
                self.handle(Input::Recorded {
                    end: RecordingEnd::Silence,
                    length: Duration::ZERO,
                });
            }
            None if self.dialing => {
                self.dialing = false;
                let end = match self.hops % 3 {
                    _ if self.connected => DialEnd::Talked,
                    0 => DialEnd::Talked,
                    1 => DialEnd::NotReached(Outcome::Busy),
                    _ => DialEnd::NotReached(Outcome::NoAnswer),
                };
                self.hops += 1;
                self.handle(Input::DialEnded(end));
            }
            None if self.in_room => {
                self.in_room = false;
                self.handle(Input::LeftRoom);
            }
            None => panic!("nothing is awaited, and the call has not ended"),
        }
    }

    fn obey(&mut self) {
        while let Some(command) = self.interpreter.poll_command() {
            assert_eq!(self.hang_ups, 0, "{command:?} after the end");
            match command {
                Command::Prompt(prompts) => {
                    assert!(!self.playing, "two prompts at once");
                    assert!(!prompts.is_empty());
                    self.playing = true;
                }
                Command::StopPrompt => {
                    assert!(self.playing, "nothing to stop");
                    self.playing = false;
                }
                Command::SendDigits(_) => {
                    assert!(!self.sending && !self.playing);
                    self.sending = true;
                }
                Command::Announce(_) => {
                    assert!(!self.playing);
                    self.playing = true;
                }
                Command::Dial(dial) => {
                    assert!(!self.dialing && !self.in_room && !self.playing && !self.sending);
                    assert!(!dial.to.is_empty());
                    self.dialing = true;
                    self.connected = false;
                }
                Command::Part => {
                    assert!(self.dialing && self.connected, "nobody to let go of");
                    self.dialing = false;
                }
                Command::Join(_) => {
                    assert!(!self.dialing && !self.in_room && !self.playing && !self.sending);
                    self.in_room = true;
                }
                Command::Record(record) => {
                    assert!(!self.playing && !self.recording);
                    self.recording = record.until.is_some();
                }
                Command::EndMessage => assert!(self.recording, "no message to end"),
                Command::Recording(_) => {}
                Command::HangUp => self.hang_ups += 1,
            }
        }
        while let Some(note) = self.interpreter.poll_note() {
            match note {
                Note::Started { step, .. } => {
                    assert!(
                        self.open.is_empty() || self.connected,
                        "{step} while another is under way"
                    );
                    assert!(self.open.len() < 2, "{step} while others are under way");
                    self.open.push(step);
                }
                Note::Gathered { step, digits, .. } => {
                    assert_eq!(self.open.last(), Some(&step));
                    self.gathered.push_str(&digits.unwrap_or_default());
                }
                Note::Code { step, .. } => assert_eq!(self.open, [step]),
                Note::Done { step, .. } => {
                    // The end of a talk ends what is under way beside it, too.
                    let place = self.open.iter().position(|open| *open == step);
                    self.open.truncate(place.expect("what is done was under way"));
                }
            }
        }
    }
}

fn is_subsequence(part: &str, whole: &str) -> bool {
    let mut rest = whole.chars();
    part.chars().all(|wanted| rest.any(|character| character == wanted))
}

fn digits() -> impl Strategy<Value = Digit> {
    "[0-9*#A-D]".prop_map(|text| text.chars().next().and_then(Digit::from_char).unwrap())
}

fn prompts() -> impl Strategy<Value = Prompt> {
    prop_oneof![
        "[a-z]{1,5}".prop_map(|text| Prompt::Say(Say {
            text,
            voice: None,
            language: None
        })),
        any::<u128>().prop_map(|id| Prompt::Play(AudioRef { audio: audio(id) })),
    ]
}

fn audio(id: u128) -> AudioId {
    format!("aud_{id:032x}").parse().unwrap()
}

fn records() -> impl Strategy<Value = Record> {
    let until = (prop::option::of(digits()), any::<bool>()).prop_map(|(key, beep)| Until {
        key,
        silence: None,
        beep,
    });
    let consent =
        (prop::collection::vec(prompts(), 0..3), digits(), 0..3u8).prop_map(|(prompts, key, tries)| Consent {
            prompts,
            key,
            timeout: Duration::from_secs(5),
            tries,
        });
    (prop::option::of(until), prop::option::of(consent)).prop_map(|(until, consent)| Record {
        until,
        consent,
        ..Record::default()
    })
}

fn instructions() -> impl Strategy<Value = Instruction> {
    let simple = prop_oneof![
        4 => prompts().prop_filter_map("it is no instruction", |prompt| match prompt {
            Prompt::Say(say) => Some(Instruction::Say(say)),
            Prompt::Play(audio) => Some(Instruction::Play(audio)),
            Prompt::Beep => None,
        }),
        2 => (0..5_000u64).prop_map(|millis| Instruction::Pause(Duration::from_millis(millis))),
        1 => "[0-9w#]{1,5}".prop_map(|text| Instruction::SendDigits(text.parse().unwrap())),
        1 => Just(Instruction::Conference(Conference::of("lobby".parse().unwrap()))),
        2 => records().prop_map(Instruction::Record),
        1 => prop::sample::select(RecordingAction::ALL.to_vec()).prop_map(Instruction::Recording),
        1 => Just(Instruction::HangUp),
    ];
    simple.prop_recursive(4, 40, 5, |inner| {
        let steps = || prop::collection::vec(inner.clone(), 0..4);
        let on_failure = prop_oneof![
            Just(OnFailure::HangUp),
            Just(OnFailure::Next),
            steps().prop_map(OnFailure::Flow),
        ];
        let codes = prop::collection::btree_map("[*#][0-9]", steps(), 0..3);
        let dial = (on_failure, prop::collection::vec(prompts(), 0..2), codes);
        let dial = dial.prop_map(|(on_failure, announce, codes)| {
            let to = outdial_domain::Address::parse("+6590000001").unwrap();
            Instruction::Dial(Box::new(Dial {
                on_failure,
                announce,
                codes,
                ..Dial::to(to)
            }))
        });
        let gather = (
            prop::collection::vec(prompts(), 0..3),
            (0..4u8, 0..5u8, 0..4u8),
            prop::option::of(digits()),
            prop::collection::btree_map("[0-9]{1,2}", steps(), 0..4),
            steps(),
            steps(),
        )
            .prop_map(|(prompts, (fewest, most, tries), finish, on, otherwise, no_input)| {
                Instruction::Gather(Gather {
                    name: "digits".into(),
                    private: false,
                    prompts,
                    fewest,
                    most,
                    finish,
                    timeout: Duration::from_secs(5),
                    tries,
                    on: BTreeMap::from_iter(on),
                    otherwise,
                    no_input,
                })
            });
        prop_oneof![1 => dial, 3 => gather]
    })
}

fn flows() -> impl Strategy<Value = Flow> {
    prop::collection::vec(instructions(), 0..6).prop_map(|steps| Flow { steps })
}

/// What the far side does next.
#[derive(Debug, Clone)]
enum Act {
    Press(Digit),
    /// The two talk.
    Connect,
    /// One of the two presses a code.
    Code(bool, char),
    GoOn,
    /// A moment that is not the deadline passes.
    TooEarly,
    /// Something comes that nobody awaits.
    Stray,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => digits().prop_map(Act::Press),
        2 => Just(Act::Connect),
        3 => (any::<bool>(), "[0-9]").prop_map(|(first, key)| Act::Code(first, key.chars().next().unwrap())),
        4 => Just(Act::GoOn),
        1 => Just(Act::TooEarly),
        1 => Just(Act::Stray),
    ];
    prop::collection::vec(act, 0..60)
}

proptest! {
    #[test]
    fn every_call_ends_once(flow in flows(), acts in acts()) {
        let mut world = World::new(flow);
        world.handle(Input::Started);
        for act in acts {
            if world.hang_ups > 0 {
                break;
            }
            match act {
                Act::Press(digit) => world.press(digit),
                Act::Connect => {
                    world.connected |= world.dialing;
                    world.handle(Input::Connected);
                }
                Act::Code(first, key) => {
                    for star in ['*', '#'] {
                        for key in [star, key].map(|key| Digit::from_char(key).unwrap()) {
                            match first {
                                true => world.press(key),
                                false => world.handle(Input::OtherDigit(key)),
                            }
                        }
                    }
                }
                Act::GoOn => world.go_on(),
                Act::TooEarly => {
                    let before = world.interpreter.deadline();
                    world.interpreter.handle_timeout(world.now - Duration::from_nanos(1));
                    prop_assert_eq!(world.interpreter.deadline(), before);
                }
                Act::Stray => {
                    world.handle(Input::Started);
                    if !world.playing {
                        world.handle(Input::PlayDone);
                    }
                    if !world.sending {
                        world.handle(Input::DigitsSent);
                    }
                    if !world.dialing {
                        world.handle(Input::DialEnded(DialEnd::Talked));
                    }
                    if !world.in_room {
                        world.handle(Input::LeftRoom);
                    }
                }
            }
        }
        // Nobody presses a key any more: every wait is for the end of a prompt or for time.
        for _ in 0..100_000 {
            if world.hang_ups > 0 {
                break;
            }
            world.go_on();
        }
        prop_assert_eq!(world.hang_ups, 1);
        prop_assert_eq!(world.interpreter.deadline(), None);
        prop_assert!(is_subsequence(&world.gathered, &world.pressed), "{} of {}", world.gathered, world.pressed);
        world.handle(Input::Started);
        world.handle(Input::PlayDone);
        world.handle(Input::DigitsSent);
        world.press(Digit::from_char('1').unwrap());
        prop_assert_eq!(world.hang_ups, 1);
    }

    #[test]
    fn no_order_of_inputs_is_too_much(flow in flows(), inputs in prop::collection::vec(0..9u8, 0..200)) {
        let mut interpreter = Interpreter::new(flow);
        let mut now = Instant::now();
        let mut hang_ups = 0;
        for input in inputs {
            match input {
                0 => interpreter.handle(Input::Started, now),
                1 => interpreter.handle(Input::PlayDone, now),
                2 => interpreter.handle(Input::DigitsSent, now),
                3 => interpreter.handle(Input::Digit(Digit::from_char('1').unwrap()), now),
                4 => interpreter.handle(Input::DialEnded(DialEnd::NotReached(Outcome::Busy)), now),
                5 => interpreter.handle(Input::LeftRoom, now),
                6 => interpreter.handle(Input::Connected, now),
                7 => interpreter.handle(Input::OtherDigit(Digit::from_char('*').unwrap()), now),
                _ => {
                    now += Duration::from_secs(1);
                    interpreter.handle_timeout(now);
                }
            }
            while let Some(command) = interpreter.poll_command() {
                prop_assert_eq!(hang_ups, 0);
                hang_ups += usize::from(command == Command::HangUp);
            }
        }
    }
}
