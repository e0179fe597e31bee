//! Very many calls by one real Asterisk: it says yes to more than it bears, so we give it no more.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod pbx;
mod program;

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use outdial_testkit::peers::Asterisk;
use pbx::Bench;
use program::{Server, outcome};
use serde_json::json;

const CALLS: usize = 400;
const AT_ONCE: usize = 40;

/// How many calls Asterisk has under way, and has had in all. Each of ours is a Local channel, of two
/// halves.
fn counted(asterisk: &Asterisk) -> (usize, usize) {
    let said = asterisk.cli("core show channels count").unwrap();
    let number = |word: &str| -> usize {
        let line = said.lines().find(|line| line.contains(word)).unwrap();
        line.split(' ').next().unwrap().parse().unwrap()
    };
    (number("active channel"), number("processed"))
}

async fn place_many(server: &Server, to: &str) -> Vec<String> {
    let body = json!({ "to": to, "flow": [{ "hang_up": {} }], "via": "pbx", "ring": "20s" });
    let placed = stream::iter(0..CALLS).map(|_| server.place(&body));
    placed.buffer_unordered(16).collect().await
}

/// The ids of calls in the order of their endings, by outcome.
async fn outcomes(server: &Server, calls: &[String]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        let story = server.ended(call).await;
        *counts.entry(outcome(&story).0.to_owned()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn none_of_many_calls_is_lost_or_doubled() {
    let Some(bench) = Bench::start().await else { return };
    for way in [bench.by_files(), bench.by_manager()] {
        bench.configure(None, &format!("in_flight = {AT_ONCE}\n{way}"));
        let server = bench.home.serve().await;
        let (_, before) = counted(&bench.asterisk);
        // It answers, and hangs up.
        let calls = place_many(&server, "116@extensions").await;
        let counts = outcomes(&server, &calls).await;
        assert_eq!(counts, [("completed".to_owned(), CALLS)].into(), "{way}");
        let (_, after) = counted(&bench.asterisk);
        assert_eq!(after - before, CALLS, "{way}");
        server.stop().await;
    }
    assert_eq!(bench.queued(), 0);
}

#[tokio::test]
async fn no_more_calls_are_in_flight_than_the_trunk_bears() {
    for by in [Bench::by_files, Bench::by_manager] {
        let Some(bench) = Bench::start().await else { return };
        bench.configure(None, &format!("in_flight = {AT_ONCE}\n{}", by(&bench)));
        let server = bench.home.serve().await;
        // It rings for ever.
        place_many(&server, "107@extensions").await;
        // The limit is reached, and then stays one however often we look.
        let mut at_the_limit = 0;
        while at_the_limit < 10 {
            let (in_flight, _) = counted(&bench.asterisk);
            assert!(in_flight <= 2 * AT_ONCE, "{}: {in_flight} channels", by(&bench));
            at_the_limit += usize::from(in_flight == 2 * AT_ONCE);
        }
        server.kill().await;
    }
}
