//! The carriers to hosted services, where trunks lead to them.

use std::{collections::BTreeMap, sync::Arc};

use axum::Router;
use outdial_carrier_hosted::{ExotelCarrier, HoiioCarrier, VoicentCarrier, WrongTrunk};
use outdial_engine::ports::{Clock, SystemClock, TextCarrier, VoiceCarrier};

use crate::{
    config::{CarrierKind, Config, EXOTEL, HOIIO, TextCarrierKind, VOICENT},
    exit::Failure,
};

/// The carriers to hosted services, each where a trunk leads to it.
#[derive(Default)]
pub struct Hosted {
    exotel: Option<Arc<ExotelCarrier>>,
    hoiio: Option<Arc<HoiioCarrier>>,
    voicent: Option<Arc<VoicentCarrier>>,
}

impl Hosted {
    /// Those that are configured.
    ///
    /// # Errors
    ///
    /// [`Failure`] names the key and the remedy.
    pub(super) fn start(config: &Config) -> Result<Self, Failure> {
        let (mut exotel, mut hoiio, mut voicent) = (Vec::new(), Vec::new(), Vec::new());
        for trunk in &config.trunk {
            match trunk.carrier {
                CarrierKind::Sip | CarrierKind::Asterisk => {}
                CarrierKind::Exotel => {
                    let (section, key) = trunk.section(&trunk.exotel)?;
                    exotel.push(section.settings(&trunk.name, &key)?);
                }
                CarrierKind::Hoiio => {
                    let (section, key) = trunk.section(&trunk.hoiio)?;
                    hoiio.push(section.settings(&trunk.name, &key)?);
                }
                CarrierKind::Voicent => {
                    let (section, key) = trunk.section(&trunk.voicent)?;
                    voicent.push(section.settings(&trunk.name, &key)?);
                }
            }
        }
        for trunk in &config.sms_trunk {
            match trunk.carrier {
                TextCarrierKind::Smpp => {}
                TextCarrierKind::Exotel => {
                    let (section, key) = trunk.section(&trunk.exotel)?;
                    exotel.push(section.settings(&trunk.name, &key)?);
                }
                TextCarrierKind::Hoiio => {
                    let (section, key) = trunk.section(&trunk.hoiio)?;
                    hoiio.push(section.settings(&trunk.name, &key)?);
                }
                TextCarrierKind::Voicent => {
                    let (section, key) = trunk.section(&trunk.voicent)?;
                    voicent.push(section.settings(&trunk.name, &key)?);
                }
            }
        }
        let clock = || Arc::new(SystemClock) as Arc<dyn Clock>;
        let wrong = |wrong: WrongTrunk| Failure::usage(wrong.to_string());
        Ok(Self {
            exotel: some(exotel, |trunks| ExotelCarrier::start(trunks, clock())).map_err(wrong)?,
            hoiio: some(hoiio, |trunks| HoiioCarrier::start(trunks, clock())).map_err(wrong)?,
            voicent: some(voicent, |trunks| VoicentCarrier::start(trunks, clock())).map_err(wrong)?,
        })
    }

    /// Hands them to the engine.
    pub(super) fn enter(
        &self,
        calls: &mut BTreeMap<String, Arc<dyn VoiceCarrier>>,
        texts: &mut BTreeMap<String, Arc<dyn TextCarrier>>,
    ) {
        if let Some(carrier) = &self.exotel {
            calls.insert(EXOTEL.to_owned(), Arc::clone(carrier) as Arc<dyn VoiceCarrier>);
            texts.insert(EXOTEL.to_owned(), Arc::clone(carrier) as Arc<dyn TextCarrier>);
        }
        if let Some(carrier) = &self.hoiio {
            calls.insert(HOIIO.to_owned(), Arc::clone(carrier) as Arc<dyn VoiceCarrier>);
            texts.insert(HOIIO.to_owned(), Arc::clone(carrier) as Arc<dyn TextCarrier>);
        }
        if let Some(carrier) = &self.voicent {
            calls.insert(VOICENT.to_owned(), Arc::clone(carrier) as Arc<dyn VoiceCarrier>);
            texts.insert(VOICENT.to_owned(), Arc::clone(carrier) as Arc<dyn TextCarrier>);
        }
    }

    /// Where the services say that something has happened.
    pub(super) fn bells(&self) -> Router {
        let routers = [
            self.exotel.as_ref().map(|carrier| carrier.bells()),
            self.hoiio.as_ref().map(|carrier| carrier.bells()),
        ];
        routers.into_iter().flatten().fold(Router::new(), Router::merge)
    }

    /// What is well with a trunk to one of these services.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do.
    pub async fn probe(&self, carrier: &str, trunk: &str) -> Result<String, String> {
        match (carrier, &self.exotel, &self.hoiio, &self.voicent) {
            (EXOTEL, Some(carrier), ..) => carrier.probe(trunk).await,
            (HOIIO, _, Some(carrier), _) => carrier.probe(trunk).await,
            (VOICENT, _, _, Some(carrier)) => carrier.probe(trunk).await,
            _ => Err("no trunk leads there".to_owned()),
        }
    }
}

/// A carrier, where there is a trunk for it.
fn some<T, C, E>(trunks: Vec<T>, start: impl FnOnce(Vec<T>) -> Result<C, E>) -> Result<Option<Arc<C>>, E> {
    match trunks.is_empty() {
        true => Ok(None),
        false => start(trunks).map(Arc::new).map(Some),
    }
}
