//! Which of our crates may use which. The table is the one of the design; any other arrow fails.

use outdial_testkit::peers::workspace_root;
use std::collections::BTreeMap;
use std::fs;

/// From, and what it may use besides itself. A star stands for everything of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("callfile", &[]),
    ("exotel", &[]),
    ("hoiio", &[]),
    ("voicent", &[]),
    ("media", &[]),
    ("domain", &[]),
    ("flow", &["domain"]),
    ("engine", &["domain", "flow"]),
    ("media-io", &["media", "engine", "domain"]),
    ("store", &["engine", "domain", "flow"]),
    ("webhooks", &["engine", "domain", "flow"]),
    ("speech", &["engine", "domain", "media"]),
    ("carrier-sip", &["engine", "domain", "flow", "media", "media-io"]),
    ("carrier-asterisk", &["engine", "domain", "flow", "callfile"]),
    (
        "carrier-hosted",
        &["engine", "domain", "flow", "exotel", "hoiio", "voicent"],
    ),
    ("carrier-smpp", &["engine", "domain", "flow"]),
    (
        "faces",
        &["engine", "domain", "flow", "callfile", "exotel", "hoiio", "voicent"],
    ),
    ("handset", &["media"]),
    ("outdial", &["*"]),
    ("testkit", &["domain", "flow", "engine", "store"]),
];

/// What only tests may use. The tests of any crate may use `testkit`, and what the crate itself may.
const ONLY_IN_TESTS: &str = "testkit";

/// Outside crates that only some of ours may name.
const KEPT_IN: &[(&str, &[&str])] = &[
    ("rsipstack", &["carrier-sip", "handset"]),
    ("rusmpp", &["carrier-smpp", "handset"]),
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Use {
    InTheProgram,
    InTests,
}

/// The dependencies that a manifest names, each with its use.
///
/// Reads what our manifests are made of: tables of dependencies, for all systems or for one, with a
/// line or a table of its own for each. A renamed dependency is seen by its `package` key.
fn dependencies(manifest: &str) -> Vec<(String, Use)> {
    let mut found: Vec<(String, Use)> = Vec::new();
    let mut table: Option<(Use, bool)> = None;
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']').replace('"', "");
            table = dependency_table(&header).map(|(kind, name)| {
                if let Some(name) = name {
                    found.push((name.to_owned(), kind));
                    (kind, true)
                } else {
                    (kind, false)
                }
            });
            continue;
        }
        let (Some((kind, of_one)), Some((key, value))) = (table, line.split_once('=')) else {
            continue;
        };
        let package = if of_one {
            (key.trim() == "package").then(|| value.trim().trim_matches('"'))
        } else {
            let key = key.split('.').next().unwrap_or(key);
            found.push((key.trim().trim_matches('"').to_owned(), kind));
            value
                .split_once("package")
                .and_then(|(_, after)| after.split('"').nth(1))
        };
        if let Some(package) = package {
            found.push((package.to_owned(), kind));
        }
    }
    found
}

/// Whether a table header is one of dependencies, of which use, and of which one if of one only.
fn dependency_table(header: &str) -> Option<(Use, Option<&str>)> {
    for (word, kind) in [
        ("dev-dependencies", Use::InTests),
        ("build-dependencies", Use::InTheProgram),
        ("dependencies", Use::InTheProgram),
    ] {
        let mut search = header;
        while let Some(place) = search.find(word) {
            let (before, after) = (&search[..place], &search[place + word.len()..]);
            if (before.is_empty() || before.ends_with('.')) && (after.is_empty() || after.starts_with('.')) {
                return Some((kind, after.strip_prefix('.')));
            }
            search = after;
        }
    }
    None
}

/// What is wrong with the dependencies of one of our crates.
fn wrong(crate_name: &str, manifest: &str) -> Vec<String> {
    let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == crate_name) else {
        return vec![format!("{crate_name} is not in the table of arrows")];
    };
    let everything = allowed.contains(&"*");
    let mut complaints = Vec::new();
    for (name, kind) in dependencies(manifest) {
        if let Some(ours) = name.strip_prefix("outdial-") {
            let fine = if ours == ONLY_IN_TESTS {
                kind == Use::InTests
            } else {
                everything || allowed.contains(&ours) || ours == crate_name
            };
            if !fine {
                complaints.push(format!("{crate_name} may not use {ours} ({kind:?})"));
            }
        } else if name == "outdial" {
            complaints.push(format!("{crate_name} may not use the program"));
        }
        if let Some((_, places)) = KEPT_IN.iter().find(|(kept, _)| *kept == name)
            && !places.contains(&crate_name)
        {
            complaints.push(format!("{crate_name} may not use {name}, which is kept in {places:?}"));
        }
    }
    complaints
}

fn manifests() -> BTreeMap<String, String> {
    fs::read_dir(workspace_root().join("crates"))
        .expect("the folder of our crates can be listed")
        .map(|entry| entry.expect("its entries can be read").path())
        .filter(|folder| folder.join("Cargo.toml").exists())
        .map(|folder| {
            let name = folder
                .file_name()
                .expect("an entry of a folder has a name")
                .to_string_lossy()
                .into_owned();
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest can be read");
            (name, manifest)
        })
        .collect()
}

#[test]
fn every_arrow_is_in_the_table() {
    let manifests = manifests();
    assert!(manifests.len() >= 12, "too few manifests found: {:?}", manifests.keys());
    let complaints: Vec<String> = manifests
        .iter()
        .flat_map(|(name, manifest)| wrong(name, manifest))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_package_is_called_as_its_folder() {
    for (folder, manifest) in manifests() {
        let package = if folder == "outdial" {
            folder.clone()
        } else {
            format!("outdial-{folder}")
        };
        assert!(
            manifest.contains(&format!("name = \"{package}\"")),
            "{folder} does not hold {package}"
        );
    }
}

#[test]
fn the_engine_is_seen_to_use_the_domain() {
    // Otherwise the checker reads nothing, and finds nothing wrong.
    let used = dependencies(&manifests()["engine"]);
    assert!(
        used.contains(&("outdial-domain".to_owned(), Use::InTheProgram)),
        "{used:?}"
    );
}

#[test]
fn wrong_arrows_are_caught_in_every_spelling() {
    let spellings = [
        "[dependencies]\noutdial-store.workspace = true",
        "[dependencies]\noutdial-store = { path = \"../store\" }",
        "[dependencies.outdial-store]\nworkspace = true",
        "[dependencies]\nkeeper = { package = \"outdial-store\", path = \"../store\" }",
        "[dependencies.keeper]\npackage = \"outdial-store\"",
        "[dev-dependencies]\noutdial-store.workspace = true",
        "[build-dependencies]\noutdial-store.workspace = true",
        "[target.'cfg(unix)'.dependencies]\n\"outdial-store\" = { workspace = true }",
        "[target.'cfg(unix)'.dev-dependencies.outdial-store]\nworkspace = true",
        "[dependencies]\noutdial.workspace = true",
        "[dependencies]\noutdial-testkit.workspace = true",
        "[dependencies]\nrsipstack = \"1\"",
    ];
    for manifest in spellings {
        assert_eq!(wrong("domain", manifest).len(), 1, "{manifest}");
    }
    assert_eq!(wrong("unheard-of", "").len(), 1);
}

#[test]
fn right_arrows_pass() {
    let tests = "[dev-dependencies]\noutdial-testkit.workspace = true";
    assert_eq!(wrong("domain", tests), [""; 0]);
    assert_eq!(
        wrong("faces", "[dependencies]\noutdial-flow.workspace = true\nserde = \"1\""),
        [""; 0]
    );
    assert_eq!(
        wrong("outdial", "[dependencies]\noutdial-handset.workspace = true"),
        [""; 0]
    );
    assert_eq!(wrong("handset", "[dependencies]\nrsipstack.workspace = true"), [""; 0]);
    assert_eq!(
        wrong("engine", "[package]\nname = \"x\"\n[features]\noutdial-store = []"),
        [""; 0]
    );
}
