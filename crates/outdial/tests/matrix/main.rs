//! Every verb of every face by every carrier: what the page `docs/faces-and-carriers.md` says is what routing says, of
//! requests that the faces themselves made, and what works there has a test that shows it.
//!
//! `OUTDIAL_WRITE_DOCS=1` writes the page anew.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod page;
mod proofs;
mod verbs;
mod ways;

use std::{collections::BTreeMap, path::PathBuf};

use page::Cell;
use verbs::{Asked, Verb};
use ways::Ways;

/// What must work, by face, a part of the verb, and the column.
const MUST: &[(&str, &str, &str)] = &[
    ("native", "`say`", "asterisk files"),
    ("native", "`say`", "asterisk ami"),
    ("native", "`play`", "asterisk files"),
    ("native", "`dial`, two", "asterisk files"),
    ("native", "`dial`, two", "asterisk ami"),
    ("native", "a context", "asterisk files"),
    ("native", "a context", "asterisk ami"),
    ("spool", "Playback", "asterisk files"),
    ("spool", "Hangup", "asterisk files"),
    ("spool", "`Context`", "asterisk files"),
    ("native", "`dial`, two", "exotel"),
    ("native", "an application", "exotel"),
    ("native", "`POST /messages`", "exotel"),
    ("exotel", "two numbers", "exotel"),
    ("exotel", "app of the service", "exotel"),
    ("exotel", "`Sms/send`", "exotel"),
    ("hoiio", "`voice/call`", "hoiio"),
    ("hoiio", "`voice/conference`", "hoiio"),
    ("hoiio", "`sms/send`", "hoiio"),
    ("voicent", "`txt`", "voicent"),
    ("voicent", "`audiofile`", "voicent"),
    ("voicent", "`sms=1`", "voicent"),
    ("native", "`POST /messages`", "voicent"),
    ("native", "`POST /messages`", "hoiio"),
    ("native", "`POST /messages`", "smpp"),
    ("exotel", "`Sms/send`", "smpp"),
    ("hoiio", "`sms/send`", "smpp"),
];

/// The table: a cell for each verb and column.
async fn table() -> Vec<(Verb, Vec<Cell>)> {
    let verbs = verbs::all().await;
    let ways = Ways::start();
    let row = |verb: Verb| {
        let cells = ways::COLUMNS
            .iter()
            .map(|column| ways.cell(&verb.asked, column))
            .collect();
        (verb, cells)
    };
    verbs.into_iter().map(row).collect()
}

fn root() -> PathBuf {
    outdial_testkit::peers::workspace_root()
}

/// A test shows what is said of this kind and column.
fn shown(name: &str, kind: &str, column: &str) {
    let proof = proofs::of(kind, column);
    let (file, test) = proof.unwrap_or_else(|| panic!("{name} by {column}: no test is named"));
    let text = std::fs::read_to_string(root().join("crates").join(file)).unwrap();
    assert!(
        text.contains(&format!("fn {test}(")),
        "{name} by {column}: {file} has no test {test}"
    );
}

#[tokio::test]
async fn the_page_says_what_routing_says_and_every_cell_is_tried() {
    let table = table().await;
    for (verb, cells) in &table {
        let name = format!("{} {}", verb.face, verb.name);
        for (column, cell) in ways::COLUMNS.iter().zip(cells) {
            match cell {
                Cell::Works => shown(&name, verb.kind, column),
                Cell::Refused(reason) => {
                    assert!(!reason.trim().is_empty(), "{name} by {column}");
                    // Whether a call that goes on can be hung up is asked of its service, not of routing.
                    if verb.kind == "hang up" && ways::has_calls(column) {
                        shown(&name, verb.kind, column);
                    }
                }
            }
            let text = matches!(verb.asked, Asked::Text { .. });
            let voice_over_sip = *column == "sip" && !text;
            let must = MUST
                .iter()
                .any(|(face, of, by)| *face == verb.face && verb.name.contains(of) && by == column);
            // A switch is handed over to switches alone: nothing of ours is one.
            if (voice_over_sip && verb.kind != "switch") || must {
                assert_eq!(*cell, Cell::Works, "{name} by {column}");
            }
        }
    }
    for (face, of, by) in MUST {
        let there = table
            .iter()
            .any(|(verb, _)| verb.face == *face && verb.name.contains(of));
        assert!(there, "{face} {of} by {by} is no row");
    }
    let page = page::print(&table);
    let path = root().join("docs/faces-and-carriers.md");
    if std::env::var_os("OUTDIAL_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == page,
        "{} is stale: run this test with OUTDIAL_WRITE_DOCS=1",
        path.display()
    );
}

/// What a face can do, the native interface can: its plans are written in the native form, and read again as they were.
#[tokio::test]
async fn what_a_face_can_do_the_native_interface_can() {
    let mut faces = BTreeMap::<&str, usize>::new();
    for verb in verbs::all().await {
        if let Asked::Call { flow, .. } = &verb.asked {
            let written = outdial_flow::document::write(flow);
            let read = outdial_flow::document::read(&written, "flow");
            assert_eq!(read.as_ref(), Ok(flow), "{} {}: {written}", verb.face, verb.name);
        }
        *faces.entry(verb.face).or_default() += 1;
    }
    let wanted = ["exotel", "hoiio", "native", "spool", "voicent"];
    assert_eq!(faces.keys().copied().collect::<Vec<_>>(), wanted);
}
