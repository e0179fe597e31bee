//! Messages: their changes, their jobs, and what comes in for them.

use std::time::Duration;

use jiff::Timestamp;
use outdial_domain::{
    Address, Direction, EventId, Hours, HoursZone, Message, MessageEvent, MessageId, MessagePlan, MessageState,
    Priority,
    message::{OnUnknown, PartFate, Receipt, ReceiptState, Refusal, RefusalCode},
    text::{Concatenation, EncodedText, Encoding, compose},
};
use outdial_engine::ports::{
    ArrivedPlace, ArrivedText, Job, Lane, LeftAlone, MessageBatch, MessageChange, MessageFilter, ReceiptName,
    SavedMessage, Store, TrunkReceipt, Wanted, Which, Work,
};

use super::{
    answers::answer,
    lives::{Caller, at, bytes},
};

/// A message that moves on, and gives the change of every step.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) message: Message,
    ids: u64,
}

/// A text of this account, the newer the greater its number, due at this time.
pub(super) fn text(caller: &Caller, number: u64, due: Timestamp) -> Text {
    text_by(caller, number, plan(number, due))
}

fn plan(number: u64, due: Timestamp) -> MessagePlan {
    MessagePlan {
        to: Address::parse(&format!("+65 9{number:07}")).unwrap(),
        from: Some("Shop".into()),
        body: format!("Ünïcode 👍 \u{0} {number}"),
        priority: Priority::Normal,
        via: None,
        due,
        expires: at(86_400_000),
        hours: number.is_multiple_of(2).then(|| Hours {
            zone: HoursZone::Callee,
            windows: vec!["mon-fri 09:00-18:00".parse().unwrap()],
            skip: Vec::new(),
        }),
        on_unknown: OnUnknown::Leave,
        unknown_retries: 1,
        answers_word: false,
        tag: None,
        reference: None,
        webhook: None,
    }
}

fn text_by(caller: &Caller, number: u64, plan: MessagePlan) -> Text {
    let composed = compose("Ünïcode 👍", false, Concatenation::Udh8, 9).unwrap();
    let made = at(i64::try_from(number).unwrap());
    let account = caller.account.uuid().as_bytes()[15];
    let id = MessageId::new(made, bytes(account, 7, number));
    Text {
        message: Message::new(id, caller.account, plan, &composed, made),
        ids: number << 8,
    }
}

impl Text {
    fn change(&mut self, events: Vec<MessageEvent>, now: Timestamp) -> MessageChange {
        let account = self.message.account.uuid().as_bytes()[15];
        let events = events.into_iter().map(|event| {
            self.ids += 1;
            self.message
                .record(EventId::new(now, bytes(account, 8, self.ids)), event, now)
        });
        let events = events.collect();
        MessageChange::new(self.message.clone(), events)
    }

    pub(super) fn created(&mut self) -> MessageChange {
        let plan = &self.message.plan;
        let created = MessageEvent::Created {
            to: plan.to.to_string(),
            from: plan.from.clone(),
            due: plan.due,
            face: "native".into(),
        };
        let now = self.message.created_at;
        self.change(vec![created], now)
    }

    pub(super) fn journalled(&mut self, run: &str, submissions: usize, now: Timestamp) -> MessageChange {
        let sending = self.message.journal("smsc", submissions, now).unwrap();
        MessageChange {
            journalled_by: Some(run.into()),
            ..self.change(vec![sending], now)
        }
    }

    pub(super) fn answered(&mut self, fates: &[PartFate], now: Timestamp) -> MessageChange {
        let events = self.message.answered(fates, now).unwrap();
        let named = fates.iter().filter_map(|fate| match fate {
            PartFate::Accepted { id } => id.clone(),
            _ => None,
        });
        MessageChange {
            names: named.collect(),
            ..self.change(events, now)
        }
    }

    fn reported(&mut self, receipt: &Receipt, now: Timestamp) -> MessageChange {
        let events = self.message.report(receipt, now);
        self.change(events, now)
    }
}

pub(super) fn accepted(id: &str) -> PartFate {
    PartFate::Accepted { id: Some(id.into()) }
}

fn receipt(id: &str) -> Receipt {
    Receipt {
        id: id.into(),
        state: ReceiptState::Delivered,
        error: None,
    }
}

fn of_trunk(id: &str) -> TrunkReceipt {
    TrunkReceipt {
        trunk: "smsc".into(),
        receipt: receipt(id),
    }
}

async fn save(store: &impl Store, change: MessageChange) -> SavedMessage {
    let saved = store.commit_messages(change.into()).await.unwrap();
    saved.into_iter().next().unwrap()
}

fn done() -> SavedMessage {
    SavedMessage::Saved { early: Vec::new() }
}

async fn stored(store: &impl Store, text: &Text) -> Option<Message> {
    store.message(text.message.account, text.message.id).await.unwrap()
}

async fn claimed(store: &impl Store, by: i64, wanted: Wanted) -> Vec<MessageId> {
    let claimed = store.claim_messages(at(by), "n1", wanted).await.unwrap();
    claimed.messages.iter().map(|message| message.id).collect()
}

/// A message is at every step as it was saved, and so are its events.
pub async fn a_message_lives_step_by_step(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut text = text(&caller, 1, at(0));
    let (a, b) = (receipt("a"), receipt("b"));
    let steps = [
        text.created(),
        text.journalled("n1", 2, at(10)),
        text.answered(&[accepted("a"), accepted("b")], at(11)),
        text.reported(&a, at(12)),
        text.reported(&b, at(13)),
    ];
    let mut events = Vec::new();
    for step in steps {
        events.extend(step.events.clone());
        let message = step.message.clone();
        assert_eq!(save(store, step).await, done());
        assert_eq!(
            store.message(caller.account, message.id).await.unwrap().as_ref(),
            Some(&*message)
        );
    }
    assert_eq!(text.message.state, MessageState::Delivered);
    let stored = store.events_of(caller.account, text.message.id.into()).await.unwrap();
    assert_eq!(
        stored.iter().map(|stored| stored.event.clone()).collect::<Vec<_>>(),
        events
    );
    let after = store.events_after(caller.account, 0, 99).await.unwrap();
    assert_eq!(after, stored);
    let other = Caller::join(store, 2).await;
    assert_eq!(store.message(other.account, text.message.id).await.unwrap(), None);
    assert_eq!(
        store.events_of(other.account, text.message.id.into()).await.unwrap(),
        []
    );
}

/// Of two changes of one message the first is saved, and the second neither spoils nor writes anything.
pub async fn a_stale_change_of_a_message_is_refused(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut text = text(&caller, 1, at(0));
    let created = text.created();
    save(store, created.clone()).await;
    assert_eq!(save(store, created).await, SavedMessage::Stale, "it is there already");
    let mut taken_back = text.clone();
    let canceled = taken_back.message.cancel(at(5)).unwrap();
    let canceled = taken_back.change(vec![canceled], at(5));
    assert_eq!(save(store, canceled).await, done());
    let journalled = text.journalled("n1", 1, at(6));
    assert_eq!(save(store, journalled).await, SavedMessage::Stale);
    assert_eq!(stored(store, &text).await.unwrap().state, MessageState::Canceled);
    assert_eq!(
        store
            .events_of(caller.account, text.message.id.into())
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(claimed(store, 99, Wanted::any(9)).await, []);
}

/// Many are made at once, with the answer to the request, and never twice.
pub async fn a_batch_is_saved_once(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let batch = |from: u64| {
        let changes = (from..from + 500).map(|number| text(&caller, number, at(0)).created());
        MessageBatch {
            changes: changes.collect(),
            answer: Some(answer(caller.account, 1, "500 messages")),
        }
    };
    let saved = store.commit_messages(batch(0)).await.unwrap();
    assert_eq!(saved, vec![done(); 500]);
    let again = store.commit_messages(batch(1_000)).await;
    assert_eq!(again, Err(outdial_engine::ports::StoreError::Repeated));
    let filter = MessageFilter {
        most: 1_000,
        ..MessageFilter::default()
    };
    let page = store.messages(caller.account, filter).await.unwrap();
    assert_eq!((page.items.len(), page.more), (500, false));
    assert!(page.items.is_sorted_by(|newer, older| newer.id > older.id));
}

/// Where one of a batch was there already by its mark, nothing of it is saved, and it is said which.
pub async fn a_marked_message_is_made_once(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let marked = |number: u64, mark: u8| MessageChange {
        mark: Some(answer(caller.account, mark, "the same text")),
        ..text(&caller, number, at(0)).created()
    };
    assert_eq!(save(store, marked(1, 1)).await, done());
    let batch = MessageBatch {
        changes: vec![marked(2, 2), marked(3, 1)],
        answer: Some(answer(caller.account, 9, "two")),
    };
    let refused = store.commit_messages(batch.clone()).await.unwrap();
    assert_eq!(refused, [SavedMessage::Stale, SavedMessage::Repeated]);
    let left = MessageBatch {
        changes: vec![batch.changes[0].clone()],
        ..batch
    };
    assert_eq!(store.commit_messages(left).await.unwrap(), [done()]);
}

/// Messages and calls are claimed apart, and an urgent one is not hidden by those that came before it.
pub async fn urgent_messages_are_claimed_beside_many(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut call = caller.call(900, at(0));
    store.commit(call.created()).await.unwrap();
    for number in 0..20 {
        save(store, text(&caller, number, at(0)).created()).await;
    }
    let mut urgent = text_by(
        &caller,
        30,
        MessagePlan {
            priority: Priority::High,
            ..plan(30, at(40))
        },
    );
    save(store, urgent.created()).await;
    let later = text(&caller, 31, at(700)).created();
    save(store, later.clone()).await;
    assert_eq!(store.next_due(Work::Messages, &[]).await.unwrap(), Some(at(0)));
    let lane = Lane::of_message(&later.message);
    assert_eq!(store.next_due(Work::Messages, &[lane]).await.unwrap(), Some(at(40)));
    let first = claimed(store, 50, Wanted::any(4)).await;
    assert!(first.contains(&urgent.message.id), "{first:?}");
    assert_eq!(first.len(), 3, "its share of four is two, and it has one");
    let rest = claimed(store, 50, Wanted::any(99)).await;
    assert_eq!(rest.len(), 18);
    assert_eq!(store.next_due(Work::Messages, &[]).await.unwrap(), Some(at(700)));
    assert_eq!(store.next_due(Work::Calls, &[]).await.unwrap(), Some(at(0)));
    let calls = store.claim_due(at(50), "n1", Wanted::any(9)).await.unwrap();
    assert_eq!(calls.calls.len(), 1);
}

/// After a restart what was claimed is there again, and what was in the journal is known.
pub async fn a_restart_finds_messages_in_the_journal(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut texts: Vec<Text> = (0..3).map(|number| text(&caller, number, at(0))).collect();
    for text in &mut texts {
        save(store, text.created()).await;
    }
    assert_eq!(claimed(store, 9, Wanted::any(9)).await.len(), 3);
    let journalled = texts[0].journalled("n1", 1, at(10));
    save(store, journalled).await;
    let sent = texts[1].journalled("n1", 1, at(10));
    save(store, sent).await;
    let answered = texts[1].answered(&[accepted("a")], at(11));
    save(store, answered).await;
    if let Some(nodes) = store.nodes() {
        assert_eq!(store.interrupted_messages().await.unwrap(), [], "its run is alive");
        nodes.leave("n1").await.unwrap();
    }
    store.recover().await.unwrap();
    assert_eq!(store.interrupted_messages().await.unwrap(), [texts[0].message.clone()]);
    assert_eq!(claimed(store, 9, Wanted::any(9)).await, [texts[2].message.id]);
}

/// A run without a lease takes no message into the journal.
pub async fn a_run_without_a_lease_sends_no_message(store: &impl Store) {
    let Some(nodes) = store.nodes() else { return };
    let caller = Caller::join(store, 1).await;
    let mut text = text(&caller, 1, at(0));
    save(store, text.created()).await;
    nodes.leave("n1").await.unwrap();
    let journalled = text.clone().journalled("n1", 1, at(1));
    assert!(store.commit_messages(journalled.into()).await.is_err());
    assert_eq!(stored(store, &text).await.unwrap().state, MessageState::Queued);
    let journalled = text.journalled("n2", 1, at(1));
    assert_eq!(save(store, journalled).await, done());
}

/// Who has asked for peace gets it: nothing for them is taken into the journal.
pub async fn nothing_for_who_wants_none_is_journalled(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let (mut wanted, mut unwanted) = (text(&caller, 1, at(0)), text(&caller, 2, at(0)));
    for text in [&mut wanted, &mut unwanted] {
        save(store, text.created()).await;
    }
    let entry = LeftAlone {
        number: unwanted.message.plan.to.to_string(),
        since: at(1),
        because: "they wrote STOP\u{0}".into(),
    };
    store.leave_alone(caller.account, vec![entry]).await.unwrap();
    let waits = unwanted.clone();
    let batch = MessageBatch {
        changes: vec![unwanted.journalled("n1", 1, at(2)), wanted.journalled("n1", 1, at(2))],
        answer: None,
    };
    let because = "they wrote STOP\u{0}".to_owned();
    let saved = store.commit_messages(batch).await.unwrap();
    assert_eq!(saved, [SavedMessage::Unwanted { because }, done()]);
    assert_eq!(stored(store, &unwanted).await, Some(waits.message.clone()));
    assert_eq!(stored(store, &wanted).await, Some(wanted.message));
    let mut refused = waits;
    let ended = refused.message.refuse(RefusalCode::DoNotDisturb, "no".into(), at(3));
    let refused = refused.change(vec![ended.unwrap()], at(3));
    assert_eq!(save(store, refused).await, done());
    assert_eq!(claimed(store, 9, Wanted::any(9)).await, []);
}

/// What is tried again is due at its new time, and keeps what some of its parts have come to.
pub async fn a_message_is_tried_again(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut text = text(&caller, 1, at(0));
    save(store, text.created()).await;
    claimed(store, 0, Wanted::any(9)).await;
    let journalled = text.journalled("n1", 2, at(0));
    save(store, journalled).await;
    let later = PartFate::Refused {
        refusal: Refusal::Later,
        reason: "the queue is full".into(),
    };
    let again = text.answered(&[accepted("a"), later], at(1));
    assert_eq!((again.job, again.names.clone()), (Job::Add, vec!["a".to_owned()]));
    save(store, again).await;
    assert_eq!(claimed(store, 1_000, Wanted::any(9)).await, []);
    assert_eq!(claimed(store, 1_001, Wanted::any(9)).await, [text.message.id]);
    let again = text.journalled("n1", 2, at(1_001));
    save(store, again).await;
    // A receipt for what the network has comes while the rest leaves.
    let found = store.take_receipts(vec![of_trunk("a")], at(1_002)).await.unwrap();
    assert_eq!(found, [stored(store, &text).await]);
    let reported = text.reported(&receipt("a"), at(1_002));
    assert_eq!(save(store, reported).await, done());
    assert_eq!(stored(store, &text).await, Some(text.message));
}

/// A receipt that comes before the answer is handed to whoever saves the answer, once.
pub async fn early_receipts_wait_for_their_name(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut text = text(&caller, 1, at(0));
    save(store, text.created()).await;
    let journalled = text.journalled("n1", 2, at(0));
    save(store, journalled).await;
    let early = vec![of_trunk("a"), of_trunk("other")];
    assert_eq!(store.take_receipts(early, at(1)).await.unwrap(), [None, None]);
    let elsewhere = TrunkReceipt {
        trunk: "elsewhere".into(),
        receipt: receipt("b"),
    };
    assert_eq!(store.take_receipts(vec![elsewhere], at(1)).await.unwrap(), [None]);
    let answered = text.answered(&[accepted("a"), accepted("b")], at(2));
    let saved = save(store, answered).await;
    let early = vec![receipt("a")];
    assert_eq!(saved, SavedMessage::Saved { early });
    // They are kept until what they say is on disk.
    assert_eq!(store.known_receipts(9).await.unwrap(), [of_trunk("a")]);
    let name = |trunk: &str, id: &str| ReceiptName {
        trunk: trunk.into(),
        id: id.into(),
    };
    store
        .forget_receipts(vec![name("smsc", "a"), name("smsc", "b")])
        .await
        .unwrap();
    assert_eq!(store.known_receipts(9).await.unwrap(), []);
    let found = store
        .take_receipts(vec![of_trunk("b"), of_trunk("a")], at(3))
        .await
        .unwrap();
    assert_eq!(found, [Some(text.message.clone()), Some(text.message.clone())]);
    assert_eq!(store.forget_arrivals(at(1), 9).await.unwrap(), 0);
    assert_eq!(store.forget_arrivals(at(2), 9).await.unwrap(), 2);
}

/// A message that the network has is found when nothing more is to be expected.
pub async fn overdue_messages_are_found(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut text = text(&caller, 1, at(0));
    save(store, text.created()).await;
    let journalled = text.journalled("n1", 1, at(0));
    save(store, journalled).await;
    let answered = text.answered(&[accepted("a")], at(1));
    save(store, answered).await;
    let deadline = text.message.deadline();
    let before = deadline - Duration::from_millis(1);
    assert_eq!(store.overdue_messages(before, 9).await.unwrap(), []);
    assert_eq!(
        store.overdue_messages(deadline, 9).await.unwrap(),
        [text.message.clone()]
    );
    let over = text.message.overdue(deadline).unwrap();
    let over = text.change(vec![over], deadline);
    save(store, over).await;
    assert_eq!(store.overdue_messages(deadline, 9).await.unwrap(), []);
}

/// A text that comes in is there when its last part is, in whatever order, and its parts are gone with it.
pub async fn parts_are_joined(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let part = |from: &str, number: u8, total: u8| ArrivedText {
        from: from.into(),
        to: "Shop\u{0}".into(),
        text: EncodedText {
            encoding: if number == 1 { Encoding::Gsm7 } else { Encoding::Ucs2 },
            octets: vec![0, number, 0x1B, 0xFF],
        },
        place: Some(ArrivedPlace {
            reference: 7,
            total,
            number,
        }),
    };
    let keep = async |part: ArrivedText| store.keep_part("smsc".into(), part, at(1)).await.unwrap();
    let (first, second) = (part("+6591", 1, 2), part("+6591", 2, 2));
    assert_eq!(keep(second.clone()).await, std::slice::from_ref(&second));
    assert_eq!(
        keep(second.clone()).await,
        std::slice::from_ref(&second),
        "it came twice"
    );
    keep(part("+6592", 1, 2)).await;
    keep(part("+6591", 1, 3)).await;
    assert_eq!(keep(first.clone()).await, [first.clone(), second]);
    let composed = compose("both", false, Concatenation::Udh8, 9).unwrap();
    let id = MessageId::new(at(1), bytes(1, 7, 1));
    let mut text = Text {
        message: Message::received(id, caller.account, plan(1, at(1)), &composed, "smsc".into(), at(1)),
        ids: 0,
    };
    let received = MessageEvent::Received {
        from: "+6591".into(),
        to: "Shop".into(),
        trunk: "smsc".into(),
        keyword: None,
    };
    let change = MessageChange {
        joins: Some(first.clone()),
        ..text.change(vec![received], at(1))
    };
    assert_eq!(save(store, change).await, done());
    assert_eq!(stored(store, &text).await, Some(text.message.clone()));
    assert_eq!(keep(first.clone()).await, [first], "the others are gone");
    let incoming = MessageFilter {
        direction: Some(Direction::Incoming),
        most: 9,
        ..MessageFilter::default()
    };
    assert_eq!(
        store.messages(caller.account, incoming).await.unwrap().items,
        [text.message]
    );
    assert_eq!(store.forget_arrivals(at(2), 99).await.unwrap(), 3);
}

/// Messages are found by what they are filtered by, newest first, page by page.
pub async fn messages_are_filtered(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut texts = Vec::new();
    for number in 0..6 {
        let text = text_by(
            &caller,
            number,
            MessagePlan {
                tag: (number % 2 == 0).then(|| "even\u{0}".to_owned()),
                reference: (number == 3).then(|| "three".to_owned()),
                ..plan(number % 3, at(if number == 5 { 9_999 } else { 0 }))
            },
        );
        texts.push(text.message.id);
        save(store, { text }.created()).await;
    }
    let list = async |filter: MessageFilter| {
        let page = store.messages(caller.account, filter).await.unwrap();
        let found = page
            .items
            .iter()
            .map(|message| texts.iter().position(|id| *id == message.id).unwrap());
        (found.collect::<Vec<_>>(), page.more)
    };
    let of = |most| MessageFilter {
        most,
        ..MessageFilter::default()
    };
    assert_eq!(list(of(4)).await, (vec![5, 4, 3, 2], true));
    let before = Some(texts[2]);
    assert_eq!(list(MessageFilter { before, ..of(9) }).await, (vec![1, 0], false));
    let tag = Some("even\u{0}".to_owned());
    assert_eq!(list(MessageFilter { tag, ..of(9) }).await.0, [4, 2, 0]);
    let reference = Some("three".to_owned());
    assert_eq!(list(MessageFilter { reference, ..of(9) }).await.0, [3]);
    let to = Some(plan(1, at(0)).to);
    assert_eq!(list(MessageFilter { to, ..of(9) }).await.0, [4, 1]);
    let state = Some(MessageState::Scheduled);
    assert_eq!(list(MessageFilter { state, ..of(9) }).await.0, [5]);
    let direction = Some(Direction::Incoming);
    assert_eq!(list(MessageFilter { direction, ..of(9) }).await.0, [0; 0]);
}

/// Who wants no texts is on the list of one account until taken off it.
pub async fn who_wants_no_texts_is_listed(store: &impl Store) {
    let (one, other) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let entry = |number: &str| LeftAlone {
        number: number.into(),
        since: at(5),
        because: "they wrote STOP\u{0}".into(),
    };
    let entries = vec![entry("+6591"), entry("+6592"), entry("+6593"), entry("+6591")];
    assert_eq!(store.leave_alone(one.account, entries).await.unwrap(), 3);
    assert_eq!(store.leave_alone(one.account, vec![entry("+6591")]).await.unwrap(), 0);
    let asked = || Which::Of(vec!["+6592".into(), "+6599".into()]);
    assert_eq!(store.left_alone(one.account, asked()).await.unwrap(), [entry("+6592")]);
    assert_eq!(store.left_alone(other.account, asked()).await.unwrap(), []);
    let page = store.left_alone(one.account, Which::After(None, 2)).await.unwrap();
    assert_eq!(page, [entry("+6591"), entry("+6592")]);
    let rest = Which::After(Some("+6592".into()), 9);
    assert_eq!(store.left_alone(one.account, rest).await.unwrap(), [entry("+6593")]);
    let numbers = vec!["+6592".to_owned(), "+6599".to_owned()];
    assert_eq!(store.allow_again(one.account, numbers).await.unwrap(), 1);
    assert_eq!(store.left_alone(one.account, asked()).await.unwrap(), []);
}
