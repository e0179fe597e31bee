//! The first leg's stay in a room.

use std::sync::Arc;

use outdial_domain::{EndedBy, Ending, EventKind, Outcome, RecordingEnd, RecordingId, RoomId};
use outdial_flow::{Conference, Input, Interpreter};
use tokio::time::Instant;

use super::conversation::Conversation;
use crate::{
    ports::{Joining, LegCommand, RoomKind, Signal},
    rooms::{
        Member, Place, RoomNews,
        owner::{self, Interest},
    },
};

/// The sample rate of tones for a whole room. Each member hears them at its own.
const TONE_RATE: u32 = 16_000;

/// A stay in a room.
pub(super) struct Stay {
    place: Place,
    /// Whether all hear a tone at its ends.
    tones: bool,
    /// Whether it is in the sound of the room.
    joined: bool,
    /// Until when it waits for a moderator, where it does.
    waits_until: Option<Instant>,
    /// Whether it is to record the room, as soon as it is in its sound.
    to_record: bool,
    /// The recording of the room, where it is this leg's.
    recording: Option<RecordingId>,
    /// Keeps the room at this node.
    _interest: Option<Interest>,
}

impl Stay {
    /// Names the sound of the room.
    pub(super) fn room(&self) -> RoomId {
        self.place.room
    }

    /// Until when it waits for a moderator, where it does.
    pub(super) fn waits_until(&self) -> Option<Instant> {
        self.waits_until
    }

    /// What the room is called.
    pub(super) fn name(&self) -> String {
        self.place.name().to_string()
    }

    /// Takes the recording of the room for this leg.
    ///
    /// # Errors
    ///
    /// Why it cannot have it.
    pub(super) fn take_the_recording(&self) -> Result<(), &'static str> {
        if !self.joined {
            return Err("the room has not begun");
        }
        if !self.place.take_the_recording() {
            return Err("the room is recorded already");
        }
        Ok(())
    }

    /// By this recording the room is recorded for this leg; or not any more.
    pub(super) fn records(&mut self, recording: Option<RecordingId>) {
        self.recording = recording;
        if recording.is_none() {
            self.place.no_longer_records();
        }
    }

    /// Whether the room is recorded by this recording.
    pub(super) fn is_recorded_as(&self, recording: RecordingId) -> bool {
        self.recording == Some(recording)
    }
}

/// The next news of the room. Safe to drop and call again.
pub(super) async fn news_of_room(stay: &mut Option<Box<Stay>>) -> RoomNews {
    match stay {
        Some(stay) => match stay.place.news.recv().await {
            Some(news) => news,
            // The other end is the room's, where this place is until it is dropped.
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

impl Conversation<'_> {
    /// Enters a room for the flow.
    pub(super) async fn enter(&mut self, wish: Conference) {
        let account = self.live.call.account;
        let interest = match owner::place(self.engine, account, &wish.room, &self.live.leg.node).await {
            Ok(owner::Place::Here(interest)) => interest,
            Ok(owner::Place::There(_)) => {
                let because = "another node has this room";
                return self.not_let_in(&wish, Outcome::Failed, because).await;
            }
            Err(error) => return self.not_let_in(&wish, Outcome::Failed, &error.to_string()).await,
        };
        let call = &self.live.call;
        let muted = wish.muted || self.muted;
        let who = self.first_party();
        let member = Member {
            call: call.id,
            leg: self.live.leg.id,
            who: who.map_or_else(|| "unknown".to_owned(), |who| who.to_string()),
            muted,
            held: self.held,
            moderator: wish.moderator,
            speaking: false,
            since: self.engine.ids.now(),
        };
        let rooms = Arc::clone(&self.engine.inner().rooms);
        let entered = rooms.enter(call.account, &wish, member, self.engine.ids.make(RoomId::new));
        let place = match entered {
            Ok(place) => place,
            Err(reason) => return self.not_let_in(&wish, reason.outcome(), &reason.to_string()).await,
        };
        self.muted = muted;
        let kind = EventKind::RoomJoined {
            leg: self.live.leg.id,
            room: wish.room.to_string(),
            members: place.members,
        };
        self.recorder.note(&mut self.live, [kind]);
        let (begun, records) = (place.begun, place.records);
        self.stay = Some(Box::new(Stay {
            place,
            tones: wish.tones,
            joined: false,
            waits_until: (!begun).then(|| Instant::now() + wish.patience),
            to_record: records,
            recording: None,
            _interest: interest,
        }));
        if begun {
            self.take_part().await;
        } else {
            let waiting = self.rendered.clips(&wish.waiting);
            self.sound.play_on(waiting).await;
        }
    }

    /// It is in the sound of a room: only now there is something to record.
    pub(super) async fn on_joined(&mut self, room: RoomId) {
        let stay = self.stay.as_mut().filter(|stay| stay.place.room == room);
        let Some(stay) = stay else { return };
        stay.joined = true;
        if std::mem::take(&mut stay.to_record) {
            self.record_room().await;
        }
    }

    /// The flow goes on without the room, or ends with the reason.
    async fn not_let_in(&mut self, wish: &Conference, outcome: Outcome, because: &str) {
        let kind = EventKind::RoomLeft {
            leg: self.live.leg.id,
            room: wish.room.to_string(),
            because: because.to_owned(),
        };
        self.recorder.note(&mut self.live, [kind]);
        self.goes_on_without(wish.room.as_str(), outcome, because).await;
    }

    /// The flow goes on, or ends with the reason why the room was not entered.
    async fn goes_on_without(&mut self, room: &str, outcome: Outcome, because: &str) {
        self.tell_interpreter(Input::NotLetIn(outcome));
        if self.interpreter.as_ref().is_some_and(Interpreter::is_announcing) {
            let reason = format!("turned away from the room {room}: {because}");
            self.is_to_end_as(Ending::new(outcome, EndedBy::System, reason));
        }
        Box::pin(self.follow_flow()).await;
    }

    /// No moderator came while it waited for one.
    pub(super) async fn on_no_moderator(&mut self) {
        let Some(stay) = &mut self.stay else { return };
        stay.waits_until = None;
        let room = stay.name();
        let because = "no moderator came in time";
        self.leave_room(because);
        self.sound.stop().await;
        self.goes_on_without(&room, Outcome::NoAnswer, because).await;
    }

    /// Hears the others, and is heard.
    async fn take_part(&mut self) {
        let Some(stay) = &mut self.stay else { return };
        stay.waits_until = None;
        let joining = Joining {
            room: stay.place.room,
            kind: RoomKind::Conference,
            muted: self.muted,
        };
        self.sound.stop().await;
        self.sound.tell(LegCommand::Join(joining)).await;
        self.signal_room(Signal::Entered);
    }

    /// The room wants something of this member.
    pub(super) async fn on_room(&mut self, news: RoomNews) {
        match news {
            RoomNews::Begun => self.take_part().await,
            RoomNews::Record => match &mut self.stay {
                Some(stay) if !stay.joined => stay.to_record = true,
                _ => self.record_room().await,
            },
            RoomNews::Out(because) => {
                self.leave_room(&because);
                self.sound.tell(LegCommand::Leave).await;
                self.input(Input::LeftRoom).await;
            }
        }
    }

    /// Leaves the room, if it is in one.
    pub(super) fn leave_room(&mut self, because: &str) {
        let Some(stay) = self.stay.take() else { return };
        let kind = EventKind::RoomLeft {
            leg: self.live.leg.id,
            room: stay.place.name().to_string(),
            because: because.to_owned(),
        };
        self.recorder.note(&mut self.live, [kind]);
        if let Some(recording) = stay.recording {
            self.engine.inner().writer.stop(recording, RecordingEnd::LeftRoom);
        }
        if stay.tones {
            let clip = self.engine.prompts.signal(Signal::Left, TONE_RATE);
            self.engine.room_sound.play(stay.place.room, vec![clip]);
        }
    }

    fn signal_room(&self, signal: Signal) {
        if let Some(stay) = &self.stay
            && stay.tones
        {
            let clip = self.engine.prompts.signal(signal, TONE_RATE);
            self.engine.room_sound.play(stay.place.room, vec![clip]);
        }
    }

    /// Lets the room's list say what became of this member.
    pub(super) fn tell_room(&self) {
        if let Some(stay) = &self.stay {
            let (muted, held) = (self.muted, self.held);
            stay.place.now_is(|member| {
                member.muted = muted;
                member.held = held;
            });
        }
    }
}
