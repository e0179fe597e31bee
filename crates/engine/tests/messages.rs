//! Messages on their way: journalled, sent, tried again, reported, and what a crash leaves.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use futures_util::StreamExt;
use outdial_domain::{
    Address, EventKind, Message, MessageEvent, MessageId, MessageState, Number, NumberUse, Priority, Scope, Subject,
    message::{OnUnknown, PartFate, Receipt, ReceiptState, Refusal, RefusalCode},
    text::{EncodedText, Encoding},
};
use outdial_engine::{
    Actor, Engine, SmsTrunk,
    pacing::{bucket::Rate, limits::Limit},
    ports::{Arrived, ArrivedPlace, ArrivedText, MessageStore},
    verbs::{self, Canceled, Receiver, SendMessages, SentTo},
};
use outdial_testkit::fakes::World;

struct Texts {
    world: World,
    engine: Engine,
    actor: Actor,
}

fn trunk(name: &str) -> SmsTrunk {
    SmsTrunk {
        name: name.to_owned(),
        carrier: "smpp".to_owned(),
        prefixes: Vec::new(),
        built_in: false,
        limit: Limit::default(),
        under_way: 4,
    }
}

impl Texts {
    async fn start() -> Self {
        Self::decided(|_| {}).await
    }

    async fn decided(decide: impl FnOnce(&mut World)) -> Self {
        let mut world = World::new();
        world.settings.policy.open.extend("+65".parse());
        world.settings.sms_trunks = vec![trunk("one"), trunk("two")];
        world.settings.numbers.push(Number {
            address: Address::parse("+6561234567").unwrap(),
            account: "acme".to_owned(),
            trunk: None,
            uses: vec![NumberUse::ReceivesTexts],
            flow: None,
        });
        decide(&mut world);
        let actor = world.account("acme", &[Scope::Calls]).await;
        let engine = world.engine().await;
        Self { world, engine, actor }
    }

    async fn send(&self, request: SendMessages) -> MessageId {
        let sent = verbs::send_messages(&self.engine, &self.actor, request, None)
            .await
            .unwrap();
        match &sent[0] {
            SentTo::Taken(message) => message.id,
            other => panic!("{other:?}"),
        }
    }

    async fn message(&self, id: MessageId) -> Message {
        verbs::get_message(&self.engine, &self.actor, id).await.unwrap()
    }

    /// Waits until something of this kind has happened to a message, so many times.
    async fn reached(&self, id: MessageId, word: &str, times: usize) -> Message {
        let mut events = std::pin::pin!(verbs::follow_events(&self.engine, &self.actor, Some(0)));
        let mut seen = 0;
        while let Some(event) = events.next().await {
            let event = event.unwrap().event;
            seen += usize::from(event.subject == Subject::Message(id) && event.kind.word() == word);
            if seen == times {
                return self.message(id).await;
            }
        }
        panic!("the events ended before it happened");
    }

    /// The same after a stop that waited for nothing: what was under way said nothing more to the store.
    async fn killed(self) -> Self {
        self.engine.stop(Duration::ZERO).await;
        let engine = self.world.engine().await;
        Self { engine, ..self }
    }
}

fn hello() -> SendMessages {
    SendMessages::to("+6590000001", "hello")
}

fn later() -> PartFate {
    PartFate::Refused {
        refusal: Refusal::Later,
        reason: "the queue is full".into(),
    }
}

fn elsewhere() -> PartFate {
    PartFate::Refused {
        refusal: Refusal::Elsewhere,
        reason: "not from this sender".into(),
    }
}

fn delivered(name: &str) -> Arrived {
    Arrived::Receipt(Receipt {
        id: name.into(),
        state: ReceiptState::Delivered,
        error: None,
    })
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_now_is_tried_again() {
    let texts = Texts::start().await;
    texts.world.texts.next(vec![later()]);
    texts.world.texts.next(vec![later()]);
    let id = texts.send(hello()).await;
    let message = texts.reached(id, "message_submitted", 1).await;
    assert_eq!((message.tries, message.trunk.as_deref()), (3, Some("one")));
    let references: Vec<u16> = texts.world.texts.orders().iter().map(|order| order.reference).collect();
    assert_eq!(references.len(), 3);
    assert!(
        references.iter().all(|reference| *reference == references[0]),
        "{references:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn another_trunk_takes_what_the_first_never_will() {
    let texts = Texts::start().await;
    texts.world.texts.next(vec![elsewhere()]);
    let id = texts.send(hello()).await;
    let message = texts.reached(id, "message_submitted", 1).await;
    assert_eq!(
        (message.trunk.as_deref(), message.refused_by),
        (Some("two"), vec!["one".to_owned()])
    );
    texts.world.texts.next(vec![elsewhere()]);
    texts.world.texts.next(vec![elsewhere()]);
    let id = texts.send(hello()).await;
    let message = texts.reached(id, "message_ended", 1).await;
    assert_eq!(message.state, MessageState::Refused);
    let reason = message.reason.unwrap();
    assert!(
        reason.contains("(") && reason.contains("not from this sender"),
        "{reason}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_trunk_cannot_take_now_another_may() {
    let texts = Texts::start().await;
    texts.world.texts.next(vec![later()]);
    let id = texts.send(hello()).await;
    let message = texts.reached(id, "message_submitted", 1).await;
    assert_eq!((message.tries, message.trunk.as_deref()), (2, Some("two")));
    assert!(message.refused_by.is_empty(), "the first may take it another time");
    // Where there is no other, the same is tried again.
    texts.world.texts.down("two", Some("no route"));
    texts.world.texts.next(vec![later()]);
    let id = texts.send(hello()).await;
    let message = texts.reached(id, "message_submitted", 1).await;
    assert_eq!((message.tries, message.trunk.as_deref()), (2, Some("one")));
}

#[tokio::test(start_paused = true)]
async fn parts_that_one_trunk_has_do_not_go_by_another() {
    let texts = Texts::start().await;
    texts
        .world
        .texts
        .next(vec![PartFate::Accepted { id: Some("a".into()) }, later()]);
    let id = texts.send(SendMessages::to("+6590000001", "x".repeat(200))).await;
    texts.reached(id, "message_retry_scheduled", 1).await;
    texts.world.texts.down("one", Some("the connection broke"));
    // A receipt for the part that is there comes meanwhile.
    assert!(texts.world.texts.arrive("one", delivered("a")).await);
    texts.reached(id, "message_queued", 1).await;
    assert_eq!(
        texts.world.texts.orders().len(),
        1,
        "the other trunk is up, and gets nothing"
    );
    texts.world.texts.down("one", None);
    let message = texts.reached(id, "message_submitted", 1).await;
    let order = texts.world.texts.orders().pop().unwrap();
    assert_eq!((order.trunk.as_str(), order.have.as_slice()), ("one", &[0][..]));
    let name = message.submissions[1].id.clone().unwrap();
    assert!(texts.world.texts.arrive("one", delivered(&name)).await);
    assert_eq!(
        texts.reached(id, "message_ended", 1).await.state,
        MessageState::Delivered
    );
}

#[tokio::test(start_paused = true)]
async fn receipts_for_its_other_parts_do_not_keep_a_part_from_being_tried_again() {
    // Before the task that tries again has begun, while it waits for the time, and when it has come.
    for after in [0, 100, 500, 900, 999, 1_000, 1_100] {
        let texts = Texts::start().await;
        let accepted = |id: &str| PartFate::Accepted { id: Some(id.into()) };
        texts.world.texts.next(vec![accepted("a"), later(), accepted("c")]);
        let id = texts.send(SendMessages::to("+6590000001", "x".repeat(400))).await;
        texts.reached(id, "message_retry_scheduled", 1).await;
        tokio::time::sleep(Duration::from_millis(after)).await;
        for name in ["a", "c"] {
            assert!(texts.world.texts.arrive("one", delivered(name)).await);
        }
        let sent = tokio::time::timeout(Duration::from_secs(5), texts.world.texts.sent(2)).await;
        assert_eq!(sent.expect("it is tried again").len(), 2, "{after} ms");
        let message = texts.reached(id, "message_submitted", 1).await;
        let name = message.submissions[1].id.clone().unwrap();
        assert!(texts.world.texts.arrive("one", delivered(&name)).await);
        let message = texts.reached(id, "message_ended", 1).await;
        assert_eq!(message.state, MessageState::Delivered, "{after} ms");
        assert_eq!(texts.world.texts.orders().len(), 2, "{after} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_trunk_that_is_down_is_passed_over() {
    let texts = Texts::start().await;
    texts.world.texts.down("one", Some("no route"));
    let id = texts.send(hello()).await;
    let message = texts.reached(id, "message_submitted", 1).await;
    assert_eq!(message.trunk.as_deref(), Some("two"));
    let story = verbs::explain_message(&texts.engine, &texts.actor, id).await.unwrap();
    let passed_over = story.events.iter().find_map(|stored| match &stored.event.kind {
        EventKind::Message {
            event: MessageEvent::Sending { passed_over, .. },
        } => Some(passed_over.clone()),
        _ => None,
    });
    assert_eq!(passed_over.unwrap(), ["one: no route"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_leave_in_its_time_expires() {
    let texts = Texts::start().await;
    texts.world.texts.down("one", Some("no route"));
    texts.world.texts.down("two", Some("no route"));
    let request = SendMessages {
        validity: Some(Duration::from_secs(60)),
        ..hello()
    };
    let id = texts.send(request).await;
    let message = texts.reached(id, "message_ended", 1).await;
    assert_eq!(message.state, MessageState::Expired);
    assert!(texts.world.texts.orders().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_receipt_may_come_before_the_answer() {
    let texts = Texts::start().await;
    assert!(texts.world.texts.arrive("one", delivered("name-1")).await);
    let id = texts.send(hello()).await;
    let message = texts.reached(id, "message_ended", 1).await;
    assert_eq!(message.state, MessageState::Delivered);
    // The same again, and one that says less, change nothing.
    assert!(texts.world.texts.arrive("one", delivered("name-1")).await);
    assert_eq!(texts.message(id).await, message);
}

#[tokio::test(start_paused = true)]
async fn a_text_without_receipts_ends_as_sent() {
    let texts = Texts::start().await;
    texts.world.texts.ask_for_no_receipts();
    let id = texts.send(SendMessages::to("+6590000001", "x".repeat(200))).await;
    let message = texts.reached(id, "message_ended", 1).await;
    assert_eq!((message.state, message.submissions.len()), (MessageState::Sent, 2));
    assert!(message.sent_at.is_some() && message.ended_at == message.sent_at);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_peace_while_a_text_waits_gets_it() {
    let texts = Texts::start().await;
    texts.world.texts.down("one", Some("no route"));
    texts.world.texts.down("two", Some("no route"));
    let id = texts.send(hello()).await;
    texts.reached(id, "message_queued", 1).await;
    let stop = ArrivedText {
        from: "+6590000001".into(),
        to: "+6561234567".into(),
        text: "Stop".into(),
        place: None,
    };
    assert!(texts.world.texts.arrive("one", Arrived::Text(stop)).await);
    texts.world.texts.down("one", None);
    let message = texts.reached(id, "message_ended", 1).await;
    assert_eq!(
        (message.state, message.refusal),
        (MessageState::Refused, Some(RefusalCode::DoNotDisturb))
    );
    assert!(texts.world.texts.orders().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_interrupted_is_not_sent_again() {
    let texts = Texts::start().await;
    texts.world.texts.fall_silent();
    let left = texts.send(hello()).await;
    let again = texts
        .send(SendMessages {
            on_unknown: OnUnknown::Retry,
            ..SendMessages::to("+6590000002", "may come twice")
        })
        .await;
    texts.world.texts.sent(2).await;
    let texts = texts.killed().await;
    texts.world.texts.speak_again();
    let message = texts.reached(left, "message_ended", 1).await;
    assert_eq!(message.state, MessageState::Unknown);
    assert_eq!(texts.reached(again, "message_submitted", 1).await.tries, 2);
    let to_first = texts.world.texts.orders();
    assert_eq!(to_first.iter().filter(|order| order.to == "+6590000001").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_network_finds_after_a_crash_is_known_to_have_been_sent() {
    let texts = Texts::start().await;
    texts.world.texts.fall_silent();
    texts.world.texts.finds("+6590000001");
    let found = texts.send(hello()).await;
    let lost = texts.send(SendMessages::to("+6590000002", "Hello")).await;
    texts.world.texts.sent(2).await;
    let texts = texts.killed().await;
    let found = texts.reached(found, "message_submitted", 1).await;
    assert_eq!(
        (found.state, found.submissions[0].id.as_deref()),
        (MessageState::Submitted, Some("found-0"))
    );
    let lost = texts.reached(lost, "message_ended", 1).await;
    assert_eq!(lost.state, MessageState::Unknown, "not to be found says nothing");
    assert_eq!(texts.world.texts.orders().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_in_the_journal_is_sent_after_a_crash() {
    let texts = Texts::decided(|world| {
        let slow = Limit {
            rate: Rate::per_second(0.1, 1),
            at_once: None,
        };
        world
            .settings
            .sms_trunks
            .iter_mut()
            .for_each(|trunk| trunk.limit = slow);
    })
    .await;
    let receivers = (0..5).map(|number| Receiver {
        to: format!("+659000000{number}"),
        body: "one by one".into(),
        reference: None,
        flaws: Vec::new(),
    });
    let request = SendMessages::new(receivers.collect());
    verbs::send_messages(&texts.engine, &texts.actor, request, None)
        .await
        .unwrap();
    texts.world.texts.sent(2).await;
    let texts = texts.killed().await;
    let orders = texts.world.texts.sent(5).await;
    let mut to: Vec<&str> = orders.iter().map(|order| order.to.as_str()).collect();
    to.sort_unstable();
    to.dedup();
    assert_eq!((to.len(), orders.len()), (5, 5), "each once");
}

#[tokio::test(start_paused = true)]
async fn an_urgent_text_overtakes_those_that_wait() {
    let texts = Texts::decided(|world| {
        let slow = Limit {
            rate: Rate::per_second(1.0, 1),
            at_once: None,
        };
        world.settings.sms_trunks = vec![SmsTrunk {
            limit: slow,
            ..trunk("one")
        }];
    })
    .await;
    for number in 0..3 {
        let receivers = (0..1_000).map(|other| Receiver {
            to: format!("+659{number}{other:06}"),
            body: "a broadcast".into(),
            reference: None,
            flaws: Vec::new(),
        });
        let request = SendMessages::new(receivers.collect());
        verbs::send_messages(&texts.engine, &texts.actor, request, None)
            .await
            .unwrap();
    }
    texts.world.texts.sent(5).await;
    let before = texts.world.texts.orders().len();
    let id = texts
        .send(SendMessages {
            priority: Priority::High,
            ..SendMessages::to("+6599999999", "123456")
        })
        .await;
    texts.reached(id, "message_submitted", 1).await;
    let orders = texts.world.texts.orders();
    let place = orders.iter().position(|order| order.to == "+6599999999").unwrap();
    assert!(place <= before + 1, "{before} had left, and it was the {place}th");
}

#[tokio::test(start_paused = true)]
async fn a_network_is_asked_before_a_text_is_given_up() {
    let texts = Texts::start().await;
    let request = || SendMessages {
        validity: Some(Duration::from_secs(60)),
        ..hello()
    };
    let unknown = texts.send(request()).await;
    let message = texts.reached(unknown, "message_ended", 1).await;
    assert_eq!(message.state, MessageState::Unknown);
    let late = message.ended_at.unwrap().duration_since(message.plan.expires);
    assert!(late.as_secs() < 20, "{late:#}");
    texts.world.texts.known_as(ReceiptState::Delivered);
    let known = texts.send(request()).await;
    assert_eq!(
        texts.reached(known, "message_ended", 1).await.state,
        MessageState::Delivered
    );
    // A late receipt tells what nobody knew.
    assert!(texts.world.texts.arrive("one", delivered("name-1")).await);
    assert_eq!(
        texts.reached(unknown, "message_ended", 2).await.state,
        MessageState::Delivered
    );
}

#[tokio::test(start_paused = true)]
async fn a_trunk_that_gets_too_much_is_given_nothing_for_a_while() {
    let texts = Texts::start().await;
    texts.world.texts.pause("one", Duration::from_secs(10));
    let id = texts.send(hello()).await;
    let message = texts.reached(id, "message_queued", 1).await;
    assert_eq!(message.state, MessageState::Queued);
    assert!(
        texts.world.texts.orders().is_empty(),
        "and the other trunk is no way around"
    );
    let taken_back = texts.send(SendMessages::to("+6590000002", "never mind")).await;
    let canceled = verbs::cancel_message(&texts.engine, &texts.actor, taken_back)
        .await
        .unwrap();
    assert!(matches!(canceled, Canceled::Prevented(_)), "{canceled:?}");
    // What was too much at the time goes out later, and a crash in between makes nothing unknown.
    let too_much = PartFate::Refused {
        refusal: Refusal::Slower,
        reason: "too many".into(),
    };
    texts.world.texts.next(vec![too_much]);
    texts.reached(id, "message_queued", 2).await;
    let texts = texts.killed().await;
    let message = texts.reached(id, "message_submitted", 1).await;
    assert_eq!((message.trunk.as_deref(), message.tries), (Some("one"), 2));
    assert_eq!(texts.world.texts.orders().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_text_that_waits_is_taken_back() {
    let texts = Texts::start().await;
    texts.world.texts.down("one", Some("no route"));
    texts.world.texts.down("two", Some("no route"));
    let id = texts.send(hello()).await;
    texts.reached(id, "message_queued", 1).await;
    let canceled = verbs::cancel_message(&texts.engine, &texts.actor, id).await.unwrap();
    assert!(matches!(canceled, Canceled::Prevented(_)), "{canceled:?}");
    texts.world.texts.down("one", None);
    let other = texts.send(SendMessages::to("+6590000002", "after it")).await;
    texts.reached(other, "message_submitted", 1).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(texts.world.texts.orders().len(), 1);
    assert_eq!(texts.message(id).await.state, MessageState::Canceled);
}

#[tokio::test(start_paused = true)]
async fn a_text_that_comes_in_is_joined_from_its_parts() {
    let texts = Texts::start().await;
    // A surrogate pair that is cut in two is whole again.
    let [first, second] = [&b"\x00H\x00i\x00 \xD8\x3D"[..], b"\xDC\x4D\x00!"];
    let part = |number: u8, octets: &[u8]| {
        Arrived::Text(ArrivedText {
            from: "+6590000001".into(),
            to: "6561234567".into(),
            text: EncodedText {
                encoding: Encoding::Ucs2,
                octets: octets.to_vec(),
            },
            place: Some(ArrivedPlace {
                reference: 3,
                total: 2,
                number,
            }),
        })
    };
    assert!(texts.world.texts.arrive("one", part(2, second)).await);
    assert!(texts.world.texts.arrive("one", part(1, first)).await);
    let page = verbs::list_messages(
        &texts.engine,
        &texts.actor,
        outdial_engine::ports::MessageFilter {
            most: 9,
            ..Default::default()
        },
    );
    let page = page.await.unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!((page.items[0].plan.body.as_str(), page.items[0].parts), ("Hi 👍!", 2));
    let stranger = ArrivedText {
        from: "+6590000001".into(),
        to: "+6569999999".into(),
        text: "for nobody".into(),
        place: None,
    };
    assert!(
        texts.world.texts.arrive("one", Arrived::Text(stranger)).await,
        "it would come again for ever"
    );
    assert_eq!(
        texts
            .world
            .store
            .messages(
                texts.actor.account,
                outdial_engine::ports::MessageFilter {
                    most: 9,
                    ..Default::default()
                }
            )
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}

fn written(from: &str, text: &str) -> Arrived {
    Arrived::Text(ArrivedText {
        from: from.into(),
        to: "6561234567".into(),
        text: text.into(),
        place: None,
    })
}

#[tokio::test(start_paused = true)]
async fn a_masked_pair_writes_to_each_other() {
    let texts = Texts::decided(|world| {
        for number in &mut world.settings.numbers {
            number.uses.extend([NumberUse::ReceivesCalls, NumberUse::CallerId]);
        }
        world.settings.trunks.push(outdial_engine::routing::Trunk {
            name: "carrier".to_owned(),
            carrier: "sip".to_owned(),
            prefixes: Vec::new(),
            built_in: false,
            limit: Limit::default(),
            incoming: Limit::default(),
        });
    })
    .await;
    let parties = ["+6590000001", "+6590000002"];
    let mask = verbs::CreateMask {
        parties: parties.map(|party| Address::parse(party).unwrap()),
        number: None,
        pin: None,
        expires: None,
        tag: Some("ride 7".to_owned()),
    };
    verbs::create_mask(&texts.engine, &texts.actor, mask, None)
        .await
        .unwrap();
    for (sent, from, to) in [(1, parties[0], parties[1]), (2, parties[1], parties[0])] {
        assert!(texts.world.texts.arrive("one", written(from, "I am here")).await);
        let orders = texts.world.texts.sent(sent).await;
        let order = orders.last().unwrap();
        assert_eq!((order.to.as_str(), order.from.as_deref()), (to, Some("+6561234567")));
        assert_eq!(order.composed.text(), "I am here");
    }
    // Whoever is none of the two reaches nobody, and is heard all the same.
    assert!(
        texts
            .world
            .texts
            .arrive("one", written("+6590000009", "who is it"))
            .await
    );
    let filter = outdial_engine::ports::MessageFilter {
        most: 9,
        ..Default::default()
    };
    let page = verbs::list_messages(&texts.engine, &texts.actor, filter).await.unwrap();
    let incoming = page
        .items
        .iter()
        .filter(|message| message.state == MessageState::Received);
    assert_eq!((incoming.count(), page.items.len()), (3, 5));
    assert_eq!(texts.world.texts.orders().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_word_is_answered_once_in_a_while_even_to_those_who_want_nothing() {
    let texts = Texts::decided(|world| {
        world.settings.keyword_answers.stop = Some("You get no more texts.".to_owned());
    })
    .await;
    for _ in 0..2 {
        assert!(texts.world.texts.arrive("one", written("+6590000001", "stop")).await);
    }
    let orders = texts.world.texts.sent(1).await;
    assert_eq!(orders[0].to, "+6590000001");
    assert_eq!(orders[0].composed.text(), "You get no more texts.");
    // Nothing is configured for this one.
    assert!(texts.world.texts.arrive("one", written("+6590000001", "help")).await);
    let id = texts.send(hello()).await;
    assert_eq!(texts.message(id).await.state, MessageState::Refused);
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(texts.world.texts.arrive("one", written("+6590000001", "STOP")).await);
    assert_eq!(texts.world.texts.sent(2).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failing_disk_neither_loses_nor_repeats_a_text() {
    let texts = Texts::start().await;
    texts.world.store.lose_message_answers(3);
    let id = loop {
        match verbs::send_messages(&texts.engine, &texts.actor, hello(), None).await {
            Ok(sent) => match &sent[0] {
                SentTo::Taken(message) => break message.id,
                other => panic!("{other:?}"),
            },
            Err(_) => continue,
        }
    };
    texts.reached(id, "message_submitted", 1).await;
    let page = verbs::list_messages(
        &texts.engine,
        &texts.actor,
        outdial_engine::ports::MessageFilter {
            most: 99,
            ..Default::default()
        },
    );
    let made = page.await.unwrap().items;
    for message in &made {
        texts.reached(message.id, "message_submitted", 1).await;
    }
    assert_eq!(
        texts.world.texts.orders().len(),
        made.len(),
        "each that was saved left once"
    );
}
