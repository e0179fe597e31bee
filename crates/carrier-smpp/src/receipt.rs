//! Receipts: as optional fields (SMPP 3.4, section 4.6.1) and as a text (the same, appendix B).

use outdial_domain::{
    message::{Receipt, ReceiptState},
    text::Encoding,
};

use crate::{
    delivery::{Delivery, tag},
    ids::MessageIds,
};

/// The receipt that a delivery is; `None` when it is a text for us. Fields go before the text of the receipt,
/// which operators write in many ways.
pub(crate) fn receipt(delivery: &Delivery, ids: MessageIds) -> Option<Receipt> {
    let named = delivery.fields.text(tag::RECEIPTED_MESSAGE_ID);
    let state = delivery.fields.number(tag::MESSAGE_STATE).and_then(state_of_number);
    let by_fields = named.is_some() && state.is_some();
    if !by_fields && !delivery.says_receipt() {
        return None;
    }
    let text = match delivery.data_coding {
        8 => Encoding::Ucs2.text(&delivery.user_data),
        _ => String::from_utf8_lossy(&delivery.user_data).into_owned(),
    };
    let id = named.or_else(|| word(&text, "id"))?;
    let state = state.or_else(|| word(&text, "stat").map(|word| state_of_word(&word)))?;
    let error = delivery
        .fields
        .get(tag::NETWORK_ERROR_CODE)
        .and_then(network_error)
        .or_else(|| word(&text, "err"))
        .filter(|error| error.bytes().any(|digit| digit != b'0'));
    let id = ids.of_receipt(&id);
    (!id.is_empty()).then_some(Receipt { id, state, error })
}

/// The state of a `message_state`, here and in the answer to `query_sm` (SMPP 3.4, section 5.2.28). `None` for
/// one that nobody knows, which says nothing.
pub(crate) fn state_of_number(number: u16) -> Option<ReceiptState> {
    Some(match number {
        0 => ReceiptState::Scheduled,
        1 => ReceiptState::Enroute,
        2 => ReceiptState::Delivered,
        3 => ReceiptState::Expired,
        4 => ReceiptState::Deleted,
        5 => ReceiptState::Undeliverable,
        6 => ReceiptState::Accepted,
        7 => ReceiptState::Unknown,
        8 | 9 => ReceiptState::Rejected,
        _ => return None,
    })
}

/// The state of a `stat:` word, of which the first letters are enough: some SMSCs write them out.
fn state_of_word(word: &str) -> ReceiptState {
    let word = word.to_ascii_uppercase();
    let known = [
        ("DELIV", ReceiptState::Delivered),
        ("EXPIR", ReceiptState::Expired),
        ("DELET", ReceiptState::Deleted),
        ("UNDEL", ReceiptState::Undeliverable),
        ("ACCEP", ReceiptState::Accepted),
        ("ACKED", ReceiptState::Accepted),
        ("ENROU", ReceiptState::Enroute),
        ("BUFFE", ReceiptState::Enroute),
        ("SCHED", ReceiptState::Scheduled),
        ("REJEC", ReceiptState::Rejected),
        ("SKIPP", ReceiptState::Rejected),
        ("FAILE", ReceiptState::Undeliverable),
    ];
    let found = known.iter().find(|(begin, _)| word.starts_with(begin));
    found.map_or(ReceiptState::Unknown, |(_, state)| *state)
}

/// The word behind `key:`. What follows `text:` was written by whoever sent the text, and is not looked at.
fn word(text: &str, key: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let end = key_in(&lower, "text").map_or(lower.len(), |(place, _)| place);
    let (_, value) = key_in(&lower[..end], key)?;
    let ends = |character: char| character.is_whitespace() || character.is_control() || matches!(character, ',' | ';');
    let value = text[value..end].trim_start_matches(ends);
    let word = value.split(ends).next().unwrap_or_default();
    (!word.is_empty()).then(|| word.to_owned())
}

/// Where a key stands, and where what follows its colon begins. SMSCs differ in what stands around both.
fn key_in(lower: &str, key: &str) -> Option<(usize, usize)> {
    lower.match_indices(key).find_map(|(place, _)| {
        let before = lower[..place].chars().next_back();
        let value = lower[place + key.len()..].trim_start().strip_prefix(':')?;
        let begins = before.is_none_or(|character| !character.is_alphanumeric());
        begins.then(|| (place, lower.len() - value.len()))
    })
}

/// The kind of network and its code.
fn network_error(value: &[u8]) -> Option<String> {
    match value {
        [_, high, low] => Some(u16::from_be_bytes([*high, *low]).to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by_text(text: &str) -> Option<Receipt> {
        let delivery = Delivery {
            esm_class: 0x04,
            user_data: text.as_bytes().to_vec(),
            ..Delivery::default()
        };
        receipt(&delivery, MessageIds::Same)
    }

    fn of(id: &str, state: ReceiptState, error: Option<&str>) -> Option<Receipt> {
        Some(Receipt {
            id: id.to_owned(),
            state,
            error: error.map(str::to_owned),
        })
    }

    #[test]
    fn receipts_are_read_however_they_are_written() {
        use ReceiptState::{Accepted, Delivered, Rejected, Undeliverable, Unknown};
        for (text, expected) in [
            (
                "id:1234567890 sub:001 dlvrd:001 submit date:2611201020 done date:2611201021 stat:DELIVRD err:000 text:Hi",
                of("1234567890", Delivered, None),
            ),
            (
                "id:a1-B2 sub:001 dlvrd:000 submit date:2611201020 done date:2611201021 stat:UNDELIV err:0A1 Text:id:9",
                of("a1-b2", Undeliverable, Some("0A1")),
            ),
            ("stat:REJECTD id:7 err:12", of("7", Rejected, Some("12"))),
            ("ID: 7 STAT: ACCEPTD", of("7", Accepted, None)),
            ("id:7 stat:DELIVERED", of("7", Delivered, None)),
            ("id:7 stat:WHATEVER", of("7", Unknown, None)),
            ("grid:8 id:7 stat:DELIVRD", of("7", Delivered, None)),
            (
                "ID:7 SUB:001 DLVRD:001 SUBMIT DATE:2611201020 DONE DATE:2611201021 STAT:DELIVRD ERR:000 TEXT:stat:EXPIRED",
                of("7", Delivered, None),
            ),
            ("id : 7  stat  :  DELIVRD\terr : 5", of("7", Delivered, Some("5"))),
            ("\r\nid:7\r\nstat:UNDELIV\r\n", of("7", Undeliverable, None)),
            ("id:7,stat:DELIVRD,err:000", of("7", Delivered, None)),
            ("id:7; stat:DELIVRD; err:000; text :id:9", of("7", Delivered, None)),
            ("id:7 stat:DELIVRD\0", of("7", Delivered, None)),
            ("text:id:7 stat:DELIVRD", None),
            ("id:7", None),
            ("id: ", None),
            ("", None),
        ] {
            assert_eq!(by_text(text), expected, "{text}");
        }
    }

    #[test]
    fn a_receipt_may_be_written_as_texts_are() {
        let delivery = Delivery {
            esm_class: 0x04,
            data_coding: 8,
            user_data: Encoding::Ucs2.octets("id:7 stat:DELIVRD").unwrap(),
            ..Delivery::default()
        };
        let read = receipt(&delivery, MessageIds::Same);
        assert_eq!(read, of("7", ReceiptState::Delivered, None));
    }

    #[test]
    fn a_text_of_a_person_is_no_receipt() {
        let delivery = Delivery {
            user_data: b"id:7 stat:DELIVRD".to_vec(),
            ..Delivery::default()
        };
        assert_eq!(receipt(&delivery, MessageIds::Same), None);
    }

    #[test]
    fn fields_say_it_before_the_text_does() {
        let mut body = b"\0\0\0\0\0\0\0\x00\0\0\0\0\0\0\0\0\x12id:9 stat:UNDELIV ".to_vec();
        body.extend(b"\x00\x1E\x00\x03A1\0\x04\x27\x00\x01\x02\x04\x23\x00\x03\x03\x00\x22");
        let delivery = Delivery::of_deliver_sm(&body).unwrap();
        let read = receipt(&delivery, MessageIds::Same);
        assert_eq!(read, of("a1", ReceiptState::Delivered, Some("34")));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_a_receipt_or_not(text in "[ -~]{0,20}(id|stat|err|text)?:?\\PC{0,40}") {
            let _ = by_text(&text);
        }
    }
}
