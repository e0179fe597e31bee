//! A far side that has sound.

use std::net::SocketAddr;

use outdial_domain::LegId;
use outdial_engine::ports::LegOrder;
use outdial_media::{codec::Codec, stream::StreamConfig};
use outdial_media_io::{Remote, Stream};

use super::{
    Call, Rig,
    far::{Far, Message, sdp},
};

/// Rings a far side, which picks up with this codec: the leg, its INVITE, and the sound at the far side.
pub(crate) async fn with_sound(
    rig: &Rig,
    far: &mut Far,
    order: LegOrder,
    random: u128,
    codec: Codec,
) -> (Call, Message, Stream) {
    let mut call = rig.try_ring(order).await.expect("it rings");
    let invite = far.hears("INVITE ").await;
    let offered: u16 = invite
        .body()
        .split_once("m=audio ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .expect("a port is offered");
    let mut sound = rig.media.open(rig.ids().make(LegId::new)).expect("there is a port");
    let formats = format!("{} 101", codec.payload_type());
    let description = sdp(&formats).replace("m=audio 9", &format!("m=audio {}", sound.local().port()));
    let ours = SocketAddr::from(([127, 0, 0, 1], offered));
    sound.start(StreamConfig::new(codec, random), Remote::new(ours));
    far.pick_up(&invite, &description).await;
    far.hears("ACK ").await;
    call.until("answered").await;
    (call, invite, sound)
}
