//! What an application of the dialplan is among our instructions.

use std::{path::Path, time::Duration};

use outdial_callfile::{CallFile, Channel};
use outdial_domain::{Channels, Digit};
use outdial_engine::{Actor, Engine};
use outdial_flow::{AudioRef, Conference, Dial, Flow, Instruction, OnFailure, Prompt, Record, Say, Until};

use super::{
    channel::Ways,
    dial_data::DialData,
    wanted::{Unfit, seconds},
};
use crate::shelf::{NotPlayed, Shelf};

/// What a file's name for a sound may end in, if it does not say.
const ENDS: [&str; 5] = ["", ".wav", ".au", ".mp3", ".ogg"];
/// Where music to wait by is, under the directory of sounds.
const MUSIC: &str = "moh";

/// What is needed to read applications.
pub(super) struct Applications<'a> {
    pub(super) engine: &'a Engine,
    pub(super) actor: &'a Actor,
    pub(super) sounds: Option<&'a Shelf>,
    pub(super) ways: &'a Ways,
}

/// A flow, and how long it may last where the application says so.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) flow: Flow,
    pub(super) talk: Option<Duration>,
}

impl From<Vec<Instruction>> for Done {
    fn from(steps: Vec<Instruction>) -> Self {
        let flow = Flow { steps };
        Self { flow, talk: None }
    }
}

impl Applications<'_> {
    /// The flow that an application is. `via` is the trunk of the call, and `own` a name that no other call has.
    pub(super) async fn read(
        &self,
        name: &str,
        data: &str,
        file: &CallFile,
        via: Option<&str>,
        own: &str,
    ) -> Result<Done, Unfit> {
        // As Asterisk finds them: in any case.
        match name.to_ascii_lowercase().as_str() {
            "playback" | "background" => self.playback(data).await,
            "hangup" => Ok(vec![Instruction::HangUp].into()),
            "wait" => Ok(vec![Instruction::Pause(wait(data))].into()),
            "saydigits" => said(&digits(data)?, file),
            "saynumber" => said(&number(data)?, file),
            "record" => record(data),
            "musiconhold" => self.music(data, own).await,
            "dial" => self.dial(data, via),
            "echo" => Err(not_available("Echo")),
            _ => Err(Unfit::Wrong(format!(
                "Application: `{name}` is not run here; there are Playback, Background, Hangup, Wait, SayDigits, \
                 SayNumber, Record, MusicOnHold and Dial"
            ))),
        }
    }

    async fn playback(&self, data: &str) -> Result<Done, Unfit> {
        let names = data.split_once(',').map_or(data, |(names, _)| names);
        let mut steps = Vec::new();
        for name in names.split('&').map(str::trim).filter(|name| !name.is_empty()) {
            steps.push(Instruction::Play(self.sound(name).await?));
        }
        if steps.is_empty() {
            return Err(Unfit::Wrong("Data: name the sounds to play, as a&b".to_owned()));
        }
        Ok(steps.into())
    }

    /// Alone in a room that waits for somebody who never comes, one hears its music.
    async fn music(&self, data: &str, own: &str) -> Result<Done, Unfit> {
        let (class, length) = data.split_once(',').unwrap_or((data, ""));
        let class = Some(class.trim())
            .filter(|class| !class.is_empty())
            .unwrap_or("default");
        let music = self.sound(&format!("{MUSIC}/{class}")).await?;
        let room = format!("hold-{own}").parse();
        let room = Conference {
            wait: true,
            // Its time is that of the call.
            patience: *outdial_flow::document::PATIENCE.end(),
            tones: false,
            most: 1,
            waiting: vec![Prompt::Play(music)],
            ..Conference::of(room.map_err(|error| Unfit::Later(format!("the room to wait in: {error}")))?)
        };
        let length = length.trim();
        let talk = if length.is_empty() {
            None
        } else {
            Some(seconds("Data", length)?)
        };
        Ok(Done {
            talk,
            ..vec![Instruction::Conference(room)].into()
        })
    }

    fn dial(&self, data: &str, via: Option<&str>) -> Result<Done, Unfit> {
        let read = DialData::read(data)?;
        if read.channels.len() > Dial::MOST {
            return Err(Unfit::Wrong(format!("Data: at most {} can be dialled", Dial::MOST)));
        }
        let mut to = Vec::new();
        for channel in &read.channels {
            let channel = Channel::raw(channel).map_err(|error| Unfit::Wrong(format!("Data: {error}")))?;
            let way = self.ways.of(&channel)?;
            if way.via.as_deref() != via {
                return Err(Unfit::Wrong(format!(
                    "Data: {} is reached by another trunk than the call itself",
                    way.to
                )));
            }
            to.push(way.to);
        }
        let mut to = to.into_iter();
        let first = to
            .next()
            .ok_or_else(|| Unfit::Wrong("Data: name whom to dial".to_owned()))?;
        let mut dial = Dial::to(first);
        dial.to.extend(to);
        dial.ring = read.ring;
        dial.max = read.max;
        // A warning before the beginning is none.
        dial.warn_before = read
            .warn_before
            .filter(|before| read.max.is_none_or(|max| *before < max));
        // Whoever was answered is done, however it went on.
        dial.on_failure = OnFailure::Next;
        Ok(vec![Instruction::Dial(Box::new(dial))].into())
    }

    async fn sound(&self, name: &str) -> Result<AudioRef, Unfit> {
        let Some(shelf) = self.sounds else {
            return Err(Unfit::Wrong(
                "Data: there is no directory of sounds here: set `audio` of this spool".to_owned(),
            ));
        };
        for end in ENDS {
            match shelf
                .find(self.engine, self.actor, Path::new(&format!("{name}{end}")))
                .await
            {
                Ok(audio) => return Ok(AudioRef { audio }),
                Err(NotPlayed::Missing) => {}
                Err(NotPlayed::Wrong(why)) => return Err(Unfit::Wrong(format!("Data: {name}: {why}"))),
                Err(NotPlayed::Failed(why)) => return Err(Unfit::Later(why)),
            }
        }
        Err(Unfit::Wrong(format!(
            "Data: there is no sound `{name}` in the directory of this spool"
        )))
    }
}

/// Something that Asterisk does, and that is not done here.
fn not_available(what: &str) -> Unfit {
    Unfit::Wrong(format!("Application: {what} is not available here"))
}

/// Asterisk waits for no time at all where it reads no number.
fn wait(data: &str) -> Duration {
    let seconds = data.trim().parse::<f64>().unwrap_or_default();
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn said(text: &str, file: &CallFile) -> Result<Done, Unfit> {
    if text.len() > Say::LONGEST {
        return Err(Unfit::Wrong("Data: it is too long to be said".to_owned()));
    }
    let language = file
        .variables
        .iter()
        .rfind(|variable| variable.name == "CHANNEL(language)");
    Ok(vec![Instruction::Say(Say {
        text: text.to_owned(),
        voice: None,
        language: language.map(|variable| variable.value.clone()),
    })]
    .into())
}

/// One after the other.
fn digits(data: &str) -> Result<String, Unfit> {
    let mut words = Vec::new();
    for c in data.trim().chars() {
        words.push(match c {
            '0'..='9' => c.to_string(),
            '*' => "star".to_owned(),
            '#' => "pound".to_owned(),
            '-' => "minus".to_owned(),
            other => return Err(Unfit::Wrong(format!("Data: {other:?} is no digit to be said"))),
        });
    }
    if words.is_empty() {
        return Err(Unfit::Wrong("Data: there is no digit to be said".to_owned()));
    }
    Ok(words.join(" "))
}

fn number(data: &str) -> Result<String, Unfit> {
    let text = data.split_once(',').map_or(data, |(number, _)| number).trim();
    let number: i64 = text
        .parse()
        .map_err(|_| Unfit::Wrong("Data: there is no number to be said".to_owned()))?;
    Ok(number.to_string())
}

/// `file.format,silence,longest,options`
fn record(data: &str) -> Result<Done, Unfit> {
    let mut parts = data.split(',').map(str::trim);
    let file = parts.next().filter(|file| !file.is_empty());
    let file = file.ok_or_else(|| Unfit::Wrong("Data: name the recording".to_owned()))?;
    let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
    let mut length = || -> Result<Option<Duration>, Unfit> {
        let given = parts.next().filter(|part| !part.is_empty() && *part != "0");
        given.map(|part| seconds("Data", part)).transpose()
    };
    let (silence, most) = (length()?, length()?);
    let options = parts.next().unwrap_or_default();
    Ok(vec![Instruction::Record(Record {
        name: stem.chars().filter(|c| !c.is_control()).take(64).collect(),
        channels: Channels::Mono,
        most: most.unwrap_or(Record::USUAL_LONGEST_MESSAGE),
        consent: None,
        until: Some(Until {
            key: Digit::from_char(if options.contains('t') { '*' } else { '#' }),
            silence,
            beep: !options.contains('q'),
        }),
    })]
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_numbers_are_said() {
        assert_eq!(digits("12*#").unwrap(), "1 2 star pound");
        assert_eq!(number(" 120,f").unwrap(), "120");
        for wrong in [digits(""), digits("1x"), number("x"), number("")] {
            assert!(matches!(wrong, Err(Unfit::Wrong(_))));
        }
    }

    #[test]
    fn waits_are_as_long_as_asterisks() {
        for (data, milliseconds) in [("2", 2_000), ("0.5", 500), ("", 0), ("x", 0), ("-1", 0), ("inf", 0)] {
            assert_eq!(wait(data), Duration::from_millis(milliseconds), "{data}");
        }
    }

    #[test]
    fn recordings_have_names_and_bounds() {
        let read = |data: &str| match record(data).unwrap().flow.steps.remove(0) {
            Instruction::Record(record) => record,
            other => panic!("{other:?}"),
        };
        let all = read("/var/tmp/../greeting.wav,3,60,qt");
        assert_eq!((all.name.as_str(), all.most), ("greeting", Duration::from_secs(60)));
        let until = all.until.unwrap();
        assert_eq!(until.silence, Some(Duration::from_secs(3)));
        assert_eq!((until.key.map(Digit::as_char), until.beep), (Some('*'), false));
        assert_eq!(read("a").until.unwrap().key.map(Digit::as_char), Some('#'));
        assert!(record("").is_err() && record("a,x").is_err());
    }
}
