//! What receivers are told of calls that were made by this face.

mod described;

use jiff::Timestamp;
use outdial_domain::{Event, EventKind};
use outdial_engine::{
    ports::{Happened, Notice, NoticeWriter, Snapshot},
    recording::LinkSigner,
};

use super::{
    recordings::path_of_link,
    wire::{self, Notification, NotificationData, Time},
};

pub(super) use described::webhooks;

/// Writes notifications in the words of the native API.
#[derive(Debug, Clone, Default)]
pub struct NativeNotices {
    /// Signs what opens a recording that is told of.
    links: Option<LinkSigner>,
}

impl NativeNotices {
    /// Notifications that open the recordings they tell of, for a while.
    #[must_use]
    pub fn with_links(links: LinkSigner) -> Self {
        Self { links: Some(links) }
    }

    /// What opens the recording that an event tells to be complete.
    fn recording_url(&self, event: &Event, now: Timestamp) -> Option<String> {
        let EventKind::RecordingFinished { recording, .. } = event.kind else {
            return None;
        };
        let (link, signature) = self.links.as_ref()?.link(event.account, recording, now);
        Some(path_of_link(&link, &signature))
    }
}

impl NoticeWriter for NativeNotices {
    fn write(&self, happened: &Happened<'_>) -> Option<Notice> {
        let (event, now) = (happened.event(), happened.now);
        let kind = match &event.kind {
            // The words of messages begin so that they are apart from those of calls.
            EventKind::Message { .. } => event.kind.word().replacen('_', ".", 1),
            _ => format!("call.{}", event.kind.word()),
        };
        let (call, message) = match happened.snapshot {
            Snapshot::Call(call) => (Some(call), None),
            Snapshot::Message(message) => (None, Some(message)),
        };
        let notification = Notification {
            kind,
            timestamp: Time(event.at),
            data: NotificationData {
                event: happened.stored.clone().into(),
                recording_url: self.recording_url(event, now),
                call_events: call.map(|details| details.call.events),
                call: call.map(|details| wire::Call::whole(details.clone(), now)),
                message: message.cloned().map(wire::Message::from),
            },
        };
        Some(Notice {
            url: None,
            content_type: "application/json".to_owned(),
            headers: Vec::new(),
            body: serde_json::to_string(&notification).expect("wire types have only what JSON has"),
        })
    }
}
