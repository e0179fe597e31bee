//! Calls, and the changes of their lives, as an engine would make them.

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{
    Account, AccountId, Address, Allowance, AttemptId, Call, CallId, EndedBy, Ending, EventId, EventKind, LegId,
    Outcome, Plan, Priority, Quality, Retry,
    attempt::Backwards,
    call::{Gathered, Happening, LiveCall, Way},
};
use outdial_engine::ports::{Change, Job, Run, Store, Trace, WireMessage, WireTransport};
use outdial_flow::Flow;

/// A time in the tests: so many milliseconds after their beginning.
///
/// # Panics
///
/// When the number is beyond all calendars.
#[must_use]
pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + millis).expect("a time within the calendar")
}

/// Longer than any test.
const LEASE: Duration = Duration::from_secs(3600);

/// Random bytes that are not: all tests see the same.
#[must_use]
pub fn bytes(account: u8, kind: u8, number: u64) -> [u8; 10] {
    let mut bytes = [account; 10];
    bytes[1] = kind;
    bytes[2..].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// Makes the calls of one account.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The account.
    pub account: AccountId,
    number: u8,
}

impl Caller {
    /// The account of this number, added to the store.
    ///
    /// # Panics
    ///
    /// When the store refuses it.
    pub async fn join(store: &impl Store, number: u8) -> Self {
        let caller = Self::of(number);
        store
            .add_account(
                Account {
                    id: caller.account,
                    name: format!("account-{number}"),
                    created_at: at(0),
                    allowance: Allowance::default(),
                },
                None,
            )
            .await
            .expect("a new account");
        // The runs that the tests journal under, where nodes share the store.
        for name in ["n1", "n2"] {
            if let Some(nodes) = store.nodes() {
                let run = Run {
                    id: name.into(),
                    name: name.into(),
                };
                nodes.join(&run, LEASE).await.expect("nobody else has this name");
            }
        }
        caller
    }

    /// The account of this number, wherever it is.
    #[must_use]
    pub fn of(number: u8) -> Self {
        let account = AccountId::new(at(0), bytes(number, 0, 0));
        Self { account, number }
    }

    /// A plan to ring a number at this time.
    ///
    /// # Panics
    ///
    /// Never: a SIP URI with a number can be dialled.
    #[must_use]
    pub fn plan(&self, number: u64, due: Timestamp) -> Plan {
        let address = |text: &str| Address::parse(text).expect("an address that can be dialled");
        Plan {
            to: address(&format!("+65 9{number:07}")),
            from: Some(address("+6561234567")),
            via: None,
            due,
            priority: Priority::default(),
            expires: None,
            hours: None,
            retry: Retry::default(),
            ring: Duration::from_secs(45),
            talk: Duration::from_secs(3600),
            tag: None,
            reference: None,
            webhook: None,
        }
    }

    /// A new call, the newer the greater its number, due at this time.
    #[must_use]
    pub fn call(&self, number: u64, due: Timestamp) -> Life {
        self.call_by(number, self.plan(number, due))
    }

    /// A new call by this plan.
    #[must_use]
    pub fn call_by(&self, number: u64, plan: Plan) -> Life {
        let made = at(i64::try_from(number).unwrap_or(i64::MAX));
        let call = Call::new(
            CallId::new(made, bytes(self.number, 1, number)),
            self.account,
            plan,
            made,
        );
        Life {
            call,
            live: None,
            flow: Flow::say("Your table is ready."),
            account: self.number,
            number,
            ids: 0,
        }
    }
}

/// A call that moves on, and gives the change of every step.
#[derive(Debug, Clone)]
pub struct Life {
    /// The call as it is now.
    pub call: Call,
    /// Its attempt and leg, once there are.
    pub live: Option<LiveCall>,
    /// What it does.
    pub flow: Flow,
    account: u8,
    number: u64,
    ids: u64,
}

impl Life {
    fn id(&mut self, kind: u8) -> [u8; 10] {
        self.ids += 1;
        bytes(self.account, kind, (self.number << 8) + self.ids)
    }

    /// Adds events, and makes the change that saves them with the call, attempt and leg as they are.
    pub fn change(&mut self, kinds: Vec<EventKind>, now: Timestamp) -> Change {
        let since = (self.call.events > 0).then_some(self.call.events);
        let mut events = Vec::with_capacity(kinds.len());
        for kind in kinds {
            let id = EventId::new(now, self.id(4));
            events.push(self.call.record(id, kind, now));
        }
        if let Some(live) = &mut self.live {
            live.call = self.call.clone();
        }
        Change {
            call: self.call.clone(),
            since,
            flow: since.is_none().then(|| self.flow.clone()),
            attempt: self.live.as_ref().map(|live| live.attempt.clone()),
            legs: self.live.iter().flat_map(LiveCall::legs).cloned().collect(),
            events,
            traces: Vec::new(),
            job: Job::Keep,
            answer: None,
        }
    }

    /// It is accepted, with the job to dial it.
    pub fn created(&mut self) -> Change {
        let kind = EventKind::Created {
            to: self.call.plan.to.to_string(),
            from: self.call.plan.from.as_ref().map(ToString::to_string),
            due: self.call.plan.due,
            face: "native".into(),
        };
        let now = self.call.created_at;
        Change {
            job: Job::Add,
            ..self.change(vec![kind], now)
        }
    }

    /// Its leg is in the journal of this node.
    ///
    /// # Panics
    ///
    /// Never: attempts are numbered as they are made.
    pub fn journalled(&mut self, node: &str, now: Timestamp) -> Change {
        let way = Way {
            trunk: "lab".into(),
            target: "sip:100@127.0.0.1:5070".into(),
            shows: None,
            node: node.into(),
        };
        let (attempt, leg) = (AttemptId::new(now, self.id(2)), LegId::new(now, self.id(3)));
        let live = LiveCall::journal(self.call.clone(), attempt, leg, way, now);
        let number = live.attempt.number;
        self.call = live.call.clone();
        self.live = Some(live);
        let routed = EventKind::Routed {
            trunk: "lab".into(),
            target: "sip:100@127.0.0.1:5070".into(),
            passed_over: Vec::new(),
        };
        let journalled = EventKind::Journalled {
            attempt,
            number,
            leg,
            node: node.into(),
        };
        Change {
            job: Job::Remove,
            ..self.change(vec![routed, journalled], now)
        }
    }

    /// Something happens to its leg.
    ///
    /// # Errors
    ///
    /// [`Backwards`] when it comes late.
    ///
    /// # Panics
    ///
    /// When it has no leg yet.
    pub fn happens(&mut self, happening: Happening, now: Timestamp) -> Result<Change, Backwards> {
        let live = self.live.as_ref().expect("a call with a leg");
        let (next, kinds) = live.step(happening, now)?;
        self.call = next.call.clone();
        self.live = Some(next);
        Ok(self.change(kinds, now))
    }

    /// Another leg of its attempt is in the journal of this node.
    ///
    /// # Panics
    ///
    /// When it has no leg yet.
    pub fn opened(&mut self, node: &str, now: Timestamp) -> Change {
        let way = Way {
            trunk: "lab".into(),
            target: "sip:200@127.0.0.1:5070".into(),
            shows: Some("+6561234567".into()),
            node: node.into(),
        };
        let leg = LegId::new(now, self.id(3));
        let live = self.live.as_mut().expect("a call with a leg");
        let journalled = live.open(leg, way, now);
        self.change(vec![journalled], now)
    }

    /// Something happens to a leg of its attempt.
    ///
    /// # Errors
    ///
    /// [`Backwards`] when it comes late.
    ///
    /// # Panics
    ///
    /// When it has no leg yet.
    pub fn happens_to(&mut self, leg: LegId, happening: Happening, now: Timestamp) -> Result<Change, Backwards> {
        let live = self.live.as_ref().expect("a call with a leg");
        let (next, kinds) = live.step_of(leg, happening, now)?;
        self.call = next.call.clone();
        self.live = Some(next);
        Ok(self.change(kinds, now))
    }

    /// The whole life of an answered call that speaks a sentence: five changes and ten events. Between
    /// the first and the second it is claimed.
    ///
    /// # Panics
    ///
    /// Never: the steps follow each other.
    pub fn whole(&mut self, node: &str) -> Vec<Change> {
        let created = self.call.created_at.as_millisecond() - at(0).as_millisecond();
        let then = |millis: i64| at(created + millis);
        let step = |life: &mut Self, happening, millis| life.happens(happening, then(millis)).expect("a step forward");
        let mut changes = vec![self.created(), self.journalled(node, then(1))];
        changes.push(step(
            self,
            Happening::Ringing {
                sip_code: Some(180),
                early_media: false,
            },
            2,
        ));
        changes.push(step(self, Happening::Answered { codec: "PCMU".into() }, 3));
        let spoken = ["started", "done", "gathered"];
        let kinds = vec![
            EventKind::InstructionStarted {
                step: "0".into(),
                what: "say 20 characters".into(),
            },
            EventKind::InstructionDone {
                step: "0".into(),
                result: "played 1.8 s".into(),
            },
            EventKind::Gathered {
                step: "1".into(),
                name: spoken[2].into(),
                digits: Some("1".into()),
            },
        ];
        self.call.digits.push(Gathered {
            name: "digits".into(),
            digits: "1".into(),
        });
        let last = self.live.as_mut().expect("a call with a leg");
        last.call = self.call.clone();
        let mut flow = self.change(kinds, then(4)).events;
        let mut ended = step(self, over(), 5);
        ended.since = ended.since.map(|since| since - 3);
        flow.append(&mut ended.events);
        ended.events = flow;
        let messages = trace();
        ended.traces = ended
            .legs
            .iter()
            .map(|leg| Trace {
                leg: leg.id,
                messages: messages.clone(),
            })
            .collect();
        changes.push(ended);
        changes
    }

    /// The same life in three changes: all that happens after the journal is saved with the end, as an
    /// engine does that saves what nobody waits for a little later.
    ///
    /// # Panics
    ///
    /// Never: the steps follow each other.
    pub fn gathered(&mut self, node: &str) -> Vec<Change> {
        let mut changes = self.whole(node);
        let later = changes.split_off(2);
        let mut last = later.last().cloned().expect("a life has an end");
        last.since = later.first().and_then(|first| first.since);
        last.events = later.into_iter().flat_map(|change| change.events).collect();
        changes.push(last);
        changes
    }
}

/// The ordinary end of a call.
#[must_use]
pub fn over() -> Happening {
    let mut ending = Ending::new(Outcome::Completed, EndedBy::Callee, "the callee hung up");
    ending.q850 = Some(16);
    let quality = Quality {
        received: 90,
        lost: 1,
        sent: 90,
        jitter_ms: 0.5,
        round_trip_ms: Some(1.25),
        far_loss: Some(0.125),
        far_jitter_ms: None,
        mos: Some(4.25),
    };
    Happening::Ended {
        ending,
        quality: Some(quality),
    }
}

/// The messages of an answered call, as long as they are.
#[must_use]
pub fn trace() -> Vec<WireMessage> {
    let lines = ["INVITE", "100", "180", "200", "ACK", "BYE", "200"];
    lines
        .iter()
        .enumerate()
        .map(|(index, line)| WireMessage {
            at: at(i64::try_from(index).unwrap_or(0)),
            sent: matches!(*line, "INVITE" | "ACK"),
            transport: WireTransport::Udp,
            local: ([127, 0, 0, 1], 5060).into(),
            peer: "127.0.0.1:5070".into(),
            text: format!(
                "{line} sip:100@127.0.0.1:5070 SIP/2.0\r\n{}",
                "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK\r\n".repeat(9)
            ),
        })
        .collect()
}
