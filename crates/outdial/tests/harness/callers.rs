//! Those who want calls, and are careful: what got no answer is asked again with the same key.

use std::{sync::Arc, time::Duration};

use rand::{Rng, rngs::StdRng};
use serde_json::json;
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};

use super::{
    ground::{Ground, Way, now},
    order::Order,
    promise::Promise,
};

/// How many requests are under way at once.
const AT_ONCE: usize = 8;
/// How long to wait before the same is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// Makes the calls, a batch of them for each disturbance, and ends some of them.
pub async fn make(ground: Arc<Ground>, orders: Vec<Order>, batch: usize) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut callers = JoinSet::new();
    let mut dice = ground.dice("callers");
    for (number, orders) in orders.chunks(batch).enumerate() {
        ground.was_disturbed(number).await;
        for order in orders {
            let order = order.clone();
            // A batch is spread over a second or two, so that a disturbance meets calls in every state.
            sleep(Duration::from_millis(dice.random_range(0..40))).await;
            let turn = turns.clone().acquire_owned().await.unwrap();
            let ground = ground.clone();
            callers.spawn(async move {
                let mut dice = ground.dice(&order.tag());
                let id = create(&ground, &order, &mut dice).await;
                drop(turn);
                afterwards(&ground, &order, &id, &mut dice).await;
            });
        }
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
}

async fn afterwards(ground: &Ground, order: &Order, id: &str, dice: &mut StdRng) {
    if order.repeated {
        create(ground, order, dice).await;
    }
    if let Some(after) = order.canceled_after {
        sleep(after).await;
        end(ground, order.index, id, dice).await;
    }
}

/// Creates a call, asking until there is an answer.
async fn create(ground: &Ground, order: &Order, dice: &mut StdRng) -> String {
    let key = format!("torture-{}-{}", ground.seed, order.index);
    loop {
        let way = ground.way(dice).await;
        let answer = ground.ask(&way, "/api/v1/calls", Some((&key, &order.body()))).await;
        match answer {
            Some((201, call)) => {
                let id = call["id"].as_str().unwrap().to_owned();
                let mut made = ground.made();
                let made = made.entry(order.index).or_default();
                if made.id.is_empty() {
                    made.id.clone_from(&id);
                } else if made.id != id {
                    let how = format!("the key {key} made {} and then {id}", made.id);
                    ground.broke(Promise::OncePerKey, how);
                }
                return id;
            }
            Some((status, answer)) if !may_be_asked_again(status) => {
                panic!("{} was refused: {status} {answer}", order.body());
            }
            _ => sleep(AGAIN).await,
        }
    }
}

/// The node stops, its store is away, it is slow, or it is still busy with the same request.
fn may_be_asked_again(status: u16) -> bool {
    matches!(status, 408 | 409 | 500..)
}

/// Ends a call, and remembers what was answered, if anything was.
pub async fn end(ground: &Ground, index: usize, id: &str, dice: &mut StdRng) {
    let way = ground.way(dice).await;
    let _ = end_through(ground, &way, index, id).await;
}

/// The same by this way. What was answered, if anything was.
pub async fn end_through(ground: &Ground, way: &Way, index: usize, id: &str) -> Option<String> {
    let path = format!("/api/v1/calls/{id}/hangup");
    let (status, answer) = ground.ask(way, &path, Some(("", &json!({})))).await?;
    let result = (status == 200).then(|| answer["result"].as_str().unwrap().to_owned())?;
    let mut made = ground.made();
    let ended = &mut made.entry(index).or_default().ended;
    ended.push((now(), result.clone()));
    Some(result)
}
