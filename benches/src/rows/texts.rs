use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream, stream::FuturesUnordered};
use jiff::Timestamp;
use outdial_handset::{Smsc, SmscScript};
use serde_json::{Value, json};

use super::TIMES;
use crate::{
    client,
    machine::{median, percentile},
    programs::{Outdial, npm_smpp},
    receiver::Receiver,
    table::{Goal, Row, Table},
};

/// What is said: one part.
const BODY: &str = "Your parcel comes today between 2 and 4 pm.";
/// How many texts are sent with so many unanswered.
const WINDOWS: [(usize, usize); 3] = [(1, 500), (10, 5_000), (100, 20_000)];
/// How many receivers one request names, and how many requests are under way.
const BULK: usize = 1_000;
const REQUESTS: usize = 4;
/// How many clients ask for single texts, and for how long.
const CLIENTS: usize = 50;
const LENGTH: Duration = Duration::from_secs(2);
/// How many urgent texts overtake, and how far they are apart.
const URGENT: usize = 200;
const APART: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn measure(table: &mut Table, waiting: usize) -> Result<()> {
    for (window, many) in WINDOWS {
        whole_path(table, window, many).await?;
    }
    creates(table).await?;
    told(table).await?;
    overtaking(table, waiting).await
}

/// An SMSC that takes everything and says at once that it was delivered.
async fn smsc() -> Result<Smsc> {
    let listen = "127.0.0.1:0".parse().context("read an address")?;
    Smsc::start(listen, SmscScript::default(), None)
        .await
        .context("start an SMSC")
}

/// Hands out receivers, none of them twice.
#[derive(Debug, Default)]
struct Numbers(usize);

impl Numbers {
    fn next(&mut self) -> String {
        self.0 += 1;
        format!("+659{:07}", self.0)
    }

    /// Requests for so many texts, each with these fields, too.
    fn requests(&mut self, many: usize, fields: &Value) -> Vec<Value> {
        let mut left = many;
        let mut requests = Vec::with_capacity(many.div_ceil(BULK));
        while left > 0 {
            let of_this = left.min(BULK);
            left -= of_this;
            let numbers: Vec<String> = (0..of_this).map(|_| self.next()).collect();
            let mut request = json!({ "to": numbers, "body": BODY });
            if let (Some(request), Some(fields)) = (request.as_object_mut(), fields.as_object()) {
                request.extend(fields.clone());
            }
            requests.push(request);
        }
        requests
    }
}

async fn hand_over(server: &Outdial, requests: &[Value]) -> Result<()> {
    stream::iter(requests)
        .map(|request| server.client.hand_over("/messages", request))
        .buffer_unordered(REQUESTS)
        .try_collect()
        .await
}

/// How many a second, and processor seconds per 1,000.
fn figures(many: usize, started: Instant, processor: f64) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let many = many as f64;
    (many / started.elapsed().as_secs_f64(), 1_000.0 * processor / many)
}

/// From requests for many to the last receipt on disk.
async fn whole_path(table: &mut Table, window: usize, many: usize) -> Result<()> {
    let smsc = smsc().await?;
    let server = Outdial::texting(smsc.address().port(), window, "")?;
    smsc.wait_for_binds(1).await;
    let mut numbers = Numbers::default();
    let mut sent = 0;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // What is done once in the life of a server is not part of a text.
    broadcast(&server, &smsc, &numbers.requests(100, &json!({})), 100).await?;
    sent += 100;
    for _ in 0..TIMES {
        let requests = numbers.requests(many, &json!({}));
        sent += many;
        let (before, started) = (server.processor()?, Instant::now());
        broadcast(&server, &smsc, &requests, sent).await?;
        ours.push(figures(many, started, server.processor()? - before));
        theirs.extend(npm_smpp(window, LENGTH).await?);
    }
    ensure!(smsc.taken().len() == sent, "not every text was sent once");
    let peer = |figure: fn(&(f64, f64)) -> f64| {
        let figures: Vec<f64> = theirs.iter().map(figure).collect();
        (!figures.is_empty()).then(|| median(figures))
    };
    let mut rate = Row::new(
        format!("texts: request to receipt on disk a second, window {window}"),
        median(ours.iter().map(|ours| ours.0).collect()),
    )
    .peer("npm smpp, no store", peer(|theirs| theirs.0));
    let mut processor = Row::new(
        format!("texts: CPU s per 1,000, window {window}"),
        median(ours.iter().map(|ours| ours.1).collect()),
    )
    .peer("npm smpp, no store", peer(|theirs| theirs.1));
    if window == 100 {
        rate = rate.goal(Goal::AtLeast(12_000.0));
        processor = processor.goal(Goal::AtMost(0.08));
    }
    table.add(rate);
    table.add(processor);
    Ok(())
}

/// Asks for these, and waits until the SMSC was told that it has so many receipts off its hands.
async fn broadcast(server: &Outdial, smsc: &Smsc, requests: &[Value], in_all: usize) -> Result<()> {
    hand_over(server, requests).await?;
    let told = tokio::time::timeout(PATIENCE, smsc.wait_for_deliveries(in_all)).await;
    told.with_context(|| format!("not all of {in_all} receipts were taken"))
}

/// Texts on disk, none of which is due.
async fn creates(table: &mut Table) -> Result<()> {
    let smsc = smsc().await?;
    let server = Outdial::texting(smsc.address().port(), 10, "")?;
    let mut numbers = Numbers::default();
    let (mut bulk, mut single) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let many = 20_000;
        let requests = numbers.requests(many, &json!({ "in": "8760h" }));
        let (before, started) = (server.processor()?, Instant::now());
        hand_over(&server, &requests).await?;
        bulk.push(figures(many, started, server.processor()? - before));
        single.push(singles(&server, &mut numbers).await?);
    }
    for (how, runs) in [("1,000 in a request", bulk), ("1 in a request, 50 clients", single)] {
        let rate = median(runs.iter().map(|run| run.0).collect());
        let processor = median(runs.iter().map(|run| run.1).collect());
        table.add(Row::new(format!("texts: creates on disk a second, {how}"), rate));
        table.add(Row::new(format!("texts: creates: CPU s per 1,000, {how}"), processor));
    }
    Ok(())
}

async fn singles(server: &Outdial, numbers: &mut Numbers) -> Result<(f64, f64)> {
    let create = |to: String| async move {
        let body = json!({ "to": to, "body": BODY, "in": "8760h" });
        server.client.hand_over("/messages", &body).await
    };
    let mut creating: FuturesUnordered<_> = (0..CLIENTS).map(|_| create(numbers.next())).collect();
    let (before, started) = (server.processor()?, Instant::now());
    let mut many = 0;
    while let Some(created) = creating.next().await {
        created?;
        many += 1;
        if started.elapsed() < LENGTH {
            creating.push(create(numbers.next()));
        }
    }
    Ok(figures(many, started, server.processor()? - before))
}

/// The whole path with a receiver that is told how each text ended.
async fn told(table: &mut Table) -> Result<()> {
    let many = 5_000;
    let smsc = smsc().await?;
    let server = Outdial::texting(smsc.address().port(), 100, "")?;
    smsc.wait_for_binds(1).await;
    let receiver = Receiver::start().await?;
    let webhook = json!({ "url": receiver.url, "events": ["message_ended"] });
    server.client.post("/webhooks", &webhook).await?;
    let requests = Numbers::default().requests(many, &json!({}));
    let (before, started) = (server.processor()?, Instant::now());
    broadcast(&server, &smsc, &requests, many).await?;
    receiver.wait_for(many, PATIENCE).await?;
    let (rate, processor) = figures(many, started, server.processor()? - before);
    table.add(Row::new("texts: request to notification a second, window 100", rate));
    table.add(Row::new(
        "texts: CPU s per 1,000, with a notification of each",
        processor,
    ));
    Ok(())
}

/// How long an urgent text takes while a broadcast is being sent that is far from done.
async fn overtaking(table: &mut Table, waiting: usize) -> Result<()> {
    let smsc = smsc().await?;
    let server = Outdial::texting(smsc.address().port(), 100, "")?;
    smsc.wait_for_binds(1).await;
    let mut numbers = Numbers::default();
    // All of it becomes due at one moment, when all of it is there.
    let ahead = Duration::from_secs(5) + Duration::from_micros(400) * u32::try_from(waiting).unwrap_or(u32::MAX);
    let due = client::now() + ahead;
    hand_over(&server, &numbers.requests(waiting, &json!({ "at": due.to_string() }))).await?;
    let filled = due.duration_since(client::now());
    ensure!(
        filled.is_positive(),
        "asking for {waiting} texts took longer than {ahead:?}"
    );
    tokio::time::sleep(filled.unsigned_abs()).await;
    // It has begun.
    smsc.wait_for(1).await;
    let mut asked = Vec::with_capacity(URGENT);
    let mut clock = tokio::time::interval(APART);
    for _ in 0..URGENT {
        clock.tick().await;
        let body = json!({ "to": numbers.next(), "body": "Your code is 4711.", "priority": "high" });
        let at = client::now();
        let answer = server.client.post("/messages", &body).await?;
        let id = answer["results"][0]["message"]["id"].as_str().map(str::to_owned);
        asked.push((at, id.with_context(|| format!("no id in {answer}"))?));
    }
    let left = waiting.saturating_sub(smsc.asked());
    let mut took = Vec::with_capacity(URGENT);
    for (at, id) in asked {
        took.push(until_sent(&server, at, &id).await?);
    }
    took.sort_by(f64::total_cmp);
    let what = format!("texts: urgent ones behind {waiting}: request to the SMSC's answer");
    table.add(Row::new(format!("{what}, p50 ms"), percentile(&took, 50)));
    table.add(Row::new(format!("{what}, p99 ms"), percentile(&took, 99)).goal(Goal::Below(100.0)));
    table.note(format!(
        "texts: {left} of {waiting} were still waiting when the last urgent one was asked for"
    ));
    Ok(())
}

async fn until_sent(server: &Outdial, asked: Timestamp, id: &str) -> Result<f64> {
    let started = Instant::now();
    loop {
        let message = server.client.get(&format!("/messages/{id}")).await?;
        if let Some(sent) = message["sent_at"].as_str() {
            let sent: Timestamp = sent.parse().context("read a time")?;
            return Ok(sent.duration_since(asked).as_secs_f64() * 1_000.0);
        }
        ensure!(started.elapsed() < PATIENCE, "an urgent text was not sent: {message}");
        tokio::time::sleep(APART).await;
    }
}
