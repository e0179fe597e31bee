//! What receivers are told of calls that were made by this face.

mod described;

use jiff::Timestamp;
use outdial_domain::Event;
use outdial_engine::ports::{CallDetails, Notice, NoticeWriter, StoredEvent};

use super::wire::{self, Notification, NotificationData, Time};

pub(super) use described::webhooks;

/// Writes notifications in the words of the native API.
#[derive(Debug, Clone, Copy, Default)]
pub struct NativeNotices;

impl NoticeWriter for NativeNotices {
    fn write(&self, call: &CallDetails, event: &Event, position: i64, now: Timestamp) -> Option<Notice> {
        let notification = Notification {
            kind: format!("call.{}", event.kind.word()),
            timestamp: Time(event.at),
            data: NotificationData {
                event: StoredEvent {
                    position,
                    event: event.clone(),
                }
                .into(),
                call_events: call.call.events,
                call: wire::Call::whole(call.clone(), now),
            },
        };
        Some(Notice {
            content_type: "application/json".to_owned(),
            headers: Vec::new(),
            body: serde_json::to_string(&notification).expect("wire types have only what JSON has"),
        })
    }
}
