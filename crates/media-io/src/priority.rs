//! The place of a pacing thread among all that want the processor.

/// What `nice` calls the threads that must not be late; 0 is usual, -20 the first of all.
#[cfg(target_os = "linux")]
const NICENESS: i32 = -10;

/// Lets the calling thread go before others, where the system permits it (`CAP_SYS_NICE`, or
/// `LimitNICE` of a service): it needs little time, and what it sends late is not heard.
#[cfg(target_os = "linux")]
pub(crate) fn raise() {
    // Linux keeps a niceness per thread, and the thread's id names it.
    let this = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(this), NICENESS) {
        tracing::debug!(%error, "the system does not let sound go before other work");
    }
}

/// Elsewhere a niceness belongs to the whole program, so nothing is changed.
#[cfg(not(target_os = "linux"))]
pub(crate) fn raise() {}
