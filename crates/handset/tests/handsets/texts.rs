//! The simulated SMSC, as an ESME meets it that is written here from the library's PDUs.

use std::time::Duration;

use outdial_handset::{Fate, ReceiptForm, Reply, Script, Smsc, SmscIds, SmscScript};
use rusmpp::{
    Command, CommandId, CommandStatus, Pdu,
    pdus::{BindTransceiver, DeliverSmResp, QuerySm, SubmitSm},
    tokio_codec::CommandCodec,
    types::{COctetString, OctetString},
    values::{EsmClass, MessageState, Ton},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_util::{
    bytes::BytesMut,
    codec::{Decoder as _, Encoder as _},
};

const WAIT: Duration = Duration::from_secs(10);

struct Esme {
    stream: TcpStream,
    octets: BytesMut,
    codec: CommandCodec,
    sequence: u32,
}

fn c_string<const MIN: usize, const MAX: usize>(text: &str) -> COctetString<MIN, MAX> {
    COctetString::from_vec([text.as_bytes(), b"\0"].concat()).unwrap()
}

impl Esme {
    async fn connect(smsc: &Smsc, password: &str) -> (Self, Command) {
        let mut esme = Self {
            stream: TcpStream::connect(smsc.address()).await.unwrap(),
            octets: BytesMut::new(),
            codec: CommandCodec::new(),
            sequence: 0,
        };
        let bind = BindTransceiver::builder()
            .system_id(c_string("outdial"))
            .password(c_string(password))
            .build();
        esme.ask(bind).await;
        let answer = esme.hear().await.unwrap();
        (esme, answer)
    }

    async fn bound(smsc: &Smsc) -> Self {
        let (esme, answer) = Self::connect(smsc, "secret").await;
        assert_eq!(answer.status(), CommandStatus::EsmeRok);
        esme
    }

    async fn say(&mut self, command: Command) {
        let mut octets = BytesMut::new();
        self.codec.encode(command, &mut octets).unwrap();
        self.stream.write_all(&octets).await.unwrap();
    }

    async fn ask(&mut self, pdu: impl Into<Pdu>) {
        self.sequence += 1;
        let command = Command::new(CommandStatus::EsmeRok, self.sequence, pdu);
        self.say(command).await;
    }

    async fn submit(&mut self, to: &str) {
        let text = SubmitSm::builder()
            .esm_class(EsmClass::from(0))
            .dest_addr_ton(Ton::International)
            .destination_addr(c_string(to))
            .short_message(OctetString::from_vec(b"Hi".to_vec()).unwrap())
            .build();
        self.ask(text).await;
    }

    /// The next command; `None` when the connection is closed.
    async fn hear(&mut self) -> Option<Command> {
        let heard = async {
            loop {
                if let Some(command) = self.codec.decode(&mut self.octets).unwrap() {
                    return Some(command);
                }
                if !matches!(self.stream.read_buf(&mut self.octets).await, Ok(length) if length > 0) {
                    return None;
                }
            }
        };
        tokio::time::timeout(WAIT, heard).await.unwrap()
    }

    /// Hears these commands in this order, and accepts what is handed over.
    async fn hears<const COUNT: usize>(&mut self, expected: [CommandId; COUNT]) -> [Command; COUNT] {
        let mut heard = Vec::new();
        for id in expected {
            let command = self.hear().await.unwrap();
            assert_eq!(command.id(), id, "{command:?}");
            if id == CommandId::DeliverSm {
                let answer = Command::new(
                    CommandStatus::EsmeRok,
                    command.sequence_number(),
                    DeliverSmResp::default(),
                );
                self.say(answer).await;
            }
            heard.push(command);
        }
        heard.try_into().unwrap()
    }
}

async fn start(script: SmscScript) -> Smsc {
    Smsc::start("127.0.0.1:0".parse().unwrap(), script, None).await.unwrap()
}

fn receipt_of(command: &Command) -> String {
    match command.pdu() {
        Some(Pdu::DeliverSm(delivery)) => String::from_utf8(delivery.short_message().as_ref().to_vec()).unwrap(),
        other => panic!("a delivery, not {other:?}"),
    }
}

fn name_in(command: &Command) -> String {
    match command.pdu() {
        Some(Pdu::SubmitSmResp(answer)) => answer.message_id().as_str().to_owned(),
        other => panic!("an answer, not {other:?}"),
    }
}

#[tokio::test]
async fn a_text_is_taken_answered_and_delivered() {
    let smsc = start(SmscScript {
        ids: SmscIds::HexThenDecimal,
        ..SmscScript::default()
    })
    .await;
    let mut esme = Esme::bound(&smsc).await;
    for _ in 0..10 {
        esme.submit("6598765432").await;
        esme.hears([CommandId::SubmitSmResp, CommandId::DeliverSm]).await;
    }
    esme.submit("6598765432").await;
    let [answer, receipt] = esme.hears([CommandId::SubmitSmResp, CommandId::DeliverSm]).await;
    assert_eq!(name_in(&answer), "B");
    assert!(receipt_of(&receipt).starts_with("id:0000000011 "));
    assert!(receipt_of(&receipt).contains("stat:DELIVRD"));
    smsc.wait_for_deliveries(11).await;
    let taken = smsc.taken();
    assert_eq!(
        (taken[10].to.as_str(), taken[10].octets.as_str()),
        ("+6598765432", "4869")
    );

    esme.ask(QuerySm::builder().message_id(c_string("B")).build()).await;
    let [state] = esme.hears([CommandId::QuerySmResp]).await;
    assert!(matches!(state.pdu(), Some(Pdu::QuerySmResp(state)) if state.message_state == MessageState::Delivered));
}

#[tokio::test]
async fn each_text_meets_what_its_number_says() {
    let late = Duration::from_millis(300);
    let script = SmscScript::default()
        .text("+651", [Reply::throttled(), Reply::fated(Fate::Take)])
        .text("+652", [Reply::fated(Fate::TakeAndAnswerTwice)])
        .text("+653", [Reply::delivered().after(late)])
        .text("+654", [Reply::fated(Fate::TakeSilently)])
        .text("+655", [Reply::fated(Fate::TakeAndHangUp)]);
    let smsc = start(script).await;
    let mut esme = Esme::bound(&smsc).await;
    esme.submit("651").await;
    esme.submit("651").await;
    let [refused, taken] = esme.hears([CommandId::SubmitSmResp; 2]).await;
    assert_eq!(refused.status(), CommandStatus::EsmeRthrottled);
    assert_eq!(taken.status(), CommandStatus::EsmeRok);
    esme.submit("652").await;
    esme.hears([CommandId::SubmitSmResp; 2]).await;
    esme.submit("653").await;
    esme.hears([CommandId::DeliverSm, CommandId::SubmitSmResp]).await;
    esme.submit("654").await;
    esme.submit("655").await;
    assert_eq!(esme.hear().await, None);
    assert_eq!((smsc.asked(), smsc.taken().len()), (6, 5));
}

#[tokio::test]
async fn what_was_not_accepted_goes_to_another_bind() {
    let smsc = start(SmscScript::default()).await;
    let mut first = Esme::bound(&smsc).await;
    first.submit("651").await;
    first.hear().await;
    first.hear().await;
    smsc.hang_up();
    assert_eq!(first.hear().await, None);
    smsc.wait_for_binds(0).await;
    smsc.send("+6511111111", "+6522222222", "Hello 👍");
    let mut second = Esme::bound(&smsc).await;
    let [receipt, text] = second.hears([CommandId::DeliverSm; 2]).await;
    assert!(receipt_of(&receipt).contains("stat:DELIVRD"));
    assert!(matches!(text.pdu(), Some(Pdu::DeliverSm(text)) if text.short_message().len() == 16));
    smsc.wait_for_deliveries(2).await;
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let smsc = start(SmscScript {
        user: Some(("outdial".into(), "secret".into())),
        receipts: ReceiptForm::Fields,
        ..SmscScript::default()
    })
    .await;
    let (_, refused) = Esme::connect(&smsc, "wrong").await;
    assert_eq!(refused.status(), CommandStatus::EsmeRinvpaswd);
    let mut esme = Esme::bound(&smsc).await;
    esme.submit("651").await;
    let [_, receipt] = esme.hears([CommandId::SubmitSmResp, CommandId::DeliverSm]).await;
    assert_eq!(receipt_of(&receipt), "");
}

#[test]
fn a_script_says_what_becomes_of_texts() {
    let text = r#"
        [smsc]
        ids = "hex_then_decimal"
        rate = 50
        [[text]]
        number = "+65*"
        receipt = "undeliverable"
        receipt_after = "2s"
        on_text = [{ then = "refuse", status = 0x58 }]
    "#;
    let smsc = Script::parse(text, "".as_ref()).unwrap().smsc;
    assert_eq!((smsc.ids, smsc.rate), (SmscIds::HexThenDecimal, Some(50)));
    let undeliverable = Reply::state(5).receipt_after(Duration::from_secs(2));
    assert_eq!(smsc.texts[0].replies, [Reply::throttled(), undeliverable]);

    let wrong = |text: &str| Script::parse(text, "".as_ref()).unwrap_err().to_string();
    assert!(wrong("[[text]]").contains("has no number"));
    assert!(wrong("[[text]]\nnumber = \"1\"\nthen = \"refuse\"").contains("status goes with"));
    assert!(wrong("[[text]]\nnumber = \"1\"\nthen = \"hang_up\"\nreceipt = \"delivered\"").contains("no receipt"));
    assert!(wrong("[[text]]\nnumber = \"1\"\nthen = \"dance\"").contains("dance"));
}
