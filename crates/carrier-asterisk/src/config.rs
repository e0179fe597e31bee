use std::path::PathBuf;

use outdial_callfile::Spool;
use outdial_engine::ports::Ask;

use crate::{
    ManagerLogin, order, script,
    target::{self, Template},
};

/// One trunk: an Asterisk, and how it is to ring.
#[derive(Debug, Clone)]
pub struct AsteriskTrunk {
    /// Its name.
    pub name: String,
    /// How calls are handed over.
    pub way: Way,
    /// The channel that rings a number, as `PJSIP/{number}@provider`; without one, only numbers with a
    /// context are rung.
    pub channel: Option<Template>,
    /// The contexts of the dialplan that a caller may name, as in `100@from-internal`.
    pub contexts: Vec<String>,
    /// The directory where prompts are put, by a path that Asterisk knows, too.
    pub sounds: Option<PathBuf>,
    /// The name shown beside the number of the caller.
    pub caller_name: Option<String>,
    /// The account code for Asterisk's records.
    pub account: Option<String>,
    /// Variables of the channel, beside ours.
    pub variables: Vec<(String, String)>,
    /// Where a call with an empty flow goes on after the answer; without it, such a call is hung up.
    pub dialplan: Option<Dialplan>,
    /// The most calls that are being set up at one time; with call files, that are under way.
    pub in_flight: usize,
}

/// How calls are handed over.
#[derive(Debug, Clone)]
pub enum Way {
    /// As call files. Only the result comes back.
    Files(Spool),
    /// By the manager interface: what happens is known while it happens, and a call can be hung up.
    Manager(ManagerLogin),
}

/// A place in Asterisk's dialplan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialplan {
    /// The context.
    pub context: String,
    /// The extension; the number that was dialled when none is given.
    pub extension: Option<String>,
    /// The priority.
    pub priority: u32,
    /// Whether the call goes there at the first sound, before the answer.
    pub early_media: bool,
}

/// A trunk whose settings make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the trunk `{trunk}`: {reason}")]
pub struct WrongTrunk {
    /// The trunk.
    pub trunk: String,
    /// What is wrong and what to do.
    pub reason: String,
}

impl AsteriskTrunk {
    /// As many calls are set up at one time when nothing else is said.
    pub const IN_FLIGHT: usize = 200;

    /// A trunk that rings nobody yet: it has no channel, no contexts and no sounds.
    #[must_use]
    pub fn new(name: impl Into<String>, way: Way) -> Self {
        Self {
            name: name.into(),
            way,
            channel: None,
            contexts: Vec::new(),
            sounds: None,
            caller_name: None,
            account: None,
            variables: Vec::new(),
            dialplan: None,
            in_flight: Self::IN_FLIGHT,
        }
    }

    /// Finds what would make every call fail.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), WrongTrunk> {
        self.wrong().map_or(Ok(()), |reason| {
            Err(WrongTrunk {
                trunk: self.name.clone(),
                reason,
            })
        })
    }

    /// Whether Asterisk could do this by this trunk, whether it is there or not.
    ///
    /// # Errors
    ///
    /// Why it could not.
    pub fn can(&self, ask: &Ask<'_>) -> Result<(), String> {
        let handed_over = || order::unfit(self, script::handed_over(ask.flow)?);
        let refusal = script::refusal(self, ask.flow)
            .or_else(handed_over)
            .or_else(|| target::channel(self, ask.to).err());
        refusal.map_or(Ok(()), Err)
    }

    fn wrong(&self) -> Option<String> {
        if self.channel.is_none() && self.contexts.is_empty() {
            return Some("give `channel`, `contexts`, or both: without them it can ring nobody".to_owned());
        }
        if self.in_flight == 0 {
            return Some("`in_flight` is 0, so no call would ever be placed: give 1 or more".to_owned());
        }
        if let Some(sounds) = &self.sounds
            && !sounds.to_str().is_some_and(is_plain_path)
        {
            return Some(format!(
                "`sounds` is {}: give an absolute path of at most 200 letters, digits, `/`, `.`, `_` and `-`, because \
                 Asterisk divides others",
                sounds.display()
            ));
        }
        // What every call has is tried once, with a channel that is always right.
        let trial = order::trial(self)?;
        order::wrong(self, &trial)
    }
}

/// Whether Playback takes this path as one.
fn is_plain_path(path: &str) -> bool {
    path.starts_with('/')
        && path.len() <= 200
        && path
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(change: impl FnOnce(&mut AsteriskTrunk)) -> String {
        let mut trunk = AsteriskTrunk::new("pbx", Way::Files(Spool::default()));
        trunk.contexts = vec!["from-internal".to_owned()];
        change(&mut trunk);
        trunk.check().map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn what_would_make_every_call_fail_is_named() {
        assert_eq!(wrong(|_| {}), "");
        assert_eq!(
            wrong(|trunk| trunk.sounds = Some("/var/lib/asterisk/sounds/en".into())),
            ""
        );
        assert!(wrong(|trunk| trunk.contexts.clear()).contains("ring nobody"));
        assert!(wrong(|trunk| trunk.in_flight = 0).contains("in_flight"));
        for path in ["sounds", "/a b", "/a&b", "/a,b", &format!("/{}", "a".repeat(200))] {
            assert!(
                wrong(|trunk| trunk.sounds = Some(path.into())).contains("absolute path"),
                "{path}"
            );
        }
        assert!(wrong(|trunk| trunk.caller_name = Some("a\nb".to_owned())).contains("CallerID"));
        assert!(wrong(|trunk| trunk.account = Some("a\nb".to_owned())).contains("Account"));
        assert!(wrong(|trunk| trunk.variables = vec![("SHELL(x)".to_owned(), String::new())]).contains("function"));
    }
}
