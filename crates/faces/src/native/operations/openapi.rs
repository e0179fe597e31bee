//! `GET /openapi.json`: the description of this interface.

use std::sync::LazyLock;

use axum::{http::header, response::IntoResponse};

use crate::native::{endpoint::Endpoint, openapi_json};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("operation", __path_openapi, openapi)
}

/// The description of this interface, as an OpenAPI document
#[utoipa::path(get, path = "/openapi.json",
    responses((status = 200, body = serde_json::Value, description = "An OpenAPI document.")))]
async fn openapi() -> impl IntoResponse {
    static DOCUMENT: LazyLock<String> = LazyLock::new(openapi_json);
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

#[cfg(test)]
mod tests {
    use crate::native::testing::Server;

    #[tokio::test(start_paused = true)]
    async fn it_describes_itself() {
        let answer = Server::start().await.get("/openapi.json").await;
        assert!(answer.json["paths"]["/openapi.json"]["get"].is_object());
    }
}
