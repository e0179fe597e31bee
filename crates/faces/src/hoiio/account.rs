//! Who the account belongs to, as far as that is known here.

use outdial_domain::NumberUse;
use outdial_hoiio::user::{Info, UserStatus};

use super::{Asker, Service};

/// The account, its registered number, and the numbers that it may show.
pub(super) fn info(service: &Service, asker: &Asker<'_>) -> Info {
    let tenant = &asker.app.tenant;
    let numbers = service.engine.settings.numbers.iter();
    let shown = numbers.filter(|number| number.account == tenant.name && number.uses.contains(&NumberUse::CallerId));
    let mut info = Info::default()
        .with_uid(tenant.account.to_string())
        .with_user_status(UserStatus::Active);
    info.name = Some(tenant.name.clone());
    info.mobile_number = asker.app.registered.as_ref().map(ToString::to_string);
    info.caller_ids = shown.map(|number| number.address.to_string()).collect();
    info
}
