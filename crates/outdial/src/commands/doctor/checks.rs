//! The checks, in the order in which a call needs what they look at.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use outdial_engine::ports::{Clock as _, SystemClock, TextCarrier as _, VoiceCarrier};
use serde_json::json;

use super::{
    Finding,
    tapped::{Ear, Tapped},
};
use crate::{
    cli::Common,
    client::Client,
    config::{CarrierKind, Config, SmsTrunkSection, TextCarrierKind, Trunk},
    data_dir::DataDir,
    exit::Failure,
    server::{Role, Server},
};

/// A number of the range that is kept free for fiction.
const PHONE: &str = "+12025550100";
/// The sample rate of the tone that tries the media.
const RATE: u32 = 8_000;
/// How long the call that tries the media may take.
const LIMIT: Duration = Duration::from_secs(30);

/// How long an SMSC may take to let us bind.
const BINDING: Duration = Duration::from_secs(5);

/// Everything, and a look at each trunk.
pub(super) async fn all(common: &Common, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |what: &str, result| findings.push(Finding::new(what, result));
    found("data and database", database(common, config).await);
    found("api port", api_port(common, config));
    found("sip port", sip_port(common, config));
    if let Some(tls) = &config.sip.tls {
        found("sip tls port", tls_port(common, tls.bind));
    }
    match trial_server(config, &Ear::default()).await {
        Err(reason) => found("trial server", Err(reason)),
        Ok((server, _work)) => {
            found("speech", speech(&server).await);
            found("media both ways", media(&server).await);
            for trunk in &config.trunk {
                found(&format!("trunk {}", trunk.name), self::trunk(&server, trunk).await);
            }
            for trunk in &config.sms_trunk {
                found(&format!("sms trunk {}", trunk.name), sms_trunk(&server, trunk).await);
            }
            server.stop().await;
        }
    }
    findings.extend(super::webhooks::findings(common, config).await);
    findings.extend(super::spools::findings(common, config));
    findings
}

/// One trunk for texts.
async fn only_texts(config: &Config, name: &str) -> Vec<Finding> {
    let Some(trunk) = config.sms_trunk.iter().find(|trunk| trunk.name == name) else {
        return Vec::new();
    };
    match trial_server(config, &Ear::default()).await {
        Err(reason) => vec![Finding::new("trial server", Err(reason))],
        Ok((server, _work)) => {
            let result = sms_trunk(&server, trunk).await;
            server.stop().await;
            vec![Finding::new(format!("sms trunk {name}"), result)]
        }
    }
}

/// One trunk, closely. It is called only when somebody said at which number.
pub(super) async fn only(config: &Config, name: &str, number: Option<&str>) -> Vec<Finding> {
    let Some(trunk) = config.trunk.iter().find(|trunk| trunk.name == name) else {
        return only_texts(config, name).await;
    };
    let (steady, wall) = (Instant::now(), SystemClock.now());
    let ear = Ear::default();
    let (server, _work) = match trial_server(config, &ear).await {
        Err(reason) => return vec![Finding::new("trial server", Err(reason))],
        Ok(trial) => trial,
    };
    let mut findings = match trunk.carrier {
        CarrierKind::Asterisk | CarrierKind::Exotel | CarrierKind::Hoiio | CarrierKind::Voicent => {
            vec![Finding::new(format!("trunk {name}"), self::trunk(&server, trunk).await)]
        }
        CarrierKind::Sip => super::trunk::findings(&server, trunk).await,
    };
    match number.or(trunk.test_number.as_deref()) {
        Some(_)
            if matches!(
                trunk.carrier,
                CarrierKind::Exotel | CarrierKind::Hoiio | CarrierKind::Voicent
            ) =>
        {
            findings.push(Finding::not_known(
                "test call",
                "none was made: a hosted service carries the sound, and it does not pass here; place one by `outdial call`",
            ));
        }
        Some(number) => findings.extend(super::test_call::findings(&server, &ear, config, trunk, number).await),
        None => findings.push(Finding::not_known(
            "test call",
            "none was made: name a number to ring with --call, best one that echoes",
        )),
    }
    server.stop().await;
    let strayed = SystemClock.now().duration_since(wall);
    findings.push(super::clock::ours(steady.elapsed(), strayed));
    findings
}

/// A server beside the real one: its own data, ports that nobody uses, a phone that plays a tone, and an
/// ear on its calls.
async fn trial_server(config: &Config, ear: &Ear) -> Result<(Server, tempfile::TempDir), String> {
    let work = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
    let phone = format!(
        "[[phone]]\nnumber = \"{PHONE}\"\ndo = [{{ wait = \"200ms\" }}, {{ tone = 440, for = \"1s\" }}, {{ press = \"5\" }}]\n"
    );
    let script = work.path().join("phone.toml");
    std::fs::write(&script, phone).map_err(|error| format!("{}: {error}", script.display()))?;
    let mut config = config.clone();
    config.server.bind.set_port(0);
    config.sip.bind.set_port(0);
    if let Some(tls) = &mut config.sip.tls {
        tls.bind.set_port(0);
    }
    config.handsets.enabled = true;
    config.handsets.listen = (std::net::Ipv4Addr::LOCALHOST, 0).into();
    config.handsets.script = Some(script);
    config.number.clear();
    config.store = crate::config::Store::default();
    config.faces = crate::config::Faces::default();
    let listen = |sip| Arc::new(Tapped::new(sip, ear.clone())) as Arc<dyn VoiceCarrier>;
    let server = Server::start_through(&config, &work.path().join("data"), Role::Dialling, listen).await;
    Ok((server.map_err(|failure| failure.to_string())?, work))
}

async fn database(common: &Common, config: &Config) -> Result<String, String> {
    if let Some(url) = DataDir::running(&common.data) {
        let ready = reqwest::get(format!("{url}/readyz"))
            .await
            .map_err(|error| format!("{url}: {error}"))?;
        return match ready.status().is_success() {
            true => Ok(format!("in use by the server at {url}, which says it is ready")),
            false => Err(format!(
                "the server at {url} is not ready: {}",
                ready.text().await.unwrap_or_default()
            )),
        };
    }
    let mut config = config.clone();
    config.server.bind.set_port(0);
    let server = Server::start(&config, &common.data, Role::Changing)
        .await
        .map_err(|failure| failure.to_string())?;
    let checked = server.engine.store.check().await.map_err(|error| error.to_string());
    server.stop().await;
    let place = match config.store.url() {
        Ok(Some(_)) => "the database of `store.url`".to_owned(),
        _ => common.data.display().to_string(),
    };
    checked.map(|()| format!("{place} can be read and written"))
}

fn api_port(common: &Common, config: &Config) -> Result<String, String> {
    let bind = config.server.bind;
    let bound = std::net::TcpListener::bind(bind).map(drop);
    port(common, bind, "TCP", bound, "[server] bind")
}

fn sip_port(common: &Common, config: &Config) -> Result<String, String> {
    let bind = config.sip.bind;
    let udp = std::net::UdpSocket::bind(bind).map(drop);
    let tcp = std::net::TcpListener::bind(bind).map(drop);
    port(common, bind, "UDP and TCP", udp.and(tcp), "[sip] bind")
}

fn tls_port(common: &Common, bind: SocketAddr) -> Result<String, String> {
    let bound = std::net::TcpListener::bind(bind).map(drop);
    port(common, bind, "TLS", bound, "[sip.tls] bind")
}

/// What to say of a port that was tried.
fn port(common: &Common, bind: SocketAddr, over: &str, bound: io::Result<()>, key: &str) -> Result<String, String> {
    match bound {
        Ok(()) => Ok(format!("{bind} ({over}) is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && DataDir::running(&common.data).is_some() => {
            Ok(format!("{bind} ({over}) is in use by the running server"))
        }
        Err(error) => Err(format!(
            "{bind} ({over}) cannot be used: {error}. Stop what listens there, or choose another `{key}`"
        )),
    }
}

async fn speech(server: &Server) -> Result<String, String> {
    let report = server.prompts.probe().await.map_err(|error| error.to_string())?;
    let millis = report.time_to_audio.as_millis();
    Ok(format!(
        "{} {} spoke a word within {millis} ms",
        report.engine, report.version
    ))
}

/// A call to a phone of our own: it hears a tone of ours, and we its tone and its key.
async fn media(server: &Server) -> Result<String, String> {
    let call = async {
        let client = Client::new(&server.url, &server.key)?;
        // Speech is a check of its own: what is played here needs none.
        let mut tone = Vec::new();
        let samples = outdial_media::tones::sine(RATE, 800.0, -10.0, 2_000);
        outdial_media::wav::write_mono(&mut tone, RATE, &samples)
            .map_err(|error| Failure::start(format!("no tone can be made: {error}")))?;
        let audio = client.upload("tone.wav", tone).await?;
        let flow = json!([{ "play": audio }, { "gather": { "digits": 1, "timeout": "5s" } }]);
        let placed = client.post("/calls", &json!({ "to": PHONE, "flow": flow })).await?;
        let id = placed["id"].as_str().unwrap_or_default().to_owned();
        super::super::call::Ended::follow(&client, &id)
            .await?
            .wait(|_| {})
            .await?;
        client.get(&format!("/calls/{id}")).await
    };
    let call = tokio::time::timeout(LIMIT, call).await;
    let call = call.map_err(|_| format!("the call took longer than {} s", LIMIT.as_secs()))?;
    let call = call.map_err(|failure| failure.to_string())?;
    if call["ending"]["outcome"] != "completed" {
        return Err(format!(
            "the trial call failed: {}",
            call["ending"]["reason"].as_str().unwrap_or_default()
        ));
    }
    let received = call["attempts"][0]["legs"][0]["quality"]["received"]
        .as_u64()
        .unwrap_or_default();
    let heard = server
        .handsets
        .as_ref()
        .ok_or("the trial phone does not run")?
        .finished(PHONE)
        .await;
    let peak = heard.wav.as_deref().map_or(0, loudest);
    match (received, peak, call["digits"][0]["digits"].as_str()) {
        (0, ..) => Err("no sound came in: is UDP on loopback filtered? Look at the firewall".to_owned()),
        (_, peak, _) if peak < 1_000 => Err("the phone heard nothing of us: look at the firewall".to_owned()),
        (_, _, Some("5")) => Ok(format!(
            "heard both ways on loopback, {received} packets in, a key understood"
        )),
        _ => Err("sound passes, and the key that the phone pressed did not arrive".to_owned()),
    }
}

fn loudest(wav: &std::path::Path) -> u16 {
    let bytes = std::fs::read(wav).unwrap_or_default();
    let clip = outdial_media::wav::read(&bytes, 60);
    clip.map(|clip| {
        clip.samples
            .iter()
            .map(|sample| sample.unsigned_abs())
            .max()
            .unwrap_or(0)
    })
    .unwrap_or(0)
}

/// Whether a way for texts is there.
async fn sms_trunk(server: &Server, trunk: &SmsTrunkSection) -> Result<String, String> {
    match trunk.carrier {
        TextCarrierKind::Smpp => bound(server, &trunk.name).await,
        other => server.hosted.probe(other.name(), &trunk.name).await,
    }
}

/// Whether an SMSC lets us bind. Its carrier has been trying to since the server started.
async fn bound(server: &Server, name: &str) -> Result<String, String> {
    let smpp = server.smpp.as_ref().ok_or("SMPP does not run")?;
    let until = Instant::now() + BINDING;
    loop {
        match smpp.trunk(name).ok_or("it is not known")?.down {
            None => return Ok("it is bound, and takes texts".to_owned()),
            Some(why) if Instant::now() >= until => {
                return Err(format!(
                    "no bind within {} s: {why}. Check `host`, `port`, whether it wants `tls`, `system_id` and the password, and how \
                     many binds the operator allows",
                    BINDING.as_secs()
                ));
            }
            Some(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn trunk(server: &Server, trunk: &Trunk) -> Result<String, String> {
    let name = &trunk.name;
    match trunk.carrier {
        CarrierKind::Sip => {
            let sip = server.sip.as_ref().ok_or("SIP does not run")?;
            let report = sip.probe(name).await.map_err(|error| error.to_string())?;
            Ok(report.to_string())
        }
        CarrierKind::Asterisk => {
            let asterisk = server.asterisk.as_ref().ok_or("no Asterisk is known")?;
            asterisk.probe(name).await
        }
        hosted => server.hosted.probe(hosted.name(), name).await,
    }
}
