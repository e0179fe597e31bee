//! `/api/v1/schedules`

pub(super) mod change;
pub(super) mod create;
pub(super) mod get;
pub(super) mod list;
mod occurring;
pub(super) mod remove;

use outdial_engine::verbs::ScheduleError;

use super::{
    calls::{names::Names, place},
    code::Code,
    refusal::Refusal,
};

fn refusal(error: ScheduleError, names: Names) -> Refusal {
    let detail = error.to_string();
    match error {
        ScheduleError::NotFound => Refusal::new(Code::ScheduleNotFound, detail),
        ScheduleError::OtherVersion(_) => Refusal::new(Code::Conflict, detail).blame("version", "invalid"),
        ScheduleError::Refused(error) => place::refusal(error, names),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::native::testing::{BOB, Server};

    const PATH: &str = "/api/v1/schedules";

    #[tokio::test(start_paused = true)]
    async fn a_schedule_is_made_shown_changed_and_removed() {
        let server = Server::start().await;
        let body = json!({"to": BOB, "say": "Good morning", "cron": "30 9 * * mon-fri", "zone": "Asia/Singapore",
            "skip": ["2030-01-04"], "name": "morning", "lasts": "1h", "retry": "2/5m"});
        let made = server.post(PATH, &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        insta::assert_json_snapshot!(made.golden());
        let location = made.header("location").to_owned();
        assert_eq!(server.get(&location).await.json, made.json);
        assert_eq!(server.get(PATH).await.json["schedules"], json!([made.json]));

        let change = json!({"version": 1, "cron": "0 10 * * *", "paused": true, "say": "Other words"});
        let changed = server.patch(&location, &change).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
        assert_eq!(changed.json["next"], "2030-01-03T02:00:00Z");
        assert_eq!(
            (&changed.json["paused"], &changed.json["version"]),
            (&json!(true), &json!(2))
        );
        server
            .patch(&location, &change)
            .await
            .is(StatusCode::CONFLICT, "conflict");

        let stranger = server.stranger().await;
        let foreign = server.get_with(&location, &stranger).await;
        foreign.is(StatusCode::NOT_FOUND, "schedule_not_found");
        assert_eq!(server.delete(&location).await.status, StatusCode::NO_CONTENT);
        server
            .delete(&location)
            .await
            .is(StatusCode::NOT_FOUND, "schedule_not_found");
        server
            .get(&location)
            .await
            .is(StatusCode::NOT_FOUND, "schedule_not_found");
    }

    #[tokio::test(start_paused = true)]
    async fn its_calls_name_it() {
        let server = Server::start().await;
        let body = json!({"to": BOB, "say": "x", "cron": "5 3 * * *", "zone": "UTC"});
        let made = server.post(PATH, &body).await;
        tokio::time::sleep(std::time::Duration::from_secs(120)).await;
        let calls = server.get("/api/v1/calls").await;
        let id = made.json["id"].as_str().unwrap();
        assert_eq!(
            calls.json["calls"][0]["reference"],
            format!("{id} 2030-01-02T03:05:00Z")
        );
        assert_eq!(calls.json["calls"][0]["state"], "ended");
        let stands = server.get(&format!("{PATH}/{id}")).await;
        assert_eq!(stands.json["last"], "2030-01-02T03:05:00Z");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_told_by_field() {
        let server = Server::start().await;
        let good = json!({"to": BOB, "say": "x", "cron": "0 9 * * *", "zone": "UTC"});
        let table = [
            ("cron", json!(null), "missing"),
            ("cron", json!("* * * * * *"), "invalid"),
            ("cron", json!("0 0 30 2 *"), "invalid"),
            ("cron", json!("61 * * * *"), "invalid"),
            ("zone", json!("Mars"), "invalid"),
            ("zone", json!(null), "missing"),
            ("skip", json!(["tomorrow"]), "invalid"),
            ("until", json!("2130-01-01T00:00:00Z"), "out_of_range"),
            ("until", json!("2029-01-01T00:00:00Z"), "out_of_range"),
            ("grace", json!("25h"), "out_of_range"),
            ("at", json!("2030-02-01T00:00:00Z"), "invalid"),
            ("expires", json!("2030-02-01T00:00:00Z"), "invalid"),
            ("reference", json!("x"), "invalid"),
            ("to", json!(null), "missing"),
            ("every", json!("1s"), "unknown"),
        ];
        for (field, value, code) in table {
            let mut body = good.clone();
            body[field] = value.clone();
            let answer = server.post(PATH, &body).await;
            answer.is(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request");
            let errors = answer.errors();
            let found = errors
                .iter()
                .any(|(name, found)| name.starts_with(field) && found == code);
            assert!(found, "{field} {value}: {errors:?}");
        }
        assert_eq!(server.get(PATH).await.json["schedules"], json!([]));
    }
}
