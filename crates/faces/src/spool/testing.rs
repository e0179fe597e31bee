//! A directory on fakes.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use outdial_callfile::{Ending, FileName, Outcome, Spool};
use outdial_domain::{Address, Call};
use outdial_flow::{Dial, Flow, Instruction};
use outdial_testkit::fakes::FakeClock;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{SpoolConfig, serve};
use crate::testing::{Ground, OURS, wav};

/// How long anything may take before a test gives up.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
/// A file whose call is over as soon as it is answered.
pub(super) const HANGUP: &str = "Channel: Local/100@from-internal\nApplication: Hangup\nArchive: yes\n";

/// A directory, and fakes that its calls are made on.
pub(super) struct Rig {
    pub(super) ground: Ground,
    place: TempDir,
    pub(super) config: SpoolConfig,
    pub(super) running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Rig {
    pub(super) async fn start() -> Self {
        let mut rig = Self::at_rest().await;
        rig.go();
        rig
    }

    pub(super) async fn at_rest() -> Self {
        let ground = Ground::new(|settings| {
            settings.limits.live_calls = 1_000;
            let other = Dial::to(Address::parse("200").unwrap());
            let connect = Flow {
                steps: vec![Instruction::Dial(Box::new(other))],
            };
            settings.flows.insert("connect".to_owned(), connect);
        })
        .await;
        let place = tempfile::tempdir().unwrap();
        for name in ["outgoing", "outgoing_done", "sounds", "sounds/moh"] {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        for name in ["hello-world", "beep", "moh/default"] {
            fs::write(place.path().join(format!("sounds/{name}.wav")), wav(1_600)).unwrap();
        }
        let config = SpoolConfig {
            tenant: ground.tenant(),
            directory: place.path().join("outgoing"),
            caller_id: Some(Address::parse(OURS).unwrap()),
            trunks: [("from-internal", "lab"), ("anywhere", ""), ("gone", "no-such-trunk")]
                .map(|(peer, trunk)| (peer.to_owned(), trunk.to_owned()))
                .into(),
            flows: [("ivr", "welcome"), ("connect", "connect")]
                .map(|(place, flow)| (place.to_owned(), flow.to_owned()))
                .into(),
            audio: Some(place.path().join("sounds")),
        };
        Self {
            ground,
            place,
            config,
            running: None,
        }
    }

    pub(super) fn go(&mut self) {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(self.ground.engine.clone(), self.config.clone(), async {
            let _ = stopped.await;
        }));
        self.running = Some((stop, task));
    }

    pub(super) async fn stop(&mut self) {
        if let Some((stop, task)) = self.running.take() {
            stop.send(()).unwrap();
            task.await.unwrap();
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.config.directory.join(name)
    }

    /// Moves a file in.
    pub(super) fn put(&self, name: &str, text: &str) {
        self.put_at(name, text, SystemTime::UNIX_EPOCH);
    }

    pub(super) fn put_at(&self, name: &str, text: &str, time: SystemTime) {
        let staged = self.place.path().join("staged");
        fs::write(&staged, text).unwrap();
        fs::File::options()
            .write(true)
            .open(&staged)
            .unwrap()
            .set_modified(time)
            .unwrap();
        fs::rename(&staged, self.path(name)).unwrap();
    }

    /// How the life of a file ends.
    pub(super) async fn ended(&self, name: &str) -> Ending {
        let spool = Spool::new(&self.config.directory);
        let name = FileName::new(name).unwrap();
        let wait = tokio::task::spawn_blocking(move || spool.wait(&name, Some(LIMIT)).unwrap());
        wait.await.unwrap().expect("it ends")
    }

    pub(super) async fn done(&self, name: &str) -> Outcome {
        match self.ended(name).await {
            Ending::Done(outcome) => outcome,
            Ending::Removed => panic!("{name} is not in the archive"),
        }
    }

    pub(super) fn problem(&self, name: &str) -> String {
        fs::read_to_string(self.place.path().join(format!("outgoing_done/{name}.problem"))).unwrap_or_default()
    }

    /// The call of a file.
    pub(super) async fn call(&self, name: &str) -> Call {
        let mut calls = self.ground.calls().await.into_iter();
        let found = calls.find(|call| call.plan.reference.as_deref() == Some(name));
        found.unwrap_or_else(|| panic!("no call of {name}"))
    }

    /// Which of these files has a call.
    pub(super) async fn call_of_any(&self, names: &[&str]) -> String {
        let calls = self.ground.calls().await;
        let [call] = &calls[..] else { panic!("{calls:?}") };
        let reference = call.plan.reference.clone().unwrap();
        assert!(names.contains(&reference.as_str()), "{reference}");
        reference
    }

    /// Waits until so many calls were made.
    pub(super) async fn created(&self, calls: usize) {
        self.ground.reached("created", calls).await;
    }
}

/// So many seconds after the fake clock begins.
pub(super) fn in_seconds(seconds: u64) -> SystemTime {
    SystemTime::from(FakeClock::START) + Duration::from_secs(seconds)
}
