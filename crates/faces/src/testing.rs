//! A world of fakes for the faces that others wrote the clients of, and how tests talk to them.

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Request, StatusCode},
};
use futures_util::StreamExt as _;
use outdial_domain::{Address, Number, NumberUse, Scope};
use outdial_engine::{
    Actor, Engine, Settings,
    ports::{CallDetails, CallFilter},
    verbs,
};
use outdial_flow::Flow;
use outdial_testkit::fakes::World;
use tower::ServiceExt;

use crate::{RecordingLinks, Tenant};

/// The number of the account `acme`.
pub(crate) const OURS: &str = "+6561234567";

/// Fakes, an engine on them, and an account `acme` with a number and a stored flow `welcome`.
pub(crate) struct Ground {
    pub(crate) world: World,
    pub(crate) engine: Engine,
    pub(crate) actor: Actor,
}

/// What a face answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Ground {
    /// Every destination is open, and leads to the fake carrier.
    pub(crate) async fn new(decide: impl FnOnce(&mut Settings)) -> Self {
        let mut world = World::new();
        world.settings.flows = BTreeMap::from([("welcome".to_owned(), Flow::say("Welcome"))]);
        world.settings.numbers.push(Number {
            address: Address::parse(OURS).unwrap(),
            account: "acme".to_owned(),
            trunk: None,
            uses: vec![NumberUse::CallerId],
            flow: None,
        });
        world.settings.policy.open = vec!["*".parse().unwrap()];
        world.settings.trunks.push(outdial_engine::routing::Trunk {
            name: "lab".to_owned(),
            carrier: "sip".to_owned(),
            prefixes: Vec::new(),
            built_in: false,
            limit: Default::default(),
            incoming: Default::default(),
        });
        world.settings.sms_trunks.push(outdial_engine::SmsTrunk {
            name: "texts".to_owned(),
            carrier: "smpp".to_owned(),
            prefixes: Vec::new(),
            built_in: false,
            limit: Default::default(),
            under_way: 4,
        });
        decide(&mut world.settings);
        let actor = world.account("acme", &[Scope::Admin]).await;
        let engine = world.engine().await;
        Self { world, engine, actor }
    }

    /// Links to recordings, for those who write notifications.
    pub(crate) async fn links(&self) -> RecordingLinks {
        let signer = verbs::link_signer(&self.engine).await.unwrap();
        RecordingLinks::new(signer, "https://calls.example.com/")
    }

    pub(crate) fn tenant(&self) -> Tenant {
        Tenant {
            account: self.actor.account,
            name: self.actor.account_name.clone(),
            any_caller_id: false,
        }
    }

    /// Waits until something of this kind has happened to any call; gives the newest call.
    pub(crate) async fn reached(&self, kind: &str, times: usize) -> CallDetails {
        let mut events = std::pin::pin!(verbs::follow_events(&self.engine, &self.actor, Some(0)));
        let mut left = times;
        while let Some(event) = events.next().await {
            let event = event.unwrap().event;
            if event.kind.word() == kind {
                left -= 1;
            }
            if left == 0 {
                let id = event.subject.call().unwrap();
                return verbs::get_call(&self.engine, &self.actor, id).await.unwrap();
            }
        }
        panic!("the events ended before it happened");
    }

    /// Every call of the account, newest first.
    pub(crate) async fn calls(&self) -> Vec<outdial_domain::Call> {
        let filter = CallFilter {
            most: 100,
            ..CallFilter::default()
        };
        verbs::list_calls(&self.engine, &self.actor, filter)
            .await
            .unwrap()
            .items
    }
}

/// Sends a request as a client on this machine.
pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    send_from(router, "127.0.0.1:40000", request).await
}

pub(crate) async fn send_from(router: &Router, peer: &str, mut request: Request<Body>) -> Answer {
    let peer: SocketAddr = peer.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

/// A WAV file of so many bytes of silence.
pub(crate) fn wav(bytes: usize) -> Vec<u8> {
    let mut file = b"RIFF----WAVE".to_vec();
    file.resize(44 + bytes, 0);
    file
}
