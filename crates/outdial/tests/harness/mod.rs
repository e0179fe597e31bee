//! Thousands of calls, made by careful clients, while the nodes that dial them and their database are killed,
//! stopped and starved. The phones are in this process, which nobody kills, and count what rings.

#![expect(unreachable_pub, reason = "a module of test programs")]

mod accounts;
mod callers;
mod check;
mod disturbers;
mod ground;
mod order;
mod promise;
mod receiver;
mod report;
mod rings;

use std::{path::Path, sync::Arc, time::Duration};

use outdial_handset::{Behaviour, HandsetSet, Phone as Handset, Script};
use outdial_testkit::peers::Postgres;
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet};

use self::{
    disturbers::{Disturber, disturb_database, way},
    ground::Ground,
    order::{Order, Phone},
};
pub use self::{promise::Promise, report::Report};
use crate::program::{Home, Server};

/// What the nodes remember by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// One node with its file.
    Sqlite,
    /// Three nodes on one database.
    Postgres,
}

/// What is to be tried.
#[derive(Debug, Clone)]
pub struct Trial {
    pub engine: Engine,
    pub seed: u64,
    pub calls: usize,
    /// How many calls are made between two disturbances.
    pub batch: usize,
    /// A fault that all nodes always have.
    pub fault: Option<&'static str>,
    /// Whether calls that wait, because nothing is known of their phones, are waited for.
    pub patient: bool,
}

/// Tries it, and says what was found.
pub async fn run(trial: Trial) -> Report {
    println!("torture: {trial:?}");
    let begun = std::time::Instant::now();
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("rings.jsonl");
    let handsets = HandsetSet::start("127.0.0.1:0".parse().unwrap(), phones(&log), None)
        .await
        .unwrap();
    let names: &'static [&'static str] = match trial.engine {
        Engine::Sqlite => &["only"],
        Engine::Postgres => &["a", "b", "c"],
    };
    let ground = Arc::new(Ground::new(trial.seed, names.len()));
    let receiver = receiver::Receiver::start().await;
    let (peace, wanted) = watch::channel(false);
    let database = match trial.engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(Postgres::start().await.unwrap()),
    };
    let url = database.as_ref().map(|database| database.database().unwrap());
    let mut nodes = JoinSet::new();
    let homes: Vec<Home> = names.iter().map(|name| node(name, url.as_deref(), &handsets)).collect();
    for (index, (home, &name)) in homes.into_iter().zip(names).enumerate() {
        if index == 0 {
            begin(&home, &receiver).await;
        }
        let disturber = Disturber {
            ground: ground.clone(),
            index,
            name,
            home,
            shared: database.is_some(),
            fault: trial.fault,
            peace: wanted.clone(),
        };
        nodes.spawn(disturber.run());
    }
    let database = database.map(|database| tokio::spawn(disturb_database(database, ground.clone(), wanted)));

    let mut dice = ground.dice("orders");
    let orders: Vec<Order> = (0..trial.calls).map(|index| Order::draw(index, &mut dice)).collect();
    callers::make(ground.clone(), orders.clone(), trial.batch).await;
    peace.send(true).unwrap();
    receiver.recover();
    // It is up again before the nodes look for it.
    let database = match database {
        Some(database) => Some(database.await.unwrap()),
        None => None,
    };
    let calm: Vec<(Home, Server)> = nodes.join_all().await;
    ground.all_are_up().await;

    let through = way(&calm[0].1);
    accounts::settled(&ground, &through, trial.patient).await;
    let calls = accounts::calls(&ground, &through, &orders).await;
    accounts::told(&receiver, &calls).await;
    for (home, server) in calm {
        server.stop().await;
        store_is_whole(&ground, &home).await;
    }
    handsets.shutdown().await;
    drop(database);
    let rings = rings::Rings::read(&log);
    accounts::compare(&ground, &orders, &calls, &rings, &receiver);
    let report = Report::new(&trial, &ground, &calls, &rings, &receiver, begun.elapsed());
    println!("{report}");
    report
}

/// Phones that are rung by no more than their numbers, with neither sound nor memory.
fn phones(log: &Path) -> Script {
    let moment = Duration::from_millis(50);
    let answers = || Behaviour::answer().ring(moment).hang_up_after(Duration::from_secs(4));
    let phone = |phone: Phone| {
        let number = format!("{}*", phone.prefix());
        let phone = match phone {
            Phone::Answers => Handset::new(number, answers()),
            Phone::Busy => Handset::busy(number),
            Phone::BusyOnce => Handset::new(number, answers()).first(Behaviour::busy()),
            // A caller that died does not give up by itself.
            Phone::Rings => Handset::new(number, Behaviour::reject(480).ring(Duration::from_secs(8))),
            Phone::Silent => Handset::silent(number),
            Phone::Congested => Handset::rejecting(number, 503),
        };
        phone.without_recording().without_rtp()
    };
    let script = Script::new().ring_log(log);
    Phone::ALL
        .into_iter()
        .fold(script, |script, kind| script.phone(phone(kind)))
}

fn node(name: &str, url: Option<&str>, handsets: &HandsetSet) -> Home {
    let home = Home::new();
    let store = url.map_or_else(String::new, |url| format!("[store]\nurl = \"{url}\"\n"));
    home.configure_node(
        name,
        &format!(
            "{store}[sip]\nbind = \"127.0.0.1:0\"\nt1 = 50\n[policy]\nopen = [\"+65\"]\n[limits]\nlive_calls = 60\n\
             [pacing]\nnumber_gap = 0\n[handsets]\nenabled = false\n[webhooks]\nallow = [\"127.0.0.1\"]\n\
             [[trunk]]\nname = \"phones\"\nhost = \"127.0.0.1\"\nport = {}\n",
            handsets.address().port()
        ),
    );
    home
}

/// Before anything is disturbed: whom to tell.
async fn begin(home: &Home, receiver: &receiver::Receiver) {
    let server = home.serve().await;
    let hook = json!({ "url": format!("http://{}/", receiver.address) });
    let (status, answer) = server.post("/api/v1/webhooks", &hook).await;
    assert_eq!(status, 201, "{answer}");
    server.stop().await;
}

/// Whether the files that a node leaves, or the database, agree with themselves.
async fn store_is_whole(ground: &Ground, home: &Home) {
    let ran = home.run(&["store", "check"]).await;
    if ran.code != 0 {
        ground.broke(Promise::StoreIsWhole, format!("{ran:?}"));
    }
}

/// Whether a call has ended.
fn has_ended(call: &Value) -> bool {
    call["state"] == "ended"
}
