//! The client for programs without an async runtime.
//!
//! It has a small runtime of its own, so it must not be used, nor dropped, inside of another one.
//!
//! ```no_run
//! use outdial_voicent::{CallRequest, Client, blocking};
//!
//! let client = blocking::Client::new(Client::local()?)?;
//! let mut call = client.call(&CallRequest::text("123-4567", "Hello, how are you doing"))?;
//! println!("{}", call.wait()?.outcome);
//! # Ok::<(), outdial_voicent::Error>(())
//! ```

use crate::client::{self, CallState};
use crate::{CallRequest, CampaignAnswer, CampaignRequest, Error, ReqId, Table};
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

    /// As [`crate::Client::call`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn call(&self, request: &CallRequest) -> Result<Tracked, Error> {
        let inner = self.runtime.block_on(self.inner.call(request))?;
        Ok(self.tracked(inner))
    }

    /// As [`crate::Client::placed_call`].
    #[must_use]
    pub fn placed_call(&self, id: ReqId) -> Tracked {
        self.tracked(self.inner.placed_call(id))
    }

    /// As [`crate::Client::campaign`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn campaign(
        &self,
        request: &CampaignRequest,
        file: Option<(String, Vec<u8>)>,
    ) -> Result<CampaignAnswer, Error> {
        self.runtime.block_on(self.inner.campaign(request, file))
    }

    /// As [`crate::Client::results`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn results(&self, campaign: impl Into<String>, file: &str) -> Result<Table, Error> {
        self.runtime.block_on(self.inner.results(campaign, file))
    }

    fn tracked(&self, inner: client::Tracked) -> Tracked {
        Tracked {
            inner,
            runtime: Arc::clone(&self.runtime),
        }
    }
}

/// As [`client::Tracked`], blocking.
#[derive(Clone, Debug)]
pub struct Tracked {
    inner: client::Tracked,
    runtime: Arc<Runtime>,
}

impl Tracked {
    /// Its name at the gateway.
    #[must_use]
    pub fn id(&self) -> &ReqId {
        self.inner.id()
    }

    /// What was last heard of it, without asking.
    #[must_use]
    pub fn state(&self) -> Option<&CallState> {
        self.inner.state()
    }

    /// As [`client::Tracked::refresh`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn refresh(&mut self) -> Result<CallState, Error> {
        self.runtime.block_on(self.inner.refresh())
    }

    /// As [`client::Tracked::wait`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn wait(&mut self) -> Result<CallState, Error> {
        self.runtime.block_on(self.inner.wait())
    }

    /// As [`client::Tracked::watch`], as an iterator.
    pub fn watch(&mut self) -> impl Iterator<Item = Result<CallState, Error>> + '_ {
        let mut states = Box::pin(self.inner.watch());
        let runtime = &self.runtime;
        std::iter::from_fn(move || runtime.block_on(states.next()))
    }

    /// As [`client::Tracked::remove`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn remove(&self) -> Result<(), Error> {
        self.runtime.block_on(self.inner.remove())
    }
}
