//! A disk that is full, fails or only reads: nothing is dialled that is not journalled, the error says what
//! is wrong, live calls go on, and all goes on by itself when it is mended.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod program;

use std::{process::Command, time::Duration};

use outdial_handset::{EventKind, HandsetSet, Phone, Script};
use program::{Home, LIMIT, Server, outcome};
use serde_json::json;

const LIVE: &str = "+6590000001";
const WAITING: &str = "+6590000002";
const REFUSED: &str = "+6590000003";

async fn bench() -> (Home, HandsetSet) {
    let script = [LIVE, WAITING, REFUSED]
        .into_iter()
        .fold(Script::new(), |script, number| {
            script.phone(Phone::answering(number).ring(Duration::from_millis(20)))
        });
    let handsets = HandsetSet::start("127.0.0.1:0".parse().unwrap(), script, None)
        .await
        .unwrap();
    let home = Home::new();
    home.configure(&format!(
        "[policy]\nopen = [\"+65\"]\n[limits]\nlive_calls = 1\n[handsets]\nenabled = false\n\
         [[trunk]]\nname = \"phones\"\nhost = \"127.0.0.1\"\nport = {}\n",
        handsets.address().port()
    ));
    (home, handsets)
}

/// Runs a shell script as the first user of a file system of its own, of which the data directory is a
/// small one. Where the system forbids that, says so; in CI that is a failure.
fn on_a_small_disk(script: &str) -> Option<Vec<String>> {
    let unshare = ["unshare", "--user", "--map-root-user", "--mount"];
    let may = Command::new(unshare[0])
        .args(&unshare[1..])
        .args(["sh", "-c", "mount -t tmpfs tmpfs /mnt"])
        .output();
    if !may.as_ref().is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "a small disk cannot be had: {may:?}");
        eprintln!("SKIPPED: a small disk cannot be had: {may:?}");
        return None;
    }
    let words = unshare.into_iter().chain(["sh", "-c", script, "sh"]);
    Some(words.map(str::to_owned).collect())
}

/// A server with one call under way and one that waits, while the disk is broken and then mended.
async fn through_a_broken_disk(server: Server, handsets: &HandsetSet, break_it: impl Fn(bool)) {
    let pause = program::pause("5m");
    let live = server.place(&json!({ "to": LIVE, "flow": pause })).await;
    handsets.wait_for(LIVE, EventKind::Answered).await;
    server.reached(&live, "answered").await;
    let waiting = server
        .place(&json!({ "to": WAITING, "flow": program::pause("1s") }))
        .await;
    break_it(true);

    let refused = server
        .post_raw("/api/v1/calls", &json!({ "to": REFUSED, "flow": pause }))
        .await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(problem["code"], "store_unavailable", "{problem}");
    assert_eq!(server.get("/readyz").await.0, 503);
    // The live call is still there to be ended, which makes room for the one that waits; but nothing is
    // dialled that cannot be journalled.
    let (status, answer) = server.post(&format!("/api/v1/calls/{live}/hangup"), &json!({})).await;
    assert_eq!((status, answer["result"].as_str()), (200, Some("hung_up")), "{answer}");
    handsets.wait_for(LIVE, EventKind::Bye).await;
    // It tries every second; some tries go by.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(handsets.rings(WAITING).count, 0);

    break_it(false);
    let story = server.ended(&waiting).await;
    assert_eq!(outcome(&story).0, "completed", "{story:#}");
    assert_eq!(outcome(&server.ended(&live).await).0, "completed");
    let rings = [LIVE, WAITING, REFUSED].map(|number| handsets.rings(number).count);
    assert_eq!(rings, [1, 1, 0]);
    let ready = tokio::time::timeout(LIMIT, async {
        while server.get("/readyz").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    ready.await.expect("it is ready again");
    server.stop().await;
}

#[tokio::test]
async fn a_full_disk_is_survived() {
    let Some(wrapper) =
        on_a_small_disk("mkdir -p \"$DATA\" && mount -t tmpfs -o size=24m tmpfs \"$DATA\" && exec \"$@\"")
    else {
        return;
    };
    let (home, handsets) = bench().await;
    let server = home.serve_through(&wrapper).await;
    let ballast = server.inside(&home.data()).join("ballast");
    through_a_broken_disk(server, &handsets, |broken| {
        if broken {
            // As many pages as there are, whatever is used already.
            let _ = std::fs::write(&ballast, vec![0; 32 << 20]);
            let room = std::fs::OpenOptions::new().append(true).open(&ballast).unwrap();
            assert!(
                std::io::Write::write_all(&mut { room }, &[0; 65_536]).is_err(),
                "the disk is full"
            );
        } else {
            std::fs::remove_file(&ballast).unwrap();
        }
    })
    .await;
    handsets.shutdown().await;
}

#[tokio::test]
async fn a_disk_that_fails_at_commit_is_survived() {
    let (home, handsets) = bench().await;
    // A process that may write no file any longer sees its writes fail. The signal that comes with that is
    // ignored, as by whoever sets such a limit.
    let wrapper = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"].map(str::to_owned);
    let server = home.serve_through(&wrapper).await;
    let pid = server.pid().to_string();
    through_a_broken_disk(server, &handsets, |broken| {
        let limit = if broken { "0" } else { "unlimited" };
        let set = Command::new("prlimit")
            .args(["--pid", &pid, &format!("--fsize={limit}:unlimited")])
            .status();
        assert!(set.unwrap().success());
    })
    .await;
    handsets.shutdown().await;
}

#[tokio::test]
async fn a_disk_that_only_reads_is_refused_at_the_start() {
    let script = "mkdir -p \"$DATA\" && mount -t tmpfs tmpfs \"$DATA\" && \"$1\" --data \"$DATA\" accounts add acme && \
         mount -o remount,ro \"$DATA\" && exec \"$@\"";
    let Some(wrapper) = on_a_small_disk(script) else { return };
    let (home, _handsets) = bench().await;
    let output = tokio::time::timeout(LIMIT, home.command_through(&wrapper, &["serve"]).output());
    let output = output.await.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    assert!(said.contains("writable"), "{said}");
}
