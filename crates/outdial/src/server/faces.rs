//! Serves the faces that programs of others call: on the address of the API, over TLS, and where they have
//! listeners of their own.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use outdial_callfile::QueueError;
use outdial_domain::Account;
use outdial_engine::{Engine, ports::NoticeWriter, recording::LinkSigner};
use outdial_faces::{
    RecordingLinks,
    exotel::{self, ExotelConfig, ExotelNotices},
    hoiio::{self, HoiioConfig, HoiioNotices},
    spool::{self, SpoolConfig},
    voicent::{self, VoicentConfig},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{http, start_failure};
use crate::{
    config::{Config, ConfigError, Spool},
    exit::Failure,
};

/// What is configured, with the listeners that it wants, which are taken.
#[derive(Default)]
pub(super) struct Taken {
    voicent: Option<(TcpListener, VoicentConfig)>,
    tls: Option<(TcpListener, TlsAcceptor)>,
    exotel: Option<ExotelConfig>,
    hoiio: Option<HoiioConfig>,
    spools: Vec<SpoolConfig>,
}

impl Taken {
    /// Takes every port that faces want, before anything is dialled. The API is at this address.
    pub(super) async fn take(config: &Config, accounts: &[Account], api: &str) -> Result<Self, Failure> {
        let faces = &config.faces;
        let exotel = faces.exotel.as_ref().filter(|exotel| exotel.enabled);
        let hoiio = faces.hoiio.as_ref().filter(|hoiio| hoiio.enabled);
        let mut taken = Self {
            exotel: exotel.map(|exotel| exotel.settings(accounts, api)).transpose()?,
            hoiio: hoiio.map(|hoiio| hoiio.settings(accounts, api)).transpose()?,
            spools: Spool::all(config, accounts)?,
            ..Self::default()
        };
        for spool in &taken.spools {
            match spool::check(spool) {
                Ok(()) => {}
                // A node that shares it, or a run of before that is about to end.
                Err(error @ QueueError::InUse { .. }) => tracing::warn!(%error, "its files are left until then"),
                Err(error) => return Err(Failure::start(format!("`[[faces.spool]]`: {error}"))),
            }
        }
        if let Some(section) = faces.voicent.as_ref().filter(|voicent| voicent.enabled) {
            let settings = section.settings(accounts)?;
            taken.voicent = Some((listen(section.bind, "faces.voicent").await?, settings));
        }
        if faces.tls.is_some() && exotel.is_none() && hoiio.is_none() {
            let message = "nothing is served there: add `[faces.exotel]` or `[faces.hoiio]`, or leave this out";
            return Err(ConfigError::value("faces.tls", message).into());
        }
        if let Some(section) = &faces.tls {
            let acceptor = TlsAcceptor::from(section.settings()?);
            taken.tls = Some((listen(section.bind, "faces.tls").await?, acceptor));
        }
        Ok(taken)
    }

    /// Where those are that have listeners or directories of their own, as `voicent http://127.0.0.1:8155`.
    pub(super) fn addresses(&self) -> Result<Vec<String>, Failure> {
        let voicent = self
            .voicent
            .iter()
            .map(|(listener, _)| (voicent::FACE, "http", listener));
        let tls = self.tls.iter().map(|(listener, _)| ("faces", "https", listener));
        let shown = voicent.chain(tls).map(|(name, scheme, listener)| {
            let address = listener.local_addr().map_err(start_failure)?;
            Ok(format!("{name} {scheme}://{address}"))
        });
        let spools = self.spools.iter().map(|spool| {
            let directory = spool.directory.display();
            Ok(format!("{} {directory}", spool::FACE))
        });
        shown.chain(spools).collect()
    }

    /// The directories whose call files are taken.
    pub(super) fn spools(&self) -> Vec<SpoolConfig> {
        self.spools.clone()
    }

    /// Who writes what is told of the calls of each face, but for those that tell nothing.
    /// They open recordings by links of this signer.
    pub(super) fn writers(&self, links: &LinkSigner) -> Vec<(&'static str, Arc<dyn NoticeWriter>)> {
        let exotel = self.exotel.iter().map(|config| {
            let links = RecordingLinks::new(links.clone(), config.public_url.clone());
            let writer: Arc<dyn NoticeWriter> = Arc::new(ExotelNotices::new(links));
            (exotel::FACE, writer)
        });
        let hoiio = self.hoiio.iter().map(|config| {
            let links = RecordingLinks::new(links.clone(), config.public_url.clone());
            let writer: Arc<dyn NoticeWriter> = Arc::new(HoiioNotices::new(config, links));
            (hoiio::FACE, writer)
        });
        exotel.chain(hoiio).collect()
    }

    /// Serves those with listeners of their own until they are told to stop; gives the others, which are served
    /// where the API is.
    pub(super) fn serve(self, engine: &Engine, stopping: &CancellationToken) -> (Router, Vec<JoinHandle<()>>) {
        let mut shared = Router::new();
        if let Some(config) = self.exotel {
            shared = shared.merge(exotel::router(engine.clone(), config));
        }
        if let Some(config) = self.hoiio {
            shared = shared.merge(hoiio::router(engine.clone(), config));
        }
        let mut servers = Vec::new();
        if let Some((listener, acceptor)) = self.tls {
            let served = http::serve_tls(listener, acceptor, shared.clone(), stopping.clone());
            servers.push(tokio::spawn(served));
        }
        if let Some((listener, settings)) = self.voicent {
            let router = voicent::router(engine.clone(), settings);
            servers.push(tokio::spawn(http::serve(listener, router, stopping.clone())));
        }
        (shared, servers)
    }
}

async fn listen(address: SocketAddr, section: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::start(format!(
            "`[{section}]` cannot listen on {address}: {error}. Choose another address with its `bind`"
        ))
    })
}
