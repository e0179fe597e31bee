//! The faces of other services, with a network behind them: texts that reach an SMSC, and a session whose blocks are
//! heard by a phone.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;
mod receiver;

use outdial_handset::{Smsc, SmscScript};
use outdial_testkit::peers::{Peer, require};
use program::{Home, LIMIT, Server};
use receiver::Receiver;
use serde_json::Value;

const ACCOUNTS: &str = "[[faces.exotel.account]]\nsid = \"rajnikanth\"\ntoken = \"asd7\"\n\
     [[faces.hoiio.app]]\napp_id = \"MYAPP\"\naccess_token = \"MYTOKEN\"\n\
     [faces.voicent]\nbind = \"127.0.0.1:0\"\nzone = \"UTC\"\n";
const SENDER: &str = "+6561234567";

/// What a form was answered.
async fn post(url: &str, form: &[(&str, &str)]) -> Value {
    let request = reqwest::Client::new().post(url).form(form);
    let request = match url.contains("/v1/Accounts/") {
        true => request.basic_auth("rajnikanth", Some("asd7")),
        false => request,
    };
    let (status, answer) = Server::answer(request).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn hoiio(server: &Server, resource: &str, form: &[(&str, &str)]) -> Value {
    let mut form = form.to_vec();
    form.extend([("app_id", "MYAPP"), ("access_token", "MYTOKEN")]);
    post(&format!("{}/open/{resource}", server.url), &form).await
}

/// The first notification that has these words.
async fn told(receiver: &Receiver, words: &[&str]) -> String {
    let mut took = receiver.took.subscribe();
    let has = |body: &str| words.iter().all(|word| body.contains(word));
    let any = took.wait_for(|took| took.iter().any(|(_, body)| has(body)));
    let took = tokio::time::timeout(LIMIT, any).await.expect("a notification").unwrap();
    let (_, body) = took.iter().find(|(_, body)| has(body)).unwrap();
    body.clone()
}

/// How long the recording plays that a notification tells of.
async fn seconds_of(home: &Home, told: &str) -> f64 {
    let url = reqwest::Url::parse(&format!("http://unused.invalid/?{told}")).unwrap();
    let (_, link) = url.query_pairs().find(|(name, _)| name == "record_url").unwrap();
    let response = reqwest::get(link.as_ref()).await.unwrap();
    assert_eq!(response.status(), 200, "{link}");
    let file = home.dir.path().join("recording.wav");
    std::fs::write(&file, response.bytes().await.unwrap()).unwrap();
    let (samples, rate) = program::samples(&file);
    samples.len() as f64 / f64::from(rate)
}

#[tokio::test]
async fn texts_of_three_faces_reach_the_network_and_are_told_of() {
    let smsc = Smsc::start("127.0.0.1:0".parse().unwrap(), SmscScript::default(), None)
        .await
        .unwrap();
    let home = Home::new();
    home.configure(&format!(
        "[handsets]\nenabled = false\n[policy]\nopen = [\"+65\"]\n[webhooks]\nallow = [\"127.0.0.1\"]\n\
         [[sms_trunk]]\nname = \"smsc\"\nhost = \"127.0.0.1\"\nport = {}\nsystem_id = \"outdial\"\n\
         [[number]]\nnumber = \"{SENDER}\"\nuses = [\"caller_id\", \"receives_texts\"]\n{ACCOUNTS}",
        smsc.address().port()
    ));
    let server = home.serve().await;
    let receiver = Receiver::start(200).await;

    let url = format!("{}/v1/Accounts/rajnikanth/Sms/send.json", server.url);
    let form = [
        ("From", SENDER),
        ("To", "+6591111111"),
        ("Body", "Grüße 👍"),
        ("StatusCallback", &receiver.url()),
    ];
    let sent = post(&url, &form).await;
    let sid = sent["SMSMessage"]["Sid"].as_str().unwrap();
    told(&receiver, &[sid, "Status=sent"]).await;

    let form = [
        ("dest", "+6592222222"),
        ("msg", "Hello"),
        ("tag", "mine"),
        ("notify_url", &receiver.url()),
    ];
    let sent = hoiio(&server, "sms/send", &form).await;
    let txn_ref = sent["txn_ref"].as_str().unwrap();
    told(&receiver, &[txn_ref, "sms_status=delivered", "tag=mine"]).await;
    let status = hoiio(&server, "sms/query_status", &[("txn_ref", txn_ref)]).await;
    assert_eq!(status["sms_status"], "delivered", "{status}");

    let gateway = server.face("voicent");
    let form = [
        ("info", "a text"),
        ("phoneno", "+6593333333"),
        ("txt", "Good day"),
        ("sms", "1"),
        ("firstocc", "10"),
    ];
    let accepted = post(&format!("http://{gateway}/ocall/callreqHandler.jsp"), &form).await;
    let accepted = accepted.as_str().unwrap();
    let name = accepted.split_once("[ReqId=").unwrap().1.split_once(']').unwrap().0;
    tokio::time::timeout(LIMIT, smsc.wait_for(3))
        .await
        .expect("three texts");
    let (_, page) = server
        .get(&format!("/api/v1/messages?reference=voicent%20{name}"))
        .await;
    server
        .reached(page["messages"][0]["id"].as_str().unwrap(), "message_ended")
        .await;
    let status = post(
        &format!("http://{gateway}/ocall/callstatusHandler.jsp"),
        &[("reqid", name)],
    )
    .await;
    assert!(status.as_str().unwrap().contains("^made^"), "{status}");

    let ascii = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let ucs_2 = |text: &str| {
        text.encode_utf16()
            .map(|unit| format!("{unit:04x}"))
            .collect::<String>()
    };
    let taken = smsc.taken();
    for (number, coding, octets) in [
        ("6591111111", 8, ucs_2("Grüße 👍")),
        ("6592222222", 0, ascii("Hello")),
        ("6593333333", 0, ascii("Good day")),
    ] {
        let text = taken.iter().find(|text| text.to.ends_with(number)).unwrap();
        assert_eq!((text.coding, text.octets.to_lowercase()), (coding, octets), "{text:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_session_says_a_text_to_a_phone_and_takes_its_keys() {
    if !require(Peer::EspeakNg) {
        return;
    }
    let home = Home::new();
    let script = home.dir.path().join("phones.toml");
    let phone = "[[phone]]\nnumber = \"+12025550110\"\nring = \"50ms\"\ndo = [\
         { wait_for = \"prompt\" }, { press = \"42#\" }, \
         { wait_for = \"prompt\" }, { murmur = \"2s\" }, { press = \"#\" }, { listen = \"60s\" }]\n";
    std::fs::write(&script, phone).unwrap();
    home.configure(&format!(
        "[handsets]\nscript = \"{}\"\n[webhooks]\nallow = [\"127.0.0.1\"]\n{ACCOUNTS}",
        script.display()
    ));
    let server = home.serve().await;
    let receiver = Receiver::start(200).await;
    let url = receiver.url();
    let form = [("dest", "+12025550110"), ("notify_url", url.as_str())];
    let dialled = hoiio(&server, "ivr/start/dial", &form).await;
    let session = dialled["session"].as_str().unwrap_or_else(|| panic!("{dialled}"));
    told(&receiver, &["ivr_block=dial", "dial_status=answered", session]).await;

    let form = [
        ("session", session),
        ("msg", "Enter your code, then hash."),
        ("max_digits", "4"),
        ("notify_url", &url),
    ];
    let gathered = hoiio(&server, "ivr/middle/gather", &form).await;
    assert_eq!(gathered["status"], "success_ok", "{gathered}");
    told(&receiver, &["ivr_block=gather", "digits=42", "call_state=ongoing"]).await;

    let monitor = format!("{url}/monitor");
    let form = [
        ("session", session),
        ("monitor_notify_url", &monitor),
        ("notify_url", &url),
    ];
    let monitored = hoiio(&server, "ivr/middle/monitor", &form).await;
    assert_eq!(monitored["status"], "success_ok", "{monitored}");
    told(&receiver, &["ivr_block=monitor", "call_state=ongoing"]).await;
    let form = [
        ("session", session),
        ("msg", "Say your name after the tone, then press hash."),
        ("notify_url", &url),
    ];
    let recorded = hoiio(&server, "ivr/middle/record", &form).await;
    assert_eq!(recorded["status"], "success_ok", "{recorded}");
    let over = told(&receiver, &["ivr_block=record", "call_state=ongoing"]).await;
    assert!(seconds_of(&home, &over).await > 1.0, "{over}");

    let form = [("session", session), ("msg", "Good bye."), ("notify_url", &url)];
    let over = hoiio(&server, "ivr/end/hangup", &form).await;
    assert_eq!(over["status"], "success_ok", "{over}");
    told(&receiver, &["ivr_block=hangup", "call_state=ended"]).await;
    let all = told(&receiver, &["ivr_block=monitor", "record_url="]).await;
    assert!(seconds_of(&home, &all).await > 3.0, "{all}");
    let txn_ref = dialled["txn_ref"].as_str().unwrap();
    let status = hoiio(&server, "voice/query_status", &[("txn_ref", txn_ref)]).await;
    assert_eq!(status["call_status_dest1"], "answered", "{status}");
    server.stop().await;
}
