//! What a store promises to nodes that share it. A store that one process uses has nothing to promise.

use std::time::Duration;

use outdial_domain::{CommandId, EventKind};
use outdial_engine::ports::{JoinError, NodeCommand, Reply, Run, Store, StoreError, Wanted};

use super::lives::{Caller, at, bytes};

const LONG: Duration = Duration::from_secs(3_600);

fn run(id: &str, name: &str) -> Run {
    Run {
        id: id.to_owned(),
        name: name.to_owned(),
    }
}

/// A run whose lease has run out takes no leg into the journal; it may when it has renewed it, and never
/// again once it was declared gone. What happens to its calls is saved all the same.
pub async fn a_run_without_a_lease_journals_nothing(store: &impl Store) {
    let Some(nodes) = store.nodes() else { return };
    let caller = Caller::join(store, 1).await;
    let mut lives: Vec<_> = (1..=3).map(|number| caller.call(number, at(0))).collect();
    for life in &mut lives {
        store.commit(life.created()).await.unwrap();
    }
    store.commit(lives[0].journalled("n1", at(1))).await.unwrap();
    nodes.beat("n1", Duration::ZERO).await.unwrap();
    let late = lives[1].clone().journalled("n1", at(2));
    let error = store.commit(late.clone()).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Unavailable { reason, .. } if reason.contains("lease")),
        "{error}"
    );
    // In one batch with others, it spoils none.
    let (refused, saved) = (
        store.commit(late.clone()),
        store.commit(lives[2].journalled("n2", at(2))),
    );
    assert!(refused.await.is_err());
    saved.await.unwrap();
    let happened = vec![EventKind::HangUpRequested {
        by: "somebody".into(),
        why: None,
    }];
    store.commit(lives[0].change(happened, at(3))).await.unwrap();

    nodes.beat("n1", LONG).await.unwrap();
    store.commit(late).await.unwrap();
    nodes.leave("n1").await.unwrap();
    let mut fourth = caller.call(4, at(0));
    store.commit(fourth.created()).await.unwrap();
    let error = store.commit(fourth.journalled("n1", at(4))).await.unwrap_err();
    assert_eq!(error, StoreError::Fenced("n1".into()));
    assert_eq!(nodes.beat("n1", LONG).await, Err(StoreError::Fenced("n1".into())));
    let details = store.call(caller.account, fourth.call.id).await.unwrap().unwrap();
    assert_eq!(details.legs, [], "nothing of it was saved");
}

/// A second run of the same name has to wait for the lease of the first.
pub async fn one_run_has_a_name(store: &impl Store) {
    let Some(nodes) = store.nodes() else { return };
    nodes.join(&run("a-1", "a"), LONG).await.unwrap();
    let in_use = |error: JoinError| match error {
        JoinError::InUse { run, left, until } => (run, left, until),
        other => panic!("{other}"),
    };
    let (other, left, until) = in_use(nodes.join(&run("a-2", "a"), LONG).await.unwrap_err());
    assert_eq!(other, "a-1");
    assert!(left <= LONG && left > LONG / 2, "{left:?}");
    nodes.beat("a-1", LONG * 2).await.unwrap();
    let (_, _, later) = in_use(nodes.join(&run("a-2", "a"), LONG).await.unwrap_err());
    assert!(later > until, "it was renewed in between");
    nodes.join(&run("b-1", "b"), LONG).await.unwrap();
    nodes.beat("a-1", Duration::ZERO).await.unwrap();
    nodes.join(&run("a-2", "a"), LONG).await.unwrap();
    assert_eq!(nodes.beat("a-1", LONG).await, Err(StoreError::Fenced("a-1".into())));
    nodes.join(&run("a-2", "a"), LONG).await.unwrap();
}

/// The run that has been here longest looks after the others, and trusts its own eyes only when it has
/// seen for long enough.
pub async fn the_eldest_looks_after_the_dead(store: &impl Store) {
    let Some(nodes) = store.nodes() else { return };
    for id in ["first", "second", "third"] {
        nodes.join(&run(id, id), LONG).await.unwrap();
    }
    assert!(nodes.beat("first", LONG).await.unwrap());
    assert!(!nodes.beat("second", LONG).await.unwrap());
    nodes.beat("first", Duration::ZERO).await.unwrap();
    assert!(nodes.beat("second", LONG).await.unwrap());
    assert!(!nodes.beat("third", LONG).await.unwrap());
    // It has not held its lease for its whole length.
    assert!(!nodes.release("second", LONG, Duration::ZERO).await.unwrap().gone);
    // The other's lease has not been over for long enough.
    assert!(!nodes.release("second", Duration::ZERO, LONG).await.unwrap().gone);
    // Nor may one whose own lease has run out judge others.
    nodes.beat("second", Duration::ZERO).await.unwrap();
    assert!(
        !nodes
            .release("second", Duration::ZERO, Duration::ZERO)
            .await
            .unwrap()
            .gone
    );
    assert!(
        nodes
            .release("third", Duration::ZERO, Duration::ZERO)
            .await
            .unwrap()
            .gone
    );
    for gone in ["first", "second"] {
        assert_eq!(nodes.beat(gone, LONG).await, Err(StoreError::Fenced(gone.into())));
    }
    assert!(nodes.beat("third", LONG).await.unwrap());
}

/// A command is taken once, by its run, and its answer reaches who asked; a run that is gone answers nothing.
pub async fn commands_reach_the_run_they_are_for(store: &impl Store) {
    let Some(nodes) = store.nodes() else { return };
    for id in ["one", "two"] {
        nodes.join(&run(id, id), LONG).await.unwrap();
    }
    let command = |number: u64, to: &str| NodeCommand {
        id: CommandId::new(at(0), bytes(1, 7, number)),
        run: to.to_owned(),
        command: "{\"do\":\"sing\"}".to_owned(),
    };
    let mut heard = nodes.commanded();
    heard.borrow_and_update();
    nodes.command(command(1, "one")).await.unwrap();
    nodes.command(command(2, "two")).await.unwrap();
    heard.changed().await.unwrap();
    assert_eq!(nodes.take_commands("one").await.unwrap(), [command(1, "one")]);
    assert_eq!(nodes.take_commands("one").await.unwrap(), []);
    let id = command(1, "one").id;
    assert_eq!(nodes.reply(id).await.unwrap(), Reply::Waiting);
    nodes.answer(id, "la".to_owned()).await.unwrap();
    nodes.answer(id, "later".to_owned()).await.unwrap();
    assert_eq!(nodes.reply(id).await.unwrap(), Reply::Answered("la".into()));
    assert_eq!(nodes.reply(id).await.unwrap(), Reply::Nobody, "an answer is given once");

    let id = command(2, "two").id;
    assert_eq!(nodes.reply(id).await.unwrap(), Reply::Waiting);
    nodes.leave("two").await.unwrap();
    assert_eq!(nodes.reply(id).await.unwrap(), Reply::Nobody);
    nodes.command(command(3, "one")).await.unwrap();
    nodes.forget_commands(Duration::ZERO).await.unwrap();
    assert_eq!(nodes.reply(command(3, "one").id).await.unwrap(), Reply::Nobody);
}

/// A room is one run's while that run is alive, and a claimed call is given to the room's owner.
pub async fn a_room_is_one_runs(store: &impl Store) {
    let Some(nodes) = store.nodes() else { return };
    let caller = Caller::join(store, 1).await;
    let lobby: outdial_domain::RoomName = "lobby".parse().unwrap();
    let own = async |run: &str| nodes.own_room(caller.account, &lobby, run).await.unwrap();
    assert_eq!(own("n1").await, "n1");
    assert_eq!(own("n2").await, "n1");
    nodes.disown_room(caller.account, &lobby, "n2").await.unwrap();
    assert_eq!(own("n2").await, "n1");
    let stranger = Caller::join(store, 2).await;
    assert_eq!(nodes.own_room(stranger.account, &lobby, "n2").await.unwrap(), "n2");
    let attic: outdial_domain::RoomName = "attic".parse().unwrap();
    assert_eq!(nodes.own_room(caller.account, &attic, "n2").await.unwrap(), "n2");
    let rooms = async || nodes.rooms(caller.account).await.unwrap();
    let (of_one, of_two) = ((lobby.clone(), "n1".to_owned()), (attic, "n2".to_owned()));
    assert_eq!(rooms().await, [of_two, of_one.clone()]);
    nodes.disown_room(caller.account, &lobby, "n1").await.unwrap();
    assert_eq!(own("n2").await, "n2");
    nodes.leave("n2").await.unwrap();
    assert_eq!(rooms().await, []);
    assert_eq!(own("n1").await, "n1");
    assert_eq!(rooms().await, [of_one]);
    let mut life = caller.call(1, at(0));
    store.commit(life.created()).await.unwrap();
    assert_eq!(
        store.claim_due(at(1), "n1", Wanted::any(10)).await.unwrap().calls.len(),
        1
    );
    assert!(!nodes.hand_over(life.call.id, "n2", "n3").await.unwrap());
    assert!(nodes.hand_over(life.call.id, "n1", "n3").await.unwrap());
    nodes.give_back("n1").await.unwrap();
    assert!(
        store
            .claim_due(at(1), "n1", Wanted::any(10))
            .await
            .unwrap()
            .calls
            .is_empty()
    );
    nodes.give_back("n3").await.unwrap();
    assert_eq!(
        store.claim_due(at(1), "n1", Wanted::any(10)).await.unwrap().calls.len(),
        1
    );
}
