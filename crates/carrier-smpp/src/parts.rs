//! What tells that parts belong to one text: headers of the user data, and optional fields.

use crate::delivery::{Delivery, tag};

/// A part of a text that somebody sent us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// What the parts of a text have in common.
    pub(crate) reference: u16,
    /// How many parts the text has.
    pub(crate) total: u8,
    /// Which of them it is, from 1.
    pub(crate) number: u8,
}

/// The header of a part with a reference of 8 bits (3GPP TS 23.040, section 9.2.3.24.1).
pub(crate) fn header_8(reference: u8, total: u8, number: u8) -> [u8; 6] {
    [5, 0, 3, reference, total, number]
}

/// The same with one of 16 bits (section 9.2.3.24.8).
pub(crate) fn header_16(reference: u16, total: u8, number: u8) -> [u8; 7] {
    let [high, low] = reference.to_be_bytes();
    [6, 8, 4, high, low, total, number]
}

/// Which part of a text a delivery is, and the octets of its text without any header.
pub(crate) fn place(delivery: &Delivery) -> (Option<Place>, &[u8]) {
    if delivery.has_header()
        && let Some((length, rest)) = delivery.user_data.split_first()
        && let Some((header, text)) = rest.split_at_checked(usize::from(*length))
    {
        return (of_header(header).filter(possible), text);
    }
    (of_fields(delivery).filter(possible), &delivery.user_data)
}

fn possible(place: &Place) -> bool {
    (1..=place.total).contains(&place.number) && place.total > 1
}

/// Looks through the elements of a header: a kind, a length and a value each.
fn of_header(mut header: &[u8]) -> Option<Place> {
    while let [kind, length, rest @ ..] = header {
        let (value, rest) = rest.split_at_checked(usize::from(*length))?;
        match (kind, value) {
            (0, [reference, total, number]) => {
                return Some(Place {
                    reference: u16::from(*reference),
                    total: *total,
                    number: *number,
                });
            }
            (8, [high, low, total, number]) => {
                return Some(Place {
                    reference: u16::from_be_bytes([*high, *low]),
                    total: *total,
                    number: *number,
                });
            }
            _ => header = rest,
        }
    }
    None
}

fn of_fields(delivery: &Delivery) -> Option<Place> {
    Some(Place {
        reference: delivery.fields.number(tag::SAR_MSG_REF_NUM)?,
        total: u8::try_from(delivery.fields.number(tag::SAR_TOTAL_SEGMENTS)?).ok()?,
        number: u8::try_from(delivery.fields.number(tag::SAR_SEGMENT_SEQNUM)?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_header(user_data: &[u8]) -> Delivery {
        Delivery {
            esm_class: 0x40,
            user_data: user_data.to_vec(),
            ..Delivery::default()
        }
    }

    #[test]
    fn the_headers_that_we_write_are_read() {
        let eight = with_header(&[&header_8(7, 3, 2)[..], b"text"].concat());
        let expected = |reference| Place {
            reference,
            total: 3,
            number: 2,
        };
        assert_eq!(place(&eight), (Some(expected(7)), &b"text"[..]));
        let sixteen = with_header(&[&header_16(0x0102, 3, 2)[..], b"text"].concat());
        assert_eq!(place(&sixteen), (Some(expected(0x0102)), &b"text"[..]));
    }

    #[test]
    fn other_elements_of_a_header_are_passed_over() {
        let ports = with_header(b"\x0B\x05\x04\x15\x81\x15\x81\x00\x03\x07\x02\x01text");
        let (found, text) = place(&ports);
        assert_eq!(found.map(|place| place.number), Some(1));
        assert_eq!(text, b"text");
        let only_ports = with_header(b"\x06\x05\x04\x15\x81\x15\x81text");
        assert_eq!(place(&only_ports), (None, &b"text"[..]));
    }

    #[test]
    fn impossible_places_are_none() {
        for header in [
            header_8(1, 0, 0),
            header_8(1, 2, 3),
            header_8(1, 2, 0),
            header_8(1, 1, 1),
        ] {
            assert_eq!(place(&with_header(&header)).0, None, "{header:?}");
        }
        assert_eq!(place(&with_header(b"\xFFabc")), (None, &b"\xFFabc"[..]));
        assert_eq!(place(&with_header(b"")), (None, &b""[..]));
    }
}
