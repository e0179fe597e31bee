//! Digits as telephone events (RFC 4733): the payload, the machine that sends them and the one that receives them.

mod receiver;
mod sender;

pub use receiver::{EventReceiver, Reception, Released};
pub use sender::{EventPacket, EventSender, EventStep, EventTiming};

/// The payload of a telephone-event packet (section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// The event code; 0 to 15 are the keys, 16 is the hook flash.
    pub event: u8,
    /// Whether the event is over.
    pub end: bool,
    /// How loud the tone would be, as dBm0 with the sign dropped, 0 to 63.
    pub volume: u8,
    /// How long the event has lasted so far, in ticks of the RTP clock.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Octets of the payload.
    pub const LENGTH: usize = 4;

    /// Reads a payload. `None` if it is too short; of several events in one packet the first is taken.
    pub const fn parse(payload: &[u8]) -> Option<Self> {
        match payload {
            [event, flags, high, low, ..] => Some(Self {
                event: *event,
                end: *flags & 0x80 != 0,
                volume: *flags & 0x3F,
                duration: u16::from_be_bytes([*high, *low]),
            }),
            _ => None,
        }
    }

    /// The payload; the reserved bit is zero.
    pub const fn write(&self) -> [u8; Self::LENGTH] {
        let [high, low] = self.duration.to_be_bytes();
        let flags = ((self.end as u8) << 7) | (self.volume & 0x3F);
        [self.event, flags, high, low]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_has_the_layout_of_section_2_3() {
        let event = TelephoneEvent {
            event: 11,
            end: true,
            volume: 10,
            duration: 0x0320,
        };
        assert_eq!(event.write(), [11, 0x8A, 0x03, 0x20]);
        assert_eq!(TelephoneEvent::parse(&[11, 0xCA, 3, 0x20, 9]), Some(event));
        assert_eq!(TelephoneEvent::parse(&[1, 2, 3]), None);
    }

    proptest::proptest! {
        #[test]
        fn any_payload_is_answered(payload: [u8; 4]) {
            let event = TelephoneEvent::parse(&payload).unwrap();
            proptest::prop_assert_eq!(TelephoneEvent::parse(&event.write()), Some(event));
        }
    }
}
