//! More calls than there is room for: those that come in are refused before they take anything, and those that go
//! out wait.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::time::Duration;

use outdial_handset::{HandsetSet, Phone, Script};
use outdial_testkit::peers::{Peer, Sipp, SippBuilder, require};
use program::{Home, Server, outcome, pause};
use serde_json::json;

/// The number of ours that takes calls.
const OURS: &str = "+6561234567";
const NOBODY: &str = "+6569999999";

/// Phones that answer.
async fn phones() -> HandsetSet {
    let script = Script::new().phone(Phone::answering("*"));
    HandsetSet::start("127.0.0.1:0".parse().unwrap(), script, None)
        .await
        .unwrap()
}

/// A program with a trunk to the phones, and one that everybody else on this machine calls by, which has these
/// keys. Whoever is called stays for so long.
fn configure(home: &Home, phones: &HandsetSet, far: &str, stays: &str) {
    home.configure(&format!(
        "[policy]\nopen = [\"+65\"]\n[handsets]\nenabled = false\n[flow]\nhello = [{{ pause = \"{stays}\" }}]\n\
         [[trunk]]\nname = \"phones\"\nhost = \"127.0.0.1\"\nport = {}\nincoming = false\ncalls_per_second = 0\n\
         [[trunk]]\nname = \"far\"\nhost = \"192.0.2.1\"\naccept_from = [\"127.0.0.1\"]\n{far}\n\
         [[number]]\nnumber = \"{OURS}\"\ntrunk = \"far\"\nuses = [\"receives_calls\"]\nflow = \"hello\"\n",
        phones.address().port()
    ));
}

fn caller(server: &Server, scenario: &str, number: &str) -> SippBuilder {
    Sipp::uac(scenario, server.sip.parse().unwrap())
        .option("-s")
        .option(number)
}

async fn all_complete(server: &Server, calls: usize, length: &str) {
    let mut placed = Vec::new();
    for index in 0..calls {
        let to = format!("+659{index:07}");
        placed.push(server.place(&json!({ "to": to, "flow": pause(length) })).await);
    }
    for id in placed {
        let story = server.ended(&id).await;
        assert_eq!(outcome(&story).0, "completed", "{story:#}");
        assert_eq!(story["call"]["attempts"].as_array().unwrap().len(), 1, "{story:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_for_nobody_take_nothing_from_calls_that_go_out() {
    if !require(Peer::Sipp) {
        return;
    }
    let (home, phones) = (Home::new(), phones().await);
    configure(&home, &phones, "", "1s");
    let server = home.serve().await;
    // Three times as many as there are ports, while each is still being refused.
    let flood = caller(&server, "29-incoming-refused.xml", NOBODY)
        .calls(300)
        .option("-r")
        .option("300")
        .start()
        .await
        .unwrap();
    all_complete(&server, 10, "500ms").await;
    let flood = flood.wait().await.unwrap();
    flood.assert_success();
    assert_eq!(flood.received_status(503, "INVITE"), 0);
    server.stop().await;
    phones.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_past_what_a_trunk_may_have_are_told_to_come_later() {
    if !require(Peer::Sipp) {
        return;
    }
    for far in [
        "max_incoming_calls = 1",
        "incoming_calls_per_second = 0.01",
        "max_calls = 1",
    ] {
        let (home, phones) = (Home::new(), phones().await);
        configure(&home, &phones, far, "3s");
        let server = home.serve().await;
        let first = caller(&server, "28-incoming.xml", OURS).start().await.unwrap();
        let live = async {
            while server.get("/api/v1/calls").await.1["calls"][0]["state"] != "active" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), live).await.unwrap();
        let second = caller(&server, "32-incoming-later.xml", OURS).start().await.unwrap();
        second.wait().await.unwrap().assert_success();
        all_complete(&server, 1, "100ms").await;
        first.wait().await.unwrap().assert_success();
        let (_, calls) = server.get("/api/v1/calls").await;
        let incoming = calls["calls"].as_array().unwrap().iter();
        let incoming = incoming.filter(|call| call["direction"] == "incoming").count();
        assert_eq!(incoming, 1, "{far}: what was refused is no call of ours");
        server.stop().await;
        phones.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_go_out_wait_for_ports() {
    let (home, phones) = (Home::new(), phones().await);
    configure(&home, &phones, "", "1s");
    let last = home.first_port() + 3;
    let server = home
        .serve_through(&["env".to_owned(), format!("OUTDIAL_MEDIA__LAST_PORT={last}")])
        .await;
    all_complete(&server, 8, "300ms").await;
    server.stop().await;
    phones.shutdown().await;
}
