//! Whole conversations, each a table of what happens and what is then to be done.

use std::collections::BTreeMap;

use super::*;
use crate::{Conference, Consent, Dial, OnFailure, RecordingAction, Say, Until};
use On::{Connected, Dialled, Keys, LeftRoom, NotLetIn, OtherKeys, Pass, PlayDone, Recorded, Sent, Start};
use outdial_domain::{Outcome, RecordingEnd};

/// Something that happens, in the order of the table.
#[derive(Debug, Clone, Copy)]
enum On {
    Start,
    PlayDone,
    Keys(&'static str),
    Sent,
    Connected,
    OtherKeys(&'static str),
    Dialled(DialEnd),
    LeftRoom,
    NotLetIn(Outcome),
    /// A recording of two seconds is complete.
    Recorded(RecordingEnd),
    /// So many milliseconds pass.
    Pass(u64),
}

/// Runs a table: after each happening exactly these commands, as text, must come.
fn converse(flow: Flow, table: &[(On, &[&str])]) -> Vec<String> {
    let mut now = Instant::now();
    let mut interpreter = Interpreter::new(flow);
    let mut notes = Vec::new();
    for (row, (on, expected)) in table.iter().enumerate() {
        match on {
            On::Start => interpreter.handle(Input::Started, now),
            On::PlayDone => interpreter.handle(Input::PlayDone, now),
            On::Sent => interpreter.handle(Input::DigitsSent, now),
            On::Connected => interpreter.handle(Input::Connected, now),
            On::OtherKeys(keys) => keys
                .chars()
                .for_each(|key| interpreter.handle(Input::OtherDigit(digit(key)), now)),
            On::Dialled(end) => interpreter.handle(Input::DialEnded(*end), now),
            On::LeftRoom => interpreter.handle(Input::LeftRoom, now),
            On::NotLetIn(outcome) => interpreter.handle(Input::NotLetIn(*outcome), now),
            On::Recorded(end) => {
                let length = Duration::from_secs(2);
                interpreter.handle(Input::Recorded { end: *end, length }, now);
            }
            On::Keys(keys) => keys
                .chars()
                .for_each(|key| interpreter.handle(Input::Digit(digit(key)), now)),
            On::Pass(millis) => {
                now += Duration::from_millis(*millis);
                interpreter.handle_timeout(now);
            }
        }
        let commands: Vec<String> = std::iter::from_fn(|| interpreter.poll_command())
            .map(|command| shown(&command))
            .collect();
        assert_eq!(commands, *expected, "row {row}: {on:?}");
        notes.extend(std::iter::from_fn(|| interpreter.poll_note()).map(|note| noted(&note)));
    }
    notes
}

fn shown(command: &Command) -> String {
    match command {
        Command::Prompt(prompts) => {
            let texts: Vec<&str> = prompts
                .iter()
                .map(|prompt| match prompt {
                    Prompt::Say(say) => say.text.as_str(),
                    Prompt::Play(_) => "audio",
                    Prompt::Beep => "beep",
                })
                .collect();
            format!("say {}", texts.join("+"))
        }
        Command::StopPrompt => "stop".into(),
        Command::SendDigits(digits) => format!("send {digits}"),
        Command::Dial(dial) => format!("dial {}", dial.to[0]),
        Command::Part => "part".into(),
        Command::Announce(outcome) => format!("announce {outcome}"),
        Command::Join(conference) => format!("join {}", conference.room),
        Command::Record(record) => format!("record {}", record.name),
        Command::EndMessage => "end message".into(),
        Command::Recording(action) => format!("{} recording", action.as_str()),
        Command::HangUp => "hang up".into(),
    }
}

fn noted(note: &Note) -> String {
    match note {
        Note::Started { step, what } => format!("{step} > {what}"),
        Note::Done { step, result } => format!("{step} < {result}"),
        Note::Gathered { step, name, digits } => {
            format!("{step} = {name}:{}", digits.as_deref().unwrap_or("private"))
        }
        Note::Code { step, code, by } => format!("{step} {code} {by:?}"),
    }
}

fn digit(key: char) -> Digit {
    Digit::from_char(key).unwrap()
}

fn said(text: &str) -> Say {
    Say {
        text: text.into(),
        voice: None,
        language: None,
    }
}

fn say(text: &str) -> Instruction {
    Instruction::Say(said(text))
}

fn pause(millis: u64) -> Instruction {
    Instruction::Pause(Duration::from_millis(millis))
}

/// One to four keys, `#` ends, two tries, five seconds.
fn menu() -> Gather {
    Gather {
        name: "choice".into(),
        private: false,
        prompts: vec![Prompt::Say(said("menu")), Prompt::Say(said("again"))],
        fewest: 1,
        most: 4,
        finish: Some(digit('#')),
        timeout: Duration::from_secs(5),
        tries: 2,
        on: BTreeMap::from([("1".into(), vec![say("one")]), ("12".into(), vec![])]),
        otherwise: vec![say("other")],
        no_input: vec![say("nobody")],
    }
}

fn pin(fewest: u8, most: u8) -> Gather {
    Gather {
        fewest,
        most,
        on: BTreeMap::new(),
        ..menu()
    }
}

fn flow(steps: impl IntoIterator<Item = Instruction>) -> Flow {
    Flow {
        steps: steps.into_iter().collect(),
    }
}

#[test]
fn an_empty_flow_hangs_up_at_once_and_once() {
    let notes = converse(
        flow([]),
        &[
            (Start, &["hang up"]),
            (Start, &[]),
            (PlayDone, &[]),
            (Keys("12"), &[]),
            (Sent, &[]),
            (Pass(99_999), &[]),
        ],
    );
    assert_eq!(notes, Vec::<String>::new());
}

#[test]
fn instructions_run_one_after_the_other() {
    let notes = converse(
        flow([
            say("a"),
            say("b"),
            pause(1500),
            Instruction::SendDigits("1w2".parse().unwrap()),
            say("c"),
        ]),
        &[
            (PlayDone, &[]),
            (Start, &["say a"]),
            (Sent, &[]),
            (PlayDone, &["say b"]),
            (PlayDone, &[]),
            (PlayDone, &[]),
            (Pass(1499), &[]),
            (Pass(1), &["send 1w2"]),
            (Pass(1_000), &[]),
            (Sent, &["say c"]),
            (PlayDone, &["hang up"]),
        ],
    );
    assert_eq!(
        notes,
        [
            "0 > say \"a\"",
            "0 < heard to its end",
            "1 > say \"b\"",
            "1 < heard to its end",
            "2 > pause 1.5s",
            "2 < waited",
            "3 > send digits 1w2",
            "3 < sent",
            "4 > say \"c\"",
            "4 < heard to its end",
        ]
    );
}

#[test]
fn nothing_follows_a_hang_up() {
    let notes = converse(
        flow([Instruction::HangUp, say("never")]),
        &[(Start, &["hang up"]), (PlayDone, &[])],
    );
    assert_eq!(notes, ["0 > hang up", "0 < hung up"]);
}

#[test]
fn a_key_interrupts_the_prompts_and_counts() {
    let notes = converse(
        flow([say("hi"), Instruction::Gather(menu()), say("bye")]),
        &[
            (Start, &["say hi"]),
            (PlayDone, &["say menu+again"]),
            (Pass(60_000), &[]),
            (Keys("1"), &["stop"]),
            (PlayDone, &[]),
            (Pass(4_999), &[]),
            (Keys("#"), &["say one"]),
            (PlayDone, &["say bye"]),
            (PlayDone, &["hang up"]),
        ],
    );
    assert_eq!(
        notes[2..6],
        [
            "1 > gather `choice`",
            "1 = choice:1",
            "1 < pressed 1 in try 1, went on with `on.1`",
            "1.on.1.0 > say \"one\"",
        ]
    );
}

#[test]
fn the_timeout_counts_from_the_prompts_and_from_each_key() {
    let _ = converse(
        flow([Instruction::Gather(menu())]),
        &[
            (Start, &["say menu+again"]),
            (PlayDone, &[]),
            (Pass(4_900), &[]),
            (Keys("1"), &[]),
            (Pass(4_900), &[]),
            (Keys("2"), &[]),
            (Pass(4_999), &[]),
            (Pass(1), &["hang up"]),
        ],
    );
}

#[test]
fn the_most_keys_end_it_at_once() {
    let _ = converse(
        flow([Instruction::Gather(menu())]),
        &[
            (Start, &["say menu+again"]),
            (Keys("1234"), &["stop", "say other"]),
            (PlayDone, &["hang up"]),
        ],
    );
}

#[test]
fn too_few_keys_repeat_the_prompts_until_the_tries_are_used_up() {
    let notes = converse(
        flow([Instruction::Gather(pin(3, 4))]),
        &[
            (Start, &["say menu+again"]),
            (Keys("12"), &["stop"]),
            (Pass(5_000), &["say menu+again"]),
            (PlayDone, &[]),
            (Keys("3#"), &["say nobody"]),
            (PlayDone, &["hang up"]),
        ],
    );
    assert_eq!(notes[1], "0 = choice:");
    assert_eq!(notes[2], "0 < no input: 1 of at least 3 keys in try 2 of 2");
    assert_eq!(notes[3], "0.no_input.0 > say \"nobody\"");
}

#[test]
fn the_finish_key_alone_stops_the_prompts_and_is_no_answer() {
    let _ = converse(
        flow([Instruction::Gather(menu())]),
        &[
            (Start, &["say menu+again"]),
            (Keys("#"), &["stop", "say menu+again"]),
            (Keys("#"), &["stop", "say nobody"]),
        ],
    );
}

#[test]
fn without_prompts_the_time_runs_from_the_start() {
    let silent = Gather {
        prompts: vec![],
        ..menu()
    };
    let _ = converse(
        flow([Instruction::Gather(silent)]),
        &[(Start, &[]), (Pass(5_000), &[]), (Pass(5_000), &["say nobody"])],
    );
}

#[test]
fn keys_pressed_ahead_go_to_the_next_gathers() {
    let notes = converse(
        flow([
            say("hi"),
            Instruction::Gather(pin(4, 4)),
            pause(100),
            Instruction::Gather(pin(2, 2)),
        ]),
        &[
            (Start, &["say hi"]),
            (Keys("12345"), &[]),
            (PlayDone, &["say other"]),
            (PlayDone, &[]),
            (Pass(100), &[]),
            (Pass(4_999), &[]),
            (Keys("6"), &["say other"]),
            (PlayDone, &["hang up"]),
        ],
    );
    assert!(notes.contains(&"1 = choice:1234".into()), "{notes:?}");
    assert!(notes.contains(&"3 = choice:56".into()), "{notes:?}");
}

#[test]
fn only_so_many_keys_are_kept() {
    let ahead: &'static str = "0123456789".repeat(100).leak();
    let notes = converse(
        flow([say("hi"), Instruction::Gather(pin(1, 200))]),
        &[
            (Start, &["say hi"]),
            (Keys(ahead), &[]),
            (PlayDone, &[]),
            (Keys("#"), &["say other"]),
        ],
    );
    let kept = &ahead[..Interpreter::MOST_AHEAD];
    assert!(notes.contains(&format!("1 = choice:{kept}")), "{notes:?}");
}

#[test]
fn whoever_is_not_let_in_hears_it_from_the_flow_or_by_a_tone() {
    let enter = || Instruction::Conference(Conference::of("lobby".parse().unwrap()));
    let notes = converse(
        flow([enter()]),
        &[
            (Start, &["join lobby"]),
            (NotLetIn(Outcome::Congestion), &["announce congestion"]),
            (Keys("1"), &[]),
            (PlayDone, &["hang up"]),
        ],
    );
    assert_eq!(notes[1], "0 < not let in: congestion");
    let _ = converse(
        flow([enter(), say("sorry")]),
        &[
            (Start, &["join lobby"]),
            (NotLetIn(Outcome::Refused), &["say sorry"]),
            (NotLetIn(Outcome::Refused), &[]),
            (PlayDone, &["hang up"]),
        ],
    );
}

#[test]
fn what_is_pressed_for_a_private_gather_is_written_nowhere() {
    let secret = Gather {
        private: true,
        on: BTreeMap::from([
            ("4711".into(), vec![say("welcome")]),
            ("12".into(), vec![say("twelve")]),
        ]),
        ..pin(2, 4)
    };
    let steps = flow([say("hi"), Instruction::Gather(menu()), Instruction::Gather(secret)]);
    assert!(!format!("{steps:?}").contains("4711"), "{steps:?}");
    let kept = steps.clone().without_private_keys();
    assert!(!serde_json::to_string(&kept).unwrap().contains("4711"));
    assert_eq!(kept.steps[..2], steps.steps[..2]);
    let (mut now, mut interpreter) = (Instant::now(), Interpreter::new(steps.clone()));
    interpreter.handle(Input::Started, now);
    assert!(
        interpreter.keeps_keys_private(),
        "a key that is pressed ahead may be meant for it"
    );
    interpreter.handle(Input::PlayDone, now);
    assert!(!interpreter.keeps_keys_private(), "the first gather is not private");
    now += Duration::from_millis(1);
    for key in ['1', '2', '#'] {
        interpreter.handle(Input::Digit(digit(key)), now);
    }
    assert!(interpreter.keeps_keys_private());
    let notes = converse(
        steps,
        &[
            (Start, &["say hi"]),
            (PlayDone, &["say menu+again"]),
            (Keys("12#"), &["stop", "say menu+again"]),
            (Keys("4711"), &["stop", "say welcome"]),
            (PlayDone, &["hang up"]),
        ],
    );
    assert_eq!(
        notes[2..],
        [
            "1 > gather `choice`",
            "1 = choice:12",
            "1 < pressed 12 in try 1, went on with `on.12`",
            "2 > gather `choice`",
            "2 = choice:private",
            "2 < pressed what is not shown in try 1, went on with `on.private`",
            "2.on.private.0 > say \"welcome\"",
            "2.on.private.0 < heard to its end",
        ]
    );
}

#[test]
fn a_finish_key_pressed_ahead_of_all_others_is_dropped() {
    let _ = converse(
        flow([Instruction::Gather(pin(4, 4)), Instruction::Gather(menu())]),
        &[
            (Start, &["say menu+again"]),
            (Keys("1234#"), &["stop", "say other"]),
            (PlayDone, &["say menu+again"]),
            (Keys("1#"), &["stop", "say one"]),
        ],
    );
}

#[test]
fn too_few_keys_pressed_ahead_use_up_a_try_without_a_word() {
    let _ = converse(
        flow([say("hi"), Instruction::Gather(pin(3, 4))]),
        &[(Start, &["say hi"]), (Keys("1#2#"), &[]), (PlayDone, &["say nobody"])],
    );
}

#[test]
fn branches_nest_and_each_goes_on_after_its_gather() {
    let mut steps = vec![say("deepest")];
    for _ in 0..100 {
        steps = vec![
            Instruction::Gather(Gather {
                prompts: vec![],
                most: 1,
                on: BTreeMap::from([("1".into(), steps)]),
                ..menu()
            }),
            pause(10),
        ];
    }
    let mut table: Vec<(On, &[&str])> = vec![(Start, &[])];
    table.extend((0..99).map(|_| (Keys("1"), &[] as &[&str])));
    table.push((Keys("1"), &["say deepest"]));
    table.push((PlayDone, &[]));
    table.extend((0..99).map(|_| (Pass(10), &[] as &[&str])));
    table.push((Pass(10), &["hang up"]));
    let notes = converse(flow(steps), &table);
    let deepest = format!("{}0 > say \"deepest\"", "0.on.1.".repeat(100));
    assert!(notes.contains(&deepest));
}

#[test]
fn absurd_numbers_are_put_up_with() {
    let absurd = Gather {
        fewest: 9,
        most: 0,
        tries: 0,
        timeout: Duration::MAX,
        ..menu()
    };
    let _ = converse(
        flow([Instruction::Pause(Duration::MAX), Instruction::Gather(absurd)]),
        &[
            (Start, &[]),
            (Pass(24 * 3_600_000), &["say menu+again"]),
            (Keys("2"), &["stop", "say other"]),
        ],
    );
}

fn dial(on_failure: OnFailure) -> Instruction {
    let bob = outdial_domain::Address::parse("+6590000001").unwrap();
    Instruction::Dial(Box::new(Dial {
        on_failure,
        ..Dial::to(bob)
    }))
}

fn then_say(step: Instruction) -> Flow {
    Flow {
        steps: vec![step, Instruction::Say(said("bye"))],
    }
}

fn message(until: Until) -> Instruction {
    Instruction::Record(Record {
        name: "message".into(),
        until: Some(until),
        ..Record::default()
    })
}

fn until_hash(beep: bool) -> Until {
    Until {
        key: Some(digit('#')),
        silence: None,
        beep,
    }
}

#[test]
fn who_has_talked_is_hung_up() {
    let notes = converse(
        then_say(dial(OnFailure::HangUp)),
        &[
            (Start, &["dial +6590000001"]),
            (Keys("12"), &[]),
            (Dialled(DialEnd::Talked), &["hang up"]),
        ],
    );
    assert_eq!(notes, ["0 > dial +6590000001", "0 < the parties talked"]);
}

#[test]
fn who_was_not_put_through_hears_why() {
    let busy = DialEnd::NotReached(Outcome::Busy);
    converse(
        then_say(dial(OnFailure::HangUp)),
        &[
            (Start, &["dial +6590000001"]),
            (Dialled(busy), &["announce busy"]),
            (PlayDone, &["hang up"]),
        ],
    );
    let steps = vec![Instruction::Say(said("sorry"))];
    let notes = converse(
        then_say(dial(OnFailure::Flow(steps))),
        &[
            (Start, &["dial +6590000001"]),
            (Dialled(busy), &["say sorry"]),
            (PlayDone, &["say bye"]),
            (PlayDone, &["hang up"]),
        ],
    );
    assert!(
        notes.contains(&"0.on_failure.0 > say \"sorry\"".to_owned()),
        "{notes:?}"
    );
    converse(
        then_say(dial(OnFailure::Next)),
        &[
            (Start, &["dial +6590000001"]),
            (Dialled(busy), &["say bye"]),
            (PlayDone, &["hang up"]),
        ],
    );
}

#[test]
fn the_flow_goes_on_after_the_room() {
    let room = Conference::of("lobby".parse().unwrap());
    converse(
        then_say(Instruction::Conference(room)),
        &[
            (Start, &["join lobby"]),
            (Keys("1"), &[]),
            (LeftRoom, &["say bye"]),
            (LeftRoom, &[]),
            (PlayDone, &["hang up"]),
        ],
    );
}

#[test]
fn a_call_is_recorded_while_the_flow_goes_on() {
    let steps = [
        Instruction::Record(Record::default()),
        say("a"),
        Instruction::Recording(RecordingAction::Pause),
        Instruction::Recording(RecordingAction::Resume),
    ];
    let notes = converse(
        flow(steps),
        &[
            (Start, &["record recording", "say a"]),
            (Recorded(RecordingEnd::Longest), &[]),
            (PlayDone, &["pause recording", "resume recording", "hang up"]),
        ],
    );
    assert_eq!(notes[..2], ["0 > record `recording`", "0 < recording from here on"]);
}

#[test]
fn a_message_ends_by_its_key_or_by_itself() {
    let notes = converse(
        flow([message(until_hash(true)), say("thanks")]),
        &[
            (Start, &["say beep"]),
            (PlayDone, &["record message"]),
            (Keys("12"), &[]),
            (Keys("##"), &["end message"]),
            (Recorded(RecordingEnd::Key), &["say thanks"]),
            (PlayDone, &["hang up"]),
        ],
    );
    assert_eq!(notes[1], "0 < recorded 2.0 s, ended by `key`");
    converse(
        flow([message(until_hash(false)), say("thanks")]),
        &[
            (Start, &["record message"]),
            (Recorded(RecordingEnd::Silence), &["say thanks"]),
            (Keys("#"), &[]),
            (PlayDone, &["hang up"]),
        ],
    );
}

#[test]
fn nobody_is_recorded_who_did_not_agree() {
    let asked = || {
        Instruction::Record(Record {
            consent: Some(Consent {
                prompts: vec![Prompt::Say(said("may we"))],
                key: digit('1'),
                timeout: Duration::from_secs(5),
                tries: 1,
            }),
            ..Record::default()
        })
    };
    let notes = converse(
        flow([asked(), say("b")]),
        &[
            (Start, &["say may we"]),
            (Keys("1"), &["stop", "record recording", "say b"]),
        ],
    );
    assert_eq!(notes[1], "0 = consent:1");
    assert_eq!(notes[3], "0.on.1.0 > record `recording`");
    converse(
        flow([asked(), say("b")]),
        &[(Start, &["say may we"]), (Keys("2"), &["stop", "say b"])],
    );
    converse(
        flow([asked(), say("b")]),
        &[(Start, &["say may we"]), (PlayDone, &[]), (Pass(5_000), &["say b"])],
    );
    // A key that was pressed before the question is no answer to it.
    converse(
        flow([say("a"), asked(), say("b")]),
        &[(Start, &["say a"]), (Keys("1"), &[]), (PlayDone, &["say may we"])],
    );
}

/// A dial with these codes.
fn with_codes(codes: &[(&str, Vec<Instruction>)], by: Option<Party>) -> Instruction {
    let codes = codes.iter().map(|(code, steps)| ((*code).to_owned(), steps.clone()));
    Instruction::Dial(Box::new(Dial {
        codes: codes.collect(),
        codes_by: by,
        ..Dial::to(outdial_domain::Address::parse("+6590000001").unwrap())
    }))
}

#[test]
fn codes_are_run_beside_the_talk() {
    let record = Instruction::Record(Record::default());
    let dial = with_codes(
        &[("*1", vec![say("recorded"), record]), ("*9", vec![Instruction::HangUp])],
        None,
    );
    let notes = converse(
        Flow { steps: vec![dial] },
        &[
            (Start, &["dial +6590000001"]),
            // Nobody is there yet to talk to.
            (Keys("*1"), &[]),
            (Connected, &[]),
            (Keys("12*"), &[]),
            (Pass(3_001), &[]),
            (Keys("1"), &[]),
            (Keys("5**1"), &["say recorded"]),
            // One thing after the other.
            (OtherKeys("*9"), &[]),
            (PlayDone, &["record recording"]),
            (OtherKeys("*"), &[]),
            // The keys of the two are not mixed.
            (Keys("9"), &[]),
            (OtherKeys("9"), &["hang up"]),
        ],
    );
    assert_eq!(
        notes,
        [
            "0 > dial +6590000001",
            "0 *1 First",
            "0.codes.*1.0 > say \"recorded\"",
            "0.codes.*1.0 < heard to its end",
            "0.codes.*1.1 > record `recording`",
            "0.codes.*1.1 < recording from here on",
            "0 *9 Other",
            "0.codes.*9.0 > hang up",
            "0.codes.*9.0 < hung up",
        ]
    );
}

#[test]
fn only_the_keys_of_whom_the_flow_names_are_codes() {
    let dial = with_codes(&[("#7", vec![Instruction::HangUp])], Some(Party::Other));
    converse(
        Flow { steps: vec![dial] },
        &[
            (Start, &["dial +6590000001"]),
            (Connected, &[]),
            (Keys("#7"), &[]),
            (OtherKeys("#7"), &["hang up"]),
        ],
    );
}

#[test]
fn a_code_that_needs_the_leg_lets_go_of_the_other_party() {
    let next = Instruction::Dial(Box::new(Dial {
        on_failure: OnFailure::Next,
        ..Dial::to(outdial_domain::Address::parse("+6590000002").unwrap())
    }));
    let dial = with_codes(&[("*2", vec![say("one moment"), next]), ("*3", vec![])], None);
    let notes = converse(
        Flow {
            steps: vec![dial, say("nobody")],
        },
        &[
            (Start, &["dial +6590000001"]),
            (Connected, &[]),
            (OtherKeys("*3*2"), &["say one moment"]),
            (PlayDone, &["part", "dial +6590000002"]),
            (OtherKeys("*2"), &[]),
            (Dialled(DialEnd::NotReached(Outcome::Busy)), &["say nobody"]),
            (PlayDone, &["hang up"]),
        ],
    );
    let let_go = notes
        .iter()
        .position(|note| note == "0 < the other party was let go of");
    let dialled = notes.iter().position(|note| note == "0.codes.*2.1 > dial +6590000002");
    assert!(let_go.is_some() && let_go < dialled, "{notes:?}");
}

#[test]
fn a_hang_up_during_the_steps_of_a_code_ends_the_call() {
    let dial = with_codes(&[("*1", vec![pause(5_000), say("still there")])], None);
    let notes = converse(
        Flow {
            steps: vec![dial, say("never")],
        },
        &[
            (Start, &["dial +6590000001"]),
            (Connected, &[]),
            (Keys("*1"), &[]),
            (Dialled(DialEnd::Talked), &["hang up"]),
            (Pass(5_000), &[]),
        ],
    );
    assert_eq!(notes.last().unwrap(), "0 < the parties talked");
}
