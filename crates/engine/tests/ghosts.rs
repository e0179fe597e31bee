//! No ghost leg, whatever happens in whatever order: at the end the far sides, the store and the live calls
//! agree. Over fakes, under a clock that waits for nobody.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;

use std::time::Duration;

use futures_util::FutureExt;
use outdial_domain::{Address, CallId, CallState, EndedBy, Ending, Outcome};
use outdial_engine::{
    Order,
    ports::{LegCommand, LegEvent},
    verbs,
};
use outdial_flow::{Conference, Dial, Flow, Instruction, OnFailure, Prompt, Say};
use outdial_testkit::fakes::{FakeLeg, Script};
use proptest::prelude::*;

use bench::{BOB, Bench};

const EVE: &str = "sip:eve@127.0.0.1";
const MALLORY: &str = "sip:mallory@127.0.0.1";

/// Something that happens.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// A far side does something.
    Far(usize, Far),
    /// Somebody asks to end the call.
    HangUp,
    /// Somebody asks for another party.
    Transfer,
    /// Somebody sends the call into a room.
    IntoRoom,
    /// Somebody ends the room.
    EndRoom,
    /// So many seconds pass.
    Pass(u64),
}

#[derive(Debug, Clone, Copy)]
enum Far {
    Sends,
    Rings,
    RingsWithSound,
    Answers,
    Presses(&'static str),
    Ends(Outcome),
    /// Its carrier forgets it.
    Vanishes,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let far = prop_oneof![
        3 => Just(Far::Sends),
        3 => Just(Far::Rings),
        2 => Just(Far::RingsWithSound),
        6 => Just(Far::Answers),
        2 => Just(Far::Presses("1")),
        2 => prop::sample::select(vec!["*1", "*2", "*3", "*4"]).prop_map(Far::Presses),
        1 => Just(Far::Ends(Outcome::Busy)),
        3 => Just(Far::Ends(Outcome::Completed)),
        1 => Just(Far::Vanishes),
    ];
    let act = prop_oneof![
        12 => (0..4usize, far).prop_map(|(leg, far)| Act::Far(leg, far)),
        1 => Just(Act::HangUp),
        1 => Just(Act::Transfer),
        1 => Just(Act::IntoRoom),
        1 => Just(Act::EndRoom),
        2 => (1..100u64).prop_map(Act::Pass),
    ];
    prop::collection::vec(act, 0..30)
}

/// What the two may have done while they talk.
fn codes() -> std::collections::BTreeMap<String, Vec<Instruction>> {
    let again = Dial::to(Address::parse(MALLORY).unwrap());
    [
        ("*1", Flow::say("It is ten past four").steps),
        ("*2", vec![Instruction::Dial(Box::new(again))]),
        (
            "*3",
            vec![Instruction::Conference(Conference::of("lobby".parse().unwrap()))],
        ),
        ("*4", vec![Instruction::HangUp]),
    ]
    .map(|(code, steps)| (code.to_owned(), steps))
    .into()
}

/// The far side of a leg, as the test moves it.
struct Side {
    /// None when it is over.
    leg: Option<FakeLeg>,
    /// Why it was told to end.
    told: Option<Ending>,
    /// What it hears, until its end is told.
    hears: Option<u64>,
    answered: bool,
}

struct Stage {
    bench: Bench,
    call: CallId,
    sides: Vec<Side>,
}

impl Stage {
    async fn open(screened: bool) -> Self {
        let bench = Bench::new().await;
        for _ in 0..20 {
            bench.world.carrier.next(Script::ByHand);
        }
        let prompt = Prompt::Say(Say {
            text: "Press 1".into(),
            voice: None,
            language: None,
        });
        let dial = Dial {
            to: [EVE, MALLORY].map(|to| Address::parse(to).unwrap()).to_vec(),
            whisper: if screened { vec![prompt] } else { vec![] },
            screen: screened.then(|| outdial_domain::Digit::from_char('1').unwrap()),
            on_failure: if screened { OnFailure::Next } else { OnFailure::HangUp },
            max: Some(Duration::from_secs(600)),
            codes: codes(),
            ..Dial::to(Address::parse(EVE).unwrap())
        };
        let flow = Flow {
            steps: vec![
                Instruction::Dial(Box::new(dial)),
                Instruction::Conference(Conference::of("lobby".parse().unwrap())),
            ],
        };
        let call = bench.place(BOB, flow).await.unwrap().id;
        let mut stage = Self {
            bench,
            call,
            sides: Vec::new(),
        };
        stage.settle().await;
        stage
    }

    /// Lets everything happen that time is not needed for, and the far sides obey.
    async fn settle(&mut self) {
        for _ in 0..4 {
            // Saves gather for some milliseconds.
            tokio::time::sleep(Duration::from_millis(30)).await;
            while let Some(leg) = self.bench.world.carrier.leg().now_or_never() {
                self.sides.push(Side {
                    leg: Some(leg),
                    told: None,
                    hears: None,
                    answered: false,
                });
            }
            for side in &mut self.sides {
                side.obey().await;
            }
        }
    }

    async fn act(&mut self, act: Act) {
        let (engine, actor) = (&self.bench.engine, &self.bench.actor);
        match act {
            Act::Far(index, far) => {
                if let Some(side) = self.sides.get_mut(index) {
                    side.act(far).await;
                }
            }
            Act::HangUp => {
                let asked = verbs::hang_up(engine, actor, self.call);
                // The answer may need the far sides to obey first.
                let _ = tokio::time::timeout(Duration::from_millis(100), asked).await;
            }
            Act::Transfer => {
                let order = Order::Transfer(Address::parse(MALLORY).unwrap());
                let asked = verbs::control_call(engine, actor, self.call, order, None);
                let _ = tokio::time::timeout(Duration::from_millis(100), asked).await;
            }
            Act::IntoRoom => {
                let room = Instruction::Conference(Conference::of("lobby".parse().unwrap()));
                let order = Order::Redirect(Flow { steps: vec![room] });
                let asked = verbs::control_call(engine, actor, self.call, order, None);
                let _ = tokio::time::timeout(Duration::from_millis(100), asked).await;
            }
            Act::EndRoom => {
                let lobby = "lobby".parse().unwrap();
                let _ = verbs::control_room(engine, actor, &lobby, verbs::RoomOrder::End).await;
            }
            Act::Pass(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        }
        self.settle().await;
    }

    /// Everybody does what they were told, and what is left is hung up.
    async fn close(mut self) {
        for _ in 0..20 {
            self.settle().await;
            for side in &mut self.sides {
                if let Some(ending) = side.told.clone()
                    && let Some(leg) = side.leg.take()
                {
                    leg.end(ending).await;
                }
                if let (Some(play), Some(leg)) = (side.hears.take(), &side.leg) {
                    leg.tell(LegEvent::PlayDone { play }).await;
                }
            }
            let details = verbs::get_call(&self.bench.engine, &self.bench.actor, self.call)
                .await
                .unwrap();
            if details.call.state == CallState::Ended {
                break;
            }
            let asked = verbs::hang_up(&self.bench.engine, &self.bench.actor, self.call);
            let _ = tokio::time::timeout(Duration::from_millis(100), asked).await;
            tokio::time::sleep(Duration::from_secs(15)).await;
        }
        self.settle().await;
        let details = verbs::get_call(&self.bench.engine, &self.bench.actor, self.call)
            .await
            .unwrap();
        assert_eq!(details.call.state, CallState::Ended);
        for leg in &details.legs {
            assert!(leg.progress.ending.is_some(), "the store has an open leg: {leg:?}");
        }
        for attempt in &details.attempts {
            assert!(attempt.progress.ending.is_some());
        }
        let rung: Vec<_> = self.bench.world.carrier.rung().iter().map(|order| order.leg).collect();
        let kept: Vec<_> = details.legs.iter().map(|leg| leg.id).collect();
        assert!(rung.iter().all(|leg| kept.contains(leg)), "rung without a journal");
        let mut once = rung.clone();
        once.dedup();
        assert_eq!(once, rung, "a leg was rung twice");
        for side in &mut self.sides {
            let over = side.leg.is_none() || side.told.is_some();
            let let_go = match &mut side.leg {
                Some(leg) => matches!(leg.command().now_or_never(), Some(None)),
                None => true,
            };
            assert!(over || let_go, "a far side still believes in its leg");
        }
        assert_eq!(self.bench.engine.live_calls(), 0);
        let rooms = verbs::list_rooms(&self.bench.engine, &self.bench.actor).await.unwrap();
        assert!(rooms.is_empty(), "{rooms:?}");
    }
}

impl Side {
    async fn act(&mut self, far: Far) {
        let Some(leg) = &mut self.leg else { return };
        match far {
            Far::Sends => leg.sent().await,
            Far::Rings => leg.ring().await,
            Far::RingsWithSound => leg.ring_with_sound().await,
            Far::Answers => {
                self.answered = true;
                leg.answer().await;
            }
            Far::Presses(keys) if self.answered => leg.press(keys).await,
            Far::Presses(_) => {}
            Far::Ends(outcome) => {
                // Only an answered leg completes, and only one that was not answered is busy.
                if self.answered == (outcome == Outcome::Completed)
                    && let Some(leg) = self.leg.take()
                {
                    leg.end(Ending::new(outcome, EndedBy::Callee, "")).await;
                }
            }
            Far::Vanishes => self.leg = None,
        }
    }

    async fn obey(&mut self) {
        while let Some(leg) = &mut self.leg {
            match leg.command().now_or_never() {
                None | Some(None) => return,
                Some(Some(LegCommand::Join(joining))) => leg.tell(LegEvent::Joined { room: joining.room }).await,
                Some(Some(LegCommand::Transfer { .. })) => {
                    leg.tell(LegEvent::Transferred(Err("it does not".to_owned()))).await;
                }
                Some(Some(LegCommand::Leave)) => leg.tell(LegEvent::Left).await,
                Some(Some(LegCommand::HangUp { ending })) => self.told = Some(ending),
                Some(Some(LegCommand::Play { play, .. })) => self.hears = Some(play),
                Some(Some(LegCommand::StopPlaying)) => self.hears = None,
                Some(Some(_)) => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_leaves_a_ghost(acts in acts(), screened in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut stage = Stage::open(screened).await;
            // Most calls are answered, or nothing of this would be tried.
            for far in [Far::Sends, Far::Answers] {
                stage.act(Act::Far(0, far)).await;
            }
            for act in acts {
                stage.act(act).await;
            }
            stage.close().await;
        });
    }
}
