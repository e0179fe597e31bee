//! What all connections of a simulated SMSC share.

use std::{
    collections::{HashMap, VecDeque},
    fs::{File, OpenOptions},
    io::Write as _,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use rusmpp::{
    Command, CommandStatus,
    pdus::{DeliverSm, QuerySm, SubmitSm},
    tlvs::MessageDeliveryRequestTlvValue as Field,
    types::{COctetString, OctetString},
    values::{DataCoding, EsmClass, MessageState, Ton},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Fate, ReceiptForm, Reply, SmscError, SmscIds, SmscScript, TakenText};

/// What a connection is given to write.
pub(super) type Outbox = mpsc::UnboundedSender<Command>;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Center {
    pub(super) script: SmscScript,
    state: Mutex<State>,
    log: Option<Mutex<File>>,
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    asked: usize,
    questions: usize,
    taken: Vec<TakenText>,
    /// The newest state of each text that has one.
    states: HashMap<u64, u8>,
    /// How many texts each rule has met.
    met: HashMap<usize, usize>,
    delivered: usize,
    binds: usize,
    receivers: Vec<(u64, Outbox)>,
    next_receiver: usize,
    connections: u64,
    deliveries: u32,
    /// What was handed over and not accepted yet, by who has it and its sequence number.
    handed: HashMap<(u64, u32), DeliverSm>,
    waiting: VecDeque<DeliverSm>,
    hang_up: CancellationToken,
    second: Option<(Instant, u32)>,
}

impl Center {
    pub(super) fn new(script: SmscScript, log: Option<PathBuf>) -> Result<Self, SmscError> {
        let open = |path: PathBuf| {
            let opened = OpenOptions::new().create(true).append(true).open(&path);
            opened.map_err(|source| SmscError::Write { path, source })
        };
        Ok(Self {
            script,
            state: Mutex::default(),
            log: log.map(open).transpose()?.map(Mutex::new),
            changes: watch::Sender::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole after every single operation on it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn taken(&self) -> Vec<TakenText> {
        self.state().taken.clone()
    }

    pub(super) fn taken_count(&self) -> usize {
        self.state().taken.len()
    }

    pub(super) fn asked(&self) -> usize {
        self.state().asked
    }

    pub(super) fn questions(&self) -> usize {
        self.state().questions
    }

    pub(super) fn delivered(&self) -> usize {
        self.state().delivered
    }

    pub(super) fn binds(&self) -> usize {
        self.state().binds
    }

    pub(super) async fn wait_for(&self, is_so: impl Fn(&Self) -> bool) {
        let mut changes = self.changes.subscribe();
        // The sender lives as long as this does.
        while !is_so(self) && changes.changed().await.is_ok() {}
    }

    pub(super) fn hang_up(&self) {
        std::mem::take(&mut self.state().hang_up).cancel();
    }

    /// A connection was bound: gives its number, and what tells it to hang up.
    pub(super) fn bound(&self, receives: Option<&Outbox>) -> (u64, CancellationToken) {
        let mut state = self.state();
        state.binds += 1;
        state.connections += 1;
        let number = state.connections;
        if let Some(outbox) = receives {
            state.receivers.push((number, outbox.clone()));
            for waiting in std::mem::take(&mut state.waiting) {
                state.hand_over(waiting);
            }
        }
        let hang_up = state.hang_up.clone();
        drop(state);
        self.changes.send_replace(());
        (number, hang_up)
    }

    /// A connection is gone; what it had not accepted is handed over to another.
    pub(super) fn gone(&self, number: u64) {
        let mut state = self.state();
        state.binds -= 1;
        state.receivers.retain(|(known, _)| *known != number);
        let lost: Vec<_> = state
            .handed
            .keys()
            .filter(|(known, _)| *known == number)
            .copied()
            .collect();
        for key in lost {
            if let Some(again) = state.handed.remove(&key) {
                state.hand_over(again);
            }
        }
        drop(state);
        self.changes.send_replace(());
    }

    /// What is to be done with a text, and its number where it is taken.
    pub(super) fn text(&self, text: &SubmitSm) -> (Reply, u64) {
        let mut state = self.state();
        state.asked += 1;
        let taken = TakenText::of(state.taken.len() as u64 + 1, text);
        if self.script.rate.is_some_and(|rate| state.is_too_fast(rate)) {
            return (Reply::throttled(), 0);
        }
        let reply = self.script.reply(&taken.to, |rule| {
            let met = state.met.entry(rule).or_default();
            *met += 1;
            *met - 1
        });
        if matches!(reply.fate, Fate::Refuse(_) | Fate::HangUp) {
            return (reply, 0);
        }
        if let Some(log) = &self.log {
            let mut line = serde_json::to_vec(&taken).unwrap_or_default();
            line.push(b'\n');
            // A log that cannot be written is seen by whoever looks for the text in it.
            let _ = log.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
        }
        let id = taken.id;
        state.taken.push(taken);
        drop(state);
        self.changes.send_replace(());
        (reply, id)
    }

    /// Says what became of a text, unless that is lost.
    pub(super) fn receipt(&self, text: &SubmitSm, id: u64, became: u8, lost: bool) {
        let receipt = self.write_receipt(text, id, became);
        let mut state = self.state();
        state.states.insert(id, became);
        if !lost {
            state.hand_over(receipt);
        }
    }

    /// Hands over a text of somebody's.
    pub(super) fn send(&self, from: &str, to: &str, text: &str) {
        let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let text = DeliverSm::builder()
            .source_addr_ton(Ton::International)
            .source_addr(c_string(from.trim_start_matches('+')))
            .dest_addr_ton(Ton::International)
            .destination_addr(c_string(to.trim_start_matches('+')))
            .esm_class(EsmClass::from(0))
            .data_coding(DataCoding::Ucs2)
            .short_message(OctetString::from_vec(octets).unwrap_or_default())
            .build();
        self.state().hand_over(text);
    }

    /// A delivery was answered.
    pub(super) fn answered(&self, connection: u64, sequence: u32, status: CommandStatus) {
        let mut state = self.state();
        let Some(delivery) = state.handed.remove(&(connection, sequence)) else {
            return;
        };
        match status {
            CommandStatus::EsmeRok => state.delivered += 1,
            // To be handed over again, as an SMSC would after a while.
            CommandStatus::EsmeRxTAppn => state.hand_over(delivery),
            _ => {}
        }
        drop(state);
        self.changes.send_replace(());
    }

    /// The state of a text that somebody asks about; `None` when there is no such text.
    pub(super) fn look_up(&self, question: &QuerySm) -> Option<MessageState> {
        self.state().questions += 1;
        let id = question.message_id.as_str();
        let radix = if self.script.ids == SmscIds::HexThenDecimal {
            16
        } else {
            10
        };
        let id = u64::from_str_radix(id, radix).ok()?;
        let state = self.state();
        let known = (1..=state.taken.len() as u64).contains(&id);
        known.then(|| MessageState::from(state.states.get(&id).copied().unwrap_or(1)))
    }

    /// The name of a text in answers.
    pub(super) fn name(&self, id: u64) -> String {
        match self.script.ids {
            SmscIds::HexThenDecimal => format!("{id:X}"),
            SmscIds::Decimal | SmscIds::DecimalThenHex => id.to_string(),
        }
    }

    fn write_receipt(&self, text: &SubmitSm, id: u64, became: u8) -> DeliverSm {
        let name = match self.script.ids {
            SmscIds::DecimalThenHex => format!("{id:08X}"),
            SmscIds::Decimal | SmscIds::HexThenDecimal => format!("{id:010}"),
        };
        let receipt = DeliverSm::builder()
            .source_addr_ton(text.dest_addr_ton)
            .source_addr(text.destination_addr.clone())
            .dest_addr_ton(text.source_addr_ton)
            .destination_addr(text.source_addr.clone())
            .esm_class(EsmClass::from(0x04));
        match self.script.receipts {
            ReceiptForm::Fields => receipt
                .push_tlv(Field::ReceiptedMessageId(c_string(&name)))
                .push_tlv(Field::MessageState(MessageState::from(became)))
                .build(),
            ReceiptForm::Text => {
                let words = [
                    "SCHEDLD", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN",
                ];
                let word = words.get(usize::from(became)).unwrap_or(&"REJECTD");
                let delivered = u8::from(became == 2);
                let text = format!(
                    "id:{name} sub:001 dlvrd:00{delivered} submit date:2601010000 done date:2601010001 stat:{word} \
                     err:000 text:"
                );
                let octets = OctetString::from_vec(text.into_bytes()).unwrap_or_default();
                receipt.short_message(octets).build()
            }
        }
    }
}

impl State {
    /// Gives it to one of the binds that receive, each in its turn; without any it waits for one.
    fn hand_over(&mut self, delivery: DeliverSm) {
        let Some(place) = self.next_receiver.checked_rem(self.receivers.len()) else {
            return self.waiting.push_back(delivery);
        };
        self.next_receiver = place + 1;
        self.deliveries = self.deliveries % 0x7FFF_FFFF + 1;
        let (number, outbox) = &self.receivers[place];
        let command = Command::new(CommandStatus::EsmeRok, self.deliveries, delivery.clone());
        // One that is gone by now gives it back when it is taken out of the list.
        let _ = outbox.send(command);
        self.handed.insert((*number, self.deliveries), delivery);
    }

    fn is_too_fast(&mut self, rate: u32) -> bool {
        let now = Instant::now();
        let this_second = self
            .second
            .filter(|(began, _)| now.duration_since(*began).as_secs() == 0);
        let (began, count) = this_second.unwrap_or((now, 0));
        self.second = Some((began, count + 1));
        count >= rate
    }
}

/// What is longer than its field is left out: a script may say anything.
pub(super) fn c_string<const MIN: usize, const MAX: usize>(text: &str) -> COctetString<MIN, MAX> {
    let mut octets = text.as_bytes().to_vec();
    octets.push(0);
    COctetString::from_vec(octets).unwrap_or_default()
}
