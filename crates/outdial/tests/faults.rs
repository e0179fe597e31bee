//! The program dies at every step of a call's journal: no phone rings without a journal, none rings twice,
//! and what is known is said.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::time::Duration;

use outdial_handset::{HandsetSet, Phone, Script};
use program::{Home, outcome};
use serde_json::json;

const NUMBER: &str = "+6590000001";

/// Where it dies, how the call ends after the next start, how often the phone has rung at most and at least
/// then, and a part of the reason.
const TABLE: &[(&str, &str, [u64; 2], &str)] = &[
    ("before_journal", "completed", [1, 1], "the flow"),
    ("after_journal", "unknown", [0, 0], "may or may not have rung"),
    ("sent", "unknown", [0, 1], "may or may not have rung"),
    ("ringing", "unknown", [1, 1], ""),
    ("answered", "unknown", [1, 1], ""),
    ("before_end", "unknown", [1, 1], "after it was answered"),
    ("after_end", "completed", [1, 1], "the flow"),
];

#[tokio::test]
async fn the_program_may_die_at_every_step() {
    for (fault, ending, [fewest, most], reason) in TABLE {
        let phone = Phone::answering(NUMBER).ring(Duration::from_millis(200));
        let handsets = HandsetSet::start("127.0.0.1:0".parse().unwrap(), Script::new().phone(phone), None)
            .await
            .unwrap();
        let home = Home::new();
        home.configure(&format!(
            "[policy]\nopen = [\"+65\"]\n[handsets]\nenabled = false\n\
             [[trunk]]\nname = \"phones\"\nhost = \"127.0.0.1\"\nport = {}\n",
            handsets.address().port()
        ));
        let server = home.serve_with_fault(fault).await;
        // It may die before it answers the request.
        let request = json!({ "to": NUMBER, "flow": program::pause("500ms") });
        let _ = server.try_post("/api/v1/calls", &request).await;
        server.died().await;

        let server = home.serve().await;
        let (_, page) = server.get("/api/v1/calls").await;
        let calls = page["calls"].as_array().unwrap();
        assert_eq!(calls.len(), 1, "{fault}: {page:#}");
        let story = server.ended(calls[0]["id"].as_str().unwrap()).await;
        assert_eq!(outcome(&story).0, *ending, "{fault}: {story:#}");
        let told = story["call"]["ending"]["reason"].as_str().unwrap();
        assert!(told.contains(reason), "{fault}: {told}");
        let rings = handsets.rings(NUMBER).count;
        assert!((*fewest..=*most).contains(&rings), "{fault}: {rings} rings");
        server.stop().await;
        let ran = home.run(&["store", "check"]).await;
        assert_eq!(ran.code, 0, "{fault}: {ran:?}");
        handsets.shutdown().await;
    }
}
