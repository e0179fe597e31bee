//! A stay in a room: its end, and why there is none.

use std::time::Instant;

use outdial_domain::Outcome;

use super::{Command, Interpreter, State};

impl Interpreter {
    pub(super) fn left_room(&mut self, now: Instant) {
        if let State::InRoom = self.state {
            self.done("left the room");
            self.run(now);
        }
    }

    /// The steps that follow may say why; where there are none, the leg hears that it was turned away.
    pub(super) fn not_let_in(&mut self, outcome: Outcome, now: Instant) {
        let State::InRoom = self.state else { return };
        self.done(&format!("not let in: {outcome}"));
        if self.lists.iter().all(|list| list.rest.as_slice().is_empty()) {
            self.commands.push_back(Command::Announce(outcome));
            self.state = State::Announcing;
        } else {
            self.run(now);
        }
    }

    /// Whether the flow ends with the reason why nobody was reached, or why the leg was not let in.
    #[must_use]
    pub fn is_announcing(&self) -> bool {
        matches!(self.state, State::Announcing)
    }
}
