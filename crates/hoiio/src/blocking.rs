//! The client for programs without an async runtime.
//!
//! It has a small runtime of its own, so it must not be used, nor dropped, inside of another one.
//!
//! ```no_run
//! use outdial_hoiio::{Client, blocking, voice::Call};
//!
//! let client = blocking::Client::new(Client::new("MYAPP", "MYTOKEN")?)?;
//! let mut call = client.call(&Call::new("+6522222222").dest1("+6511111111"))?;
//! println!("{:?}", call.wait()?);
//! # Ok::<(), outdial_hoiio::Error>(())
//! ```

use crate::client::{self, Trackable};
use crate::{Error, Paged, Request, sms, voice};
use futures_util::StreamExt;
use std::sync::Arc;
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

    /// As [`crate::Client::call`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn call(&self, request: &voice::Call) -> Result<Tracked<voice::QueryStatus>, Error> {
        let inner = self.runtime.block_on(self.inner.call(request))?;
        Ok(self.tracked(inner))
    }

    /// As [`crate::Client::text`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn text(&self, request: &sms::Send) -> Result<Tracked<sms::QueryStatus>, Error> {
        let inner = self.runtime.block_on(self.inner.text(request))?;
        Ok(self.tracked(inner))
    }

    /// As [`crate::Client::placed_call`].
    #[must_use]
    pub fn placed_call(&self, txn_ref: impl Into<String>) -> Tracked<voice::QueryStatus> {
        self.tracked(self.inner.placed_call(txn_ref))
    }

    /// As [`crate::Client::sent_text`].
    #[must_use]
    pub fn sent_text(&self, txn_ref: impl Into<String>) -> Tracked<sms::QueryStatus> {
        self.tracked(self.inner.sent_text(txn_ref))
    }

    /// As [`crate::Client::entries`].
    #[must_use]
    pub fn entries<R: Paged + Clone + Send + Sync + 'static>(&self, request: R) -> Entries<R::Entry>
    where
        R::Answer: Send,
    {
        Entries {
            inner: self.inner.entries(request),
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
    /// The transaction.
    #[must_use]
    pub fn txn_ref(&self) -> &str {
        self.inner.txn_ref()
    }

    /// What was last heard of it, without asking.
    #[must_use]
    pub fn state(&self) -> Option<&Q::Answer> {
        self.inner.state()
    }

    /// As [`client::Tracked::refresh`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn refresh(&mut self) -> Result<Q::Answer, Error> {
        self.runtime.block_on(self.inner.refresh())
    }

    /// As [`client::Tracked::wait`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn wait(&mut self) -> Result<Q::Answer, Error> {
        self.runtime.block_on(self.inner.wait())
    }

    /// As [`client::Tracked::watch`], as an iterator.
    pub fn watch(&mut self) -> impl Iterator<Item = Result<Q::Answer, Error>> + '_ {
        let mut states = Box::pin(self.inner.watch());
        let runtime = &self.runtime;
        std::iter::from_fn(move || runtime.block_on(states.next()))
    }
}

impl Tracked<voice::QueryStatus> {
    /// As [`client::Tracked::hang_up`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn hang_up(&self) -> Result<(), Error> {
        self.runtime.block_on(self.inner.hang_up())
    }
}

/// As [`client::Entries`], as an iterator.
#[derive(Debug)]
pub struct Entries<E> {
    inner: client::Entries<E>,
    runtime: Arc<Runtime>,
}

impl<E: Send + 'static> Iterator for Entries<E> {
    type Item = Result<E, Error>;
    fn next(&mut self) -> Option<Self::Item> {
        self.runtime.block_on(self.inner.next())
    }
}
