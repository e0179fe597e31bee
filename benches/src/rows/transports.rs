use anyhow::{Context, Result};
use outdial_testkit::peers::{Certificates, Shown, TlsFront};

use super::{
    TIMES,
    load::{BlackHole, Load, column, load},
};
use crate::{
    machine::median,
    programs::{Asterisk, FarSide, Outdial, Sipp, Way},
    table::{Row, Table},
};

const CALLS: usize = 2_000;
const IN_FLIGHT: usize = 50;
/// A burst that Asterisk takes well.
const BURST: usize = 500;
/// Goes out by the one trunk that there is.
const TO: &str = "+6561234567";
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

pub(super) async fn measure(table: &mut Table) -> Result<()> {
    let hole = BlackHole::open()?;
    let certificates = Certificates::make()?;
    for (name, way) in [("UDP", Way::Udp), ("TCP", Way::Tcp), ("TLS", Way::Tls)] {
        let far_side = FarEnd::start(way, &hole, &certificates).await?;
        let ours = ours(&far_side, &certificates).await?;
        let peer = match Asterisk::is_here() {
            true => asterisk(&far_side, &certificates)
                .await
                .inspect_err(|error| table.note(format!("transports: no figure of Asterisk: {error:#}")))
                .ok(),
            false => None,
        };
        let of = |figure: fn(&Peer) -> f64| peer.as_ref().map(figure);
        table.add(
            Row::new(
                format!("transports: calls a second over {name}"),
                median(column(&ours, Load::rate)),
            )
            .peer("Asterisk", of(|peer| peer.rate)),
        );
        table.add(
            Row::new(
                format!("transports: CPU s per 1,000 calls over {name}"),
                median(column(&ours, Load::processor_per_thousand)),
            )
            .peer("Asterisk", of(|peer| peer.processor)),
        );
    }
    Ok(())
}

/// A far side that hangs up, with somebody before it who takes TLS off where there is any.
struct FarEnd {
    way: Way,
    sipp: Sipp,
    _front: Option<TlsFront>,
}

impl FarEnd {
    async fn start(way: Way, hole: &BlackHole, certificates: &Certificates) -> Result<Self> {
        let sipp = Sipp::start_by(way, FarSide::HangsUp, &hole.ports).await?;
        let behind = ([127, 0, 0, 1], sipp.port()).into();
        let front = match way {
            Way::Tls => Some(TlsFront::start(sipp.port() + 1, behind, certificates, Shown::Right).await?),
            Way::Udp | Way::Protected | Way::Tcp => None,
        };
        Ok(Self {
            way,
            sipp,
            _front: front,
        })
    }

    /// Our way to it.
    fn trunk(&self, certificates: &Certificates) -> String {
        let port = self.sipp.port();
        // No limit of ours is to be measured.
        let head = "[policy]\nopen = [\"+65\"]\n[pacing]\nnumber_gap = 0\n\
                    [[trunk]]\nname = \"far\"\ncalls_per_second = 0\nhost = \"127.0.0.1\"";
        match self.way {
            Way::Udp | Way::Protected => format!("{head}\nport = {port}\n"),
            Way::Tcp => format!("{head}\nport = {port}\ntransport = \"tcp\"\n"),
            Way::Tls => format!(
                "{head}\nport = {}\ntransport = \"tls\"\n[trunk.tls]\nroots = {:?}\nname = {:?}\n",
                port + 1,
                certificates.root(),
                Certificates::NAME,
            ),
        }
    }
}

async fn ours(far_side: &FarEnd, certificates: &Certificates) -> Result<Vec<Load>> {
    let server = Outdial::roomy_with(&far_side.trunk(certificates))?;
    // What is done once in the life of a server is not part of a call.
    load(&server, TO, 200, IN_FLIGHT).await?;
    let mut loads = Vec::new();
    for _ in 0..TIMES {
        loads.push(load(&server, TO, CALLS, IN_FLIGHT).await?);
    }
    Ok(loads)
}

struct Peer {
    rate: f64,
    /// Processor seconds per 1,000 calls.
    processor: f64,
}

async fn asterisk(far_side: &FarEnd, certificates: &Certificates) -> Result<Peer> {
    let asterisk = match far_side.way {
        Way::Tls => Asterisk::with_tls(certificates).await?,
        Way::Udp | Way::Protected | Way::Tcp => Asterisk::start().await?,
    };
    let (mut rates, mut processors) = (Vec::new(), Vec::new());
    for burst in 0..=TIMES {
        let calls = if burst == 0 { BURST / 10 } else { BURST };
        let before = asterisk.processor()?;
        let started = asterisk.dial(calls, &far_side.sipp.uri(), "Wait", "60")?;
        asterisk
            .is_done(PATIENCE)
            .await
            .with_context(|| format!("Asterisk by {:?}", far_side.way))?;
        if burst > 0 {
            rates.push(calls as f64 / started.elapsed().as_secs_f64());
            processors.push(1_000.0 * (asterisk.processor()? - before) / calls as f64);
        }
    }
    Ok(Peer {
        rate: median(rates),
        processor: median(processors),
    })
}
