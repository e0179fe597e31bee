//! Calls and texts that are followed until they are over.

use super::Client;
use crate::call::{Call, CallAnswer, GetCall};
use crate::sms::{GetSms, Sms, SmsAnswer};
use crate::{Error, Request};
use futures_util::Stream;
use std::time::Duration;

/// A request for the state of something that comes to an end.
pub trait Trackable: Request<Answer: Send> + Clone + std::fmt::Debug + Send + Sync {
    /// The state that is asked for.
    type State: Clone + std::fmt::Debug + PartialEq + Send + Sync;
    /// Its name at the service.
    fn sid(&self) -> &str;
    /// The state out of the answer.
    fn state(answer: Self::Answer) -> Option<Self::State>;
    /// Whether the state will not change any more.
    fn is_final(state: &Self::State) -> bool;
}

impl Trackable for GetCall {
    type State = Call;
    fn sid(&self) -> &str {
        &self.sid
    }
    fn state(answer: CallAnswer) -> Option<Call> {
        Some(answer.call)
    }
    fn is_final(state: &Call) -> bool {
        state.is_final()
    }
}

impl Trackable for GetSms {
    type State = Sms;
    fn sid(&self) -> &str {
        &self.sid
    }
    fn state(SmsAnswer(texts): SmsAnswer) -> Option<Sms> {
        texts.into_iter().next()
    }
    fn is_final(state: &Sms) -> bool {
        state.is_final()
    }
}

/// A call or a text that the service knows. Dropping it changes nothing at the service.
#[derive(Clone, Debug)]
pub struct Tracked<Q: Trackable> {
    client: Client,
    query: Q,
    state: Option<Q::State>,
}

impl<Q: Trackable> Tracked<Q> {
    pub(super) fn new(client: Client, query: Q, state: Option<Q::State>) -> Self {
        Self { client, query, state }
    }

    /// Its name at the service.
    #[must_use]
    pub fn sid(&self) -> &str {
        self.query.sid()
    }

    /// What was last heard of it, without asking.
    #[must_use]
    pub fn state(&self) -> Option<&Q::State> {
        self.state.as_ref()
    }

    /// Asks for its state now.
    ///
    /// # Errors
    ///
    /// As [`Client::send`].
    pub async fn refresh(&mut self) -> Result<Q::State, Error> {
        let answer = self.client.send(&self.query).await?;
        let state = Q::state(answer).ok_or_else(|| Error::Server("the answer is empty".to_owned()))?;
        Ok(self.state.insert(state).clone())
    }

    /// Asks until it is over. The price of a call is known a few minutes later, for which
    /// [`refresh`](Self::refresh) asks.
    ///
    /// Drop the future to stop waiting; it can be waited for again.
    ///
    /// # Errors
    ///
    /// As [`Client::send`], but for [`Error::RateLimited`].
    pub async fn wait(&mut self) -> Result<Q::State, Error> {
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
    pub fn watch(&mut self) -> impl Stream<Item = Result<Q::State, Error>> + Send + '_ {
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
