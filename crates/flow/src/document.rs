//! Flows as JSON documents: the reference of the format, [`read`] and [`write`](write()).
//!
//! # A flow
//!
//! A flow is a list of steps, run in order; after the last one the call is hung up. It may also be
//! written as an object, `{"steps": [...]}`. Each step is an object with exactly one verb.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let value = serde_json::from_str(r#"[
//!     {"say": "Your table is ready."},
//!     {"pause": "1.5s"},
//!     {"say": {"text": "À bientôt", "language": "fr", "voice": "amelie"}},
//!     {"play": "aud_019a9c3e5b7d7c1e8f00112233445566"},
//!     {"send_digits": "12w3#"},
//!     {"hang_up": {}}
//! ]"#)?;
//! let flow = outdial_flow::document::read(&value, "flow").unwrap();
//! assert_eq!(flow.steps.len(), 6);
//! # Ok(())
//! # }
//! ```
//!
//! | verb | its value | what it does |
//! |---|---|---|
//! | `say` | a text, or an object with `text`, and if wanted `voice` and `language` | speaks the text |
//! | `play` | the id of an uploaded audio file, `aud_…`; never a path or a URL | plays the file |
//! | `gather` | an object, see below | waits for keys |
//! | `pause` | a length of time, 0 to 5 minutes | is silent |
//! | `send_digits` | `0`–`9`, `*`, `#`, `A`–`D`, with `w` and `W` for a pause of half a second and of one; 64 at most | presses keys |
//! | `record` | an object, see below, or `true` | keeps the sound of the call, or a message |
//! | `recording` | `pause`, `resume` or `stop` | does so to the recordings under way |
//! | `dial` | a number, a list of them, or an object, see below | rings somebody else, and lets the two talk |
//! | `conference` | the name of a room, or an object, see below | enters the room |
//! | `hand_over` | an object, see below | leaves the call to the switch that carries it |
//! | `hang_up` | `{}`, `true` or `null` | ends the call |
//!
//! A `text` has at most [`Say::LONGEST`](crate::Say::LONGEST) bytes, is not blank, and has no control
//! characters but line breaks (`\n`) and tabs. A `voice` is a name that the speech engine knows, a
//! `language` a BCP 47 tag as `en` or `pt-BR`.
//!
//! A length of time is a number of seconds, as `5` or `1.5`, or a text with a unit: `1500ms`, `30s`, `2m`.
//!
//! # Gather
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let value = serde_json::from_str(r#"[
//!     {"gather": {
//!         "name": "choice",
//!         "prompts": [{"say": "Press 1 to confirm, 2 to speak to somebody."}],
//!         "digits": 1,
//!         "timeout": "5s",
//!         "tries": 2,
//!         "on": {
//!             "1": [{"say": "Thank you."}],
//!             "2": [{"say": "Please call our office."}]
//!         },
//!         "otherwise": [{"say": "There is no such choice."}],
//!         "no_input": [{"say": "We did not hear you."}]
//!     }},
//!     {"say": "Goodbye."}
//! ]"#)?;
//! let flow = outdial_flow::document::read(&value, "flow").unwrap();
//! assert_eq!(flow.steps.len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! Everything in it may be left out:
//!
//! | field | default | meaning |
//! |---|---|---|
//! | `name` | `digits` | the name the digits are kept under: letters, digits, `_`, `-`, `.`; 64 at most |
//! | `private` | false | whether its keys stand nowhere, as for a PIN or the number of a card, see below |
//! | `prompts` | none | `say` and `play` steps, heard first; any key interrupts them |
//! | `fewest` | 1 | the fewest keys that count as an answer, 1 to 32 |
//! | `most` | 20 (or `fewest`, if that is more) | the most keys, 1 to 32; it ends as soon as they are pressed |
//! | `digits` | | short for the same `fewest` and `most` |
//! | `finish` | `#` when `most` is more than `fewest`, else none | the key that ends it early and is not part of the answer; `"none"` for no such key |
//! | `timeout` | 5 seconds | how long to wait for the first key after the prompts, and for each further one, 0.1 to 120 seconds |
//! | `tries` | 1 | how often the prompts are heard before `no_input`, 1 to 10 |
//! | `on` | none | what to do after exactly these digits: at most 32 lists of steps by the digits |
//! | `otherwise` | no steps | what to do after any other digits |
//! | `no_input` | no steps | what to do when too few keys were pressed in every try |
//!
//! The flow goes on after the gather when the branch that was taken ends. A branch that no keys could
//! reach, because they are too few or too many or contain the finish key, is refused.
//!
//! What is pressed for a `private` gather decides where the flow goes on, and is forgotten then: no event, no digits of
//! the call, no log and no trace has it. Its branches are called `on.private` wherever steps are named, and are not kept
//! with the call once that has ended. In a flow with such a gather, keys that no other gather waits for are kept out of
//! the events, too, because they may be meant for it. A recording that is under way hears tones that come in the sound.
//!
//! # Dial
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let value = serde_json::from_str(r#"[
//!     {"say": "We put you through."},
//!     {"dial": {
//!         "to": ["+6590000001", "+6590000002"],
//!         "from": "private",
//!         "ring": "20s",
//!         "max": "1h",
//!         "warn_before": "1m",
//!         "whisper": [{"say": "A customer. Press 1 to take the call."}],
//!         "screen": "1",
//!         "on_failure": [{"say": "Nobody is there. Please call again later."}],
//!         "codes": {
//!             "*1": [{"say": "This call is recorded from here on."}, {"record": true}],
//!             "*2": [{"say": "One moment please."}, {"dial": "+6590000003"}]
//!         },
//!         "codes_by": "other"
//!     }}
//! ]"#)?;
//! let flow = outdial_flow::document::read(&value, "flow").unwrap();
//! assert_eq!(flow.dials()[0].to.len(), 2);
//! assert_eq!(flow.dials()[0].codes.len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! The numbers are rung one after the other, until one answers. Either party's hang-up ends the call.
//!
//! | field | default | meaning |
//! |---|---|---|
//! | `to` | | the number, or a list of at most [`Dial::MOST`](crate::Dial::MOST) |
//! | `from` | the number that the first party sees, or that it called | what the other party sees: a number, `private` or `other_party` |
//! | `ring` | that of the configuration | how long each phone rings, 1 second to 10 minutes |
//! | `max` | that of the call | how long the two may talk, from the other party's answer; the first party waits for that as long as the numbers ring, even beyond the `max` of the call |
//! | `warn_before` | never | so long before that time is over, both hear a tone; less than that time |
//! | `whisper` | none | `say` and `play` steps that the other party hears before it is connected |
//! | `screen` | none | the key that the other party must press to be connected |
//! | `while_ringing` | `tone` | what the first party hears meanwhile: `tone`, `silence`, or `say` and `play` steps, again and again |
//! | `early_media` | true where `while_ringing` is `tone` | whether the sound that comes of the other side before its answer (the network's own ringing, or its reasons) is heard instead |
//! | `announce` | a tone | `say` and `play` steps that the first party hears before it is hung up because nobody was reached |
//! | `on_failure` | `hang_up` | what to do when nobody was reached: `hang_up`, `next` (the next step), or steps |
//! | `codes` | none | what to do when these keys are pressed while the two talk: at most [`Dial::MOST_CODES`](crate::Dial::MOST_CODES) lists of steps by the keys |
//! | `codes_by` | `both` | whose keys are listened to for that: `both`, `first` or `other` |
//!
//! A code begins with `*` or `#` and has 2 to 8 keys, of which each comes within three seconds of the one before. The
//! other side hears it, too. The two go on talking while its steps are done, and both hear what is said and played;
//! keys for a `gather` are those of the first party. A `dial` or `conference` in it lets go of the other party first;
//! when its steps are over after that, the flow goes on behind the dial. Keys that belong to no code stand nowhere.
//!
//! # Conference
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let value = serde_json::from_str(r#"[{"conference": {"room": "stand-up", "muted": true}}]"#)?;
//! assert!(outdial_flow::document::read(&value, "flow").is_ok());
//! # Ok(())
//! # }
//! ```
//!
//! | field | default | meaning |
//! |---|---|---|
//! | `room` | | the room: letters, digits, `_`, `-`, `.`; 64 at most, and not marks alone |
//! | `muted` | false | whether it is entered muted |
//! | `moderator` | false | whether this is a moderator of the room |
//! | `wait` | false | whether the room begins only when a moderator is in it |
//! | `patience` | 15 minutes | how long it waits for that, 1 second to 24 hours |
//! | `end` | false | whether the room ends when its last moderator leaves |
//! | `tones` | true | whether all hear a tone when somebody enters or leaves |
//! | `record` | false | whether the room is recorded: the recording belongs to the call that came first of those which want it |
//! | `most` | 500 | how many the room takes; the first one in decides |
//! | `waiting` | none | `say` and `play` steps, heard again and again until the room begins |
//!
//! The flow goes on when the leg is taken out of the room, or the room has ended. Whoever is not let in (the room is
//! locked or full), or waits for a moderator in vain, goes on with the flow, too, whose next steps may say so; where
//! there is no next step, a tone does, and the call ends as `refused` (locked), `congestion` (full) or `no_answer` (no
//! moderator).
//!
//! # Record
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let value = serde_json::from_str(r##"[
//!     {"record": {"name": "whole call", "channels": "separate",
//!                 "consent": {"prompts": [{"say": "Press 1 if this call may be recorded."}]}}},
//!     {"say": "Please leave a message after the tone."},
//!     {"record": {"name": "message", "until": {"key": "#", "silence": "4s"}, "most": "90s"}},
//!     {"recording": "stop"},
//!     {"say": "Thank you."}
//! ]"##)?;
//! let flow = outdial_flow::document::read(&value, "flow").unwrap();
//! assert_eq!(flow.steps.len(), 5);
//! # Ok(())
//! # }
//! ```
//!
//! Without `until` the flow goes on at once, and the recording ends with the call. With it the flow waits
//! for a message. Everything in it may be left out:
//!
//! | field | default | meaning |
//! |---|---|---|
//! | `name` | `recording` | what the recording is called; 100 characters at most |
//! | `channels` | `mono`; `party` with `until` | `mono`: everybody together; `separate`: left the party of the leg, right what it hears; `party`: the party of the leg alone; `other`: the other party alone, while two talk (in a step of `codes`, or by request) |
//! | `most` | 4 hours; 2 minutes with `until` | the longest that it may become, 1 second to 12 hours |
//! | `until` | none | what ends a message: an object, or `true` for its defaults |
//! | `until.key` | `#` | this key; `"none"` for no key |
//! | `until.silence` | none | nobody speaks for so long, 0.5 to 60 seconds |
//! | `until.beep` | true | whether a tone is heard first |
//! | `consent` | none | who is asked before: without a yes nothing is recorded, and the flow goes on |
//! | `consent.prompts` | | `say` and `play` steps |
//! | `consent.key` | `1` | the key that says yes; it is kept as the digits `consent` |
//! | `consent.timeout`, `consent.tries` | 5 seconds, 1 | as in a gather |
//!
//! # Hand over
//!
//! A call that goes out by a telephone system, such as an Asterisk, can be left to it: one of its
//! applications runs, or the call goes on in its dialplan. The words are the switch's own. Whoever may
//! choose them can do what the switch can, so a request with such a step needs a key with the scope
//! `hand_over`; flows in the configuration may have one for everybody.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! for text in [
//!     r#"[{"hand_over": {"application": "Playback", "data": "hello-world"}}]"#,
//!     r#"[{"hand_over": {"context": "ivr", "extension": "s", "variables": {"customer": "4711"}}}]"#,
//! ] {
//!     let flow = outdial_flow::document::read(&serde_json::from_str(text)?, "flow").unwrap();
//!     assert!(flow.hands_over());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | field | default | meaning |
//! |---|---|---|
//! | `application` | | the application, as `Playback` |
//! | `data` | none | its argument |
//! | `context`, `extension` | | where the call goes on in the dialplan, instead of an application |
//! | `priority` | 1 | from which priority on |
//! | `early_media` | false | whether it goes there at the first sound, before the answer |
//! | `variables` | none | variables of the channel, by name |
//!
//! Names have at most 80 bytes, values 1000, and none has control characters.
//!
//! # Bounds
//!
//! A flow has at most [`Flow::MOST_STEPS`] steps, those in branches and prompts included. Gathers may
//! stand in the branches of others [`DEEPEST`] deep.
//!
//! # Problems
//!
//! All problems are found at once, each with its place and a remedy. As everywhere, `null` is the same
//! as leaving a field out (but `{"hang_up": null}` alone is a step).
//!
//! ```
//! use outdial_flow::document::read;
//! use serde_json::json;
//!
//! let problems = read(&json!([{"sya": "hello"}, {"pause": "1h"}]), "flow").unwrap_err();
//! let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
//! assert_eq!(shown, [
//!     "flow.0.sya: unknown field `sya`: did you mean `say`?",
//!     "flow.1.pause: `1h` is out of range: give 0s to 5m",
//! ]);
//! ```
//!
//! # Places
//!
//! A problem names the whole path, as `flow.1.gather.on.3.0.say`. In the event log of a call the same
//! step is `1.on.3.0`: the numbers of the steps and the names of the branches.

mod hand_over;
#[cfg(test)]
mod properties;
mod read_dial;
mod read_gather;
mod read_steps;
mod record;
#[cfg(test)]
mod tests;
mod write;

use serde_json::Value;

use crate::{
    Conference, Dial, Flow, Prompt, Record,
    fields::{Given, Problem, Problems},
};
use read_steps::Reader;

pub use read_dial::PATIENCE;
pub use write::write;

/// How deep gathers may stand in the branches of others.
pub const DEEPEST: usize = 16;

/// Reads a flow. The path is where it stands in a greater document and begins each problem's place.
///
/// # Errors
///
/// All that is wrong with it.
pub fn read(value: &Value, path: &str) -> Result<Flow, Vec<Problem>> {
    let problems = Problems::new();
    let flow = read_given(&Given::new(value, path, &problems));
    problems.into_result(flow)
}

/// Reads a flow that is part of a document whose other fields are read along with it.
///
/// ```
/// use outdial_flow::{Fields, Problems, document};
///
/// let body = serde_json::json!({"to": "", "flow": [{"play": "/etc/passwd"}]});
/// let problems = Problems::new();
/// let mut fields = Fields::new(&body, "", &problems);
/// let to = fields.line("to", 255);
/// let flow = fields.required("flow").and_then(|given| document::read_given(&given));
/// fields.finish();
/// assert!(to.is_none() && flow.is_none());
/// assert_eq!(problems.into_result(flow).unwrap_err().len(), 2);
/// ```
#[must_use]
pub fn read_given(given: &Given<'_, '_>) -> Option<Flow> {
    Reader::default().flow(given)
}

/// Reads what stands after the verb `dial`, for a document that says nothing but whom to connect.
#[must_use]
pub fn read_dial(given: &Given<'_, '_>) -> Option<Dial> {
    Reader::default().dial(given)
}

/// Reads what stands after the verb `conference`, for a document that says nothing but which room to enter.
#[must_use]
pub fn read_conference(given: &Given<'_, '_>) -> Option<Conference> {
    Reader::default().conference(given)
}

/// Reads some `say` and `play` steps.
#[must_use]
pub fn read_prompts(given: &Given<'_, '_>) -> Option<Vec<Prompt>> {
    Reader::default().prompts(given)
}

/// Reads what a `record` step says, where a document has it in another place: an object, or `true`.
#[must_use]
pub fn read_record(given: &Given<'_, '_>) -> Option<Record> {
    Reader::default().record(given)
}
