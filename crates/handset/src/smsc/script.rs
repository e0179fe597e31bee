//! What a simulated SMSC does, as plain data.

use std::time::Duration;

/// What a simulated SMSC does. By itself it takes every text, and says at once that it was delivered.
#[derive(Debug, Clone, Default)]
pub struct SmscScript {
    /// Who may bind, and with which password; anybody if not set.
    pub user: Option<(String, String)>,
    /// How it names texts.
    pub ids: SmscIds,
    /// How it writes receipts.
    pub receipts: ReceiptForm,
    /// So many texts a second are taken, others are throttled; any number if not set.
    pub rate: Option<u32>,
    /// What is done with texts by their receivers. The most exact number wins.
    pub texts: Vec<TextRule>,
}

/// What is done with the texts to a number.
#[derive(Debug, Clone)]
pub struct TextRule {
    /// The number; with a star at its end, every one that begins so.
    pub number: String,
    /// What is done with the first text, the second, and so on; the last of them with all that follow.
    pub replies: Vec<Reply>,
}

/// How texts are named in answers and in receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SmscIds {
    /// In decimal digits in both.
    #[default]
    Decimal,
    /// In hexadecimal digits in answers, in decimal ones in receipts.
    HexThenDecimal,
    /// In decimal digits in answers, in hexadecimal ones in receipts.
    DecimalThenHex,
}

/// How receipts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReceiptForm {
    /// As a text (SMPP 3.4, appendix B).
    #[default]
    Text,
    /// As optional fields only.
    Fields,
}

/// What is done with one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// How long it takes to answer.
    pub after: Duration,
    /// What is done with it.
    pub fate: Fate,
    /// What receipts follow, where it is taken.
    pub receipts: Vec<Receipt>,
    /// Whether they are lost on their way: then only `query_sm` tells.
    pub receipts_lost: bool,
}

/// What is done with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is taken, and answered.
    Take,
    /// It is refused with this status.
    Refuse(u32),
    /// It is taken, and the answer is lost.
    TakeSilently,
    /// It is taken, and answered twice.
    TakeAndAnswerTwice,
    /// It is taken, and the connection is closed instead of an answer.
    TakeAndHangUp,
    /// The connection is closed, and it is not taken.
    HangUp,
}

/// A receipt that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// How long after the text; where that is before its answer, it comes before it.
    pub after: Duration,
    /// What it says (SMPP 3.4, section 5.2.28).
    pub state: u8,
}

/// The state `DELIVERED`.
const DELIVERED: u8 = 2;

impl Reply {
    /// Takes it, and says at once that it was delivered.
    #[must_use]
    pub fn delivered() -> Self {
        Self::state(DELIVERED)
    }

    /// Takes it, and says at once that this became of it.
    #[must_use]
    pub fn state(state: u8) -> Self {
        Self {
            after: Duration::ZERO,
            fate: Fate::Take,
            receipts: vec![Receipt {
                after: Duration::ZERO,
                state,
            }],
            receipts_lost: false,
        }
    }

    /// Refuses it.
    #[must_use]
    pub fn refused(status: u32) -> Self {
        Self::fated(Fate::Refuse(status))
    }

    /// Refuses it as one too many.
    #[must_use]
    pub fn throttled() -> Self {
        Self::refused(0x58)
    }

    /// Does this with it, and sends no receipt.
    #[must_use]
    pub fn fated(fate: Fate) -> Self {
        Self {
            after: Duration::ZERO,
            fate,
            receipts: Vec::new(),
            receipts_lost: false,
        }
    }

    /// Loses its receipts.
    #[must_use]
    pub fn without_receipts(mut self) -> Self {
        self.receipts_lost = true;
        self
    }

    /// Answers after so long.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }

    /// Sends its receipts so long after the text.
    #[must_use]
    pub fn receipt_after(mut self, time: Duration) -> Self {
        for receipt in &mut self.receipts {
            receipt.after = time;
        }
        self
    }
}

impl SmscScript {
    /// Does this with texts to this number: the first reply with the first text, the last one with all that follow.
    #[must_use]
    pub fn text(mut self, number: impl Into<String>, replies: impl IntoIterator<Item = Reply>) -> Self {
        self.texts.push(TextRule {
            number: number.into(),
            replies: replies.into_iter().collect(),
        });
        self
    }

    /// What is done with a text to this number, before which so many came that the same rule is for.
    pub(super) fn reply(&self, number: &str, before: impl FnOnce(usize) -> usize) -> Reply {
        let matching = self.texts.iter().enumerate().filter_map(|(place, rule)| {
            let exact = match rule.number.strip_suffix('*') {
                Some(prefix) => number.starts_with(prefix).then_some(prefix.len()),
                None => (rule.number == number).then_some(usize::MAX),
            };
            exact.map(|exact| (exact, place, rule))
        });
        let Some((_, place, rule)) = matching.max_by_key(|(exact, ..)| *exact) else {
            return Reply::delivered();
        };
        let before = before(place);
        let reply = rule.replies.get(before).or_else(|| rule.replies.last());
        reply.cloned().unwrap_or_else(Reply::delivered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_meets_its_reply_and_the_last_one_stays() {
        let script = SmscScript::default()
            .text("+65*", [Reply::throttled(), Reply::refused(8), Reply::delivered()])
            .text("+6511", [Reply::refused(11)]);
        let fate = |number: &str, before| script.reply(number, |_| before).fate;
        assert_eq!(fate("+6522", 0), Fate::Refuse(0x58));
        assert_eq!(fate("+6522", 1), Fate::Refuse(8));
        assert_eq!(fate("+6522", 7), Fate::Take);
        assert_eq!(fate("+6511", 7), Fate::Refuse(11));
        assert_eq!(fate("+49", 0), Fate::Take);
    }
}
