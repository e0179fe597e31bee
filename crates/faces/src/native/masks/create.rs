//! `POST /api/v1/masks`: gives two people a number by which they reach each other.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use jiff::Timestamp;
use outdial_domain::{self as domain, Address, AddressError, Pin, Plan};
use outdial_engine::verbs::{self, CreateMask};
use outdial_flow::Fields;
use utoipa::ToSchema;

use crate::native::{
    Api,
    actor::{Allowed, ToCall},
    code::Code,
    document::Document,
    endpoint::Endpoint,
    idempotency::{Answer, Idempotency},
    moment::{Length, Moment},
    refusal::Refusal,
    wire::Mask,
};

/// More than any PIN has, so that a long one gets the message that fits it.
const LONGEST_PIN: usize = 100;
/// The longest time that a mask may hold.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

pub(in crate::native) fn endpoint() -> Endpoint {
    Endpoint::new("masks", __path_create_mask, create_mask)
        .needs::<ToCall>()
        .refuses(&[
            Code::InvalidRequest,
            Code::MalformedJson,
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::NoFreeNumber,
            Code::DestinationClosed,
            Code::NoRoute,
        ])
        .makes_once()
}

/// Two people who shall reach each other by a number of ours.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `Document` reads field by field")]
pub(in crate::native) struct CreateMaskRequest {
    /// The two.
    #[schema(example = json!(["+6590000001", "+6590000002"]), min_items = 2, max_items = 2)]
    parties: Vec<String>,
    /// The number; one of the account's that is free for these two, when not given.
    #[schema(max_length = 255)]
    number: Option<String>,
    /// What a caller must press to be connected: 3 to 10 digits. It is never shown.
    #[schema(format = Password)]
    pin: Option<String>,
    /// At this time and later it connects nobody. Give `expires` or `lasts`, not both.
    expires: Option<Moment>,
    /// How long it connects from now on.
    lasts: Option<Length>,
    /// Free text, echoed everywhere.
    #[schema(max_length = 256)]
    tag: Option<String>,
}

/// Masks a pair
///
/// Whoever of the two calls the number is connected with the other, and both see nothing but the number.
#[utoipa::path(post, path = "/api/v1/masks", request_body = CreateMaskRequest,
    responses((status = 201, body = Mask)))]
async fn create_mask(
    State(api): State<Arc<Api>>,
    Allowed { actor, .. }: Allowed<ToCall>,
    idempotency: Idempotency,
    document: Document,
) -> Result<Answer, Refusal> {
    let engine = &api.engine;
    let idempotency = idempotency.for_request(&[b"POST /api/v1/masks", &document.canonical()]);
    let create = async |once| {
        let now = engine.ids.now();
        let request = document.read(|fields| read(fields, now))?;
        Ok(verbs::create_mask(engine, &actor, request, once).await?)
    };
    idempotency.create(&api, &actor, answer, create).await
}

fn answer(mask: &domain::Mask) -> Answer {
    Answer::made(&Mask::from(mask.clone()))
}

fn read(fields: &mut Fields<'_, '_>, now: Timestamp) -> Option<CreateMask> {
    let parties = fields.required("parties").and_then(|given| {
        let list = given.list(2)?;
        if list.len() != 2 {
            given.problem("invalid", "give two numbers");
            return None;
        }
        let mut read = list.iter().map(|party| party.parse::<Dialled>(Address::LONGEST));
        let (one, other) = (read.next().flatten(), read.next().flatten());
        Some([one?.0, other?.0])
    });
    let number = fields.optional_parse::<Dialled>("number", Address::LONGEST);
    let pin = fields.optional_parse::<Pin>("pin", LONGEST_PIN);
    let expires = fields
        .optional_parse::<Moment>("expires", Moment::LONGEST)
        .map(|Moment(at)| at);
    let lasts = fields.optional_duration("lasts", Duration::from_secs(1)..=LONGEST);
    if fields.has("expires") && fields.has("lasts") {
        fields.problem("lasts", "invalid", "give `expires` or `lasts`, not both");
    }
    let tag = fields.optional_line("tag", Plan::LONGEST_TAG).map(str::to_owned);
    Some(CreateMask {
        parties: parties?,
        number: number.map(|Dialled(number)| number),
        pin,
        expires: expires.or(lasts.and_then(|lasts| now.checked_add(lasts).ok())),
        tag,
    })
}

struct Dialled(Address);

impl std::str::FromStr for Dialled {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Address::parse(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use outdial_domain::{LegId, Number, NumberUse, Outcome, Scope};
    use outdial_engine::ports::LegCommand;
    use outdial_testkit::fakes::Script;
    use serde_json::json;

    use super::*;
    use crate::native::testing::Server;

    const ANN: &str = "sip:ann@127.0.0.1";
    const BEN: &str = "sip:ben@127.0.0.1";
    const OURS: &str = "+6561234500";

    async fn with_numbers() -> Server {
        Server::decided(&[Scope::Calls], |settings| {
            for number in [OURS, "+6561234501"] {
                settings.numbers.push(Number {
                    address: Address::parse(number).unwrap(),
                    account: "acme".to_owned(),
                    trunk: None,
                    uses: vec![NumberUse::ReceivesCalls, NumberUse::CallerId],
                    flow: None,
                });
            }
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn each_of_the_two_reaches_the_other_by_the_number() {
        let server = with_numbers().await;
        let made = server.post("/api/v1/masks", &json!({"parties": [ANN, BEN]})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        assert_eq!(made.json["number"], OURS);
        server.world.carrier.next(Script::ByHand);
        let leg = server.world.ids().make(LegId::new);
        let (from, to) = (Address::parse(BEN).unwrap(), Address::parse("6561234500").unwrap());
        let mut ben = server.world.carrier.call_in(leg, "far", Some(from), to).await;
        assert!(matches!(ben.command().await, Some(LegCommand::Answer)));
        ben.answer().await;
        let mut ann = server.world.carrier.leg().await;
        assert_eq!(ann.order.to.to_string(), ANN);
        assert_eq!(ann.order.from.as_ref().map(ToString::to_string).as_deref(), Some(OURS));
        ann.sent().await;
        ann.answer().await;
        assert!(matches!(ann.command().await, Some(LegCommand::Join(_))));
        // A stranger is not connected.
        let leg = server.world.ids().make(LegId::new);
        let (eve, to) = (
            Address::parse("sip:eve@127.0.0.1").unwrap(),
            Address::parse(OURS).unwrap(),
        );
        let mut eve = server.world.carrier.call_in(leg, "far", Some(eve), to).await;
        let Some(LegCommand::HangUp { ending }) = eve.command().await else {
            panic!("she is refused")
        };
        assert_eq!(ending.outcome, Outcome::InvalidNumber);
    }

    #[tokio::test(start_paused = true)]
    async fn a_person_has_a_number_for_one_other_person_only() {
        let server = with_numbers().await;
        let pair = |other: &str| json!({"parties": [ANN, other], "tag": "deal"});
        let numbers: Vec<String> = [
            server.post("/api/v1/masks", &pair(BEN)).await,
            server.post("/api/v1/masks", &pair("sip:cleo@127.0.0.1")).await,
        ]
        .iter()
        .map(|made| made.json["number"].as_str().unwrap().to_owned())
        .collect();
        assert_ne!(numbers[0], numbers[1]);
        let third = server.post("/api/v1/masks", &pair("sip:dora@127.0.0.1")).await;
        third.is(StatusCode::CONFLICT, "no_free_number");
        let listed = server.get("/api/v1/masks").await.json;
        assert_eq!(listed["masks"].as_array().unwrap().len(), 2);
        let id = listed["masks"][0]["id"].as_str().unwrap();
        let read = server.get(&format!("/api/v1/masks/{id}")).await;
        assert_eq!((read.status, &read.json), (StatusCode::OK, &listed["masks"][0]));
        let removed = server.delete(&format!("/api/v1/masks/{id}")).await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT, "{}", removed.text);
        let again = server.delete(&format!("/api/v1/masks/{id}")).await;
        again.is(StatusCode::NOT_FOUND, "mask_not_found");
        let gone = server.get(&format!("/api/v1/masks/{id}")).await;
        gone.is(StatusCode::NOT_FOUND, "mask_not_found");
        let fourth = server.post("/api/v1/masks", &pair("sip:dora@127.0.0.1")).await;
        assert_eq!(fourth.status, StatusCode::CREATED, "{}", fourth.text);
    }

    #[tokio::test(start_paused = true)]
    async fn masks_that_are_asked_for_at_once_get_numbers_of_their_own() {
        let server = with_numbers().await;
        let pairs: Vec<_> = (0..6)
            .map(|other| json!({"parties": [ANN, format!("sip:{other}@127.0.0.1")]}))
            .collect();
        let made = pairs.iter().map(|pair| server.post("/api/v1/masks", pair));
        let made = futures_util::future::join_all(made).await;
        let of = |status| made.iter().filter(move |answer| answer.status == status);
        let mut numbers: Vec<_> = of(StatusCode::CREATED)
            .map(|made| made.json["number"].to_string())
            .collect();
        numbers.sort();
        assert_eq!(numbers, [format!("\"{OURS}\""), "\"+6561234501\"".to_owned()]);
        assert_eq!(of(StatusCode::CONFLICT).count(), 4);
        // A number of one's own choice is refused, too, but for those who are told apart by what they press.
        let chosen = |other: &str, pin: &str| json!({"parties": [BEN, other], "number": OURS, "pin": pin});
        for (other, pin, status) in [
            ("sip:a@127.0.0.1", "1234", StatusCode::CREATED),
            ("sip:b@127.0.0.1", "4321", StatusCode::CREATED),
            ("sip:c@127.0.0.1", "1234", StatusCode::UNPROCESSABLE_ENTITY),
        ] {
            let answer = server.post("/api/v1/masks", &chosen(other, pin)).await;
            assert_eq!(answer.status, status, "{other}: {}", answer.text);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_told_by_field() {
        let server = with_numbers().await;
        for (body, field) in [
            (json!({}), "parties"),
            (json!({"parties": [ANN]}), "parties"),
            (json!({"parties": [ANN, ANN]}), "parties"),
            (json!({"parties": [ANN, "hello"]}), "parties.1"),
            (json!({"parties": [ANN, BEN], "number": "+6500000000"}), "number"),
            (json!({"parties": [ANN, OURS], "number": OURS}), "number"),
            (json!({"parties": [ANN, BEN], "pin": "12"}), "pin"),
            (
                json!({"parties": [ANN, BEN], "expires": "2001-01-01T00:00:00Z"}),
                "expires",
            ),
            (json!({"parties": [ANN, BEN], "lasts": 0}), "lasts"),
        ] {
            let answer = server.post("/api/v1/masks", &body).await;
            assert_eq!(
                answer.status,
                StatusCode::UNPROCESSABLE_ENTITY,
                "{body}: {}",
                answer.text
            );
            let fields: Vec<String> = answer.errors().into_iter().map(|(field, _)| field).collect();
            assert!(fields.iter().any(|found| found == field), "{body}: {fields:?}");
        }
        let closed = server
            .post("/api/v1/masks", &json!({"parties": [ANN, "sip:eve@example.com"]}))
            .await;
        closed.is(StatusCode::FORBIDDEN, "destination_closed");
        assert_eq!(closed.errors()[0].0, "parties.1");
    }
}
