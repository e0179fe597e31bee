//! Serves the faces that have listeners of their own.

use outdial_domain::Account;
use outdial_engine::Engine;
use outdial_faces::voicent;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{http, start_failure};
use crate::{config::Config, exit::Failure};

/// A listener that is taken, and what will be served there.
#[derive(Default)]
pub(super) struct Taken {
    voicent: Option<(TcpListener, voicent::VoicentConfig)>,
}

impl Taken {
    /// Takes every port that faces want, before anything is dialled.
    pub(super) async fn take(config: &Config, accounts: &[Account]) -> Result<Self, Failure> {
        let configured = config.faces.voicent.as_ref().filter(|voicent| voicent.enabled);
        let voicent = match configured {
            None => None,
            Some(section) => {
                let settings = section.settings(accounts)?;
                let listener = TcpListener::bind(section.bind).await.map_err(|error| {
                    Failure::start(format!(
                        "the gateway's forms cannot be served on {}: {error}. Choose another address with \
                         `[faces.voicent] bind`",
                        section.bind
                    ))
                })?;
                Some((listener, settings))
            }
        };
        Ok(Self { voicent })
    }

    /// Where each is, as `voicent http://127.0.0.1:8155`.
    pub(super) fn addresses(&self) -> Result<Vec<String>, Failure> {
        let voicent = self.voicent.iter().map(|(listener, _)| {
            let address = listener.local_addr().map_err(start_failure)?;
            Ok(format!("{} http://{address}", voicent::FACE))
        });
        voicent.collect()
    }

    /// Serves them until they are told to stop.
    pub(super) fn serve(self, engine: &Engine, stopping: &CancellationToken) -> Vec<JoinHandle<()>> {
        let voicent = self.voicent.map(|(listener, settings)| {
            let router = voicent::router(engine.clone(), settings);
            tokio::spawn(http::serve(listener, router, stopping.clone()))
        });
        voicent.into_iter().collect()
    }
}
