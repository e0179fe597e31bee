//! Places where a test can make the program die or stand still, to try what a crash there leaves behind.
//!
//! `OUTDIAL_FAULT=after_journal:3` aborts the process when it comes to `after_journal` for the third time,
//! as a power cut would: nothing is cleaned up. `OUTDIAL_FAULT=after_journal:3:stop` makes it stand still
//! instead, as a debugger would: nothing of it runs until it gets the signal SIGCONT.
//!
//! `OUTDIAL_FAULT=journal_after_send` breaks the promise that nothing is sent before it is journalled, so that
//! a test of that promise can show that it would notice.
//!
//! Only builds with debug assertions heed the variable; in others there is nothing here to be found.

#[cfg(debug_assertions)]
mod late_journal;

/// A place of this name was reached.
#[cfg(not(debug_assertions))]
pub fn point(_name: &str) {}

#[cfg(debug_assertions)]
pub use armed::point;
#[cfg(debug_assertions)]
pub(crate) use late_journal::{keeps_back, write_late};

/// Whether this entry of the journal is kept back on purpose, to be written when the request has left.
#[cfg(not(debug_assertions))]
pub(crate) fn keeps_back(_change: &crate::ports::Change) -> bool {
    false
}

/// Writes what was kept back.
#[cfg(not(debug_assertions))]
pub(crate) async fn write_late(_engine: &crate::Engine, _call: outdial_domain::CallId) {}

#[cfg(debug_assertions)]
mod armed {
    use std::{
        path::Path,
        process::{Command, abort},
        sync::{
            LazyLock,
            atomic::{AtomicU64, Ordering},
        },
    };

    /// Every place. What the variable names must be among them.
    const POINTS: &[&str] = &[
        "before_create",
        "after_create",
        "before_journal",
        "after_journal",
        "sent",
        "ringing",
        "answered",
        "other_journalled",
        "other_answered",
        "text_before_journal",
        "text_after_journal",
        "text_sent",
        "before_end",
        "after_end",
        "file_taken",
        "file_noted",
        "file_finished",
    ];

    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum Fault {
        /// Dies or stands still at a place.
        At {
            point: &'static str,
            /// At which coming to the place, from 1.
            time: u64,
            stop: bool,
        },
        /// Writes the journal too late.
        JournalAfterSend,
    }

    impl Fault {
        /// What the variable asks for.
        pub(super) fn asked() -> Option<&'static Self> {
            static FAULT: LazyLock<Option<Fault>> = LazyLock::new(|| {
                let text = std::env::var("OUTDIAL_FAULT").ok()?;
                let fault = Fault::read(&text);
                if fault.is_none() {
                    tracing::error!(
                        text,
                        ?POINTS,
                        "OUTDIAL_FAULT is not understood: give POINT:TIME, POINT:TIME:stop or journal_after_send"
                    );
                }
                fault
            });
            FAULT.as_ref()
        }

        fn read(text: &str) -> Option<Self> {
            if text == "journal_after_send" {
                return Some(Self::JournalAfterSend);
            }
            let mut parts = text.split(':');
            let name = parts.next()?;
            let point = POINTS.iter().find(|point| **point == name)?;
            let time = parts.next().map_or(Some(1), |time| time.parse().ok())?;
            let stop = match (parts.next(), parts.next()) {
                (None, _) => false,
                (Some("stop"), None) => true,
                _ => return None,
            };
            Some(Self::At { point, time, stop })
        }
    }

    /// A place of this name was reached.
    pub fn point(name: &str) {
        static TIMES: AtomicU64 = AtomicU64::new(0);
        debug_assert!(POINTS.contains(&name), "{name} is in no list");
        let Some(Fault::At { point, time, stop }) = Fault::asked() else {
            return;
        };
        if *point != name || TIMES.fetch_add(1, Ordering::Relaxed) + 1 != *time {
            return;
        }
        if !stop {
            abort();
        }
        // All of the process stands still until it is told to go on, and this thread takes no step more: the signal
        // goes to the thread it names, which passes it on to the others.
        let thread = std::fs::read_link("/proc/thread-self");
        let id = thread.as_deref().ok().and_then(Path::file_name).map(ToOwned::to_owned);
        let id = id.unwrap_or_else(|| std::process::id().to_string().into());
        let _ = Command::new("kill").arg("-STOP").arg(id).status();
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn faults_are_read() {
            let fault = |point, time, stop| Some(Fault::At { point, time, stop });
            assert_eq!(Fault::read("journal_after_send"), Some(Fault::JournalAfterSend));
            assert_eq!(Fault::read("sent"), fault("sent", 1, false));
            assert_eq!(Fault::read("after_journal:3"), fault("after_journal", 3, false));
            assert_eq!(Fault::read("before_journal:2:stop"), fault("before_journal", 2, true));
            for wrong in ["", "nowhere:1", "sent:x", "sent:1:go", "sent:1:stop:2"] {
                assert_eq!(Fault::read(wrong), None, "{wrong}");
            }
        }
    }
}
