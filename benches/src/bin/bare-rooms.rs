//! Nothing but streams in rooms, so that what they cost is not mixed with what their calls do.
//!
//! `bare-rooms ROOMS MEMBERS bridge|conference CODEC[,CODEC] FIRST-LAST PORT…`: member after member sends to the given
//! ports of this machine in turn, and speaks the codecs in turn, until its standard input ends.

use std::{
    io::Read,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use outdial_domain::{LegId, RoomId};
use outdial_engine::ports::{Joining, RoomKind};
use outdial_media::{codec::Codec, stream::StreamConfig};
use outdial_media_io::{MediaEngine, Remote};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [rooms, members, kind, codecs, range, ports @ ..] = words.as_slice() else {
        bail!("say how many rooms, how many members, what kind, which codecs, which ports, and where to send");
    };
    let (rooms, members): (usize, usize) = (rooms.parse()?, members.parse()?);
    let kind = match kind.as_str() {
        "bridge" => RoomKind::Bridge,
        "conference" => RoomKind::Conference,
        other => bail!("there is no room of the kind `{other}`"),
    };
    let codecs = codecs
        .split(',')
        .map(|name| Codec::from_name(name).context("no such codec"));
    let codecs = codecs.collect::<Result<Vec<_>>>()?;
    let (first, last) = range.split_once('-').context("the ports are as in 16384-32767")?;
    let ports = ports
        .iter()
        .map(|port| Ok(port.parse()?))
        .collect::<Result<Vec<u16>>>()?;
    let media = MediaEngine::start(0, HERE, first.parse()?..=last.parse()?)?;
    let mut streams = Vec::new();
    for number in 0..rooms * members {
        let mut octets = [0; 10];
        octets[..8].copy_from_slice(&number.to_be_bytes());
        let mut stream = media.open(LegId::new(Timestamp::UNIX_EPOCH, octets))?;
        let random = (number as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        let config = StreamConfig::new(codecs[number % codecs.len()], random);
        stream.start(config, Remote::new(SocketAddr::new(HERE, ports[number % ports.len()])));
        octets[..8].copy_from_slice(&(number / members).to_be_bytes());
        stream.join(Joining {
            room: RoomId::new(Timestamp::UNIX_EPOCH, octets),
            kind,
            muted: false,
        });
        streams.push(stream);
    }
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
