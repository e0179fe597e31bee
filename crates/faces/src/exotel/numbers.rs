//! `Numbers` and `CustomerWhitelist`: what is known of a number, and whether it may be called.
//!
//! Here any number may be called, unless it is on the account's do-not-disturb list. Nothing that is asked for here
//! takes it off that list: whoever is on it has said so.

use std::collections::BTreeSet;

use outdial_domain::Address;
use outdial_engine::verbs::{self, DoNotDisturbError};
use outdial_exotel::{
    Answer as _, Fields, Record as _, Request as _, RestException,
    account::{
        Dnd, Expiry, GetNumber, GetWhitelisted, NumberInfo, Whitelist, WhitelistEntry, WhitelistStatus, Whitelisted,
    },
};

use super::{Asker, Service, failed, invalid};

/// What is known of a number: whether its owner wants to be left alone. Of what the service told beside that nothing
/// is known here.
pub(super) async fn details(service: &Service, asker: &Asker<'_>, number: &str) -> Result<String, RestException> {
    GetNumber::new(number).check().map_err(|error| invalid(&error))?;
    let alone = left_alone(service, asker, &[number.to_owned()]).await?;
    // Who is not on our list may be on that of the country, of which nothing is known here.
    let dnd = if alone.is_empty() { Dnd::Unavailable } else { Dnd::Yes };
    let info = NumberInfo {
        phone_number: Some(number.to_owned()),
        dnd: Some(dnd),
        ..NumberInfo::default()
    };
    Ok(info.print(asker.format))
}

/// Whether a number may be called.
pub(super) async fn standing(service: &Service, asker: &Asker<'_>, number: &str) -> Result<String, RestException> {
    GetWhitelisted::new(number).check().map_err(|error| invalid(&error))?;
    let alone = left_alone(service, asker, &[number.to_owned()]).await?;
    let (status, kind) = match alone.is_empty() {
        true => (WhitelistStatus::Whitelist, "API"),
        false => (WhitelistStatus::Blacklist, "Customer"),
    };
    let entry = WhitelistEntry {
        status: Some(status),
        kind: Some(kind.to_owned()),
        expiry: Some(Expiry(-1)),
    };
    Ok(entry.print(asker.format))
}

/// Says of numbers whether they may be called, which is so before they are asked for, or stays as it is.
pub(super) async fn whitelist(service: &Service, asker: &Asker<'_>, fields: &Fields) -> Result<String, RestException> {
    let asked = Whitelist::from_fields(fields).map_err(|error| invalid(&error))?;
    asked.check().map_err(|error| invalid(&error))?;
    let numbers: Vec<String> = asked.number.iter().map(|number| (*number).to_owned()).collect();
    let different: BTreeSet<String> = numbers.iter().map(|number| normalised(asker, number)).collect();
    let alone = left_alone(service, asker, &numbers).await?;
    let count = |many: usize| Some(u32::try_from(many).unwrap_or(u32::MAX));
    let answer = Whitelisted {
        total: count(numbers.len()),
        duplicate: count(numbers.len() - different.len()),
        processed: count(different.len()),
        succeeded: count(0),
        redundant: count(different.len() - alone.len()),
        failed: count(alone.len()),
    };
    Ok(answer.print(asker.format))
}

fn normalised(asker: &Asker<'_>, number: &str) -> String {
    let number = asker.account.complete(number);
    Address::parse(&number).map_or(number, |address| address.to_string())
}

/// Those of these numbers that are on the do-not-disturb list.
async fn left_alone(
    service: &Service,
    asker: &Asker<'_>,
    numbers: &[String],
) -> Result<BTreeSet<String>, RestException> {
    let numbers: Vec<String> = numbers.iter().map(|number| asker.account.complete(number)).collect();
    match verbs::who_is_left_alone(&service.engine, &asker.actor, &numbers).await {
        Ok(alone) => Ok(alone.into_iter().map(|entry| entry.number).collect()),
        Err(DoNotDisturbError::Invalid(problems)) => {
            let told = problems
                .first()
                .map(|problem| problem.message.as_str())
                .unwrap_or_default();
            Err(RestException::new(400, format!("Invalid Parameters: Number: {told}")).code(34001))
        }
        Err(DoNotDisturbError::Store(error)) => Err(failed(&error)),
    }
}
