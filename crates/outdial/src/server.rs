//! Puts the parts together: data directory, store, speech, media, SIP, engine, handsets, HTTP.

mod faces;
mod hosted;
mod http;
mod parts;
mod state;

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use outdial_carrier_asterisk::AsteriskCarrier;
use outdial_carrier_sip::SipCarrier;
use outdial_carrier_smpp::SmppCarrier;
use outdial_engine::{
    Engine, Parts,
    pacing::limits::Kind,
    ports::{Ids, NoRooms, Prompts, RoomSound, SystemClock, SystemEntropy, TextCarrier, VoiceCarrier},
};
use outdial_faces::{
    native::{self, NativeConfig},
    spool::{self, SpoolConfig},
};
use outdial_handset::{HandsetSet, Smsc};
use outdial_speech::PromptLibrary;
use outdial_webhooks::Webhooks;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{self, Config, Handsets},
    data_dir::DataDir,
    exit::Failure,
    server::{hosted::Hosted, state::State},
};

/// What a server of this process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It rings phones.
    Dialling,
    /// It changes what is stored: no SIP, no handsets, nothing is dialled.
    Changing,
    /// It reads what is stored, and makes nothing where there is nothing.
    Reading,
}

/// A running server.
pub struct Server {
    /// Where its API is.
    pub url: String,
    /// The other interfaces that are served, each with its address.
    pub faces: Vec<String>,
    /// A key with all scopes.
    pub key: String,
    /// The engine, for commands that run in the same process.
    pub engine: Engine,
    /// Speech, for `doctor`.
    pub prompts: Arc<PromptLibrary>,
    /// The SIP side, where this server dials.
    pub sip: Option<Arc<SipCarrier>>,
    /// The Asterisks that take whole calls, where this server dials and a trunk leads to one.
    pub asterisk: Option<Arc<AsteriskCarrier>>,
    /// The carriers to hosted services.
    pub hosted: Hosted,
    /// The built-in phones, where they are enabled.
    pub handsets: Option<HandsetSet>,
    /// The carrier of texts, where this server dials and there is a trunk for them.
    pub smpp: Option<Arc<SmppCarrier>>,
    /// The built-in SMSC, where the phones are enabled.
    pub smsc: Option<Smsc>,
    /// Who tells receivers of events, where this server dials.
    webhooks: Option<Webhooks>,
    stop_within: Duration,
    stopping: CancellationToken,
    http: Vec<tokio::task::JoinHandle<()>>,
    /// The directories of call files, and who takes these.
    spools: Vec<SpoolConfig>,
    taking: CancellationToken,
    takers: Vec<tokio::task::JoinHandle<()>>,
    // Held until everything else is gone.
    _data: DataDir,
}

/// How long notifications that are under way get to end when the server stops. What is not told by then is
/// told after the next start.
const TELLING: Duration = Duration::from_secs(5);

/// How long SMSCs get to let us go.
const UNBINDING: Duration = Duration::from_secs(2);

impl Server {
    /// Starts everything.
    ///
    /// # Errors
    ///
    /// [`Failure`] names what is wrong and what to do; nothing is left running then.
    pub async fn start(config: &Config, data: &Path, role: Role) -> Result<Self, Failure> {
        Self::start_through(config, data, role, |sip| sip).await
    }

    /// The same with something between the engine and SIP, for whoever wants to look at what passes.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub async fn start_through(
        config: &Config,
        data: &Path,
        role: Role,
        between: impl FnOnce(Arc<dyn VoiceCarrier>) -> Arc<dyn VoiceCarrier>,
    ) -> Result<Self, Failure> {
        let mut settings = config.settings()?;
        settings.limits.live_calls = room(config);
        metrics_recorder();
        let mut data = match role {
            Role::Reading => DataDir::take_existing(data)?,
            Role::Dialling | Role::Changing => DataDir::take(data)?,
        };
        let ids = Ids::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
        let State {
            store,
            blobs,
            recordings,
        } = state::open(config, &data).await?;
        let key = state::ensure_account(store.as_ref(), &ids, &data).await?;
        let accounts = store.accounts().await.map_err(start_failure)?;
        // Whoever makes the account that a number names cannot have it yet.
        if role == Role::Dialling {
            config::check_accounts(&settings, &accounts)?;
        }
        let prompts = Arc::new(parts::prompts(config, &data.join("prompts")).await?);

        // Every port is taken before the engine starts, so that a port in use dials nobody.
        let listener = bind(config.server.bind).await?;
        let url = format!("http://{}", listener.local_addr().map_err(start_failure)?);
        let faces = match role {
            Role::Dialling => {
                if let Some(warning) = config.faces.links_for_nobody(&config.server.bind) {
                    tracing::warn!("{warning}");
                }
                faces::Taken::take(config, &accounts, &url).await?
            }
            Role::Changing | Role::Reading => faces::Taken::default(),
        };
        let face_addresses = faces.addresses()?;
        let mut carriers: BTreeMap<String, Arc<dyn VoiceCarrier>> = BTreeMap::new();
        let mut text_carriers: BTreeMap<String, Arc<dyn TextCarrier>> = BTreeMap::new();
        let (mut sip, mut asterisk, mut handsets) = (None, None, None);
        let (mut smpp, mut smsc) = (None, None);
        let mut hosted = Hosted::default();
        let mut room_sound: Arc<dyn RoomSound> = Arc::new(NoRooms);
        if role == Role::Dialling {
            if config.handsets.enabled {
                handsets = Some(start_handsets(config, &data).await?);
            }
            let media = parts::media(config)?;
            room_sound = Arc::new(media.clone());
            let carrier = Arc::new(parts::sip(
                config,
                handsets.as_ref().map(HandsetSet::address),
                media,
                ids.clone(),
            )?);
            let engines = between(Arc::clone(&carrier) as Arc<dyn VoiceCarrier>);
            carriers.insert(config::SIP.to_owned(), engines);
            sip = Some(carrier);
            if let Some(carrier) = parts::asterisk(config)?.map(Arc::new) {
                carriers.insert(
                    config::ASTERISK.to_owned(),
                    Arc::clone(&carrier) as Arc<dyn VoiceCarrier>,
                );
                asterisk = Some(carrier);
            }
            hosted = Hosted::start(config)?;
            hosted.enter(&mut carriers, &mut text_carriers);
            if config.handsets.enabled {
                smsc = Some(start_smsc(config, &data).await?);
            }
            if let Some(carrier) = parts::smpp(config, smsc.as_ref().map(Smsc::address))?.map(Arc::new) {
                text_carriers.insert(config::SMPP.to_owned(), Arc::clone(&carrier) as Arc<dyn TextCarrier>);
                smpp = Some(carrier);
            }
        }
        settings
            .trunks
            .retain(|trunk| trunk.name != Handsets::TRUNK || handsets.is_some());
        settings
            .sms_trunks
            .retain(|trunk| trunk.name != Handsets::TRUNK || smsc.is_some());

        let port = Arc::clone(&prompts) as Arc<dyn Prompts>;
        let parts = Parts {
            store,
            blobs,
            recordings,
            prompts: port,
            room_sound,
            carriers,
            text_carriers,
            ids,
            settings,
        };
        let engine = match role {
            Role::Dialling => Engine::start(parts).await.map_err(start_failure)?,
            Role::Changing | Role::Reading => Engine::at_rest(parts),
        };
        let webhooks = match role {
            Role::Dialling => Some(parts::webhooks(config, &engine, &faces).await?),
            Role::Changing | Role::Reading => None,
        };
        let stopping = CancellationToken::new();
        let router = native::router(
            engine.clone(),
            NativeConfig {
                metrics: metrics_text(engine.clone()),
            },
        );
        let spools = faces.spools();
        let (shared, mut http) = faces.serve(&engine, &stopping);
        let router = router.merge(shared).merge(hosted.bells());
        http.push(tokio::spawn(http::serve(listener, router, stopping.clone())));
        data.announce(&url)?;
        let stop_within = Duration::from_secs(config.server.stop_within);
        Ok(Self {
            url,
            faces: face_addresses,
            key,
            engine,
            prompts,
            sip,
            asterisk,
            hosted,
            handsets,
            smpp,
            smsc,
            webhooks,
            stop_within,
            stopping,
            http,
            spools,
            taking: CancellationToken::new(),
            takers: Vec::new(),
            _data: data,
        })
    }

    /// Where SIP is spoken; empty when it is not.
    pub fn sip_address(&self) -> String {
        self.sip
            .as_ref()
            .map(|sip| sip.local_addr().to_string())
            .unwrap_or_default()
    }

    /// Takes call files from now on: it is for a server that stays, because a file waits for whoever does.
    pub fn take_call_files(&mut self) {
        for spool in self.spools.drain(..) {
            let stop = self.taking.clone().cancelled_owned();
            self.takers
                .push(tokio::spawn(spool::serve(self.engine.clone(), spool, stop)));
        }
    }

    /// Stops everything: no new work, live calls ended at once, then the servers.
    pub async fn stop(self) {
        self.engine.drain(Duration::ZERO, std::future::ready(())).await;
        self.stop_servers().await;
    }

    /// Stops everything, and first lets live calls end by themselves, as long as `[server] stop_within`
    /// says, or until `hurry`.
    pub async fn drain(self, hurry: impl Future<Output = ()>) {
        self.engine.drain(self.stop_within, hurry).await;
        self.stop_servers().await;
    }

    async fn stop_servers(mut self) {
        if let Some(webhooks) = &self.webhooks {
            webhooks.stop(TELLING).await;
        }
        self.taking.cancel();
        for taker in self.takers.drain(..) {
            if let Err(error) = taker.await {
                tracing::error!(%error, "the taking of call files ended badly");
            }
        }
        // Until here the receivers that are being told are this node's own.
        self.engine.leave().await;
        if let Some(sip) = &self.sip {
            sip.stop().await;
        }
        if let Some(smpp) = &self.smpp {
            smpp.stop(UNBINDING).await;
        }
        drop(self.smsc.take());
        self.stopping.cancel();
        for server in self.http.drain(..) {
            if let Err(error) = server.await {
                tracing::error!(%error, "an HTTP server ended badly");
            }
        }
        if let Some(handsets) = self.handsets.take() {
            handsets.shutdown().await;
        }
    }
}

fn start_failure(error: impl std::fmt::Display) -> Failure {
    Failure::start(error.to_string())
}

/// How many calls there is room for: as configured, but no more than there are ports for their sound
/// and files that this process may open, so that what does not fit waits instead of failing.
fn room(config: &Config) -> usize {
    const FILES_OF_A_CALL: u64 = 4;
    let ports = config.media.first_port.max(1)..config.media.last_port;
    let pairs = ports.filter(|port| port % 2 == 0).count();
    let files = rlimit::Resource::NOFILE.get().map_or(u64::MAX, |(soft, _)| soft);
    let files = usize::try_from(files / FILES_OF_A_CALL).unwrap_or(usize::MAX);
    let room = config.limits.live_calls.min(pairs).min(files).max(1);
    if room < config.limits.live_calls {
        tracing::info!(
            room,
            pairs,
            files,
            "fewer live calls than `limits.live_calls`: widen `[media]` or the limit of open files"
        );
    }
    room
}

async fn start_handsets(config: &Config, data: &DataDir) -> Result<HandsetSet, Failure> {
    let script = config.handsets.phones()?.ring_log(data.join("rings.jsonl"));
    HandsetSet::start(config.handsets.listen, script, Some(data.join("heard")))
        .await
        .map_err(|error| Failure::start(format!("the built-in handsets do not start: {error}")))
}

async fn start_smsc(config: &Config, data: &DataDir) -> Result<Smsc, Failure> {
    let script = config.handsets.phones()?.smsc;
    let anywhere = (config.handsets.listen.ip(), 0).into();
    Smsc::start(anywhere, script, Some(data.join("texts.jsonl")))
        .await
        .map_err(|error| Failure::start(format!("the built-in SMSC does not start: {error}")))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::start(format!(
            "HTTP cannot listen on {address}: {error}. Is another server running there? Choose another address with \
             `[server] bind` or OUTDIAL_SERVER__BIND"
        ))
    })
}

/// The recorder of this process, which is one for its life: a test may start two servers in one.
fn metrics_recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: std::sync::OnceLock<Option<PrometheusHandle>> = std::sync::OnceLock::new();
    RECORDER
        .get_or_init(|| PrometheusBuilder::new().install_recorder().ok())
        .as_ref()
}

fn metrics_text(engine: Engine) -> Arc<dyn Fn() -> String + Send + Sync> {
    Arc::new(move || {
        #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 calls")]
        let number = |calls: usize| calls as f64;
        metrics::gauge!("outdial_calls_live").set(number(engine.live_calls()));
        let waiting: BTreeMap<_, usize> = engine.waiting_calls().into_iter().collect();
        // All of them each time, so that what nobody waits for any more is seen to be 0.
        for kind in Kind::ALL.into_iter().map(Some).chain([None]) {
            let word = kind.map_or("none", Kind::as_str);
            let calls = waiting.get(&kind).copied().unwrap_or_default();
            metrics::gauge!("outdial_calls_waiting", "for" => word).set(number(calls));
        }
        metrics_recorder().map(PrometheusHandle::render).unwrap_or_default()
    })
}
