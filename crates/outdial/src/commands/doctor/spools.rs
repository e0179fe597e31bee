//! Whether call files can be taken.

use outdial_callfile::{Queue, QueueError};

use super::Finding;
use crate::{cli::Common, config::Config, data_dir::DataDir};

/// One for each directory of `[[faces.spool]]` that is on.
pub(super) fn findings(common: &Common, config: &Config) -> Vec<Finding> {
    let spools = config.faces.spool.iter().filter(|spool| spool.enabled);
    let look = |spool: &crate::config::Spool| {
        let directory = spool.directory.display();
        let running = DataDir::running(&common.data).is_some();
        let found = match Queue::open(&spool.directory) {
            Ok(queue) => Ok(format!(
                "files can be taken, and go to {}",
                queue.archive_dir().display()
            )),
            Err(QueueError::InUse { .. }) if running => Ok("the running server takes its files".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        Finding::new(format!("spool {directory}"), found)
    };
    spools.map(look).collect()
}
