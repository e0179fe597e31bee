//! What a conversation has to do with recordings.

use std::time::Duration;

use outdial_domain::{Channels, Recording, RecordingEnd, RecordingId, RoomId, recording::Made};
use outdial_flow::{Input, Record, RecordingAction};
use tokio::sync::mpsc;

use super::{
    conversation::Conversation,
    recordings::{Of, Recordings},
};
use crate::{
    live::{NOT_ANSWERED, Said},
    ports::LegCommand,
};

const IN_NO_ROOM: &str = "the call is in no room";
const ALONE: &str = "the call is not connected with another party that could be recorded";

/// Where the sound to be recorded is.
enum Where {
    Room(RoomId),
    Leg(mpsc::Sender<LegCommand>),
}

impl Conversation<'_> {
    /// Begins a recording that the flow wants. One that cannot begin does not end the call; gives what the flow
    /// is to be told then, where it waits.
    pub(super) async fn flow_records(&mut self, record: Record) -> Option<Input> {
        let waits = record.until.is_some();
        let reason = self.record(record, "the flow").await.err()?;
        tracing::error!(call = %self.live.call.id, reason, "a call is not recorded");
        waits.then_some(Input::Recorded {
            end: RecordingEnd::Failed,
            length: Duration::ZERO,
        })
    }

    /// Ends the message that the flow waits for.
    pub(super) fn end_message(&self) {
        if let Some(recordings) = &self.recordings {
            recordings.end_message(self.engine);
        }
    }

    /// Does this to all recordings, as the flow wants it.
    pub(super) fn change_recordings(&mut self, action: RecordingAction) {
        if let Some(recordings) = &mut self.recordings {
            let events = recordings.all(self.engine, action);
            self.recorder.note(&mut self.live, events);
        }
    }

    /// Ends all of them, because their leg is over.
    pub(super) async fn settle_recordings(&mut self) {
        if let Some(recordings) = self.recordings.take() {
            let events = recordings.settle(self.engine).await;
            self.recorder.note(&mut self.live, events);
        }
    }

    async fn record(&mut self, record: Record, by: &str) -> Result<Recording, String> {
        let first = self.live.leg.id;
        let (leg, place) = match record.channels {
            Channels::Room => {
                let stay = self.stay.as_ref().ok_or(IN_NO_ROOM)?;
                (first, Where::Room(stay.room()))
            }
            Channels::Other => {
                let other = self.other.as_ref().and_then(|other| other.connected()).ok_or(ALONE)?;
                (other.leg, Where::Leg(other.sound.commands()))
            }
            Channels::Mono | Channels::Separate | Channels::Party => (first, Where::Leg(self.sound.commands())),
        };
        let of = Of {
            account: self.live.call.account,
            call: self.live.call.id,
            leg,
        };
        let recordings = self.recordings.get_or_insert_with(|| Box::new(Recordings::new()));
        let begun = recordings.begin(self.engine, of, record, by)?;
        self.recorder.note(&mut self.live, [begun.event]);
        match place {
            Where::Room(room) => self.engine.room_sound.tap(room, begun.sink),
            // A leg that is gone lets go of the tap, which ends the recording.
            Where::Leg(leg) => drop(leg.send(LegCommand::Tap(begun.sink)).await),
        }
        Ok(begun.recording)
    }

    /// Records the room, which this leg entered to do so.
    pub(super) async fn record_room(&mut self) {
        let Some(stay) = &self.stay else { return };
        let record = Record {
            name: stay.name(),
            channels: Channels::Room,
            ..Record::default()
        };
        if let Err(reason) = self.record_taken_room(record, "the flow").await {
            tracing::error!(call = %self.live.call.id, reason, "a room is not recorded");
        }
    }

    /// Records the room, whose recording is this leg's.
    async fn record_taken_room(&mut self, record: Record, by: &str) -> Result<Recording, String> {
        let begun = self.record(record, by).await;
        if let Some(stay) = &mut self.stay {
            stay.records(begun.as_ref().ok().map(|recording| recording.id));
        }
        begun
    }

    /// A recording is complete.
    pub(super) async fn on_recorded(&mut self, id: RecordingId, made: Made) {
        let recordings = self.recordings.as_mut();
        let complete = recordings.and_then(|all| all.complete(self.engine, id, made));
        let Some(complete) = complete else { return };
        if let Some(stay) = self.stay.as_mut().filter(|stay| stay.is_recorded_as(id)) {
            stay.records(None);
        }
        self.recorder.note(&mut self.live, [complete.event]);
        if let Some((end, length)) = complete.message {
            self.input(Input::Recorded { end, length }).await;
        }
    }

    /// Begins a recording because somebody asks for it.
    pub(super) async fn asked_to_record(&mut self, name: String, channels: Channels, most: Duration, by: &str) -> Said {
        if self.is_whole() {
            let reason = "the carrier that took this call runs it by itself, and does not record it for us";
            return Said::Refused(reason.to_owned());
        }
        if self.is_over() {
            return Said::Refused("the party that would be recorded has hung up".to_owned());
        }
        if !self.is_answered() {
            return Said::Refused(NOT_ANSWERED.to_owned());
        }
        let record = Record {
            name,
            channels,
            most,
            ..Record::default()
        };
        let begun = match channels {
            Channels::Room => match &self.stay {
                None => Err(IN_NO_ROOM.to_owned()),
                Some(stay) => match stay.take_the_recording() {
                    Ok(()) => self.record_taken_room(record, by).await,
                    Err(reason) => Err(reason.to_owned()),
                },
            },
            Channels::Mono | Channels::Separate | Channels::Party | Channels::Other => self.record(record, by).await,
        };
        match begun {
            Ok(recording) => Said::Recording(Box::new(recording)),
            Err(reason) => Said::Refused(reason),
        }
    }

    /// Does this to one recording because somebody asks for it.
    pub(super) fn asked_of_recording(&mut self, id: RecordingId, action: RecordingAction, by: &str) -> Said {
        let Some(recordings) = &mut self.recordings else {
            return Said::NotRecording;
        };
        match recordings.one(self.engine, id, action, by, RecordingEnd::Request) {
            Ok((recording, event)) => {
                self.recorder.note(&mut self.live, event);
                Said::Recording(Box::new(recording))
            }
            Err(_) => Said::NotRecording,
        }
    }
}
