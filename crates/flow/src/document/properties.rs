//! What holds for every flow and for every value.

use std::time::Duration;

use outdial_domain::{Address, Channels, Digit};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    AudioRef, CallerId, Conference, Consent, Dial, Gather, HandOver, Instruction, OnFailure, Party, Prompt, Record,
    RecordingAction, Say, Target, Until, WhileRinging,
};

fn says() -> impl Strategy<Value = Say> {
    (
        "\\PC{0,10}[a-z]\n?\t?",
        prop::option::of("[a-zA-Z+_]{1,8}"),
        prop::option::of("[a-z]{2}(-[A-Z]{2})?"),
    )
        .prop_map(|(text, voice, language)| Say { text, voice, language })
}

fn audios() -> impl Strategy<Value = AudioRef> {
    any::<u128>().prop_map(|id| AudioRef {
        audio: format!("aud_{id:032x}").parse().unwrap(),
    })
}

fn digits() -> impl Strategy<Value = Digit> {
    "[0-9*#A-D]".prop_map(|text| text.chars().next().and_then(Digit::from_char).unwrap())
}

fn hand_overs() -> impl Strategy<Value = HandOver> {
    let value = "[!-~][ -~]{0,30}[!-~]";
    let targets = prop_oneof![
        (value, prop::option::of(value)).prop_map(|(name, data)| Target::Application { name, data }),
        (value, value, 1..=HandOver::LAST_PRIORITY, any::<bool>()).prop_map(
            |(context, extension, priority, early_media)| Target::Dialplan {
                context,
                extension,
                priority,
                early_media
            }
        ),
    ];
    let variables = prop::collection::btree_map(value, prop_oneof![Just(String::new()), value], 0..3);
    (targets, variables).prop_map(|(target, variables)| HandOver { target, variables })
}

fn addresses() -> impl Strategy<Value = Address> {
    prop_oneof![
        "\\+[1-9][0-9]{5,9}",
        "[1-9][0-9]{2,5}@[a-z]{1,5}",
        "sip:[a-z]{1,5}@127\\.0\\.0\\.1"
    ]
    .prop_map(|text| Address::parse(&text).unwrap())
}

fn conferences() -> impl Strategy<Value = Conference> {
    (
        "[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}",
        any::<[bool; 6]>(),
        1..=86_400u64,
        1..=500u16,
    )
        .prop_map(|(room, flags, patience, most)| Conference {
            room: room.parse().unwrap(),
            muted: flags[0],
            moderator: flags[1],
            wait: flags[2],
            patience: Duration::from_secs(patience),
            end: flags[3],
            tones: flags[4],
            record: flags[5],
            most,
            waiting: Vec::new(),
        })
}

/// Dials that do these steps when nobody is reached.
fn dials(
    prompts: impl Strategy<Value = Prompt> + Clone,
    steps: impl Strategy<Value = Vec<Instruction>>,
) -> impl Strategy<Value = Dial> {
    let some = prop::collection::vec(prompts.clone(), 1..3);
    let from = prop_oneof![
        addresses().prop_map(CallerId::Number),
        Just(CallerId::Private),
        Just(CallerId::OtherParty)
    ];
    let seconds = || prop::option::of((1..=600u64).prop_map(Duration::from_secs));
    let on_failure = prop_oneof![
        Just(OnFailure::HangUp),
        Just(OnFailure::Next),
        steps.prop_map(OnFailure::Flow)
    ];
    let ringing = prop_oneof![
        Just(WhileRinging::Tone),
        Just(WhileRinging::Silence),
        some.prop_map(WhileRinging::Prompts)
    ];
    let heard = || prop::collection::vec(prompts.clone(), 0..2);
    let steps_of_codes = prop::collection::vec(Just(Instruction::HangUp), 0..2);
    let codes = prop::collection::btree_map("[*#][0-9A-D]{2}", steps_of_codes, 0..3);
    let by = prop::sample::select(vec![None, Some(Party::First), Some(Party::Other)]);
    (
        (addresses(), prop::option::of(from)),
        (seconds(), seconds(), seconds()),
        (heard(), heard(), ringing),
        (prop::option::of(digits()), on_failure, any::<bool>(), codes, by),
    )
        .prop_map(
            |(
                (to, from),
                (ring, max, warn_before),
                (whisper, announce, while_ringing),
                (screen, on_failure, early_media, codes, codes_by),
            )| Dial {
                to: vec![to],
                from,
                ring,
                max,
                warn_before,
                whisper,
                screen,
                while_ringing,
                early_media,
                announce,
                on_failure,
                codes,
                codes_by,
            },
        )
}

fn records() -> impl Strategy<Value = Record> {
    let prompts = prop_oneof![says().prop_map(Prompt::Say), audios().prop_map(Prompt::Play)];
    let millis = |range| Strategy::prop_map(range, Duration::from_millis);
    let until = (
        prop::option::of(digits()),
        prop::option::of(millis(500..=60_000u64)),
        any::<bool>(),
    );
    let until = until.prop_map(|(key, silence, beep)| Until { key, silence, beep });
    let consent = (
        prop::collection::vec(prompts, 0..3),
        digits(),
        millis(100..=120_000u64),
        1..=10u8,
    );
    let consent = consent.prop_map(|(prompts, key, timeout, tries)| Consent {
        prompts,
        key,
        timeout,
        tries,
    });
    (
        "[a-z][a-z ]{0,20}[a-z]",
        prop::sample::select(Channels::OF_A_LEG),
        millis(1_000..=43_200_000u64),
        prop::option::of(consent),
        prop::option::of(until),
    )
        .prop_map(|(name, channels, most, consent, until)| Record {
            name,
            channels,
            most,
            consent,
            until,
        })
}

fn instructions() -> impl Strategy<Value = Instruction> {
    let prompts = prop_oneof![says().prop_map(Prompt::Say), audios().prop_map(Prompt::Play)];
    let simple = prop_oneof![
        says().prop_map(Instruction::Say),
        audios().prop_map(Instruction::Play),
        (0..=300_000_000_000u64).prop_map(|nanos| Instruction::Pause(Duration::from_nanos(nanos))),
        "[0-9*#A-DwW]{1,64}".prop_map(|text| Instruction::SendDigits(text.parse().unwrap())),
        records().prop_map(Instruction::Record),
        prop::sample::select(RecordingAction::ALL.to_vec()).prop_map(Instruction::Recording),
        hand_overs().prop_map(Instruction::HandOver),
        conferences().prop_map(Instruction::Conference),
        Just(Instruction::HangUp),
    ];
    simple.prop_recursive(4, 30, 4, move |inner| {
        let steps = || prop::collection::vec(inner.clone(), 0..3);
        let dial = dials(prompts.clone(), steps()).prop_map(|dial| Instruction::Dial(Box::new(dial)));
        let gather = (
            (
                "[a-zA-Z0-9_.-]{1,64}",
                any::<bool>(),
                prop::collection::vec(prompts.clone(), 0..3),
            ),
            (1..=32u8, 0..=31u8, 1..=10u8, prop::option::of(digits())),
            100..=120_000u64,
            prop::collection::btree_map("[0-9*#A-D]{1,3}", steps(), 0..4),
            (steps(), steps()),
        )
            .prop_map(
                |((name, private, prompts), (fewest, more, tries, finish), timeout, on, (otherwise, no_input))| {
                    let most = fewest.saturating_add(more).min(32);
                    let reachable = |digits: &str| {
                        (usize::from(fewest)..=usize::from(most)).contains(&digits.len())
                            && finish.is_none_or(|finish| !digits.contains(finish.as_char()))
                    };
                    let on = on.into_iter().filter(|(digits, _)| reachable(digits)).collect();
                    let timeout = Duration::from_millis(timeout);
                    Instruction::Gather(Gather {
                        name,
                        private,
                        prompts,
                        fewest,
                        most,
                        finish,
                        timeout,
                        tries,
                        on,
                        otherwise,
                        no_input,
                    })
                },
            );
        prop_oneof![1 => dial, 2 => gather]
    })
}

/// Something like a flow, with the right words in wrong places.
fn muddles() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "say",
        "play",
        "gather",
        "pause",
        "send_digits",
        "record",
        "recording",
        "until",
        "consent",
        "key",
        "hang_up",
        "steps",
        "text",
        "on",
        "1",
        "prompts",
        "otherwise",
        "no_input",
        "finish",
        "digits",
        "most",
        "fewest",
        "timeout",
        "tries",
        "name",
        "private",
        "dial",
        "conference",
        "to",
        "room",
        "on_failure",
        "sya",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..40i64).prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        "[0-9]{1,3}(s|ms|m|h|#)".prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 60, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((words.clone(), inner), 0..4).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(steps in prop::collection::vec(instructions(), 0..5)) {
        let flow = Flow { steps };
        let value = write(&flow);
        prop_assert_eq!(read(&value, "flow"), Ok(flow));
    }

    #[test]
    fn any_value_is_read_or_refused_with_a_reason(value in muddles()) {
        // `read` panics when it returns neither a flow nor a problem.
        if let Ok(flow) = read(&value, "flow") {
            prop_assert_eq!(read(&write(&flow), "flow"), Ok(flow));
        }
        let _ = read(&json!([{"gather": value}]), "flow");
    }
}
