//! Calls that are followed until they are over.

use super::Client;
use crate::{Attempt, Error, Outcome, ReqId, Status};
use futures_util::Stream;
use std::time::Duration;

/// What is known of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallState {
    /// What became of it.
    pub outcome: Outcome,
    /// Its attempts that are over, oldest first.
    pub attempts: Vec<Attempt>,
}

impl CallState {
    /// The answers that an application has gathered.
    #[must_use]
    pub fn answers(&self) -> &[(String, String)] {
        let gathered = self.attempts.iter().rev().find(|attempt| !attempt.answers.is_empty());
        gathered.map_or(&[], |attempt| &attempt.answers)
    }
}

/// A call that the gateway knows. Dropping it changes nothing at the gateway.
#[derive(Clone, Debug)]
pub struct Tracked {
    client: Client,
    id: ReqId,
    self_delete: bool,
    state: Option<CallState>,
}

impl Tracked {
    pub(super) fn new(client: Client, id: ReqId, self_delete: bool) -> Self {
        Self {
            client,
            id,
            self_delete,
            state: None,
        }
    }

    /// Its name at the gateway.
    #[must_use]
    pub fn id(&self) -> &ReqId {
        &self.id
    }

    /// What was last heard of it, without asking.
    #[must_use]
    pub fn state(&self) -> Option<&CallState> {
        self.state.as_ref()
    }

    /// Asks what became of it so far. A record that goes by itself may be gone already, which is
    /// [`Outcome::Gone`].
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub async fn refresh(&mut self) -> Result<CallState, Error> {
        let state = match self.client.status(&self.id).await {
            Err(Error::NotFound(_)) if self.self_delete => CallState {
                outcome: Outcome::Gone,
                attempts: Vec::new(),
            },
            Ok(status) => CallState {
                outcome: status.outcome(),
                attempts: match status {
                    Status::Attempts(attempts) => attempts,
                    Status::Error(_) => Vec::new(),
                },
            },
            Err(other) => return Err(other),
        };
        Ok(self.state.insert(state).clone())
    }

    /// Asks until it is over. Drop the future to stop waiting; it can be waited for again.
    ///
    /// # Errors
    ///
    /// As [`Client::status`].
    pub async fn wait(&mut self) -> Result<CallState, Error> {
        let mut pause = self.client.settings.first_poll;
        loop {
            match &self.state {
                Some(state) if state.outcome.is_final() => return Ok(state.clone()),
                Some(_) => {
                    tokio::time::sleep(pause).await;
                    pause = self.longer(pause);
                }
                None => {}
            }
            self.refresh().await?;
        }
    }

    /// Every state that differs from the one before, up to the last one.
    pub fn watch(&mut self) -> impl Stream<Item = Result<CallState, Error>> + Send + '_ {
        let first = self.client.settings.first_poll;
        futures_util::stream::try_unfold((self, first, true), async |(tracked, mut pause, asking)| {
            if !asking {
                return Ok(None);
            }
            let before = tracked.state.clone();
            loop {
                let state = tracked.refresh().await?;
                let over = state.outcome.is_final();
                if over || before.as_ref() != Some(&state) {
                    return Ok(Some((state, (tracked, pause, !over))));
                }
                tokio::time::sleep(pause).await;
                pause = tracked.longer(pause);
            }
        })
    }

    /// Removes it with its record; when it was not made yet, it is not made.
    ///
    /// # Errors
    ///
    /// As [`Client::remove`].
    pub async fn remove(&self) -> Result<(), Error> {
        self.client.remove(&self.id).await
    }

    fn longer(&self, pause: Duration) -> Duration {
        (pause * 3 / 2).min(self.client.settings.longest_poll)
    }
}
