//! One call to one phone, from its INVITE to its end.

mod dialog;
mod ending;
mod hands;
mod reporter;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use rsipstack::dialog::dialog::DialogStateReceiver;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::Header;
use rsipstack::transaction::transaction::{Transaction, TransactionEventSender};
use tokio::sync::{broadcast, watch};
use tokio::time::sleep;

use self::hands::{Done, Hands};
pub(crate) use self::reporter::Reporter;
use crate::clock;
use crate::event::{EndedBy, EventKind};
use crate::line::{self, Line, LineReport};
use crate::script::{Behaviour, Phone, Step, Then};
use crate::sip::exchange::Exchange;
use crate::sip::sdp::Agreement;

/// The longest part of a Call-ID in a file name.
const LONGEST_NAME: usize = 80;

/// A call that is going on.
pub(crate) struct Call {
    exchange: Arc<Exchange>,
    behaviour: Behaviour,
    record: bool,
    rtp: bool,
    reporter: Reporter,
    dialog: InviteDialog,
    states: DialogStateReceiver,
    invited_at: Timestamp,
    answered_at: Option<Timestamp>,
    /// When it hangs up whatever it is doing.
    deadline: Option<Instant>,
    acknowledged: watch::Sender<bool>,
    hang_ups: broadcast::Receiver<String>,
    agreement: Option<Agreement>,
    local: Option<std::net::SocketAddr>,
    line: Option<Line>,
    described: u64,
    problems: Vec<String>,
}

/// A call ends by leaving whatever it was doing with this.
type Living<T> = Result<T, EndedBy>;

impl Call {
    pub(crate) fn new(
        exchange: Arc<Exchange>,
        phone: &Phone,
        behaviour: Behaviour,
        reporter: Reporter,
        dialog: InviteDialog,
        states: DialogStateReceiver,
        invited_at: Timestamp,
    ) -> Self {
        Self {
            hang_ups: exchange.hang_ups.subscribe(),
            exchange,
            behaviour,
            record: phone.record,
            rtp: phone.rtp,
            reporter,
            dialog,
            states,
            invited_at,
            answered_at: None,
            deadline: None,
            acknowledged: watch::Sender::new(false),
            agreement: None,
            local: None,
            line: None,
            described: 0,
            problems: Vec::new(),
        }
    }

    /// Lives the call to its end.
    pub(crate) async fn run(mut self, mut transaction: Transaction) {
        let address = self.exchange.local_address(&transaction);
        let replies = transaction.tu_sender.clone();
        if self.behaviour.then == Then::Silent {
            return self.finish(EndedBy::Silent, LineReport::default());
        }
        let mut dialog = self.dialog.clone();
        self.exchange
            .drive(async move { dialog.handle(&mut transaction).await });
        let Err(end) = self.live(address, replies).await;
        // It hears nothing more once the receiver is down.
        let report = match self.line.take() {
            Some(line) => line.finish().await,
            None => LineReport::default(),
        };
        self.leave(end).await;
        self.finish(end, report);
    }

    async fn live(&mut self, address: std::net::IpAddr, replies: TransactionEventSender) -> Living<Infallible> {
        self.agree(address).await?;
        if !self.behaviour.ring.is_zero() || (self.behaviour.then == Then::NoAnswer && self.behaviour.early.is_empty())
        {
            self.said(self.dialog.ringing(None, None))?;
            self.reporter.tell(EventKind::Ringing);
            let ring = self.behaviour.ring;
            self.during(sleep(ring)).await?;
        }
        if !self.behaviour.early.is_empty() {
            self.open_line()?;
            let description = self.description();
            self.said(self.dialog.ringing(Some(sdp_headers()), Some(description)))?;
            self.reporter.tell(EventKind::EarlyMedia);
            let early = std::mem::take(&mut self.behaviour.early);
            self.perform(early).await?;
        }
        match std::mem::replace(&mut self.behaviour.then, Then::NoAnswer) {
            Then::Answer(steps) => {
                self.answer().await?;
                self.perform(steps).await?;
                self.during(std::future::pending()).await
            }
            Then::Reject(code) => Err(EndedBy::Refused(code)),
            Then::Redirect { contact, code } => {
                self.redirect(&contact, code, &replies);
                Err(EndedBy::Refused(code))
            }
            Then::NoAnswer | Then::Silent => self.during(std::future::pending()).await,
        }
    }

    /// Settles what the RTP will be, and refuses a call that offers nothing the phone knows.
    async fn agree(&mut self, address: std::net::IpAddr) -> Living<()> {
        let request = self.dialog.initial_request();
        let agreement = match request.body() {
            body if body.is_empty() => Ok(Agreement::own_offer()),
            body => Agreement::read(body),
        };
        match agreement {
            Ok(agreement) => self.agreement = Some(agreement),
            Err(problem) => {
                self.problems.push(problem.to_string());
                return Err(EndedBy::Refused(488));
            }
        }
        self.local = self.exchange.sink.local_addr().ok();
        if let Some(local) = &mut self.local {
            local.set_ip(address);
        }
        Ok(())
    }

    async fn answer(&mut self) -> Living<()> {
        self.open_line()?;
        let description = self.description();
        self.answered_at = Some(clock::now());
        self.deadline = self.behaviour.hang_up_after.map(|length| Instant::now() + length);
        self.said(self.dialog.accept(Some(sdp_headers()), Some(description)))?;
        self.reporter.tell(EventKind::Answered);
        let mut acknowledged = self.acknowledged.subscribe();
        self.during(async move { acknowledged.wait_for(|acknowledged| *acknowledged).await.is_ok() })
            .await?;
        Ok(())
    }

    /// Opens the socket and starts the RTP, once.
    fn open_line(&mut self) -> Living<()> {
        if !self.rtp || self.line.is_some() {
            return Ok(());
        }
        let (Some(local), Some(agreement)) = (self.local, &self.agreement) else {
            return Ok(());
        };
        let wav = self.record.then(|| self.wav()).flatten();
        let terms = agreement.terms;
        let line = line::open_socket(local.ip()).and_then(|socket| {
            let port = socket.local_addr()?.port();
            let line = Line::start(socket, terms, &self.behaviour, wav.as_deref(), self.reporter.clone())?;
            Ok((port, line))
        });
        match line {
            Ok((port, line)) => {
                self.local = Some(std::net::SocketAddr::new(local.ip(), port));
                self.line = Some(line);
                Ok(())
            }
            Err(error) => {
                self.problems.push(format!("the RTP could not be started: {error}"));
                Err(EndedBy::Failure)
            }
        }
    }

    fn wav(&self) -> Option<PathBuf> {
        let directory = self.exchange.recordings.as_ref()?;
        let number = file_name(self.reporter.number());
        let call_id = file_name(self.reporter.call_id());
        Some(directory.join(format!("{number}-{}-{call_id}.wav", self.reporter.ring())))
    }

    async fn perform(&mut self, steps: Vec<Step>) -> Living<()> {
        let hands = Hands {
            exchange: self.exchange.clone(),
            dialog: self.dialog.clone(),
            orders: self.line.as_ref().map(Line::orders),
            voice: self.line.as_ref().map(Line::voice),
            events: self
                .agreement
                .as_ref()
                .is_some_and(|agreement| agreement.terms.events.is_some()),
            heeded: None,
        };
        match self.during(hands.perform(steps)).await? {
            Done::Stay => Ok(()),
            Done::HangUp => Err(EndedBy::Phone),
            Done::GaveUp(problem) => {
                self.problems.push(problem);
                Err(EndedBy::Phone)
            }
        }
    }

    /// Whether the library took what was said; if not, the call cannot go on.
    fn said(&mut self, result: rsipstack::Result<()>) -> Living<()> {
        result.map_err(|error| {
            self.problems.push(format!("the SIP library failed: {error}"));
            EndedBy::Failure
        })
    }
}

fn sdp_headers() -> Vec<Header> {
    vec![Header::ContentType("application/sdp".into())]
}

/// A name that is safe on every file system: what the network sent is not trusted with a path.
fn file_name(text: &str) -> String {
    let safe = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '+' | '-' | '_' => character,
        _ => '_',
    };
    text.chars().take(LONGEST_NAME).map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_tame() {
        assert_eq!(file_name("+65-9_a"), "+65-9_a");
        assert_eq!(file_name("../../etc@ho\0st"), "______etc_ho_st");
        assert_eq!(file_name(&"x".repeat(500)).len(), LONGEST_NAME);
    }
}
