//! A text as the simulated SMSC took it.

use rusmpp::{
    pdus::SubmitSm,
    tlvs::TlvValue,
    values::{GsmFeatures, Ton},
};
use serde::Serialize;

/// A text, or a part of one, that the simulated SMSC took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TakenText {
    /// Its name, a number from 1.
    pub id: u64,
    /// Who sent it.
    pub from: String,
    /// Who is to have it; with a plus where it says that it is international.
    pub to: String,
    /// Its `data_coding`.
    pub coding: u8,
    /// Whether a header stands before its octets.
    pub header: bool,
    /// Its octets, in hexadecimal digits.
    pub octets: String,
    /// Its `user_message_reference`.
    pub reference: Option<u16>,
    /// Its number among the parts of its text, and how many they are, where optional fields say so.
    pub segment: Option<(u8, u8)>,
    /// Whether it is urgent.
    pub priority: u8,
}

impl TakenText {
    pub(super) fn of(id: u64, text: &SubmitSm) -> Self {
        let mut payload = None;
        let mut reference = None;
        let (mut number, mut total) = (None, None);
        for value in text.tlvs().iter().filter_map(|field| field.value()) {
            match value {
                TlvValue::MessagePayload(octets) => payload = Some(octets.value.as_ref().to_vec()),
                TlvValue::UserMessageReference(value) => reference = Some(value.value),
                TlvValue::SarSegmentSeqnum(value) => number = Some(*value),
                TlvValue::SarTotalSegments(value) => total = Some(*value),
                _ => {}
            }
        }
        let octets = payload.unwrap_or_else(|| text.short_message().as_ref().to_vec());
        let features = text.esm_class.gsm_features;
        Self {
            id,
            from: party(text.source_addr_ton, text.source_addr.as_str()),
            to: party(text.dest_addr_ton, text.destination_addr.as_str()),
            coding: text.data_coding.into(),
            header: matches!(features, GsmFeatures::UdhiIndicator | GsmFeatures::SetUdhiAndReplyPath),
            octets: octets.iter().map(|octet| format!("{octet:02x}")).collect(),
            reference,
            segment: number.zip(total),
            priority: text.priority_flag.value,
        }
    }
}

fn party(ton: Ton, number: &str) -> String {
    match ton {
        Ton::International => format!("+{number}"),
        _ => number.to_owned(),
    }
}
