use std::time::Duration;

/// How badly the network treats the RTP of a call, in both directions. The same seed gives the same fate to the same packets.
///
/// A reordering network is made of delay and jitter: packets overtake each other where the jitter is longer than 20 ms.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Network {
    /// The share of packets that are dropped, 0 to 1.
    pub loss: f64,
    /// How long every packet is held back.
    pub delay: Duration,
    /// How much longer a packet may be held back, evenly distributed from nothing to this.
    pub jitter: Duration,
    /// Where the dice begin. The two directions and every further call of a phone have dice of their own, made of it.
    pub seed: u64,
}

impl Network {
    /// A network that drops this share of the packets, 0 to 1.
    pub fn losing(loss: f64) -> Self {
        Self {
            loss,
            ..Self::default()
        }
    }

    /// A network that holds packets back.
    pub fn delaying(delay: Duration) -> Self {
        Self {
            delay,
            ..Self::default()
        }
    }

    /// The same with this much jitter on top of the delay.
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// The same with other dice.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}
