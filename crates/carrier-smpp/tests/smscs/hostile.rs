//! Far sides that break off, lie about lengths, answer twice, and say what nobody asked.

use std::time::Duration;

use outdial_domain::message::PartFate;

use super::{
    Rig, accepted,
    far_side::{Connection, FarSide, Heard},
    trunk,
};

const SUBMIT: u32 = 4;

/// Whatever was done to it, the carrier binds again and sends.
async fn still_works(rig: &Rig, far: &FarSide) {
    let mut connection = far.bound().await;
    let sending = rig.send("+6598765432", "still here");
    tokio::pin!(sending);
    loop {
        tokio::select! {
            fates = &mut sending => match &fates[..] {
                [PartFate::NotSent { .. }] => sending.set(rig.send("+6598765432", "still here")),
                fates => return assert_eq!(fates, [accepted("ok")]),
            },
            Some(heard) = connection.hears() => if heard.command == SUBMIT {
                connection.says(0x8000_0004, 0, heard.sequence, b"ok\0").await;
            },
        }
    }
}

#[tokio::test]
async fn whatever_octets_come_the_carrier_binds_again() {
    let cases: [(&str, Vec<u8>); 6] = [
        ("a length of nothing", vec![0; 16]),
        ("a length of four gigabytes", vec![0xFF; 16]),
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("half a header", vec![0, 0, 0, 20, 0]),
        (
            "a length that is longer than what follows",
            [&[0, 0, 1, 0][..], &[0; 30]].concat(),
        ),
        (
            "an answer to nothing, and silence",
            vec![0, 0, 0, 16, 0x80, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 99],
        ),
    ];
    for (what, octets) in cases {
        let (far, at) = FarSide::start().await;
        let rig = Rig::start(trunk(at));
        let mut connection = far.bound().await;
        connection.writes(&octets).await;
        drop(connection);
        tokio::time::timeout(super::WAIT, still_works(&rig, &far))
            .await
            .expect(what);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_bind_is_made_again() {
    let (far, at) = FarSide::start().await;
    let rig = Rig::start(trunk(at));
    for _ in 0..3 {
        drop(far.connected().await);
    }
    let mut refusing = far.connected().await;
    let bind = refusing.hears().await.unwrap();
    refusing.says(0x8000_0009, 0x0D, bind.sequence, b"").await;
    assert_eq!(refusing.hears().await, None);
    still_works(&rig, &far).await;
}

#[tokio::test]
async fn a_pdu_that_is_cut_is_refused_and_the_next_one_is_heard() {
    let (far, at) = FarSide::start().await;
    let _rig = Rig::start(trunk(at));
    let mut connection = far.bound().await;
    connection.says(5, 0, 7, b"\0\x01\x01123").await;
    connection.says(0x4242, 0, 8, b"?").await;
    connection.says(0x15, 0, 9, b"").await;
    let heard = |command, status, sequence| {
        Some(Heard {
            command,
            status,
            sequence,
        })
    };
    assert_eq!(connection.hears().await, heard(0x8000_0005, 0x66, 7));
    assert_eq!(connection.hears().await, heard(0x8000_0000, 3, 8));
    assert_eq!(connection.hears().await, heard(0x8000_0015, 0, 9));
}

#[tokio::test]
async fn a_text_is_ended_once_however_often_and_wrongly_it_is_answered() {
    let (far, at) = FarSide::start().await;
    let rig = Rig::start(trunk(at));
    let mut connection = far.bound().await;
    let rig = rig.up().await;
    let answering = async {
        let text = connection.hears().await.unwrap();
        assert_eq!(text.command, SUBMIT);
        connection.says(0x8000_0015, 0, text.sequence, b"").await;
        connection.says(0x8000_0004, 0, text.sequence + 5, b"wrong\0").await;
        connection.says(0x8000_0004, 0, text.sequence, b"right\0").await;
        connection.says(0x8000_0004, 0, text.sequence, b"again\0").await;
        connection.says(0x8000_0004, 0x45, text.sequence, b"").await;
        connection
    };
    let (fates, mut connection) = tokio::join!(rig.send("+6598765432", "once"), answering);
    assert_eq!(fates, [accepted("right")]);
    next_text(&rig, &mut connection).await;
}

async fn next_text(rig: &Rig, connection: &mut Connection) {
    let answering = async {
        let text = connection.hears().await.unwrap();
        connection.says(0x8000_0004, 0, text.sequence, b"next\0").await;
    };
    let (fates, ()) = tokio::join!(rig.send("+6598765432", "next"), answering);
    assert_eq!(fates, [accepted("next")]);
}

#[tokio::test]
async fn a_far_side_that_falls_silent_is_left() {
    let (far, at) = FarSide::start().await;
    let mut trunk = trunk(at);
    trunk.enquire_after = Duration::from_millis(50);
    trunk.answer_within = Duration::from_millis(100);
    let rig = Rig::start(trunk);
    let mut connection = far.bound().await;
    assert_eq!(connection.hears().await.map(|heard| heard.command), Some(0x15));
    assert_eq!(connection.hears().await, None);
    drop(rig);
}

#[tokio::test]
async fn what_was_handed_over_is_answered_when_it_was_taken() {
    let (far, at) = FarSide::start().await;
    let mut rig = Rig::start(trunk(at));
    let mut connection = far.bound().await;
    let receipt = b"\0\0\0\x00\0\0\0\x00\x04\0\0\0\0\0\0\0\0\x11id:7 stat:DELIVRD";
    connection.says(5, 0, 1, receipt).await;
    let arrival = rig.arriving.recv().await.unwrap();
    drop(arrival);
    let answer = connection.hears().await.unwrap();
    assert_eq!((answer.sequence, answer.status), (1, 0x64), "it shall come again");
    connection.says(5, 0, 2, receipt).await;
    rig.arrives().await;
    let answer = connection.hears().await.unwrap();
    assert_eq!((answer.sequence, answer.status), (2, 0));
}

#[tokio::test]
async fn a_carrier_that_stops_says_goodbye() {
    let (far, at) = FarSide::start().await;
    let rig = Rig::start(trunk(at));
    let mut connection = far.bound().await;
    let rig = rig.up().await;
    let leaving = async {
        let unbind = connection.hears().await.unwrap();
        assert_eq!(unbind.command, 6);
        connection.says(0x8000_0006, 0, unbind.sequence, b"").await;
        assert_eq!(connection.hears().await, None);
    };
    tokio::join!(rig.carrier.stop(super::WAIT), leaving);
}
