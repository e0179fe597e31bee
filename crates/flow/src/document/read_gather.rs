//! Reads the verb `gather`.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use outdial_domain::Digit;

use super::read_steps::Reader;
use crate::{
    Gather, Instruction,
    fields::{Fields, Given, shortened},
};

/// How many keys may be asked for.
const KEYS: RangeInclusive<u8> = 1..=32;
const MOST_BY_DEFAULT: u8 = 20;
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(120);
const TIMEOUT_BY_DEFAULT: Duration = Duration::from_secs(5);
const TRIES: RangeInclusive<u8> = 1..=10;
const MOST_BRANCHES: usize = 32;
const LONGEST_NAME: usize = 64;

/// What counts as an answer.
struct Keys {
    fewest: u8,
    most: u8,
    finish: Option<Digit>,
}

impl Reader {
    pub(super) fn gather(&mut self, given: &Given<'_, '_>) -> Option<Gather> {
        let mut fields = given.object()?;
        let name = name(&mut fields);
        let private = fields.optional_boolean("private").unwrap_or(false);
        let prompts = match fields.optional("prompts") {
            Some(given) => self.prompts(&given),
            None => Some(Vec::new()),
        };
        let keys = keys(&mut fields);
        let timeout = optional(&mut fields, "timeout", TIMEOUT_BY_DEFAULT, |given| {
            given.duration(TIMEOUT)
        });
        let tries = optional(&mut fields, "tries", 1, |given| given.integer(TRIES));
        let on = optional(&mut fields, "on", BTreeMap::new(), |given| {
            self.on(given, keys.as_ref())
        });
        let otherwise = optional(&mut fields, "otherwise", Vec::new(), |given| self.branch(given));
        let no_input = optional(&mut fields, "no_input", Vec::new(), |given| self.branch(given));
        fields.finish();
        let Keys { fewest, most, finish } = keys?;
        Some(Gather {
            name: name?,
            private,
            prompts: prompts?,
            fewest,
            most,
            finish,
            timeout: timeout?,
            tries: tries?,
            on: on?,
            otherwise: otherwise?,
            no_input: no_input?,
        })
    }

    fn on(&mut self, given: &Given<'_, '_>, keys: Option<&Keys>) -> Option<BTreeMap<String, Vec<Instruction>>> {
        let mut on = BTreeMap::new();
        let mut complete = true;
        for (pressed, given) in given.entries(MOST_BRANCHES)? {
            let steps = self.branch(&given);
            let pressed = branch_key(pressed, &given, keys);
            let (Some(pressed), Some(steps)) = (pressed, steps) else {
                complete = false;
                continue;
            };
            if on.insert(pressed, steps).is_some() {
                given.problem(
                    "invalid",
                    "there are two branches for these digits: capital and small letters are the same",
                );
                complete = false;
            }
        }
        complete.then_some(on)
    }
}

/// A field that may be left out, or `None` when it was given and could not be read.
pub(super) fn optional<T>(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    default: T,
    read: impl FnOnce(&Given<'_, '_>) -> Option<T>,
) -> Option<T> {
    fields.optional(name).map_or(Some(default), |given| read(&given))
}

fn name(fields: &mut Fields<'_, '_>) -> Option<String> {
    optional(fields, "name", "digits".to_owned(), |given| {
        let name = given.line(LONGEST_NAME)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if !name.bytes().all(allowed) {
            given.problem(
                "invalid",
                format!(
                    "the name `{}` may have letters, digits, `_`, `-` and `.` only",
                    shortened(name)
                ),
            );
            return None;
        }
        Some(name.to_owned())
    })
}

fn keys(fields: &mut Fields<'_, '_>) -> Option<Keys> {
    let count = |given: &Given<'_, '_>| given.integer(KEYS).map(Some);
    let exactly = optional(fields, "digits", None, count);
    let fewest = optional(fields, "fewest", None, count);
    let most = optional(fields, "most", None, count);
    let finish = fields.optional("finish").map(|given| finish(&given));
    let (fewest, most) = match (exactly?, fewest?, most?) {
        (Some(exactly), None, None) => (exactly, exactly),
        (Some(_), _, _) => {
            fields.problem(
                "digits",
                "invalid",
                "`digits` says both `fewest` and `most`: give either it or them",
            );
            return None;
        }
        (None, fewest, most) => {
            let fewest = fewest.unwrap_or(1);
            (fewest, most.unwrap_or(MOST_BY_DEFAULT.max(fewest)))
        }
    };
    if fewest > most {
        fields.problem(
            "fewest",
            "out_of_range",
            format!("`fewest` is {fewest}, more than `most`, which is {most}"),
        );
        return None;
    }
    let finish = match finish {
        Some(given) => given?,
        None if most > fewest => Digit::from_char('#'),
        None => None,
    };
    Some(Keys { fewest, most, finish })
}

/// The finish key, or `Some(None)` where there is to be none.
fn finish(given: &Given<'_, '_>) -> Option<Option<Digit>> {
    let text = given.line(20)?;
    if text == "none" {
        return Some(None);
    }
    let mut characters = text.chars();
    let digit = characters.next().and_then(Digit::from_char);
    if digit.is_none() || characters.next().is_some() {
        given.problem(
            "invalid",
            format!("`{text}` is not a key: give one of 0-9, *, #, A-D, or `none`"),
        );
        return None;
    }
    Some(digit)
}

/// The digits of a branch, as they will be compared with those that are pressed.
fn branch_key(pressed: &str, given: &Given<'_, '_>, keys: Option<&Keys>) -> Option<String> {
    let shown = shortened(pressed);
    let digits: Option<Vec<Digit>> = pressed.chars().map(Digit::from_char).collect();
    let Some(digits) = digits.filter(|digits| !digits.is_empty()) else {
        given.problem(
            "invalid",
            format!("`{shown}` is not what can be pressed: use 0-9, *, #, A-D"),
        );
        return None;
    };
    let Keys { fewest, most, finish } = keys?;
    if !(usize::from(*fewest)..=usize::from(*most)).contains(&digits.len()) {
        given.problem(
            "invalid",
            format!(
                "`{shown}` can never be the answer: it has {} digits, and {fewest} to {most} are gathered",
                digits.len()
            ),
        );
        return None;
    }
    if let Some(finish) = finish.filter(|finish| digits.contains(finish)) {
        given.problem(
            "invalid",
            format!("`{shown}` can never be the answer: {finish} is the finish key; give another one or `none`"),
        );
        return None;
    }
    Some(digits.into_iter().map(Digit::as_char).collect())
}
