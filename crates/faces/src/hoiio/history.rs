//! The calls of the account that were made by this interface, a hundred at a time, newest first.

use outdial_engine::{
    ports::CallFilter,
    verbs::{self, CallError, LONGEST_PAGE},
};
use outdial_hoiio::{
    Page, Status,
    voice::{CallStatus, History},
};

use super::{Asker, FACE, Service, status::shown, voice::failed};

/// How many entries a page has, and may have at most.
const USUAL_PAGE: u32 = 100;

/// One page of the history. What it costs grows with how many calls are between its end and now.
pub(super) async fn page(service: &Service, asker: &Asker<'_>, asked: &History) -> Result<Page<CallStatus>, Status> {
    let size = asked.page_size.unwrap_or(USUAL_PAGE).min(USUAL_PAGE);
    let skipped = u64::from(asked.page.unwrap_or(1).saturating_sub(1)) * u64::from(size);
    let mut filter = CallFilter {
        face: Some(FACE.to_owned()),
        most: LONGEST_PAGE,
        ..CallFilter::default()
    };
    let (mut total, mut wanted) = (0_u64, Vec::new());
    loop {
        let found = verbs::list_calls(&service.engine, &asker.actor, filter.clone()).await;
        let found = found.map_err(|error| failed(&error))?;
        filter.before = found.items.last().map(|call| call.id);
        let mut before = false;
        for call in found.items {
            // The service's times have whole seconds.
            let second = call.created_at.as_second();
            before |= asked
                .from
                .as_ref()
                .is_some_and(|from| second < from.timestamp().as_second());
            let after = asked.to.as_ref().is_some_and(|to| second > to.timestamp().as_second());
            if before || after {
                continue;
            }
            if (skipped..skipped + u64::from(size)).contains(&total) {
                wanted.push(call.id);
            }
            total += 1;
        }
        if !found.more || before {
            break;
        }
    }
    let mut entries = Vec::with_capacity(wanted.len());
    for id in wanted {
        match verbs::get_call(&service.engine, &asker.actor, id).await {
            Ok(details) => entries.push(shown(&details)),
            Err(CallError::NotFound) => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    Ok(Page {
        total_entries_count: u32::try_from(total).unwrap_or(u32::MAX),
        entries,
    })
}
