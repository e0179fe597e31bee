//! `GET /metrics`: the measurements.

use std::sync::Arc;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use crate::native::{Api, endpoint::Endpoint};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("operation", __path_metrics, metrics)
}

/// The measurements, for Prometheus
#[utoipa::path(get, path = "/metrics",
    responses((status = 200, body = String, content_type = "text/plain", description = "The text format of Prometheus.")))]
async fn metrics(State(api): State<Arc<Api>>) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (content_type, (api.config.metrics)()).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::http::StatusCode;

    use crate::native::{NativeConfig, testing::Server};

    #[tokio::test(start_paused = true)]
    async fn what_the_program_renders_is_served() {
        let answer = Server::start().await.get("/metrics").await;
        assert_eq!(answer.text, "outdial_up 1\n");
        assert!(answer.header("content-type").starts_with("text/plain"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_a_problem_that_tells_nothing() {
        let metrics = Arc::new(|| panic!("the secret is 1234"));
        let server = Server::configured(NativeConfig { metrics }).await;
        let answer = server.get("/metrics").await;
        answer.is(StatusCode::INTERNAL_SERVER_ERROR, "internal");
        assert!(!answer.text.contains("1234"));
    }
}
