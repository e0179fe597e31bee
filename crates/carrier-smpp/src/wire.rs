//! The PDUs that we write, by the library.
//!
//! Its `EsmClass` and `InterfaceVersion` have defaults that SMPP 3.4 does not know, so both are always set.

use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use outdial_domain::text::{Composed, Concatenation, Encoding};
use rusmpp::{
    Command, CommandStatus, Pdu,
    encode::{Length as _, owned::Encode as _},
    pdus::{BindReceiver, BindTransceiver, BindTransmitter, DataSmResp, DeliverSmResp, QuerySm, SubmitSm},
    tlvs::MessageSubmissionRequestTlvValue as Field,
    types::{AnyOctetString, COctetString, EmptyOrFullCOctetString, OctetString},
    values::{DataCoding, EsmClass, InterfaceVersion, MessagePayload, Npi, PriorityFlag, RegisteredDelivery, Ton},
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    config::SmppTrunk,
    numbers::{self, Written},
    parts,
    status::Status,
};

/// What a bind permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BindKind {
    Transmitter,
    Receiver,
    Transceiver,
}

impl BindKind {
    pub(crate) fn sends(self) -> bool {
        self != Self::Receiver
    }
}

/// Who binds.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) system_id: String,
    pub(crate) password: SecretString,
    pub(crate) system_type: String,
}

/// One text to write, which is one PDU or several.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) from: Option<&'a str>,
    pub(crate) to: &'a str,
    pub(crate) composed: &'a Composed,
    /// What its parts have in common, and its name for the SMSC.
    pub(crate) reference: u16,
    pub(crate) good_for: Option<Duration>,
    pub(crate) high: bool,
}

/// Appends a PDU.
pub(crate) fn write(out: &mut BytesMut, status: Status, sequence: u32, pdu: impl Into<Pdu>) {
    let command = Command::new(CommandStatus::from(status.0), sequence, pdu);
    let length = command.length() + 4;
    // A PDU has no field that could make it longer than 4 GiB.
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    command.encode(out);
}

/// Asks to be bound.
pub(crate) fn bind(kind: BindKind, who: &Credentials) -> Pdu {
    macro_rules! of {
        ($bind:ident) => {
            $bind::builder()
                .system_id(text(&who.system_id))
                .password(text(who.password.expose_secret()))
                .system_type(text(&who.system_type))
                .interface_version(InterfaceVersion::Smpp3_4)
                .build()
                .into()
        };
    }
    match kind {
        BindKind::Transmitter => of!(BindTransmitter),
        BindKind::Receiver => of!(BindReceiver),
        BindKind::Transceiver => of!(BindTransceiver),
    }
}

/// Asks what became of a text.
pub(crate) fn query(id: &str, from: &Written) -> Pdu {
    QuerySm::builder()
        .message_id(text(id))
        .source_addr_ton(Ton::from(from.ton))
        .source_addr_npi(Npi::from(from.npi))
        .source_addr(text(&from.number))
        .build()
        .into()
}

/// Answers what was handed over.
pub(crate) fn delivered(data_sm: bool) -> Pdu {
    if data_sm {
        DataSmResp::default().into()
    } else {
        DeliverSmResp::default().into()
    }
}

/// The sender as it is written on this trunk; without one the SMSC chooses.
pub(crate) fn sender(trunk: &SmppTrunk, from: Option<&str>) -> Result<Written, String> {
    let nobody = Written {
        ton: 0,
        npi: 0,
        number: String::new(),
    };
    from.map_or(Ok(nobody), |from| numbers::sender(&trunk.senders, from))
}

/// Writes a text: a PDU for each part, or one for all where the SMSC splits it.
pub(crate) fn submissions(trunk: &SmppTrunk, message: Text<'_>) -> Result<Vec<SubmitSm>, String> {
    let parts = &message.composed.parts;
    let total = u8::try_from(parts.len()).map_err(|_| format!("{} parts are too many", parts.len()))?;
    let whole = envelope(trunk, &message)?;
    let octets = |text: &str| {
        let octets = message.composed.encoding.octets(text);
        octets.ok_or_else(|| "the text is not in the encoding that was chosen for it".to_owned())
    };
    if total > 1 && trunk.concatenation == Concatenation::Payload {
        let payload = octets(&message.composed.text())?;
        return Ok(vec![with_payload(whole, payload)]);
    }
    let mut submissions = Vec::with_capacity(parts.len());
    for (number, part) in (1..=total).zip(parts) {
        let user_data = octets(&part.text)?;
        let one = whole.clone();
        submissions.push(match (total, trunk.concatenation) {
            (1, _) | (_, Concatenation::Payload) => with_user_data(one, &[], &user_data)?,
            (_, Concatenation::Udh8) => {
                let [_, reference] = message.reference.to_be_bytes();
                with_user_data(one, &parts::header_8(reference, total, number), &user_data)?
            }
            (_, Concatenation::Udh16) => {
                with_user_data(one, &parts::header_16(message.reference, total, number), &user_data)?
            }
            (_, Concatenation::Sar) => {
                let mut one = with_user_data(one, &[], &user_data)?;
                // What is left of the reference is what a header of 8 bits has room for.
                one.push_tlv(Field::SarMsgRefNum(message.reference & 0xFF));
                one.push_tlv(Field::SarTotalSegments(total));
                one.push_tlv(Field::SarSegmentSeqnum(number));
                one
            }
        });
    }
    Ok(submissions)
}

fn with_user_data(one: SubmitSm, header: &[u8], user_data: &[u8]) -> Result<SubmitSm, String> {
    let octets = [header, user_data].concat();
    let one = match header {
        [] => one,
        [_, ..] => one.with_udhi_indicator(),
    };
    OctetString::from_vec(octets)
        .map(|octets| one.with_short_message(octets))
        .map_err(|_| "a part is longer than SMPP has room for".to_owned())
}

fn with_payload(mut one: SubmitSm, payload: Vec<u8>) -> SubmitSm {
    one.push_tlv(Field::MessagePayload(MessagePayload::new(AnyOctetString::from_vec(
        payload,
    ))));
    one
}

/// What all parts have in common.
fn envelope(trunk: &SmppTrunk, message: &Text<'_>) -> Result<SubmitSm, String> {
    let from = sender(trunk, message.from)?;
    let to = numbers::number(&trunk.receivers, message.to)?;
    let coding = match message.composed.encoding {
        Encoding::Gsm7 => trunk.gsm_coding,
        Encoding::Ucs2 => 8,
    };
    Ok(SubmitSm::builder()
        .source_addr_ton(Ton::from(from.ton))
        .source_addr_npi(Npi::from(from.npi))
        .source_addr(text(&from.number))
        .dest_addr_ton(Ton::from(to.ton))
        .dest_addr_npi(Npi::from(to.npi))
        .destination_addr(text(&to.number))
        .esm_class(EsmClass::from(0))
        .priority_flag(PriorityFlag::new(u8::from(message.high)))
        .validity_period(message.good_for.map_or_else(EmptyOrFullCOctetString::null, period))
        .registered_delivery(RegisteredDelivery::from(u8::from(trunk.receipts)))
        .data_coding(DataCoding::from(coding))
        .push_tlv(Field::UserMessageReference(message.reference.into()))
        .build())
}

/// A time from now, as `YYMMDDhhmmss000R` (SMPP 3.4, section 7.1.1.2): in days of 24 hours, at most two years of
/// them.
fn period(good_for: Duration) -> EmptyOrFullCOctetString<17> {
    const DAY: u64 = 86_400;
    let seconds = good_for.as_secs().clamp(1, 2 * 365 * DAY);
    let days = seconds / DAY;
    let (years, days) = (days / 365, days % 365);
    // A month has 30 days here, so that none of the numbers has more digits than it may.
    let (months, days) = ((days / 30).min(11), days - (days / 30).min(11) * 30);
    let written = format!(
        "{years:02}{months:02}{days:02}{:02}{:02}{:02}000R\0",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    );
    // Without a period the SMSC uses its own, which is better than not to send.
    EmptyOrFullCOctetString::from_vec(written.into_bytes()).unwrap_or_default()
}

/// A field of text. All of them were checked for their length and characters: those of the bind in
/// [`SmppTrunk::check`], numbers in [`numbers`]; a name of the SMSC's own that is too long cannot be asked for.
fn text<const MIN: usize, const MAX: usize>(value: &str) -> COctetString<MIN, MAX> {
    let mut octets = value.as_bytes().to_vec();
    octets.push(0);
    COctetString::from_vec(octets).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use outdial_domain::text::{MOST_PARTS, compose};
    use proptest::prelude::*;

    use super::*;
    use crate::{
        delivery::Delivery,
        frame::{Frame, Frames},
    };

    fn trunk(concatenation: Concatenation) -> SmppTrunk {
        let mut trunk = SmppTrunk::new("smsc", "localhost", 2775);
        trunk.concatenation = concatenation;
        trunk
    }

    /// Writes the text, and reads it as the SMSC would: a `submit_sm` is laid out like a `deliver_sm`.
    fn there_and_back(concatenation: Concatenation, said: &str) -> (Vec<Frame>, Vec<Delivery>) {
        let composed = compose(said, false, concatenation, MOST_PARTS).unwrap();
        let message = Text {
            from: Some("Shop"),
            to: "+6598765432",
            composed: &composed,
            reference: 0x0102,
            good_for: Some(Duration::from_secs(90_061)),
            high: true,
        };
        let mut out = BytesMut::new();
        for (sequence, one) in (1..).zip(submissions(&trunk(concatenation), message).unwrap()) {
            write(&mut out, Status::OK, sequence, one);
        }
        let mut frames = Frames::default();
        frames.push(&out);
        let frames: Vec<Frame> = std::iter::from_fn(|| frames.next().unwrap()).collect();
        let read = frames
            .iter()
            .map(|frame| Delivery::of_deliver_sm(frame.body()).unwrap());
        let read = read.collect();
        (frames, read)
    }

    fn joined(encoding: Encoding, deliveries: &[Delivery]) -> String {
        deliveries
            .iter()
            .map(|delivery| encoding.text(parts::place(delivery).1))
            .collect()
    }

    #[test]
    fn a_text_is_written_octet_by_octet() {
        let composed = compose("Hi", false, Concatenation::Udh8, 1).unwrap();
        let message = Text {
            from: Some("Shop"),
            to: "+6598765432",
            composed: &composed,
            reference: 7,
            good_for: Some(Duration::from_secs(90_061)),
            high: false,
        };
        let mut out = BytesMut::new();
        let one = submissions(&trunk(Concatenation::Udh8), message).unwrap().remove(0);
        write(&mut out, Status::OK, 5, one);
        let expected: Vec<u8> = [
            &b"\0\0\0\x47\0\0\0\x04\0\0\0\0\0\0\0\x05"[..],
            b"\0",
            b"\x05\0Shop\0",
            b"\x01\x016598765432\0",
            b"\0\0\0",
            b"\0",
            b"000001010101000R\0",
            b"\x01\0\0\0",
            b"\x02Hi",
            b"\x02\x04\0\x02\0\x07",
        ]
        .concat();
        assert_eq!(out.as_ref(), expected);
    }

    #[test]
    fn parts_are_joined_as_the_trunk_wants() {
        let said = "€".repeat(100) + &"a".repeat(200);
        for concatenation in Concatenation::ALL.iter().copied() {
            let (frames, read) = there_and_back(concatenation, &said);
            assert_eq!(joined(Encoding::Gsm7, &read), said, "{concatenation}");
            let places: Vec<_> = read.iter().map(|delivery| parts::place(delivery).0).collect();
            if concatenation == Concatenation::Payload {
                assert_eq!((frames.len(), places), (1, vec![None]));
                continue;
            }
            assert_eq!(frames.len(), 3);
            for (number, place) in (1..).zip(places) {
                let place = place.unwrap();
                let reference = if concatenation == Concatenation::Udh16 {
                    0x0102
                } else {
                    2
                };
                assert_eq!((place.reference, place.total, place.number), (reference, 3, number));
            }
        }
    }

    #[test]
    fn a_period_has_sixteen_characters_and_no_impossible_month() {
        for (seconds, written) in [
            (0, "000000000001000R\0"),
            (3_600, "000000010000000R\0"),
            (86_400 * 364, "001134000000000R\0"),
            (u64::MAX, "020000000000000R\0"),
        ] {
            assert_eq!(
                period(Duration::from_secs(seconds)).as_str(),
                written.trim_end_matches('\0')
            );
        }
    }

    proptest! {
        #[test]
        fn every_text_is_read_as_it_was_written(
            said in "[a-zA-Z€\\[\\]ж👍 ]{1,500}",
            concatenation in proptest::sample::select(Concatenation::ALL),
        ) {
            let encoding = compose(&said, false, concatenation, MOST_PARTS).unwrap().encoding;
            let (_, read) = there_and_back(concatenation, &said);
            prop_assert_eq!(joined(encoding, &read), said);
        }
    }
}
