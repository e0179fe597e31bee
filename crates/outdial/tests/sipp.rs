//! Fifteen ways in which the far side of a call behaves, played by SIPp against the whole program:
//! what SIPp asserts, and what became of the call in our own records.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use outdial_testkit::peers::{Peer, Sipp, require};
use program::{Home, outcome, pause, words};
use serde_json::{Value, json};

/// What a far side does, and what shall come of it.
struct Case {
    scenario: &'static str,
    /// What is asked for beside `to`.
    request: Value,
    /// Hang up by request once this has happened.
    hang_up_at: Option<&'static str>,
    outcome: (&'static str, &'static str),
    sip_code: Option<u16>,
    /// Events that must be there, in this order.
    events: &'static [&'static str],
    /// Events that must not be there.
    without: &'static [&'static str],
}

impl Case {
    fn new(scenario: &'static str, outcome: (&'static str, &'static str), events: &'static [&'static str]) -> Self {
        Self {
            scenario,
            request: json!({ "flow": pause("300ms") }),
            hang_up_at: None,
            outcome,
            sip_code: None,
            events,
            without: &[],
        }
    }

    async fn play(self) {
        if !require(Peer::Sipp) {
            return;
        }
        let far_side = Sipp::uas(self.scenario).start().await.unwrap();
        let home = Home::new();
        home.configure(&format!(
            "[policy]\nopen = [\"+65\"]\n[[trunk]]\nname = \"sipp\"\nhost = \"127.0.0.1\"\nport = {}\n\
             username = \"outdial\"\npassword = \"outdial-secret\"\n",
            far_side.address().port()
        ));
        let server = home.serve().await;
        let mut request = self.request;
        request["to"] = json!("+6598765432");
        let id = server.place(&request).await;
        if let Some(kind) = self.hang_up_at {
            server.reached(&id, kind).await;
            let (status, answer) = server.post(&format!("/api/v1/calls/{id}/hangup"), &json!({})).await;
            assert_eq!((status, &answer["result"]), (200, &json!("hung_up")));
        }
        let story = server.ended(&id).await;

        assert_eq!(outcome(&story), self.outcome, "{story:#}");
        assert_eq!(story["call"]["ending"]["sip_code"], json!(self.sip_code), "{story:#}");
        let happened = words(&story);
        let mut rest = happened.iter();
        for wanted in ["created", "routed", "journalled", "dialing"]
            .iter()
            .chain(self.events)
            .chain(&["leg_ended", "ended"])
        {
            assert!(
                rest.any(|word| word == wanted),
                "`{wanted}` is missing or out of order in {happened:?}"
            );
        }
        assert!(self.without.iter().all(|word| !happened.contains(word)), "{happened:?}");
        let attempts = story["call"]["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 1, "{attempts:?}");
        let legs = attempts[0]["legs"].as_array().unwrap();
        assert_eq!(legs.len(), 1, "{legs:?}");
        assert_eq!(
            (&legs[0]["state"], &legs[0]["trunk"]),
            (&json!("ended"), &json!("sipp"))
        );
        let result = far_side.wait().await.unwrap();
        result.assert_success();
        let leg = legs[0]["id"].as_str().unwrap();
        assert!(
            result.messages.contains(&format!("Call-ID: {leg}")),
            "the Call-ID is not made of {leg}"
        );
        if self.scenario.contains("407") {
            assert!(result.credentials_hold("outdial-secret").unwrap());
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn sipp_01_answers() {
    let mut case = Case::new("01-answer.xml", ("completed", "flow"), &["answered"]);
    case.without = &["ringing"];
    case.play().await;
}

#[tokio::test]
async fn sipp_02_rings_then_answers() {
    Case::new(
        "02-ring-then-answer.xml",
        ("completed", "flow"),
        &["ringing", "answered"],
    )
    .play()
    .await;
}

#[tokio::test]
async fn sipp_03_plays_before_the_answer() {
    Case::new("03-early-media.xml", ("completed", "flow"), &["ringing", "answered"])
        .play()
        .await;
}

#[tokio::test]
async fn sipp_04_is_busy() {
    let mut case = Case::new("04-busy.xml", ("busy", "callee"), &[]);
    (case.sip_code, case.without) = (Some(486), &["answered"]);
    case.play().await;
}

#[tokio::test]
async fn sipp_05_declines() {
    let mut case = Case::new("05-decline.xml", ("rejected", "callee"), &[]);
    (case.sip_code, case.without) = (Some(603), &["answered"]);
    case.play().await;
}

#[tokio::test]
async fn sipp_06_does_not_exist() {
    let mut case = Case::new("06-not-found.xml", ("invalid_number", "network"), &[]);
    (case.sip_code, case.without) = (Some(404), &["answered"]);
    case.play().await;
}

#[tokio::test]
async fn sipp_07_does_not_answer() {
    let mut case = Case::new("07-no-answer.xml", ("no_answer", "system"), &["ringing"]);
    (case.request["ring"], case.without) = (json!("1s"), &["answered"]);
    case.play().await;
}

#[tokio::test]
async fn sipp_08_is_given_up_before_it_says_anything() {
    let mut case = Case::new(
        "08-cancel-before-any-answer.xml",
        ("canceled", "request"),
        &["hang_up_requested"],
    );
    (case.hang_up_at, case.without) = (Some("dialing"), &["answered"]);
    case.play().await;
}

#[tokio::test]
async fn sipp_09_answers_while_it_is_given_up() {
    let mut case = Case::new("09-cancel-crosses-answer.xml", ("no_answer", "system"), &["ringing"]);
    case.request["ring"] = json!("1s");
    case.play().await;
}

#[tokio::test]
async fn sipp_10_asks_who_we_are() {
    Case::new("10-challenge-401.xml", ("completed", "flow"), &["answered"])
        .play()
        .await;
}

#[tokio::test]
async fn sipp_11_asks_who_we_are_as_a_proxy() {
    Case::new("11-challenge-407.xml", ("completed", "flow"), &["answered"])
        .play()
        .await;
}

#[tokio::test]
async fn sipp_12_loses_its_answer() {
    Case::new("12-lost-answer.xml", ("completed", "flow"), &["answered"])
        .play()
        .await;
}

#[tokio::test]
async fn sipp_13_misses_our_acknowledgement() {
    let mut case = Case::new("13-lost-acknowledgement.xml", ("completed", "flow"), &["answered"]);
    case.request["flow"] = pause("3s");
    case.play().await;
}

#[tokio::test]
async fn sipp_14_answers_twice() {
    let mut case = Case::new("14-two-answers.xml", ("completed", "flow"), &["answered"]);
    case.request["flow"] = pause("1s");
    case.play().await;
}

#[tokio::test]
async fn sipp_15_hangs_up() {
    let mut case = Case::new("15-far-side-hangs-up.xml", ("completed", "callee"), &["answered"]);
    case.request["flow"] = pause("1m");
    case.play().await;
}
