//! Names for legs.

use std::sync::atomic::{AtomicU8, Ordering};

use jiff::Timestamp;
use outdial_domain::LegId;

/// A name that no other leg of this test has.
pub(crate) fn leg() -> LegId {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    LegId::new(Timestamp::UNIX_EPOCH, [NEXT.fetch_add(1, Ordering::Relaxed); 10])
}
