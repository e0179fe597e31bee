//! Reads the tables `[smsc]` and `[[text]]` of a script file.

use std::time::Duration;

use serde::Deserialize;

use super::{Fate, Receipt, ReceiptForm, Reply, SmscIds, SmscScript, script::TextRule};
use crate::script::Length;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SmscTable {
    system_id: Option<String>,
    password: Option<String>,
    ids: Option<IdsName>,
    receipts: Option<FormName>,
    rate: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum IdsName {
    Decimal,
    HexThenDecimal,
    DecimalThenHex,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FormName {
    Text,
    Fields,
}

/// What is done with the texts to a number, or with one of them in its `on_text`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextTable {
    number: Option<String>,
    then: Option<ThenName>,
    status: Option<u32>,
    after: Option<Length>,
    receipt: Option<StateName>,
    receipt_after: Option<Length>,
    receipt_lost: Option<bool>,
    on_text: Option<Vec<TextTable>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ThenName {
    Take,
    Refuse,
    TakeSilently,
    TakeAndAnswerTwice,
    TakeAndHangUp,
    HangUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateName {
    None,
    Enroute,
    Delivered,
    Expired,
    Deleted,
    Undeliverable,
    Accepted,
    Unknown,
    Rejected,
}

/// The script of an SMSC; the error says what is wrong, and for which number.
pub(crate) fn smsc(table: Option<SmscTable>, texts: Vec<TextTable>) -> Result<SmscScript, (String, String)> {
    let table = table.unwrap_or_default();
    let mut script = SmscScript {
        user: table.system_id.map(|user| (user, table.password.unwrap_or_default())),
        ids: match table.ids {
            None | Some(IdsName::Decimal) => SmscIds::Decimal,
            Some(IdsName::HexThenDecimal) => SmscIds::HexThenDecimal,
            Some(IdsName::DecimalThenHex) => SmscIds::DecimalThenHex,
        },
        receipts: match table.receipts {
            None | Some(FormName::Text) => ReceiptForm::Text,
            Some(FormName::Fields) => ReceiptForm::Fields,
        },
        rate: table.rate,
        texts: Vec::new(),
    };
    for (place, mut text) in texts.into_iter().enumerate() {
        let number = text.number.take().filter(|number| !number.is_empty());
        let Some(number) = number else {
            let problem = "has no number; write number = \"+6598765432\", or \"*\" for all others";
            return Err((format!("no. {}", place + 1), problem.to_owned()));
        };
        let mut replies = Vec::new();
        for first in text.on_text.take().unwrap_or_default() {
            if first.number.is_some() || first.on_text.is_some() {
                return Err((
                    number,
                    "on_text has a number or an on_text of its own; take it out".to_owned(),
                ));
            }
            replies.push(reply(&first).map_err(|problem| (number.clone(), problem))?);
        }
        replies.push(reply(&text).map_err(|problem| (number.clone(), problem))?);
        script.texts.push(TextRule { number, replies });
    }
    Ok(script)
}

fn reply(table: &TextTable) -> Result<Reply, String> {
    let then = table.then.unwrap_or(ThenName::Take);
    if table.status.is_some() != (then == ThenName::Refuse) {
        return Err("status goes with then = \"refuse\", and only with it: write both or neither".to_owned());
    }
    let refuses = matches!(then, ThenName::Refuse | ThenName::HangUp);
    if refuses && (table.receipt.is_some() || table.receipt_after.is_some() || table.receipt_lost.is_some()) {
        let problem = "a text that is not taken has no receipt; take receipt, receipt_after and receipt_lost out";
        return Err(problem.to_owned());
    }
    let fate = match then {
        ThenName::Take => Fate::Take,
        ThenName::Refuse => Fate::Refuse(table.status.unwrap_or(8)),
        ThenName::TakeSilently => Fate::TakeSilently,
        ThenName::TakeAndAnswerTwice => Fate::TakeAndAnswerTwice,
        ThenName::TakeAndHangUp => Fate::TakeAndHangUp,
        ThenName::HangUp => Fate::HangUp,
    };
    let state = match table.receipt.unwrap_or(StateName::Delivered) {
        StateName::None => None,
        StateName::Enroute => Some(1),
        StateName::Delivered => Some(2),
        StateName::Expired => Some(3),
        StateName::Deleted => Some(4),
        StateName::Undeliverable => Some(5),
        StateName::Accepted => Some(6),
        StateName::Unknown => Some(7),
        StateName::Rejected => Some(8),
    };
    let after = table.receipt_after.map_or(Duration::ZERO, |length| length.0);
    let receipt = state.filter(|_| !refuses).map(|state| Receipt { after, state });
    Ok(Reply {
        after: table.after.map_or(Duration::ZERO, |length| length.0),
        fate,
        receipts: receipt.into_iter().collect(),
        receipts_lost: table.receipt_lost.unwrap_or(false),
    })
}
