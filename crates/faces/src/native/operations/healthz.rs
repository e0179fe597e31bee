//! `GET /healthz`: whether the process is alive.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::native::endpoint::Endpoint;

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("operation", __path_healthz, healthz)
}

/// How the server is.
#[derive(Serialize, ToSchema)]
pub(in crate::native) struct Health {
    /// `alive` from `/healthz`, `ready` from `/readyz`.
    #[schema(example = "ready")]
    pub(super) status: &'static str,
}

/// Whether the process is alive
///
/// It looks at nothing else: a process that answers is alive.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = Health)))]
async fn healthz() -> Json<Health> {
    Json(Health { status: "alive" })
}
