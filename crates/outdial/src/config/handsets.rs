//! `[handsets]`: the built-in phones, so that everything can be tried without a trunk.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use outdial_carrier_smpp::{Binds, SmppTrunk};
use outdial_engine::{SmsTrunk, pacing::limits::Limit, routing};
use outdial_handset::{Phone, Script};
use serde::Deserialize;

use super::{ConfigError, SIP, SMPP, under_way};

/// `[handsets]`: the built-in phones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Handsets {
    /// Whether they run.
    pub enabled: bool,
    /// Where they listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What they do; three phones of the documentation when none is given.
    pub script: Option<PathBuf>,
}

impl Default for Handsets {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            script: None,
        }
    }
}

impl Handsets {
    /// The name of the trunk that leads to them, and of the one for texts.
    pub const TRUNK: &'static str = "handsets";

    /// How many texts may be unanswered on the way to their SMSC.
    const WINDOW: usize = 100;

    /// The phones, from the script or the three that are built in.
    ///
    /// The numbers are of the range that is kept free for fiction in North America.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the script cannot be read.
    pub fn phones(&self) -> Result<Script, ConfigError> {
        match &self.script {
            Some(path) => Script::read(path).map_err(|error| ConfigError::value("handsets.script", error.to_string())),
            None => Ok(Script::new()
                .phone(
                    Phone::answering("+12025550100")
                        .ring(Duration::from_secs(1))
                        .wait_for_prompt()
                        .press("1"),
                )
                .phone(Phone::busy("+12025550101"))
                .phone(Phone::never_answering("+12025550102"))),
        }
    }

    /// The trunk to the SMSC that hands texts to them.
    pub(super) fn sms_trunk(&self) -> Result<SmsTrunk, ConfigError> {
        let voice = self.trunk()?;
        Ok(SmsTrunk {
            name: voice.name,
            carrier: SMPP.to_owned(),
            prefixes: voice.prefixes,
            built_in: true,
            limit: Limit::default(),
            under_way: under_way(Binds::Transceivers(1), Self::WINDOW),
        })
    }

    /// The SMSC at this address as the carrier wants it.
    pub fn smsc(address: SocketAddr) -> SmppTrunk {
        SmppTrunk {
            system_id: "outdial".to_owned(),
            window: Self::WINDOW,
            ..SmppTrunk::new(Self::TRUNK, address.ip().to_string(), address.port())
        }
    }

    pub(super) fn trunk(&self) -> Result<routing::Trunk, ConfigError> {
        let script = self.phones()?;
        Ok(routing::Trunk {
            name: Self::TRUNK.to_owned(),
            carrier: SIP.to_owned(),
            // A phone for all other numbers answers only those who name this trunk.
            prefixes: script
                .phones
                .iter()
                .map(|phone| phone.number.clone())
                .filter(|number| number != "*")
                .collect(),
            built_in: true,
            // They are phones of our own: nobody is troubled.
            limit: Limit::default(),
            incoming: Limit::default(),
        })
    }
}
