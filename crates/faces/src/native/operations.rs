//! What whoever runs the server asks it.

pub(super) mod healthz;
pub(super) mod metrics;
pub(super) mod openapi;
pub(super) mod readyz;
