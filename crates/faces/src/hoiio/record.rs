//! Blocks that keep sound: a message of the far side, or the rest of the call.

use std::time::Duration;

use outdial_domain::{Channels, Digit};
use outdial_flow::{Instruction, Record, Until};
use outdial_hoiio::{Status, ivr};

use super::{
    Asker, Service,
    ivr::{Ask, next, said, then_silence},
};

/// The longest message when the request does not say, and the longest that it may say.
const USUAL_MESSAGE: u32 = 120;
const LONGEST_MESSAGE: u32 = 3_600;

/// Keeps what the far side says, until it presses `#`.
pub(super) async fn message(service: &Service, asker: &Asker<'_>, asked: ivr::Record) -> Result<(), Status> {
    let most = asked.max_duration.unwrap_or(USUAL_MESSAGE);
    if !(1..=LONGEST_MESSAGE).contains(&most) {
        return Err(Status::InvalidMaxDuration);
    }
    let mut steps = said(asked.msg.as_deref())?;
    let ask = Ask {
        kind: "record",
        notify_url: Some(asked.notify_url),
        monitor_notify_url: None,
        tag: asked.tag,
    };
    next(service, asker, &asked.session, ask, |name| {
        steps.push(Instruction::Record(Record {
            name: name.to_owned(),
            channels: Channels::Party,
            most: Duration::from_secs(most.into()),
            until: Some(Until {
                key: Digit::from_char('#'),
                silence: None,
                beep: true,
            }),
            ..Record::default()
        }));
        Ok(then_silence(steps))
    })
    .await
}

/// Keeps what everybody says from here to the end of the call.
pub(super) async fn monitor(service: &Service, asker: &Asker<'_>, asked: ivr::Monitor) -> Result<(), Status> {
    let mut steps = said(asked.msg.as_deref())?;
    let ask = Ask {
        kind: MONITOR,
        notify_url: asked.notify_url,
        monitor_notify_url: asked.monitor_notify_url,
        tag: asked.tag,
    };
    next(service, asker, &asked.session, ask, |name| {
        steps.push(Instruction::Record(Record {
            name: name.to_owned(),
            ..Record::default()
        }));
        Ok(then_silence(steps))
    })
    .await
}

/// What a block is called that records the rest of the call.
pub(super) const MONITOR: &str = "monitor";
