//! Legs rung at SIPp, whose scenarios check every message of ours.

mod rig;

use std::time::Duration;

use outdial_carrier_sip::{SipTransport, SipTrunk};
use outdial_domain::Outcome;
use outdial_engine::ports::LegEnd;
use outdial_testkit::peers::{Sipp, SippBuilder, SippResult};

use crate::rig::{rig_with, trunk};

/// What we do.
#[derive(Clone, Copy)]
enum We {
    /// Nothing: the far side ends it.
    Wait,
    /// Hang up as soon as this happens, with this ending.
    HangUpAt(&'static str, Outcome),
    /// Play for so many milliseconds after the answer, then hang up.
    Play(usize),
}

struct Told {
    words: Vec<String>,
    end: LegEnd,
    sipp: SippResult,
}

async fn told(scenario: &str, we: We) -> Told {
    told_by(Sipp::uas(scenario), |_| {}, we).await
}

async fn told_by(sipp: SippBuilder, change: impl FnOnce(&mut SipTrunk), we: We) -> Told {
    let sipp = sipp.start().await.expect("SIPp starts");
    let rig = rig_with(|config| {
        let mut far = trunk(sipp.address());
        far.username = Some("outdial".into());
        far.password = Some("outdial-secret".into());
        change(&mut far);
        config.trunks = vec![far];
    });
    let mut call = rig.ring().await;
    match we {
        We::Wait => {}
        We::HangUpAt(moment, outcome) => {
            call.until(moment).await;
            call.hang_up(outcome).await;
        }
        We::Play(millis) => {
            call.until("answered").await;
            call.play(millis).await;
            call.hang_up(Outcome::Completed).await;
        }
    }
    let (words, end) = call.end().await;
    assert_eq!(rig.carrier.live(), 0);
    let sipp = sipp.wait().await.expect("SIPp ends");
    sipp.assert_success();
    assert!(
        end.trace
            .iter()
            .any(|message| message.sent && message.text.starts_with("INVITE "))
    );
    Told { words, end, sipp }
}

async fn tells(scenario: &str, we: We, words: &[&str]) -> Told {
    let told = told(scenario, we).await;
    assert_eq!(told.words, words, "{:?}", told.end.ending);
    told
}

const ANSWERED: We = We::HangUpAt("answered", Outcome::Completed);
const COMPLETED: &str = "ended completed flow 0";

#[tokio::test]
async fn s01_answer() {
    let told = tells("01-answer.xml", ANSWERED, &["sent", "answered PCMU 8000", COMPLETED]).await;
    let first_lines: Vec<_> = told
        .end
        .trace
        .iter()
        .map(|message| {
            (
                message.sent,
                message.text.split_whitespace().take(2).collect::<Vec<_>>().join(" "),
            )
        })
        .map(|(sent, line)| {
            format!(
                "{} {}",
                if sent { ">" } else { "<" },
                line.split(" sip:").next().unwrap_or(&line)
            )
        })
        .collect();
    assert_eq!(
        first_lines,
        ["> INVITE", "< SIP/2.0 200", "> ACK", "> BYE", "< SIP/2.0 200"]
    );
    assert!(
        told.end
            .trace
            .iter()
            .all(|message| message.peer.starts_with("127.0.0.1:"))
    );
}

#[tokio::test]
async fn s02_ring_then_answer() {
    let words = ["sent", "ringing 180 false", "answered PCMU 8000", COMPLETED];
    tells("02-ring-then-answer.xml", ANSWERED, &words).await;
}

#[tokio::test]
async fn s03_early_media() {
    let words = ["sent", "ringing 183 true", "answered PCMU 8000", COMPLETED];
    let told = tells("03-early-media.xml", ANSWERED, &words).await;
    let quality = told.end.quality.expect("sound flowed");
    assert!(quality.received > 25, "early media was received: {quality:?}");
    assert!(quality.sent > 25, "{quality:?}");
}

#[tokio::test]
async fn s04_busy() {
    tells("04-busy.xml", We::Wait, &["sent", "ended busy callee 486"]).await;
}

#[tokio::test]
async fn s05_decline() {
    tells("05-decline.xml", We::Wait, &["sent", "ended rejected callee 603"]).await;
}

#[tokio::test]
async fn s06_not_found() {
    tells(
        "06-not-found.xml",
        We::Wait,
        &["sent", "ended invalid_number network 404"],
    )
    .await;
}

#[tokio::test]
async fn s07_no_answer() {
    let we = We::HangUpAt("ringing", Outcome::NoAnswer);
    tells(
        "07-no-answer.xml",
        we,
        &["sent", "ringing 180 false", "ended no_answer flow 0"],
    )
    .await;
}

#[tokio::test]
async fn s08_cancel_before_any_answer() {
    let we = We::HangUpAt("sent", Outcome::Canceled);
    let told = tells(
        "08-cancel-before-any-answer.xml",
        we,
        &["sent", "ended canceled flow 0"],
    )
    .await;
    assert_eq!(told.sipp.received("INVITE"), 1, "what was given up is not repeated");
}

#[tokio::test]
async fn s09_cancel_crosses_answer() {
    let we = We::HangUpAt("ringing", Outcome::Canceled);
    let words = ["sent", "ringing 180 false", "ended canceled flow 0"];
    let told = tells("09-cancel-crosses-answer.xml", we, &words).await;
    let reason = &told.end.ending.reason;
    assert!(reason.contains("the far side answered just then"), "{reason}");
}

#[tokio::test]
async fn s10_challenge_401() {
    let told = tells(
        "10-challenge-401.xml",
        ANSWERED,
        &["sent", "answered PCMU 8000", COMPLETED],
    )
    .await;
    no_secrets(&told.end, "Authorization: ***");
}

#[tokio::test]
async fn s11_challenge_407() {
    let told = tells(
        "11-challenge-407.xml",
        ANSWERED,
        &["sent", "answered PCMU 8000", COMPLETED],
    )
    .await;
    // The ACK repeats the credentials of the INVITE (RFC 3261, 13.2.2.4), which hold for that only.
    let (until_answered, _) = told.sipp.messages.rsplit_once("\nACK sip:").expect("there is an ACK");
    let asked = SippResult {
        messages: until_answered.to_owned(),
        ..told.sipp
    };
    assert!(asked.credentials_hold("outdial-secret").expect("there are credentials"));
    no_secrets(&told.end, "Proxy-Authorization: ***");
}

fn no_secrets(end: &LegEnd, masked: &str) {
    let sent: Vec<_> = end.trace.iter().filter(|message| message.sent).collect();
    assert!(sent.iter().any(|message| message.text.contains(masked)));
    assert!(sent.iter().all(|message| !message.text.contains("response=")));
}

#[tokio::test]
async fn s12_lost_answer() {
    let told = tells(
        "12-lost-answer.xml",
        ANSWERED,
        &["sent", "answered PCMU 8000", COMPLETED],
    )
    .await;
    let invites = told
        .end
        .trace
        .iter()
        .filter(|message| message.text.starts_with("INVITE "))
        .count();
    assert_eq!(invites, 3, "repetitions are in the trace");
}

#[tokio::test]
async fn s13_lost_acknowledgement() {
    let words = ["sent", "answered PCMU 8000", "played 1", COMPLETED];
    let told = tells("13-lost-acknowledgement.xml", We::Play(2500), &words).await;
    assert!(told.sipp.received("ACK") >= 3);
}

#[tokio::test]
async fn s14_two_answers() {
    let words = ["sent", "ringing 180 false", "answered PCMU 8000", "played 1", COMPLETED];
    tells("14-two-answers.xml", We::Play(1500), &words).await;
}

#[tokio::test]
async fn s15_far_side_hangs_up() {
    let words = ["sent", "answered PCMU 8000", "ended completed callee 0"];
    tells("15-far-side-hangs-up.xml", We::Wait, &words).await;
}

#[tokio::test]
async fn s18_challenge_with_sha_256() {
    let words = ["sent", "answered PCMU 8000", COMPLETED];
    let told = tells("18-challenge-sha-256.xml", ANSWERED, &words).await;
    let (until_answered, _) = told.sipp.messages.rsplit_once("\nACK sip:").expect("there is an ACK");
    let asked = SippResult {
        messages: until_answered.to_owned(),
        ..told.sipp
    };
    assert!(asked.credentials_hold("outdial-secret").expect("there are credentials"));
    no_secrets(&told.end, "Proxy-Authorization: ***");
}

#[tokio::test]
async fn s25_over_tcp() {
    let over_tcp = |trunk: &mut SipTrunk| trunk.transport = SipTransport::Tcp;
    let told = told_by(Sipp::uas("25-tcp.xml"), over_tcp, ANSWERED).await;
    assert_eq!(
        told.words,
        ["sent", "answered PCMU 8000", COMPLETED],
        "{:?}",
        told.end.ending
    );
}

/// Sessions of three seconds, which no far side in the world would grant.
fn brief(trunk: &mut SipTrunk) {
    trunk.session_least = Duration::from_secs(1);
}

fn briefly(scenario: &str) -> SippBuilder {
    Sipp::uas(scenario).option("-key").option("expires").option("3")
}

#[tokio::test]
async fn s19_redirect() {
    let words = ["sent", "answered PCMU 8000", COMPLETED];
    tells("19-redirect.xml", ANSWERED, &words).await;
}

#[tokio::test]
async fn s20_hold_and_resume() {
    let words = [
        "sent",
        "answered PCMU 8000",
        "far hold true",
        "far hold false",
        "played 1",
        COMPLETED,
    ];
    tells("20-hold-and-resume.xml", We::Play(1500), &words).await;
}

#[tokio::test]
async fn s21_update_moves_the_media() {
    let words = ["sent", "answered PCMU 8000", "played 1", COMPLETED];
    tells("21-update-moves-media.xml", We::Play(1500), &words).await;
}

#[tokio::test]
async fn s22_session_is_refreshed_by_us() {
    let told = told_by(briefly("22-session-refreshed.xml"), brief, We::Play(3600)).await;
    assert_eq!(
        told.words,
        [
            "sent",
            "answered PCMU 8000",
            "session unprotected 3",
            "played 1",
            COMPLETED
        ],
        "{:?}",
        told.end.ending
    );
}

#[tokio::test]
async fn s22_session_is_refreshed_by_the_far_side() {
    let told = told_by(briefly("22-session-refreshed-by-far-side.xml"), brief, We::Wait).await;
    assert!(
        told.words
            .last()
            .is_some_and(|last| last.starts_with("ended completed")),
        "{:?}",
        told.end.ending
    );
}

#[tokio::test]
async fn s23_session_expires() {
    let told = told_by(briefly("23-session-expired.xml"), brief, We::Wait).await;
    assert_eq!(
        told.words,
        [
            "sent",
            "answered PCMU 8000",
            "session unprotected 3",
            "ended failed network 0"
        ],
        "{:?}",
        told.end.ending
    );
    assert!(told.end.ending.reason.contains("refreshed"), "{:?}", told.end.ending);
}

#[tokio::test]
async fn s24_provisional_answers_are_acknowledged() {
    let words = [
        "sent",
        "ringing 183 true",
        "ringing 180 true",
        "answered PCMU 8000",
        COMPLETED,
    ];
    tells("24-prack.xml", ANSWERED, &words).await;
}

#[tokio::test]
async fn s27_late_offer_in_the_call() {
    let words = ["sent", "answered PCMU 8000", "played 1", COMPLETED];
    tells("27-late-offer-in-call.xml", We::Play(1500), &words).await;
}

#[tokio::test]
async fn s30_changes_of_both_sides_cross_and_ours_waits() {
    let sipp = Sipp::uas("30-glare.xml").option("-key").option("expires").option("28");
    // The refresh is due after 14 s, and 4 s later at most once more; the session ends after 18.7 s.
    let told = told_by(sipp, brief, We::Play(19_500)).await;
    assert_eq!(
        told.words,
        [
            "sent",
            "answered PCMU 8000",
            "session unprotected 28",
            "session unprotected 90",
            "played 1",
            COMPLETED
        ],
        "{:?}",
        told.end.ending
    );
    let refused = told
        .end
        .trace
        .iter()
        .filter(|message| message.text.starts_with("SIP/2.0 491 "));
    assert_eq!(refused.filter(|message| message.sent).count(), 1);
}
