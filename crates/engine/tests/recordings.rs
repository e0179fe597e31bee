//! Recordings of calls over fakes of every port. What writes them is a real thread, so time is real here.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;

use std::time::Duration;

use jiff::SignedDuration;
use outdial_domain::{
    CallId, Channels, EndedBy, Ending, EventKind, Outcome, Recording, RecordingEnd, RecordingState, recording::Made,
};
use outdial_engine::{
    Engine,
    ports::{LegCommand, RecordingFiles, RecordingFilter, RecordingStore, Store, TapSink},
    verbs::{self, RecordCall, RecordingError},
};
use outdial_flow::{Flow, Instruction, Record, RecordingAction, Until};
use outdial_testkit::fakes::{FakeLeg, Script, World};

use bench::{BOB, Bench, outcome};

fn flow(steps: impl IntoIterator<Item = Instruction>) -> Flow {
    Flow {
        steps: steps.into_iter().collect(),
    }
}

fn record(channels: Channels) -> Instruction {
    Instruction::Record(Record {
        channels,
        ..Record::default()
    })
}

fn message(silence: Option<u64>, most: u64) -> Instruction {
    Instruction::Record(Record {
        name: "message".into(),
        channels: Channels::Party,
        most: Duration::from_millis(most),
        until: Some(Until {
            key: outdial_domain::Digit::from_char('#'),
            silence: silence.map(Duration::from_millis),
            beep: true,
        }),
        ..Record::default()
    })
}

fn moment() -> Instruction {
    Instruction::Pause(Duration::from_millis(20))
}

async fn recordings(bench: &Bench, call: CallId) -> Vec<Recording> {
    let filter = RecordingFilter {
        call: Some(call),
        before: None,
        most: 100,
    };
    let page = verbs::list_recordings(&bench.engine, &bench.actor, filter).await;
    page.unwrap().items
}

/// The sound of a recording, after its header was looked at.
async fn sound(engine: &Engine, recording: &Recording) -> Vec<i16> {
    let file = verbs::read_recording(engine, recording, 0, 100_000_000).await.unwrap();
    assert_eq!(file.len() as u64, recording.bytes);
    assert_eq!((&file[..4], &file[8..16]), (&b"RIFF"[..], &b"WAVEfmt "[..]));
    let four = |place: usize| u32::from_le_bytes(file[place..place + 4].try_into().unwrap());
    assert_eq!((four(4) as usize, four(40) as usize), (file.len() - 8, file.len() - 44));
    assert_eq!(four(24), recording.rate);
    file[44..]
        .chunks(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

/// A second of frames, all samples of both sides alike.
fn second(sink: &mut TapSink, sent: i16, received: i16) {
    for _ in 0..50 {
        sink.put(Some(&[sent; 160]), Some(&[received; 160]));
    }
}

/// The leg of a call that was answered.
async fn answered(bench: &Bench) -> FakeLeg {
    let mut leg = bench.world.carrier.leg().await;
    leg.sent().await;
    leg.answer().await;
    leg
}

/// The tap that the leg is given next. What is played meanwhile is heard at once.
async fn tapped(leg: &mut FakeLeg) -> TapSink {
    loop {
        match leg.command().await.expect("the leg is to be tapped") {
            LegCommand::Tap(sink) => return sink,
            LegCommand::Play { play, .. } => leg.tell(outdial_engine::ports::LegEvent::PlayDone { play }).await,
            other => panic!("{other:?}"),
        }
    }
}

/// Waits until something is so, which another thread makes so.
async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the thread that writes has done all that it was told: it does things in their order, and this
/// tells it to begin one more.
async fn obeyed(bench: &Bench, call: CallId, leg: &mut FakeLeg) {
    let (engine, actor) = (&bench.engine, &bench.actor);
    let last = verbs::record_call(engine, actor, call, RecordCall::default())
        .await
        .unwrap();
    drop(tapped(leg).await);
    until(|| bench.world.recordings.bytes(last.id).is_some()).await;
}

async fn finished(bench: &Bench, call: CallId) {
    bench
        .reached(call, |kind| matches!(kind, EventKind::RecordingFinished { .. }))
        .await;
}

async fn hang_up(mut leg: FakeLeg) {
    while let Some(command) = leg.command().await {
        if let LegCommand::HangUp { ending } = command {
            return leg.end(ending).await;
        }
    }
}

#[tokio::test]
async fn a_call_is_recorded_to_its_end() {
    for (channels, expected) in [
        (Channels::Mono, vec![Script::SAYS + Script::HEARS]),
        (Channels::Separate, vec![Script::SAYS, Script::HEARS]),
        (Channels::Party, vec![Script::SAYS]),
    ] {
        let bench = Bench::new().await;
        let details = bench.call(flow([record(channels), moment()])).await;
        assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::Flow));
        let [recording] = &recordings(&bench, details.call.id).await[..] else {
            panic!("one recording")
        };
        assert_eq!(recording.end, Some(RecordingEnd::HungUp));
        assert_eq!((recording.rate, recording.length), (8_000, Duration::from_secs(1)));
        assert_eq!(recording.leg, details.legs[0].id);
        assert_eq!(sound(&bench.engine, recording).await, expected.repeat(8_000));
        let words = bench.words(details.call.id).await;
        let place = |word| words.iter().position(|found| *found == word).unwrap();
        assert!(place("recording_started") < place("recording_finished"));
        assert!(place("recording_finished") < place("leg_ended"));
    }
}

#[tokio::test]
async fn a_message_ends_when_nobody_speaks_any_more() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::ByHand);
    let call = bench.place(BOB, flow([message(Some(1_000), 60_000)])).await.unwrap();
    let mut leg = answered(&bench).await;
    let mut sink = tapped(&mut leg).await;
    second(&mut sink, 300, 5_000);
    second(&mut sink, 300, 0);
    finished(&bench, call.id).await;
    hang_up(leg).await;
    bench.ended(call.id).await;
    let recording = &recordings(&bench, call.id).await[0];
    assert_eq!(
        (recording.end, recording.length),
        (Some(RecordingEnd::Silence), Duration::from_secs(2))
    );
    let heard = sound(&bench.engine, recording).await;
    assert_eq!(heard, [[5_000; 8_000], [0; 8_000]].concat());
}

#[tokio::test]
async fn a_message_ends_by_its_key_and_by_its_length() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::ByHand);
    let call = bench
        .place(BOB, flow([message(None, 60_000), message(None, 500)]))
        .await
        .unwrap();
    let mut leg = answered(&bench).await;
    let mut sink = tapped(&mut leg).await;
    second(&mut sink, 0, 1);
    leg.press("1#").await;
    let mut sink = tapped(&mut leg).await;
    second(&mut sink, 0, 2);
    hang_up(leg).await;
    bench.ended(call.id).await;
    let ends: Vec<_> = recordings(&bench, call.id)
        .await
        .into_iter()
        .map(|recording| (recording.end.unwrap(), recording.length.as_millis()))
        .collect();
    assert_eq!(ends, [(RecordingEnd::Longest, 500), (RecordingEnd::Key, 1_000)]);
}

#[tokio::test]
async fn what_is_said_while_it_is_paused_is_left_out() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::ByHand);
    let call = bench
        .place(BOB, flow([Instruction::Pause(Duration::from_secs(600))]))
        .await
        .unwrap();
    let mut leg = answered(&bench).await;
    bench
        .reached(call.id, |kind| matches!(kind, EventKind::Answered { .. }))
        .await;
    let (engine, actor) = (&bench.engine, &bench.actor);
    let begun = verbs::record_call(engine, actor, call.id, RecordCall::default())
        .await
        .unwrap();
    let mut sink = tapped(&mut leg).await;
    second(&mut sink, 0, 1);
    for (action, said, state) in [
        (RecordingAction::Pause, 2, RecordingState::Paused),
        (RecordingAction::Resume, 3, RecordingState::Recording),
    ] {
        let now = verbs::change_recording(engine, actor, begun.id, action).await.unwrap();
        assert_eq!(now.state, state);
        obeyed(&bench, call.id, &mut leg).await;
        second(&mut sink, 0, said);
    }
    verbs::change_recording(engine, actor, begun.id, RecordingAction::Stop)
        .await
        .unwrap();
    let is_it =
        |kind: &EventKind| matches!(kind, EventKind::RecordingFinished { recording, .. } if *recording == begun.id);
    bench.reached(call.id, is_it).await;
    let recording = verbs::get_recording(engine, actor, begun.id).await.unwrap();
    assert_eq!(recording.end, Some(RecordingEnd::Request));
    assert_eq!(sound(engine, &recording).await, [[1; 8_000], [3; 8_000]].concat());
    let late = verbs::change_recording(engine, actor, begun.id, RecordingAction::Pause).await;
    assert_eq!(late, Err(RecordingError::NotRunning));
    verbs::hang_up(engine, actor, call.id).await.unwrap();
    hang_up(leg).await;
    bench.ended(call.id).await;
}

#[tokio::test]
async fn no_leg_is_recorded_too_often() {
    let bench = Bench::new().await;
    let call = bench
        .place(BOB, flow([Instruction::Pause(Duration::from_secs(600))]))
        .await
        .unwrap();
    bench
        .reached(call.id, |kind| matches!(kind, EventKind::Answered { .. }))
        .await;
    let (engine, actor) = (&bench.engine, &bench.actor);
    for _ in 0..Recording::MOST_AT_ONCE {
        verbs::record_call(engine, actor, call.id, RecordCall::default())
            .await
            .unwrap();
    }
    let refused = verbs::record_call(engine, actor, call.id, RecordCall::default()).await;
    assert!(matches!(refused, Err(RecordingError::Refused(reason)) if reason.contains("stop one")));
    verbs::hang_up(engine, actor, call.id).await.unwrap();
    bench.ended(call.id).await;
    let all = recordings(&bench, call.id).await;
    assert!(all.iter().all(Recording::is_finished) && all.len() == Recording::MOST_AT_ONCE);
}

#[tokio::test]
async fn a_full_disk_ends_the_recording_and_not_the_call() {
    let bench = Bench::new().await;
    bench.world.recordings.fill_disk(Some(9_000));
    bench.world.carrier.next(Script::ByHand);
    let call = bench
        .place(BOB, flow([record(Channels::Party), moment(), message(None, 500)]))
        .await
        .unwrap();
    let mut leg = answered(&bench).await;
    let mut sink = tapped(&mut leg).await;
    let mut put = |value| (0..20).for_each(|_| sink.put(None, Some(&[value; 160])));
    put(1);
    bench
        .reached(call.id, |kind| matches!(kind, EventKind::RecordingStarted { .. }))
        .await;
    let events = verbs::list_events(&bench.engine, &bench.actor, call.id).await.unwrap();
    let begun = events.iter().find_map(|stored| match stored.event.kind {
        EventKind::RecordingStarted { recording, .. } => Some(recording),
        _ => None,
    });
    let id = begun.unwrap();
    until(|| bench.world.recordings.bytes(id).is_some_and(|file| file.len() == 6_444)).await;
    put(2);
    finished(&bench, call.id).await;
    bench.world.recordings.fill_disk(None);
    let mut sink = tapped(&mut leg).await;
    second(&mut sink, 0, 3);
    hang_up(leg).await;
    let details = bench.ended(call.id).await;
    assert_eq!(outcome(&details), (Outcome::Completed, EndedBy::Flow));
    let all = recordings(&bench, call.id).await;
    assert_eq!(
        (all[1].end, all[0].end),
        (Some(RecordingEnd::DiskFull), Some(RecordingEnd::Longest))
    );
    assert_eq!(
        sound(&bench.engine, &all[1]).await,
        [1; 3_200],
        "what was heard before is kept"
    );
}

#[tokio::test]
async fn what_a_crash_broke_off_is_mended_at_the_next_start() {
    let bench = Bench::new().await;
    let mut call = bench.place("sip:nobody@127.0.0.1", flow([moment()])).await.unwrap();
    call = verbs::get_call(&bench.engine, &bench.actor, call.id)
        .await
        .unwrap()
        .call;
    let crashed = Recording {
        id: bench.world.ids().make(outdial_domain::RecordingId::new),
        account: bench.actor.account,
        call: call.id,
        leg: bench.world.ids().make(outdial_domain::LegId::new),
        name: "cut".into(),
        channels: Channels::Mono,
        node: "node-1".into(),
        state: RecordingState::Recording,
        end: None,
        rate: 0,
        length: Duration::ZERO,
        bytes: 0,
        begun_at: bench.world.ids().now(),
        ended_at: None,
        delete_at: None,
    };
    // A header of a second ago, and half of a sample at the end.
    let reference = bench.call(flow([record(Channels::Mono), moment()])).await;
    let whole = recordings(&bench, reference.call.id).await.remove(0);
    let mut file = bench.world.recordings.bytes(whole.id).unwrap();
    file.truncate(44 + 8_001);
    file[40..44].copy_from_slice(&16_u32.to_le_bytes());
    bench
        .world
        .recordings
        .create(crashed.id)
        .unwrap()
        .write_at(0, &file)
        .unwrap();
    let store = bench.world.store.as_ref();
    store.save_recording(crashed.clone()).await.unwrap();
    let never = Recording {
        id: bench.world.ids().make(outdial_domain::RecordingId::new),
        ..crashed.clone()
    };
    store.save_recording(never.clone()).await.unwrap();
    let foreign = Recording {
        id: bench.world.ids().make(outdial_domain::RecordingId::new),
        node: "node-2".into(),
        ..crashed.clone()
    };
    store.save_recording(foreign.clone()).await.unwrap();
    bench.engine.stop(Duration::from_secs(10)).await;

    let engine = bench.world.engine().await;
    let mended = store.recording(crashed.account, crashed.id).await.unwrap().unwrap();
    assert_eq!(mended.end, Some(RecordingEnd::Interrupted));
    assert_eq!((mended.rate, mended.length), (8_000, Duration::from_millis(500)));
    assert_eq!(sound(&engine, &mended).await.len(), 4_000);
    let nothing = store.recording(never.account, never.id).await.unwrap().unwrap();
    assert_eq!((nothing.end, nothing.bytes), (Some(RecordingEnd::Interrupted), 0));
    let theirs = store.recording(foreign.account, foreign.id).await.unwrap().unwrap();
    assert_eq!(theirs, foreign, "another node has it");
    engine.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn recordings_are_deleted_by_rule() {
    let mut world = World::new();
    world.settings.recordings.keep = Some(Duration::from_secs(3_600));
    let bench = Bench::with(world).await;
    let details = bench.call(flow([record(Channels::Mono), moment()])).await;
    let recording = recordings(&bench, details.call.id).await.remove(0);
    assert_eq!(
        recording.delete_at,
        recording.ended_at.map(|end| end + SignedDuration::from_hours(1))
    );
    bench.engine.stop(Duration::from_secs(10)).await;
    let (ids, store) = (bench.world.ids(), &bench.world.store);
    bench.world.clock.set_forward(SignedDuration::from_mins(59));
    assert_eq!(store.old_recordings(ids.now(), 9).await.unwrap(), []);
    bench.world.clock.set_forward(SignedDuration::from_mins(2));
    assert_eq!(store.old_recordings(ids.now(), 9).await.unwrap().len(), 1);
    let engine = bench.world.engine().await;
    until(|| bench.world.recordings.bytes(recording.id).is_none()).await;
    while store
        .recording(recording.account, recording.id)
        .await
        .unwrap()
        .is_some()
    {
        tokio::task::yield_now().await;
    }
    engine.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn the_first_end_of_a_recording_holds_in_the_store_too() {
    let bench = Bench::new().await;
    let details = bench.call(flow([record(Channels::Mono), moment()])).await;
    let mut recording = recordings(&bench, details.call.id).await.remove(0);
    let made = Made {
        end: RecordingEnd::Failed,
        rate: 1,
        length: Duration::ZERO,
        bytes: 0,
    };
    assert!(!recording.finish(made, bench.world.ids().now()));
    let events = bench
        .world
        .store
        .events_of(recording.account, recording.call.into())
        .await
        .unwrap();
    let told = events.iter().find_map(|stored| match stored.event.kind {
        EventKind::RecordingFinished { bytes, millis, .. } => Some((bytes, millis)),
        _ => None,
    });
    assert_eq!(told, Some((recording.bytes, 1_000)));
}

#[tokio::test]
async fn the_other_one_of_two_is_recorded_alone() {
    let bench = Bench::new().await;
    bench.world.carrier.next(Script::ByHand);
    bench.world.carrier.next(Script::ByHand);
    let to = outdial_domain::Address::parse("sip:eve@127.0.0.1").unwrap();
    let flow = flow([Instruction::Dial(Box::new(outdial_flow::Dial::to(to)))]);
    let call = bench.place(BOB, flow).await.unwrap().id;
    let first = answered(&bench).await;
    let wanted = || RecordCall {
        channels: Channels::Other,
        ..RecordCall::default()
    };
    let mut other = bench.world.carrier.leg().await;
    other.sent().await;
    let alone = verbs::record_call(&bench.engine, &bench.actor, call, wanted()).await;
    assert!(matches!(alone, Err(RecordingError::Refused(_))), "{alone:?}");
    other.answer().await;
    let Some(LegCommand::Join(_)) = other.command().await else {
        panic!("it is connected")
    };
    let recording = verbs::record_call(&bench.engine, &bench.actor, call, wanted())
        .await
        .unwrap();
    assert_eq!(recording.leg, other.order.leg);
    let mut sink = tapped(&mut other).await;
    second(&mut sink, 300, 1_000);
    drop(sink);
    finished(&bench, call).await;
    let recording = verbs::get_recording(&bench.engine, &bench.actor, recording.id)
        .await
        .unwrap();
    assert_eq!(sound(&bench.engine, &recording).await, vec![1_000; 8_000]);
    let hung_up = Ending::new(Outcome::Completed, EndedBy::Callee, "the far side hung up");
    other.end(hung_up).await;
    hang_up(first).await;
    bench.ended(call).await;
}
