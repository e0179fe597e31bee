//! Keeps the log short when the same thing happens again and again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often it is said how many more there were.
const EVERY: Duration = Duration::from_secs(10);

/// So many different things are told of at a time. Part of what is said comes from outside.
const THINGS: usize = 32;

/// What has been said lately, and how often it happened since. A clone knows the same.
///
/// Use it for what a far side can make happen as often as it likes.
#[derive(Debug, Clone, Default)]
pub struct Seldom(Arc<Mutex<HashMap<String, u64>>>);

impl Seldom {
    /// Whether this has not happened lately, and is to be said now. Else it is counted, and `more` is called with
    /// the count: every ten seconds, from a task of this tokio, until it happens no more.
    pub fn is_first(&self, what: &str, more: impl Fn(u64) + Send + 'static) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(what) {
            *count += 1;
            return false;
        }
        if counts.len() >= THINGS {
            return false;
        }
        counts.insert(what.to_owned(), 0);
        drop(counts);
        let (said, what) = (self.clone(), what.to_owned());
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                match said.since(&what) {
                    0 => return,
                    count => more(count),
                }
            }
        });
        true
    }

    /// How often it happened since this was asked last; forgets it when it did not.
    fn since(&self, what: &str) -> u64 {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.get_mut(what).map(std::mem::take).unwrap_or_default();
        if count == 0 {
            counts.remove(what);
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_happens_often_is_counted() {
        let seldom = Seldom::default();
        let (sender, told) = mpsc::channel();
        let say = |what: &str| {
            let sender = sender.clone();
            seldom.is_first(what, move |count| sender.send(count).unwrap())
        };
        let mut said = (0..1000).filter(|_| say("flood"));
        assert_eq!(said.by_ref().count(), 1);
        assert!(say("another"), "it is another thing");
        tokio::time::sleep(EVERY + Duration::from_millis(1)).await;
        assert_eq!(told.try_recv(), Ok(999));
        tokio::time::sleep(EVERY).await;
        assert!(told.try_recv().is_err(), "nothing more happened");
        assert!(say("flood"), "it begins anew");
        let others = (0..1000).filter(|number| say(&number.to_string())).count();
        assert_eq!(others, THINGS - 1);
    }
}
