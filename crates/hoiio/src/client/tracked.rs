//! Calls and texts that are followed until they are over.

use super::Client;
use crate::{Error, Request, sms, voice};
use futures_util::Stream;
use std::time::Duration;

/// A request for the state of something that comes to an end.
pub trait Trackable: Request<Answer: Clone + std::fmt::Debug + PartialEq + Send + Sync> + Clone + Send + Sync {
    /// The transaction that is asked about.
    fn txn_ref(&self) -> &str;
    /// Whether the state will not change any more.
    fn is_final(state: &Self::Answer) -> bool;
}

impl Trackable for voice::QueryStatus {
    fn txn_ref(&self) -> &str {
        &self.txn_ref
    }
    fn is_final(state: &voice::CallStatus) -> bool {
        state.is_final()
    }
}

impl Trackable for sms::QueryStatus {
    fn txn_ref(&self) -> &str {
        &self.txn_ref
    }
    fn is_final(state: &sms::SmsStatus) -> bool {
        state.is_final()
    }
}

/// A call or a text that the service knows. Dropping it changes nothing at the service.
#[derive(Clone, Debug)]
pub struct Tracked<Q: Trackable> {
    client: Client,
    query: Q,
    state: Option<Q::Answer>,
}

impl<Q: Trackable> Tracked<Q> {
    pub(super) fn new(client: Client, query: Q) -> Self {
        Self {
            client,
            query,
            state: None,
        }
    }

    /// The transaction.
    #[must_use]
    pub fn txn_ref(&self) -> &str {
        self.query.txn_ref()
    }

    /// What was last heard of it, without asking.
    #[must_use]
    pub fn state(&self) -> Option<&Q::Answer> {
        self.state.as_ref()
    }

    /// Asks for its state now.
    ///
    /// # Errors
    ///
    /// As [`Client::send`].
    pub async fn refresh(&mut self) -> Result<Q::Answer, Error> {
        let state = self.client.send(&self.query).await?;
        Ok(self.state.insert(state).clone())
    }

    /// Asks until it is over. When the service finds us too eager, the wait is as long as it says.
    ///
    /// Drop the future to stop waiting; it can be waited for again.
    ///
    /// # Errors
    ///
    /// As [`Client::send`], but for [`Error::RateLimited`].
    pub async fn wait(&mut self) -> Result<Q::Answer, Error> {
        let mut pause = self.client.settings.first_poll;
        loop {
            match &self.state {
                Some(state) if Q::is_final(state) => return Ok(state.clone()),
                Some(_) => {
                    tokio::time::sleep(pause).await;
                    pause = self.longer(pause);
                }
                None => {}
            }
            self.refresh_patiently().await?;
        }
    }

    /// Every state that differs from the one before, up to the last one.
    pub fn watch(&mut self) -> impl Stream<Item = Result<Q::Answer, Error>> + Send + '_ {
        let first = self.client.settings.first_poll;
        futures_util::stream::try_unfold((self, first, true), async |(tracked, mut pause, asking)| {
            if !asking {
                return Ok(None);
            }
            let before = tracked.state.clone();
            loop {
                tracked.refresh_patiently().await?;
                match &tracked.state {
                    Some(state) if before.as_ref() != Some(state) || Q::is_final(state) => {
                        let (state, more) = (state.clone(), !Q::is_final(state));
                        return Ok(Some((state, (tracked, pause, more))));
                    }
                    _ => {}
                }
                tokio::time::sleep(pause).await;
                pause = tracked.longer(pause);
            }
        })
    }

    fn longer(&self, pause: Duration) -> Duration {
        (pause * 3 / 2).min(self.client.settings.longest_poll)
    }

    async fn refresh_patiently(&mut self) -> Result<(), Error> {
        loop {
            match self.refresh().await {
                Ok(_) => return Ok(()),
                Err(Error::RateLimited { wait }) => tokio::time::sleep(wait).await,
                Err(other) => return Err(other),
            }
        }
    }
}

impl Tracked<voice::QueryStatus> {
    /// Ends the call.
    ///
    /// # Errors
    ///
    /// As [`Client::send`].
    pub async fn hang_up(&self) -> Result<(), Error> {
        self.client.send(&voice::Hangup::new(self.txn_ref())).await?;
        Ok(())
    }
}
