//! What keeping limits for several nodes promises. A store that one process alone uses keeps none.

use std::time::Duration;

use outdial_engine::{
    pacing::{
        bucket::{Rate, SECOND},
        limits::{Key, Kind, Limit, Until, Want},
    },
    ports::{Count, Counted, Nodes, Run, SharedLimits, Store, StoreError},
};

fn rate(name: &str, interval: i64) -> Want {
    Want {
        key: Key::new(Kind::Trunk, name),
        limit: Limit {
            rate: Some(Rate::every(interval, 1)),
            at_once: None,
        },
    }
}

fn places(name: &str, most: u32) -> Want {
    Want {
        key: Key::new(Kind::Account, name),
        limit: Limit {
            rate: None,
            at_once: Some(most),
        },
    }
}

/// Enters these runs, where nodes share the store and it keeps limits for them.
async fn shared<'s>(store: &'s impl Store, runs: &[&str]) -> Option<(&'s dyn SharedLimits, &'s dyn Nodes)> {
    let (limits, nodes) = (store.shared_limits()?, store.nodes()?);
    for run in runs {
        let run = Run {
            id: (*run).to_owned(),
            name: (*run).to_owned(),
        };
        nodes.join(&run, Duration::from_secs(3_600)).await.unwrap();
    }
    Some((limits, nodes))
}

async fn count(limits: &dyn SharedLimits, run: &str, live: &[(&Want, u32)], calls: Vec<Vec<Want>>) -> Counted {
    let live = live.iter().map(|(want, calls)| (want.key.clone(), *calls)).collect();
    let count = Count {
        run: run.to_owned(),
        whole: false,
        live,
        calls,
    };
    limits.count(count).await.unwrap()
}

fn allowed(counted: &Counted) -> Vec<bool> {
    counted.verdicts.iter().map(Result::is_ok).collect()
}

/// A call counts against all of its limits or none, whichever node asks, and the time is everybody's.
pub async fn limits_are_kept_by_all_nodes_together(store: &impl Store) {
    let Some((limits, _)) = shared(store, &["n1", "n2"]).await else {
        return;
    };
    let (hourly, daily) = (rate("hourly", 3600 * SECOND), rate("daily \\ \u{0}", 86_400 * SECOND));
    let one = count(
        limits,
        "n1",
        &[],
        vec![vec![hourly.clone(), daily.clone()], vec![hourly.clone()]],
    )
    .await;
    assert_eq!(allowed(&one), [true, false]);
    let other = rate("other", SECOND);
    let two = count(
        limits,
        "n2",
        &[],
        vec![vec![daily.clone(), other.clone()], vec![other.clone()]],
    )
    .await;
    assert_eq!(allowed(&two), [false, true], "what was refused counted against nothing");
    let hold = two.verdicts[0].clone().unwrap_err();
    assert_eq!(hold.key, daily.key);
    assert_eq!(hold.until, Until::Time(one.now + 86_400 * SECOND));
    let used: Vec<_> = two.used.iter().map(|(key, _)| key).collect();
    assert!(used.contains(&&daily.key) && used.contains(&&other.key));
}

/// A place is somebody's until the run that took it says otherwise.
pub async fn places_are_counted_over_all_nodes(store: &impl Store) {
    let Some((limits, _)) = shared(store, &["n1", "n2", "n3"]).await else {
        return;
    };
    let place = places("a", 3);
    let wants = |calls: usize| vec![vec![place.clone()]; calls];
    assert_eq!(
        allowed(&count(limits, "n1", &[(&place, 0)], wants(2)).await),
        [true, true]
    );
    assert_eq!(
        allowed(&count(limits, "n2", &[(&place, 0)], wants(2)).await),
        [true, false]
    );
    assert_eq!(allowed(&count(limits, "n1", &[(&place, 2)], wants(1)).await), [false]);
    count(limits, "n1", &[(&place, 1)], vec![]).await;
    assert_eq!(
        allowed(&count(limits, "n2", &[(&place, 1)], wants(2)).await),
        [true, false]
    );
    let again = Count {
        run: "n2".to_owned(),
        whole: true,
        live: vec![],
        calls: vec![],
    };
    limits.count(again).await.unwrap();
    let three = count(limits, "n3", &[(&place, 0)], wants(3)).await;
    assert_eq!(allowed(&three), [true, true, false], "one is n1's");
    assert_eq!(three.used, [(place.key.clone(), three.used[0].1)]);
    assert_eq!(three.used[0].1.in_use, 3);
}

/// What a run held is free as soon as it is gone, and it gets nothing any more.
pub async fn places_end_with_their_run(store: &impl Store) {
    let Some((limits, nodes)) = shared(store, &["n1", "n2"]).await else {
        return;
    };
    let place = places("a", 1);
    let wants = || vec![vec![place.clone()]];
    assert_eq!(allowed(&count(limits, "n1", &[(&place, 0)], wants()).await), [true]);
    assert_eq!(allowed(&count(limits, "n2", &[(&place, 0)], wants()).await), [false]);
    nodes.leave("n1").await.unwrap();
    assert_eq!(allowed(&count(limits, "n2", &[(&place, 0)], wants()).await), [true]);
    let late = Count {
        run: "n1".to_owned(),
        whole: true,
        live: vec![(place.key.clone(), 1)],
        calls: wants(),
    };
    assert_eq!(limits.count(late).await, Err(StoreError::Fenced("n1".into())));
    let used = count(limits, "n2", &[(&place, 1)], vec![]).await.used;
    assert_eq!(used[0].1.in_use, 1);
}

/// Eight nodes that ask at once get as much as one that asks for all.
pub async fn nodes_that_ask_at_once_get_no_more(store: &impl Store) {
    let names: Vec<String> = (0..8).map(|number| format!("n{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let Some((limits, _)) = shared(store, &names).await else {
        return;
    };
    let wants = [rate("t", 3600 * SECOND), places("a", 5)];
    let asks = (0..8).map(|number| {
        let node = format!("n{number}");
        let (rate, place) = (wants[0].clone(), wants[1].clone());
        async move {
            let mut had = (0, 0);
            for _ in 0..5 {
                let calls = vec![vec![place.clone(), rate.clone()], vec![place.clone()]];
                let counted = count(limits, &node, &[(&place, had.1)], calls).await;
                let went = allowed(&counted);
                had.0 += u32::from(went[0]);
                had.1 += u32::from(went[0]) + u32::from(went[1]);
            }
            had
        }
    });
    let had = futures_util::future::join_all(asks).await;
    let all = had.iter().fold((0, 0), |all, had| (all.0 + had.0, all.1 + had.1));
    assert_eq!(all, (1, 5), "{had:?}");
}
