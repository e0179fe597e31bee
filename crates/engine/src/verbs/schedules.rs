//! Schedules: makes, shows, changes and removes them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, civil::Date};
use outdial_domain::{Cron, Recurrence, Schedule, ScheduleId, hours::zones};
use outdial_flow::Problem;

use super::{Actor, ChangeCall, Edit, Once, PlaceCall, PlaceCallError, change_call::merge, place_call::check};
use crate::{
    Engine,
    ports::{StoreError, StoredSchedule},
};

/// When a schedule occurs; of a change, what is not given stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Occurring {
    /// What people call it.
    pub name: Edit<String>,
    /// At which minutes.
    pub cron: Option<Cron>,
    /// By the clock of this zone.
    pub zone: Option<String>,
    /// On these days not.
    pub skip: Edit<Vec<Date>>,
    /// Not before this time.
    pub start: Edit<Timestamp>,
    /// Not at this time or later.
    pub until: Edit<Timestamp>,
    /// How long after its occurrence a call may still be dialled.
    pub lasts: Edit<Duration>,
    /// How late an occurrence may be made, after the server was down.
    pub grace: Edit<Duration>,
    /// Whether it rests.
    pub paused: Option<bool>,
}

/// Why a schedule was not made, changed or found. Nothing was saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The account has no such schedule.
    #[error("there is no schedule with this id in this account")]
    NotFound,
    /// It was changed by somebody else.
    #[error("the schedule has version {0} by now: read it again, and change it with that version")]
    OtherVersion(u32),
    /// What it would become cannot be accepted.
    #[error(transparent)]
    Refused(#[from] PlaceCallError),
}

impl From<StoreError> for ScheduleError {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}

/// The most schedules of an account.
const MOST: usize = 1_000;
/// The furthest end that a schedule may name.
const FURTHEST: SignedDuration = SignedDuration::from_hours(24 * 366 * 10);
/// The most days to skip.
const MOST_SKIPPED: usize = 400;

/// Makes a schedule. Its first occurrence is the first after now.
///
/// # Errors
///
/// [`ScheduleError::Refused`] says why not.
pub async fn create_schedule(
    engine: &Engine,
    actor: &Actor,
    request: PlaceCall,
    occurring: Occurring,
    once: Option<Once<StoredSchedule>>,
) -> Result<StoredSchedule, ScheduleError> {
    let now = engine.ids.now();
    if engine.store.schedules(actor.account).await?.len() >= MOST {
        let message = format!("an account has at most {MOST} schedules: remove one first");
        return Err(invalid("cron", "invalid", message));
    }
    let Occurring {
        cron: Some(cron),
        zone: Some(zone),
        ..
    } = occurring.clone()
    else {
        return Err(invalid("cron", "missing", "give `cron` and `zone`"));
    };
    let (plan, flow) = check(engine, actor, request, now).await?;
    let mut schedule = Schedule {
        id: engine.ids.make(ScheduleId::new),
        account: actor.account,
        name: None,
        plan,
        recurrence: Recurrence {
            cron,
            zone,
            skip: Vec::new(),
        },
        start: now,
        until: None,
        lasts: None,
        grace: Schedule::GRACE,
        paused: false,
        next: None,
        decided: None,
        last: None,
        missed: None,
        version: 1,
        created_at: now,
    };
    apply(&mut schedule, occurring, now)?;
    if schedule.next.is_none() {
        return Err(never());
    }
    let stored = StoredSchedule { schedule, flow };
    let answer = once.map(|answer| answer(&stored));
    engine.store.add_schedule(stored.clone(), answer).await?;
    engine.inner().schedules.notify_one();
    Ok(stored)
}

/// A schedule as it stands.
///
/// # Errors
///
/// [`ScheduleError::NotFound`] when the account has none of this id.
pub async fn get_schedule(engine: &Engine, actor: &Actor, id: ScheduleId) -> Result<StoredSchedule, ScheduleError> {
    let found = engine.store.schedule(actor.account, id).await?;
    found.ok_or(ScheduleError::NotFound)
}

/// All schedules of the account, newest first.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub async fn list_schedules(engine: &Engine, actor: &Actor) -> Result<Vec<StoredSchedule>, StoreError> {
    engine.store.schedules(actor.account).await
}

/// Changes a schedule, and reckons its next occurrence anew. Calls that it has made stay as they are.
///
/// # Errors
///
/// [`ScheduleError`] says why not.
pub async fn change_schedule(
    engine: &Engine,
    actor: &Actor,
    id: ScheduleId,
    change: ChangeCall,
    occurring: Occurring,
) -> Result<StoredSchedule, ScheduleError> {
    loop {
        let mut stored = get_schedule(engine, actor, id).await?;
        let version = stored.schedule.version;
        if change.version.is_some_and(|wanted| wanted != version) {
            return Err(ScheduleError::OtherVersion(version));
        }
        let now = engine.ids.now();
        let mut request = merge(&stored.schedule.plan, &stored.flow, change.clone(), now);
        request.due = None;
        (stored.schedule.plan, stored.flow) = check(engine, actor, request, now).await?;
        apply(&mut stored.schedule, occurring.clone(), now)?;
        stored.schedule.version += 1;
        if engine.store.change_schedule(stored.clone()).await? {
            engine.inner().schedules.notify_one();
            return Ok(stored);
        }
        // It occurred or was changed in this very moment: look again.
        tokio::task::yield_now().await;
    }
}

/// Removes a schedule. Calls that it has made stay as they are.
///
/// # Errors
///
/// [`ScheduleError::NotFound`] when the account has none of this id.
pub async fn remove_schedule(engine: &Engine, actor: &Actor, id: ScheduleId) -> Result<(), ScheduleError> {
    let removed = engine.store.remove_schedule(actor.account, id).await?;
    removed.then_some(()).ok_or(ScheduleError::NotFound)
}

fn apply(schedule: &mut Schedule, occurring: Occurring, now: Timestamp) -> Result<(), ScheduleError> {
    let Occurring {
        name,
        cron,
        zone,
        skip,
        start,
        until,
        lasts,
        grace,
        paused,
    } = occurring;
    schedule.name = name.of(schedule.name.take());
    if let Some(cron) = cron {
        schedule.recurrence.cron = cron;
    }
    if let Some(zone) = zone {
        schedule.recurrence.zone = zone;
    }
    let ends_by_this = matches!(until, Edit::Set(_));
    let skipped = std::mem::take(&mut schedule.recurrence.skip);
    schedule.recurrence.skip = skip.of(skipped).unwrap_or_default();
    schedule.start = start.of(schedule.start).unwrap_or(now);
    schedule.until = until.of(schedule.until);
    schedule.lasts = lasts.of(schedule.lasts);
    schedule.grace = grace.of(schedule.grace).unwrap_or(Schedule::GRACE);
    schedule.paused = paused.unwrap_or(schedule.paused);
    let problems = problems(schedule, now);
    if !problems.is_empty() {
        return Err(PlaceCallError::Invalid(problems).into());
    }
    schedule.reckon(now);
    if schedule.next.is_none() && !ends_by_this && schedule.until.is_none_or(|until| until > now) {
        return Err(never());
    }
    if schedule.next.is_some() && !schedule.is_ever_dialled() {
        let message = "the hours are closed at every occurrence, for as long as its call `lasts`: no call of it could ever be dialled";
        return Err(invalid("hours", "invalid", message));
    }
    Ok(())
}

fn never() -> ScheduleError {
    let message = "it never occurs: there is no such day before `until`, or all of them are skipped";
    invalid("cron", "invalid", message)
}

fn problems(schedule: &Schedule, now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |field: &str, code, message: String| problems.push(problem(field, code, message));
    let zone = &schedule.recurrence.zone;
    if zones::named(zone).is_none() {
        let message = format!("there is no time zone `{zone}`: give one of the tz database, as `Asia/Singapore`");
        wrong("zone", "invalid", message);
    }
    if schedule.recurrence.skip.len() > MOST_SKIPPED {
        wrong("skip", "too_long", format!("give at most {MOST_SKIPPED}"));
    }
    for (field, time) in [("start", Some(schedule.start)), ("until", schedule.until)] {
        if time.is_some_and(|time| time.duration_since(now) > FURTHEST) {
            wrong(
                field,
                "out_of_range",
                "give a time within the next ten years, or none".to_owned(),
            );
        }
    }
    if schedule.until.is_some_and(|until| until <= schedule.start) {
        wrong(
            "until",
            "out_of_range",
            format!("give a time after {}, when it starts", schedule.start),
        );
    }
    if schedule.grace > Schedule::LONGEST_GRACE {
        wrong("grace", "out_of_range", "give at most 24h".to_owned());
    }
    problems
}

fn problem(field: &str, code: &'static str, message: impl Into<String>) -> Problem {
    Problem {
        field: field.to_owned(),
        code,
        message: message.into(),
    }
}

fn invalid(field: &str, code: &'static str, message: impl Into<String>) -> ScheduleError {
    PlaceCallError::Invalid(vec![problem(field, code, message)]).into()
}
