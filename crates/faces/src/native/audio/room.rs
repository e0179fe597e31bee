//! How much of uploads is in memory at a time.

use std::{sync::Arc, time::Duration};

use axum::http::{HeaderMap, header};
use outdial_engine::verbs::LARGEST_UPLOAD;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::native::{code::Code, refusal::Refusal};

/// Room is counted in these.
const UNIT: usize = 1024 * 1024;

/// So many of them are there: for four of the largest uploads, or many small ones.
const UNITS: usize = 4 * LARGEST_UPLOAD / UNIT;

/// How long an upload waits for room. Nothing of it is read meanwhile, so its sender waits, too.
const PATIENCE: Duration = Duration::from_secs(10);

/// After how many seconds one that found none may try again.
pub(super) const RETRY: u64 = 10;

/// Room for the bytes of uploads. All uploads of this server share it.
#[derive(Debug)]
pub(in crate::native) struct UploadRoom(Arc<Semaphore>);

impl Default for UploadRoom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNITS)))
    }
}

impl UploadRoom {
    /// Room for an upload with these headers, as soon as there is some. It is given back when this is dropped.
    pub(super) async fn enter(&self, headers: &HeaderMap) -> Result<OwnedSemaphorePermit, Refusal> {
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        // One that is larger is refused before it is all in memory.
        let bytes = announced.unwrap_or(LARGEST_UPLOAD).min(LARGEST_UPLOAD);
        let units = u32::try_from(bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.0).acquire_many_owned(units);
        match tokio::time::timeout(PATIENCE, room).await {
            Ok(Ok(room)) => Ok(room),
            _ => Err(busy("too many files are being uploaded at the moment".to_owned())),
        }
    }
}

/// What is said to an upload that there is no time for.
pub(super) fn busy(detail: String) -> Refusal {
    Refusal::new(Code::UploadsBusy, detail).retry_after(RETRY)
}
