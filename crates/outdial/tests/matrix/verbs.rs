//! What can be asked for: each face is asked by its own requests, and what it makes of them is kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    time::Duration,
};

use axum::Router;
use outdial_domain::{Address, CallId, Number, NumberUse, Plan, Scope};
use outdial_engine::{
    Actor, Engine, SmsTrunk,
    ports::{Answer, CallFilter},
    routing::Trunk,
    verbs::{self as engine_verbs, Action, PlaceCall},
};
use outdial_faces::{
    Tenant,
    exotel::{self, ExotelAccount, ExotelConfig},
    hoiio::{self, HoiioApp, HoiioConfig},
    spool::{self, SpoolConfig},
    voicent::{self, VoicentConfig},
};
use outdial_flow::Flow;
use outdial_testkit::fakes::World;
use serde_json::{Value, json};

/// The fields of a request.
type Form<'f, V> = &'f [(&'f str, V)];

const FIRST: &str = "+6590000001";
const SECOND: &str = "+6590000002";
pub(crate) const OURS: &str = "+6561234567";

/// What is not asked of any carrier.
pub(crate) const ELSEWHERE: &[(&str, &str)] = &[
    (
        "native",
        "calls, messages, schedules, rooms, recordings, events, explanations: reading, listing, changing what waits",
    ),
    ("exotel", "`Calls/{sid}`, `Calls`, `Sms/Messages/{sid}`"),
    (
        "hoiio",
        "`voice/query_status`, `voice/get_history`, `sms/query_status`, `sms/get_history`, `user/get_info`",
    ),
    ("voicent", "`callstatusHandler.jsp`, `callremoveHandler.jsp`"),
    ("spool", "notes, `Status`, `outgoing_done`"),
];

/// A verb of a face.
pub(crate) struct Verb {
    pub(crate) face: &'static str,
    /// What it is called there.
    pub(crate) name: &'static str,
    /// What it comes to: those of one kind are shown to work by one test.
    pub(crate) kind: &'static str,
    pub(crate) asked: Asked,
}

/// What a carrier is asked.
pub(crate) enum Asked {
    /// To take this call.
    Call { plan: Box<Plan>, flow: Flow },
    /// To do something in a call that goes on.
    Live,
    /// To end a call that goes on.
    HangUp,
    /// To send this text.
    Text {
        from: Option<String>,
        to: String,
        text: String,
    },
}

/// The faces, on an engine that dials nobody.
struct Faces {
    world: World,
    engine: Engine,
    actor: Actor,
    /// Exotel's and Hoiio's, and Voicent's.
    services: String,
    gateway: String,
    place: tempfile::TempDir,
    known: BTreeSet<CallId>,
    texts: usize,
    http: reqwest::Client,
}

pub(crate) async fn all() -> Vec<Verb> {
    let mut faces = Faces::start().await;
    let mut all = faces.native().await;
    all.extend(faces.exotel().await);
    all.extend(faces.hoiio().await);
    all.extend(faces.voicent().await);
    all.extend(faces.spool().await);
    all
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    format!("http://{address}")
}

/// A tenth of a second of silence.
fn wav() -> Vec<u8> {
    let mut file = Vec::new();
    outdial_media::wav::write_mono(&mut file, 8_000, &[0; 800]).unwrap();
    file
}

impl Faces {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut world = World::new();
        let app = json!([{ "hand_over": { "application": "926" } }]);
        let app = outdial_flow::document::read(&app, "flow").unwrap();
        world.settings.flows = BTreeMap::from([("welcome".to_owned(), Flow::say("Welcome")), ("app".to_owned(), app)]);
        world.settings.numbers.push(Number {
            address: Address::parse(OURS).unwrap(),
            account: "acme".to_owned(),
            trunk: None,
            uses: vec![NumberUse::CallerId, NumberUse::ReceivesTexts],
            flow: None,
        });
        world.settings.policy.open = vec!["*".parse().unwrap()];
        world.settings.trunks.push(Trunk {
            name: "lab".to_owned(),
            carrier: "sip".to_owned(),
            prefixes: Vec::new(),
            built_in: false,
            limit: Default::default(),
            incoming: Default::default(),
        });
        world.settings.sms_trunks.push(SmsTrunk {
            name: "texts".to_owned(),
            carrier: "smpp".to_owned(),
            prefixes: Vec::new(),
            built_in: false,
            limit: Default::default(),
            under_way: 100,
        });
        world.carrier.answer_asks(Answer::Whole);
        let actor = world.account("acme", &[Scope::Admin, Scope::HandOver]).await;
        let engine = world.engine().await;
        let tenant = Tenant {
            account: actor.account,
            name: actor.account_name.clone(),
            any_caller_id: false,
        };
        let place = tempfile::tempdir().unwrap();
        for name in ["outgoing", "outgoing_done", "sounds", "sounds/moh"] {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        for name in ["hello", "moh/default"] {
            fs::write(place.path().join(format!("sounds/{name}.wav")), wav()).unwrap();
        }
        let exotel = ExotelConfig {
            accounts: vec![ExotelAccount {
                country: None,
                sid: "acme".to_owned(),
                api_key: None,
                token: "t".to_owned().into(),
                tenant: tenant.clone(),
            }],
            requests_per_minute: 0,
            public_url: "https://calls.example.com".to_owned(),
        };
        let hoiio = HoiioConfig {
            notify_again: false,
            apps: vec![HoiioApp {
                app_id: "A".to_owned(),
                access_token: "t".to_owned().into(),
                tenant: tenant.clone(),
                registered: None,
            }],
            queries_per_minute: 0,
            most_in_a_room: 8,
            public_url: String::new(),
        };
        let gateway = VoicentConfig {
            tenant: tenant.clone(),
            audio: Some(place.path().join("sounds")),
            allow: Vec::new(),
            hosts: Vec::new(),
            zone: jiff::tz::TimeZone::UTC,
        };
        let directory = SpoolConfig {
            tenant,
            directory: place.path().join("outgoing"),
            caller_id: Some(Address::parse(OURS).unwrap()),
            trunks: [("*".to_owned(), String::new())].into(),
            flows: [("ivr".to_owned(), "welcome".to_owned())].into(),
            audio: Some(place.path().join("sounds")),
        };
        tokio::spawn(spool::serve(engine.clone(), directory, std::future::pending()));
        let shared = exotel::router(engine.clone(), exotel).merge(hoiio::router(engine.clone(), hoiio));
        Self {
            services: serve(shared).await,
            gateway: serve(voicent::router(engine.clone(), gateway)).await,
            world,
            engine,
            actor,
            place,
            known: BTreeSet::new(),
            texts: 0,
            http: reqwest::Client::new(),
        }
    }

    /// The call that a request has made, which is waited for.
    async fn made(&mut self, face: &'static str, name: &'static str, kind: &'static str, told: &str) -> Verb {
        let filter = CallFilter {
            most: 100,
            ..CallFilter::default()
        };
        let look = async {
            loop {
                let page = engine_verbs::list_calls(&self.engine, &self.actor, filter.clone())
                    .await
                    .unwrap();
                if let Some(call) = page.items.iter().find(|call| !self.known.contains(&call.id)) {
                    return call.id;
                }
                // The directory is looked at when the system tells of a file.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(20), look).await;
        let id = found.unwrap_or_else(|_| panic!("{face} {name} made no call: {told}"));
        self.known.insert(id);
        let details = engine_verbs::get_call(&self.engine, &self.actor, id).await.unwrap();
        Verb {
            face,
            name,
            kind,
            asked: Asked::Call {
                plan: Box::new(details.call.plan),
                flow: details.flow,
            },
        }
    }

    /// The text that a request has made.
    async fn texted(&mut self, face: &'static str, name: &'static str) -> Verb {
        self.texts += 1;
        let sent = tokio::time::timeout(Duration::from_secs(20), self.world.texts.sent(self.texts)).await;
        let order = sent
            .unwrap_or_else(|_| panic!("{face} {name} made no text"))
            .pop()
            .unwrap();
        Verb {
            face,
            name,
            kind: "text",
            asked: Asked::Text {
                from: order.from,
                to: order.to,
                text: order.composed.text(),
            },
        }
    }

    async fn native(&mut self) -> Vec<Verb> {
        let audio = engine_verbs::upload_audio(&self.engine, &self.actor, "a.wav", wav(), None).await;
        let audio = audio.unwrap().id.to_string();
        let flows: &[(&'static str, &'static str, Value)] = &[
            ("a call, answered and hung up", "nothing", json!([{ "hang_up": true }])),
            ("`say`", "heard", json!([{ "say": "Hello" }])),
            ("`play`", "heard", json!([{ "play": audio }])),
            ("`pause`", "pause", json!([{ "pause": "2s" }])),
            ("`gather`", "keys", json!([{ "gather": { "digits": 1 } }])),
            ("`send_digits`", "keys", json!([{ "send_digits": "12" }])),
            ("`record`", "record", json!([{ "record": {} }, { "pause": "2s" }])),
            ("`dial`, two numbers", "two", json!([{ "dial": SECOND }])),
            (
                "`dial`, the next number when one is not reached",
                "next",
                json!([{ "dial": [SECOND, "+6590000003"] }]),
            ),
            ("`conference`", "room", json!([{ "conference": "stand-up" }])),
            (
                "`hand_over` to an application",
                "switch",
                json!([{ "hand_over": { "application": "926" } }]),
            ),
            (
                "`hand_over` to a context",
                "switch",
                json!([{ "hand_over": { "context": "ivr", "extension": "s" } }]),
            ),
        ];
        let mut verbs = Vec::new();
        for (name, kind, flow) in flows {
            let flow = outdial_flow::document::read(flow, "flow").unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
            let request = PlaceCall {
                from: Some(Address::parse(OURS).unwrap()),
                ..PlaceCall::new(Address::parse(FIRST).unwrap(), Action::Flow(flow))
            };
            let placed = engine_verbs::place_call(&self.engine, &self.actor, request).await;
            verbs.push(self.made("native", name, kind, &format!("{placed:?}")).await);
        }
        let live = |name, asked, kind| Verb {
            face: "native",
            name,
            kind,
            asked,
        };
        verbs.push(live("hang up a call that goes on", Asked::HangUp, "hang up"));
        verbs.push(live(
            "hold, mute, transfer, say, press, record in a call",
            Asked::Live,
            "live",
        ));
        verbs.push(live("mute, kick, end in a room", Asked::Live, "live"));
        let text = engine_verbs::SendMessages {
            from: Some(OURS.to_owned()),
            ..engine_verbs::SendMessages::to(FIRST, "Hello")
        };
        engine_verbs::send_messages(&self.engine, &self.actor, text, None)
            .await
            .unwrap();
        verbs.push(self.texted("native", "`POST /messages`").await);
        verbs
    }

    async fn exotel(&mut self) -> Vec<Verb> {
        let mut verbs = Vec::new();
        let url = |flow: &str| format!("http://my.exotel.in/exoml/start/{flow}");
        let calls: &[(&'static str, &'static str, Form<'_, String>)] = &[
            ("`Calls/connect`, two numbers", "two", &[("To", SECOND.to_owned())]),
            (
                "`Calls/connect`, with `Record`",
                "record",
                &[("To", SECOND.to_owned()), ("Record", "true".to_owned())],
            ),
            (
                "`Calls/connect`, a stored flow that speaks",
                "heard",
                &[("Url", url("welcome"))],
            ),
            (
                "`Calls/connect`, a stored flow that is an app of the service",
                "switch",
                &[("Url", url("app"))],
            ),
        ];
        for (name, kind, more) in calls {
            let mut form = vec![("From", FIRST.to_owned()), ("CallerId", OURS.to_owned())];
            form.extend(more.iter().cloned());
            let told = self.post_exotel("Calls/connect.json", &form).await;
            verbs.push(self.made("exotel", name, kind, &told).await);
        }
        let text = [
            ("From", OURS.to_owned()),
            ("To", FIRST.to_owned()),
            ("Body", "Hello".to_owned()),
        ];
        self.post_exotel("Sms/send.json", &text).await;
        verbs.push(self.texted("exotel", "`Sms/send`").await);
        let bulk = json!({ "From": OURS, "Messages": [{ "To": FIRST, "Body": "Hello" }] });
        let url = format!("{}/v1/Accounts/acme/Sms/bulksend.json", self.services);
        let request = self.http.post(url).basic_auth("acme", Some("t")).json(&bulk);
        request.send().await.unwrap();
        verbs.push(self.texted("exotel", "`Sms/bulksend`").await);
        verbs
    }

    async fn post_exotel(&self, resource: &str, form: &[(&str, String)]) -> String {
        let url = format!("{}/v1/Accounts/acme/{resource}", self.services);
        let request = self.http.post(url).basic_auth("acme", Some("t")).form(form);
        request.send().await.unwrap().text().await.unwrap()
    }

    async fn hoiio(&mut self) -> Vec<Verb> {
        let mut verbs = Vec::new();
        let calls: &[(&'static str, &'static str, &str, Form<'_, &str>)] = &[
            (
                "`voice/call`",
                "two",
                "voice/call",
                &[("dest1", FIRST), ("dest2", SECOND)],
            ),
            (
                "`voice/call`, `private`",
                "two",
                "voice/call",
                &[("dest1", FIRST), ("dest2", SECOND), ("caller_id", "private")],
            ),
            (
                "`voice/conference`",
                "room",
                "voice/conference",
                &[("dest", FIRST), ("room", "stand-up")],
            ),
        ];
        for (name, kind, resource, fields) in calls {
            let told = self.post_hoiio(resource, fields).await;
            verbs.push(self.made("hoiio", name, kind, &told).await);
        }
        // A session is refused where nothing can be told to it.
        let session = [("dest", FIRST), ("msg", "Hello")];
        let refused = self.post_hoiio("ivr/start/dial", &session).await;
        assert!(refused.contains("error_dest_not_supported"), "{refused}");
        let live = |name, asked, kind| Verb {
            face: "hoiio",
            name,
            kind,
            asked,
        };
        verbs.push(live("`voice/hangup`", Asked::HangUp, "hang up"));
        verbs.push(live("`conference/moderate`", Asked::Live, "live"));
        verbs.push(live(
            "`ivr/start/dial`, `ivr/middle/…`, `ivr/end/…`",
            Asked::Live,
            "session",
        ));
        self.post_hoiio("sms/send", &[("dest", FIRST), ("msg", "Hello")]).await;
        verbs.push(self.texted("hoiio", "`sms/send`").await);
        self.post_hoiio("sms/bulk_send", &[("dest", FIRST), ("msg", "Hello")])
            .await;
        verbs.push(self.texted("hoiio", "`sms/bulk_send`").await);
        verbs
    }

    async fn post_hoiio(&self, resource: &str, fields: &[(&str, &str)]) -> String {
        let form = [&[("app_id", "A"), ("access_token", "t")], fields].concat();
        let request = self.http.post(format!("{}/open/{resource}", self.services)).form(&form);
        request.send().await.unwrap().text().await.unwrap()
    }

    async fn voicent(&mut self) -> Vec<Verb> {
        let mut verbs = Vec::new();
        for (name, kind, field, value) in [
            ("`txt`", "heard", "txt", "Hello"),
            ("`audiofile`", "heard", "audiofile", "hello.wav"),
            ("`startapp`", "heard", "startapp", "welcome"),
        ] {
            let form = [
                ("phoneno", FIRST),
                ("firstocc", "10"),
                ("callerid", OURS),
                (field, value),
            ];
            let request = self
                .http
                .post(format!("{}/ocall/callreqHandler.jsp", self.gateway))
                .form(&form);
            let told = request.send().await.unwrap().text().await.unwrap();
            verbs.push(self.made("voicent", name, kind, &told).await);
        }
        let form = [
            ("phoneno", FIRST),
            ("firstocc", "10"),
            ("callerid", OURS),
            ("txt", "Hello"),
            ("sms", "1"),
        ];
        let request = self.http.post(format!("{}/ocall/callreqHandler.jsp", self.gateway));
        request.form(&form).send().await.unwrap();
        verbs.push(self.texted("voicent", "`txt`, `sms=1`").await);
        verbs
    }

    async fn spool(&mut self) -> Vec<Verb> {
        let mut verbs = Vec::new();
        for (name, kind, lines) in [
            ("`Application: Hangup`", "nothing", "Application: Hangup"),
            ("`Application: Playback`", "heard", "Application: Playback\nData: hello"),
            ("`Application: Wait`", "pause", "Application: Wait\nData: 2"),
            ("`Application: SayDigits`", "heard", "Application: SayDigits\nData: 12"),
            (
                "`Application: Record`",
                "record",
                "Application: Record\nData: message.wav",
            ),
            ("`Application: MusicOnHold`", "room", "Application: MusicOnHold"),
            (
                "`Application: Dial`",
                "next",
                "Application: Dial\nData: PJSIP/+6590000002@provider",
            ),
            ("`Context`, `Extension`", "heard", "Context: ivr\nExtension: s"),
        ] {
            let staged = self.place.path().join("staged");
            fs::write(&staged, format!("Channel: PJSIP/{FIRST}@provider\n{lines}\n")).unwrap();
            fs::rename(staged, self.place.path().join("outgoing/file.call")).unwrap();
            verbs.push(self.made("spool", name, kind, lines).await);
        }
        verbs
    }
}
