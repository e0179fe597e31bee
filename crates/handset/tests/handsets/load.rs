//! A thousand phones at once.

use std::collections::HashSet;
use std::sync::Arc;

use outdial_handset::{EndedBy, EventKind, Phone, Script};

use crate::caller::{Caller, soon, start};

const CALLS: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_phones_answer_and_hang_up() {
    let handsets = start(Script::new().phone(Phone::answering("1*").without_rtp())).await;
    let caller = Arc::new(Caller::new().await);
    let calls: Vec<_> = (0..CALLS)
        .map(|index| {
            let (caller, uri) = (caller.clone(), handsets.uri(&format!("1{index:04}")));
            tokio::spawn(async move { Box::pin(caller.call(&uri)).await })
        })
        .collect();
    let mut placed = Vec::new();
    for call in calls {
        let call = soon(call).await.unwrap();
        assert_eq!(call.code(), 200);
        placed.push(call);
    }
    let mut acknowledged = 0;
    soon(handsets.wait_until(|event| {
        acknowledged += usize::from(event.kind == EventKind::Acknowledged);
        acknowledged == CALLS
    }))
    .await;
    let mut finished = handsets.subscribe();
    handsets.shutdown().await;
    let mut numbers = HashSet::new();
    while let Ok(call) = finished.recv().await {
        assert_eq!(call.ended_by, EndedBy::Shutdown);
        assert_eq!(call.ring, 1);
        numbers.insert(call.number);
    }
    assert_eq!(numbers.len(), CALLS);
}
