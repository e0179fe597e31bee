use std::{
    collections::HashMap,
    net::UdpSocket,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use serde_json::json;

use super::TIMES;
use crate::{
    client::{Client, Kind},
    machine::{median, percentile},
    programs::{Asterisk, FarSide, Outdial, Sipp, bare_uac},
    table::{Goal, Row, Table},
};

const CALLS: usize = 5_000;
const IN_FLIGHT: usize = 100;
/// A burst that Asterisk takes well.
const BURST: usize = 1_000;
/// Calls one after the other, for the time that a call takes when nothing else is in its way.
const ALONE: usize = 200;
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn measure(table: &mut Table) -> Result<()> {
    let hole = BlackHole::open()?;
    let ours = ours(&hole).await?;
    let peer = if Asterisk::is_here() {
        Some(asterisk(&hole).await?)
    } else {
        None
    };
    let library = library(&hole).await?;

    let name = "Asterisk";
    table.add(
        Row::new("whole path: calls a second", median(column(&ours.many, Load::rate)))
            .peer(name, peer.as_ref().map(|peer| peer.rate)),
    );
    let processor = median(column(&ours.many, Load::processor_per_thousand));
    table.add(
        Row::new("whole path: CPU s per 1,000 calls", processor)
            .peer(name, peer.map(|peer| peer.processor))
            .goal(Goal::AtMost(0.25)),
    );
    table.add(
        Row::new("whole path: the same, next to the bare SIP library", processor).peer("rsipstack", Some(library)),
    );
    for (what, loads) in [
        (format!("{IN_FLIGHT} in flight"), &ours.many),
        ("one by one".to_owned(), &ours.alone),
    ] {
        for (part, of) in [
            ("INVITE", Load::to_invite as fn(&Load) -> &[f64]),
            ("answer", Load::to_answer),
        ] {
            for percent in [50, 99] {
                let figure = median(column(loads, |load| percentile(of(load), percent)));
                table.add(Row::new(
                    format!("whole path: request to {part}, {what}, p{percent} ms"),
                    figure,
                ));
            }
        }
    }
    let other: usize = ours.many.iter().map(|load| load.other).sum();
    if other > 0 {
        table.note(format!("whole path: {other} calls did not end as completed"));
    }
    Ok(())
}

fn column(loads: &[Load], figure: impl Fn(&Load) -> f64) -> Vec<f64> {
    loads.iter().map(figure).collect()
}

struct Ours {
    many: Vec<Load>,
    alone: Vec<Load>,
}

async fn ours(hole: &BlackHole) -> Result<Ours> {
    let sipp = Sipp::start(FarSide::HangsUp, &hole.ports).await?;
    let server = Outdial::roomy()?;
    // What is done once in the life of a server is not part of a call.
    load(&server, &sipp.uri(), 300, IN_FLIGHT).await?;
    let mut many = Vec::new();
    for _ in 0..TIMES {
        many.push(load(&server, &sipp.uri(), CALLS, IN_FLIGHT).await?);
    }
    let alone = vec![load(&server, &sipp.uri(), ALONE, 1).await?];
    Ok(Ours { many, alone })
}

/// What became of many calls.
struct Load {
    calls: usize,
    seconds: f64,
    processor: f64,
    /// From the request to the INVITE, in milliseconds, in ascending order.
    to_invite: Vec<f64>,
    to_answer: Vec<f64>,
    /// Calls that ended otherwise than by the far side's BYE.
    other: usize,
}

impl Load {
    fn rate(&self) -> f64 {
        self.calls as f64 / self.seconds
    }

    fn processor_per_thousand(&self) -> f64 {
        1_000.0 * self.processor / self.calls as f64
    }

    fn to_invite(&self) -> &[f64] {
        &self.to_invite
    }

    fn to_answer(&self) -> &[f64] {
        &self.to_answer
    }
}

/// Keeps so many calls in flight until all have ended.
async fn load(server: &Outdial, to: &str, calls: usize, in_flight: usize) -> Result<Load> {
    // The far side hangs up long before the pause is over.
    let body = json!({ "to": to, "flow": [{ "pause": "60s" }] });
    let client = &server.client;
    let place = || {
        let (client, body): (&Client, _) = (client, &body);
        async move { client.place(body).await }
    };
    let mut events = client.events().await?;
    let mut asked: HashMap<String, Timestamp> = HashMap::with_capacity(calls);
    let (mut invited, mut answered) = (Vec::with_capacity(calls), Vec::with_capacity(calls));
    let mut placing = FuturesUnordered::new();
    let (mut begun, mut ended, mut other) = (0, 0, 0);
    let (before, started) = (server.processor()?, Instant::now());
    while ended < calls {
        while begun < calls && begun - ended < in_flight {
            placing.push(place());
            begun += 1;
        }
        tokio::select! {
            Some(placed) = placing.next() => {
                let placed = placed?;
                asked.insert(placed.call, placed.asked_at);
            }
            event = events.next(PATIENCE) => {
                let event = event.with_context(|| format!("{ended} of {calls} calls had ended"))?;
                match event.kind {
                    Kind::Dialing => invited.push((event.call, event.at)),
                    Kind::Answered => answered.push((event.call, event.at)),
                    Kind::Ended { completed } => {
                        ended += 1;
                        other += usize::from(!completed);
                    }
                    Kind::Other => {}
                }
            }
        }
    }
    let (seconds, processor) = (started.elapsed().as_secs_f64(), server.processor()? - before);
    while let Some(placed) = placing.next().await {
        let placed = placed?;
        asked.insert(placed.call, placed.asked_at);
    }
    ensure!(
        other < calls / 10 + 1,
        "{other} of {calls} calls did not end as completed"
    );
    let since_asked = |reached: Vec<(String, Timestamp)>| {
        let mut times: Vec<f64> = reached
            .iter()
            .filter_map(|(call, at)| Some(at.duration_since(*asked.get(call)?).as_secs_f64() * 1_000.0))
            .collect();
        times.sort_by(f64::total_cmp);
        times
    };
    Ok(Load {
        calls,
        seconds,
        processor,
        to_invite: since_asked(invited),
        to_answer: since_asked(answered),
        other,
    })
}

struct Peer {
    rate: f64,
    /// Processor seconds per 1,000 calls.
    processor: f64,
}

async fn asterisk(hole: &BlackHole) -> Result<Peer> {
    let sipp = Sipp::start(FarSide::HangsUp, &hole.ports).await?;
    let asterisk = Asterisk::start().await?;
    let (mut rates, mut processors) = (Vec::new(), Vec::new());
    // The first burst is not counted: what is done once is not part of a call.
    for burst in 0..=TIMES {
        let calls = if burst == 0 { BURST / 10 } else { BURST };
        let before = asterisk.processor()?;
        let started = asterisk.dial(calls, &sipp.uri(), "Wait", "60")?;
        asterisk.is_done(PATIENCE).await?;
        let seconds = started.elapsed().as_secs_f64();
        let processor = asterisk.processor()? - before;
        if burst > 0 {
            rates.push(calls as f64 / seconds);
            processors.push(1_000.0 * processor / calls as f64);
        }
    }
    Ok(Peer {
        rate: median(rates),
        processor: median(processors),
    })
}

/// Processor seconds per 1,000 calls of the SIP library alone.
async fn library(hole: &BlackHole) -> Result<f64> {
    let sipp = Sipp::start(FarSide::Listens, &hole.ports).await?;
    let mut figures = Vec::new();
    for _ in 0..TIMES {
        let bare = bare_uac(sipp.port(), CALLS, IN_FLIGHT).await?;
        figures.push(1_000.0 * bare.processor / CALLS as f64);
    }
    Ok(median(figures))
}

/// Ports for sound that nobody wants to hear.
struct BlackHole {
    ports: Vec<u16>,
    _sockets: Vec<UdpSocket>,
}

impl BlackHole {
    fn open() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").context("bind a socket")?;
        let port = socket.local_addr().context("ask for its port")?.port();
        Ok(Self {
            ports: vec![port],
            _sockets: vec![socket],
        })
    }
}
