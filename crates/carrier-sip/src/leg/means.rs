//! What a leg takes of this machine: a place among all legs, and the ports of its sound.

use std::{sync::Arc, time::Duration};

use outdial_domain::LegId;
use outdial_media_io::{OpenError, Stream};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use crate::start::Shared;

/// How long a leg waits for them. Whoever sent it here has counted that there are enough, but ports rest for a
/// moment after the leg that had them.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often it looks for them.
const LOOK: Duration = Duration::from_millis(50);

/// What a leg takes of this machine.
pub(super) struct Means {
    pub(super) place: OwnedSemaphorePermit,
    pub(super) stream: Stream,
}

/// Takes the means of a leg, as soon as there are some. The error says what there is none of.
pub(super) async fn means(shared: &Shared, leg: LegId) -> Result<Means, String> {
    let until = Instant::now() + PATIENCE;
    let place = tokio::time::timeout_at(until, Arc::clone(&shared.room).acquire_owned()).await;
    let Ok(Ok(place)) = place else {
        let most = shared.most_legs;
        return Err(format!("{most} legs are under way, and no more are allowed at a time"));
    };
    loop {
        match shared.media.open(leg) {
            Ok(stream) => return Ok(Means { place, stream }),
            Err(OpenError::Exhausted { .. }) if Instant::now() < until => tokio::time::sleep(LOOK).await,
            Err(error) => return Err(error.to_string()),
        }
    }
}
