//! What happens in the model of texts, and what must hold of it.

pub(crate) mod check;
pub(crate) mod history;
pub(crate) mod life;
pub(crate) mod network;
