//! Reads the verbs `dial` and `conference`.

use std::{collections::BTreeMap, ops::RangeInclusive, str::FromStr, time::Duration};

use super::read_steps::Reader;
use crate::{
    CallerId, Conference, Dial, Instruction, OnFailure, Party, WhileRinging,
    fields::{Fields, Given, shortened},
};
use outdial_domain::{Address, AddressError, Digit, RoomName};

const RING: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
const MAX: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);
/// How long a room may wait for its moderator.
pub const PATIENCE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
const WARN_BEFORE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);

impl Reader {
    /// A dial: a number, a list of them, or an object.
    pub(super) fn dial(&mut self, given: &Given<'_, '_>) -> Option<Dial> {
        if !given.value().is_object() {
            let mut to = numbers(given)?;
            let mut dial = Dial::to(to.remove(0));
            dial.to.append(&mut to);
            return Some(dial);
        }
        let mut fields = given.object()?;
        let to = fields.required("to").and_then(|given| numbers(&given));
        let from = read(&mut fields, "from", caller_id);
        let ring = read(&mut fields, "ring", |given| given.duration(RING));
        let max = read(&mut fields, "max", |given| given.duration(MAX));
        let warn_before = read(&mut fields, "warn_before", |given| given.duration(WARN_BEFORE));
        let whisper = read(&mut fields, "whisper", |given| self.prompts(given));
        let screen = read(&mut fields, "screen", digit);
        let while_ringing = read(&mut fields, "while_ringing", |given| self.while_ringing(given));
        let early_media = read(&mut fields, "early_media", Given::boolean);
        let announce = read(&mut fields, "announce", |given| self.prompts(given));
        let on_failure = read(&mut fields, "on_failure", |given| self.on_failure(given));
        let codes = read(&mut fields, "codes", |given| self.codes(given));
        let codes_by = read(&mut fields, "codes_by", party);
        fields.finish();
        Some(Dial {
            to: to?,
            from: from?,
            ring: ring?,
            max: max?,
            warn_before: warn_before?,
            whisper: whisper?.unwrap_or_default(),
            screen: screen?,
            // Who chose what is heard meanwhile wants that to be heard.
            early_media: early_media?.unwrap_or(matches!(while_ringing, Some(None | Some(WhileRinging::Tone)))),
            while_ringing: while_ringing?.unwrap_or_default(),
            announce: announce?.unwrap_or_default(),
            on_failure: on_failure?.unwrap_or_default(),
            codes: codes?.unwrap_or_default(),
            codes_by: codes_by?.flatten(),
        })
    }

    /// A room to enter: its name, or an object.
    pub(super) fn conference(&mut self, given: &Given<'_, '_>) -> Option<Conference> {
        if given.value().is_string() {
            return given.parse(RoomName::LONGEST).map(Conference::of);
        }
        let mut fields = given.object()?;
        let room = fields.parse::<RoomName>("room", RoomName::LONGEST);
        let muted = read(&mut fields, "muted", Given::boolean);
        let moderator = read(&mut fields, "moderator", Given::boolean);
        let wait = read(&mut fields, "wait", Given::boolean);
        let patience = read(&mut fields, "patience", |given| given.duration(PATIENCE));
        let end = read(&mut fields, "end", Given::boolean);
        let tones = read(&mut fields, "tones", Given::boolean);
        let record = read(&mut fields, "record", Given::boolean);
        let most = read(&mut fields, "most", |given| given.integer(1..=Conference::MOST));
        let waiting = read(&mut fields, "waiting", |given| self.prompts(given));
        fields.finish();
        Some(Conference {
            room: room?,
            muted: muted?.unwrap_or(false),
            moderator: moderator?.unwrap_or(false),
            wait: wait?.unwrap_or(false),
            patience: patience?.unwrap_or(Conference::PATIENCE),
            end: end?.unwrap_or(false),
            tones: tones?.unwrap_or(true),
            record: record?.unwrap_or(false),
            most: most?.unwrap_or(Conference::MOST),
            waiting: waiting?.unwrap_or_default(),
        })
    }

    fn while_ringing(&mut self, given: &Given<'_, '_>) -> Option<WhileRinging> {
        if given.value().is_array() {
            return self.prompts(given).map(|prompts| match prompts.is_empty() {
                true => WhileRinging::Silence,
                false => WhileRinging::Prompts(prompts),
            });
        }
        match given.word(&["tone", "silence"])? {
            "tone" => Some(WhileRinging::Tone),
            _ => Some(WhileRinging::Silence),
        }
    }

    fn codes(&mut self, given: &Given<'_, '_>) -> Option<BTreeMap<String, Vec<Instruction>>> {
        let mut codes: BTreeMap<String, Vec<Instruction>> = BTreeMap::new();
        let mut complete = true;
        for (keys, given) in given.entries(Dial::MOST_CODES)? {
            let steps = self.branch(&given);
            let (Some(code), Some(steps)) = (code(keys, &given), steps) else {
                complete = false;
                continue;
            };
            let alike = |other: &&String| other.starts_with(&code) || code.starts_with(other.as_str());
            if let Some(other) = codes.keys().find(alike) {
                given.problem(
                    "invalid",
                    format!("`{code}` and `{other}` begin alike, so one of them could never be pressed to its end"),
                );
                complete = false;
                continue;
            }
            codes.insert(code, steps);
        }
        complete.then_some(codes)
    }

    fn on_failure(&mut self, given: &Given<'_, '_>) -> Option<OnFailure> {
        if given.value().is_array() {
            return self.branch(given).map(OnFailure::Flow);
        }
        match given.word(&["hang_up", "next"])? {
            "next" => Some(OnFailure::Next),
            _ => Some(OnFailure::HangUp),
        }
    }
}

/// A field that may be left out; `None` when it was given and could not be read.
fn read<'v, 'p, T>(
    fields: &mut Fields<'v, 'p>,
    name: &'static str,
    read: impl FnOnce(&Given<'v, 'p>) -> Option<T>,
) -> Option<Option<T>> {
    match fields.optional(name) {
        None => Some(None),
        Some(given) => read(&given).map(Some),
    }
}

/// One number, or some.
fn numbers(given: &Given<'_, '_>) -> Option<Vec<Address>> {
    if !given.value().is_array() {
        return address(given).map(|address| vec![address]);
    }
    let list = given.list(Dial::MOST)?;
    if list.is_empty() {
        given.problem("missing", "give one number at least");
        return None;
    }
    let read: Vec<_> = list.iter().map(address).collect();
    let all: Vec<Address> = read.into_iter().collect::<Option<_>>()?;
    for (index, one) in all.iter().enumerate() {
        if all[..index]
            .iter()
            .any(|other| other.destination() == one.destination())
        {
            given.problem("invalid", format!("{one} stands in it twice"));
            return None;
        }
    }
    Some(all)
}

struct Dialled(Address);

impl FromStr for Dialled {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Address::parse(text).map(Self)
    }
}

fn address(given: &Given<'_, '_>) -> Option<Address> {
    given.parse(Address::LONGEST).map(|Dialled(address)| address)
}

/// What the other party sees.
pub(super) fn caller_id(given: &Given<'_, '_>) -> Option<CallerId> {
    match given.value().as_str() {
        Some("private") => Some(CallerId::Private),
        Some("other_party") => Some(CallerId::OtherParty),
        Some(_) | None => address(given).map(CallerId::Number),
    }
}

/// Whose keys are listened to.
fn party(given: &Given<'_, '_>) -> Option<Option<Party>> {
    Some(match given.word(&["both", "first", "other"])? {
        "first" => Some(Party::First),
        "other" => Some(Party::Other),
        _ => None,
    })
}

/// The keys of a code. It begins with a key that nobody presses in a menu of somebody else by accident.
fn code(keys: &str, given: &Given<'_, '_>) -> Option<String> {
    let digits: Option<String> = keys
        .chars()
        .map(|key| Digit::from_char(key).map(Digit::as_char))
        .collect();
    let fits = |code: &String| code.starts_with(['*', '#']) && Dial::CODE.contains(&code.len());
    let code = digits.filter(fits);
    if code.is_none() {
        let (fewest, most) = (Dial::CODE.start(), Dial::CODE.end());
        given.problem(
            "invalid",
            format!(
                "`{}` is no code: give `*` or `#` and further keys (0-9, *, #, A-D), {fewest} to {most} in all",
                shortened(keys)
            ),
        );
    }
    code
}

/// One key.
fn digit(given: &Given<'_, '_>) -> Option<Digit> {
    let text = given.line(16)?;
    let mut characters = text.chars();
    match (characters.next().and_then(Digit::from_char), characters.next()) {
        (Some(digit), None) => Some(digit),
        _ => {
            given.problem("invalid", "give one key: 0-9, *, # or A-D");
            None
        }
    }
}
