//! One life of an engine: what is asked of it, how the networks behave, and when it crashes.

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::message::{OnUnknown, ReceiptState, Refusal};
use outdial_engine::verbs::SendMessages;
use proptest::{collection::vec, option, prelude::*};

/// One life of an engine.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    /// What is done, each so many milliseconds after the one before.
    pub(crate) deeds: Vec<(u64, Deed)>,
    /// What networks do, in the order in which parts are submitted; then they take and deliver everything.
    pub(crate) replies: Vec<Reply>,
    /// How long the store takes to answer.
    pub(crate) disk: Duration,
    /// It crashes when this was done or when that time is over, whichever comes first, and then…
    pub(crate) deed: usize,
    pub(crate) time: Duration,
    /// …so much later, and so many turns of its tasks later.
    pub(crate) later: Duration,
    pub(crate) turns: u8,
}

/// Something that is done.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Send(Plan),
    /// Takes the text back that was sent so many texts ago.
    Cancel(usize),
    /// The receiver of the text that was sent so many texts ago wants no more.
    Stop(usize),
    /// A trunk goes down, or comes up.
    Trunk(&'static str, bool),
    /// So many batches are saved, and said not to be.
    LoseAnswers(u64),
}

/// A text, in the words of the model.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) parts: usize,
    pub(crate) on_unknown: OnUnknown,
    pub(crate) unknown_retries: u16,
    after: Option<u64>,
    validity: u64,
}

/// What a network does with what is submitted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reply {
    /// How long it takes to answer, in milliseconds.
    pub(crate) after: u64,
    pub(crate) fate: Fate,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// It has it, and says so much after it came what became of it, so often.
    Takes {
        receipt: Option<(u64, ReceiptState)>,
        times: usize,
    },
    /// It has it, and its answer is lost.
    TakesSilently,
    /// It does not have it.
    Refuses(Refusal),
    /// It never came there.
    NotSent,
}

impl Plan {
    /// The request for it, to a receiver that it is found by.
    pub(crate) fn request(&self, now: Timestamp, number: usize) -> SendMessages {
        let body = match self.parts {
            1 => "x".to_owned(),
            parts => "x".repeat(153 * parts),
        };
        SendMessages {
            due: self.after.map(|after| now + Duration::from_millis(after)),
            validity: Some(Duration::from_secs(self.validity)),
            on_unknown: self.on_unknown,
            unknown_retries: self.unknown_retries,
            ..SendMessages::to(receiver(number), body)
        }
    }
}

/// The number of the receiver of a plan.
pub(crate) fn receiver(number: usize) -> String {
    format!("+659{number:07}")
}

/// Some lives, of which all but the last are short.
pub(crate) fn lives() -> impl Strategy<Value = Vec<Life>> {
    vec(life(), 1..5)
}

fn life() -> impl Strategy<Value = Life> {
    let deeds = vec((0..400u64, deed()), 1..10);
    let time = prop_oneof![0..200u64, 200..3_000u64, 3_000..200_000u64];
    let crash = (0..16usize, time, 0..60u64, 0..12u8);
    let life = (deeds, vec(reply(), 0..24), 0..30u64, crash);
    life.prop_map(|(deeds, replies, disk, (deed, time, later, turns))| Life {
        deeds,
        replies,
        disk: Duration::from_millis(disk),
        deed,
        time: Duration::from_millis(time),
        later: Duration::from_millis(later),
        turns,
    })
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => plan().prop_map(Deed::Send),
        2 => (0..4usize).prop_map(Deed::Cancel),
        1 => (0..4usize).prop_map(Deed::Stop),
        2 => (prop::sample::select(&["one", "two"][..]), any::<bool>()).prop_map(|(trunk, up)| Deed::Trunk(trunk, up)),
        1 => (1..4u64).prop_map(Deed::LoseAnswers),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let on_unknown = prop_oneof![2 => Just(OnUnknown::Leave), 1 => Just(OnUnknown::Retry)];
    let plan = (1..4usize, on_unknown, 1..3u16, option::of(0..3_000u64), 1..600u64);
    plan.prop_map(|(parts, on_unknown, unknown_retries, after, validity)| Plan {
        parts,
        on_unknown,
        unknown_retries,
        after,
        validity,
    })
}

fn reply() -> impl Strategy<Value = Reply> {
    let state = prop_oneof![
        6 => Just(ReceiptState::Delivered),
        1 => Just(ReceiptState::Undeliverable),
        1 => Just(ReceiptState::Expired),
        1 => Just(ReceiptState::Enroute),
        1 => Just(ReceiptState::Unknown),
    ];
    let takes = (option::weighted(0.9, (0..5_000u64, state)), 1..3usize);
    let fate = prop_oneof![
        8 => takes.prop_map(|(receipt, times)| Fate::Takes { receipt, times }),
        1 => Just(Fate::TakesSilently),
        2 => Just(Fate::Refuses(Refusal::Slower)),
        2 => Just(Fate::Refuses(Refusal::Later)),
        1 => Just(Fate::Refuses(Refusal::Elsewhere)),
        1 => Just(Fate::Refuses(Refusal::Never)),
        1 => Just(Fate::NotSent),
    ];
    (0..300u64, fate).prop_map(|(after, fate)| Reply { after, fate })
}
