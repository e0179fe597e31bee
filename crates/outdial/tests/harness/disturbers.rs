//! Those who kill, stop and starve the nodes and their database.

use std::{fs::File, process::Stdio, sync::Arc, time::Duration};

use jiff::Timestamp;
use outdial_testkit::peers::Postgres;
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use tokio::{process::Command, sync::watch, time::sleep};

use super::ground::{Disturbance, Ground, IN_VAIN, Way, now};
use crate::program::{Home, Server};

/// The places of `engine/src/fault.rs`.
const POINTS: [&str; 9] = [
    "before_create",
    "after_create",
    "before_journal",
    "after_journal",
    "sent",
    "ringing",
    "answered",
    "before_end",
    "after_end",
];

/// A node, and who disturbs it.
pub struct Disturber {
    pub ground: Arc<Ground>,
    pub index: usize,
    pub name: &'static str,
    pub home: Home,
    /// Whether other nodes may take over what this one has.
    pub shared: bool,
    /// A fault that it always has.
    pub fault: Option<&'static str>,
    /// Set when it is to be left in peace.
    pub peace: watch::Receiver<bool>,
}

/// What is done to a node in one of its lives.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Deed {
    /// Killed at any moment.
    Kill,
    /// Dies, or stands still, at a place.
    Fault { place: String, stops: bool },
    /// Stands still at any moment.
    Pause,
    /// Its disk takes no more bytes for a while.
    Disk,
}

impl Disturber {
    fn draw(&self, dice: &mut StdRng) -> Deed {
        if self.fault.is_some() {
            return Deed::Kill;
        }
        match dice.random_range(0..10) {
            0..3 => Deed::Kill,
            3..8 => {
                let point = POINTS.choose(dice).unwrap();
                let time = dice.random_range(1..=12);
                let stops = self.shared && dice.random_bool(0.3);
                let stop = if stops { ":stop" } else { "" };
                Deed::Fault {
                    place: format!("{point}:{time}{stop}"),
                    stops,
                }
            }
            _ if self.shared => Deed::Pause,
            _ => Deed::Disk,
        }
    }

    /// Starts the node and disturbs it, again and again, until there is to be peace. It then runs.
    pub async fn run(mut self) -> (Home, Server) {
        let mut dice = self.ground.dice(self.name);
        loop {
            let peace = *self.peace.borrow_and_update();
            let deed = if peace { Deed::Kill } else { self.draw(&mut dice) };
            let Some(server) = self.start(&deed).await else {
                continue;
            };
            self.ground.open(self.index, Some(way(&server)));
            if peace {
                return (self.home, server);
            }
            if let Some(server) = self.disturb(server, &deed, &mut dice).await {
                self.kill(server, "kill -9".to_owned()).await;
            }
        }
    }

    async fn start(&self, deed: &Deed) -> Option<Server> {
        // What is beyond the limit of a file then fails, instead of ending the process.
        let wrapper = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"].map(str::to_owned);
        let mut command = self.home.command_through(&wrapper, &["serve"]);
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.home.dir.path().join("log"))
            .unwrap();
        command.stderr(Stdio::from(log));
        if let Deed::Fault { place, .. } = deed {
            command.env("OUTDIAL_FAULT", place);
        } else if let Some(fault) = self.fault {
            command.env("OUTDIAL_FAULT", fault);
        }
        let server = self.home.try_ready(command).await;
        if server.is_none() {
            self.tell(IN_VAIN.to_owned(), now(), true);
            sleep(Duration::from_millis(500)).await;
        }
        server
    }

    /// Does it, and gives the server back if it is still alive.
    async fn disturb(&mut self, mut server: Server, deed: &Deed, dice: &mut StdRng) -> Option<Server> {
        let moment = Duration::from_millis(dice.random_range(100..2_500));
        match deed {
            Deed::Kill => self.wait(moment).await,
            Deed::Fault { place, stops: false } => {
                let died = tokio::select! {
                    died = server.ends_within(Duration::from_secs(4)) => died,
                    () = peace(&mut self.peace) => false,
                };
                if died {
                    self.ground.open(self.index, None);
                    self.tell(place.clone(), now(), true);
                    return None;
                }
            }
            Deed::Fault { place, stops: true } => {
                let from = now();
                if server.stands_still_within(Duration::from_secs(4)).await {
                    self.stand(&server, place.clone(), from, dice).await;
                }
            }
            Deed::Pause => {
                self.wait(moment).await;
                let from = now();
                signal(&server, "STOP").await;
                self.stand(&server, "SIGSTOP".to_owned(), from, dice).await;
            }
            Deed::Disk => {
                self.wait(moment).await;
                let from = now();
                limit_files(&server, "0").await;
                sleep(Duration::from_millis(dice.random_range(50..1_500))).await;
                limit_files(&server, "unlimited").await;
                self.tell("disk failed".to_owned(), from, false);
                self.wait(moment).await;
            }
        }
        Some(server)
    }

    /// Lets a node that stands still do so for a while: some for less than a lease (3 s), some until it is
    /// declared gone (10 s).
    async fn stand(&mut self, server: &Server, what: String, from: Timestamp, dice: &mut StdRng) {
        self.wait(Duration::from_millis(dice.random_range(500..13_000))).await;
        signal(server, "CONT").await;
        self.tell(what, from, false);
        sleep(Duration::from_millis(dice.random_range(0..1_000))).await;
    }

    async fn kill(&self, server: Server, what: String) {
        self.ground.open(self.index, None);
        let from = now();
        server.kill().await;
        self.tell(what, from, true);
    }

    async fn wait(&mut self, time: Duration) {
        tokio::select! {
            () = sleep(time) => {}
            () = peace(&mut self.peace) => {}
        }
    }

    fn tell(&self, what: String, from: Timestamp, killed: bool) {
        self.ground.disturbed(Disturbance {
            node: Some(self.name.to_owned()),
            what,
            from,
            until: now(),
            killed,
        });
    }
}

async fn peace(peace: &mut watch::Receiver<bool>) {
    peace.wait_for(|peace| *peace).await.unwrap();
}

/// Kills the database now and then, until there is to be peace. It then runs.
pub async fn disturb_database(
    mut database: Postgres,
    ground: Arc<Ground>,
    mut wanted: watch::Receiver<bool>,
) -> Postgres {
    let mut dice = ground.dice("database");
    loop {
        let quiet = Duration::from_millis(dice.random_range(3_000..12_000));
        tokio::select! {
            () = sleep(quiet) => {}
            () = peace(&mut wanted) => return database,
        }
        let from = now();
        database.crash();
        // Some are over before a lease is, some are not.
        sleep(Duration::from_millis(dice.random_range(0..5_000))).await;
        database.start_again().await.unwrap();
        ground.disturbed(Disturbance {
            node: None,
            what: "database killed".to_owned(),
            from,
            until: now(),
            killed: false,
        });
    }
}

pub fn way(server: &Server) -> Way {
    Way {
        url: server.url.clone(),
        key: server.key.clone(),
    }
}

async fn signal(server: &Server, name: &str) {
    let told = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(server.pid().to_string())
        .status();
    assert!(told.await.unwrap().success());
}

async fn limit_files(server: &Server, size: &str) {
    let set = Command::new("prlimit")
        .args(["--pid", &server.pid().to_string(), &format!("--fsize={size}:unlimited")])
        .status();
    assert!(set.await.unwrap().success());
}
