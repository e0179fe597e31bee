//! What the operator decided, as the engine needs it.

use std::collections::BTreeMap;

use outdial_domain::{Address, Limits, Number, NumberUse, message::Keyword};
use outdial_flow::Flow;

use crate::{
    outgoing::Outgoing, pacing::Rules, policy::Policy, recording::Keeping, routing::Trunk, texting::route::SmsTrunk,
};

/// What the operator decided.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The name of this node in the journal. Of nodes that share a store each has its own.
    pub node: String,
    /// Defaults and bounds for every request.
    pub limits: Limits,
    /// The trunks, in the order in which they are tried.
    pub trunks: Vec<Trunk>,
    /// The trunks for texts, in the order in which they are tried.
    pub sms_trunks: Vec<SmsTrunk>,
    /// The languages, by their codes, whose words for stop, start and help are known beside the English ones.
    pub keyword_languages: Vec<String>,
    /// What is answered to those words.
    pub keyword_answers: KeywordAnswers,
    /// Which destinations are open.
    pub policy: Policy,
    /// Where we connect to because callers say so.
    pub outgoing: Outgoing,
    /// The numbers of all accounts.
    pub numbers: Vec<Number>,
    /// Whether explanations and captures show people whole to everybody who may read them.
    pub unmasked: bool,
    /// How fast calls may go.
    pub pacing: Rules,
    /// How long recordings are kept.
    pub recordings: Keeping,
    /// The flows that a request may name.
    pub flows: BTreeMap<String, Flow>,
}

/// What is answered to whoever writes a word as STOP alone; nothing where nothing is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeywordAnswers {
    /// To those who want no more texts.
    pub stop: Option<String>,
    /// To those who want them again.
    pub start: Option<String>,
    /// To those who ask who sends them.
    pub help: Option<String>,
}

impl KeywordAnswers {
    /// What is answered to this word.
    #[must_use]
    pub fn to(&self, keyword: Keyword) -> Option<&str> {
        match keyword {
            Keyword::Stop => self.stop.as_deref(),
            Keyword::Start => self.start.as_deref(),
            Keyword::Help => self.help.as_deref(),
        }
    }
}

impl Settings {
    /// The trunk that a number of ours lives on, where it lives on one: calls that show the number go
    /// out by it, because other providers refuse caller ids that are not theirs.
    pub(crate) fn home_of(&self, caller_id: &Address) -> Option<&str> {
        let number = self
            .numbers
            .iter()
            .find(|number| number.address.destination() == caller_id.destination());
        number?.trunk.as_deref()
    }

    /// The number of ours that takes calls to this address over this trunk.
    pub(crate) fn receiving(&self, to: &Address, trunk: &str) -> Option<&Number> {
        self.numbers.iter().find(|number| {
            number.uses.contains(&NumberUse::ReceivesCalls)
                && number.is_reached_by(to)
                && number.trunk.as_deref().is_none_or(|home| home == trunk)
        })
    }
}
