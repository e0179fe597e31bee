//! The calls that are under way on this node, and how to talk to the tasks that own them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use outdial_domain::{AccountId, Address, CallId, Channels, EndedBy, Recording, RecordingId, RoomName, digit::Digits};
use outdial_flow::{Flow, Prompt, RecordingAction};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::{RoomView, verbs::RoomOrder};

/// What nodes ask of each other, as JSON: its words are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(crate) enum Asked {
    /// Something of the owner of a live call.
    Call {
        /// The call.
        call: CallId,
        /// What.
        control: Control,
    },
    /// Which rooms of an account it has.
    Rooms {
        /// The account.
        account: AccountId,
    },
    /// To tell of a room that it has, and to do something with it if there is something to do.
    Room {
        /// Whose room it is.
        account: AccountId,
        /// The room.
        room: RoomName,
        /// Who asks.
        by: String,
        /// What to do.
        order: Option<RoomOrder>,
    },
}

/// What the owner of a live call is told. Nodes give it to each other as JSON, so its words are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Control {
    /// End the call.
    HangUp {
        /// Who asks, for the event log.
        by: String,
        /// Why, where they say so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// Whether a request or the system asks.
        kind: EndedBy,
    },
    /// Keep the sound of the call from now on.
    Record {
        /// Who asks, for the event log.
        by: String,
        /// What the recording is called.
        name: String,
        /// Whose voice goes where.
        channels: Channels,
        /// The longest that it may become.
        most: Duration,
    },
    /// Pause, resume or stop a recording.
    Recording {
        /// Who asks, for the event log.
        by: String,
        /// Which one.
        id: RecordingId,
        /// What to do.
        action: RecordingAction,
    },
    /// Dial the call: this node has the room that it enters.
    Take {
        /// Whose call it is.
        account: AccountId,
    },
    /// Do something else with the call.
    Do {
        /// Who asks, for the event log.
        by: String,
        /// Why, where they say so.
        why: Option<String>,
        /// What.
        order: Order,
    },
}

/// What a live call may be told to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Keep what the first party says from whoever it is with, or let it through again.
    Mute(bool),
    /// Put the far side on hold, or take it back.
    Hold(bool),
    /// Press keys.
    SendDigits(Digits),
    /// Let the first party hear this, over whoever it is with.
    Play(Vec<Prompt>),
    /// Stop what is played to it.
    StopPlaying,
    /// Leave whoever it is with, and do this instead.
    Redirect(Flow),
    /// Leave whoever it is with, and talk to somebody else.
    Transfer(Address),
    /// Last so much longer from now on, and no longer.
    Limit(Duration),
}

impl Order {
    /// What is asked for, for the event log.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Mute(true) => "mute".to_owned(),
            Self::Mute(false) => "unmute".to_owned(),
            Self::Hold(true) => "hold".to_owned(),
            Self::Hold(false) => "resume".to_owned(),
            Self::SendDigits(digits) => format!("send digits {digits}"),
            Self::Play(_) => "play".to_owned(),
            Self::StopPlaying => "stop playing".to_owned(),
            Self::Redirect(_) => "redirect".to_owned(),
            Self::Transfer(to) => format!("transfer to {to}"),
            Self::Limit(length) => format!("limit to {} s from now", length.as_secs_f32()),
        }
    }
}

/// What is said to a [`Control`], or to what nodes [ask](Asked). Nodes give it to each other as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said", content = "of", rename_all = "snake_case")]
pub(crate) enum Said {
    /// What became of a request to end the call.
    HangUp(HangUpAnswer),
    /// It was done, with this result in words.
    Obeyed(String),
    /// The recording as it is now. One that was told to stop is complete a moment later.
    Recording(Box<Recording>),
    /// It cannot be done, for this reason.
    Refused(String),
    /// There is no such recording under way.
    NotRecording,
    /// The call is over, or somebody else's.
    Gone,
    /// The rooms that it has.
    Rooms(Vec<RoomView>),
    /// The room as it is now, or as it was when it ended.
    Room(Box<RoomView>),
    /// It has no such room.
    NoRoom,
    /// The call is not in the room.
    NotInRoom,
}

/// A [`Control`] on its way to the owner.
#[derive(Debug)]
pub(crate) struct Told {
    /// Boxed, because every call keeps room for a few of them.
    pub(crate) control: Box<Control>,
    /// Told once the decision is made. Whoever asked may have gone; it is done all the same.
    pub(crate) answer: oneshot::Sender<Said>,
}

/// A request to end the call, on its way to the owner.
#[derive(Debug)]
pub(crate) struct HangUp {
    pub(crate) by: String,
    pub(crate) why: Option<String>,
    pub(crate) kind: EndedBy,
    pub(crate) answer: oneshot::Sender<Said>,
}

/// Who asked for something, and why where they said so.
pub(crate) fn by_whom(by: &str, why: Option<&str>) -> String {
    match why {
        Some(why) => format!("{by}, because {why}"),
        None => by.to_owned(),
    }
}

impl Told {
    /// The request, if it is to end the call: all others have to wait for the answer, and are refused.
    pub(crate) fn before_the_answer(self) -> Option<HangUp> {
        let answer = self.answer;
        let reason = match *self.control {
            Control::HangUp { by, why, kind } => return Some(HangUp { by, why, kind, answer }),
            Control::Do { order, .. } => {
                format!(
                    "the call is not answered yet: {} is for a call that talks",
                    order.in_words()
                )
            }
            Control::Record { .. } | Control::Recording { .. } => NOT_ANSWERED.to_owned(),
            Control::Take { .. } => "the call is at this node already".to_owned(),
        };
        // Whoever asked may have gone.
        let _ = answer.send(Said::Refused(reason));
        None
    }
}

/// Why nothing but its end can be asked of a call that rings.
pub(crate) const NOT_ANSWERED: &str = "the call is not answered yet: try again when its state is `in_progress`";

/// What became of a request to end a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HangUpAnswer {
    /// It had not been dialled, and will not be.
    Prevented,
    /// It was under way and is being ended.
    HungUp,
    /// It had ended already.
    TooLate,
}

impl HangUpAnswer {
    /// The stable word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prevented => "prevented",
            Self::HungUp => "hung_up",
            Self::TooLate => "too_late",
        }
    }
}

/// The calls under way on this node.
#[derive(Debug, Default)]
pub(crate) struct LiveCalls(Mutex<HashMap<CallId, mpsc::Sender<Told>>>);

impl LiveCalls {
    /// Room for a few requests; whoever asks waits for an answer anyway.
    const CONTROLS: usize = 8;

    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<CallId, mpsc::Sender<Told>>> {
        // A map of senders is whole after every single operation on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, call: CallId) -> mpsc::Receiver<Told> {
        let (sender, receiver) = mpsc::channel(Self::CONTROLS);
        self.map().insert(call, sender);
        receiver
    }

    /// Forgets an owner that has let go of its receiver. The next attempt at the same call may have begun
    /// by then: its owner stays.
    pub(crate) fn leave(&self, call: CallId) {
        let mut map = self.map();
        if map.get(&call).is_some_and(mpsc::Sender::is_closed) {
            map.remove(&call);
        }
    }

    /// Tells the owner of a call, if it is on this node, and waits for what it says. An owner that goes
    /// away without an answer has let go of the call: its attempt is over.
    pub(crate) async fn tell(&self, call: CallId, control: Control) -> Option<Said> {
        let owner = self.map().get(&call).cloned()?;
        let (answer, answered) = oneshot::channel();
        let control = Box::new(control);
        Some(match owner.send(Told { control, answer }).await {
            Ok(()) => answered.await.unwrap_or(Said::Gone),
            Err(_) => Said::Gone,
        })
    }

    /// Tells all owners, and waits for none of them. One that is gone or busy ending needs no telling.
    pub(crate) fn tell_all(&self, control: &Control) {
        for owner in self.map().values() {
            let (answer, _) = oneshot::channel();
            let control = Box::new(control.clone());
            let _ = owner.try_send(Told { control, answer });
        }
    }

    pub(crate) fn has(&self, call: CallId) -> bool {
        self.map().contains_key(&call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_two_versions_understand_each_other() {
        let control = Control::HangUp {
            by: "key Backups".to_owned(),
            why: None,
            kind: EndedBy::Request,
        };
        let text = r#"{"do":"hang_up","by":"key Backups","kind":"request"}"#;
        assert_eq!(serde_json::to_string(&control).unwrap(), text);
        assert_eq!(serde_json::from_str::<Control>(text).unwrap(), control);
        let control = Control::Do {
            by: "key Desk".to_owned(),
            why: None,
            order: Order::Mute(true),
        };
        let text = r#"{"do":"do","by":"key Desk","why":null,"order":{"mute":true}}"#;
        assert_eq!(serde_json::to_string(&control).unwrap(), text);
        assert_eq!(serde_json::from_str::<Control>(text).unwrap(), control);
        for (said, text) in [
            (
                Said::HangUp(HangUpAnswer::HungUp),
                r#"{"said":"hang_up","of":"hung_up"}"#,
            ),
            (Said::Gone, r#"{"said":"gone"}"#),
        ] {
            assert_eq!(serde_json::to_string(&said).unwrap(), text);
            assert_eq!(serde_json::from_str::<Said>(text).unwrap(), said);
        }
    }
}
