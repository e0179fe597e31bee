use std::process::{Child, Command};
use std::time::{Duration, Instant};

const ENDS_WITHIN: Duration = Duration::from_secs(3);

/// Asks a process to end, as one does whose own processes or files are to end with it; kills it
/// when it does not listen.
pub(super) fn terminate(child: &mut Child) {
    let _ = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status();
    let asked = Instant::now();
    while asked.elapsed() < ENDS_WITHIN {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
}
