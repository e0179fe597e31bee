//! What a delivery is: a receipt, or a text for us.

use outdial_domain::text::{EncodedText, Encoding};
use outdial_engine::ports::{Arrived, ArrivedPlace, ArrivedText};

use crate::{config::SmppTrunk, delivery::Delivery, parts, receipt::receipt};

/// What was handed over; `None` for a receipt that says nothing that we could use.
pub(crate) fn arrived(trunk: &SmppTrunk, delivery: &Delivery) -> Option<Arrived> {
    if let Some(receipt) = receipt(delivery, trunk.message_ids) {
        return Some(Arrived::Receipt(receipt));
    }
    if delivery.says_receipt() {
        return None;
    }
    let (place, octets) = parts::place(delivery);
    Some(Arrived::Text(ArrivedText {
        from: number(&delivery.source),
        to: number(&delivery.destination),
        text: text(delivery.data_coding, trunk.gsm_coding, octets),
        place: place.map(|place| ArrivedPlace {
            reference: place.reference,
            total: place.total,
            number: place.number,
        }),
    }))
}

/// With the plus that SMPP writes as a type.
fn number(party: &crate::delivery::Party) -> String {
    let digits = !party.number.is_empty() && party.number.bytes().all(|byte| byte.is_ascii_digit());
    match party.ton {
        1 if digits => format!("+{}", party.number),
        _ => party.number.clone(),
    }
}

/// How a text is written, by its `data_coding` (SMPP 3.4, section 5.2.19; 3GPP TS 23.038, section 4, from 0xF0 on).
fn text(coding: u8, gsm_coding: u8, octets: &[u8]) -> EncodedText {
    let encoding = match coding {
        8 => Encoding::Ucs2,
        0xF0..=0xFF if coding & 0x04 == 0 => Encoding::Gsm7,
        coding if coding == gsm_coding || coding == 0 => Encoding::Gsm7,
        _ => {
            // ASCII is the half of Latin-1; what is no text at all is shown as if it were one.
            let latin: String = octets.iter().map(|octet| char::from(*octet)).collect();
            return latin.as_str().into();
        }
    };
    EncodedText {
        encoding,
        octets: octets.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Party;

    fn said(coding: u8, octets: &[u8]) -> ArrivedText {
        let delivery = Delivery {
            source: Party {
                ton: 1,
                number: "6598765432".into(),
            },
            destination: Party {
                ton: 3,
                number: "72345".into(),
            },
            data_coding: coding,
            user_data: octets.to_vec(),
            ..Delivery::default()
        };
        match arrived(&SmppTrunk::new("smsc", "localhost", 2775), &delivery) {
            Some(Arrived::Text(text)) => text,
            other => panic!("a text, not {other:?}"),
        }
    }

    fn read(text: &ArrivedText) -> String {
        EncodedText::read([&text.text])
    }

    #[test]
    fn a_text_is_read_by_its_coding() {
        let text = said(0, b"Hi \x00\x1B\x65");
        assert_eq!(
            (text.from.as_str(), text.to.as_str(), read(&text).as_str()),
            ("+6598765432", "72345", "Hi @€")
        );
        assert_eq!(read(&said(8, b"\xD8\x3D\xDC\x4D")), "👍");
        assert_eq!(read(&said(3, b"\xE9")), "é");
        assert_eq!(read(&said(0xF0, b"\x04")), "è");
        assert_eq!(read(&said(0xF4, b"\x04")), "\u{4}");
    }

    #[test]
    fn a_receipt_that_says_nothing_is_nothing() {
        let delivery = Delivery {
            esm_class: 0x04,
            user_data: b"delivered, thank you".to_vec(),
            ..Delivery::default()
        };
        assert_eq!(arrived(&SmppTrunk::new("smsc", "localhost", 2775), &delivery), None);
    }
}
