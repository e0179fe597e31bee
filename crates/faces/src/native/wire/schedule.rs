//! A schedule.

use outdial_domain as domain;
use outdial_engine::ports::StoredSchedule;
use serde::Serialize;
use utoipa::ToSchema;

use super::{PriorityWord, Seconds, Time};
use crate::native::plan::{Hours, RetryPlan};

/// A plan that runs again and again.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct Schedule {
    /// Names it.
    #[schema(example = "sched_019a9c3e5b7d7c1e8f00112233445566")]
    id: String,
    #[schema(required = true)]
    name: Option<String>,
    /// Grows with every change and every occurrence; a change may name the one that it knows.
    version: u32,
    /// When it occurs: minute, hour, day of the month, month, day of the week.
    #[schema(example = "30 9 * * mon-fri")]
    cron: String,
    /// By the clock of this zone.
    zone: String,
    /// On these days not.
    skip: Vec<String>,
    /// Not before this time.
    start: Time,
    /// Not at this time or later.
    #[schema(required = true)]
    until: Option<Time>,
    /// How long after its occurrence a call may still be dialled.
    #[schema(required = true)]
    lasts: Option<Seconds>,
    /// How late an occurrence may be made when the server was down at its time.
    grace: Seconds,
    /// Whether it rests.
    paused: bool,
    /// Its next occurrence; `null` when there is none.
    #[schema(required = true)]
    next: Option<Time>,
    /// The last occurrence that became a call.
    #[schema(required = true)]
    last: Option<Time>,
    /// The last occurrence that came too late to become a call, because no server ran at its time.
    #[schema(required = true)]
    missed: Option<Time>,
    created_at: Time,
    /// Whom to reach.
    to: String,
    #[schema(required = true)]
    from: Option<String>,
    #[schema(required = true)]
    via: Option<String>,
    #[schema(required = true)]
    tag: Option<String>,
    priority: PriorityWord,
    ring: Seconds,
    max: Seconds,
    #[schema(required = true)]
    hours: Option<Hours>,
    #[schema(required = true)]
    retry: Option<RetryPlan>,
}

/// Schedules, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::native) struct ScheduleList {
    pub(in crate::native) schedules: Vec<Schedule>,
}

impl Schedule {
    /// Where it can be read.
    pub(in crate::native) fn location(&self) -> String {
        format!("/api/v1/schedules/{}", self.id)
    }
}

impl From<StoredSchedule> for Schedule {
    fn from(stored: StoredSchedule) -> Self {
        let schedule = stored.schedule;
        let plan = schedule.plan;
        Self {
            id: schedule.id.to_string(),
            name: schedule.name,
            version: schedule.version,
            cron: schedule.recurrence.cron.to_string(),
            zone: schedule.recurrence.zone,
            skip: schedule.recurrence.skip.iter().map(ToString::to_string).collect(),
            start: Time(schedule.start),
            until: schedule.until.map(Time),
            lasts: schedule.lasts.map(Seconds::from),
            grace: schedule.grace.into(),
            paused: schedule.paused,
            next: schedule.next.map(Time),
            last: schedule.last.map(Time),
            missed: schedule.missed.map(Time),
            created_at: Time(schedule.created_at),
            to: plan.to.to_string(),
            from: plan.from.map(|from| from.to_string()),
            via: plan.via,
            tag: plan.tag,
            priority: PriorityWord(plan.priority),
            ring: plan.ring.into(),
            max: plan.talk.into(),
            hours: plan.hours.map(Hours::from),
            retry: (plan.retry != domain::Retry::default()).then(|| plan.retry.into()),
        }
    }
}
