//! Masked pairs: two people are given a number of ours by which they reach each other.

use jiff::{SignedDuration, Timestamp};
use outdial_domain::{Address, Mask, MaskId, NumberUse, Pin, Plan, Priority, Retry};
use outdial_flow::Problem;

use super::{Actor, Once, PlaceCallError};
use crate::{Engine, ports::StoreError, routing};

/// The most masks that an account may have at a time.
const MOST: usize = 10_000;
/// The furthest end that a mask may have.
const FURTHEST: SignedDuration = SignedDuration::from_hours(24 * 366);

/// A request for a number by which two people reach each other.
#[derive(Debug, Clone)]
pub struct CreateMask {
    /// The two.
    pub parties: [Address; 2],
    /// The number; one of the account's that neither of them has for somebody else, when none is given.
    pub number: Option<Address>,
    /// What a caller must press to be connected.
    pub pin: Option<Pin>,
    /// At this time and later it connects nobody.
    pub expires: Option<Timestamp>,
    /// Free text, echoed everywhere.
    pub tag: Option<String>,
}

/// Why there is no such mask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MaskError {
    /// The account has none of this id.
    #[error("there is no mask with this id in this account")]
    NotFound,
    /// No number of the account is left for these two.
    #[error(
        "no number of this account is free for these two: add a `[[number]]` with the uses `receives_calls` and `caller_id`, or remove a mask"
    )]
    NoNumber,
    /// What was asked for cannot be accepted.
    #[error(transparent)]
    Refused(#[from] PlaceCallError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a masked pair. Whoever of the two calls its number is connected with the other, and both see nothing
/// but the number.
///
/// # Errors
///
/// [`MaskError`] says why not.
pub async fn create_mask(
    engine: &Engine,
    actor: &Actor,
    request: CreateMask,
    once: Option<Once<Mask>>,
) -> Result<Mask, MaskError> {
    loop {
        let now = engine.ids.now();
        let masks = engine.store.masks(actor.account).await?;
        let live: Vec<Mask> = masks.into_iter().filter(|mask| mask.holds(now)).collect();
        let problems = problems(&request, live.len(), now);
        if !problems.is_empty() {
            return Err(PlaceCallError::Invalid(problems).into());
        }
        let mut mask = Mask {
            id: engine.ids.make(MaskId::new),
            account: actor.account,
            number: request.parties[0].clone(),
            parties: request.parties.clone(),
            pin: request.pin.clone(),
            expires: request.expires,
            tag: request.tag.clone(),
            created_at: now,
        };
        mask.number = number(engine, actor, &mask, request.number.as_ref(), &live)?;
        for (index, to) in mask.parties.iter().enumerate() {
            let plan = plan(engine, &mask, to, now);
            let field = format!("parties.{index}");
            routing::route_leg(&plan, &engine.settings, &engine.carriers)
                .map_err(|reason| PlaceCallError::no_route_to(&field, "number", reason))?;
        }
        let answer = once.as_ref().map(|answer| answer(&mask));
        match engine.store.add_mask(mask.clone(), answer).await {
            Ok(()) => return Ok(mask),
            // Somebody else was faster with this number: there is one less to choose from.
            Err(StoreError::Taken(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The masks of the account that still connect, newest first.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub async fn list_masks(engine: &Engine, actor: &Actor) -> Result<Vec<Mask>, StoreError> {
    let now = engine.ids.now();
    let mut masks = engine.store.masks(actor.account).await?;
    masks.retain(|mask| mask.holds(now));
    Ok(masks)
}

/// One of them.
///
/// # Errors
///
/// [`MaskError::NotFound`] when the account has none of this id that still connects.
pub async fn get_mask(engine: &Engine, actor: &Actor, id: MaskId) -> Result<Mask, MaskError> {
    let masks = list_masks(engine, actor).await?;
    masks.into_iter().find(|mask| mask.id == id).ok_or(MaskError::NotFound)
}

/// Removes a mask: it connects nobody any more. Calls that talk go on.
///
/// # Errors
///
/// [`MaskError::NotFound`] when the account has none of this id.
pub async fn remove_mask(engine: &Engine, actor: &Actor, id: MaskId) -> Result<(), MaskError> {
    let removed = engine.store.remove_mask(actor.account, id).await?;
    removed.then_some(()).ok_or(MaskError::NotFound)
}

/// The number that the two get: the one that is asked for, or the one that the fewest others have.
fn number(
    engine: &Engine,
    actor: &Actor,
    mask: &Mask,
    wanted: Option<&Address>,
    live: &[Mask],
) -> Result<Address, MaskError> {
    let ours = engine.settings.numbers.iter().filter(|number| {
        number.account == actor.account_name
            && number.uses.contains(&NumberUse::ReceivesCalls)
            && number.uses.contains(&NumberUse::CallerId)
    });
    let as_if = |number: &Address| Mask {
        number: number.clone(),
        ..mask.clone()
    };
    let free = |number: &Address| !live.iter().any(|other| as_if(number).is_mistaken_for(other));
    let Some(wanted) = wanted else {
        let is_party = |number: &Address| mask.parties.iter().any(|party| number.is_reached_as(party));
        let free = ours
            .map(|number| &number.address)
            .filter(|number| !is_party(number) && free(number));
        let used = |number: &&Address| live.iter().filter(|mask| mask.number == **number).count();
        return free.min_by_key(used).cloned().ok_or(MaskError::NoNumber);
    };
    let mut ours = ours.filter(|number| number.is_reached_by(wanted));
    let invalid = |message: String| PlaceCallError::Invalid(vec![problem("number", "invalid", message)]);
    let Some(found) = ours.next() else {
        let message = "it is no number of this account that receives calls and may be shown as the caller";
        return Err(invalid(message.to_owned()).into());
    };
    if !free(&found.address) {
        let message = format!(
            "one of the two reaches somebody else by {wanted}: give another number, or each of these masks a `pin` of its own"
        );
        return Err(invalid(message).into());
    }
    Ok(found.address.clone())
}

fn problems(request: &CreateMask, live: usize, now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    let [one, other] = &request.parties;
    if one.is_reached_as(other) {
        problems.push(problem(
            "parties",
            "invalid",
            format!("{one} would be connected with itself"),
        ));
    }
    for party in &request.parties {
        if request
            .number
            .as_ref()
            .is_some_and(|number| number.is_reached_as(party))
        {
            problems.push(problem("number", "invalid", format!("{party} would call itself")));
        }
    }
    if let Some(expires) = request.expires {
        if expires <= now {
            problems.push(problem("expires", "out_of_range", format!("{expires} is past")));
        } else if expires.duration_since(now) > FURTHEST {
            problems.push(problem(
                "expires",
                "out_of_range",
                "give a time within the next 366 days",
            ));
        }
    }
    if request.tag.as_ref().is_some_and(|tag| tag.len() > Plan::LONGEST_TAG) {
        let message = format!("give at most {} bytes", Plan::LONGEST_TAG);
        problems.push(problem("tag", "too_long", message));
    }
    if live >= MOST {
        let message = format!("an account has at most {MOST} masks at a time: remove one first");
        problems.push(problem("parties", "invalid", message));
    }
    problems
}

/// A call that the mask would connect.
fn plan(engine: &Engine, mask: &Mask, to: &Address, now: Timestamp) -> Plan {
    Plan {
        to: to.clone(),
        from: Some(mask.number.clone()),
        via: None,
        due: now,
        priority: Priority::default(),
        expires: None,
        hours: None,
        retry: Retry::default(),
        ring: engine.settings.limits.ring,
        talk: engine.settings.limits.talk,
        tag: None,
        reference: None,
        webhook: None,
    }
}

fn problem(field: &str, code: &'static str, message: impl Into<String>) -> Problem {
    Problem {
        field: field.to_owned(),
        code,
        message: message.into(),
    }
}
