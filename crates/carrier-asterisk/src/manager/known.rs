//! What the events of the manager interface tell of a leg, put together.

use std::collections::BTreeMap;

use outdial_domain::Ending;

use super::message::Message;
use crate::{
    ending::{self, Channel},
    order::Then,
};

/// What is known of a channel.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// It is, or was, there.
    pub(super) exists: bool,
    ringing: bool,
    pub(super) answered: bool,
    /// The call is connected at its first sound, if it has one before the answer.
    early: bool,
    /// It was. From then on Asterisk takes the channel for answered, and tells nothing of the answer.
    pub(super) connected_early: bool,
    sound_before_answer: bool,
    /// What has to come about after the answer, and has not.
    then: Then,
    /// How dialling the other party ended.
    other: String,
    /// The far side hung up.
    by_callee: bool,
    /// The Q.850 cause, once the channel is gone.
    pub(super) cause: Option<u32>,
    /// The causes by which the channels ended that the dialplan rang for it.
    behind: BTreeMap<String, u32>,
    /// Why it was not answered, once Asterisk has said so.
    reason: Option<u32>,
    /// The same, as the end of dialling tells it.
    dialled: Option<u32>,
    /// The ending that we were told to make.
    pub(super) told: Option<Ending>,
}

/// What a message means for those who follow the leg.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The channel has come about.
    Exists,
    Ringing {
        early_media: bool,
    },
    Answered,
    /// It was connected before the answer.
    ConnectedEarly,
}

impl Known {
    pub(super) fn new(early: bool, then: Then) -> Self {
        Self {
            early,
            then,
            ..Self::default()
        }
    }

    /// Takes in a message about the leg, or about whom it dials.
    pub(super) fn learn(&mut self, leg: &str, message: &Message) -> Option<News> {
        let event = message.get("Event").unwrap_or_default();
        if message.get("DestUniqueid").is_some_and(|dialled| dialled != leg) {
            if let (Then::Dialled, "DialEnd", Some(status)) = (self.then, event, message.get("DialStatus")) {
                if status == "ANSWER" {
                    self.then = Then::Nothing;
                }
                status.clone_into(&mut self.other);
            }
            return None;
        }
        if matches!(event, "HangupRequest" | "Hangup")
            && let Some(other) = message.get("Uniqueid").filter(|other| *other != leg)
        {
            // The other half of a Local channel only repeats what the dialplan made of the cause.
            let is_other_half = other.strip_prefix(leg) == Some(";2");
            if let Some(cause) = message.number("Cause").filter(|cause| *cause != 0 && !is_other_half) {
                self.behind.insert(other.to_owned(), cause);
            }
            return None;
        }
        match event {
            "Newchannel" => {
                self.exists = true;
                return Some(News::Exists);
            }
            "Newstate" => match message.number("ChannelState") {
                Some(4 | 5) => return self.rings(false),
                Some(6) => return self.up(),
                _ => {}
            },
            "DialState" => match message.get("DialStatus") {
                Some("RINGING") => return self.rings(false),
                Some("PROGRESS") => {
                    self.sound_before_answer = true;
                    return self.rings(true);
                }
                _ => {}
            },
            "DialEnd" => match message.get("DialStatus") {
                Some("ANSWER") => return self.up(),
                // The same numbers as those of the reason, which says nothing about Local channels.
                Some("BUSY") => self.dialled = Some(5),
                Some("CONGESTION") => self.dialled = Some(8),
                Some("NOANSWER") => self.dialled = Some(3),
                _ => {}
            },
            // A call that may be connected before its answer succeeds before it, too.
            "OriginateResponse" if message.get("Response") == Some("Success") => {
                return if self.early { None } else { self.up() };
            }
            "OriginateResponse" => self.reason = Some(message.number("Reason").unwrap_or(0)),
            "ConfbridgeJoin" => self.then = Then::Nothing,
            "HangupRequest" => self.by_callee = true,
            "Hangup" => {
                self.exists = true;
                self.cause = Some(message.number("Cause").unwrap_or(0));
            }
            _ => {}
        }
        None
    }

    fn rings(&mut self, early_media: bool) -> Option<News> {
        let is_news = !self.answered && !self.connected_early && (!self.ringing || early_media);
        self.ringing = true;
        is_news.then_some(News::Ringing { early_media })
    }

    /// Asterisk takes the channel for answered.
    fn up(&mut self) -> Option<News> {
        if self.answered || self.connected_early {
            return None;
        }
        if self.early && self.sound_before_answer {
            self.connected_early = true;
            return Some(News::ConnectedEarly);
        }
        self.answered = true;
        Some(News::Answered)
    }

    /// The ending, once everything is known that it depends on.
    pub(super) fn ending(&self) -> Option<Ending> {
        let connected = self.answered || self.connected_early;
        let over = match (connected, self.cause, self.reason) {
            (true, Some(_), _) | (false, Some(_), Some(_)) => true,
            (false, None, Some(_)) => !self.exists,
            _ => false,
        };
        over.then(|| self.last())
    }

    /// The ending by what is known now.
    pub(super) fn last(&self) -> Ending {
        if let Some(told) = &self.told
            && !(self.by_callee && self.answered)
        {
            return told.clone();
        }
        // A Local channel that was not answered has no cause of its own. That of the only phone which was rung says why.
        let is_unanswered = !self.answered && !self.connected_early;
        let mut causes = self.behind.values().copied();
        let behind = causes.next().filter(|_| is_unanswered && causes.next().is_none());
        let channel = Channel {
            by_callee: self.by_callee,
            cause: self.cause.filter(|cause| *cause != 0).or(behind).or(self.cause),
            reason: self.dialled.or(self.reason),
        };
        match (self.then, self.answered) {
            _ if self.connected_early => ending::of_early_media(channel),
            (Then::Dialled, true) => ending::of_other(channel, &self.other),
            (Then::Joined, true) => ending::of_no_room(channel),
            (Then::Nothing, true) => ending::of_answered(channel),
            (_, false) => ending::of_unanswered(channel),
        }
    }

    /// The ending of a leg that ended while nobody told us.
    pub(super) fn lost(&self) -> Ending {
        if let Some(told) = &self.told {
            return told.clone();
        }
        if self.answered {
            let reason = "the call was answered, and ended while the connection to Asterisk was lost";
            return ending::completed(reason);
        }
        ending::unknown("the connection to Asterisk was lost before the answer, and the call is no longer there")
    }
}

#[cfg(test)]
mod tests {
    use outdial_domain::Outcome;

    use super::*;

    /// What becomes of `leg` by these events, each as `Event Key=value`.
    fn followed(known: Known, events: &[&str]) -> (Outcome, bool) {
        let mut known = known;
        let mut ended = None;
        for event in events {
            let mut words = event.split(' ');
            let mut text = format!("Event: {}\n", words.next().unwrap());
            if !event.contains("uid=") {
                text += "Uniqueid: leg\n";
            }
            for word in words {
                let (key, value) = word.split_once('=').unwrap();
                let key = key.replace("uid", "Uniqueid").replace("dest", "DestUniqueid");
                text += &format!("{key}: {value}\n");
            }
            assert_eq!(ended, None, "it had ended before {event}");
            known.learn("leg", &Message::parse(&text));
            ended = known.ending();
        }
        let ending = ended.expect("it has ended");
        (ending.outcome, known.answered)
    }

    #[test]
    fn sound_before_the_answer_is_no_answer() {
        let connected = [
            "Newchannel",
            "OriginateResponse Response=Success Reason=4",
            "DialState dest=leg uid= DialStatus=PROGRESS",
            "Newstate ChannelState=6",
            "DialEnd dest=leg uid= DialStatus=ANSWER",
        ];
        for (last, wanted) in [
            (&["HangupRequest Cause=17", "Hangup Cause=17"][..], Outcome::Busy),
            (&["HangupRequest Cause=19", "Hangup Cause=19"], Outcome::NoAnswer),
            (&["HangupRequest Cause=1", "Hangup Cause=1"], Outcome::InvalidNumber),
            (&["HangupRequest", "Hangup Cause=16"], Outcome::Completed),
            (&["Hangup Cause=16"], Outcome::Unknown),
            (&["Hangup Cause=0"], Outcome::Unknown),
        ] {
            let events = [&connected, last].concat();
            assert_eq!(
                followed(Known::new(true, Then::Nothing), &events),
                (wanted, false),
                "{last:?}"
            );
        }
        // Without a sound before it, the answer is one.
        let answered = ["Newchannel", "Newstate ChannelState=6", "Hangup Cause=16"];
        assert_eq!(
            followed(Known::new(true, Then::Nothing), &answered),
            (Outcome::Completed, true)
        );
        // And where nothing is connected before it, the sound changes nothing.
        let events = [&connected[..1], &connected[2..], &["Hangup Cause=16"]].concat();
        assert_eq!(
            followed(Known::new(false, Then::Nothing), &events),
            (Outcome::Completed, true)
        );
    }

    #[test]
    fn a_phone_behind_a_local_channel_says_why_it_was_not_answered() {
        for (gone, wanted) in [
            (&["Hangup uid=1.2 Linkedid=leg Cause=1"][..], Outcome::InvalidNumber),
            (
                &[
                    "HangupRequest uid=1.2 Linkedid=leg Cause=21",
                    "Hangup uid=1.2 Linkedid=leg Cause=21",
                ],
                Outcome::Rejected,
            ),
            (&["Hangup uid=1.2 Linkedid=leg Cause=34"], Outcome::Congestion),
            // The dialplan's own word, and the word of several, who may not agree.
            (&["Hangup uid=leg;2 Linkedid=leg Cause=21"], Outcome::Congestion),
            (
                &[
                    "Hangup uid=1.2 Linkedid=leg Cause=21",
                    "Hangup uid=1.3 Linkedid=leg Cause=1",
                ],
                Outcome::Congestion,
            ),
        ] {
            let before = ["Newchannel", "OriginateResponse Response=Failure Reason=8"];
            let events = [&before, gone, &["Hangup Cause=0"]].concat();
            assert_eq!(
                followed(Known::new(false, Then::Nothing), &events),
                (wanted, false),
                "{gone:?}"
            );
        }
    }

    #[test]
    fn a_call_of_two_is_over_as_it_went_with_the_other() {
        let answered = ["Newchannel", "DialEnd dest=leg uid= DialStatus=ANSWER"];
        for (last, wanted) in [
            (
                &["DialEnd dest=other uid=leg DialStatus=BUSY", "Hangup Cause=17"][..],
                Outcome::Busy,
            ),
            (
                &["DialEnd dest=other uid=leg DialStatus=NOANSWER", "Hangup Cause=0"],
                Outcome::NoAnswer,
            ),
            (
                &["DialEnd dest=other uid=leg DialStatus=CONGESTION", "Hangup Cause=34"],
                Outcome::Congestion,
            ),
            (
                &["DialEnd dest=other uid=leg DialStatus=ANSWER", "Hangup Cause=16"],
                Outcome::Completed,
            ),
            (
                &[
                    "HangupRequest",
                    "DialEnd dest=other uid=leg DialStatus=CANCEL",
                    "Hangup Cause=16",
                ],
                Outcome::Canceled,
            ),
            (&["Hangup Cause=0"], Outcome::Failed),
        ] {
            let events = [&answered, last].concat();
            assert_eq!(
                followed(Known::new(false, Then::Dialled), &events),
                (wanted, true),
                "{last:?}"
            );
        }
    }
    #[test]
    fn a_call_that_is_not_let_into_its_room_has_failed() {
        let answered = ["Newchannel", "DialEnd dest=leg uid= DialStatus=ANSWER"];
        for (last, wanted) in [
            (&["ConfbridgeJoin", "Hangup Cause=16"][..], Outcome::Completed),
            (&["Hangup Cause=0"], Outcome::Failed),
            (&["HangupRequest", "Hangup Cause=16"], Outcome::Canceled),
        ] {
            let events = [&answered, last].concat();
            assert_eq!(
                followed(Known::new(false, Then::Joined), &events),
                (wanted, true),
                "{last:?}"
            );
        }
    }
}
