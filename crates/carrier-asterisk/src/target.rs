//! Whom Asterisk is to ring.

use std::str::FromStr;

use outdial_callfile::Channel;
use outdial_domain::{Address, Destination};

use crate::AsteriskTrunk;

/// A channel with a place for the number: `PJSIP/{number}@provider`.
///
/// `{number}` becomes the number as people write it, with `+` for an international one, and
/// `{digits}` the same without the `+`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(String);

/// A text that is no template of a channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no channel for a number: {reason}")]
pub struct WrongTemplate {
    text: String,
    reason: String,
}

impl FromStr for Template {
    type Err = WrongTemplate;

    fn from_str(text: &str) -> Result<Self, WrongTemplate> {
        let template = Self(text.to_owned());
        let wrong = |reason: String| WrongTemplate {
            text: text.to_owned(),
            reason,
        };
        let places = text.matches("{number}").count() + text.matches("{digits}").count();
        if places != 1 || text.matches(['{', '}']).count() != 2 {
            return Err(wrong(
                "write `{number}` or `{digits}` once, as in `PJSIP/{number}@provider`".to_owned(),
            ));
        }
        template.fill("1").map_err(wrong)?;
        Ok(template)
    }
}

impl Template {
    /// The channel for a number, which must be one.
    fn fill(&self, number: &str) -> Result<Channel, String> {
        let dialled = |c: char| c.is_ascii_digit() || "+*#".contains(c);
        if number.is_empty() || !number.chars().all(dialled) {
            return Err(format!("`{number}` is no number that Asterisk could dial"));
        }
        let text = self
            .0
            .replace("{number}", number)
            .replace("{digits}", number.trim_start_matches('+'));
        Channel::raw(&text).map_err(|error| error.to_string())
    }
}

/// The channel that rings this address over this trunk; otherwise the reason why there is none.
///
/// A number with a context is dialled in that context, if the trunk lets callers name it: a context
/// of a dialplan may lead anywhere.
pub(crate) fn channel(trunk: &AsteriskTrunk, to: &Address) -> Result<Channel, String> {
    match to.destination() {
        Destination::Local {
            number,
            context: Some(context),
        } => {
            if !trunk.contexts.contains(context) {
                return Err(format!(
                    "the context `{context}` is not among the `contexts` of this trunk"
                ));
            }
            Channel::local(number, context).map_err(|error| error.to_string())
        }
        Destination::E164(_) | Destination::Local { .. } => {
            let template = trunk.channel.as_ref().ok_or(
                "this trunk has no `channel` for numbers without a context; give one, as `PJSIP/{number}@provider`",
            )?;
            template.fill(&to.number().unwrap_or_default())
        }
        Destination::Sip { .. } => Err("an Asterisk trunk rings numbers, and no SIP URIs".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use outdial_callfile::Spool;

    use super::*;
    use crate::Way;

    #[test]
    fn addresses_become_channels() {
        let mut trunk = AsteriskTrunk::new("pbx", Way::Files(Spool::default()));
        trunk.contexts = vec!["from-internal".to_owned()];
        let channel = |trunk: &AsteriskTrunk, to: &str| {
            channel(trunk, &Address::parse(to).unwrap()).map(|channel| channel.to_string())
        };
        assert!(channel(&trunk, "+6598765432").unwrap_err().contains("`channel`"));
        assert_eq!(channel(&trunk, "100@from-internal").unwrap(), "Local/100@from-internal");
        assert!(channel(&trunk, "100@admin").unwrap_err().contains("`admin`"));
        for (template, to, wanted) in [
            ("PJSIP/{number}@provider", "+65 9876-5432", "PJSIP/+6598765432@provider"),
            ("PJSIP/{digits}@provider", "+6598765432", "PJSIP/6598765432@provider"),
            ("DAHDI/g1/{number}", "#31#555", "DAHDI/g1/#31#555"),
            (
                "PJSIP/out/sip:{number}@192.0.2.1:5070",
                "12",
                "PJSIP/out/sip:12@192.0.2.1:5070",
            ),
        ] {
            trunk.channel = Some(template.parse().unwrap());
            assert_eq!(channel(&trunk, to).unwrap(), wanted);
        }
        assert!(channel(&trunk, "sip:a@example.com").is_err());
    }

    #[test]
    fn templates_have_one_place() {
        for wrong in [
            "",
            "PJSIP/x",
            "{number}",
            "PJSIP/{number}{digits}",
            "PJSIP/{name}@x",
            "A/{number}\nB: c",
        ] {
            assert!(wrong.parse::<Template>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_numbers_are_filled_in() {
        let template: Template = "Local/{number}@out".parse().unwrap();
        for wrong in [
            "",
            "1@admin",
            "1/n",
            "1&2",
            "1,2",
            "1\nApplication: System",
            "${X}",
            "1 #",
        ] {
            assert!(template.fill(wrong).is_err(), "{wrong:?}");
        }
    }
}
