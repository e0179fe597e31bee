//! The carriers, each with a trunk as its documentation shows one. None of them is ever asked to ring or send.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use futures_util::future::BoxFuture;
use outdial_carrier_asterisk::{AsteriskTrunk, Dialplan, ManagerLogin, Way};
use outdial_carrier_hosted::{ExotelCarrier, ExotelTrunk, HoiioCarrier, HoiioTrunk, VoicentCarrier, VoicentTrunk};
use outdial_carrier_sip::{SipCarrier, SipConfig, SipTrunk};
use outdial_carrier_smpp::{SmppCarrier, SmppTrunk};
use outdial_domain::{Address, Plan};
use outdial_engine::{
    Settings,
    ports::{
        Answer, Ask, Ids, LegHandle, LegOrder, RingError, SystemClock, SystemEntropy, TextAsk, TextCarrier,
        VoiceCarrier,
    },
    routing::{self, NoRoute, Trunk},
};
use outdial_media_io::MediaEngine;
use outdial_testkit::peers::{PortLease, lease_ports};

use crate::{
    page::Cell,
    verbs::{Asked, OURS},
};

/// The columns of the table.
pub(crate) const COLUMNS: &[&str] = &[
    "sip",
    "asterisk files",
    "asterisk ami",
    "exotel",
    "hoiio",
    "voicent",
    "smpp",
];

/// Why a call that goes on is not hung up, in the words of the tests that show it.
const GOES_ON: &[(&str, &str)] = &[
    (
        "asterisk files",
        "a call that Asterisk has begun as a file goes on there; before that it is taken back",
    ),
    (
        "exotel",
        "Exotel has no way to hang up a call; before it was asked for, it is prevented",
    ),
    (
        "voicent",
        "a gateway removes calls that it has not begun, and tells nothing of others",
    ),
];

/// Whether calls go by this column.
pub(crate) fn has_calls(column: &str) -> bool {
    column != "smpp"
}

pub(crate) struct Ways {
    calls: BTreeMap<String, Arc<dyn VoiceCarrier>>,
    texts: BTreeMap<&'static str, Arc<dyn TextCarrier>>,
    settings: Settings,
    _ports: PortLease,
}

/// An Asterisk that is not there: what it could do is asked of its trunk.
struct Absent(AsteriskTrunk);

impl VoiceCarrier for Absent {
    fn can(&self, ask: &Ask<'_>) -> Answer {
        self.0.can(ask).map_or_else(Answer::No, |()| Answer::Whole)
    }

    fn ring(&self, _: LegOrder) -> BoxFuture<'_, Result<LegHandle, RingError>> {
        unreachable!("nobody is rung")
    }
}

fn asterisk(name: &str, way: Way) -> Absent {
    let mut trunk = AsteriskTrunk::new(name, way);
    trunk.channel = Some("PJSIP/{number}@provider".parse().unwrap());
    trunk.sounds = Some("/var/lib/asterisk/sounds/outdial".into());
    trunk.dialplan = Some(Dialplan {
        context: "ivr".to_owned(),
        extension: None,
        priority: 1,
        early_media: false,
    });
    trunk.check().unwrap();
    Absent(trunk)
}

impl Ways {
    pub(crate) fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let ids = Ids::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
        let ports = lease_ports(4).unwrap();
        let loopback = std::net::Ipv4Addr::LOCALHOST.into();
        let media = MediaEngine::start(1, loopback, ports.first()..=ports.last()).unwrap();
        let sip = SipConfig {
            bind: (loopback, 0).into(),
            trunks: vec![SipTrunk::new("sip", "127.0.0.1", 5999)],
            ..SipConfig::default()
        };
        let clock = || Arc::new(SystemClock);
        let exotel = ExotelTrunk {
            from: Some(OURS.to_owned()),
            ..ExotelTrunk::new("exotel", "acme", "t".to_owned().into())
        };
        let hoiio = HoiioTrunk {
            from: Some(OURS.to_owned()),
            ..HoiioTrunk::new("hoiio", "https://hoiio.example.com/open/", "A", "t".to_owned().into())
        };
        let voicent = VoicentTrunk {
            audio: Some(PathBuf::from("/srv/outdial/audio")),
            ..VoicentTrunk::new("voicent", "https://gateway.example.com")
        };
        let login = ManagerLogin {
            address: (loopback, 5038).into(),
            username: "outdial".to_owned(),
            secret: "s".to_owned().into(),
        };
        let smpp = SmppTrunk {
            system_id: "outdial".to_owned(),
            ..SmppTrunk::new("smpp", "127.0.0.1", 9)
        };
        let exotel = Arc::new(ExotelCarrier::start(vec![exotel], clock()).unwrap());
        let hoiio = Arc::new(HoiioCarrier::start(vec![hoiio], clock()).unwrap());
        let voicent = Arc::new(VoicentCarrier::start(vec![voicent], clock()).unwrap());
        let mut calls = BTreeMap::<String, Arc<dyn VoiceCarrier>>::new();
        let mut add = |name: &str, carrier: Arc<dyn VoiceCarrier>| drop(calls.insert(name.to_owned(), carrier));
        add("sip", Arc::new(SipCarrier::start(sip, media, ids).unwrap()));
        add(
            "asterisk files",
            Arc::new(asterisk("asterisk files", Way::Files(Default::default()))),
        );
        add("asterisk ami", Arc::new(asterisk("asterisk ami", Way::Manager(login))));
        add("exotel", Arc::clone(&exotel) as _);
        add("hoiio", Arc::clone(&hoiio) as _);
        add("voicent", Arc::clone(&voicent) as _);
        let texts: [(&str, Arc<dyn TextCarrier>); 4] = [
            ("exotel", exotel),
            ("hoiio", hoiio),
            ("voicent", voicent),
            ("smpp", Arc::new(SmppCarrier::start(vec![smpp]).unwrap())),
        ];
        let trunk = |name: &&str| Trunk {
            name: (*name).to_owned(),
            carrier: (*name).to_owned(),
            prefixes: Vec::new(),
            built_in: false,
            limit: Default::default(),
            incoming: Default::default(),
        };
        let mut settings = Settings {
            trunks: COLUMNS.iter().map(trunk).collect(),
            ..Settings::default()
        };
        settings.policy.open = vec!["*".parse().unwrap()];
        Self {
            calls,
            texts: texts.into(),
            settings,
            _ports: ports,
        }
    }

    /// What this column says to a verb.
    pub(crate) fn cell(&self, asked: &Asked, column: &str) -> Cell {
        let said = match asked {
            Asked::Call { plan, flow } => self.routed(plan, flow, column),
            Asked::Live => self.live(column).and_then(|legs| match legs {
                true => Ok(()),
                false => Err("a carrier that has a call as a whole does nothing in it on request".to_owned()),
            }),
            Asked::HangUp => self.live(column).and_then(|_| {
                let goes_on = GOES_ON.iter().find(|(name, _)| *name == column);
                goes_on.map_or(Ok(()), |(_, why)| Err((*why).to_owned()))
            }),
            Asked::Text { from, to, text } => match self.texts.get(column) {
                None => Err("it carries calls, and no texts".to_owned()),
                Some(carrier) => carrier.can(&TextAsk {
                    trunk: column,
                    from: from.as_deref(),
                    to,
                    text,
                }),
            },
        };
        said.map_or_else(Cell::Refused, |()| Cell::Works)
    }

    fn routed(&self, plan: &Plan, flow: &outdial_flow::Flow, column: &str) -> Result<(), String> {
        if !self.calls.contains_key(column) {
            return Err("it carries texts, and no calls".to_owned());
        }
        let mut plan = plan.clone();
        plan.via = Some(column.to_owned());
        match routing::route(&plan, flow, &self.settings, &self.calls) {
            Ok(_) => Ok(()),
            Err(NoRoute::NoTrunk(reasons)) => {
                let reason = reasons.join("; ");
                Err(reason
                    .strip_prefix(&format!("{column}: "))
                    .unwrap_or(&reason)
                    .to_owned())
            }
            Err(other) => Err(other.to_string()),
        }
    }

    /// Whether our engine runs what happens in a call over this column.
    fn live(&self, column: &str) -> Result<bool, String> {
        let carrier = self.calls.get(column).ok_or("it carries texts, and no calls")?;
        let ask = Ask {
            trunk: Some(column),
            to: &Address::parse("+6590000001").unwrap(),
            from: None,
            ring: std::time::Duration::from_secs(45),
            talk: std::time::Duration::from_secs(60),
            flow: &outdial_flow::Flow::default(),
        };
        Ok(carrier.can(&ask) == Answer::Legs)
    }
}
