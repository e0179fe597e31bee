//! A manager interface that does what no Asterisk would do in a test: refuses, waits, and goes away.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::Ipv4Addr, time::Duration};

use outdial_carrier_asterisk::{AsteriskCarrier, AsteriskTrunk, ManagerLogin, Way};
use outdial_domain::{Address, Ending, LegId, Outcome};
use outdial_engine::ports::{Answer, Ask, LegEvent, LegHandle, LegOrder, VoiceCarrier, WholeOrder};
use outdial_flow::{Flow, Instruction};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

const SECRET: &str = "a-secret";

struct Server(TcpListener);

/// A connection from the carrier.
struct Client(BufReader<TcpStream>);

impl Server {
    async fn start() -> Self {
        Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap())
    }

    fn carrier(&self, in_flight: usize) -> AsteriskCarrier {
        let way = Way::Manager(ManagerLogin {
            address: self.0.local_addr().unwrap(),
            username: "outdial".to_owned(),
            secret: SECRET.into(),
        });
        let mut trunk = AsteriskTrunk::new("pbx", way);
        trunk.channel = Some("Local/{number}@out".parse().unwrap());
        trunk.in_flight = in_flight;
        assert!(!format!("{trunk:?}").contains(SECRET));
        AsteriskCarrier::new(vec![trunk]).unwrap()
    }

    async fn accept(&self, login: &str) -> Client {
        let (stream, _) = self.0.accept().await.unwrap();
        let mut client = Client(BufReader::new(stream));
        client.say("Asterisk Call Manager/9.0.0").await;
        let asked = client.read().await;
        assert!(asked.contains(&format!("Secret: {SECRET}")), "{asked}");
        client
            .say(&format!("Response: {login}\r\nActionID: login\r\nMessage: as told\r\n"))
            .await;
        client
    }
}

impl Client {
    async fn say(&mut self, text: &str) {
        self.0.write_all(format!("{text}\r\n").as_bytes()).await.unwrap();
    }

    /// One action, without pings.
    async fn read(&mut self) -> String {
        loop {
            let mut text = String::new();
            while !text.ends_with("\r\n\r\n") {
                assert!(self.0.read_line(&mut text).await.unwrap() > 0, "it is closed");
            }
            if !text.starts_with("Action: Ping") {
                return text;
            }
        }
    }

    /// Waits for a call, and accepts it.
    async fn accept(&mut self) -> String {
        let action = self.read().await;
        assert!(action.starts_with("Action: Originate"), "{action}");
        let leg = action
            .lines()
            .find_map(|line| line.strip_prefix("ChannelId: "))
            .unwrap();
        self.say(&format!("Response: Success\r\nActionID: {leg}\r\n")).await;
        leg.to_owned()
    }

    async fn event(&mut self, event: &str, leg: &str, more: &str) {
        self.say(&format!(
            "Event: {event}\r\nUniqueid: {leg}\r\nActionID: {leg}\r\n{more}\r\n"
        ))
        .await;
    }
}

async fn take(carrier: &AsteriskCarrier, number: u128) -> LegHandle {
    take_with(carrier, number, Flow::default(), None).await
}

async fn take_with(
    carrier: &AsteriskCarrier,
    number: u128,
    flow: Flow,
    send_before: Option<std::time::Instant>,
) -> LegHandle {
    let order = WholeOrder {
        leg: LegOrder {
            leg: format!("leg_{number:032x}").parse::<LegId>().unwrap(),
            trunk: Some("pbx".to_owned()),
            to: Address::parse("100").unwrap(),
            from: None,
            send_before,
        },
        account: format!("acct_{number:032x}").parse().unwrap(),
        ring: Duration::from_secs(30),
        talk: Duration::from_secs(30),
        flow,
        sounds: Vec::new(),
    };
    carrier.take(order).await.unwrap()
}

async fn ending(leg: &mut LegHandle) -> Ending {
    loop {
        if let LegEvent::Ended(end) = leg.events.recv().await.unwrap() {
            return end.ending;
        }
    }
}

#[tokio::test]
async fn no_more_calls_are_set_up_than_asterisk_bears() {
    let server = Server::start().await;
    let carrier = server.carrier(1);
    let mut client = server.accept("Success").await;
    let (mut first, mut second) = (take(&carrier, 1).await, take(&carrier, 2).await);
    let leg = client.accept().await;
    client.event("Newchannel", &leg, "").await;
    // The room is free with the answer, so the next call comes after it and not before.
    client.event("Newstate", &leg, "ChannelState: 6\r\n").await;
    let other = client.accept().await;
    assert_ne!(leg, other);
    client.event("Hangup", &leg, "Cause: 16\r\n").await;
    client
        .event("OriginateResponse", &other, "Response: Failure\r\nReason: 8\r\n")
        .await;
    let outcomes = [ending(&mut first).await.outcome, ending(&mut second).await.outcome];
    assert!(
        outcomes.contains(&Outcome::Completed) && outcomes.contains(&Outcome::Congestion),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn what_is_refused_has_rung_nobody() {
    let server = Server::start().await;
    let carrier = server.carrier(9);
    let mut client = server.accept("Success").await;
    let mut leg = take(&carrier, 1).await;
    let action = client.read().await;
    let id = action.lines().find_map(|line| line.strip_prefix("ActionID: ")).unwrap();
    client.say("Event: Noise\r\nno colon\r\n: :\r\n").await;
    client
        .say(&format!(
            "Response: Error\r\nActionID: {id}\r\nMessage: Permission denied\r\n"
        ))
        .await;
    let ending = ending(&mut leg).await;
    assert_eq!(ending.outcome, Outcome::Failed);
    assert!(ending.reason.contains("Permission denied"), "{}", ending.reason);
}

#[tokio::test]
async fn a_call_that_ends_long_before_its_flow_has_failed() {
    let server = Server::start().await;
    let carrier = server.carrier(9);
    let mut client = server.accept("Success").await;
    let flow = || Flow {
        steps: vec![Instruction::Pause(Duration::from_secs(20))],
    };
    for (number, last, wanted) in [(1, "", Outcome::Failed), (2, "HangupRequest", Outcome::Completed)] {
        let mut leg = take_with(&carrier, number, flow(), None).await;
        let id = client.accept().await;
        client.event("Newchannel", &id, "").await;
        client.event("Newstate", &id, "ChannelState: 6\r\n").await;
        if !last.is_empty() {
            client.event(last, &id, "").await;
        }
        client.event("Hangup", &id, "Cause: 16\r\n").await;
        let ending = ending(&mut leg).await;
        assert_eq!(ending.outcome, wanted, "{}", ending.reason);
    }
}

#[tokio::test]
async fn nothing_is_sent_after_its_moment_however_long_the_connection_took() {
    let server = Server::start().await;
    let carrier = server.carrier(9);
    let moment = std::time::Instant::now() + Duration::from_millis(300);
    let mut leg = take_with(&carrier, 1, Flow::default(), Some(moment)).await;
    tokio::time::sleep_until((moment + Duration::from_millis(50)).into()).await;
    let mut client = server.accept("Success").await;
    assert_eq!(ending(&mut leg).await.outcome, Outcome::Failed);
    // The next thing that is sent is the next call.
    let mut next = take(&carrier, 2).await;
    let id = client.accept().await;
    assert!(id.ends_with('2'), "{id}");
    client
        .event("OriginateResponse", &id, "Response: Failure\r\nReason: 5\r\n")
        .await;
    assert_eq!(ending(&mut next).await.outcome, Outcome::Busy);
}

#[tokio::test]
async fn a_leg_that_is_gone_when_the_connection_is_back_is_unknown() {
    let server = Server::start().await;
    let carrier = server.carrier(9);
    let mut client = server.accept("Success").await;
    let mut leg = take(&carrier, 1).await;
    client.accept().await;
    drop(client);
    let mut client = server.accept("Success").await;
    let action = client.read().await;
    assert!(action.starts_with("Action: Status"), "{action}");
    let id = action.lines().find_map(|line| line.strip_prefix("ActionID: ")).unwrap();
    client
        .say(&format!(
            "Response: Error\r\nActionID: {id}\r\nMessage: No such channel\r\n"
        ))
        .await;
    assert_eq!(ending(&mut leg).await.outcome, Outcome::Unknown);
}

#[tokio::test]
async fn a_refused_login_refuses_calls_and_keeps_the_secret() {
    let server = Server::start().await;
    let carrier = server.carrier(9);
    drop(server.accept("Error").await);
    // It has been refused by the time that it tries again.
    let again = server.accept("Error").await;
    let ask = Ask {
        trunk: Some("pbx"),
        to: &Address::parse("100").unwrap(),
        from: None,
        ring: Duration::from_secs(45),
        talk: Duration::from_secs(60),
        flow: &Flow::default(),
    };
    match carrier.can(&ask) {
        Answer::No(reason) => assert!(reason.contains("refused") && !reason.contains(SECRET), "{reason}"),
        other => panic!("{other:?}"),
    }
    drop(again);
}
