//! The client for programs without an async runtime.
//!
//! It has a small runtime of its own, so it must not be used, nor dropped, inside of another one.
//!
//! ```no_run
//! use outdial_exotel::{Client, blocking, call::Connect};
//!
//! let client = blocking::Client::new(Client::builder("rajnikanth", "TOKEN").build()?)?;
//! let mut call = client.connect(&Connect::numbers("0987654321", "09988776655", "8088919888"))?;
//! println!("{:?}", call.wait()?);
//! # Ok::<(), outdial_exotel::Error>(())
//! ```

use crate::call::{Call, Connect, GetCall, ListCalls};
use crate::client::{self, Trackable};
use crate::sms::{GetSms, SendBulk, SendSms};
use crate::{Error, Request};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// As [`crate::Client`], blocking.
#[derive(Clone, Debug)]
pub struct Client {
    inner: crate::Client,
    runtime: Arc<Runtime>,
}

impl Client {
    /// Wraps an async client, with all its options.
    ///
    /// # Errors
    ///
    /// When the system gives no runtime.
    pub fn new(inner: crate::Client) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::Transport(Box::new(error)))?;
        Ok(Self {
            inner,
            runtime: Arc::new(runtime),
        })
    }

    /// As [`crate::Client::send`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send<R: Request + Sync>(&self, request: &R) -> Result<R::Answer, Error> {
        self.runtime.block_on(self.inner.send(request))
    }

    /// As [`crate::Client::waiting_time`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn waiting_time(&self) -> Result<Duration, Error> {
        self.runtime.block_on(self.inner.waiting_time())
    }

    /// As [`crate::Client::connect`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn connect(&self, request: &Connect) -> Result<Tracked<GetCall>, Error> {
        let inner = self.runtime.block_on(self.inner.connect(request))?;
        Ok(self.tracked(inner))
    }

    /// As [`crate::Client::send_sms`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_sms(&self, request: &SendSms) -> Result<Vec<Tracked<GetSms>>, Error> {
        let sent = self.runtime.block_on(self.inner.send_sms(request))?;
        Ok(sent.into_iter().map(|inner| self.tracked(inner)).collect())
    }

    /// As [`crate::Client::send_bulk`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_bulk(&self, request: &SendBulk) -> Result<Vec<Tracked<GetSms>>, Error> {
        let sent = self.runtime.block_on(self.inner.send_bulk(request))?;
        Ok(sent.into_iter().map(|inner| self.tracked(inner)).collect())
    }

    /// As [`crate::Client::call`].
    #[must_use]
    pub fn call(&self, sid: impl Into<String>) -> Tracked<GetCall> {
        self.tracked(self.inner.call(sid))
    }

    /// As [`crate::Client::sms`].
    #[must_use]
    pub fn sms(&self, sid: impl Into<String>) -> Tracked<GetSms> {
        self.tracked(self.inner.sms(sid))
    }

    /// As [`crate::Client::calls`].
    #[must_use]
    pub fn calls(&self, request: ListCalls) -> Calls {
        Calls {
            inner: self.inner.calls(request),
            runtime: Arc::clone(&self.runtime),
        }
    }

    fn tracked<Q: Trackable>(&self, inner: client::Tracked<Q>) -> Tracked<Q> {
        Tracked {
            inner,
            runtime: Arc::clone(&self.runtime),
        }
    }
}

/// As [`client::Tracked`], blocking.
#[derive(Clone, Debug)]
pub struct Tracked<Q: Trackable> {
    inner: client::Tracked<Q>,
    runtime: Arc<Runtime>,
}

impl<Q: Trackable> Tracked<Q> {
    /// Its name at the service.
    #[must_use]
    pub fn sid(&self) -> &str {
        self.inner.sid()
    }

    /// What was last heard of it, without asking.
    #[must_use]
    pub fn state(&self) -> Option<&Q::State> {
        self.inner.state()
    }

    /// As [`client::Tracked::refresh`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn refresh(&mut self) -> Result<Q::State, Error> {
        self.runtime.block_on(self.inner.refresh())
    }

    /// As [`client::Tracked::wait`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn wait(&mut self) -> Result<Q::State, Error> {
        self.runtime.block_on(self.inner.wait())
    }

    /// As [`client::Tracked::watch`], as an iterator.
    pub fn watch(&mut self) -> impl Iterator<Item = Result<Q::State, Error>> + '_ {
        let mut states = Box::pin(self.inner.watch());
        let runtime = &self.runtime;
        std::iter::from_fn(move || runtime.block_on(states.next()))
    }
}

/// As [`client::Calls`], as an iterator.
#[derive(Debug)]
pub struct Calls {
    inner: client::Calls,
    runtime: Arc<Runtime>,
}

impl Iterator for Calls {
    type Item = Result<Call, Error>;
    fn next(&mut self) -> Option<Self::Item> {
        self.runtime.block_on(self.inner.next())
    }
}
