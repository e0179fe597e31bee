//! The list of those who want no texts of an account: read, put on it, taken off it.

use outdial_domain::Address;
use outdial_flow::Problem;

use super::Actor;
use crate::{
    Engine,
    ports::{LeftAlone, StoreError, Which},
};

/// The most numbers of one request.
pub const MOST_NUMBERS: usize = 10_000;

/// The longest page of the list.
pub const LONGEST_LIST: usize = 10_000;

/// Why the list was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DoNotDisturbError {
    /// Some numbers cannot be read; each with its place. Nothing was changed.
    #[error("some of the numbers cannot be read")]
    Invalid(Vec<Problem>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Puts numbers on the list. Says how many were not on it before.
///
/// # Errors
///
/// [`DoNotDisturbError`]; then none was.
pub async fn leave_alone(
    engine: &Engine,
    actor: &Actor,
    numbers: &[String],
    because: Option<&str>,
) -> Result<usize, DoNotDisturbError> {
    let since = engine.ids.now();
    let because = because.map_or_else(|| format!("{} said so", actor.name), str::to_owned);
    let entries = read(numbers)?.into_iter().map(|number| LeftAlone {
        number,
        since,
        because: because.clone(),
    });
    Ok(engine.store.leave_alone(actor.account, entries.collect()).await?)
}

/// Takes numbers off the list. Says how many were on it.
///
/// # Errors
///
/// [`DoNotDisturbError`]; then all are still there.
pub async fn allow_again(engine: &Engine, actor: &Actor, numbers: &[String]) -> Result<usize, DoNotDisturbError> {
    Ok(engine.store.allow_again(actor.account, read(numbers)?).await?)
}

/// The list, by number: what stands behind this number, and so many at most.
///
/// # Errors
///
/// [`StoreError`] when the store cannot be read.
pub async fn list_left_alone(
    engine: &Engine,
    actor: &Actor,
    after: Option<String>,
    most: usize,
) -> Result<Vec<LeftAlone>, StoreError> {
    let most = most.min(LONGEST_LIST + 1);
    engine.store.left_alone(actor.account, Which::After(after, most)).await
}

/// Those of these numbers that are on the list.
///
/// # Errors
///
/// [`DoNotDisturbError`].
pub async fn who_is_left_alone(
    engine: &Engine,
    actor: &Actor,
    numbers: &[String],
) -> Result<Vec<LeftAlone>, DoNotDisturbError> {
    Ok(engine
        .store
        .left_alone(actor.account, Which::Of(read(numbers)?))
        .await?)
}

/// The numbers in the form in which they are kept.
fn read(numbers: &[String]) -> Result<Vec<String>, DoNotDisturbError> {
    let mut problems = Vec::new();
    if !(1..=MOST_NUMBERS).contains(&numbers.len()) {
        problems.push(Problem {
            field: "numbers".to_owned(),
            code: "out_of_range",
            message: format!("give 1 to {MOST_NUMBERS} numbers"),
        });
    }
    let mut read = Vec::with_capacity(numbers.len());
    for (place, number) in numbers.iter().enumerate() {
        match Address::parse(number) {
            Ok(address) if address.number().is_some() => read.push(address.to_string()),
            Ok(_) | Err(_) => problems.push(Problem {
                field: format!("numbers.{place}"),
                code: "invalid",
                message: "give a number, as +6598765432".to_owned(),
            }),
        }
    }
    match problems.is_empty() {
        true => Ok(read),
        false => Err(DoNotDisturbError::Invalid(problems)),
    }
}
