use std::time::Duration;

use anyhow::Result;

use super::{
    TIMES,
    load::{BlackHole, Load, column, load},
};
use crate::{
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
