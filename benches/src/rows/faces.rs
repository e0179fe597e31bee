//! What a request costs by each face: a call created and on disk, and a call asked for.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, stream::FuturesUnordered};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::TIMES;
use crate::{
    machine::median,
    programs::Outdial,
    table::{Goal, Row, Table},
};

const CLIENTS: usize = 50;
const LENGTH: Duration = Duration::from_secs(3);
/// Calls are taken, and none of them is dialled: the account may make one in a day, which the first one is.
const CONFIG: &str = "[policy]\nopen = [\"+65\"]\n[pacing]\nnumber_gap = 0\n[pacing.account]\ncalls_per_second = 0.00001\n\
    [[trunk]]\nname = \"nowhere\"\nhost = \"127.0.0.1\"\nport = 9\n\
    [[number]]\nnumber = \"+6561234567\"\nuses = [\"caller_id\"]\n\
    [faces.voicent]\nbind = \"127.0.0.1:0\"\n\
    [faces.exotel]\nrequests_per_minute = 100000000\n\
    [[faces.exotel.account]]\nsid = \"bench\"\ntoken = \"token\"\n\
    [faces.hoiio]\nqueries_per_minute = 100000000\n\
    [[faces.hoiio.app]]\napp_id = \"app\"\naccess_token = \"token\"\n";
const FIRST: &str = "+6591111111";
const SECOND: &str = "+6592222222";
const OURS: &str = "+6561234567";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Face {
    Native,
    Exotel,
    Hoiio,
    Voicent,
}

impl Face {
    const ALL: [Self; 4] = [Self::Native, Self::Exotel, Self::Hoiio, Self::Voicent];

    fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Exotel => "exotel",
            Self::Hoiio => "hoiio",
            Self::Voicent => "voicent",
        }
    }
}

/// What clients of the faces send.
struct Asker {
    http: reqwest::Client,
    server: Outdial,
    gateway: String,
}

impl Asker {
    fn new() -> Result<Self> {
        let server = Outdial::roomy_with(CONFIG)?;
        let http = reqwest::Client::builder().tcp_nodelay(true).build();
        Ok(Self {
            http: http.context("make an HTTP client")?,
            gateway: server.face("voicent")?,
            server,
        })
    }

    /// A request for a call.
    fn create(&self, face: Face) -> RequestBuilder {
        let url = &self.server.url;
        match face {
            Face::Native => {
                let flow = json!([{ "dial": { "to": SECOND } }]);
                let body = json!({ "to": FIRST, "from": OURS, "flow": flow });
                self.http
                    .post(format!("{url}/api/v1/calls"))
                    .bearer_auth(&self.server.key)
                    .json(&body)
            }
            Face::Exotel => {
                let form = [("From", FIRST), ("To", SECOND), ("CallerId", OURS)];
                let request = self.http.post(format!("{url}/v1/Accounts/bench/Calls/connect.json"));
                request.basic_auth("bench", Some("token")).form(&form)
            }
            Face::Hoiio => self.hoiio("voice/call", &[("dest1", FIRST), ("dest2", SECOND)]),
            Face::Voicent => {
                let form = [("phoneno", FIRST), ("txt", "Good day"), ("firstocc", "10")];
                self.http
                    .post(format!("http://{}/ocall/callreqHandler.jsp", self.gateway))
                    .form(&form)
            }
        }
    }

    /// A question for the call that an answer named.
    fn status(&self, face: Face, created: &str) -> Result<RequestBuilder> {
        let url = &self.server.url;
        let field = |pointer: &str| {
            let answer: Value = serde_json::from_str(created).context("an answer in JSON")?;
            let text = answer.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            text.with_context(|| format!("no {pointer} in {created}"))
        };
        Ok(match face {
            Face::Native => {
                let request = self.http.get(format!("{url}/api/v1/calls/{}", field("/id")?));
                request.bearer_auth(&self.server.key)
            }
            Face::Exotel => {
                let request = self
                    .http
                    .get(format!("{url}/v1/Accounts/bench/Calls/{}.json", field("/Call/Sid")?));
                request.basic_auth("bench", Some("token"))
            }
            Face::Hoiio => self.hoiio("voice/query_status", &[("txn_ref", &field("/txn_ref")?)]),
            Face::Voicent => {
                let name = created.split_once("[ReqId=").and_then(|(_, rest)| rest.split_once(']'));
                let (name, _) = name.with_context(|| format!("no name in {created}"))?;
                let request = self
                    .http
                    .post(format!("http://{}/ocall/callstatusHandler.jsp", self.gateway));
                request.form(&[("reqid", name)])
            }
        })
    }

    fn hoiio(&self, resource: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut form = fields.to_vec();
        form.extend([("app_id", "app"), ("access_token", "token")]);
        self.http
            .post(format!("{}/open/{resource}", self.server.url))
            .form(&form)
    }

    /// Requests a second by many clients, and processor seconds per 1,000.
    async fn load(&self, request: &RequestBuilder) -> Result<(f64, f64)> {
        let one = || answer(request.try_clone());
        let mut asking: FuturesUnordered<_> = (0..CLIENTS).map(|_| one()).collect();
        let (before, started) = (self.server.processor()?, Instant::now());
        let mut count = 0_u32;
        while let Some(answered) = asking.next().await {
            answered?;
            count += 1;
            if started.elapsed() < LENGTH {
                asking.push(one());
            }
        }
        let rate = f64::from(count) / started.elapsed().as_secs_f64();
        Ok((rate, 1_000.0 * (self.server.processor()? - before) / f64::from(count)))
    }
}

async fn answer(request: Option<RequestBuilder>) -> Result<String> {
    let response = request.context("a body that can be sent again")?.send().await?;
    let status = response.status();
    let text = response.text().await.context("read an answer")?;
    let good = status.is_success() && !text.starts_with("ERROR") && !text.contains("\"error_");
    ensure!(good, "{status}: {text}");
    Ok(text)
}

/// The goal of each face is the native one in the same run, and a third more.
pub(super) async fn measure(table: &mut Table) -> Result<()> {
    let asker = Asker::new()?;
    for what in ["create", "status"] {
        let mut native = None;
        for face in Face::ALL {
            let create = asker.create(face);
            let request = match what {
                "create" => create,
                _ => asker.status(face, &answer(Some(create)).await?)?,
            };
            let (mut rates, mut processors) = (Vec::new(), Vec::new());
            for _ in 0..TIMES {
                let (rate, processor) = asker.load(&request).await?;
                rates.push(rate);
                processors.push(processor);
            }
            let (rate, processor) = (median(rates), median(processors));
            let mut rate_row = Row::new(format!("faces: {what} by {}, a second", face.name()), rate);
            let mut cost_row = Row::new(format!("faces: {what} by {}, CPU s per 1,000", face.name()), processor);
            match native {
                None => native = Some((rate, processor)),
                Some((rate, processor)) => {
                    rate_row = rate_row.peer("native", Some(rate)).goal(Goal::AtLeast(0.7 * rate));
                    cost_row = cost_row
                        .peer("native", Some(processor))
                        .goal(Goal::AtMost(1.3 * processor));
                }
            }
            table.add(rate_row);
            table.add(cost_row);
        }
    }
    Ok(())
}
