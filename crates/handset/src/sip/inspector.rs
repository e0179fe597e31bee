//! Makes the phones that reply to nothing deaf to everything after the INVITE.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::transaction::endpoint::TransportEventInspector;
use rsipstack::transport::TransportEvent;

/// The Call-IDs that nobody replies to.
#[derive(Debug, Clone, Default)]
pub(super) struct Silent(Arc<Mutex<HashSet<String>>>);

impl Silent {
    pub(super) fn add(&self, call_id: &str) {
        let mut call_ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        call_ids.insert(call_id.to_owned());
    }

    fn contains(&self, call_id: &str) -> bool {
        let call_ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        call_ids.contains(call_id)
    }
}

impl TransportEventInspector for Silent {
    fn handle<'inspector, 'answer>(
        &'inspector self,
        event: TransportEvent,
    ) -> Pin<Box<dyn Future<Output = Option<TransportEvent>> + Send + 'answer>>
    where
        'inspector: 'answer,
        Self: 'answer,
    {
        let dropped = match &event {
            TransportEvent::Incoming(message, ..) => message
                .call_id_header()
                .is_ok_and(|call_id| self.contains(call_id.value())),
            TransportEvent::New(_) | TransportEvent::Closed(_) => false,
        };
        Box::pin(std::future::ready((!dropped).then_some(event)))
    }
}
