use std::time::Duration;

use anyhow::{Context, Result};

use super::TIMES;
use crate::{
    machine::median,
    programs::Outdial,
    table::{Goal, Row, Table},
};

/// When a server that has just started has come to rest.
const RESTED: Duration = Duration::from_secs(5);

pub(super) async fn measure(table: &mut Table) -> Result<()> {
    let mut starts = Vec::new();
    let mut last = None;
    for _ in 0..TIMES {
        // The one before must be gone, not run beside it.
        drop(last.take());
        let server = Outdial::idle()?;
        starts.push(server.start.as_secs_f64());
        last = Some(server);
    }
    let server = last.context("it was started at least once")?;
    tokio::time::sleep(RESTED).await;
    let before = server.processor()?;
    tokio::time::sleep(RESTED).await;
    let used = server.processor()? - before;
    table.add(Row::new("idle: from start to ready, s", median(starts)).goal(Goal::Below(1.0)));
    table.add(Row::new("idle: memory, MB", server.resident()? / 1024.0).goal(Goal::Below(40.0)));
    table.add(Row::new("idle: % of a core", 100.0 * used / RESTED.as_secs_f64()));
    Ok(())
}
