//! What the kernel takes for the packets alone: a loop that sends the same packets at the same pace.

use std::{
    net::{Ipv4Addr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};

/// The header of RTP and 20 ms of G.711.
const PACKET: usize = 172;
/// Streams are spread over the milliseconds of a frame.
const PHASES: usize = 20;

/// Sends so many streams to these ports for so long; gives how much of a core it took.
pub(crate) fn bare_send(ports: &[u16], streams: usize, length: Duration) -> Result<f64> {
    let mut sockets = ports
        .iter()
        .cycle()
        .take(streams)
        .map(|port| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("bind a socket")?;
            socket
                .connect((Ipv4Addr::LOCALHOST, *port))
                .context("connect a socket")?;
            Ok(socket)
        })
        .collect::<Result<Vec<_>>>()?
        .into_iter();
    let mut phases: [Vec<UdpSocket>; PHASES] = Default::default();
    for phase in (0..PHASES).cycle() {
        match sockets.next() {
            Some(socket) => phases[phase].push(socket),
            None => break,
        }
    }
    let mut packet = [0xff_u8; PACKET];
    packet[..12].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let (before, started) = (processor()?, Instant::now());
    for tick in 0..u32::try_from(length.as_millis()).unwrap_or(u32::MAX) {
        let due = started + Duration::from_millis(tick.into());
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let frame = tick as usize / PHASES;
        packet[2..4].copy_from_slice(&u16::try_from(frame % 65_536).unwrap_or(0).to_be_bytes());
        for socket in &phases[tick as usize % PHASES] {
            // A full buffer loses the packet, as a network does.
            let _ = socket.send(&packet);
        }
    }
    Ok((processor()? - before) / started.elapsed().as_secs_f64())
}

/// Processor seconds of this thread.
fn processor() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).context("ask for the processor time")?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(micros as f64 / 1e6)
}
