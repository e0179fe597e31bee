//! How a leg ends that nobody answered.

use outdial_domain::{EndedBy, Ending, Outcome};
use rsipstack::sip::Response;

use crate::{
    headers::{self, is_own, not_arrived},
    names::Hop,
    reason,
};

use super::dial::Progress;

/// Whether nothing came in the time that an INVITE is repeated, or the longest that it may ring.
pub(super) fn is_timeout(response: &Response) -> bool {
    response.status_code.code() == 408 && is_own(response)
}

/// Nobody said that it did not ring, so it may have.
pub(super) fn silence(hop: Hop) -> Ending {
    Ending::new(Outcome::NoAnswer, EndedBy::Network, said_nothing(hop))
}

/// The ending of whoever gave up first. Where nothing at all was heard, that is what has to be known.
pub(super) fn given_up(ending: Ending, progress: Progress, hop: Hop) -> Ending {
    match progress {
        Progress::Provisional => ending,
        Progress::Silent => Ending {
            reason: format!("{}: {}", ending.reason, said_nothing(hop)),
            ..ending
        },
    }
}

/// The ending of whoever gave up while the far side answered: the CANCEL and the answer crossed.
pub(super) fn crossed(mut ending: Ending) -> Ending {
    ending
        .reason
        .push_str("; the far side answered just then, and was hung up on");
    ending
}

fn said_nothing(Hop { transport, address }: Hop) -> String {
    format!(
        "{address} did not answer the INVITE at all; it may have rung. \
         Check that a SIP server listens there over {transport} and that no firewall is between"
    )
}

pub(super) fn refused(response: &Response) -> Ending {
    if let Some(why) = not_arrived(response) {
        let reason = format!("the INVITE could not be delivered: {why}; it has not rung");
        return Ending::new(Outcome::Congestion, EndedBy::Network, reason);
    }
    let code = response.status_code.code();
    Ending::from_sip(code, reason::q850(&response.headers), &headers::phrase(response))
}

pub(super) fn failed(reason: String) -> Ending {
    Ending::new(Outcome::Failed, EndedBy::System, reason)
}

/// The far side does not know the call any more, or cannot be reached.
pub(super) fn gone(reason: String) -> Ending {
    Ending::new(Outcome::Failed, EndedBy::Network, reason)
}

/// The thread that carried the sound gave up on it.
pub(super) fn sound_failed() -> Ending {
    failed("the sound of the leg failed, which is a fault of ours: see the log".to_owned())
}

/// Whoever owned the leg is gone.
pub(super) fn let_go() -> Ending {
    Ending::new(Outcome::Canceled, EndedBy::System, "the leg was let go of by its owner")
}
