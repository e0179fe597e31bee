//! Many calls, kept in flight until all have ended.

use std::{
    collections::HashMap,
    net::UdpSocket,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    client::{Client, Kind},
    programs::Outdial,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// What became of many calls.
pub(super) struct Load {
    calls: usize,
    seconds: f64,
    processor: f64,
    /// From the request to the INVITE, in milliseconds, in ascending order.
    to_invite: Vec<f64>,
    to_answer: Vec<f64>,
    /// Calls that ended otherwise than by the far side's BYE.
    pub(super) other: usize,
}

impl Load {
    pub(super) fn rate(&self) -> f64 {
        self.calls as f64 / self.seconds
    }

    pub(super) fn processor_per_thousand(&self) -> f64 {
        1_000.0 * self.processor / self.calls as f64
    }

    pub(super) fn to_invite(&self) -> &[f64] {
        &self.to_invite
    }

    pub(super) fn to_answer(&self) -> &[f64] {
        &self.to_answer
    }
}

/// Keeps so many calls in flight until all have ended.
pub(super) async fn load(server: &Outdial, to: &str, calls: usize, in_flight: usize) -> Result<Load> {
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

pub(super) fn column(loads: &[Load], figure: impl Fn(&Load) -> f64) -> Vec<f64> {
    loads.iter().map(figure).collect()
}

/// Ports for sound that nobody wants to hear.
pub(super) struct BlackHole {
    pub(super) ports: Vec<u16>,
    _sockets: Vec<UdpSocket>,
}

impl BlackHole {
    pub(super) fn open() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").context("bind a socket")?;
        let port = socket.local_addr().context("ask for its port")?.port();
        Ok(Self {
            ports: vec![port],
            _sockets: vec![socket],
        })
    }
}
