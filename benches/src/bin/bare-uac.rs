//! Places calls with rsipstack alone: what is left when everything of ours is taken away.
//!
//! `bare-uac PORT CALLS IN_FLIGHT` calls 127.0.0.1:PORT, hangs up when it is answered, and prints the
//! processor time it used.
#![expect(clippy::print_stdout, reason = "its result is read from its standard output")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result, ensure};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use rsipstack::{
    EndpointBuilder,
    dialog::{dialog_layer::DialogLayer, invitation::InviteOption},
    transport::{TransportLayer, udp::UdpConnection},
};
use tokio_util::sync::CancellationToken;

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 9 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || -> Result<usize> {
        let text = arguments.next().context("give PORT CALLS IN_FLIGHT")?;
        text.parse().with_context(|| format!("{text} is no number"))
    };
    let port = u16::try_from(argument()?).context("no port")?;
    let (calls, in_flight) = (argument()?, argument()?);

    let stop = CancellationToken::new();
    let transport = TransportLayer::new(stop.child_token());
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let connection = UdpConnection::create_connection(bind, None, Some(stop.child_token())).await?;
    let local = connection.get_addr().addr.clone();
    transport.add_transport(connection.into());
    let endpoint = EndpointBuilder::new()
        .with_transport_layer(transport)
        .with_cancel_token(stop.child_token())
        .build();
    let layer = Arc::new(DialogLayer::new(Arc::clone(&endpoint.inner)));
    tokio::spawn(async move { endpoint.serve().await });

    let ours = format!("sip:caller@{local}");
    let theirs = format!("sip:callee@127.0.0.1:{port}");
    let left = Arc::new(AtomicUsize::new(calls));
    let before = processor()?;
    let callers: Vec<_> = (0..in_flight)
        .map(|_| {
            tokio::spawn(caller(
                Arc::clone(&layer),
                Arc::clone(&left),
                ours.clone(),
                theirs.clone(),
            ))
        })
        .collect();
    for caller in callers {
        caller.await.context("a caller failed")??;
    }
    println!("{}", serde_json::json!({ "processor": processor()? - before }));
    Ok(())
}

async fn caller(layer: Arc<DialogLayer>, left: Arc<AtomicUsize>, ours: String, theirs: String) -> Result<()> {
    let (states, _) = tokio::sync::mpsc::unbounded_channel();
    let take = |left: usize| left.checked_sub(1);
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
        let option = InviteOption {
            caller: ours.as_str().try_into()?,
            contact: ours.as_str().try_into()?,
            callee: theirs.as_str().try_into()?,
            content_type: Some("application/sdp".to_owned()),
            offer: Some(OFFER.as_bytes().to_vec()),
            ..InviteOption::default()
        };
        let (dialog, response) = layer.do_invite(option, states.clone()).await?;
        let code = response.map(|response| response.status_code.code());
        ensure!(code == Some(200), "the far side answered {code:?}");
        dialog.bye().await?;
    }
    Ok(())
}

/// Processor seconds of this process, in user mode and in the kernel.
fn processor() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).context("ask for the processor time")?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(micros as f64 / 1e6)
}
