//! Tells receivers of events: who is to be told of what, signed, in order for each call, at least once,
//! and again for as long as it takes.
//!
//! ```text
//! event log ─► fan_out: each webhook of an account follows the log ─┐
//! commit of a call that names a receiver ───────────────────────────┤ feeds, in the store
//!                                                                   ▼
//!                     dispatcher takes receivers that have something to be told, for this node alone
//!                                                                   ▼
//!                     serve: one task a receiver, several calls at once ─► tell ─► Post
//!                                                                   ▼
//!                     settler: what became of it, many in one transaction
//! ```
//!
//! A receiver that is dead costs a try now and then and delays nobody else: receivers are served apart
//! from each other. The text of a notification is written by the face that made the call. The crate knows
//! no store and no face by name.

mod backoff;
mod config;
mod dispatcher;
mod fan_out;
mod http_post;
mod ping;
mod post;
mod resolver;
mod serve;
mod settler;
mod sign;
mod sweeper;
mod tell;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use outdial_engine::{Engine, ports::NoticeWriter};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use config::Config;
pub use http_post::HttpPost;
pub use ping::ping;
pub use post::{Post, PostError, Posted, Posting};
pub use sign::{ID, SIGNATURE, TIMESTAMP, VerifyError, signature, verify};

use settler::Settler;

/// Who writes notifications.
#[derive(Clone)]
pub struct Writers {
    /// By the face that made the call.
    pub by_face: BTreeMap<String, Arc<dyn NoticeWriter>>,
    /// For all other calls, as those that come in.
    pub usual: Arc<dyn NoticeWriter>,
}

/// Tells receivers for as long as it lives.
pub struct Webhooks {
    shared: Arc<Shared>,
}

/// What all tasks share.
struct Shared {
    engine: Engine,
    writers: Writers,
    post: Arc<dyn Post>,
    config: Config,
    settler: Settler,
    /// Wakes the dispatcher.
    wake: Notify,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl Webhooks {
    /// Starts to tell receivers of what happens, and of what happened before.
    #[must_use]
    pub fn start(engine: Engine, writers: Writers, post: Arc<dyn Post>, config: Config) -> Self {
        let (settler, settling) = settler::start(engine.clone());
        let shared = Arc::new(Shared {
            engine,
            writers,
            post,
            config,
            settler,
            wake: Notify::new(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let stopping = shared.stopping.clone();
        shared.tasks.spawn(settling.run(stopping));
        shared.tasks.spawn(fan_out::run(Arc::clone(&shared)));
        shared.tasks.spawn(dispatcher::run(Arc::clone(&shared)));
        shared.tasks.spawn(sweeper::run(Arc::clone(&shared)));
        Self { shared }
    }

    /// Begins nothing more, and waits at most this long for what is under way. What was not told is told
    /// after the next start, or by another node.
    pub async fn stop(&self, within: Duration) {
        self.shared.stopping.cancel();
        self.shared.tasks.close();
        if tokio::time::timeout(within, self.shared.tasks.wait()).await.is_err() {
            tracing::info!("stopped while notifications were under way; they are sent again after the next start");
        }
    }
}
