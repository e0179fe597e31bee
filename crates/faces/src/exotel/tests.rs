use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use outdial_domain::{Address, Number, NumberUse};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{ExotelAccount, ExotelConfig, router};
use crate::not_available::EXOTEL as NOT_AVAILABLE;
use crate::testing::{Answer, Ground, send, send_from};

pub(super) const CONNECT: &str = "/v1/Accounts/rajnikanth/Calls/connect.json";
/// A call of the first client, as it was captured, but for its receiver.
pub(super) const TWO: &str =
    "CallType=trans&From=0987654321&CallerId=8088919888&TimeLimit=300&To=09988776655&TimeOut=10";

pub(super) struct Rig {
    pub(super) ground: Ground,
    config: ExotelConfig,
    router: Router,
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::decided(|_| {}).await
    }

    pub(super) async fn decided(decide: impl FnOnce(&mut ExotelConfig)) -> Self {
        Self::grounded(|_| {}, decide).await
    }

    pub(super) async fn grounded(
        decide_ground: impl FnOnce(&mut outdial_engine::Settings),
        decide: impl FnOnce(&mut ExotelConfig),
    ) -> Self {
        let ground = Ground::new(|settings| {
            decide_ground(settings);
            settings.outgoing = outdial_engine::outgoing::Outgoing::allowing(["hooks.internal"]).unwrap();
            // The same number as people in the country write it, and with the country.
            for number in ["8088919888", "+918088919888"] {
                settings.numbers.push(Number {
                    address: Address::parse(number).unwrap(),
                    account: "acme".to_owned(),
                    trunk: None,
                    uses: vec![NumberUse::CallerId, NumberUse::ReceivesTexts],
                    flow: None,
                });
            }
        })
        .await;
        let mut config = ExotelConfig {
            accounts: vec![ExotelAccount {
                country: None,
                sid: "rajnikanth".to_owned(),
                api_key: Some("key".to_owned()),
                token: SecretString::from("asd7"),
                tenant: ground.tenant(),
            }],
            requests_per_minute: 200,
            public_url: "https://calls.example.com/".to_owned(),
        };
        decide(&mut config);
        Self {
            router: router(ground.engine.clone(), config.clone()),
            ground,
            config,
        }
    }

    pub(super) async fn ask(&self, method: &str, path: &str, kind: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header("content-type", kind)
            .header("authorization", basic("rajnikanth:asd7"));
        send(&self.router, request.body(body.into()).unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, form: &str) -> Answer {
        self.ask("POST", path, "application/x-www-form-urlencoded", form.to_owned())
            .await
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, "", Body::empty()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.headers["content-type"], "application/json");
        serde_json::from_str(&answer.text).unwrap()
    }

    /// Connects, and gives the call of the answer.
    pub(super) async fn connect(&self, form: &str) -> Value {
        let answer = self.post(CONNECT, form).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        serde_json::from_str::<Value>(&answer.text).unwrap()["Call"].clone()
    }
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

/// The status, the message and the code of a refusal.
pub(super) fn refusal(answer: &Answer) -> (u16, String, Value) {
    let exception = serde_json::from_str::<Value>(&answer.text).unwrap_or_else(|_| panic!("{answer:?}"));
    let exception = &exception["RestException"];
    assert_eq!(exception["Status"], answer.status.as_u16());
    (
        answer.status.as_u16(),
        exception["Message"].as_str().unwrap().to_owned(),
        exception["Code"].clone(),
    )
}

#[tokio::test(start_paused = true)]
async fn every_way_to_send_a_form_is_understood() {
    let rig = Rig::start().await;
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"From\"\r\n\r\n0987654321\r\n\
        --b\r\nContent-Disposition: form-data; name=\"To\"\r\n\r\n09988776655\r\n\
        --b\r\nContent-Disposition: form-data; name=\"CallerId\"\r\n\r\n8088919888\r\n--b--\r\n";
    let query = format!("{CONNECT}?{TWO}");
    let leading = format!("&{TWO}");
    for (path, kind, body) in [
        (CONNECT, "application/x-www-form-urlencoded", TWO),
        (CONNECT, "multipart/form-data; boundary=b", multipart),
        (CONNECT, "application/json", multipart),
        (CONNECT, "application/x-www-form-urlencoded", leading.as_str()),
        (query.as_str(), "", ""),
        (
            "/v1/accounts/RAJNIKANTH//calls/CONNECT.json/",
            "application/x-www-form-urlencoded",
            TWO,
        ),
    ] {
        let answer = rig.ask("POST", path, kind, body.to_owned()).await;
        assert_eq!(answer.status, StatusCode::OK, "{path} {kind}: {}", answer.text);
        let call: Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(call["Call"]["To"], "09988776655", "{path} {kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_available_is_said_to_be() {
    let rig = Rig::start().await;
    for (method, resource, body, what) in NOT_AVAILABLE {
        let path = format!("/v1/Accounts/rajnikanth/{resource}");
        let answer = rig
            .ask(method, &path, "application/x-www-form-urlencoded", (*body).to_owned())
            .await;
        let told = (503, format!("{what} is not available here"), Value::Null);
        assert_eq!(refusal(&answer), told, "{method} {resource}");
    }
    assert_eq!(rig.ground.calls().await, []);
}

#[tokio::test(start_paused = true)]
async fn faults_are_told_in_the_services_own_form() {
    let rig = Rig::start().await;
    let huge = format!("From={}", "1".repeat(10_000_000));
    let long = format!("{TWO}&CustomField={}", "a".repeat(129));
    for (form, status, why) in [
        ("", 400, "From is missing"),
        ("From=11&CallerId=8088919888", 400, "To is missing"),
        (
            "From=11&To=22&CallerId=8088919888&TimeLimit=soon",
            400,
            "TimeLimit must be",
        ),
        ("From=x&To=22&CallerId=8088919888", 400, "From must be a number"),
        (
            "From=11&To=22&CallerId=99",
            400,
            "CallerId is not a number of this account",
        ),
        (
            "From=11&To=11&CallerId=8088919888",
            400,
            "To: 11 would be connected with itself",
        ),
        (
            "From=11&To=22&CallerId=8088919888&StatusCallback=http://127.0.0.1/",
            400,
            "StatusCallback: ",
        ),
        ("From=11&To=%ff&CallerId=8088919888", 400, "To is not UTF-8"),
        (long.as_str(), 400, "CustomField must have at most 128"),
        (huge.as_str(), 413, "The body may have at most"),
    ] {
        let answer = rig.post(CONNECT, form).await;
        let (told, message, _) = refusal(&answer);
        assert!(told == status && message.contains(why), "{form:.100}: {told} {message}");
    }
    for (method, path, status) in [
        ("GET", CONNECT, 405),
        ("POST", "/v1/Accounts/rajnikanth/Calls.json", 405),
        ("DELETE", "/v1/Accounts/rajnikanth/Calls/abc.json", 405),
        ("GET", "/v1/Accounts/rajnikanth/Moons.json", 404),
        ("GET", "/v1/Accounts/somebody/Calls.json", 403),
        ("GET", "/v1/Accounts/rajnikanth/Calls/0123.json", 404),
    ] {
        let answer = rig.ask(method, path, "", Body::empty()).await;
        assert_eq!(refusal(&answer).0, status, "{method} {path}");
    }
    assert_eq!(rig.ground.calls().await, []);
    rig.ground.world.store.fill_disk();
    let (status, message, _) = refusal(&rig.post(CONNECT, TWO).await);
    assert!(status == 500 && !message.contains("disk"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn credentials_are_those_of_the_path() {
    let rig = Rig::start().await;
    let ask = async |authorization: Option<String>, peer: &str| {
        let mut request = Request::get("/v1/Accounts/rajnikanth/Calls.json");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        send_from(&rig.router, peer, request.body(Body::empty()).unwrap()).await
    };
    let here = "192.0.2.1:1";
    for good in ["rajnikanth:asd7", "key:asd7"] {
        assert_eq!(ask(Some(basic(good)), here).await.status, StatusCode::OK, "{good}");
    }
    for bad in ["rajnikanth:asd", "rajnikanth:", "other:asd7", "rajnikanth"] {
        let answer = ask(Some(basic(bad)), here).await;
        assert_eq!(
            refusal(&answer),
            (401, "Authentication failed".to_owned(), json!(34010)),
            "{bad}"
        );
        assert!(
            answer.headers["www-authenticate"]
                .to_str()
                .unwrap()
                .starts_with("Basic ")
        );
    }
    for bad in [None, Some("Bearer x".to_owned()), Some("Basic %%%".to_owned())] {
        assert_eq!(ask(bad, here).await.status, StatusCode::UNAUTHORIZED);
    }
    for _ in 0..10 {
        ask(None, here).await;
    }
    let late = ask(None, here).await;
    assert_eq!(late.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(late.headers.contains_key("retry-after"), "{late:?}");
    assert_eq!(ask(None, "192.0.2.2:1").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(Some(basic("key:asd7")), here).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn requests_are_limited_to_those_of_a_minute() {
    let rig = Rig::start().await;
    let path = "/v1/Accounts/rajnikanth/Calls.json";
    for left in (0..200).rev() {
        let answer = rig.ask("GET", path, "", Body::empty()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers["x-ratelimit-remaining"], left.to_string());
    }
    let refused = rig.post(CONNECT, TWO).await;
    assert_eq!(refusal(&refused), (429, "Too Many Requests".to_owned(), json!(40402)));
    assert_eq!(
        (&refused.headers["retry-after"], &refused.headers["x-ratelimit-limit"]),
        (&"60".parse().unwrap(), &"200".parse().unwrap())
    );
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(rig.post(CONNECT, TWO).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn another_account_sees_nothing() {
    let rig = Rig::start().await;
    let other = rig.ground.world.account("other", &[]).await;
    let mut config = rig.config.clone();
    config.accounts.push(ExotelAccount {
        country: None,
        sid: "other".to_owned(),
        api_key: None,
        token: SecretString::from("theirs"),
        tenant: crate::Tenant {
            account: other.account,
            name: other.account_name,
            any_caller_id: true,
        },
    });
    let sid = rig.connect(TWO).await["Sid"].as_str().unwrap().to_owned();
    let theirs = router(rig.ground.engine.clone(), config);
    let ask = async |path: &str| {
        let request = Request::get(path).header("authorization", basic("other:theirs"));
        send(&theirs, request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(
        refusal(&ask(&format!("/v1/Accounts/other/Calls/{sid}.json")).await).0,
        404
    );
    assert_eq!(
        refusal(&ask(&format!("/v1/Accounts/rajnikanth/Calls/{sid}.json")).await).0,
        403
    );
    let listed = ask("/v1/Accounts/other/Calls.json").await.text;
    assert!(listed.contains("\"Total\":\"0\""), "{listed}");
}
