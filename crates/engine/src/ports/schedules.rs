//! What the store keeps of schedules.

use outdial_domain::Schedule;
use outdial_flow::Flow;

/// A schedule with the flow of its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSchedule {
    /// The schedule.
    pub schedule: Schedule,
    /// What its calls do after the answer.
    pub flow: Flow,
}
