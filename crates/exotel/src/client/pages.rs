//! Lists of calls over all their pages.

use super::Client;
use crate::Error;
use crate::call::{Call, ListCalls};
use futures_util::Stream;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The calls of a list, one after the other, as a [`Stream`].
///
/// After an error it is at its end.
pub struct Calls(Pin<Box<dyn Stream<Item = Result<Call, Error>> + Send>>);

struct State {
    client: Client,
    request: Option<ListCalls>,
    ready: VecDeque<Call>,
}

impl Calls {
    pub(super) fn new(client: Client, request: ListCalls) -> Self {
        let state = State {
            client,
            request: Some(request),
            ready: VecDeque::new(),
        };
        Self(Box::pin(futures_util::stream::try_unfold(state, step)))
    }

    /// The next call, or `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Call, Error>> {
        futures_util::StreamExt::next(&mut self.0).await
    }
}

async fn step(mut state: State) -> Result<Option<(Call, State)>, Error> {
    while state.ready.is_empty() {
        let Some(request) = state.request.take() else {
            return Ok(None);
        };
        let page = state.client.send(&request).await?;
        // A page without calls, or one that leads to itself, is the last, whatever mark it has.
        let after = page
            .metadata
            .after()
            .filter(|after| request.after.as_ref() != Some(after));
        if let Some(after) = after.filter(|_| !page.calls.is_empty()) {
            state.request = Some(request.after(after));
        }
        state.ready = page.calls.into();
    }
    Ok(state.ready.pop_front().map(|call| (call, state)))
}

impl Stream for Calls {
    type Item = Result<Call, Error>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Calls").finish_non_exhaustive()
    }
}
