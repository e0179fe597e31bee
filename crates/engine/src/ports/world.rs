//! Time, randomness, and the ids made of both.

use std::sync::Arc;

use jiff::Timestamp;

/// Tells the time of day. Deadlines and pauses use tokio's clock, which tests can hold still too.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Gives random bytes.
pub trait Entropy: Send + Sync {
    /// Fills the bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine for the time"
    )]
    fn now(&self) -> Timestamp {
        // Stores keep microseconds, so that what is read back is what was said.
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}

/// The machine's own source of randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine for randomness"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        rand::RngCore::fill_bytes(&mut rand::rng(), bytes);
    }
}

/// Makes ids, and tells the time they are made at.
#[derive(Clone)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Ids {
    /// Makes ids from this time and this randomness.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new id, as in `ids.make(CallId::new)`.
    pub fn make<Id>(&self, new: fn(Timestamp, [u8; 10]) -> Id) -> Id {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        new(self.clock.now(), random)
    }

    /// Random bytes for a secret.
    #[must_use]
    pub fn secret(&self) -> [u8; 32] {
        let mut random = [0; 32];
        self.entropy.fill(&mut random);
        random
    }
}
