//! When a schedule occurs, as requests give it.

use std::time::Duration;

use outdial_domain::{Cron, Schedule};
use outdial_engine::verbs::Occurring;
use outdial_flow::Fields;

use crate::native::{edits::edit, moment::Moment, plan::Day};

/// The longest expression, name of a zone, and day.
const LONGEST_TEXT: usize = 200;
/// The most days to skip.
const MOST_SKIPPED: usize = 400;
/// The longest that a call may still be dialled after its occurrence.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 3600);

/// Reads all fields.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Occurring {
    for name in ["at", "in", "expires", "reference"] {
        if fields.has(name) {
            let message =
                "each call of a schedule has its own: give `cron`, and `lasts` for how long it may be dialled";
            fields.problem(name, "invalid", message);
        }
    }
    let moment = |moment: Option<Moment>| moment.map(|Moment(time)| time);
    let skip = fields.optional_list("skip", MOST_SKIPPED).map(|days| {
        let read = days.iter().filter_map(|day| day.parse::<Day>(LONGEST_TEXT));
        read.map(|Day(date)| date).collect()
    });
    let name = fields.optional_line("name", Schedule::LONGEST_NAME).map(str::to_owned);
    let start = moment(fields.optional_parse("start", Moment::LONGEST));
    let until = moment(fields.optional_parse("until", Moment::LONGEST));
    let lasts = fields.optional_duration("lasts", Duration::from_secs(1)..=LONGEST);
    let grace = fields.optional_duration("grace", Duration::ZERO..=Schedule::LONGEST_GRACE);
    Occurring {
        name: edit(fields, &["name"], name),
        cron: fields.optional_parse::<Cron>("cron", LONGEST_TEXT),
        zone: fields.optional_line("zone", LONGEST_TEXT).map(str::to_owned),
        skip: edit(fields, &["skip"], skip),
        start: edit(fields, &["start"], start),
        until: edit(fields, &["until"], until),
        lasts: edit(fields, &["lasts"], lasts),
        grace: edit(fields, &["grace"], grace),
        paused: fields.optional_boolean("paused"),
    }
}
