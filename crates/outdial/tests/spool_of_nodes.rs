//! Directories of call files where several servers share one PostgreSQL database: in one directory that all of them
//! have, and in one of each.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::{fs, path::Path, sync::Arc, time::Duration};

use futures_util::future::join_all;
use outdial_callfile::{Ending, FileName, Spool, Status};
use outdial_handset::{EventKind, HandsetSet, Phone, Script};
use outdial_testkit::peers::{Peer, Postgres, require};
use program::{Home, LIMIT};
use tempfile::TempDir;

const FILES: usize = 12;

/// A number for each file, so that each phone tells how often its file was dialled.
fn number(index: usize) -> String {
    format!("+65900{index:05}")
}

/// Phones, a database, and a place for directories.
struct Ground {
    phones: HandsetSet,
    _database: Arc<Postgres>,
    url: String,
    place: TempDir,
}

impl Ground {
    async fn new() -> Self {
        let ring = Duration::from_millis(300);
        let phone = |script: Script, index| script.phone(Phone::answering(number(index)).ring(ring));
        let script = (0..=FILES).fold(Script::new(), phone);
        let database = Postgres::shared().await.unwrap();
        Self {
            phones: HandsetSet::start("127.0.0.1:0".parse().unwrap(), script, None)
                .await
                .unwrap(),
            url: database.database().unwrap(),
            _database: database,
            place: tempfile::tempdir().unwrap(),
        }
    }

    /// A directory of call files.
    fn spool(&self, name: &str) -> Spool {
        let queue = self.place.path().join(name).join("outgoing");
        fs::create_dir_all(&queue).unwrap();
        Spool::new(queue)
    }

    /// A node that takes the files of a directory.
    fn node(&self, name: &str, spool: &Spool) -> Home {
        let home = Home::new();
        home.configure_node(
            name,
            &format!(
                "[store]\nurl = \"{}\"\n[sip]\nbind = \"127.0.0.1:0\"\nt1 = 50\n[policy]\nopen = [\"+65\"]\n\
                 [limits]\nlive_calls = 4\n[handsets]\nenabled = false\n[pacing]\nnumber_gap = 0\n\
                 [[trunk]]\nname = \"phones\"\nhost = \"127.0.0.1\"\nport = {}\ncalls_per_second = 0\n\
                 [[faces.spool]]\ndirectory = {:?}\ntrunks = {{ ctx = \"phones\" }}\n",
                self.url,
                self.phones.address().port(),
                spool.dir()
            ),
        );
        home
    }

    fn put(&self, spool: &Spool, index: usize) {
        let staged = self.place.path().join("staged");
        let text = format!(
            "Channel: Local/{}@ctx\nApplication: Hangup\nArchive: yes\n",
            number(index)
        );
        fs::write(&staged, text).unwrap();
        fs::rename(&staged, spool.dir().join(format!("f{index}"))).unwrap();
    }

    /// Waits until a file is done, and checks that it was dialled once, or that nobody knows.
    async fn is_done_once(&self, spool: &Spool, index: usize, told: &str) {
        let (waiting, name) = (spool.clone(), FileName::new(format!("f{index}")).unwrap());
        let wait = tokio::task::spawn_blocking(move || waiting.wait(&name, Some(LIMIT)).unwrap());
        let Some(Ending::Done(outcome)) = wait.await.unwrap() else {
            panic!("{told}: {index} is lost");
        };
        let rings = self.phones.rings(&number(index)).count;
        assert!(rings <= 1, "{told}: {index} rang {rings} times");
        assert_eq!(outcome.attempts, 1, "{told}: {index}");
        assert!(rings == 1 || outcome.status == Status::Expired, "{told}: {index}");
    }
}

/// What is left where files were taken is the lock.
fn is_clean(spool: &Spool) {
    let listed = |dir: &Path| -> Vec<_> { fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let taken = spool.dir().join(".taken");
    assert_eq!(listed(spool.dir()), std::slice::from_ref(&taken));
    assert_eq!(listed(&taken), [taken.join("lock")]);
}

#[tokio::test]
async fn a_directory_of_several_nodes_is_taken_over_and_no_file_is_dialled_twice() {
    if !require(Peer::Postgres) {
        return;
    }
    let dies = |fault: &'static str| async move {
        let ground = Ground::new().await;
        let spool = ground.spool("shared");
        let homes = ["a", "b"].map(|name| ground.node(name, &spool));
        let a = homes[0].serve_with_fault(fault).await;
        let b = homes[1].serve().await;
        for index in 0..FILES {
            ground.put(&spool, index);
        }
        a.died().await;
        for index in 0..FILES {
            ground.is_done_once(&spool, index, fault).await;
        }
        // It waits until the other one leaves.
        let a = homes[0].serve().await;
        b.stop().await;
        ground.put(&spool, FILES);
        ground.is_done_once(&spool, FILES, fault).await;
        a.stop().await;
        is_clean(&spool);
        ground.phones.shutdown().await;
    };
    join_all(["file_taken", "after_create:3", "after_journal", "file_noted:2"].map(dies)).await;
}

#[tokio::test]
async fn nodes_have_directories_of_their_own_and_dial_the_calls_of_each_other() {
    if !require(Peer::Postgres) {
        return;
    }
    let ground = Ground::new().await;
    let spools = ["a", "b"].map(|name| ground.spool(name));
    let homes = [ground.node("a", &spools[0]), ground.node("b", &spools[1])];
    let (a, b) = (homes[0].serve().await, homes[1].serve().await);
    for index in 0..FILES {
        ground.put(&spools[index % 2], index);
    }
    ground.phones.wait_for(&number(0), EventKind::Ringing).await;
    a.kill().await;
    for index in (1..FILES).step_by(2) {
        ground.is_done_once(&spools[1], index, "of b").await;
    }
    // Whoever dialled those of its directory meanwhile, what became of them is written when it is back.
    let a = homes[0].serve().await;
    for index in (0..FILES).step_by(2) {
        ground.is_done_once(&spools[0], index, "of a").await;
    }
    for server in [a, b] {
        server.stop().await;
    }
    spools.iter().for_each(is_clean);
    ground.phones.shutdown().await;
}
