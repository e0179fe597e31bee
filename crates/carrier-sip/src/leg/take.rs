//! A call that comes in, from its INVITE to its answer or refusal.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant as StdInstant},
};

use outdial_domain::{EndedBy, Ending, Outcome};
use outdial_engine::ports::LegCommand;
use rsipstack::{
    sip::{Header, HeadersExt, Method, SipMessage, StatusCode, prelude::ToTypedHeader as _},
    transaction::{Transaction, make_tag},
};
use tokio::time::Instant;

use crate::{
    headers,
    session_timer::{SessionTimer, allows, lists},
    start::Shared,
    trunk::Trunk,
};

use super::{
    Begun, Leg, Setup,
    dial::answered_with,
    endings::{failed, let_go},
    hand_over::{Entered, Handed, hand_over},
    inbox::Inbox,
    means::{Means, means},
    media_address,
    requests::{self, hung_up, reply},
    ringing::Ringing,
    talk::Talk,
};

/// How long it is waited for the engine before it is said that it rings, so that what is refused at
/// once does not ring.
const RINGS_FIRST: Duration = Duration::from_millis(200);

/// How often it is said again that it rings, so that no proxy loses patience (RFC 3261, section 13.3.1.1).
const RINGS_AGAIN: Duration = Duration::from_secs(60);

/// How long a caller that there is no room for is asked to wait, in seconds. Whole trunks hold their calls back for
/// that time (RFC 3261, section 21.5.4), so it is short.
const ASKED_TO_WAIT: &str = "2";

/// Takes a call that comes in over a trunk: says 100, and hands it to the engine. Whatever keeps it
/// from that is answered here.
pub(crate) async fn take(shared: Arc<Shared>, mut transaction: Box<Transaction>, trunk: Arc<Trunk>) {
    let entered = Entered::of(&shared, &transaction);
    if let Err(error) = transaction.send_trying().await {
        tracing::debug!(%error, "a caller cannot be answered");
        return;
    }
    // One tag for everything that we say to it.
    let tagged = transaction.original.to_header().and_then(rsipstack::sip::To::typed);
    match tagged {
        Ok(to) => transaction.original.headers.unique_push(to.with_tag(make_tag()).into()),
        Err(_) => return reply(&mut transaction, StatusCode::BadRequest, Vec::new(), None).await,
    }
    let Some(entered) = entered else {
        // This call is here already, by another way (RFC 3261, section 8.2.2.2).
        return refuse(transaction, StatusCode::LoopDetected, Vec::new()).await;
    };
    let Handed { leg, dialog, ours } = match hand_over(&shared, &transaction, &trunk, entered) {
        Ok(handed) => handed,
        Err((status, headers)) => return refuse(transaction, status, headers).await,
    };
    let request = transaction.original.clone();
    let reliable = request.headers.iter().any(|header| match header {
        Header::Require(value) => lists(value.value(), "100rel"),
        _ => false,
    });
    let ringing = Begun::RingsHere(Box::new(Ringing {
        dialog,
        inbox: Inbox::new(transaction),
        request,
        ours,
        wish: trunk.settings.session(),
        said: None,
        reliable,
    }));
    tokio::spawn(Box::new(leg).run(ringing));
}

/// Says no, and sees to it that it is heard.
async fn refuse(mut transaction: Box<Transaction>, status: StatusCode, headers: Vec<Header>) {
    reply(&mut transaction, status, headers, None).await;
    while transaction.receive().await.is_some() {}
}

/// The status that tells a caller how its call ended before it was answered.
fn status_of(ending: &Ending) -> StatusCode {
    match ending.outcome {
        Outcome::Busy => StatusCode::BusyHere,
        Outcome::Rejected => StatusCode::Decline,
        Outcome::InvalidNumber => StatusCode::NotFound,
        Outcome::Refused => StatusCode::Forbidden,
        Outcome::Congestion => StatusCode::ServiceUnavailable,
        Outcome::Failed | Outcome::Unknown => StatusCode::ServerInternalError,
        Outcome::Completed | Outcome::NoAnswer | Outcome::Machine | Outcome::Canceled | Outcome::Expired => {
            StatusCode::TemporarilyUnavailable
        }
    }
}

enum Step {
    Heard(Box<Transaction>, Option<SipMessage>),
    Asked(Box<Transaction>),
    Told(Option<LegCommand>),
    Again,
}

impl Leg {
    /// Rings until the engine answers or refuses, or the caller gives up.
    pub(super) async fn ring_here(&mut self, mut ringing: Ringing) -> Setup {
        let mut rings_again = Instant::now() + RINGS_FIRST;
        loop {
            let again = ringing.said.map_or(rings_again, |said| said.again().into());
            let step = tokio::select! {
                biased;
                (invite, message) = ringing.inbox.next() => Step::Heard(invite, message),
                Some(request) = self.requests.recv() => Step::Asked(request),
                command = self.commands.recv() => Step::Told(command),
                () = tokio::time::sleep_until(again) => Step::Again,
            };
            match step {
                Step::Heard(invite, Some(SipMessage::Request(request))) => {
                    ringing.inbox.put(invite);
                    if request.method == Method::Cancel {
                        ringing.refuse(self, StatusCode::RequestTerminated, Vec::new());
                        return Setup::Over(given_up());
                    }
                }
                Step::Heard(invite, Some(SipMessage::Response(_))) => ringing.inbox.put(invite),
                Step::Heard(_, None) => return Setup::Over(failed("the caller cannot be reached any more".into())),
                Step::Asked(mut request) => match request.original.method {
                    _ if !ringing.dialog.has_sent(&request.original) => requests::unknown(request).await,
                    Method::PRack
                        if ringing
                            .said
                            .is_some_and(|said| said.is_acknowledged_by(&request.original.headers)) =>
                    {
                        ringing.said = None;
                        reply(&mut request, StatusCode::OK, Vec::new(), None).await;
                    }
                    Method::Bye => {
                        reply(&mut request, StatusCode::OK, Vec::new(), None).await;
                        ringing.refuse(self, StatusCode::RequestTerminated, Vec::new());
                        return Setup::Over(given_up());
                    }
                    Method::Update => {
                        let wait = vec![Header::RetryAfter("1".into())];
                        reply(&mut request, StatusCode::ServerInternalError, wait, None).await;
                    }
                    _ => requests::unknown(request).await,
                },
                Step::Told(Some(LegCommand::Answer)) => return self.answer(ringing).await,
                Step::Told(command) => {
                    if let Some(ending) = self.told_early(command) {
                        let status = status_of(&ending);
                        let cause = ending
                            .q850
                            .map(|cause| Header::Reason(format!("Q.850;cause={cause}").into()));
                        let headers = cause.into_iter().chain(later(&status)).collect();
                        ringing.refuse(self, status, headers);
                        return Setup::Over(ending);
                    }
                }
                Step::Again => match &mut ringing.said {
                    None => {
                        rings_again = Instant::now() + RINGS_AGAIN;
                        ringing.say_ringing(self);
                    }
                    Some(said) => {
                        if !said.repeat() {
                            ringing.refuse(self, StatusCode::ServerTimeOut, Vec::new());
                            return Setup::Over(failed("the caller did not acknowledge that it rings".into()));
                        }
                        ringing.repeat();
                    }
                },
            }
        }
    }

    /// Answers, and waits for the acknowledgement.
    async fn answer(&mut self, mut ringing: Ringing) -> Setup {
        // Not before, so that calls that nobody takes keep no ports from those that somebody does.
        match means(&self.shared, self.entry.leg).await {
            Ok(Means { place, stream }) => {
                let bound = stream.local();
                let address = SocketAddr::new(media_address(&self.shared, bound.ip(), ringing.ours), bound.port());
                self.sound.open(stream, address);
                self._place = Some(place);
            }
            Err(reason) => {
                let status = StatusCode::ServiceUnavailable;
                let wait = later(&status).into_iter().collect();
                ringing.refuse(self, status, wait);
                return Setup::Over(Ending::new(Outcome::Congestion, EndedBy::System, reason));
            }
        }
        let timer = match SessionTimer::of_request(&ringing.request.headers, ringing.wish, StdInstant::now()) {
            Ok(timer) => timer,
            Err(least) => {
                let least = Header::MinSE(least.as_secs().to_string().into());
                ringing.refuse(self, StatusCode::SessionIntervalTooSmall, vec![least]);
                return Setup::Over(failed("the caller wants the session to be refreshed too often".into()));
            }
        };
        let late = ringing.request.body.is_empty();
        let description = match late {
            true => Ok(self.sound.offer()),
            false => self.sound.offered(&ringing.request.body),
        };
        let description = match description {
            Ok(description) => description,
            Err(error) => {
                ringing.refuse(self, StatusCode::NotAcceptableHere, Vec::new());
                return Setup::Over(failed(format!("the caller cannot be talked to: {error}")));
            }
        };
        let mut headers = vec![Header::Supported("100rel, timer".into())];
        let timer = timer.map(|(timer, granted)| {
            headers.extend(granted);
            timer
        });
        headers.push(Header::ContentType("application/sdp".into()));
        ringing.respond(self, StatusCode::OK, headers, Some(description));
        let mut hang_up = None;
        loop {
            let step = tokio::select! {
                biased;
                (invite, message) = ringing.inbox.next() => Step::Heard(invite, message),
                Some(request) = self.requests.recv() => Step::Asked(request),
                command = self.commands.recv(), if hang_up.is_none() => Step::Told(command),
            };
            match step {
                Step::Heard(_, Some(SipMessage::Request(ack))) if ack.method == Method::Ack => {
                    if late {
                        self.late_answer(&ack.body);
                    }
                    let Some(codec) = self.sound.codec() else {
                        self.part(ringing.dialog).await;
                        return Setup::Over(failed("the caller did not say where its sound is".into()));
                    };
                    if let Some(ending) = hang_up {
                        self.part(ringing.dialog).await;
                        return Setup::Over(ending);
                    }
                    self.events.tell(answered_with(codec));
                    return Setup::Answered(Box::new(Talk {
                        sequence: headers::sequence(&ringing.request).unwrap_or(0),
                        takes_update: allows(&ringing.request, "UPDATE"),
                        dialog: ringing.dialog,
                        timer,
                        wish: ringing.wish,
                        ours: false,
                        forks: None,
                        transfer: None,
                    }));
                }
                Step::Heard(invite, Some(_)) => ringing.inbox.put(invite),
                Step::Heard(_, None) => {
                    self.part(ringing.dialog).await;
                    return Setup::Over(hang_up.unwrap_or_else(|| {
                        Ending::new(
                            Outcome::Failed,
                            EndedBy::Network,
                            "the call was answered, and the caller never acknowledged it",
                        )
                    }));
                }
                Step::Asked(mut request) => match request.original.method {
                    Method::Bye if ringing.dialog.has_sent(&request.original) => {
                        reply(&mut request, StatusCode::OK, Vec::new(), None).await;
                        return Setup::Over(hung_up(&request));
                    }
                    _ => requests::unknown(request).await,
                },
                Step::Told(Some(LegCommand::HangUp { ending })) => hang_up = Some(ending),
                Step::Told(None) => hang_up = Some(let_go()),
                Step::Told(Some(LegCommand::Tap(tap))) => self.sound.tap(tap),
                Step::Told(Some(_)) | Step::Again => {}
            }
        }
    }
}

/// What is said beside a status that refuses a caller for lack of room.
pub(super) fn later(status: &StatusCode) -> Option<Header> {
    (*status == StatusCode::ServiceUnavailable).then(|| Header::RetryAfter(ASKED_TO_WAIT.into()))
}

fn given_up() -> Ending {
    Ending::new(
        Outcome::Canceled,
        EndedBy::Callee,
        "the caller gave up before the call was answered",
    )
}
