//! Places where a test can make the program die or stand still, to try what a crash there leaves behind.
//!
//! `OUTDIAL_FAULT=after_journal:3` aborts the process when it comes to `after_journal` for the third time,
//! as a power cut would: nothing is cleaned up. `OUTDIAL_FAULT=after_journal:3:stop` makes it stand still
//! instead, as a debugger would: nothing of it runs until it gets the signal SIGCONT. Only builds with debug
//! assertions heed the variable; in others there is nothing here to be found.

/// A place of this name was reached.
#[cfg(not(debug_assertions))]
pub(crate) fn point(_name: &str) {}

#[cfg(debug_assertions)]
pub(crate) use armed::point;

#[cfg(debug_assertions)]
mod armed {
    use std::{
        process::{Command, abort},
        sync::{
            LazyLock,
            atomic::{AtomicU64, Ordering},
        },
    };

    /// Every place. What the variable names must be among them.
    const POINTS: &[&str] = &[
        "before_journal",
        "after_journal",
        "sent",
        "ringing",
        "answered",
        "other_journalled",
        "other_answered",
        "before_end",
        "after_end",
    ];

    #[derive(Debug, PartialEq, Eq)]
    struct Fault {
        point: &'static str,
        /// At which coming to the place, from 1.
        time: u64,
        stop: bool,
    }

    impl Fault {
        fn read(text: &str) -> Option<Self> {
            let mut parts = text.split(':');
            let name = parts.next()?;
            let point = POINTS.iter().find(|point| **point == name)?;
            let time = parts.next().map_or(Some(1), |time| time.parse().ok())?;
            let stop = match (parts.next(), parts.next()) {
                (None, _) => false,
                (Some("stop"), None) => true,
                _ => return None,
            };
            Some(Self { point, time, stop })
        }
    }

    /// A place of this name was reached.
    pub(crate) fn point(name: &str) {
        static FAULT: LazyLock<Option<Fault>> = LazyLock::new(|| {
            let text = std::env::var("OUTDIAL_FAULT").ok()?;
            let fault = Fault::read(&text);
            if fault.is_none() {
                tracing::error!(
                    text,
                    ?POINTS,
                    "OUTDIAL_FAULT is not understood: give POINT:TIME or POINT:TIME:stop"
                );
            }
            fault
        });
        static TIMES: AtomicU64 = AtomicU64::new(0);
        debug_assert!(POINTS.contains(&name), "{name} is in no list");
        let Some(fault) = FAULT.as_ref().filter(|fault| fault.point == name) else {
            return;
        };
        if TIMES.fetch_add(1, Ordering::Relaxed) + 1 != fault.time {
            return;
        }
        if !fault.stop {
            abort();
        }
        // All of the process stands still, this thread included, until it is told to go on.
        let _ = Command::new("kill")
            .args(["-STOP", &std::process::id().to_string()])
            .status();
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn faults_are_read() {
            let fault = |point, time, stop| Some(Fault { point, time, stop });
            assert_eq!(Fault::read("sent"), fault("sent", 1, false));
            assert_eq!(Fault::read("after_journal:3"), fault("after_journal", 3, false));
            assert_eq!(Fault::read("before_journal:2:stop"), fault("before_journal", 2, true));
            for wrong in ["", "nowhere:1", "sent:x", "sent:1:go", "sent:1:stop:2"] {
                assert_eq!(Fault::read(wrong), None, "{wrong}");
            }
        }
    }
}
