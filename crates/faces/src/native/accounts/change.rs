//! `PATCH /api/v1/accounts/{id}`: changes how many calls an account is allowed.

use std::sync::Arc;

use axum::{Json, extract::State};
use outdial_domain::{AccountId, Allowance};
use outdial_engine::verbs::{self, AllowAccount};
use outdial_flow::Fields;
use utoipa::ToSchema;

use super::{refusal, shown};
use crate::native::{
    Api,
    actor::{Allowed, ToAdminister},
    code::Code,
    document::Document,
    edits::edit,
    endpoint::Endpoint,
    id::Id,
    refusal::Refusal,
    wire::Account,
};

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("administration", __path_change_account, change_account)
        .needs::<ToAdminister>()
        .refuses(&[
            Code::AccountNotFound,
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
        ])
}

/// What to change of how many calls an account is allowed. What is not given stays as it is; `null` makes it
/// what the configuration says.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct ChangeAccountRequest {
    /// How many may begin in a second; 0 for any number.
    #[schema(example = 5.0, minimum = 0, maximum = 100_000)]
    calls_per_second: Option<f64>,
    /// How many may begin at once after a pause; 1 when not given. It goes with `calls_per_second`.
    #[schema(minimum = 1)]
    burst: Option<u32>,
    /// How many may be live at once; 0 for any number.
    max_calls: Option<u32>,
}

/// Changes how many calls an account is allowed
///
/// It holds on all nodes at once: calls that wait go by it, too, and those that are live count.
#[utoipa::path(patch, path = "/api/v1/accounts/{id}", request_body = ChangeAccountRequest,
    params(("id" = String, Path, description = "The id of the account.")),
    responses((status = 200, body = Account)))]
async fn change_account(
    State(api): State<Arc<Api>>,
    _: Allowed<ToAdminister>,
    Id(id): Id<AccountId>,
    document: Document,
) -> Result<Json<Account>, Refusal> {
    let change = document.read(|fields| Some(read(fields)))?;
    let account = verbs::allow_account(&api.engine, id, change).await.map_err(refusal)?;
    Ok(Json(shown(&api.engine, account)))
}

fn read(fields: &mut Fields<'_, '_>) -> AllowAccount {
    let calls_per_second = fields.optional_decimal("calls_per_second", 0.0..=Allowance::MOST_PER_SECOND);
    let burst = fields.optional_integer("burst", 1..=u32::MAX);
    let max_calls = fields.optional_integer("max_calls", 0..=u32::MAX);
    AllowAccount {
        calls_per_second: edit(fields, &["calls_per_second"], calls_per_second),
        burst: edit(fields, &["burst"], burst),
        max_calls: edit(fields, &["max_calls"], max_calls),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use outdial_domain::Scope;
    use serde_json::{Value, json};

    use crate::native::testing::Server;

    fn path(server: &Server) -> String {
        format!("/api/v1/accounts/{}", server.actor.account)
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_account_is_allowed_is_read_changed_and_given_back() {
        let server = Server::start().await;
        let path = path(&server);
        let none = json!({"calls_per_second": null, "burst": null, "max_calls": null});
        let before = server.get(&path).await;
        assert_eq!((&before.json["limits"], &before.json["own_limits"]), (&none, &none));
        let said = json!({"calls_per_second": 3, "burst": 2, "max_calls": 7});
        let changed = server.patch(&path, &said).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
        let wanted = json!({"calls_per_second": 3.0, "burst": 2, "max_calls": 7});
        assert_eq!(
            (&changed.json["limits"], &changed.json["own_limits"]),
            (&wanted, &wanted)
        );
        assert_eq!(server.get(&path).await.json, changed.json);
        assert_eq!(server.get("/api/v1/accounts").await.json["accounts"][0], changed.json);
        let part = server.patch(&path, &json!({"max_calls": 0})).await;
        assert_eq!(part.json["own_limits"]["max_calls"], json!(0));
        assert_eq!(
            part.json["limits"],
            json!({"calls_per_second": 3.0, "burst": 2, "max_calls": null})
        );
        let cleared = json!({"calls_per_second": null, "burst": null, "max_calls": null});
        assert_eq!(server.patch(&path, &cleared).await.json, before.json);
    }

    #[tokio::test(start_paused = true)]
    async fn what_makes_no_sense_is_told_by_field_and_only_administrators_may() {
        let server = Server::start().await;
        for (body, field, code) in [
            (json!({"calls_per_second": -1}), "calls_per_second", "out_of_range"),
            (json!({"calls_per_second": 1e9}), "calls_per_second", "out_of_range"),
            (json!({"calls_per_second": "5"}), "calls_per_second", "type"),
            (json!({"calls_per_second": 1, "burst": 0}), "burst", "out_of_range"),
            (json!({"burst": 2}), "burst", "invalid"),
            (json!({"max_calls": -1}), "max_calls", "out_of_range"),
            (json!({"max_calls": 1.5}), "max_calls", "out_of_range"),
            (json!({"name": "x"}), "name", "unknown"),
        ] {
            let answer = server.patch(&path(&server), &body).await;
            answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
            assert_eq!(answer.errors()[0].0, field, "{body}");
            assert_eq!(answer.errors()[0].1, code, "{body}");
        }
        assert_eq!(
            server.get(&path(&server)).await.json["own_limits"]["burst"],
            Value::Null
        );
        let nobody = "/api/v1/accounts/acct_00000000000000000000000000000000";
        let answer = server.patch(nobody, &json!({"max_calls": 1})).await;
        answer.is(StatusCode::NOT_FOUND, "account_not_found");
        let weak = Server::with_scopes(&[Scope::Calls]).await;
        let answer = weak.patch(&path(&weak), &json!({"max_calls": 1})).await;
        answer.is(StatusCode::FORBIDDEN, "insufficient_scope");
    }
}
