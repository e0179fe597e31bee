//! What keeping schedules promises.

use std::time::Duration;

use outdial_domain::{Recurrence, Schedule, ScheduleId};
use outdial_engine::ports::{Store, StoredSchedule};
use outdial_flow::Flow;

use super::lives::{Caller, at, bytes};

pub(super) fn schedule(caller: &Caller, number: u64, next: i64) -> StoredSchedule {
    StoredSchedule {
        schedule: Schedule {
            id: ScheduleId::new(at(i64::try_from(number).unwrap()), bytes(1, 9, number)),
            account: caller.account,
            name: Some("Läuft \0".into()),
            plan: caller.plan(number, at(0)),
            recurrence: Recurrence {
                cron: "0 9 * * mon".parse().unwrap(),
                zone: "Asia/Singapore".into(),
                skip: vec!["2030-12-25".parse().unwrap()],
            },
            start: at(0),
            until: Some(at(1 << 40)),
            lasts: Some(Duration::from_millis(1)),
            grace: Schedule::GRACE,
            paused: false,
            next: Some(at(next)),
            decided: None,
            last: None,
            missed: None,
            version: 1,
            created_at: at(0),
        },
        flow: Flow::say("Hello"),
    }
}

/// A schedule reads back as it was saved, belongs to its account, and is gone when it was removed.
pub async fn schedules_are_kept(store: &impl Store) {
    let (caller, other) = (Caller::join(store, 1).await, Caller::join(store, 2).await);
    let kept = [schedule(&caller, 1, 100), schedule(&caller, 2, 200)];
    for one in &kept {
        store.add_schedule(one.clone(), None).await.unwrap();
    }
    let id = kept[0].schedule.id;
    assert_eq!(
        store.schedule(caller.account, id).await.unwrap().as_ref(),
        Some(&kept[0])
    );
    assert_eq!(store.schedule(other.account, id).await.unwrap(), None);
    let newest_first = [kept[1].clone(), kept[0].clone()];
    assert_eq!(store.schedules(caller.account).await.unwrap(), newest_first);
    assert!(store.schedules(other.account).await.unwrap().is_empty());
    assert!(!store.remove_schedule(other.account, id).await.unwrap());
    assert!(store.remove_schedule(caller.account, id).await.unwrap());
    assert!(!store.remove_schedule(caller.account, id).await.unwrap());
    assert_eq!(store.next_schedule().await.unwrap(), Some(at(200)));
}

/// Of two changes to the same version one holds.
pub async fn a_schedule_moves_on_once(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let first = schedule(&caller, 1, 100);
    store.add_schedule(first.clone(), None).await.unwrap();
    let mut moved = first.clone();
    moved.schedule.version = 2;
    moved.schedule.next = Some(at(700));
    moved.flow = Flow::say("Other words");
    assert!(store.change_schedule(moved.clone()).await.unwrap());
    assert!(!store.change_schedule(moved.clone()).await.unwrap());
    let kept = store.schedule(caller.account, first.schedule.id).await.unwrap();
    assert_eq!(kept, Some(moved));
}

/// Those that want to be looked at are found, the longest waiting first, and those that rest are not.
pub async fn due_schedules_are_found(store: &impl Store) {
    let caller = Caller::join(store, 1).await;
    let mut all: Vec<StoredSchedule> = [(1, 300), (2, 100), (3, 200), (4, 50)]
        .into_iter()
        .map(|(number, next)| schedule(&caller, number, next))
        .collect();
    all[3].schedule.paused = true;
    for one in &all {
        store.add_schedule(one.clone(), None).await.unwrap();
    }
    assert_eq!(store.next_schedule().await.unwrap(), Some(at(100)));
    assert!(store.due_schedules(at(99), 9).await.unwrap().is_empty());
    let due = store.due_schedules(at(300), 2).await.unwrap();
    assert_eq!(due, [all[1].clone(), all[2].clone()]);
}
