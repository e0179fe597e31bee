//! Reads and writes the verbs `record` and `recording`.

use std::{ops::RangeInclusive, time::Duration};

use outdial_domain::{Channels, Digit, Recording};
use serde_json::{Map, Value, json};

use super::{read_gather::optional, read_steps::Reader, write};
use crate::{
    Given, Record, RecordingAction,
    fields::{duration::shown, shortened},
    record::{Consent, Until},
};

const LENGTH: RangeInclusive<Duration> = Duration::from_secs(1)..=Recording::LONGEST;
const SILENCE: RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(60);
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(120);
const USUAL_TIMEOUT: Duration = Duration::from_secs(5);
const TRIES: RangeInclusive<u8> = 1..=10;

impl Reader {
    /// Its value is an object in which everything may be left out, or `true`.
    pub(super) fn record(&mut self, given: &Given<'_, '_>) -> Option<Record> {
        if given.value() == &Value::Bool(true) {
            return Some(Record::default());
        }
        let mut fields = given.object()?;
        let until = optional(&mut fields, "until", None, |given| until(given).map(Some));
        let (usual_channels, usual_length) = if fields.has("until") {
            (Channels::Party, Record::USUAL_LONGEST_MESSAGE)
        } else {
            (Channels::Mono, Record::USUAL_LONGEST)
        };
        let name = optional(&mut fields, "name", Recording::USUAL_NAME.to_owned(), |given| {
            given.line(Recording::LONGEST_NAME).map(str::to_owned)
        });
        // A room is recorded by those who enter it: `record` of `conference`.
        let words: Vec<&'static str> = Channels::OF_A_LEG.iter().map(|channels| channels.as_str()).collect();
        let channels = optional(&mut fields, "channels", usual_channels, |given| {
            given.word(&words).and_then(Channels::from_word)
        });
        let most = optional(&mut fields, "most", usual_length, |given| given.duration(LENGTH));
        let consent = optional(&mut fields, "consent", None, |given| self.consent(given).map(Some));
        fields.finish();
        Some(Record {
            name: name?,
            channels: channels?,
            most: most?,
            consent: consent?,
            until: until?,
        })
    }

    fn consent(&mut self, given: &Given<'_, '_>) -> Option<Consent> {
        let mut fields = given.object()?;
        let prompts = fields.required("prompts").and_then(|given| self.prompts(&given));
        let key = optional(&mut fields, "key", Digit::from_char('1'), |given| key(given).map(Some));
        let timeout = optional(&mut fields, "timeout", USUAL_TIMEOUT, |given| given.duration(TIMEOUT));
        let tries = optional(&mut fields, "tries", 1, |given| given.integer(TRIES));
        fields.finish();
        Some(Consent {
            prompts: prompts?,
            key: key??,
            timeout: timeout?,
            tries: tries?,
        })
    }
}

/// Its value is an object in which everything may be left out, or `true`.
fn until(given: &Given<'_, '_>) -> Option<Until> {
    let usual = Until {
        key: Digit::from_char('#'),
        silence: None,
        beep: true,
    };
    if given.value() == &Value::Bool(true) {
        return Some(usual);
    }
    let mut fields = given.object()?;
    let key = optional(&mut fields, "key", usual.key, |given| {
        if given.value().as_str() == Some("none") {
            return Some(None);
        }
        key(given).map(Some)
    });
    let silence = optional(&mut fields, "silence", None, |given| given.duration(SILENCE).map(Some));
    let beep = fields.optional("beep").map(|given| given.boolean());
    fields.finish();
    Some(Until {
        key: key?,
        silence: silence?,
        beep: beep.unwrap_or(Some(usual.beep))?,
    })
}

fn key(given: &Given<'_, '_>) -> Option<Digit> {
    let text = given.line(10)?;
    let mut keys = text.chars();
    let (Some(key), None) = (keys.next().and_then(Digit::from_char), keys.next()) else {
        given.problem(
            "invalid",
            format!("`{}` is not one key: give one of 0 to 9, *, #, A to D", shortened(text)),
        );
        return None;
    };
    Some(key)
}

pub(super) fn action(given: &Given<'_, '_>) -> Option<RecordingAction> {
    given
        .word(&RecordingAction::ALL.map(RecordingAction::as_str))
        .and_then(RecordingAction::from_word)
}

/// What [`Reader::record`] makes the same of.
pub(super) fn written(record: &Record) -> Value {
    let mut object = Map::new();
    object.insert("name".to_owned(), json!(record.name));
    object.insert("channels".to_owned(), json!(record.channels.as_str()));
    object.insert("most".to_owned(), json!(shown(record.most)));
    if let Some(until) = &record.until {
        let mut written = json!({
            "key": until.key.map_or("none".to_owned(), |key| key.to_string()),
            "beep": until.beep,
        });
        if let Some(silence) = until.silence {
            written["silence"] = json!(shown(silence));
        }
        object.insert("until".to_owned(), written);
    }
    if let Some(consent) = &record.consent {
        let written = json!({
            "prompts": consent.prompts.iter().map(write::prompt).collect::<Value>(),
            "key": consent.key.to_string(),
            "timeout": shown(consent.timeout),
            "tries": consent.tries,
        });
        object.insert("consent".to_owned(), written);
    }
    Value::Object(object)
}
