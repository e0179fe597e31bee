use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::{
    programs::{Asterisk, BareRooms, FarSide, Sipp},
    sink::{Sink, Tally},
    table::{Goal, Row, Table},
};

/// How long the sound flows before it is measured, and for how long it is.
const SETTLED: Duration = Duration::from_secs(2);
const LENGTH: Duration = Duration::from_secs(6);
const PATIENCE: Duration = Duration::from_secs(20);

/// The share of late packets that is still good, in percent.
const GOOD: f64 = 0.5;

/// How many sit in a room of a conference.
const PARTY: usize = 8;
const ASTERISK_ROOMS: usize = 20;
const MANY_ROOMS: usize = 150;
const BRIDGES: usize = 200;
const CROWD: usize = 500;

/// Two who talk, eight who all speak, and five hundred of whom a few are heard.
pub(super) async fn measure(table: &mut Table) -> Result<()> {
    let sink = Sink::open()?;
    for (what, codecs, goal) in [
        ("relayed", "pcma,pcma", 3.0),
        ("transcoded, µ-law and A-law", "pcmu,pcma", 4.0),
        ("transcoded, G.722 and A-law", "g722,pcma", 12.0),
    ] {
        let heard = ours(&sink, BRIDGES, 2, "bridge", codecs).await?;
        let per_hundred = 100.0 * heard.cores * 100.0 / BRIDGES as f64;
        let row = format!("rooms: % of a core per 100 bridges, {what}");
        table.add(Row::new(row, per_hundred).goal(Goal::AtMost(2.0 * goal)));
        note(table, &format!("{BRIDGES} bridges, {what}"), &heard);
    }
    let asterisk = match Asterisk::is_here() {
        true => Some(asterisk(&sink).await?),
        false => None,
    };
    let few = ours(&sink, ASTERISK_ROOMS, PARTY, "conference", "pcmu").await?;
    let many = ours(&sink, MANY_ROOMS, PARTY, "conference", "pcmu").await?;
    let per_room = |heard: &Heard, rooms: usize| 100.0 * heard.cores / rooms as f64;
    table.add(
        Row::new(
            format!("rooms: % of a core a room of {PARTY}, all speaking, {ASTERISK_ROOMS} rooms"),
            per_room(&few, ASTERISK_ROOMS),
        )
        .peer(
            "Asterisk",
            asterisk.as_ref().map(|heard| per_room(heard, ASTERISK_ROOMS)),
        )
        .goal(Goal::AtMost(0.5)),
    );
    table.add(
        Row::new(
            format!("rooms: % of a core a room of {PARTY}, all speaking, {MANY_ROOMS} rooms"),
            per_room(&many, MANY_ROOMS),
        )
        .goal(Goal::AtMost(0.5)),
    );
    table.add(
        Row::new(
            format!("rooms: % of packets late, {ASTERISK_ROOMS} rooms of {PARTY}"),
            few.tally.late_percent(),
        )
        .peer("Asterisk", asterisk.as_ref().map(|heard| heard.tally.late_percent()))
        .goal(Goal::Below(GOOD)),
    );
    table.add(
        Row::new(
            format!("rooms: % of packets late, {MANY_ROOMS} rooms of {PARTY}"),
            many.tally.late_percent(),
        )
        .goal(Goal::Below(GOOD)),
    );
    let legs = ((MANY_ROOMS - ASTERISK_ROOMS) * PARTY) as f64;
    table.add(
        Row::new("rooms: memory of one more leg, kB", (many.memory - few.memory) / legs)
            .peer("Asterisk", asterisk.as_ref().and_then(|heard| heard.slope))
            .goal(Goal::AtMost(80.0)),
    );
    note(table, &format!("{MANY_ROOMS} rooms of {PARTY}"), &many);
    let crowd = ours(&sink, 1, CROWD, "conference", "pcmu").await?;
    table.add(
        Row::new(format!("rooms: % of a core, one room of {CROWD}"), 100.0 * crowd.cores).goal(Goal::AtMost(100.0)),
    );
    table.add(
        Row::new(
            format!("rooms: % of packets late, one room of {CROWD}"),
            crowd.tally.late_percent(),
        )
        .goal(Goal::Below(GOOD)),
    );
    Ok(())
}

fn note(table: &mut Table, what: &str, heard: &Heard) {
    if heard.tally.late + heard.tally.missing > 0 {
        table.note(format!("rooms, {what}: {}", heard.tally));
    }
}

/// What it cost and how it sounded.
struct Heard {
    /// Processor seconds in a second.
    cores: f64,
    tally: Tally,
    /// Kilobytes that the program has in use.
    memory: f64,
    /// Kilobytes that each of the later legs added, where that was looked at.
    slope: Option<f64>,
}

async fn ours(sink: &Sink, rooms: usize, members: usize, kind: &str, codecs: &str) -> Result<Heard> {
    let program = BareRooms::start(rooms, members, kind, codecs, sink.ports())?;
    let legs = rooms * members;
    listen(sink, legs, || program.processor(), || program.resident()).await
}

async fn asterisk(sink: &Sink) -> Result<Heard> {
    let sipp = Sipp::start(FarSide::Listens, sink.ports()).await?;
    let asterisk = Asterisk::start().await?;
    let mut before = None;
    for room in 0..ASTERISK_ROOMS {
        asterisk.dial(PARTY, &sipp.uri(), "ConfBridge", &format!("room{room}"))?;
        sink.wait_for((room + 1) * PARTY, PATIENCE).await;
        if room + 1 == ASTERISK_ROOMS / 2 {
            before = Some(asterisk.resident()?);
        }
    }
    let legs = ASTERISK_ROOMS * PARTY;
    let heard = listen(sink, legs, || asterisk.processor(), || asterisk.resident()).await?;
    let slope = before.map(|before| (heard.memory - before) / (legs / 2) as f64);
    Ok(Heard { slope, ..heard })
}

/// Speaks to everybody who is heard, and listens.
async fn listen(
    sink: &Sink,
    legs: usize,
    processor: impl Fn() -> Result<f64>,
    memory: impl Fn() -> Result<f64>,
) -> Result<Heard> {
    let live = sink.wait_for(legs, PATIENCE).await;
    ensure!(live > legs / 2, "only {live} of {legs} legs are heard");
    let _talker = sink.talk()?;
    tokio::time::sleep(SETTLED).await;
    let (before, started) = (processor()?, Instant::now());
    let tally = sink.listen(LENGTH, legs).await;
    let cores = (processor()? - before) / started.elapsed().as_secs_f64();
    Ok(Heard {
        cores,
        tally,
        memory: memory()?,
        slope: None,
    })
}
