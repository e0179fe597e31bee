use serde::{Deserialize, Serialize};

use crate::{
    Key,
    invalid::{FieldProblem, Reason},
    print,
};

/// A variable of the channel: one line `Set: name=value`.
///
/// The name has letters, digits and `_`; a leading `_` or `__` passes the variable on to channels
/// that this one makes. Instead of a variable, one of a few functions that only describe the call
/// can be set: `CALLERID(…)`, `CDR(…)`, `CHANNEL(…)` for `accountcode`, `amaflags`, `language`,
/// `musicclass`, `tonezone` and `userfield`, `CONFBRIDGE(…)` for who somebody is in a conference and how
/// many it takes, and `TIMEOUT(…)` for `absolute`, `digit` and `response`. Others may write files or run programs, and are refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// The name, or a function with its argument.
    pub name: String,
    /// The value; it may be empty, and may hold `=`.
    pub value: String,
}

/// Functions that may be set, with the arguments that are harmless.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("CALLERID", &["all", "name", "num", "name-pres", "num-pres", "pres"]),
    ("CDR", &["accountcode", "amaflags", "userfield"]),
    (
        "CHANNEL",
        &[
            "accountcode",
            "amaflags",
            "language",
            "musicclass",
            "tonezone",
            "userfield",
        ],
    ),
    (
        "CONFBRIDGE",
        &[
            "bridge,max_members",
            "user,admin",
            "user,end_marked",
            "user,marked",
            "user,quiet",
            "user,startmuted",
            "user,wait_marked",
        ],
    ),
    ("TIMEOUT", &["absolute", "digit", "response"]),
];

impl Variable {
    /// A variable.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }

    pub(crate) fn text(&self) -> String {
        format!("{}={}", self.name, self.value)
    }

    pub(crate) fn problem(&self) -> Option<FieldProblem> {
        if let Some(reason) = wrong_name(&self.name) {
            return Some(FieldProblem::new(Key::Set, &self.name, reason));
        }
        // A blank after the equals sign is part of the value, one at the end is not.
        let reason = print::unfit_or_empty(Key::Set, &self.text());
        reason.map(|reason| FieldProblem::new(Key::Set, &self.text(), reason))
    }
}

fn wrong_name(name: &str) -> Option<Reason> {
    let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if name.is_empty() {
        return Some(Reason::Empty);
    }
    if plain(name) {
        return None;
    }
    let Some((function, argument)) = name.strip_suffix(')').and_then(|name| name.split_once('(')) else {
        return Some(Reason::VariableName);
    };
    let known = FUNCTIONS.iter().find(|(known, _)| *known == function);
    if known.is_some_and(|(_, arguments)| arguments.contains(&argument)) {
        None
    } else if plain(function) {
        Some(Reason::Function)
    } else {
        Some(Reason::VariableName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_harmless_functions_may_be_set() {
        for name in [
            "a",
            "_a",
            "__A_1",
            "CHANNEL(language)",
            "TIMEOUT(absolute)",
            "CALLERID(num-pres)",
            "CONFBRIDGE(bridge,max_members)",
        ] {
            assert_eq!(wrong_name(name), None, "{name}");
        }
        for name in [
            "SHELL(rm)",
            "FILE(/etc/passwd)",
            "CHANNEL(hangup_handler_push)",
            "CALLERID(num)x(",
            "DB(a/b)",
            "CONFBRIDGE(bridge,record_command)",
            "channel(language)",
        ] {
            assert!(wrong_name(name).is_some(), "{name}");
        }
        assert_eq!(wrong_name(""), Some(Reason::Empty));
        for name in ["a b", "a=b", "a;b", "\u{e9}", "a\nb", "(x)x"] {
            assert_eq!(wrong_name(name), Some(Reason::VariableName), "{name:?}");
        }
    }

    #[test]
    fn values_may_be_empty_and_hold_equals_signs() {
        assert_eq!(Variable::new("a", "").problem(), None);
        assert_eq!(Variable::new("a", "b=c;d").problem(), None);
        assert_eq!(Variable::new("a", " led by a blank").problem(), None);
        assert!(Variable::new("a", "ended by one ").problem().is_some());
        assert!(Variable::new("a", " #b").problem().is_some());
        assert!(Variable::new("a", "b\nApplication: System").problem().is_some());
    }
}
