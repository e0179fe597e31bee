//! `outdial load`: many calls at a rate, with a report. For trying a PBX, a trunk, or us.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};

use super::{Connection, call::add_action, print_json, segment};
use crate::{
    cli::{Common, Load},
    client::Client,
    exit::Failure,
    server::Role,
};

/// How long to wait for anything to happen before the rest is given up as lost.
const SILENCE: Duration = Duration::from_secs(120);

pub(super) async fn run(common: &Common, load: Load) -> Result<ExitCode, Failure> {
    if !(load.rate > 0.0 && load.rate <= 100_000.0) || load.calls == 0 || load.concurrent == 0 {
        return Err(Failure::usage(
            "give --calls and --concurrent of at least 1, and a --rate above 0",
        ));
    }
    let connection = Connection::open(common, Role::Dialling).await?;
    let tag = format!("load {}", std::process::id());
    let result = tokio::select! {
        result = strain(&connection.client, &load, &tag) => result,
        stopped = super::serve::wait_for_stop() => match stopped {
            Ok(()) => hang_up_all(&connection.client, &tag).await.and_then(|ended| {
                Err(Failure::result(format!("interrupted: {ended} calls that were under way are being ended")))
            }),
            Err(failure) => Err(failure),
        },
    };
    connection.close().await;
    let report = result?;
    if load.json {
        print_json(&report.json());
    } else {
        crate::output::write_out!("{}", report.text());
    }
    let all_well = report.outcomes.get("completed") == Some(&load.calls);
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// What is known about one call.
#[derive(Default, Clone, Copy)]
struct Times {
    created: Option<jiff::Timestamp>,
    answered: Option<jiff::Timestamp>,
}

/// What came of it all.
#[derive(Default)]
struct Report {
    placed: u32,
    refused: BTreeMap<String, u32>,
    outcomes: BTreeMap<String, u32>,
    /// From the request to the answer, in milliseconds, in ascending order.
    setup: Vec<f64>,
    seconds: f64,
    lost: u32,
}

/// Ends every call with this tag that has not ended. Says how many there were.
async fn hang_up_all(client: &Client, tag: &str) -> Result<usize, Failure> {
    let mut ended = 0;
    for state in ["scheduled", "queued", "active"] {
        let query = format!("/calls?state={state}&tag={}&limit=1000", segment(tag));
        let page = client.get(&query).await?;
        for call in page["calls"].as_array().into_iter().flatten() {
            let id = call["id"].as_str().unwrap_or_default();
            client
                .post(&format!("/calls/{}/hangup", segment(id)), &json!({}))
                .await?;
            ended += 1;
        }
    }
    Ok(ended)
}

async fn strain(client: &Client, load: &Load, tag: &str) -> Result<Report, Failure> {
    let mut body = json!({ "to": load.to, "tag": tag });
    add_action(client, &load.action, &mut body).await?;
    if ["say", "play", "flow"].iter().all(|action| body[action].is_null()) {
        body["flow"] = match load.hold {
            Some(hold) => json!([{ "pause": hold.as_secs_f64() }]),
            None => json!([{ "hang_up": {} }]),
        };
    }
    if let Some(via) = &load.via {
        body["via"] = json!(via);
    }
    if let Some(ring) = load.ring {
        body["ring"] = json!(ring.as_secs_f64());
    }
    let events = Box::pin(client.follow(None, None).await?);
    let room = Arc::new(Semaphore::new(load.concurrent));
    let (placed, results) = mpsc::unbounded_channel();
    let started = Instant::now();
    let placing = tokio::spawn(place_all(
        client.clone(),
        body,
        load.calls,
        load.rate,
        Arc::clone(&room),
        placed,
    ));
    let mut report = collect(events, results, load.calls, &room).await?;
    placing.abort();
    report.seconds = started.elapsed().as_secs_f64();
    report.setup.sort_by(f64::total_cmp);
    Ok(report)
}

/// Starts the calls on a fixed schedule, so that a slow server is not spared.
async fn place_all(
    client: Client,
    body: Value,
    calls: u32,
    rate: f64,
    room: Arc<Semaphore>,
    placed: mpsc::UnboundedSender<Result<String, String>>,
) {
    let start = tokio::time::Instant::now();
    let body = Arc::new(body);
    for number in 0..calls {
        tokio::time::sleep_until(start + Duration::from_secs_f64(f64::from(number) / rate)).await;
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        // Given back when the call has ended.
        permit.forget();
        let (client, body, placed) = (client.clone(), Arc::clone(&body), placed.clone());
        tokio::spawn(async move {
            let result = client.post("/calls", &body).await;
            let result = result.map(|call| call["id"].as_str().unwrap_or_default().to_owned());
            // Nobody listens any more when the report is done.
            let _ = placed.send(result.map_err(|failure| failure.to_string()));
        });
    }
}

async fn collect(
    mut events: impl futures_util::Stream<Item = Result<Value, Failure>> + Unpin,
    mut results: mpsc::UnboundedReceiver<Result<String, String>>,
    calls: u32,
    room: &Semaphore,
) -> Result<Report, Failure> {
    let mut report = Report::default();
    // An answer to a request and the events of its call may come in any order.
    let (mut ours, mut ended): (HashSet<String>, HashMap<String, (String, Times)>) = Default::default();
    let mut times: HashMap<String, Times> = HashMap::new();
    let mut answers = 0;
    while answers < calls || !ours.is_empty() {
        tokio::select! {
            Some(result) = results.recv() => {
                answers += 1;
                match result {
                    Ok(id) => {
                        report.placed += 1;
                        match ended.remove(&id) {
                            Some((outcome, times)) => report.count(outcome, times, room),
                            None => { ours.insert(id); }
                        }
                    }
                    Err(reason) => {
                        *report.refused.entry(reason).or_default() += 1;
                        room.add_permits(1);
                    }
                }
            }
            event = events.next() => {
                let Some(event) = event else { break };
                let event = event?;
                let id = event["call"].as_str().unwrap_or_default().to_owned();
                let at = event["at"].as_str().and_then(|at| at.parse().ok());
                let seen = times.entry(id.clone()).or_default();
                match event["type"].as_str() {
                    Some("created") => seen.created = at,
                    Some("answered") => seen.answered = at,
                    Some("ended") => {
                        let seen = times.remove(&id).unwrap_or_default();
                        let outcome = event["data"]["ending"]["outcome"].as_str().unwrap_or("?").to_owned();
                        if ours.remove(&id) {
                            report.count(outcome, seen, room);
                        } else {
                            ended.insert(id, (outcome, seen));
                        }
                    }
                    _ => {}
                }
            }
            () = tokio::time::sleep(SILENCE) => break,
        }
    }
    report.lost = u32::try_from(ours.len()).unwrap_or(u32::MAX);
    Ok(report)
}

impl Report {
    fn count(&mut self, outcome: String, times: Times, room: &Semaphore) {
        *self.outcomes.entry(outcome).or_default() += 1;
        if let (Some(created), Some(answered)) = (times.created, times.answered) {
            self.setup
                .push(answered.duration_since(created).as_secs_f64() * 1_000.0);
        }
        room.add_permits(1);
    }

    fn percentile(&self, percent: usize) -> Option<f64> {
        let last = self.setup.len().checked_sub(1)?;
        self.setup.get(last * percent / 100).copied()
    }

    fn json(&self) -> Value {
        json!({
            "placed": self.placed,
            "refused": self.refused,
            "outcomes": self.outcomes,
            "lost": self.lost,
            "seconds": self.seconds,
            "calls_per_second": f64::from(self.placed) / self.seconds,
            "setup_ms": {"p50": self.percentile(50), "p95": self.percentile(95), "p99": self.percentile(99),
                "max": self.percentile(100)},
        })
    }

    fn text(&self) -> String {
        let rate = f64::from(self.placed) / self.seconds;
        let mut text = format!(
            "placed     {} in {:.1} s ({rate:.1} a second)\n",
            self.placed, self.seconds
        );
        for (outcome, count) in &self.outcomes {
            text += &format!("{outcome:<10} {count}\n");
        }
        for (reason, count) in &self.refused {
            text += &format!("refused    {count}: {reason}\n");
        }
        if self.lost > 0 {
            text += &format!(
                "lost       {}: no end was seen within {} s\n",
                self.lost,
                SILENCE.as_secs()
            );
        }
        if let (Some(p50), Some(p95), Some(p99)) = (self.percentile(50), self.percentile(95), self.percentile(99)) {
            text += &format!("set-up     p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms, from request to answer\n");
        }
        text
    }
}
