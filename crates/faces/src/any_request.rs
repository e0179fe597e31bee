//! Whatever somebody sends to the faces that others wrote the clients of: it is answered in the face's own form, and
//! never as a fault of ours.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::tz::TimeZone;
use proptest::{prelude::*, sample::select, test_runner::TestRunner};
use secrecy::SecretString;

use crate::{
    exotel::{self, ExotelAccount, ExotelConfig},
    hoiio::{self, HoiioApp, HoiioConfig},
    testing::{Answer, Ground, OURS, send},
    voicent::{self, VoicentConfig},
};

/// Names that mean something somewhere.
const NAMES: &[&str] = &[
    "phoneno",
    "txt",
    "firstocc",
    "calltime",
    "selfdelete",
    "audiofile",
    "startapp",
    "startexec",
    "cmdline",
    "reqid",
    "callerid",
    "sms",
    "detection",
    "dest",
    "dest1",
    "dest2",
    "caller_id",
    "max_duration",
    "tag",
    "notify_url",
    "room",
    "txn_ref",
    "action",
    "from",
    "to",
    "page",
    "page_size",
    "session",
    "msg",
    "From",
    "To",
    "Url",
    "CallerId",
    "TimeLimit",
    "TimeOut",
    "StatusCallback",
    "StatusCallbackEvents[0]",
    "CustomField",
    "Record",
    "Sid",
    "DateCreated",
    "Duration",
    "PageSize",
    "After",
    "SortBy",
    "details",
    "To[]",
];

/// Texts that are right in some place, or almost.
const TEXTS: &[&str] = &[
    "",
    "x",
    "1",
    "0",
    "-1",
    "%2B6511111111",
    "%2B6522222222",
    "123-4567",
    OURS,
    "welcome",
    "http://a.example/",
    "http://my.exotel.in/exoml/start/welcome",
    "private",
    "kick",
    "true",
    "4294967295",
    "4294967296",
    "%ff",
    "%00",
    "[ReqId=1]",
    "a^b^c",
    "gte:2030-01-01%2000:00:00;lte:",
    "2030-01-02%2011:04:05",
    "DateCreated:asc",
    "%22-startnow",
    "C:%5Cvcast.exe",
    "..%2F..%2Fetc%2Fpasswd",
    "<x>&amp;",
    "%E2%80%AE",
];

const PATHS: &[&str] = &[
    "/ocall/callreqHandler.jsp",
    "/ocall/callstatusHandler.jsp",
    "/ocall/callremoveHandler.jsp",
    "/ocall/campapi",
    "/open/voice/call",
    "/open/voice/conference",
    "/open/conference/call",
    "/open/conference/moderate",
    "/open/voice/hangup",
    "/open/voice/query_status",
    "/open/voice/get_history",
    "/open/user/get_info",
    "/open/ivr/start/dial",
    "/open//x",
    "/open",
    "/v1/Accounts/example/Calls/connect.json",
    "/v1/Accounts/example/Calls/connect",
    "/v1/Accounts/example/Calls.json",
    "/v1/Accounts/example/Calls",
    "/v1/Accounts/example/Calls/x.json",
    "/v1/Accounts/example/Sms/send",
    "/v1/Accounts",
    "/v1/%ff/x",
];

/// A request, in parts.
type Asked = (
    Method,
    &'static str,
    Vec<(&'static str, String)>,
    &'static str,
    bool,
    Option<Vec<u8>>,
);

fn asked() -> impl Strategy<Value = Asked> {
    let value = prop_oneof![3 => select(TEXTS).prop_map(str::to_owned), 1 => "[ -~&&[^#]]{0,20}"];
    let kinds = [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "application/json",
        "",
    ];
    (
        select(vec![Method::GET, Method::POST, Method::PUT]),
        select(PATHS),
        proptest::collection::vec((select(NAMES), value), 0..6),
        select(kinds.to_vec()),
        any::<bool>(),
        proptest::option::weighted(0.2, proptest::collection::vec(any::<u8>(), 0..200)),
    )
}

struct Faces {
    voicent: Router,
    hoiio: Router,
    exotel: Router,
    _ground: Ground,
}

impl Faces {
    async fn start() -> Self {
        let ground = Ground::new(|_| {}).await;
        let engine = || ground.engine.clone();
        let voicent = VoicentConfig {
            tenant: ground.tenant(),
            audio: None,
            allow: Vec::new(),
            hosts: Vec::new(),
            zone: TimeZone::UTC,
        };
        let app = HoiioApp {
            app_id: "MYAPP".to_owned(),
            access_token: SecretString::from("MYTOKEN"),
            tenant: ground.tenant(),
            registered: None,
        };
        let account = ExotelAccount {
            country: None,
            sid: "example".to_owned(),
            api_key: None,
            token: SecretString::from("asd7"),
            tenant: ground.tenant(),
        };
        let hoiio = HoiioConfig {
            notify_again: false,
            apps: vec![app],
            queries_per_minute: 0,
            most_in_a_room: 8,
            public_url: String::new(),
        };
        let exotel = ExotelConfig {
            accounts: vec![account],
            requests_per_minute: 0,
            public_url: String::new(),
        };
        Self {
            voicent: voicent::router(engine(), voicent),
            hoiio: hoiio::router(engine(), hoiio),
            exotel: exotel::router(engine(), exotel),
            _ground: ground,
        }
    }

    async fn ask(&self, (method, path, fields, kind, in_query, raw): &Asked) -> Answer {
        let mut form = fields
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("&");
        let router = match path.get(..5) {
            Some("/ocal") => &self.voicent,
            Some("/open") => {
                form = format!("app_id=MYAPP&access_token=MYTOKEN&{form}");
                &self.hoiio
            }
            _ => &self.exotel,
        };
        // A query has none of these in it.
        let query: String = form
            .chars()
            .map(|c| if " \"<>\\^`{|}".contains(c) { '_' } else { c })
            .collect();
        let uri = if *in_query {
            format!("{path}?{query}")
        } else {
            (*path).to_owned()
        };
        let body = match raw {
            Some(raw) => raw.clone(),
            None if *in_query => Vec::new(),
            None => form.into_bytes(),
        };
        let request = Request::builder().method(method).uri(uri).header("content-type", *kind);
        let request = request.header("authorization", format!("Basic {}", STANDARD.encode("example:asd7")));
        send(router, request.body(Body::from(body)).unwrap()).await
    }
}

/// What is wrong with an answer, if something is.
fn fault(path: &str, answer: &Answer) -> Option<&'static str> {
    let text = answer.text.as_str();
    if answer.status.is_server_error() && answer.status != StatusCode::SERVICE_UNAVAILABLE {
        return Some("a fault of ours");
    }
    let fine = if path.starts_with("/ocall") {
        ["ERROR: ", "[", "Your call is planned for ", "{"]
            .iter()
            .any(|start| text.starts_with(start))
    } else if path.starts_with("/open") {
        let answer = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
        answer["status"]
            .as_str()
            .is_some_and(|status| status != "error_internal_server_error")
    } else if text.starts_with('{') {
        serde_json::from_str::<serde_json::Value>(text).is_ok()
    } else {
        // What leads to no resource at all is left to the interface that is served beside it.
        text.starts_with("<?xml") && text.ends_with("</TwilioResponse>")
    };
    (!fine).then_some("not in the form of the face")
}

#[test]
fn whatever_is_sent_is_answered_in_the_form_of_the_face() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let faces = runtime.block_on(Faces::start());
    let taken = AtomicUsize::new(0);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 1_500,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let tried = runner.run(&asked(), |asked| {
        let answer = runtime.block_on(faces.ask(&asked));
        let fault = fault(asked.1, &answer);
        prop_assert!(fault.is_none(), "{fault:?} {asked:?}: {answer:?}");
        let good = ["ReqId", "success_ok", "Sid"]
            .iter()
            .any(|word| answer.text.contains(word));
        taken.fetch_add(usize::from(good), Ordering::Relaxed);
        Ok(())
    });
    tried.unwrap();
    // Otherwise nothing but refusals were tried.
    assert!(taken.load(Ordering::Relaxed) > 20, "{taken:?}");
}
