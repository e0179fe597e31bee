//! Whether the receivers of the accounts' webhooks can be told: each is sent a signed ping.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use outdial_domain::{EventId, Webhook};
use outdial_engine::ports::{Ids, SystemClock, SystemEntropy};
use outdial_store::{PostgresStore, SqliteStore};
use outdial_webhooks::{HttpPost, PostError, ping};
use secrecy::ExposeSecret;

use super::Finding;
use crate::{cli::Common, config::Config, data_dir::DataDir};

/// How many are tried; a server with more has other ways to see how they do.
const MOST: usize = 50;

/// A finding for each webhook that there is.
pub(super) async fn findings(common: &Common, config: &Config) -> Vec<Finding> {
    let (webhooks, post) = match (stored(common, config).await, post(config)) {
        (Ok(webhooks), Ok(post)) => (webhooks, post),
        (Err(reason), _) | (_, Err(reason)) => return vec![Finding::new("webhooks", Err(reason))],
    };
    let mut findings = Vec::new();
    for webhook in webhooks.iter().take(MOST) {
        findings.push(tried(&post, webhook).await);
    }
    if webhooks.len() > MOST {
        let rest = format!("{} more were not tried", webhooks.len() - MOST);
        findings.push(Finding::not_known("webhooks", rest));
    }
    findings
}

fn post(config: &Config) -> Result<HttpPost, String> {
    let settings = config.settings().map_err(|error| error.to_string())?;
    let (_, within) = config.webhooks.telling().map_err(|error| error.to_string())?;
    HttpPost::new(settings.outgoing, within).map_err(|error| error.to_string())
}

/// All webhooks, read beside a server that may be running; none where nothing is kept yet.
async fn stored(common: &Common, config: &Config) -> Result<Vec<Webhook>, String> {
    let read = match config.store.url().map_err(|error| error.to_string())? {
        Some(url) => PostgresStore::webhooks_at(url.expose_secret()).await,
        None => {
            let database = DataDir::database_in(&common.data);
            if !database.exists() {
                return Ok(Vec::new());
            }
            SqliteStore::webhooks_in(&database).await
        }
    };
    read.map_err(|error| error.to_string())
}

async fn tried(post: &HttpPost, webhook: &Webhook) -> Finding {
    let what = format!("webhook {}", webhook.id);
    // What follows a question mark may be somebody's secret.
    let url = webhook.url.split('?').next().unwrap_or_default();
    if let Some(reason) = &webhook.disabled {
        let remedy = format!("turn it on with `POST /api/v1/webhooks/{}/enable`", webhook.id);
        return Finding::new(what, Err(format!("{url} is off, because {reason}: {remedy}")));
    }
    let ids = Ids::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
    let id = ids.make(EventId::new).to_string();
    let began = Instant::now();
    let answered = ping(post, webhook, &id, ids.now()).await;
    Finding::new(what, judged(url, answered.map(|posted| posted.status), began.elapsed()))
}

fn judged(url: &str, answered: Result<u16, PostError>, took: Duration) -> Result<String, String> {
    match answered {
        Ok(200..=299) => Ok(format!("{url} took a signed ping within {} ms", took.as_millis())),
        Ok(status @ 300..=399) => Err(format!(
            "{url} answered {status}: redirects are not followed; give the webhook the address that it leads to"
        )),
        Ok(status @ (401 | 403)) => Err(format!(
            "{url} answered {status}: is the secret that it checks by the one that the webhook signs with?"
        )),
        Ok(status) => Err(format!("{url} answered {status}: look at the log of the receiver")),
        Err(PostError::Refused(reason)) => Err(format!("{url}: {reason}")),
        Err(PostError::Unreachable(reason)) => Err(format!(
            "{url} cannot be reached: {reason}. Is it running, and does the firewall let it be reached from here?"
        )),
    }
}
