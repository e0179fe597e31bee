//! A real Asterisk between our program and phones.
#![expect(
    unreachable_pub,
    reason = "each test file includes this module and uses a part of it"
)]
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file includes this module and uses a part of it"
)]

use std::{fs, net::Ipv4Addr, time::Duration};

use outdial_handset::{Behaviour, HandsetSet, Phone, Script, Sound, Step};
use outdial_testkit::peers::{Asterisk, Peer, require};

use crate::program::Home;

pub const RATE: u32 = 8_000;

/// Hums this note for four seconds when it has answered.
fn humming(frequency: f32) -> Behaviour {
    let length = Duration::from_secs(4);
    let hum = Step::Speak(Sound::Tone { frequency, length });
    Behaviour::answer().ring(Duration::from_millis(300)).step(hum)
}

/// An Asterisk, phones behind it, and our program in front.
pub struct Bench {
    pub asterisk: Asterisk,
    pub phones: HandsetSet,
    pub home: Home,
}

impl Bench {
    pub async fn start() -> Option<Self> {
        if !require(Peer::Asterisk) {
            return None;
        }
        let home = Home::new();
        let script = Script::new()
            .phone(Phone::answering("200").ring(Duration::from_millis(300)))
            .phone(Phone::answering("201").hang_up_after(Duration::from_millis(500)))
            .phone(Phone::busy("202"))
            .phone(Phone::never_answering("203"))
            .phone(Phone::rejecting("204", 404))
            .phone(Phone::new("205", Behaviour::early_media()))
            .phone(Phone::new("206", humming(510.0)))
            .phone(Phone::new("207", humming(730.0).step(Step::HangUp)));
        let phones = HandsetSet::start(
            (Ipv4Addr::LOCALHOST, 0).into(),
            script,
            Some(home.dir.path().join("heard")),
        );
        Some(Self {
            asterisk: Asterisk::start().await.unwrap(),
            phones: phones.await.unwrap(),
            home,
        })
    }

    /// Configures a trunk that rings the phones, or this port, with more lines of its section.
    pub fn configure(&self, port: Option<u16>, more: &str) {
        let port = port.unwrap_or(self.phones.address().port());
        self.home.configure(&format!(
            "[policy]\nopen = [\"local:\"]\n[handsets]\nenabled = false\n[pacing]\nnumber_gap = 0\n\
             [[trunk]]\nname = \"pbx\"\ncarrier = \"asterisk\"\ncalls_per_second = 0\n[trunk.asterisk]\n\
             channel = \"PJSIP/anyone/sip:{{number}}@127.0.0.1:{port}\"\ncontexts = [\"callfile\", \"extensions\"]\n\
             sounds = \"{}\"\n{more}",
            self.asterisk.sounds_dir().display(),
        ));
    }

    pub fn by_files(&self) -> String {
        format!("spool = \"{}\"\n", self.asterisk.call_files().display())
    }

    pub fn by_manager(&self) -> String {
        format!(
            "[trunk.asterisk.ami]\naddress = \"{}\"\nusername = \"{}\"\nsecret = \"{}\"\n",
            self.asterisk.manager_address(),
            Asterisk::USER,
            Asterisk::SECRET,
        )
    }

    /// Every file that is left in the queue.
    pub fn queued(&self) -> usize {
        fs::read_dir(self.asterisk.call_files()).unwrap().count()
    }
}
