//! Makes the adapters from their sections of the configuration.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use outdial_carrier_asterisk::AsteriskCarrier;
use outdial_carrier_sip::{SipCarrier, SipConfig, SipTrunk};
use outdial_carrier_smpp::{SmppCarrier, SmppTrunk};
use outdial_engine::{
    Engine,
    ports::{Ids, NoticeWriter, SystemClock},
    verbs,
};
use outdial_faces::native::{self, NativeNotices};
use outdial_media_io::MediaEngine;
use outdial_speech::PromptLibrary;
use outdial_webhooks::{HttpPost, Webhooks, Writers};

use super::{faces::Taken, start_failure};
use crate::{
    config::{CarrierKind, Config, ConfigError, Handsets, Hep, SipTls, SmsTrunkSection, TextCarrierKind, Trunk},
    exit::Failure,
};

/// Speech, with its cache among the other data unless the configuration says where.
pub(super) async fn prompts(config: &Config, cache: &Path) -> Result<PromptLibrary, Failure> {
    let mut speech = config.speech.clone();
    speech.cache.directory.get_or_insert_with(|| cache.to_owned());
    PromptLibrary::open(speech, Arc::new(SystemClock))
        .await
        .map_err(|error| Failure::usage(error.to_string()))
}

/// The SIP side with the configured trunks, and one to the built-in handsets where they run.
pub(super) fn sip(
    config: &Config,
    handsets: Option<SocketAddr>,
    media: MediaEngine,
    ids: Ids,
) -> Result<SipCarrier, Failure> {
    let mut trunks: Vec<SipTrunk> = config
        .trunk
        .iter()
        .filter(|trunk| trunk.carrier == CarrierKind::Sip)
        .map(Trunk::settings)
        .collect::<Result<_, ConfigError>>()?;
    trunks.extend(handsets.map(|phones| SipTrunk {
        // They call nobody, and anybody on this machine could say to be one of them.
        incoming: false,
        ..SipTrunk::new(Handsets::TRUNK, phones.ip().to_string(), phones.port())
    }));
    let settings = SipConfig {
        bind: config.sip.bind,
        advertise: config.sip.advertise,
        t1: Duration::from_millis(config.sip.t1),
        resolver: config.sip.resolver,
        tls: config.sip.tls.as_ref().map(SipTls::settings).transpose()?,
        trunks,
        hep: config.trace.hep.as_ref().map(Hep::settings).transpose()?,
        most_legs: config.limits.live_calls,
        ..SipConfig::default()
    };
    settings.check().map_err(|error| Failure::usage(error.to_string()))?;
    SipCarrier::start(settings, media, ids).map_err(start_failure)
}

/// Who tells receivers of events.
pub(super) async fn webhooks(config: &Config, engine: &Engine, faces: &Taken) -> Result<Webhooks, Failure> {
    let (telling, within) = config.webhooks.telling()?;
    let post = HttpPost::new(engine.settings.outgoing.clone(), within).map_err(start_failure)?;
    let links = verbs::link_signer(engine).await.map_err(start_failure)?;
    let of_faces = faces.writers(&links).into_iter();
    let native: Arc<dyn NoticeWriter> = Arc::new(NativeNotices::with_links(links));
    let of_faces = of_faces.map(|(face, writer)| (face.to_owned(), writer));
    let writers = Writers {
        by_face: of_faces
            .chain([(native::FACE.to_owned(), Arc::clone(&native))])
            .collect(),
        usual: native,
    };
    Ok(Webhooks::start(engine.clone(), writers, Arc::new(post), telling))
}

/// The carrier that hands whole calls to Asterisks, where a trunk leads to one.
pub(super) fn asterisk(config: &Config) -> Result<Option<AsteriskCarrier>, Failure> {
    let trunks = config
        .trunk
        .iter()
        .filter(|trunk| trunk.carrier == CarrierKind::Asterisk);
    let trunks: Vec<_> = trunks.map(Trunk::asterisk).collect::<Result<_, ConfigError>>()?;
    if trunks.is_empty() {
        return Ok(None);
    }
    let carrier = AsteriskCarrier::new(trunks).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Some(carrier))
}

/// The carrier of texts with the configured trunks, and one to the built-in SMSC where it runs.
pub(super) fn smpp(config: &Config, smsc: Option<SocketAddr>) -> Result<Option<SmppCarrier>, Failure> {
    let trunks = config
        .sms_trunk
        .iter()
        .filter(|trunk| trunk.carrier == TextCarrierKind::Smpp);
    let trunks = trunks.map(SmsTrunkSection::settings);
    let mut trunks: Vec<SmppTrunk> = trunks.collect::<Result<_, ConfigError>>()?;
    trunks.extend(smsc.map(Handsets::smsc));
    if trunks.is_empty() {
        return Ok(None);
    }
    let carrier = SmppCarrier::start(trunks).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Some(carrier))
}

/// The sound of all legs and rooms.
pub(super) fn media(config: &Config) -> Result<MediaEngine, Failure> {
    let ports = config.media.first_port..=config.media.last_port;
    let threads = config
        .media
        .threads
        .or_else(|| std::thread::available_parallelism().ok().map(Into::into))
        .unwrap_or(1);
    MediaEngine::start(threads, config.sip.bind.ip(), ports).map_err(start_failure)
}
