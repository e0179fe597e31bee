//! What an SMSC hands over: `deliver_sm` and `data_sm`, which carry receipts and the texts of others.
//!
//! They are read here and not by the library, because many SMSCs keep to the field lengths of SMPP 3.4 only
//! roughly, and leave out zeros at the ends of texts. A strict reader refuses the whole PDU then, and a receipt
//! is lost.

/// What an SMSC hands over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Delivery {
    pub(crate) source: Party,
    pub(crate) destination: Party,
    pub(crate) esm_class: u8,
    pub(crate) data_coding: u8,
    /// The text, with the header of a part of one.
    pub(crate) user_data: Vec<u8>,
    pub(crate) fields: Fields,
}

/// A number, and of what kind it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Party {
    pub(crate) ton: u8,
    pub(crate) number: String,
}

/// The optional fields, by their tags, in the order they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fields(Vec<(u16, Vec<u8>)>);

/// Tags of optional fields (SMPP 3.4, section 5.3.2).
pub(crate) mod tag {
    pub(crate) const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
    pub(crate) const SAR_MSG_REF_NUM: u16 = 0x020C;
    pub(crate) const SAR_TOTAL_SEGMENTS: u16 = 0x020E;
    pub(crate) const SAR_SEGMENT_SEQNUM: u16 = 0x020F;
    pub(crate) const NETWORK_ERROR_CODE: u16 = 0x0423;
    pub(crate) const MESSAGE_PAYLOAD: u16 = 0x0424;
    pub(crate) const MESSAGE_STATE: u16 = 0x0427;
}

impl Fields {
    pub(crate) fn get(&self, tag: u16) -> Option<&[u8]> {
        let found = self.0.iter().find(|(known, _)| *known == tag);
        found.map(|(_, value)| value.as_slice())
    }

    /// The value of a field that is a text, which ends at its first zero or at its end.
    pub(crate) fn text(&self, tag: u16) -> Option<String> {
        self.get(tag).map(|value| lossy(until_zero(value)))
    }

    /// The value of a field that is a number of one octet or two.
    pub(crate) fn number(&self, tag: u16) -> Option<u16> {
        match self.get(tag)? {
            [one] => Some(u16::from(*one)),
            [high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }
}

impl Delivery {
    /// Whether the header of a part of a text stands before it.
    pub(crate) fn has_header(&self) -> bool {
        self.esm_class & 0x40 != 0
    }

    /// Whether it says that it is a receipt, whether the last one or one in between.
    pub(crate) fn says_receipt(&self) -> bool {
        matches!(self.esm_class & 0x3C, 0x04 | 0x20)
    }

    /// The body of a `deliver_sm`; `None` when it ends within a field that must be there.
    pub(crate) fn of_deliver_sm(body: &[u8]) -> Option<Self> {
        let mut body = Body(body);
        body.text()?;
        let source = body.party()?;
        let destination = body.party()?;
        let esm_class = body.octet()?;
        let _protocol_and_priority = body.octets(2)?;
        let _scheduled = body.text()?;
        let _good_until = body.text()?;
        let _receipt_and_replace = body.octets(2)?;
        let data_coding = body.octet()?;
        let _prepared_text = body.octet()?;
        let length = body.octet()?;
        let user_data = body.octets(usize::from(length))?.to_vec();
        Some(
            Self {
                source,
                destination,
                esm_class,
                data_coding,
                user_data,
                fields: body.fields(),
            }
            .with_payload(),
        )
    }

    /// The same of a `data_sm`, whose text is an optional field.
    pub(crate) fn of_data_sm(body: &[u8]) -> Option<Self> {
        let mut body = Body(body);
        body.text()?;
        let source = body.party()?;
        let destination = body.party()?;
        let esm_class = body.octet()?;
        let _receipt = body.octet()?;
        let data_coding = body.octet()?;
        Some(
            Self {
                source,
                destination,
                esm_class,
                data_coding,
                user_data: Vec::new(),
                fields: body.fields(),
            }
            .with_payload(),
        )
    }

    fn with_payload(mut self) -> Self {
        if self.user_data.is_empty()
            && let Some(payload) = self.fields.get(tag::MESSAGE_PAYLOAD)
        {
            self.user_data = payload.to_vec();
        }
        self
    }
}

/// What is left of the body.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn octets(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn octet(&mut self) -> Option<u8> {
        self.octets(1).map(|octet| octet[0])
    }

    fn number(&mut self) -> Option<u16> {
        let pair = self.octets(2)?;
        Some(u16::from_be_bytes([pair[0], pair[1]]))
    }

    /// A text with a zero behind it.
    fn text(&mut self) -> Option<String> {
        let text = until_zero(self.0);
        self.octets(text.len() + 1)?;
        Some(lossy(text))
    }

    fn party(&mut self) -> Option<Party> {
        let ton = self.octet()?;
        let _npi = self.octet()?;
        Some(Party {
            ton,
            number: self.text()?,
        })
    }

    /// The optional fields, as far as they can be read.
    fn fields(&mut self) -> Fields {
        let mut fields = Vec::new();
        while let Some((tag, length)) = self.number().zip(self.number()) {
            let Some(value) = self.octets(usize::from(length)) else {
                break;
            };
            fields.push((tag, value.to_vec()));
        }
        Fields(fields)
    }
}

fn until_zero(octets: &[u8]) -> &[u8] {
    octets.split(|octet| *octet == 0).next().unwrap_or_default()
}

fn lossy(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A `deliver_sm` with these user data and these octets behind them.
    fn body(user_data: &[u8], rest: &[u8]) -> Vec<u8> {
        let mut body = b"\0\x01\x01+6598765432\0\x05\0Shop\0\x04\0\0\0\0\0\0\x08\0".to_vec();
        body.push(u8::try_from(user_data.len()).unwrap());
        body.extend_from_slice(user_data);
        body.extend_from_slice(rest);
        body
    }

    #[test]
    fn a_delivery_is_read() {
        let read = Delivery::of_deliver_sm(&body(b"hello", b"\x04\x27\x00\x01\x02\x00\x1E\x00\x03a1\0")).unwrap();
        assert_eq!((read.source.ton, read.source.number.as_str()), (1, "+6598765432"));
        assert_eq!(read.destination.number, "Shop");
        assert!(read.says_receipt() && !read.has_header());
        assert_eq!((read.data_coding, read.user_data.as_slice()), (8, &b"hello"[..]));
        assert_eq!(read.fields.number(tag::MESSAGE_STATE), Some(2));
        assert_eq!(read.fields.text(tag::RECEIPTED_MESSAGE_ID).as_deref(), Some("a1"));
    }

    #[test]
    fn what_the_standard_forbids_is_read_as_well_as_it_can_be() {
        let no_zero = Delivery::of_deliver_sm(&body(b"x", b"\x00\x1E\x00\x02a1")).unwrap();
        assert_eq!(no_zero.fields.text(tag::RECEIPTED_MESSAGE_ID).as_deref(), Some("a1"));
        let too_long = Delivery::of_deliver_sm(&body(b"x", b"\x04\x27\x00\x01\x02\x00\x1E\xFF\xFFa1")).unwrap();
        assert_eq!(too_long.fields.number(tag::MESSAGE_STATE), Some(2));
        assert_eq!(too_long.fields.get(tag::RECEIPTED_MESSAGE_ID), None);
        let cut = body(b"hello", b"");
        assert_eq!(Delivery::of_deliver_sm(&cut[..cut.len() - 1]), None);
    }

    #[test]
    fn a_text_may_come_as_an_optional_field() {
        let read = Delivery::of_deliver_sm(&body(b"", b"\x04\x24\x00\x03abc")).unwrap();
        assert_eq!(read.user_data, b"abc");
        let read = Delivery::of_data_sm(b"\0\x01\x01123\0\x01\x01456\0\0\0\x03\x04\x24\x00\x03abc").unwrap();
        assert_eq!((read.data_coding, read.user_data.as_slice()), (3, &b"abc"[..]));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_not(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Delivery::of_deliver_sm(&octets);
            let _ = Delivery::of_data_sm(&octets);
        }

        #[test]
        fn no_cut_is_read_as_something_else(at in 0usize..40) {
            let whole = body(b"hello", b"");
            if at < whole.len() {
                prop_assert_eq!(Delivery::of_deliver_sm(&whole[..at]), None);
            }
        }
    }
}
