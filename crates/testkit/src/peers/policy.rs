use super::paths::target_dir;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program that some tests need and some machines lack.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Peer {
    /// The SIP scenario player, from the package `sip-tester`.
    Sipp,
    /// The switch that `interop/peers/asterisk` unpacks.
    Asterisk,
    /// The proxy, from the package `kamailio`.
    Kamailio,
    /// The softphone, from the package `baresip`.
    Baresip,
    /// What makes certificates.
    Openssl,
    /// The measure of speech quality, in the Python environment under the target folder.
    Pesq,
    /// The other writer of call files, in the same environment.
    Pycall,
    /// The other writer of GSM 03.38, in the same environment.
    Gsm0338,
    /// A client of Voicent's gateway, in the same environment.
    VoicentPython,
    /// Two clients of Exotel, in the same environment.
    ExotelPython,
    /// Two others, from npm, under the target folder.
    ExotelNode,
    /// Two clients of Hoiio, with the Python 2.7 that `interop/peers/python2` unpacks for them.
    HoiioPython,
    /// The SMSC, from npm's package `smpp`, under the target folder.
    NpmSmpp,
    /// The speech engine of the default configuration.
    EspeakNg,
    /// A decoder of keys and pagers, from the package `multimon-ng`: another ear for DTMF.
    MultimonNg,
    /// The converter of sounds, from the package `sox`.
    Sox,
    /// The reader of captures, from the package `tshark`.
    Tshark,
    /// Another one, from the package `tcpdump`.
    Tcpdump,
    /// The viewer of SIP that takes HEP, from the package `sngrep`.
    Sngrep,
    /// The database server, version 15 or later, from the package `postgresql`.
    Postgres,
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sipp => "sipp",
            Self::Asterisk => "asterisk",
            Self::Kamailio => "kamailio",
            Self::Baresip => "baresip",
            Self::Openssl => "openssl",
            Self::Pesq => "pesq",
            Self::Pycall => "pycall",
            Self::Gsm0338 => "gsm0338",
            Self::VoicentPython => "voicent-python",
            Self::ExotelPython => "exotel-python",
            Self::ExotelNode => "exotel-node",
            Self::HoiioPython => "hoiio-python",
            Self::NpmSmpp => "npm-smpp",
            Self::EspeakNg => "espeak-ng",
            Self::MultimonNg => "multimon-ng",
            Self::Sox => "sox",
            Self::Tshark => "tshark",
            Self::Tcpdump => "tcpdump",
            Self::Sngrep => "sngrep",
            Self::Postgres => "postgres",
        })
    }
}

impl Peer {
    /// Why the peer cannot be used, if it cannot.
    fn missing(self) -> Option<String> {
        match self {
            Self::Sipp => does_not_run("sipp", "-v"),
            Self::EspeakNg => does_not_run("espeak-ng", "--version"),
            Self::Kamailio => does_not_run(kamailio_program(), "-v"),
            Self::Baresip => does_not_run("baresip", "-h"),
            Self::Openssl => does_not_run("openssl", "version"),
            Self::MultimonNg => does_not_run("multimon-ng", "-h"),
            Self::Sox => does_not_run("sox", "--version"),
            Self::Tshark => does_not_run("tshark", "--version"),
            Self::Tcpdump => does_not_run("tcpdump", "--version"),
            Self::Sngrep => does_not_run("sngrep", "--version"),
            Self::Postgres => postgres_programs()
                .is_none()
                .then(|| "no PostgreSQL from 15 on is installed".to_owned()),
            Self::Asterisk => absent(&asterisk_program()),
            Self::Pesq | Self::Pycall => absent(&packages_mark()),
            Self::Gsm0338 => lacks_package("gsm0338"),
            Self::VoicentPython => lacks_package("Voicent-Python"),
            Self::ExotelPython => lacks_package("exotelpy"),
            Self::ExotelNode => {
                does_not_run("node", "--version").or_else(|| absent(&npm_packages().join("exotel-node")))
            }
            Self::HoiioPython => absent(&target_dir().join("peers/python2/installed")),
            Self::NpmSmpp => does_not_run("node", "--version").or_else(|| absent(&npm_smpp_package())),
        }
    }
}

/// Whether the peer is here. When it is not, the test is to return at once: the reason is printed,
/// and kept for the summary of `script/test`.
///
/// # Panics
///
/// With `CI=true` in the environment, where a peer that is not here is a failure.
#[must_use]
#[expect(clippy::print_stdout, reason = "a test's way to say that it was skipped")]
pub fn require(peer: Peer) -> bool {
    let Some(reason) = peer.missing() else {
        note("used", peer, "");
        return true;
    };
    println!("skipped: {peer} ({reason})");
    note("skipped", peer, &reason);
    assert!(
        !std::env::var("CI").is_ok_and(|ci| ci == "true"),
        "{peer} is not here ({reason}), and in CI a skip is a failure"
    );
    false
}

pub(super) fn asterisk_place() -> PathBuf {
    target_dir().join("peers/asterisk")
}

/// It is no program for everybody, so the folder it lies in may not be searched.
pub(super) fn kamailio_program() -> &'static str {
    let there = "/usr/sbin/kamailio";
    if Path::new(there).exists() { there } else { "kamailio" }
}

/// The folder with the programs of the newest PostgreSQL server from version 15 on, and its version.
/// Debian keeps a folder for each; elsewhere they are where programs are.
pub(super) fn postgres_programs() -> Option<(PathBuf, u32)> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let searched = std::env::var_os("PATH").unwrap_or_default();
    debian
        .map(|version| version.path().join("bin"))
        .chain(std::env::split_paths(&searched))
        .filter(|folder| {
            ["initdb", "postgres", "psql"]
                .iter()
                .all(|name| folder.join(name).exists())
        })
        .filter_map(|folder| Some((postgres_version(&folder)?, folder)))
        .filter(|(version, _)| *version >= 15)
        .max()
        .map(|(version, folder)| (folder, version))
}

/// It says `postgres (PostgreSQL) 15.18 (Debian …)`.
fn postgres_version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = said.split_whitespace().nth(2)?;
    version.split('.').next()?.parse().ok()
}

/// Where `script/setup` has put packages from npm.
#[must_use]
pub fn npm_packages() -> PathBuf {
    target_dir().join("peers/npm/node_modules")
}

pub(super) fn npm_smpp_package() -> PathBuf {
    npm_packages().join("smpp")
}

/// The Python of the environment with the packages of `interop/requirements.txt`.
#[must_use]
pub fn venv_python() -> PathBuf {
    target_dir().join("interop-venv/bin/python")
}

fn asterisk_program() -> PathBuf {
    asterisk_place().join("root/usr/sbin/asterisk")
}

/// `script/setup` writes this file once the packages are installed.
fn packages_mark() -> PathBuf {
    target_dir().join("interop-venv/installed")
}

/// The mark is a copy of the requirements that were installed, which may be those of an earlier time.
fn lacks_package(name: &str) -> Option<String> {
    let installed = std::fs::read_to_string(packages_mark()).unwrap_or_default();
    (!installed.contains(&format!("{name}=="))).then(|| format!("script/setup has not installed {name}"))
}

fn absent(path: &Path) -> Option<String> {
    (!path.exists()).then(|| format!("script/setup has not made {}", path.display()))
}

fn does_not_run(program: &str, harmless: &str) -> Option<String> {
    Command::new(program)
        .arg(harmless)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .err()
        .map(|error| format!("{program} does not start: {error}"))
}

/// Leaves a file per peer. A note that cannot be written costs a line of the summary, no more.
fn note(kind: &str, peer: Peer, text: &str) {
    let folder = target_dir().join("peers/report").join(kind);
    let _ = std::fs::create_dir_all(&folder);
    let _ = std::fs::write(folder.join(peer.to_string()), text);
}
