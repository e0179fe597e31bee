//! Clocks: the far side's against ours, and ours against itself.

use std::time::Duration;

use jiff::SignedDuration;

use super::Finding;

/// Clocks that differ by less do no harm: certificates and logs are compared by minutes.
const SKEW: i64 = 60;
/// A clock that is being set right slowly strays less than this in the time of an examination.
const STRAYED: SignedDuration = SignedDuration::from_millis(500);

/// The far side's clock by its `Date`; `now` in seconds.
pub(super) fn theirs(date: Option<&str>, now: i64) -> Finding {
    const WHAT: &str = "clock";
    let Some(date) = date else {
        return Finding::not_known(WHAT, "it does not tell the time; few far sides do");
    };
    let Ok(theirs) = jiff::fmt::rfc2822::parse(date) else {
        return Finding::not_known(WHAT, "it tells a time that cannot be read");
    };
    let ahead = theirs.timestamp().as_second() - now;
    let result = match ahead.abs() > SKEW {
        true => Err(format!(
            "its clock is {} s {} ours: look at this machine's clock first (certificates and logs need it), then tell them",
            ahead.abs(),
            if ahead > 0 { "ahead of" } else { "behind" }
        )),
        false => Ok(format!("its clock and ours differ by {} s at most", ahead.abs() + 1)),
    };
    Finding::new(WHAT, result)
}

/// Whether the wall clock went on as the steady clock did, during an examination.
pub(super) fn ours(steady: Duration, wall: SignedDuration) -> Finding {
    let steady = SignedDuration::try_from(steady).unwrap_or(SignedDuration::MAX);
    let jump = wall.saturating_sub(steady);
    let seconds = jump.abs().as_secs_f64();
    let result = match jump.abs() > STRAYED {
        true => Err(format!(
            "this machine's clock jumped {} by {seconds:.1} s during {:.1} s: calls are planned by it. Let one time \
             service keep it (chrony or systemd-timesyncd), and look at the host of a virtual machine",
            if jump.is_positive() { "forward" } else { "back" },
            steady.as_secs_f64()
        )),
        false => Ok(format!(
            "this machine's clock strayed by {:.0} ms at most during the examination",
            seconds * 1_000.0
        )),
    };
    Finding::new("own clock", result)
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};

    #[test]
    fn clocks_that_differ_are_told() {
        let now = "2026-11-20T08:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second();
        let of = |date| {
            let found = theirs(date, now);
            (found.verdict, found.detail)
        };
        assert_eq!(of(Some("Fri, 20 Nov 2026 08:00:30 GMT")).0, Verdict::Ok);
        let (verdict, ahead) = of(Some("Fri, 20 Nov 2026 09:00:00 GMT"));
        assert!(
            verdict == Verdict::Wrong && ahead.contains("3600 s ahead of"),
            "{ahead}"
        );
        assert!(of(Some("Thu, 19 Nov 2026 08:00:00 GMT")).1.contains("behind"));
        assert_eq!(of(Some("noon")).0, Verdict::NotKnown);
        assert_eq!(of(None).0, Verdict::NotKnown);
    }

    #[test]
    fn a_clock_that_jumps_is_found() {
        let of = |wall| {
            let found = ours(Duration::from_secs(8), SignedDuration::from_millis(wall));
            (found.verdict, found.detail)
        };
        assert_eq!(of(8_100).0, Verdict::Ok);
        assert_eq!(of(7_700).0, Verdict::Ok);
        let (verdict, back) = of(-3_592_000);
        assert!(verdict == Verdict::Wrong && back.contains("back by 3600.0 s"), "{back}");
        assert!(of(9_000).1.contains("forward by 1.0 s"));
    }
}
