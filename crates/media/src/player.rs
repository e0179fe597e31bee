//! Plays clips one after the other, frame by frame.

/// There is no room for more; wait for something queued to finish, or stop it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue of this stream is full")]
pub struct QueueFull;
