//! One connection to the simulated SMSC.

use std::{sync::Arc, time::Duration};

use rusmpp::{
    Command, CommandStatus, Pdu,
    pdus::{BindReceiverResp, BindTransceiverResp, BindTransmitterResp, QuerySmResp, SubmitSm, SubmitSmResp},
    tokio_codec::CommandCodec,
    types::COctetString,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
};
use tokio_util::{
    bytes::BytesMut,
    codec::{Decoder as _, Encoder as _},
    sync::CancellationToken,
};

use super::{
    Fate, Reply,
    center::{Center, Outbox, c_string},
};

/// Serves one ESME until it is gone.
pub(super) async fn serve(stream: TcpStream, center: Arc<Center>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let (reader, writer) = stream.into_split();
    let (outbox, commands) = mpsc::unbounded_channel();
    let done = CancellationToken::new();
    let writing = tokio::spawn(write(writer, commands));
    let mut connection = Connection {
        center,
        outbox,
        done,
        bound: None,
    };
    connection.listen(reader).await;
    if let Some(number) = connection.bound {
        connection.center.gone(number);
    }
    let silent = connection.done.is_cancelled();
    drop(connection);
    if silent {
        writing.abort();
    }
    // What was said last leaves before the connection is closed; one that does not listen is not waited for.
    let _ = tokio::time::timeout(Duration::from_secs(1), writing).await;
}

async fn write(mut writer: OwnedWriteHalf, mut commands: mpsc::UnboundedReceiver<Command>) {
    let mut octets = BytesMut::new();
    let mut batch = Vec::new();
    while commands.recv_many(&mut batch, 256).await > 0 {
        for command in batch.drain(..) {
            // A command that the library could make can be written.
            let _ = CommandCodec::new().encode(command, &mut octets);
        }
        if writer.write_all(&octets).await.is_err() {
            return;
        }
        octets.clear();
    }
}

struct Connection {
    center: Arc<Center>,
    outbox: Outbox,
    /// Cancelled when the connection is to be closed without another word.
    done: CancellationToken,
    bound: Option<u64>,
}

impl Connection {
    async fn listen(&mut self, mut reader: OwnedReadHalf) {
        let mut codec = CommandCodec::new().with_max_length(128 * 1024);
        let mut octets = BytesMut::with_capacity(16 * 1024);
        let mut hang_up = CancellationToken::new();
        loop {
            loop {
                match codec.decode(&mut octets) {
                    Ok(Some(command)) => match self.heard(&command) {
                        Next::Listen => {}
                        Next::Bound(token) => hang_up = token,
                        Next::Close => return,
                    },
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(?error, "the simulated SMSC cannot read a PDU");
                        return;
                    }
                }
            }
            let read = tokio::select! {
                read = reader.read_buf(&mut octets) => read,
                () = hang_up.cancelled() => return self.done.cancel(),
                () = self.done.cancelled() => return,
            };
            if !matches!(read, Ok(length) if length > 0) {
                return;
            }
        }
    }

    fn heard(&mut self, command: &Command) -> Next {
        let sequence = command.sequence_number();
        let answer = |pdu: Pdu| self.say(CommandStatus::EsmeRok, sequence, pdu);
        match command.pdu() {
            Some(Pdu::BindTransmitter(bind)) => {
                let allowed = self.may_bind(bind.system_id.as_str(), bind.password.as_str());
                self.bind(allowed, false, sequence, BindTransmitterResp::default())
            }
            Some(Pdu::BindReceiver(bind)) => {
                let allowed = self.may_bind(bind.system_id.as_str(), bind.password.as_str());
                self.bind(allowed, true, sequence, BindReceiverResp::default())
            }
            Some(Pdu::BindTransceiver(bind)) => {
                let allowed = self.may_bind(bind.system_id.as_str(), bind.password.as_str());
                self.bind(allowed, true, sequence, BindTransceiverResp::default())
            }
            Some(Pdu::SubmitSm(text)) if self.bound.is_some() => {
                self.submitted(text, sequence);
                Next::Listen
            }
            Some(Pdu::SubmitSm(_)) => {
                self.say(CommandStatus::EsmeRinvbndsts, sequence, SubmitSmResp::default());
                Next::Listen
            }
            Some(Pdu::QuerySm(question)) => {
                match self.center.look_up(question) {
                    Some(state) => answer(
                        QuerySmResp::builder()
                            .message_id(question.message_id.clone())
                            .message_state(state)
                            .build()
                            .into(),
                    ),
                    None => self.say(CommandStatus::EsmeRqueryfail, sequence, QuerySmResp::default()),
                }
                Next::Listen
            }
            Some(Pdu::EnquireLink) => {
                answer(Pdu::EnquireLinkResp);
                Next::Listen
            }
            Some(Pdu::Unbind) => {
                answer(Pdu::UnbindResp);
                Next::Close
            }
            Some(Pdu::DeliverSmResp(_)) => {
                if let Some(number) = self.bound {
                    self.center.answered(number, sequence, command.status());
                }
                Next::Listen
            }
            _ => Next::Listen,
        }
    }

    fn say(&self, status: CommandStatus, sequence: u32, pdu: impl Into<Pdu>) {
        // The writer is gone when the far side is.
        let _ = self.outbox.send(Command::new(status, sequence, pdu));
    }

    fn may_bind(&self, user: &str, password: &str) -> bool {
        let wanted = self.center.script.user.as_ref();
        wanted.is_none_or(|(known, secret)| known == user && secret == password)
    }

    fn bind(&mut self, allowed: bool, receives: bool, sequence: u32, answer: impl Into<Pdu>) -> Next {
        if self.bound.is_some() {
            self.say(CommandStatus::EsmeRalybnd, sequence, answer);
            return Next::Listen;
        }
        if !allowed {
            self.say(CommandStatus::EsmeRinvpaswd, sequence, answer);
            return Next::Close;
        }
        self.say(CommandStatus::EsmeRok, sequence, answer);
        let (number, hang_up) = self.center.bound(receives.then_some(&self.outbox));
        self.bound = Some(number);
        Next::Bound(hang_up)
    }

    fn submitted(&self, text: &SubmitSm, sequence: u32) {
        let (reply, id) = self.center.text(text);
        // The usual case costs no task.
        if reply.after.is_zero() && reply.receipts.iter().all(|receipt| receipt.after.is_zero()) {
            self.answer(&reply, id, sequence);
            for receipt in &reply.receipts {
                self.center.receipt(text, id, receipt.state, reply.receipts_lost);
            }
            return;
        }
        for receipt in reply.receipts.clone() {
            let (center, text, lost) = (Arc::clone(&self.center), text.clone(), reply.receipts_lost);
            tokio::spawn(async move {
                tokio::time::sleep(receipt.after).await;
                center.receipt(&text, id, receipt.state, lost);
            });
        }
        let later = Self {
            center: Arc::clone(&self.center),
            outbox: self.outbox.clone(),
            done: self.done.clone(),
            bound: self.bound,
        };
        tokio::spawn(async move {
            tokio::time::sleep(reply.after).await;
            later.answer(&reply, id, sequence);
        });
    }

    fn answer(&self, reply: &Reply, id: u64, sequence: u32) {
        let name: COctetString<1, 65> = c_string(&self.center.name(id));
        let taken = || SubmitSmResp::builder().message_id(name.clone()).build();
        match reply.fate {
            Fate::Take => self.say(CommandStatus::EsmeRok, sequence, taken()),
            Fate::TakeAndAnswerTwice => {
                self.say(CommandStatus::EsmeRok, sequence, taken());
                self.say(CommandStatus::EsmeRok, sequence, taken());
            }
            Fate::Refuse(status) => self.say(CommandStatus::from(status), sequence, SubmitSmResp::default()),
            Fate::TakeSilently => {}
            Fate::TakeAndHangUp | Fate::HangUp => self.done.cancel(),
        }
    }
}

/// What a command leads to.
enum Next {
    Listen,
    Bound(CancellationToken),
    Close,
}
