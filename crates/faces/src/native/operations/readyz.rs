//! `GET /readyz`: whether work is taken.

use std::{sync::Arc, time::Duration};

use axum::{Json, extract::State};

use super::healthz::Health;
use crate::native::{Api, code::Code, endpoint::Endpoint, refusal::Refusal};

/// How long the store may take: whoever probes waits little longer.
const PATIENCE: Duration = Duration::from_millis(900);

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("operation", __path_readyz, readyz).refuses(&[Code::Stopping, Code::StoreUnavailable])
}

/// Whether work is taken
///
/// Ready means that the store can be read and written and that the server is not stopping.
#[utoipa::path(get, path = "/readyz", responses((status = 200, body = Health)))]
async fn readyz(State(api): State<Arc<Api>>) -> Result<Json<Health>, Refusal> {
    if api.engine.is_stopping() {
        return Err(Refusal::stopping());
    }
    let checked = tokio::time::timeout(PATIENCE, api.engine.store.check()).await;
    checked.map_err(|_| Refusal::new(Code::StoreUnavailable, "the store does not answer"))??;
    Ok(Json(Health { status: "ready" }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;

    use crate::native::testing::Server;

    #[tokio::test(start_paused = true)]
    async fn it_says_what_is_missing() {
        let server = Server::start().await;
        assert_eq!(server.get("/readyz").await.json["status"], "ready");
        server.world.store.fill_disk();
        server
            .get("/readyz")
            .await
            .is(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable");
        assert_eq!(server.get("/healthz").await.json["status"], "alive");
        server.world.store.fail(None);
        server.engine.stop(Duration::from_secs(1)).await;
        server
            .get("/readyz")
            .await
            .is(StatusCode::SERVICE_UNAVAILABLE, "stopping");
        assert_eq!(server.get("/healthz").await.status, StatusCode::OK);
    }
}
