//! Histories over all their pages.

use super::Client;
use crate::{Error, Page, Paged};
use futures_util::Stream;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The entries of a history, one after the other, as a [`Stream`].
///
/// After an error it is at its end.
pub struct Entries<E>(Pin<Box<dyn Stream<Item = Result<E, Error>> + Send>>);

struct State<R: Paged> {
    client: Client,
    request: R,
    page: u32,
    ready: VecDeque<R::Entry>,
    seen: u64,
    total: Option<u64>,
}

impl<E: Send + 'static> Entries<E> {
    pub(super) fn new<R>(client: Client, request: R) -> Self
    where
        R: Paged<Entry = E> + Clone + Send + Sync + 'static,
        R::Answer: Send,
    {
        let state = State {
            page: request.wanted_page(),
            client,
            request,
            ready: VecDeque::new(),
            seen: 0,
            total: None,
        };
        Self(Box::pin(futures_util::stream::try_unfold(state, step)))
    }

    /// The next entry, or `None` at the end.
    pub async fn next(&mut self) -> Option<Result<E, Error>> {
        futures_util::StreamExt::next(&mut self.0).await
    }
}

async fn step<R: Paged + Clone + Send + Sync>(mut state: State<R>) -> Result<Option<(R::Entry, State<R>)>, Error>
where
    R::Answer: Send,
{
    if let Some(entry) = state.ready.pop_front() {
        return Ok(Some((entry, state)));
    }
    if state.total.is_some_and(|total| state.seen >= total) {
        return Ok(None);
    }
    let first = state.page == state.request.wanted_page();
    let Page {
        total_entries_count,
        entries,
    } = state.client.send(&state.request.at_page(state.page)).await?;
    if first {
        // What stands on the pages before the first one asked for is not seen here.
        let before = u64::from(state.page - 1).saturating_mul(100);
        state.total = Some(u64::from(total_entries_count).saturating_sub(before));
    }
    state.seen += entries.len() as u64;
    state.page += 1;
    state.ready = entries.into();
    // A page with nothing on it is the last, whatever was counted.
    Ok(state.ready.pop_front().map(|entry| (entry, state)))
}

impl<E> Stream for Entries<E> {
    type Item = Result<E, Error>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl<E> fmt::Debug for Entries<E> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Entries").finish_non_exhaustive()
    }
}
