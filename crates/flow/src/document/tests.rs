//! Documents that are read or refused.

use std::{collections::BTreeMap, time::Duration};

use outdial_domain::Digit;
use serde_json::json;

use super::*;
use crate::{AudioRef, Gather, Instruction, Say};

/// All problems as `code place: message`.
fn problems(value: &Value) -> Vec<String> {
    let list = read(value, "flow").err().unwrap_or_default();
    list.iter()
        .map(|problem| format!("{} {problem}", problem.code))
        .collect()
}

/// The only step of a flow.
fn only(step: &Value) -> Instruction {
    let mut flow = read(&json!([step]), "flow").unwrap();
    assert_eq!(flow.steps.len(), 1);
    flow.steps.remove(0)
}

fn gather(fields: &Value) -> Gather {
    let Instruction::Gather(gather) = only(&json!({ "gather": fields })) else {
        panic!("{fields} is read as another instruction");
    };
    gather
}

#[test]
fn all_forms_of_a_step_are_read() {
    let say = |text: &str, voice: Option<&str>, language: Option<&str>| {
        Instruction::Say(Say {
            text: text.into(),
            voice: voice.map(Into::into),
            language: language.map(Into::into),
        })
    };
    let id = "aud_019a9c3e5b7d7c1e8f00112233445566";
    let table = [
        (json!({"say": "a\nb"}), say("a\nb", None, None)),
        (json!({"say": {"text": "a"}}), say("a", None, None)),
        (
            json!({"say": {"text": "a", "voice": "en+f3", "language": "pt-BR"}}),
            say("a", Some("en+f3"), Some("pt-BR")),
        ),
        (json!({"say": "a", "play": null, "hang_up": null}), say("a", None, None)),
        (
            json!({ "play": id }),
            Instruction::Play(AudioRef {
                audio: id.parse().unwrap(),
            }),
        ),
        (
            json!({"pause": "1.5s"}),
            Instruction::Pause(Duration::from_millis(1500)),
        ),
        (json!({"pause": 1.5}), Instruction::Pause(Duration::from_millis(1500))),
        (json!({"pause": 300}), Instruction::Pause(Duration::from_secs(300))),
        (
            json!({"send_digits": "12w3#"}),
            Instruction::SendDigits("12w3#".parse().unwrap()),
        ),
        (json!({"hang_up": {}}), Instruction::HangUp),
        (json!({"hang_up": true}), Instruction::HangUp),
        (json!({"hang_up": null}), Instruction::HangUp),
        (json!({"hang_up": null, "say": null}), Instruction::HangUp),
    ];
    for (value, expected) in table {
        assert_eq!(only(&value), expected, "{value}");
    }
    assert_eq!(read(&json!([]), "flow"), Ok(Flow::default()));
    assert_eq!(read(&json!({"steps": [{"say": "a"}]}), "flow"), Ok(Flow::say("a")));
}

#[test]
fn a_gather_has_defaults() {
    let empty = gather(&json!({}));
    assert_eq!(
        empty,
        Gather {
            name: "digits".into(),
            private: false,
            prompts: vec![],
            fewest: 1,
            most: 20,
            finish: Digit::from_char('#'),
            timeout: Duration::from_secs(5),
            tries: 1,
            on: BTreeMap::new(),
            otherwise: vec![],
            no_input: vec![],
        }
    );
    let table = [
        (json!({"digits": 4}), (4, 4, None)),
        (json!({"digits": 4, "finish": "*"}), (4, 4, Digit::from_char('*'))),
        (json!({"fewest": 25}), (25, 25, None)),
        (json!({"most": 1}), (1, 1, None)),
        (json!({"most": 2, "finish": "none"}), (1, 2, None)),
        (json!({"most": 2, "finish": null}), (1, 2, Digit::from_char('#'))),
    ];
    for (value, (fewest, most, finish)) in table {
        let read = gather(&value);
        assert_eq!((read.fewest, read.most, read.finish), (fewest, most, finish), "{value}");
    }
}

#[test]
fn each_problem_has_its_place_code_and_remedy() {
    let table = [
        (
            json!("hello"),
            r#"type flow: a flow is a list of steps, as [{"say": "Hello"}], not a text"#,
        ),
        (
            json!({"say": "a"}),
            "type flow: this is one step, a flow is a list of them: put [ ] around it",
        ),
        (json!({}), "missing flow.steps: `steps` is missing"),
        (
            json!({"steps": [], "name": "x"}),
            "unknown flow.name: unknown field `name`: known here is `steps`",
        ),
        (
            json!(["hello"]),
            r#"type flow.0: a step is an object with one verb, as {"say": "Hello"}, not a text"#,
        ),
        (
            json!([{}]),
            "missing flow.0: the step says nothing to do: give one of `say`, `play`, `gather`, `pause`, `send_digits`, `record`, `recording`, `dial`, `conference`, `hand_over`, `hang_up`",
        ),
        (
            json!([{"say": null}]),
            "missing flow.0: the step says nothing to do: give one of `say`, `play`, `gather`, `pause`, `send_digits`, `record`, `recording`, `dial`, `conference`, `hand_over`, `hang_up`",
        ),
        (
            json!([{"hangup": {}}]),
            "unknown flow.0.hangup: unknown field `hangup`: did you mean `hang_up`?",
        ),
        (
            json!([{"say": "a", "pause": 1}]),
            "invalid flow.0: a step has one verb, this one has `say` and `pause`: make each a step",
        ),
        (
            json!([{"say": 5}]),
            "type flow.0.say: give a text, or an object with `text`, not a number",
        ),
        (json!([{"say": " \n"}]), "invalid flow.0.say: the text is blank"),
        (
            json!([{"say": "a\u{0}b"}]),
            "invalid flow.0.say: the text has the control character U+0000: take it out",
        ),
        (
            json!([{"say": "x".repeat(10_001)}]),
            "too_long flow.0.say: the text has 10001 bytes, the most allowed is 10000: shorten it",
        ),
        (
            json!([{"say": {"text": "a", "language": "en us"}}]),
            "invalid flow.0.say.language: `en us` is no language tag: give one as `en` or `pt-BR`",
        ),
        (
            json!([{"play": "/etc/passwd"}]),
            "invalid flow.0.play: `/etc/passwd` is not the id of an audio file: upload the file and give the id you get, `aud_…`",
        ),
        (
            json!([{"play": "call_019a9c3e5b7d7c1e8f00112233445566"}]),
            "invalid flow.0.play: `call_019a9c3e5b7d7c1e8f00112233445566` is not the id of an audio file: upload the file and give the id you get, `aud_…`",
        ),
        (
            json!([{"pause": "301s"}]),
            "out_of_range flow.0.pause: `301s` is out of range: give 0s to 5m",
        ),
        (
            json!([{"pause": -1}]),
            "out_of_range flow.0.pause: `-1` is out of range: give 0s to 5m",
        ),
        (
            json!([{"pause": "5"}]),
            "invalid flow.0.pause: `5` is no length of time: write a number and its unit, as 30s, 1500ms, 2m or 4h",
        ),
        (
            json!([{"send_digits": "12x"}]),
            "invalid flow.0.send_digits: `x` is not a digit: use 0-9, *, #, A-D, and w or W for a pause of 0.5 or 1 second",
        ),
        (
            json!([{"hang_up": false}]),
            "invalid flow.0.hang_up: `hang_up` is false: take the step out, or write {}",
        ),
        (
            json!([{"hang_up": "now"}]),
            "type flow.0.hang_up: give {} or true, not a text",
        ),
        (
            json!([{"hang_up": {"reason": 1}}]),
            "unknown flow.0.hang_up.reason: unknown field `reason`",
        ),
    ];
    for (value, expected) in table {
        assert_eq!(problems(&value), [expected], "{value:.200}");
    }
}

#[test]
fn each_problem_of_a_gather_has_its_place_code_and_remedy() {
    let table = [
        (json!([]), "type : give an object, not a list"),
        (
            json!({"name": "my choice"}),
            "invalid .name: the name `my choice` may have letters, digits, `_`, `-` and `.` only",
        ),
        (
            json!({"prompts": [{"pause": 1}]}),
            "unknown .prompts.0.pause: unknown field `pause`: known here are `say`, `play`",
        ),
        (
            json!({"fewest": 0}),
            "out_of_range .fewest: give a whole number from 1 to 32, not 0",
        ),
        (
            json!({"fewest": 3, "most": 2}),
            "out_of_range .fewest: `fewest` is 3, more than `most`, which is 2",
        ),
        (
            json!({"digits": 3, "most": 3}),
            "invalid .digits: `digits` says both `fewest` and `most`: give either it or them",
        ),
        (
            json!({"finish": "##"}),
            "invalid .finish: `##` is not a key: give one of 0-9, *, #, A-D, or `none`",
        ),
        (
            json!({"timeout": 121}),
            "out_of_range .timeout: `121` is out of range: give 100ms to 2m",
        ),
        (
            json!({"tries": 11}),
            "out_of_range .tries: give a whole number from 1 to 10, not 11",
        ),
        (
            json!({"on": {"x": []}}),
            "invalid .on.x: `x` is not what can be pressed: use 0-9, *, #, A-D",
        ),
        (
            json!({"on": {"": []}}),
            "invalid .on.: `` is not what can be pressed: use 0-9, *, #, A-D",
        ),
        (
            json!({"digits": 1, "on": {"12": []}}),
            "invalid .on.12: `12` can never be the answer: it has 2 digits, and 1 to 1 are gathered",
        ),
        (
            json!({"on": {"1#": []}}),
            "invalid .on.1#: `1#` can never be the answer: # is the finish key; give another one or `none`",
        ),
        (
            json!({"on": {"a": [], "A": []}}),
            "invalid .on.a: there are two branches for these digits: capital and small letters are the same",
        ),
        (
            json!({"on": {"1": [{"say": 1}]}}),
            "type .on.1.0.say: give a text, or an object with `text`, not a number",
        ),
        (json!({"otherwise": {}}), "type .otherwise: give a list, not an object"),
        (
            json!({"noinput": []}),
            "unknown .noinput: unknown field `noinput`: did you mean `no_input`?",
        ),
    ];
    for (value, expected) in table {
        let (code, message) = expected.split_once(' ').unwrap();
        let expected = format!("{code} flow.0.gather{message}");
        assert_eq!(problems(&json!([{"gather": value}])), [expected], "{value}");
    }
}

#[test]
fn codes_that_could_never_be_pressed_are_refused() {
    let table = [
        (
            json!({"12": []}),
            "invalid .12: `12` is no code: give `*` or `#` and further keys (0-9, *, #, A-D), 2 to 8 in all",
        ),
        (
            json!({"*": []}),
            "invalid .*: `*` is no code: give `*` or `#` and further keys (0-9, *, #, A-D), 2 to 8 in all",
        ),
        (
            json!({"*1x": []}),
            "invalid .*1x: `*1x` is no code: give `*` or `#` and further keys (0-9, *, #, A-D), 2 to 8 in all",
        ),
        (
            json!({"*1": [], "*12": []}),
            "invalid .*12: `*12` and `*1` begin alike, so one of them could never be pressed to its end",
        ),
        (
            json!({"*a": [], "*A": []}),
            "invalid .*a: `*A` and `*A` begin alike, so one of them could never be pressed to its end",
        ),
        (
            json!({"*1": [{"say": 1}]}),
            "type .*1.0.say: give a text, or an object with `text`, not a number",
        ),
    ];
    for (codes, expected) in table {
        let (code, message) = expected.split_once(' ').unwrap();
        let expected = format!("{code} flow.0.dial.codes{message}");
        let dial = json!([{"dial": {"to": "+6590000001", "codes": codes}}]);
        assert_eq!(problems(&dial), [expected], "{codes}");
    }
    let dial = json!([{"dial": {"to": "+6590000001", "codes_by": "nobody"}}]);
    assert_eq!(problems(&dial).len(), 1);
}

#[test]
fn who_chose_what_is_heard_meanwhile_hears_that() {
    let early = |dial: Value| read(&json!([{"dial": dial}]), "flow").unwrap().dials()[0].early_media;
    assert!(early(json!("+6590000001")));
    assert!(early(json!({"to": "+6590000001", "while_ringing": "tone"})));
    assert!(!early(json!({"to": "+6590000001", "while_ringing": "silence"})));
    assert!(!early(json!({"to": "+6590000001", "early_media": false})));
    let both = json!({"to": "+6590000001", "while_ringing": [{"say": "Please wait"}], "early_media": true});
    assert!(early(both));
}

#[test]
fn all_problems_are_found_at_once() {
    let value = json!([
        {"say": ""},
        {"gather": {"tries": 0, "on": {"1": [{"pause": "x"}], "x": [{"say": 1}]}, "otherwise": [{}], "foo": 1}},
        {"say": 1, "play": "x"},
    ]);
    assert_eq!(problems(&value).len(), 10, "{:#?}", problems(&value));
}

#[test]
fn steps_are_counted_over_all_branches_and_prompts() {
    let gather =
        json!({"gather": {"prompts": [{"say": "a"}], "otherwise": [{"say": "b"}], "on": {"1": [{"say": "c"}]}}});
    let fits = vec![gather; Flow::MOST_STEPS / 4];
    assert!(read(&json!(fits), "flow").is_ok());
    let mut more = fits;
    more.push(json!({"say": "d"}));
    more.push(json!({"say": 1}));
    assert_eq!(
        problems(&json!(more)),
        ["too_long flow.125: the flow has more than 500 steps, with those in branches and prompts: use fewer"]
    );
    let many = vec![json!({"say": "a"}); Flow::MOST_STEPS + 1];
    assert_eq!(
        problems(&json!(many)),
        ["too_long flow: 501 are given, the most allowed is 500"]
    );
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!([]), |inner, _| json!([{"gather": {"on": {"1": inner}}}]))
}

#[test]
fn nesting_is_bounded() {
    assert!(read(&nested(DEEPEST), "flow").is_ok());
    let found = problems(&nested(DEEPEST + 1));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].ends_with("branches are nested more than 16 deep: use fewer"),
        "{found:?}"
    );
    assert_eq!(problems(&nested(30)).len(), 1);
    let branches: Value = (0..33)
        .map(|n| (n.to_string(), json!([])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_eq!(
        problems(&json!([{"gather": {"on": branches}}])),
        ["too_long flow.0.gather.on: 33 are given, the most allowed is 32"]
    );
}
