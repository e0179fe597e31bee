//! Sends messages: takes those whose time has come, chooses their way, writes them into the journal, hands them to
//! a carrier and writes down what became of them. What carriers bring in is in `arrivals` and `received`, what a
//! crash left in `interrupted`, what no receipt comes for in `overdue`.

mod answers;
mod arrivals;
pub(crate) mod interrupted;
mod overdue;
mod received;
pub(crate) mod route;
mod saving;
mod scheduler;
mod task;

use crate::Engine;

pub(crate) use saving::{event, save_new};

/// Starts all that sends and takes messages.
pub(crate) fn start(engine: &Engine) {
    engine.inner().tasks.spawn(scheduler::run(engine.clone()));
    engine.inner().tasks.spawn(overdue::run(engine.clone()));
    for arriving in engine.text_carriers.values().filter_map(|carrier| carrier.arriving()) {
        engine.inner().tasks.spawn(arrivals::take_all(engine.clone(), arriving));
    }
}
