//! Trunks that want to be told where we are, and trunks that are watched.

mod rig;

use std::time::Duration;

use outdial_carrier_sip::{HealthState, ProbeError, RegistrationState, SipConfig};
use outdial_domain::Address;
use outdial_engine::ports::{Answer, Ask, VoiceCarrier};

use crate::rig::{
    Rig,
    far::{Far, Message, sdp},
    rig_with, trunk,
};

async fn registering(change: impl FnOnce(&mut SipConfig)) -> (Rig, Far, Message) {
    let mut far = Far::listen().await;
    let rig = rig_with(|config| {
        config.t1 = Duration::from_millis(10);
        let mut one = trunk(far.address());
        one.username = Some("user".into());
        one.password = Some("secret".into());
        one.register = Some(Duration::from_secs(3600));
        config.trunks = vec![one];
        change(config);
    });
    let register = far.hears("REGISTER ").await;
    (rig, far, register)
}

async fn grant(far: &Far, register: &Message, seconds: u32) {
    let contact = format!("Contact: {};expires={seconds}", register.header("Contact"));
    far.answer(register, "200 OK", &[&contact], "").await;
}

/// Waits until the trunk is as it is wanted to be. Nothing tells when that is, but it comes at once.
async fn until(rig: &Rig, wanted: impl Fn(&RegistrationState) -> bool) -> RegistrationState {
    tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let state = rig.carrier.trunks().remove(0).registration;
            if wanted(&state) {
                return state;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("it stays {:?}", rig.carrier.trunks()))
}

#[tokio::test]
async fn a_registration_is_asked_for_its_password_renewed_and_withdrawn() {
    let (rig, mut far, first) = registering(|_| {}).await;
    assert_eq!(first.header("To"), "<sip:user@127.0.0.1>");
    assert_eq!(first.header("Expires"), "3600");
    let challenge = "WWW-Authenticate: Digest realm=\"far\", nonce=\"1\", qop=\"auth\", algorithm=SHA-256";
    far.answer(&first, "401 Unauthorized", &[challenge], "").await;
    let second = far.hears("REGISTER ").await;
    assert!(second.header("Authorization").contains("algorithm=SHA-256"));
    assert_eq!(second.header("Call-ID"), first.header("Call-ID"));
    grant(&far, &second, 1).await;
    until(&rig, |state| matches!(state, RegistrationState::Registered { .. })).await;

    let renewed = far.hears("REGISTER ").await;
    assert_eq!(renewed.header("Call-ID"), first.header("Call-ID"));
    assert_eq!(renewed.header("Contact"), first.header("Contact"));
    grant(&far, &renewed, 3600).await;
    until(&rig, |state| matches!(state, RegistrationState::Registered { .. })).await;

    let (withdrawn, ()) = tokio::join!(
        async {
            let withdrawn = far.hears("REGISTER ").await;
            far.answer(&withdrawn, "200 OK", &[], "").await;
            withdrawn
        },
        async {
            // The answer may still be on its way to the keeper.
            until(&rig, |state| matches!(state, RegistrationState::Registered { .. })).await;
            rig.carrier.stop().await;
        }
    );
    assert_eq!(withdrawn.header("Expires"), "0");
}

#[tokio::test]
async fn a_registration_that_is_refused_says_what_to_do_and_is_tried_again() {
    let (rig, mut far, first) = registering(|_| {}).await;
    far.answer(&first, "403 Forbidden", &[], "").await;
    let state = until(&rig, |state| matches!(state, RegistrationState::Failed { .. })).await;
    assert!(
        matches!(&state, RegistrationState::Failed { reason, .. } if reason.contains("403") && reason.contains("`username`")),
        "{state:?}"
    );
    let (probed, ()) = tokio::join!(rig.carrier.probe("far"), async {
        let asked = far.hears("OPTIONS ").await;
        far.answer(&asked, "200 OK", &[], "").await;
    });
    assert!(
        matches!(&probed, Err(ProbeError::NotRegistered(reason)) if reason.contains("403")),
        "{probed:?}"
    );
    let again = far.hears("REGISTER ").await;
    far.answer(&again, "423 Interval Too Brief", &["Min-Expires: 7200"], "")
        .await;
    let longer = far.hears("REGISTER ").await;
    assert_eq!(longer.header("Expires"), "7200");
    grant(&far, &longer, 7200).await;
    until(&rig, |state| matches!(state, RegistrationState::Registered { .. })).await;
}

#[tokio::test]
async fn whoever_calls_what_we_registered_is_the_trunk() {
    let (rig, far, register) = registering(|_| {}).await;
    let mut calls = rig.carrier.incoming().expect("calls come in");
    grant(&far, &register, 3600).await;
    let contact = register.header("Contact").trim_matches(['<', '>']).to_owned();
    let here = far.address();
    let body = sdp("0 101");
    let invite = format!(
        "INVITE {contact} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKcall;rport\r\n\
         From: <sip:+6591112222@{here}>;tag=far\r\nTo: <sip:+6561234567@{here}>\r\nCall-ID: call@{here}\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:far@{here}>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    far.send(&invite).await;
    let call = tokio::time::timeout(Duration::from_secs(20), calls.recv()).await;
    let call = call.expect("a call comes in").expect("the carrier lives");
    assert_eq!(
        (call.trunk.as_str(), call.to.to_string().as_str()),
        ("far", "+6561234567")
    );
}

#[tokio::test]
async fn a_trunk_that_stays_silent_is_down_until_it_answers() {
    let mut far = Far::listen().await;
    let rig = rig_with(|config| {
        config.t1 = Duration::from_millis(2);
        let mut one = trunk(far.address());
        one.keep_alive = Some(Duration::from_millis(50));
        one.down_after = 2;
        config.trunks = vec![one];
    });
    let health = || rig.carrier.trunks().remove(0).health;
    let can = || {
        rig.carrier.can(&Ask {
            trunk: Some("far"),
            to: &Address::parse("+6561234567").expect("an address"),
            from: None,
            ring: Duration::from_secs(45),
            talk: Duration::from_secs(60),
            flow: &outdial_flow::Flow::default(),
        })
    };
    assert_eq!(can(), Answer::Legs);
    tokio::time::timeout(Duration::from_secs(20), async {
        while !matches!(health(), HealthState::Down { .. }) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it is down");
    assert!(matches!(can(), Answer::No(reason) if reason.contains("trunk `far` is down since")));
    tokio::time::timeout(Duration::from_secs(20), async {
        while !matches!(health(), HealthState::Up { .. }) {
            let asked = far.hears("OPTIONS ").await;
            far.answer(&asked, "200 OK", &[], "").await;
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it is up");
    assert_eq!(can(), Answer::Legs);
}
