//! One session with an SMSC, from the bind to its end (SMPP 3.4, section 2.2), turned by hand: octets and the time
//! go in; octets, events and the next deadline come out.

mod event;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use bytes::{Bytes, BytesMut};
use outdial_domain::message::ReceiptState;
use rusmpp::{Pdu, pdus::SubmitSm};

use crate::{
    delivery::Delivery,
    frame::{Frame, Frames},
    receipt::state_of_number,
    status::Status,
    wire::{self, BindKind},
};

pub(crate) use event::{Answer, Event, Handed, Over, Terms, Ticket};

/// What the far side may hand over before we have answered; more is to come again later.
const MOST_DELIVERIES: usize = 1024;

/// Sequence numbers go to here and begin again at 1 (SMPP 3.4, section 3.2).
const LAST_SEQUENCE: u32 = 0x7FFF_FFFF;

/// Numbers of commands (SMPP 3.4, section 5.1.2.1).
mod command {
    pub(super) const GENERIC_NACK: u32 = 0x8000_0000;
    pub(super) const DELIVER_SM: u32 = 0x005;
    pub(super) const UNBIND: u32 = 0x006;
    pub(super) const OUTBIND: u32 = 0x00B;
    pub(super) const ENQUIRE_LINK: u32 = 0x015;
    pub(super) const ALERT_NOTIFICATION: u32 = 0x102;
    pub(super) const DATA_SM: u32 = 0x103;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Binding,
    Bound,
    Unbinding,
    Over,
}

#[derive(Debug)]
struct Asked {
    what: What,
    /// How many octets had been written by us before it.
    starts_at: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Bind,
    Submit(Ticket),
    Query(Ticket),
    Enquire,
    Unbind,
}

impl What {
    /// The command that answers it.
    fn answered_by(self, kind: BindKind) -> u32 {
        let request = match (self, kind) {
            (Self::Bind, BindKind::Receiver) => 0x001,
            (Self::Bind, BindKind::Transmitter) => 0x002,
            (Self::Query(_), _) => 0x003,
            (Self::Submit(_), _) => 0x004,
            (Self::Unbind, _) => command::UNBIND,
            (Self::Bind, BindKind::Transceiver) => 0x009,
            (Self::Enquire, _) => command::ENQUIRE_LINK,
        };
        request | command::GENERIC_NACK
    }
}

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    terms: Terms,
    state: State,
    sequence: u32,
    frames: Frames,
    out: BytesMut,
    /// How many octets were put into `out` so far, and how many of them were taken out.
    queued: u64,
    left: u64,
    asked: BTreeMap<u32, Asked>,
    /// When each answer is due, in that order; some of them have come since, but not the first.
    due: VecDeque<(Instant, u32)>,
    submitted: usize,
    deliveries: usize,
    heard_at: Instant,
    enquired: bool,
    events: VecDeque<Event>,
}

impl Session {
    /// Begins a session on a new connection.
    pub(crate) fn new(terms: Terms, now: Instant) -> Self {
        let mut session = Self {
            state: State::Binding,
            sequence: 0,
            frames: Frames::default(),
            out: BytesMut::new(),
            queued: 0,
            left: 0,
            asked: BTreeMap::new(),
            due: VecDeque::new(),
            submitted: 0,
            deliveries: 0,
            heard_at: now,
            enquired: false,
            events: VecDeque::new(),
            terms,
        };
        let bind = wire::bind(session.terms.kind, &session.terms.who);
        session.ask(What::Bind, bind, now);
        session
    }

    /// How many more texts may be submitted now.
    pub(crate) fn room(&self) -> usize {
        match self.state {
            State::Bound if self.terms.kind.sends() => self.terms.window.saturating_sub(self.submitted),
            State::Binding | State::Bound | State::Unbinding | State::Over => 0,
        }
    }

    /// Submits a text. Call it only while there is [`Session::room`].
    pub(crate) fn submit(&mut self, ticket: Ticket, text: SubmitSm, now: Instant) {
        self.submitted += 1;
        self.ask(What::Submit(ticket), text, now);
    }

    /// Asks what became of a text. Call it only while there is [`Session::room`].
    pub(crate) fn query(&mut self, ticket: Ticket, question: Pdu, now: Instant) {
        self.submitted += 1;
        self.ask(What::Query(ticket), question, now);
    }

    /// Answers what was handed over.
    pub(crate) fn answer(&mut self, handed: Handed, status: Status) {
        self.deliveries = self.deliveries.saturating_sub(1);
        if self.state != State::Over {
            self.write(status, handed.sequence, wire::delivered(handed.data_sm));
        }
    }

    /// Ends the session in good order: what is under way may still be answered.
    pub(crate) fn unbind(&mut self, now: Instant) {
        match self.state {
            State::Bound => {
                self.state = State::Unbinding;
                self.unbind_if_done(now);
            }
            State::Binding => self.end(Over::Ours),
            State::Unbinding | State::Over => {}
        }
    }

    /// The connection broke.
    pub(crate) fn broke(&mut self, why: String) {
        self.end(Over::Broken(why));
    }

    /// What is to be written. From now on it may have been sent.
    pub(crate) fn output(&mut self) -> Option<Bytes> {
        self.left = self.queued;
        (!self.out.is_empty()).then(|| self.out.split().freeze())
    }

    /// What happened next.
    pub(crate) fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Session::tick`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.state == State::Over {
            return None;
        }
        let enquire = (!self.enquired).then(|| self.heard_at + self.terms.enquire_after);
        let answer = self.due.front().map(|(due, _)| *due);
        enquire.into_iter().chain(answer).min()
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant) {
        while let Some((due, sequence)) = self.due.front().copied()
            && due <= now
        {
            self.due.pop_front();
            self.unanswered(sequence, now);
        }
        if self.state != State::Over && !self.enquired && self.heard_at + self.terms.enquire_after <= now {
            self.enquired = true;
            self.ask(What::Enquire, Pdu::EnquireLink, now);
        }
    }

    /// Octets came.
    pub(crate) fn receive(&mut self, octets: &[u8], now: Instant) {
        self.heard_at = now;
        self.frames.push(octets);
        while self.state != State::Over {
            match self.frames.next() {
                Ok(None) => return,
                Ok(Some(frame)) if frame.is_answer() => self.answered(&frame, now),
                Ok(Some(frame)) => self.requested(&frame, now),
                Err(impossible) => {
                    self.write(Status::INVALID_LENGTH, 0, Pdu::GenericNack);
                    self.end(Over::Garbage(impossible.to_string()));
                }
            }
        }
    }

    fn answered(&mut self, frame: &Frame, now: Instant) {
        let Some(asked) = self.asked.get(&frame.sequence) else {
            // Twice, or to nothing that we asked.
            tracing::debug!(
                command = frame.command,
                sequence = frame.sequence,
                "an answer to nothing"
            );
            return;
        };
        let what = asked.what;
        let refused = frame.command == command::GENERIC_NACK;
        if !refused && frame.command != what.answered_by(self.terms.kind) {
            tracing::warn!(
                command = frame.command,
                sequence = frame.sequence,
                "an answer to something else"
            );
            return;
        }
        self.asked.remove(&frame.sequence);
        while self
            .due
            .front()
            .is_some_and(|(_, sequence)| !self.asked.contains_key(sequence))
        {
            self.due.pop_front();
        }
        // A refusal without a reason is one all the same.
        let status = match frame.status {
            Status::OK if refused => Status::INVALID_COMMAND,
            status => status,
        };
        match what {
            What::Bind if status == Status::OK => {
                self.state = State::Bound;
                self.events.push_back(Event::Bound);
            }
            What::Bind => self.end(Over::BindRefused(status)),
            What::Submit(ticket) => {
                self.submitted -= 1;
                let answer = if refused {
                    Answer::Nack(frame.status)
                } else {
                    let id = (status == Status::OK).then(|| name(frame.body())).flatten();
                    Answer::Status(status, id)
                };
                self.events.push_back(Event::Submitted(ticket, answer));
            }
            What::Query(ticket) => {
                self.submitted -= 1;
                let state = (status == Status::OK).then(|| state_of_answer(frame.body())).flatten();
                self.events.push_back(Event::Looked(ticket, state));
            }
            What::Enquire => self.enquired = false,
            What::Unbind => self.end(Over::Ours),
        }
        self.unbind_if_done(now);
    }

    fn requested(&mut self, frame: &Frame, now: Instant) {
        let sequence = frame.sequence;
        match frame.command {
            command::DELIVER_SM => self.handed(frame, Delivery::of_deliver_sm(frame.body()), false),
            command::DATA_SM => self.handed(frame, Delivery::of_data_sm(frame.body()), true),
            command::ENQUIRE_LINK => self.write(Status::OK, sequence, Pdu::EnquireLinkResp),
            command::UNBIND => {
                self.write(Status::OK, sequence, Pdu::UnbindResp);
                self.end(Over::Unbound);
            }
            // Nothing answers these.
            command::OUTBIND | command::ALERT_NOTIFICATION => {}
            unknown => {
                tracing::debug!(command = unknown, "a command that we do not know");
                self.write(Status::INVALID_COMMAND, sequence, Pdu::GenericNack);
            }
        }
        self.unbind_if_done(now);
    }

    fn handed(&mut self, frame: &Frame, delivery: Option<Delivery>, data_sm: bool) {
        let handed = Handed {
            sequence: frame.sequence,
            data_sm,
        };
        let refusal = match (self.state, &delivery) {
            (State::Binding | State::Over, _) => Some(Status::INVALID_BIND),
            (State::Bound | State::Unbinding, None) => Some(Status::RECEIVER_REJECTS),
            (State::Bound | State::Unbinding, Some(_)) if self.deliveries >= MOST_DELIVERIES => {
                Some(Status::RECEIVER_LATER)
            }
            (State::Bound | State::Unbinding, Some(_)) => None,
        };
        match (refusal, delivery) {
            (None, Some(delivery)) => {
                self.deliveries += 1;
                self.events.push_back(Event::Delivery(handed, Box::new(delivery)));
            }
            (refusal, _) => {
                let status = refusal.unwrap_or(Status::RECEIVER_REJECTS);
                self.write(status, handed.sequence, wire::delivered(data_sm));
            }
        }
    }

    fn unanswered(&mut self, sequence: u32, now: Instant) {
        let Some(asked) = self.asked.remove(&sequence) else {
            return;
        };
        match asked.what {
            What::Submit(ticket) => {
                self.submitted -= 1;
                // It may still stand in line to leave.
                self.events.push_back(Event::Submitted(ticket, Answer::Silence));
            }
            What::Query(ticket) => {
                self.submitted -= 1;
                self.events.push_back(Event::Looked(ticket, None));
            }
            What::Bind | What::Enquire => self.end(Over::Silent),
            What::Unbind => self.end(Over::Ours),
        }
        self.unbind_if_done(now);
    }

    /// Says goodbye once nothing is under way any more.
    fn unbind_if_done(&mut self, now: Instant) {
        let asked = self.asked.values().any(|asked| asked.what == What::Unbind);
        if self.state == State::Unbinding && self.submitted == 0 && !asked {
            self.ask(What::Unbind, Pdu::Unbind, now);
        }
    }

    fn ask(&mut self, what: What, pdu: impl Into<Pdu>, now: Instant) {
        self.sequence = match self.sequence {
            LAST_SEQUENCE => 1,
            sequence => sequence + 1,
        };
        let starts_at = self.queued;
        self.asked.insert(self.sequence, Asked { what, starts_at });
        self.due.push_back((now + self.terms.answer_within, self.sequence));
        self.write(Status::OK, self.sequence, pdu);
    }

    fn write(&mut self, status: Status, sequence: u32, pdu: impl Into<Pdu>) {
        let before = self.out.len();
        wire::write(&mut self.out, status, sequence, pdu);
        self.queued += (self.out.len() - before) as u64;
    }

    fn end(&mut self, over: Over) {
        if self.state == State::Over {
            return;
        }
        self.state = State::Over;
        if !over.says_more() {
            self.out.clear();
        }
        for asked in std::mem::take(&mut self.asked).into_values() {
            match asked.what {
                What::Submit(ticket) => {
                    let answer = match asked.starts_at >= self.left && !over.says_more() {
                        true => Answer::NotSent,
                        false => Answer::Silence,
                    };
                    self.events.push_back(Event::Submitted(ticket, answer));
                }
                What::Query(ticket) => self.events.push_back(Event::Looked(ticket, None)),
                What::Bind | What::Enquire | What::Unbind => {}
            }
        }
        self.due.clear();
        self.submitted = 0;
        self.events.push_back(Event::Over(over));
    }
}

/// The name that an SMSC gives to a text, which may lack the zero at its end.
fn name(body: &[u8]) -> Option<String> {
    let name = body.split(|octet| *octet == 0).next()?;
    let name = String::from_utf8_lossy(name.get(..name.len().min(64))?);
    (!name.trim().is_empty()).then(|| name.into_owned())
}

/// The state in the answer to a question: behind a name and a date.
fn state_of_answer(body: &[u8]) -> Option<ReceiptState> {
    let mut texts = body.splitn(3, |octet| *octet == 0);
    let (_name, _date, rest) = (texts.next()?, texts.next()?, texts.next()?);
    state_of_number(u16::from(*rest.first()?))
}
